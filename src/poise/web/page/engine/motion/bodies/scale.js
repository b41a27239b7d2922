/** How large a body is in the picture: poise/bodies/scale.py, with the shares of poise/bodies/proportions.py. */

import {lengths} from "./limbs.js";

export const SHARES = {
  TRUNK: 0.818 - 0.53,
  SHOULDER_BREADTH: 0.259,
  UPPER_ARM: 0.186,
  FOREARM: 0.146,
  THIGH: 0.245,
  SHANK: 0.246,
};
const S = SHARES;
// Limbs of COCO's skeleton and their shares of standing height.
const LIMBS = [[5, 11], [6, 12], [5, 6], [5, 7], [6, 8], [7, 9], [8, 10], [11, 13], [12, 14], [13, 15], [14, 16]];
const OF_HEIGHT = [
  S.TRUNK, S.TRUNK, S.SHOULDER_BREADTH, S.UPPER_ARM, S.UPPER_ARM, S.FOREARM, S.FOREARM, S.THIGH, S.THIGH, S.SHANK,
  S.SHANK,
];
const RANK = 3;

/**
 * The length of the torso as it would be seen square on, pixels; NaN where no limb was seen. Projection only shortens
 * a limb, so each says that the body is at least so tall; the third largest of these counts.
 */
export function torsoLength({xy, conf}, minConf = 0.3) {
  const points = xy.map((value, i) => (conf[i >> 1] >= minConf ? value : NaN));
  const tall = lengths(points, LIMBS)
    .map((length, i) => length / OF_HEIGHT[i])
    .filter(Number.isFinite)
    .sort();
  return tall.length ? tall[tall.length - Math.min(RANK, tall.length)] * S.TRUNK : NaN;
}
