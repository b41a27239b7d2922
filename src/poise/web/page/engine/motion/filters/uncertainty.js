/** How far off a keypoint may be, in pixels: poise/filters/uncertainty.py. */

import {clip} from "../arrays.js";
import {boxArea} from "../geometry.js";

export const CONSTANTS = {SEGMENT: 0.53, AT_ONE: 0.18, AT_ZERO: 1.1, FULL_CONF: 0.9};
const {SEGMENT, AT_ONE, AT_ZERO, FULL_CONF} = CONSTANTS;

/** COCO's sκ, pixels. */
const spread = (size, oksSigma) => 2 * Math.sqrt(SEGMENT) * size * oksSigma;

/** Standard deviation of a keypoint on each axis from its confidence, pixels; NaN is taken for 0.5. */
export const pointSigma = (conf, size, oksSigma) =>
  spread(size, oksSigma) * (AT_ONE + AT_ZERO * (1 - (Number.isFinite(conf) ? clip(conf, 0, 1) : 0.5)));

/** How much a point counts beside one of confidence 0.9, in (0, 1]. */
export function pointWeight(sigmaX, sigmaY, size, oksSigma) {
  const full = spread(size, oksSigma) * (AT_ONE + AT_ZERO * (1 - FULL_CONF));
  return Math.min((2 * full) / Math.max(sigmaX + sigmaY, 1e-9), 1);
}

/** Square root of a box's area, pixels; NaN where there is no box. */
export const boxSize = (box) => Math.sqrt(boxArea(box) || NaN);
