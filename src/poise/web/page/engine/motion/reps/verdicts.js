/** Whether a cycle is a repetition of an exercise, by depth, duration, confidence and rules: poise/reps/verdicts.py. */

import {clip, fill, finite, median, percentile, round3, spread} from "../arrays.js";
import {EDGE_SHARE, readMeasure, SHARE} from "./cycles.js";
import {correlation} from "./series.js";
import {isSeenFrom} from "./viewpoint.js";

export const CONSTANTS = {
  FLOOR: 0.02,
  PLACE: 0.35, // who moves sideways by more torso lengths than this, and faster than PACE of them a second, walks
  PACE: 0.3,
  PASS: 0.15, // ankles of who walks pass each other by more than this, or part by more than STEP, torso lengths
  STEP: 0.5,
  AROUND_S: 0.6,
  UNSURE: 0.5, // points of less than this share of the movement's confidence cannot speak against it
};
const {FLOOR, PLACE, PACE, PASS, STEP, AROUND_S, UNSURE} = CONSTANTS;

const ends = (values) => {
  const few = Math.max(1, Math.floor(values.length / 8));
  return [median(values.subarray(0, few)), median(values.subarray(-few))];
};

const span = (person, cycle) => person.span(cycle.start - 1e-9, cycle.end + 1e-9);

/** Measure what a rule is about; NaN where it was not seen, or from where it does not show. */
export function ruleValue(person, rule, line, cycle) {
  if (rule.view && !isSeenFrom(person, rule.view, ...span(person, cycle))) return NaN;
  const one = atMoment(person, rule.signal, rule.at, line, cycle);
  if (!rule.over) return one;
  const other = atMoment(person, rule.over, rule.at, line, cycle);
  return Number.isFinite(other) ? one / Math.max(other, 1e-3) : NaN;
}

function atMoment(person, name, moment, line, cycle) {
  const [first, past] = span(person, cycle);
  const [value, sure] = readMeasure(person, name, cycle.side);
  const good = [];
  for (let i = first; i < past; i++) if (Number.isFinite(value[i]) && Number.isFinite(line.value[i])) good.push(i);
  // Legs behind a desk or below the picture's edge are guessed, and a guess rules nothing out.
  if (good.length < 3 || median(good.map((i) => sure[i])) < UNSURE * cycle.sure) return NaN;
  const values = fill(good.length, (i) => value[good[i]]);
  if (moment === "mean") return median(values);
  if (moment === "range") return spread(finite(values));
  if (moment === "swing") {
    const [from, to] = ends(values);
    const step = (to - from) / (values.length - 1);
    return spread(finite(fill(values.length, (i) => values[i] - (from + i * step))));
  }
  let [low, high] = [Infinity, -Infinity];
  for (const i of good) {
    low = Math.min(low, line.value[i]);
    high = Math.max(high, line.value[i]);
  }
  const share = (i) => (line.value[i] - low) / Math.max(high - low, 1e-9);
  if (moment === "corr") return correlation(values, good.map(share));
  const rest = () => median(good.filter((i) => share(i) <= 0.25).map((i) => value[i]));
  const effort = () => median(good.filter((i) => share(i) >= 0.75).map((i) => value[i]));
  if (moment === "rest") return rest();
  return moment === "effort" ? effort() : effort() - rest();
}

/** How far the hips (or, unseen, the shoulders) moved sideways over a cycle, torso lengths, or NaN. */
export function drift(person, cycle) {
  const [first, past] = span(person, cycle);
  for (const name of ["hip_x", "shoulder_x"]) {
    const x = readMeasure(person, name, "both")[0].subarray(first, past).filter(Number.isFinite);
    if (x.length < 4) continue;
    const [from, to] = ends(x);
    return Math.abs(to - from);
  }
  return NaN;
}

