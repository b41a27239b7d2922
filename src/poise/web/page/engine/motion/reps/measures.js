/** A person's measures over the last seconds, with one ruler: poise/reps/measures.py. */

import {fill, finite, percentile, searchSorted} from "../arrays.js";
import {torsoLength} from "../bodies/scale.js";
import {LENGTHS, measure, NAMES} from "./signals.js";

/** Low on purpose: a hidden wrist is often placed right with little confidence, and confidence weighs every measure. */
export const MIN_POINT_CONF = 0.15;

/** A person's measures over T frames. What is made of them is kept. */
export class PersonMeasures {
  /**
   * @param {{time: number, xy: Float64Array, conf: Float64Array}[]} frames
   * @param {{values: Float64Array[], sure: Float64Array[]}} columns each measure in each frame; lengths in pixels
   * @param {number} scale torso length, pixels; NaN where no limb was seen
   */
  constructor(frames, columns, scale) {
    this.frames = frames;
    this.columns = columns;
    this.scale = scale;
    this.time = fill(frames.length, (i) => frames[i].time);
    this._made = new Map();
  }

  /** What `make` gives, made once for this key. */
  once(key, make) {
    if (!this._made.has(key)) this._made.set(key, make());
    return this._made.get(key);
  }

  /** A measure in each frame, in degrees or torso lengths; NaN where not seen. */
  values(column) {
    const raw = this.columns.values[column];
    const length = () => fill(this.time.length, (i) => raw[i] / this.scale);
    return LENGTHS[column] ? this.once(column, length) : raw.subarray(0, this.time.length);
  }

  /** The confidence of a measure in each frame. */
  sure(column) {
    return this.columns.sure[column].subarray(0, this.time.length);
  }

  /** [first, past] of the frames from `start` to before `end`, seconds. */
  span(start, end) {
    return [searchSorted(this.time, start), searchSorted(this.time, end)];
  }
}

/** The last seconds of one person, each frame measured once. At most `rate` frames a second are kept. */
export class MeasureWindow {
  constructor(rate = 31) {
    this.step = 1 / rate;
    this.frames = [];
    this.columns = {values: columnsOf(64), sure: columnsOf(64)};
  }

  get length() {
    return this.frames.length;
  }

  /** Take one frame; false where it comes too soon after the last. */
  add(time, body) {
    const last = this.frames.at(-1);
    if (last && time - last.time < this.step) return false;
    const row = this.frames.push({time, ...body, own: torsoLength(body)}) - 1;
    const measured = measure(body, MIN_POINT_CONF);
    for (const kind of ["values", "sure"]) {
      const columns = this.columns[kind];
      if (row === columns[0].length) this.columns[kind] = columnsOf(2 * row, columns);
      this.columns[kind].forEach((column, i) => (column[row] = measured[kind][i]));
    }
    return true;
  }

  /** Drop what is older, an eighth at a time. */
  forget(before) {
    const old = this.frames.findIndex((frame) => frame.time >= before);
    if (old <= Math.floor(this.frames.length / 8)) return;
    this.frames.splice(0, old);
    for (const columns of Object.values(this.columns)) for (const column of columns) column.copyWithin(0, old);
  }

  /** The measures of what is kept. They are good until the next frame is taken. */
  measured() {
    const own = finite(this.frames.map((frame) => frame.own));
    return new PersonMeasures(this.frames, this.columns, percentile(own, 80));
  }
}

/** A column for each measure, long enough for so many frames, with what is in others. */
function columnsOf(size, others = null) {
  return NAMES.map((_, i) => {
    const column = new Float64Array(size);
    if (others) column.set(others[i]);
    return column;
  });
}
