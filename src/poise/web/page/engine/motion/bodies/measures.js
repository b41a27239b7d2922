/** Named measures of bodies, told by a table: poise/bodies/measures.py. */

import {angleBetween, norm, tiltOf} from "./angles.js";
import {POINTS} from "./points.js";

const KINDS = {
  distance: (x, y) => norm(x, y),
  above: (x, y) => -y,
  right: (x) => x,
  across: (x) => Math.abs(x),
  level: (x, y) => Math.abs(y),
  tilt: tiltOf,
};

/** Whether a row measures a length; the others are degrees. */
export const isLength = (row) => !/^(angle|tilt|difference)/.test(row);

/**
 * Turn "kind point point …" into a function from what extendPoints gives to [value, confidence]. Of a point with "?"
 * behind it the confidence does not count.
 */
export function measureOf(row) {
  const [kind, ...names] = row.split(" ");
  const [a, b, c] = names.map((name) => POINTS.indexOf(name.replace("?", "")));
  const counted = names.filter((name) => !name.endsWith("?")).map((name) => POINTS.indexOf(name));
  const between = (xy, to, from) => [xy[2 * to] - xy[2 * from], xy[2 * to + 1] - xy[2 * from + 1]];
  const value =
    kind === "angle"
      ? (xy) => angleBetween(...between(xy, a, b), ...between(xy, c, b))
      : (xy) => KINDS[kind](...between(xy, a, b));
  return ({xy, conf}) => [value(xy), Math.min(...counted.map((point) => conf[point]))];
}
