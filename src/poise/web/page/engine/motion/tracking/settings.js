/** The knobs of the tracker: poise/tracking/_settings.py and its .yaml files. A test holds both to the same numbers. */

const POSE = {
  tracker_type: "pose",
  track_high_thresh: 0.4,
  track_low_thresh: 0.1,
  new_track_thresh: 0.4,
  match_thresh: 0.9,
  fuse_score: false,
  patience: 2.0,
  pose_weight: 0.4,
  recover: true,
  min_hits: 2,
  max_oks: 0.85,
};
const BOXES = {
  ...POSE,
  track_high_thresh: 0.25,
  new_track_thresh: 0.25,
  match_thresh: 0.8,
  fuse_score: true,
  patience: 1.0,
  pose_weight: 0.0,
  recover: false,
};

export const TRACKERS = {
  "pose.yaml": POSE,
  "bytetrack.yaml": {...BOXES, tracker_type: "bytetrack"},
  "botsort.yaml": {...BOXES, tracker_type: "botsort"},
};

/** The settings of a tracker: its name, or an object of those that differ from pose.yaml. */
export function readSettings(tracker = "pose.yaml") {
  if (typeof tracker === "object" && tracker !== null) return {...POSE, ...tracker};
  const found = TRACKERS[tracker] ?? TRACKERS[`${tracker}.yaml`];
  if (!found) throw new RangeError(`no tracker ${JSON.stringify(tracker)}; known: ${Object.keys(TRACKERS).join(", ")}`);
  return found;
}
