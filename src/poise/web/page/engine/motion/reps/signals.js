/** What exercises are told by, angles and distances in torso lengths: poise/reps/signals.py. */

import {isLength, measureOf} from "../bodies/measures.js";
import {extendPoints} from "../bodies/points.js";

/** Measures of a left and a right side: "*" is the own side. */
export const SIDED = {
  elbow_angle: "angle *shoulder *elbow *wrist",
  shoulder_angle: "angle *hip *shoulder *elbow",
  hip_angle: "angle *shoulder *hip *knee",
  knee_angle: "angle *hip *knee *ankle",
  wrist_reach: "distance *shoulder *wrist",
  wrist_lift: "above *wrist *shoulder",
  wrist_over_elbow: "above *wrist *elbow",
  elbow_lift: "above *elbow *shoulder",
  wrist_over_hip: "above *wrist *hip",
  wrist_out: "across *shoulder *wrist",
  hip_lift: "above *hip *ankle",
  hip_over_knee: "above *hip *knee",
  ankle_over_hip: "above *ankle *hip",
  thigh_reach: "distance *shoulder *knee",
  leg_reach: "distance *hip *ankle",
};
/** Measures of the whole body; a difference is that of both sides of a measure. */
export const WHOLE = {
  trunk_lean: "tilt shoulders hips",
  shoulder_over_hip: "above shoulders hips",
  shoulder_over_wrist: "above shoulders wrists",
  shoulder_over_ankle: "above shoulders ankles",
  ankle_gap: "across left_ankle right_ankle",
  ankle_stagger: "level left_ankle right_ankle",
  ankle_distance: "distance left_ankle right_ankle",
  wrist_gap: "distance left_wrist right_wrist",
  shoulder_width: "distance left_shoulder right_shoulder",
  knee_gap: "distance left_knee right_knee",
  knee_stagger: "level left_knee right_knee",
  knee_difference: "difference knee_angle",
  hip_difference: "difference hip_angle",
  trunk_tilt: "level shoulders hips",
  head_lift: "above head shoulders?",
  head_over_hip: "above head hips?",
  head_to_knee: "distance head knees?",
  hip_x: "right hips corner",
  hip_y: "above hips corner",
  shoulder_x: "right shoulders corner",
  shoulder_y: "above shoulders corner",
  wrist_y: "above wrists corner",
  ankle_y: "above ankles corner",
};
const ROWS = {};
for (const [name, row] of Object.entries(SIDED)) {
  for (const side of ["left", "right"]) ROWS[`${side}_${name}`] = row.replaceAll("*", `${side}_`);
}
Object.assign(ROWS, WHOLE);

export const NAMES = Object.keys(ROWS);
export const COLUMN = Object.fromEntries(NAMES.map((name, i) => [name, i]));
/** Which measures are lengths, and follow the ruler. */
export const LENGTHS = Object.values(ROWS).map(isLength);

const MEASURES = Object.values(ROWS).map((row) => {
  const [kind, name] = row.split(" ");
  return kind === "difference" ? [COLUMN[`left_${name}`], COLUMN[`right_${name}`]] : measureOf(row);
});

/**
 * Measure a person in one frame, in pixels and degrees.
 * @param {{xy: Float64Array, conf: Float64Array}} body COCO's 17 points
 * @param {number} minConf a measure that needs a point below this is NaN
 * @returns {{values: Float64Array, sure: Float64Array}} in the order of NAMES
 */
export function measure(body, minConf = 0.3) {
  const points = extendPoints(body, minConf);
  const values = new Float64Array(NAMES.length);
  const sure = new Float64Array(NAMES.length);
  MEASURES.forEach((how, i) => {
    if (typeof how === "function") [values[i], sure[i]] = how(points);
    else {
      const [left, right] = how;
      [values[i], sure[i]] = [Math.abs(values[left] - values[right]), Math.min(sure[left], sure[right])];
    }
  });
  return {values, sure};
}
