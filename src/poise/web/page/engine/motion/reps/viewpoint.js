/** From where a person is seen, and which measures that changes: poise/reps/viewpoint.py. */

import {clip, finite, percentile, spread} from "../arrays.js";
import {fillGaps, smooth} from "./series.js";
import {COLUMN} from "./signals.js";

/** Measures that stay the same from wherever somebody is seen. */
export const HEIGHTS = new Set([
  "wrist_lift", "wrist_over_elbow", "elbow_lift", "wrist_over_hip", "hip_lift", "hip_over_knee", "ankle_over_hip",
  "shoulder_over_hip", "shoulder_over_wrist", "shoulder_over_ankle", "head_lift", "head_over_hip", "hip_y",
  "shoulder_y", "wrist_y", "ankle_y",
]);
export const CONSTANTS = {SQUARE: 0.72, HALFWAY: 0.5, STEADY: 0.25, TURNED: 0.5};
const {SQUARE, HALFWAY, STEADY, TURNED} = CONSTANTS;

/** How far the view changes in some frames, in [0, 1]: 0 from one side all the time, 1 from the front and the side. */
export function measureTurning(person, first = 0, past = person.time.length) {
  const width = finite(steadyWidth(person), first, past);
  return width.length < 8 ? 0 : clip((spread(width, 90, 10) / SQUARE - STEADY) / (TURNED - STEADY), 0, 1);
}

/** Whether a stretch is seen from "front" (or behind) or "side"; true where shoulders are not seen. */
export function isSeenFrom(person, view, first, past) {
  const width = finite(person.values(COLUMN.shoulder_width), first, past);
  return width.length < 3 || percentile(width, 50) > HALFWAY === (view === "front");
}

/** The width of the shoulders, steadied over half a second. */
const steadyWidth = (person) =>
  person.once("width", () =>
    smooth(person.time, fillGaps(person.time, person.values(COLUMN.shoulder_width), 0.5), 0.4),
  );
