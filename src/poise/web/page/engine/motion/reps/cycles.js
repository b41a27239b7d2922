/** From measures to cycles, by one curve of progress and its turning points: poise/reps/cycles.py. */

import {fill, finite, finiteRuns, mean, median, percentile, searchAfter, searchSorted, sum} from "../arrays.js";
import {angleBetween, norm} from "../bodies/angles.js";
import {MIN_POINT_CONF} from "./measures.js";
import {carry, correlation, fillGaps, smooth} from "./series.js";
import {COLUMN, SIDED} from "./signals.js";
import {HEIGHTS, measureTurning} from "./viewpoint.js";

/** A repetition must cover this share of the set's usual travel. */
export const SHARE = 0.45;
/** One that the window's start or end cuts may lack a little of its way. */
export const EDGE_SHARE = 0.6;

/**
 * @typedef {object} Curve progress of a movement: 0 at rest, rising towards the effort, in shares of the usual travel
 * @property {Float64Array} time
 * @property {Float64Array} value NaN where nothing was seen for long
 * @property {Float64Array} sure confidence; 0 where filled in
 * @property {string} side "left", "right" or "both"
 * @property {number} travel
 *
 * @typedef {object} Cycle one movement from rest to effort and back
 * @property {number} start seconds when it leaves rest
 * @property {number} peak seconds of the effort
 * @property {number} end seconds when it is back at rest
 * @property {number} rise travel from rest to the peak
 * @property {number} fall travel back
 * @property {number} depth the smaller of the two ways
 * @property {string} side
 * @property {number} sure mean confidence of the points
 * @property {number} seen share of its frames in which something was seen
 * @property {boolean} cut whether the window begins or ends inside it
 * @property {[number, number]} cover from the lowest point before to the lowest after, seconds
 * @property {string} lead of one with both limbs, the one that it was measured on; empty: both
 */

export const isSided = (signal) => signal.name in SIDED && !signal.points.length;

/** One measure and its confidence, as [values, sure]. */
export function readSignal(person, signal, side) {
  if (!signal.points.length) return readMeasure(person, signal.name, side);
  const point = (frame, k) => (frame.conf[k] >= MIN_POINT_CONF ? frame.xy.subarray(2 * k, 2 * k + 2) : [NaN, NaN]);
  const value = fill(person.time.length, (i) => {
    const [a, b, c] = signal.points.map((k) => point(person.frames[i], k));
    if (!c) return norm(a[0] - b[0], a[1] - b[1]) / person.scale;
    return angleBetween(a[0] - b[0], a[1] - b[1], c[0] - b[0], c[1] - b[1]);
  });
  const sure = fill(value.length, (i) => Math.min(...signal.points.map((k) => person.frames[i].conf[k])));
  return [value, sure];
}

/** The same of a measure's name; of "both" it is the mean of the sides that are seen, by their confidence. */
export function readMeasure(person, name, side) {
  const column = (own) => [person.values(COLUMN[own]), person.sure(COLUMN[own])];
  if (!(name in SIDED)) return column(name);
  if (side !== "both") return column(`${side}_${name}`);
  return person.once(`both ${name}`, () => {
    const [left, sureLeft] = column(`left_${name}`);
    const [right, sureRight] = column(`right_${name}`);
    const count = person.time.length;
    const weigh = (value, sure) => (i) => Number.isFinite(value[i]) ? sure[i] * sure[i] + 1e-6 : 0;
    const [a, b] = [fill(count, weigh(left, sureLeft)), fill(count, weigh(right, sureRight))];
    const mix = (l, r) => (i) => ((a[i] && a[i] * l[i]) + (b[i] && b[i] * r[i])) / (a[i] + b[i]);
    return [fill(count, mix(left, right)), fill(count, mix(sureLeft, sureRight)).map((sure) => sure || 0)];
  });
}

/**
 * Fuse an exercise's signals into one curve: each is brought to its own range, and weighs as much as it moves above its
 * noise and is seen with confidence; one that runs against the others is left out.
 * @param {PersonMeasures} person
 * @param {object} exercise
 * @param {string} side "left", "right" or "both"
 * @param {number} [seconds] standard deviation of the smoothing
 * @param {?[number, number]} [within] two times between which the range is taken
 * @returns {Curve}
 */
