/**
 * One frame as plain values: the record of `poise predict --json` and of `poise.sinks.record`.
 */

import { roundHalfEven } from "./pictures.js";

/** Round to so many decimals as Python does; null for what is not a number. */
export function rounded(value, decimals) {
  if (!Number.isFinite(value)) return null;
  const power = 10 ** decimals;
  return roundHalfEven(value * power) / power;
}

/**
 * @param {{instances: object[]}} estimate
 * @param {{source: string, frame: number, time: number, width: number, height: number}} about
 * @param {{name: string}} skeleton
 * @param {Record<string, string>} names  class number to name
 */
export function record(estimate, about, skeleton, names) {
  return {
    source: about.source,
    frame: about.frame,
    time: rounded(about.time, 6),
    width: about.width,
    height: about.height,
    skeleton: skeleton.name,
    instances: estimate.instances.map((each) => {
      const row = {
        class: each.class,
        name: names[each.class] ?? String(each.class),
        conf: rounded(each.conf, 4),
        box: Array.from(each.box, (value) => rounded(Math.fround(value), 2)),
        id: null,
        keypoints: keypointsOf(each),
      };
      if (each.sigma) row.sigma = pairs(each.sigma);
      return row;
    }),
  };
}

/** A record after smoothing, with the decimals of one before it. */
export function shortened(result) {
  const instances = result.instances.map((one) => ({
    ...one,
    box: one.box.map((value) => rounded(value, 2)),
    keypoints: one.keypoints.map(([x, y, conf]) => [rounded(x, 2), rounded(y, 2), conf]),
  }));
  return { ...result, instances };
}

function pairs(values) {
  return Array.from({ length: values.length / 2 }, (_, k) => [rounded(values[2 * k], 2), rounded(values[2 * k + 1], 2)]);
}

function keypointsOf({ xy, pointConf }) {
  const rows = [];
  for (let k = 0; k < xy.length / 2; k++) {
    rows.push([rounded(xy[2 * k], 2), rounded(xy[2 * k + 1], 2), pointConf ? rounded(pointConf[k], 4) : null]);
  }
  return rows;
}