function walks(person, exercise, cycle) {
  const way = drift(person, cycle);
  if (!(way > PLACE && way > PACE * (cycle.end - cycle.start))) return false;
  // A step may be shorter than from one passing of the feet to the next.
  const around = person.frames.slice(...person.span(cycle.start - AROUND_S, cycle.end + AROUND_S));
  const [left, right] = [15, 16];
  const good = around.filter(({xy, conf}) =>
    [left, right].every((k) => conf[k] >= UNSURE * cycle.sure && Number.isFinite(xy[2 * k])),
  );
  if (good.length / around.length < 0.5) return true;
  // The feet of who walks pass each other, or those of who goes sideways part and meet; else the camera moves.
  const ahead = finite(good.map(({xy}) => (xy[2 * left] - xy[2 * right]) / person.scale));
  const [back, front] = [percentile(ahead, 10), percentile(ahead, 90)];
  const own = exercise.signals.some((signal) => signal.name.startsWith("ankle"));
  return Math.min(-back, front) > PASS || (front - back > STEP && !own);
}

/** 1 within the rule's limits, falling to 0 at `soft` beyond them; the rule's `unseen` for NaN. */
export function ruleScore(rule, value) {
  if (!Number.isFinite(value)) return rule.unseen;
  const beyond = Math.max(rule.min - value, value - rule.max, 0);
  if (beyond === 0) return 1;
  return rule.soft > 0 ? Math.max(0, 1 - beyond / rule.soft) : 0;
}

/**
 * Judge one cycle.
 * @param {object} limits `typical`: depth of a usual repetition of this set; `strict`: whether every rule rejects,
 *   not only gates; `briefS`: shortest repetition of this set, seconds
 * @returns {{fit: number, reason: string, conf: number, small: boolean}} an empty reason: it is one
 */
export function judgeCycle(person, exercise, line, cycle, {typical, strict, briefS}) {
  const no = (reason, small = false) => ({fit: 0, reason, conf: 0, small});
  const least = Math.max(exercise.min_depth, SHARE * typical);
  const enough = cycle.depth >= (cycle.cut ? EDGE_SHARE * least : least);
  if (Math.max(cycle.rise, cycle.fall) < least || !enough) return no("too small", true);
  const length = cycle.end - cycle.start;
  if (length < Math.max(exercise.min_rep_s, briefS)) return no("too fast");
  if (length > exercise.max_rep_s) return no("too slow");
  if (cycle.seen < 0.5) return no("hardly seen");
  if (cycle.sure < 0.2) return no("the points are not confident");
  if (!exercise.travels && walks(person, exercise, cycle)) return no("the person moves from place to place");
  const [held, rejects] = heldRules(person, exercise, line, cycle, strict);
  if (rejects) return no(rejects.why || rejects.signal);
  // The user's word is believed against one rule, which an odd view may break, but not against two.
  const broken = held.filter(([, score]) => score < 0.1);
  if (broken.length > 1) return no(broken[0][0].why || broken[0][0].signal);
  const fit = held.reduce((product, [, score]) => product * Math.max(score, FLOOR), 1);
  const margin = clip((cycle.depth - 0.7 * least) / (0.5 * least), 0, 1);
  const gate = Math.min(1, ...held.filter(([rule]) => rule.gate).map(([, score]) => score));
  const conf = Math.sqrt(clip(cycle.sure * 1.3, 0, 1)) * (0.5 + 0.5 * margin) * Math.sqrt(gate);
  return {fit, reason: "", conf: round3(Math.min(conf, 1)), small: false};
}

/**
 * Each rule and how well it holds, of a group the first with the best score of all; and the rule that rejects it,
 * if one does: then there is no need to look at the rest.
 */
function heldRules(person, exercise, line, cycle, strict) {
  // Cycles are judged twice, strictly and not; what is measured stays.
  const scores = person.once(cycle, () => []);
  const held = [];
  const rejects = ([rule, score]) => score < 0.35 && (rule.gate || strict);
  for (const [i, rule] of exercise.rules.entries()) {
    scores[i] ??= ruleScore(rule, ruleValue(person, rule, line, cycle));
    const same = held.find(([other]) => rule.group && other.group === rule.group);
    if (same) same[1] = Math.max(same[1], scores[i]);
    else held.push([rule, scores[i]]);
    if (!rule.group && rejects(held.at(-1))) break;
  }
  return [held, held.find(rejects)?.[0]];
}
