/**
 * Crops in which a person stands upright; the counterpart of `poise/estimators/_upright.py`.
 */

import { cut, turned } from "./pictures.js";
import { region } from "./people.js";

const SURE = 0.1; // mean raw score of shoulders and hips from which they tell which way somebody lies
const LEANS = 60; // degrees from upright from which a crop is turned

/** Indices of the keypoints that tell which way a body points, or null where the skeleton has none. */
export function torsoOf(keypoints) {
  const found = ["left_shoulder", "right_shoulder", "left_hip", "right_hip"].map((name) => keypoints.indexOf(name));
  return found.includes(-1) ? null : found;
}

/** Quarter turns, counter-clockwise, by which a person must be turned to stand upright. */
export function quarters(person, torso) {
  if (!torso) return 0;
  const [a, b, c, d] = torso;
  const { xy, conf } = person;
  const across = (xy[2 * a] + xy[2 * b] - xy[2 * c] - xy[2 * d]) / 2;
  const down = (xy[2 * a + 1] + xy[2 * b + 1] - xy[2 * c + 1] - xy[2 * d + 1]) / 2;
  const sure = (conf[a] + conf[b] + conf[c] + conf[d]) / 4;
  if (!Number.isFinite(across) || !Number.isFinite(down) || sure < SURE) return 0;
  const angle = (Math.atan2(across, -down) * 180) / Math.PI; // 0 upright, 90 the head to the right
  if (Math.abs(angle) < LEANS) return 0;
  return Math.abs(angle) > 135 ? 2 : angle > 0 ? 1 : 3;
}

/**
 * Cut out the region around a box, turned.
 *
 * @returns {{crop: import("./pictures.js").Picture, matrix: number[]}} the crop, and the map from picture to crop: a, b,
 *   c, d, e, f with x' = a x + b y + c and y' = d x + e y + f
 */
export function upright(picture, box, [width, height, expand], turn, gap) {
  const [across, down] = turn % 2 === 0 ? [width, height] : [height, width];
  const { crop, scaleX, scaleY, shiftX, shiftY } = cut(picture, region(box, across, down, expand), across, down, gap);
  const onto = [
    [1, 0, 0, 0, 1, 0],
    [0, 1, 0, -1, 0, across],
    [-1, 0, across, 0, -1, down],
    [0, -1, down, 1, 0, 0],
  ][turn];
  const [a, b, c, d, e, f] = onto;
  const matrix = [
    a * scaleX,
    b * scaleY,
    a * shiftX + b * shiftY + c,
    d * scaleX,
    e * scaleY,
    d * shiftX + e * shiftY + f,
  ];
  return { crop: turned(crop, turn), matrix };
}

/** Map flat keypoints by a map of `upright`; `back`: from crop to picture. */
export function mapped([a, b, c, d, e, f], xy, back = false) {
  const made = new Float32Array(xy.length);
  const det = a * e - b * d;
  for (let i = 0; i < xy.length; i += 2) {
    const x = back ? xy[i] - c : xy[i];
    const y = back ? xy[i + 1] - f : xy[i + 1];
    made[i] = back ? (e * x - b * y) / det : a * x + b * y + c;
    made[i + 1] = back ? (a * y - d * x) / det : d * x + e * y + f;
  }
  return made;
}
