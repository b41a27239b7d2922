/**
 * YOLO pose networks (v8, 11, 26 and their kin): the counterpart of `poise/estimators/yolo.py` and `postprocess.py`.
 *
 * What a network is (the columns of its output, its input, its names) stands in the manifest: Python has read it from
 * the file.
 */

import { Clock } from "./clock.js";
import { sortedDown } from "./geometry.js";
import { clip, roundHalfEven } from "./pictures.js";
import { place, write } from "./letterbox.js";

const MAX_IOU = 0.7; // of two boxes that overlap by more than this the better stays
const MAX_CANDIDATES = 30000;
const MOST_SELECTED = 300;

export class Yolo {
  /**
   * @param {object} model  of the manifest: `settings` {layout, imgsz, stride, free, select, output, sigma, batch}, `skeleton`, `names`
   * @param {object} networks  of the manifest
   * @param {Record<string, object>} opened
   */
  constructor(model, networks, opened) {
    this.skeleton = model.skeleton;
    this.settings = model.settings;
    this.network = opened[model.networks[0]];
  }

  /** Every picture is looked at afresh. */
  memory() {
    return null;
  }

  /** Find the instances of a picture; see `TopDown.predict`. */
  async predict(picture, options) {
    const clock = new Clock();
    const { layout, select, output, sigma, batch } = this.settings;
    const source = [picture.width, picture.height];
    const placement = this.place(source, options.imgsz);
    const input = write(picture, placement);
    const feeds = { [this.network.input]: batch > 1 ? repeated(input, batch) : input };
    clock.lap("preprocess");
    const outputs = await this.network.run(feeds);
    clock.lap("inference");
    const rows = rowsOf(outputs[output], layout, select, options);
    const spread = sigma ? table(outputs[sigma], layout.selected) : null;
    const carry = carrier(placement.size, source);
    const instances = rows.map((row) => onPicture(row, layout, spread, carry));
    clock.lap("postprocess");
    return { instances, speed: clock.speed };
  }

  place(source, imgsz) {
    const { free, stride } = this.settings;
    const side = imgsz && free ? Math.ceil(imgsz / stride) * stride : 0;
    const target = side ? [side, side] : this.settings.imgsz;
    return place(source, target, { auto: free, stride });
  }
}

/** A network that takes several pictures a run sees the same one in each place. */
function repeated({ type, data, dims }, batch) {
  const many = new Float32Array(data.length * batch);
  for (let i = 0; i < batch; i++) many.set(data, i * data.length);
  return { type, data: many, dims: [batch, ...dims.slice(1)] };
}

/** How to read an output: `count` rows, and the value of a row's column. */
function table({ data, dims }, rowsFirst) {
  const [, a, b] = dims;
  if (rowsFirst) return { count: a, at: (row, column) => data[row * b + column] };
  return { count: b, at: (row, column) => data[column * b + row] };
}

/**
 * The rows of an output that are kept, best first: `{row, box, conf, class, points}`, pixels of the input.
 *
 * @param {{data: Float32Array, dims: number[]}} output  of one picture
 * @param {{classes: number, keypoints: number, values: number, selected: boolean}} layout  what the columns are
 * @param {boolean} select  whether the rows of a network without duplicates still have to be selected
 * @param {{conf: number, maxDet: number}} options
 */
export function rowsOf(output, layout, select, options) {
  const rows = table(output, layout.selected);
  if (layout.selected) return ofSelected(rows, layout, options);
  return select ? ofSelected(selection(rows, layout, options), layout, options) : ofAnchors(rows, layout, options);
}

function ofSelected(rows, layout, { conf, maxDet }) {
  const kept = [];
  for (let row = 0; row < rows.count && kept.length < maxDet; row++) {
    const score = rows.at(row, 4);
    if (!(score > conf)) continue;
    const box = [0, 1, 2, 3].map((column) => rows.at(row, column));
    kept.push({ row: rows.place?.(row) ?? row, box, conf: score, class: Math.trunc(rows.at(row, 5)), points: pointsOf(rows, row, 6, layout) });
  }
  return kept;
}

