/** A frame's instances as the Python sees them: the record of a result, in arrays. */

/**
 * @typedef {object} Instance
 * @property {number} row in the record
 * @property {number} id 0: not tracked
 * @property {number} kind class number
 * @property {number} score confidence
 * @property {Float64Array} box x1, y1, x2, y2 in pixels
 * @property {Float64Array} xy x, y, x, y, … in pixels; NaN where not predicted
 * @property {?Float64Array} conf of the keypoints; null where the network gives none
 * @property {?Float64Array} sigma standard deviations of xy, pixels; null where the network gives none
 */

// Results hold single precision; so the same numbers go in here as there.
const single = (value) => (value === null || value === undefined ? NaN : Math.fround(value));

/**
 * Read a record.
 * @param {object} result as `poise predict --json` writes a frame
 * @returns {{time: number, width: number, height: number, instances: Instance[]}}
 */
export function readFrame(result) {
  const rated = result.instances.some((one) => one.keypoints.some((point) => point[2] !== null));
  const instances = result.instances.map((one, row) => ({
    row,
    id: one.id ?? 0,
    kind: one.class,
    score: single(one.conf),
    box: Float64Array.from(one.box, single),
    xy: Float64Array.from(one.keypoints.flatMap((point) => [point[0], point[1]]), single),
    conf: rated ? Float64Array.from(one.keypoints, (point) => single(point[2])) : null,
    sigma: one.sigma ? Float64Array.from(one.sigma.flat(), single) : null,
  }));
  return {time: result.time, width: result.width, height: result.height, instances};
}

/** The record of the instances that are left, with their ids, boxes and keypoints. */
export function writeFrame(result, instances) {
  const known = (value) => (Number.isFinite(value) ? value : null);
  return {
    ...result,
    instances: instances.map((one) => {
      const given = result.instances[one.row];
      const keypoints = given.keypoints.map((point, k) => [known(one.xy[2 * k]), known(one.xy[2 * k + 1]), point[2]]);
      return {...given, id: one.id, box: Array.from(one.box, known), keypoints};
    }),
  };
}