export function fuseSignals(person, exercise, side, seconds = 0.08, within = null) {
  const {time} = person;
  const count = time.length;
  const [first, past] = within ? [searchSorted(time, within[0]), searchAfter(time, within[1])] : [0, count];
  // Each limb is a signal of its own, so that a badly seen one does not spoil the other.
  const parts = exercise.signals.flatMap((signal) => {
    const twins = side === "both" && isSided(signal) ? ["left", "right"] : [side];
    return twins.map((own) => ({signal, own, share: signal.weight / twins.length}));
  });
  for (const part of parts) {
    const {rest, effort, name} = part.signal;
    const {value, sure, steady, noise} = steadySignal(person, part.signal, part.own, seconds);
    Object.assign(part, {value, sure});
    const travel = effort - rest;
    const inside = finite(steady, first, past);
    const ends = inside.length < 2 ? [rest, rest] : [percentile(inside, 3), percentile(inside, 97)];
    const [low, high] = (travel > 0 ? ends : ends.reverse()).map((end) => (end - rest) / travel);
    part.reach = Math.max(high - low, 1e-6);
    part.unit = fill(count, (i) => ((steady[i] - rest) / travel - low) / part.reach);
    let trust = 0;
    let seen = 0;
    for (let i = first; i < past; i++) {
      if (!Number.isFinite(value[i])) continue;
      seen++;
      trust += sure[i];
    }
    trust /= Math.max(seen, 1);
    // A travel of less than about six times the noise is mostly noise.
    const clear = part.reach ** 2 / (part.reach ** 2 + ((6 * noise) / travel) ** 2 + 0.15 ** 2);
    part.weight = past > first ? (part.share * clear * trust ** 2 * seen) / (past - first) : 0;
    part.level = HEIGHTS.has(name);
  }
  if (parts.some((part) => part.level) && !parts.every((part) => part.level)) {
    // Who turns changes angles and distances by turning; heights stay.
    const stays = (1 - measureTurning(person, first, past)) ** 2;
    for (const part of parts) if (!part.level) part.weight *= stays;
  }
  for (const part of parts) if (!(Number.isFinite(part.weight) && part.reach < 5)) part.weight = 0;
  let line = meanUnit(parts, count);
  for (let pass = 0; pass < 2; pass++) {
    const agrees = parts.map((part) => correlation(part.unit, line, first, past) > 0.3);
    const leaves = agrees.some(Boolean) ? parts.filter((part, i) => part.weight && !agrees[i]) : [];
    if (!leaves.length) break;
    for (const part of leaves) part.weight = 0;
    line = meanUnit(parts, count);
  }
  const total = sum(parts.map((part) => part.weight));
  const travel = total > 0 ? sum(parts.map((part) => part.weight * part.reach)) / total : 0;
  // Confidence is that of what was seen; a frame without anything, near one with, is filled in well.
  const sure = fill(count, (i) => {
    let there = 0;
    let all = 0;
    for (const part of parts) {
      if (!Number.isFinite(part.value[i])) continue;
      there += part.weight;
      all += part.weight * part.sure[i];
    }
    return total > 0 && there > 0.1 * total ? all / there : NaN;
  });
  return {time, value: fill(count, (i) => line[i] * travel), sure: carry(time, sure), side, travel};
}

/** A signal, steadied; exercises share signals, so each is made once. Its noise is what smoothing takes away. */
function steadySignal(person, signal, side, seconds) {
  return person.once(`${signal.name} ${signal.points} ${side} ${seconds}`, () => {
    const [value, sure] = readSignal(person, signal, side);
    const filled = fillGaps(person.time, value, 0.5);
    const steady = smooth(person.time, filled, seconds);
    const rough = finite(fill(value.length, (i) => Math.abs(filled[i] - steady[i])));
    return {value, sure, steady, noise: rough.length ? 1.4826 * percentile(rough, 50) : Infinity};
  });
}

/** The mean of the parts that are there, by their weight. */
function meanUnit(parts, count) {
  const least = 0.02 * sum(parts.map((part) => part.weight)) + 1e-12;
  const out = new Float64Array(count);
  const totals = new Float64Array(count);
  for (const {unit, weight} of parts) {
    for (let i = 0; i < count; i++) {
      if (!Number.isFinite(unit[i])) continue;
      totals[i] += weight;
      out[i] += weight * unit[i];
    }
  }
  return fill(count, (i) => (totals[i] > least ? out[i] / totals[i] : NaN));
}

