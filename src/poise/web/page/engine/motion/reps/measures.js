/** A person's measures over the last seconds, with one ruler: poise/reps/measures.py. */

import {percentile, searchSorted, sorted} from "../arrays.js";
import {torsoLength} from "../bodies/scale.js";
import {LENGTHS, measure} from "./signals.js";

/** Low on purpose: a hidden wrist is often placed right with little confidence, and confidence weighs every measure. */
export const MIN_POINT_CONF = 0.15;

/** A person's measures over T frames. Columns are made, and kept, when they are asked for. */
export class PersonMeasures {
  /** @param {object[]} frames {time, xy, conf, values, sure} of each; lengths in pixels */
  constructor(frames, scale) {
    this.frames = frames;
    this.time = Float64Array.from(frames, (frame) => frame.time);
    this.scale = scale; // torso length, pixels; NaN where no limb was seen
    this._made = new Map();
  }

  /** What `make` gives, made once for this key. */
  once(key, make) {
    if (!this._made.has(key)) this._made.set(key, make());
    return this._made.get(key);
  }

  /** A measure in each frame, in degrees or torso lengths; NaN where not seen. */
  values(column) {
    const unit = LENGTHS[column] ? this.scale : 1;
    return this.once(column, () => Float64Array.from(this.frames, (frame) => frame.values[column] / unit));
  }

  /** The confidence of a measure in each frame. */
  sure(column) {
    return this.once(`sure ${column}`, () => Float64Array.from(this.frames, (frame) => frame.sure[column]));
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
  }

  get length() {
    return this.frames.length;
  }

  /** Take one frame; false where it comes too soon after the last. */
  add(time, body) {
    const last = this.frames.at(-1);
    if (last && time - last.time < this.step) return false;
    this.frames.push({time, ...body, own: torsoLength(body), ...measure(body, MIN_POINT_CONF)});
    return true;
  }

  /** Drop what is older, an eighth at a time. */
  forget(before) {
    const old = this.frames.findIndex((frame) => frame.time >= before);
    if (old > Math.floor(this.frames.length / 8)) this.frames.splice(0, old);
  }

  /** The measures of what is kept. */
  measured() {
    return new PersonMeasures(this.frames, percentile(sorted(this.frames.map((frame) => frame.own)), 80));
  }
}
