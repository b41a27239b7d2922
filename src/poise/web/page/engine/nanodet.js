/**
 * NanoDet: boxes of people; the counterpart of `poise/estimators/detectors/nanodet.py`.
 */

import { boxIou, nms, sortedDown } from "./geometry.js";

const STRIDES = [8, 16, 32];
const MOST = 300; // boxes that are compared with each other
const MAX_IOU = 0.6;

/**
 * @param {Record<string, {data: Float32Array, dims: number[]}>} outputs  `cls_s8` … [1, 80, h, w], `reg_s8` … [1, 44, h, w]
 * @param {number} least  score below which a find is left out
 * @param {number[]} classes  numbers of the classes that are wanted
 * @returns {{box: number[], score: number}[]} input pixels, best first
 */
export function decodeNanodet(outputs, least, classes) {
  const found = [];
  for (const stride of STRIDES) {
    const scores = outputs[`cls_s${stride}`];
    const distances = outputs[`reg_s${stride}`];
    const [, , h, w] = scores.dims;
    const area = h * w;
    const bins = distances.dims[1] / 4;
    for (let cell = 0; cell < area; cell++) {
      let score = -Infinity;
      for (const number of classes) score = Math.max(score, scores.data[number * area + cell]);
      if (!(score >= least)) continue;
      const side = [0, 1, 2, 3].map((n) => stride * expected(distances.data, n * bins * area + cell, area, bins));
      const x = ((cell % w) + 0.5) * stride;
      const y = (Math.floor(cell / w) + 0.5) * stride;
      found.push({ box: [x - side[0], y - side[1], x + side[2], y + side[3]].map(Math.fround), score });
    }
  }
  const best = sortedDown(found.map((each) => each.score))
    .slice(0, MOST)
    .map((i) => found[i]);
  const scores = best.map((each) => each.score);
  return nms(scores, (a, b) => boxIou(best[a].box, best[b].box), MAX_IOU).map((i) => best[i]);
}

/** The expected value of logits over 0 … bins - 1. */
function expected(data, start, step, bins) {
  let most = -Infinity;
  for (let bin = 0; bin < bins; bin++) most = Math.max(most, data[start + bin * step]);
  let sum = 0;
  let total = 0;
  for (let bin = 0; bin < bins; bin++) {
    const power = Math.exp(data[start + bin * step] - most);
    sum += power * bin;
    total += power;
  }
  return sum / total;
}