/** Where a curve turns, without turns smaller than `swing`; lows and highs alternate, first and last are its ends. */
export function turningPoints(curve, swing) {
  if (!curve.length) return [];
  const turns = [];
  let [low, high, rising] = [0, 0, null];
  for (let i = 0; i < curve.length; i++) {
    const v = curve[i];
    if (v > curve[high]) high = i;
    if (v < curve[low]) low = i;
    if (rising === null) {
      if (curve[high] - curve[low] >= swing) {
        rising = high > low;
        turns.push(rising ? low : high);
        if (rising) low = high;
        else high = low;
      }
    } else if (rising && curve[high] - v >= swing) {
      turns.push(high);
      [rising, low] = [false, i];
    } else if (!rising && v - curve[low] >= swing) {
      turns.push(low);
      [rising, high] = [true, i];
    }
    if (rising === true && v < curve[low] && low > high) low = i;
  }
  if (rising === null) return [];
  turns.push(rising ? high : low);
  return turns;
}

/**
 * Find the movements from rest to effort and back in a curve, the shallow ones too.
 * @param {Curve} line
 * @param {number} least the exercise's min_depth
 * @param {number} [typical] the travel of a usual repetition here; unless given, taken from the curve
 * @returns {Cycle[]}
 */
export function findCycles(line, least, typical) {
  const runs = finiteRuns(line.value);
  const usual = typical ?? usualDepth(runs.flatMap((run) => cyclesIn(line, run, 0.5 * least)), least);
  return runs.flatMap((run) => cyclesIn(line, run, Math.max(0.5 * least, 0.4 * usual)));
}

/** The median depth of those that are not small beside the greatest. */
export function usualDepth(cycles, least) {
  const sizes = finite(cycles.map((cycle) => cycle.depth).filter((depth) => depth >= least));
  const small = SHARE * percentile(sizes, 85);
  return sizes.length ? median(sizes.filter((depth) => depth >= small)) : least;
}

function cyclesIn(line, [first, past], swing) {
  if (past - first < 3) return [];
  const value = line.value.subarray(first, past);
  const turns = turningPoints(value, swing);
  const found = [];
  for (let k = 1; k + 1 < turns.length; k++) {
    const [before, at, after] = turns.slice(k - 1, k + 2);
    if (!(value[at] > value[before]) || before === at || after === at) continue;
    found.push(cycleAt(line, first, before, at, after, value, (k === 1 && before === 0) || after === past - first - 1));
  }
  return found;
}

function cycleAt(line, first, before, at, after, value, cut) {
  const time = line.time.subarray(first);
  const [rise, fall] = [value[at] - value[before], value[at] - value[after]];
  // The middle of the top, when a repetition is held there.
  const top = value[at] - 0.06 * Math.min(rise, fall);
  let [left, right, begin, finish] = [at, at, at, at];
  while (left > before && value[left - 1] >= top) left--;
  while (right < after && value[right + 1] >= top) right++;
  while (value[begin] > value[before] + 0.12 * rise) begin--;
  while (value[finish] > value[after] + 0.12 * fall) finish++;
  const sure = line.sure.subarray(first + begin, first + finish + 1);
  return {
    start: time[begin],
    peak: 0.5 * (time[left] + time[right]),
    end: time[finish],
    rise,
    fall,
    depth: Math.min(rise, fall),
    side: line.side,
    sure: mean(sure),
    seen: sure.reduce((count, value) => count + (value > 0.05), 0) / sure.length,
    cut,
    cover: [time[before], time[after]],
    lead: "",
  };
}

/**
 * Join the cycles of two limbs as people count them: two are one repetition of both when their peaks lie close beside
 * their lengths, or one lies mostly within the other.
 */
export function mergeSides(left, right) {
  const taken = new Set();
  const out = left.map((a) => {
    let [best, away] = [-1, Infinity];
    right.forEach((b, k) => {
      const shorter = Math.min(a.end - a.start, b.end - b.start);
      const overlap = Math.min(a.end, b.end) - Math.max(a.start, b.start);
      const apart = Math.abs(a.peak - b.peak);
      if (taken.has(k) || !(apart < 0.35 * shorter || overlap > 0.7 * shorter) || apart >= away) return;
      [best, away] = [k, apart];
    });
    if (best < 0) return a;
    taken.add(best);
    const b = right[best];
    const lead = a.sure * a.depth >= b.sure * b.depth ? a : b;
    return {...lead, side: "both", lead: lead.side};
  });
  out.push(...right.filter((_, k) => !taken.has(k)));
  return out.sort((a, b) => a.peak - b.peak);
}
