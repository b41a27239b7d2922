/** How long limbs are: poise/bodies/limbs.py. */

import {norm} from "./angles.js";

/** Lengths of limbs in the picture, pixels. */
export const lengths = (xy, edges) =>
  Float64Array.from(edges, ([a, b]) => norm(xy[2 * a] - xy[2 * b], xy[2 * a + 1] - xy[2 * b + 1]));

/** The logarithm of each limb's length less the mean of all; NaN for one that is not seen surely at both ends. */
export function relativeLengths(xy, conf, edges, minConf = 0.3) {
  let total = 0;
  let count = 0;
  const logs = lengths(xy, edges).map((length, i) => {
    const seen = conf[edges[i][0]] >= minConf && conf[edges[i][1]] >= minConf && length > 1e-3;
    if (!seen) return NaN;
    count++;
    total += Math.log(length);
    return Math.log(length);
  });
  return logs.map((value) => (count >= 3 ? value - total / count : NaN));
}
