/** Values over time, with gaps filled, smoothed and compared: poise/reps/series.py. */

import {fill, finiteRuns, median, searchSorted} from "../arrays.js";

/** Fill NaN by straight lines where the gap is not longer than `maxGapS`; ends stay. */
export function fillGaps(time, values, maxGapS) {
  const out = values.slice();
  const runs = finiteRuns(values);
  for (let k = 1; k < runs.length; k++) {
    const [a, b] = [runs[k - 1][1] - 1, runs[k][0]];
    if (time[b] - time[a] > maxGapS) continue;
    const slope = (values[b] - values[a]) / (time[b] - time[a]);
    for (let i = a + 1; i < b; i++) out[i] = slope * (time[i] - time[a]) + values[a];
  }
  return out;
}

/** Weights of a Gaussian by the number of frames between two, for each list of times and width: they are used often. */
const kernels = new WeakMap();

function kernel(time, seconds) {
  if (!kernels.has(time)) kernels.set(time, new Map());
  const kept = kernels.get(time);
  if (kept.has(seconds)) return kept.get(seconds);
  const count = time.length;
  const usual = count > 1 ? median(fill(count - 1, (i) => time[i + 1] - time[i])) : 1;
  const reach = Math.ceil((3 * seconds) / Math.max(usual, 1e-3));
  const shifts = [];
  const whole = new Float64Array(count).fill(1);
  for (let shift = 1; shift <= reach && shift < count; shift++) {
    const weight = new Float64Array(count - shift);
    for (let i = 0; i < weight.length; i++) {
      weight[i] = Math.exp(-0.5 * ((time[i + shift] - time[i]) / seconds) ** 2);
      whole[i] += weight[i];
      whole[i + shift] += weight[i];
    }
    shifts.push(weight);
  }
  kept.set(seconds, {shifts, whole});
  return kept.get(seconds);
}

/**
 * Smooth without lag by a Gaussian in time; NaN stays NaN and spoils no neighbour.
 * @param {Float64Array} time seconds, increasing
 * @param {Float64Array} values
 * @param {number} seconds standard deviation
 */
export function smooth(time, values, seconds) {
  const {shifts, whole} = kernel(time, seconds);
  const all = !values.some(Number.isNaN);
  const good = all ? null : fill(values.length, (i) => (Number.isFinite(values[i]) ? 1 : 0));
  const filled = all ? values : fill(values.length, (i) => (good[i] ? values[i] : 0));
  const total = filled.slice();
  const weights = all ? whole : good.slice();
  shifts.forEach((weight, s) => {
    const shift = s + 1;
    for (let i = 0; i < weight.length; i++) {
      total[i] += weight[i] * filled[i + shift];
      total[i + shift] += weight[i] * filled[i];
    }
    if (all) return;
    for (let i = 0; i < weight.length; i++) {
      weights[i] += weight[i] * good[i + shift];
      weights[i + shift] += weight[i] * good[i];
    }
  });
  return fill(total.length, (i) => (all || good[i] ? total[i] / weights[i] : NaN));
}

/** The correlation of two series where both are there; 0 of fewer than three, or of a constant. */
export function correlation(a, b, first = 0, past = a.length) {
  let count = 0;
  let sumA = 0;
  let sumB = 0;
  for (let i = first; i < past; i++) {
    if (!Number.isFinite(a[i]) || !Number.isFinite(b[i])) continue;
    count++;
    sumA += a[i];
    sumB += b[i];
  }
  if (count < 3) return 0;
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = first; i < past; i++) {
    if (!Number.isFinite(a[i]) || !Number.isFinite(b[i])) continue;
    const x = a[i] - sumA / count;
    const y = b[i] - sumB / count;
    xy += x * y;
    xx += x * x;
    yy += y * y;
  }
  const norm = Math.sqrt(xx * yy);
  return norm > 0 ? xy / norm : 0;
}

/** Give frames without a value that of the nearest frame within `seconds`; 0 beyond. */
export function carry(time, values, seconds = 0.2) {
  const good = [];
  values.forEach((value, i) => Number.isFinite(value) && good.push(i));
  if (!good.length) return new Float64Array(time.length);
  const times = good.map((i) => time[i]);
  return fill(values.length, (i) => {
    if (Number.isFinite(values[i])) return values[i];
    const after = Math.min(searchSorted(times, time[i]), good.length - 1);
    const before = Math.max(after - 1, 0);
    const near = Math.abs(times[after] - time[i]) < Math.abs(time[i] - times[before]) ? after : before;
    return Math.abs(times[near] - time[i]) <= seconds ? values[good[near]] : 0;
  });
}
