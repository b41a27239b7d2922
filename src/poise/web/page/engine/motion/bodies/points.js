/** Keypoints of bodies, and the points that follow from them: poise/bodies/points.py. */

/** COCO's keypoints, in the order in which everything here counts. */
export const COCO = [
  "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
  "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
  "right_ankle",
];
const HEAD = [0, 1, 2, 3, 4];
/** Shoulders, wrists, hips, knees, ankles: the first of each pair. */
const PAIRS = [5, 9, 11, 13, 15];
/** Points that a measure can be between. */
export const POINTS = [...COCO, "shoulders", "wrists", "hips", "knees", "ankles", "head", "corner"];

/** Returns a function from an instance to its 17 points in COCO's order; conf 0 where a point is not there. */
export function cocoReader(skeleton) {
  const source = COCO.map((name) => skeleton.keypoints.indexOf(name));
  return (instance) => {
    const xy = new Float64Array(34).fill(NaN);
    const conf = new Float64Array(17);
    source.forEach((from, to) => {
      if (from < 0) return;
      [xy[2 * to], xy[2 * to + 1]] = [instance.xy[2 * from], instance.xy[2 * from + 1]];
      if (Number.isFinite(xy[2 * to] + xy[2 * to + 1])) conf[to] = instance.conf ? instance.conf[from] || 0 : 1;
    });
    return {xy, conf};
  };
}

/**
 * The points of POINTS of one body and their confidence. Of a pair whose middle is used, one that is not seen is not
 * missed.
 * @returns {{xy: Float64Array, conf: Float64Array}}
 */
export function extendPoints(body, minConf) {
  const xy = new Float64Array(2 * POINTS.length);
  const conf = new Float64Array(POINTS.length);
  const seen = [];
  for (let k = 0; k < 17; k++) {
    const sure = body.conf[k] >= minConf;
    xy[2 * k] = sure ? body.xy[2 * k] : NaN;
    xy[2 * k + 1] = sure ? body.xy[2 * k + 1] : NaN;
    conf[k] = body.conf[k];
    seen[k] = Number.isFinite(xy[2 * k]);
  }
  const middle = (at, points) => {
    const there = points.filter((k) => seen[k]);
    for (const axis of [0, 1]) {
      xy[2 * at + axis] = there.length ? there.reduce((all, k) => all + xy[2 * k + axis], 0) / there.length : NaN;
    }
    return there;
  };
  PAIRS.forEach((left, i) => {
    middle(17 + i, [left, left + 1]);
    const [least, most] = [Math.min(conf[left], conf[left + 1]), Math.max(conf[left], conf[left + 1])];
    conf[17 + i] = least >= minConf ? least : most;
  });
  const head = middle(22, HEAD);
  conf[22] = head.reduce((all, k) => all + conf[k], 0) / Math.max(head.length, 1);
  conf[23] = 1; // the picture's corner, at 0, 0
  return {xy, conf};
}
