/**
 * Boxes, overlap, similarity, suppression: the counterpart of `poise/geometry.py`, on plain arrays.
 *
 * Boxes are [x0, y0, x1, y1]; keypoints are flat (x, y, x, y, …); a keypoint that is not known is NaN.
 */

export { boxArea, boxIou } from "./motion/geometry.js";

/**
 * Object keypoint similarity of one instance's keypoints with another's.
 *
 * @param {ArrayLike<number>} points  of the one, 2K numbers; a NaN point matches nothing
 * @param {ArrayLike<number>} target  of the other
 * @param {number} area  of the other, square pixels
 * @param {number[]} sigmas  K spreads
 * @param {((k: number) => boolean)} [visible]  which keypoints of the other count; all unless given
 * @param {number[]} [order]  the keypoint of the one that stands for each of the other
 */
export function oks(points, target, area, sigmas, visible, order) {
  let sum = 0;
  let count = 0;
  for (let k = 0; k < sigmas.length; k++) {
    if (visible && !visible(k)) continue;
    count++;
    const from = order ? order[k] : k;
    const dx = points[2 * from] - target[2 * k];
    const dy = points[2 * from + 1] - target[2 * k + 1];
    const exponent = (dx * dx + dy * dy) / (2 * (area + Number.EPSILON) * (2 * sigmas[k]) ** 2);
    if (Number.isFinite(exponent)) sum += Math.exp(-exponent);
  }
  return sum / Math.max(count, 1);
}

/** Indices of numbers, the largest first; equal ones keep their order. */
export function sortedDown(values) {
  return Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
}

/**
 * Greedy suppression: keep the best of each group of alike instances.
 *
 * @param {ArrayLike<number>} scores
 * @param {(a: number, b: number) => number} similarity  of two instances, by index
 * @param {number} most  an instance more alike than this to a better one that is kept is dropped
 * @returns {number[]} indices of the kept ones, best first
 */
export function nms(scores, similarity, most) {
  const kept = [];
  for (const i of sortedDown(scores)) {
    if (!kept.some((better) => similarity(better, i) > most)) kept.push(i);
  }
  return kept;
}
