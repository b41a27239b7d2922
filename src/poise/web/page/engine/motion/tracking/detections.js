/** The instances of one frame as a tracker sees them: poise/tracking/_detections.py. */

import {relativeLengths} from "../bodies/limbs.js";
import {boxIou} from "../geometry.js";
import {colours} from "./appearance.js";
import * as kalman from "./kalman.js";

/** IoU with somebody else from which one hides the other, and nothing is learnt. */
export const CROWDED = 0.2;

/**
 * @typedef {object} Detection
 * @property {import("../frame.js").Instance} instance
 * @property {Float64Array} box x1, y1, x2, y2
 * @property {number} score
 * @property {number} kind
 * @property {Float64Array} xy NaN where not seen
 * @property {Float64Array} weight confidence of the keypoints; 0 where not seen
 * @property {Float64Array} measured centre x, centre y, width, height, then the keypoints
 * @property {Float64Array} noise variance of those
 * @property {number} size square root of the box's area
 * @property {boolean} crowded whether somebody else is in the way
 * @property {Float64Array} limbs lengths; NaN where not measured
 * @property {Float64Array} look colours; NaN where not measured
 */

/**
 * Read a frame's instances; one without a box of some extent is left out.
 * @param {import("../frame.js").Instance[]} instances
 * @param {object} skeleton `sigmas`, `edges`
 * @param {number} minScore least confidence
 * @param {number} boxOff standard deviation of a box's edge over the instance's size
 * @returns {Detection[]}
 */
export function readDetections(instances, skeleton, minScore, boxOff) {
  const found = [];
  for (const instance of instances) {
    const {box, score, kind} = instance;
    const [width, height] = [box[2] - box[0], box[3] - box[1]];
    if (!(width > 0 && height > 0 && Number.isFinite(width) && Number.isFinite(height) && score >= minScore)) continue;
    const size = Math.sqrt(width * height);
    const count = skeleton.sigmas.length;
    const xy = instance.xy.slice();
    const weight = new Float64Array(count);
    const measured = new Float64Array(4 + 2 * count);
    const noise = new Float64Array(4 + 2 * count).fill((boxOff * size) ** 2);
    measured.set([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, width, height]);
    for (let k = 0; k < count; k++) {
      if (Number.isFinite(xy[2 * k] + xy[2 * k + 1])) {
        const sure = instance.conf ? instance.conf[k] : 1;
        weight[k] = sure > 0 ? sure : 0;
      } else xy[2 * k] = xy[2 * k + 1] = NaN;
      // Where the network gives no sigma: the spread of annotators, more where it is less sure.
      const guess = (skeleton.sigmas[k] * size) / Math.max(weight[k], 0.1);
      for (const axis of [2 * k, 2 * k + 1]) {
        const own = instance.sigma ? instance.sigma[axis] : NaN;
        noise[4 + axis] = Math.max(Number.isFinite(own) ? own : guess, 0.01 * size) ** 2;
      }
    }
    measured.set(xy, 4);
    const limbs = new Float64Array(skeleton.edges.length).fill(NaN);
    const look = new Float64Array(6).fill(NaN);
    found.push({instance, box, score, kind, xy, weight, measured, noise, size, crowded: false, limbs, look});
  }
  for (const one of found) one.crowded = found.some((other) => other !== one && boxIou(one.box, other.box) > CROWDED);
  return found;
}

/** Measure colours (without a picture there are none) and, where wanted, proportions. */
export function describe(found, picture, frame, skeleton, limbs) {
  for (const one of found) {
    if (limbs) one.limbs = relativeLengths(one.xy, one.weight, skeleton.edges);
    if (picture) one.look = colours(picture, one.box, frame);
  }
}

/** Begin a track with a detection; `firstSpeed`: variance of its unknown velocity. */
export function beginTrack(one, firstSpeed, time) {
  const state = kalman.start(one.measured, one.noise, firstSpeed);
  const {measured: last, weight, kind, limbs, look} = one;
  return {state, anchor: state, last, weight, seen: time, missed: 0, hits: 1, number: 0, kind, limbs, look};
}