function ofAnchors(rows, layout, { conf, maxDet }) {
  const { classes } = layout;
  const found = [];
  for (let row = 0; row < rows.count; row++) {
    let best = -Infinity;
    let number = 0;
    for (let each = 0; each < classes; each++) {
      const score = rows.at(row, 4 + each);
      if (score > best) {
        best = score;
        number = each;
      }
    }
    if (!(best > conf)) continue;
    const [x, y, w, h] = [0, 1, 2, 3].map((column) => rows.at(row, column));
    found.push({ row, conf: best, class: number, box: [x - w / 2, y - h / 2, x + w / 2, y + h / 2].map(Math.fround) });
  }
  const kept = [];
  const order = sortedDown(found.map((each) => each.conf)).slice(0, MAX_CANDIDATES);
  for (const i of order) {
    const one = found[i];
    if (kept.some((better) => better.class === one.class && overlap(better.box, one.box) > MAX_IOU)) continue;
    kept.push(one);
    if (kept.length >= maxDet) break;
  }
  return kept.map((one) => ({ ...one, points: pointsOf(rows, one.row, 4 + classes, layout) }));
}

/** The rows that a network without duplicates would select itself. */
function selection(rows, layout, { maxDet }) {
  const { classes } = layout;
  const most = Math.max(maxDet, MOST_SELECTED);
  const best = new Float32Array(rows.count);
  for (let row = 0; row < rows.count; row++) {
    let score = -Infinity;
    for (let each = 0; each < classes; each++) score = Math.max(score, rows.at(row, 4 + each));
    best[row] = score;
  }
  const anchors = sortedDown(best).slice(0, most);
  const pairs = anchors.flatMap((row) => Array.from({ length: classes }, (_, each) => rows.at(row, 4 + each)));
  const first = sortedDown(pairs).slice(0, anchors.length);
  const chosen = first.map((pair) => ({ row: anchors[Math.floor(pair / classes)], number: pair % classes, conf: pairs[pair] }));
  return {
    count: chosen.length,
    place: (i) => chosen[i].row,
    at(i, column) {
      const { row, number, conf } = chosen[i];
      if (column < 4) return rows.at(row, column);
      if (column === 4) return conf;
      return column === 5 ? number : rows.at(row, column - 6 + 4 + classes);
    },
  };
}

/** Boxes without area overlap with nothing. */
function overlap(a, b) {
  const width = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const height = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const shared = width * height;
  const union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared;
  return union > 0 ? shared / union : 0;
}

function pointsOf(rows, row, start, { keypoints, values }) {
  return Array.from({ length: keypoints * values }, (_, i) => rows.at(row, start + i));
}

/** How points are carried from the network's input back to the picture: each axis has its own scale. */
function carrier([width, height], [w, h]) {
  const ratio = Math.min(height / h, width / w);
  const inner = [Math.max(roundHalfEven(w * ratio), 1), Math.max(roundHalfEven(h * ratio), 1)];
  const shift = [roundHalfEven((width - inner[0]) / 2 - 0.1), roundHalfEven((height - inner[1]) / 2 - 0.1)];
  const scale = [Math.fround(inner[0] / w), Math.fround(inner[1] / h)];
  return {
    scale,
    back: (value, axis) => clip(Math.fround((value - shift[axis]) / scale[axis]), 0, axis ? h : w),
  };
}

function onPicture({ row, box, conf, class: number, points }, { keypoints, values }, spread, { scale, back }) {
  const xy = new Float32Array(2 * keypoints);
  const pointConf = values === 3 ? new Float32Array(keypoints) : null;
  for (let k = 0; k < keypoints; k++) {
    xy[2 * k] = back(points[values * k], 0);
    xy[2 * k + 1] = back(points[values * k + 1], 1);
    if (pointConf) pointConf[k] = points[values * k + 2];
  }
  const found = { box: box.map((value, i) => back(value, i % 2)), conf, class: number, xy, pointConf };
  if (spread) found.sigma = Float32Array.from({ length: 2 * keypoints }, (_, i) => spread.at(row, i) / scale[i % 2]);
  return found;
}
