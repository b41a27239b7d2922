/** Recognise which exercise a person does; every one is tried, and the best fit wins: poise/reps/recognition.py. */

import {argMax, clip, finite, interpolate, mean, median, searchAfter, searchSorted, spread, sum} from "../arrays.js";
import {scoreConsistency} from "./consistency.js";
import {countExercise} from "./counting.js";
import {readMeasure, readSignal} from "./cycles.js";
import {COLUMN, SIDED} from "./signals.js";

export const CONSTANTS = {
  MIN_SCORE: 0.35, // an exercise is recognised from this score on
  MIN_SCORE_ALONE: 0.6, // one repetition alone must fit better
  REVERSED: 0.3, // share of the score that a set loses which begins and ends in the effort instead of at rest
  ALL_BUT: 0.8, // of the movements as deep as a repetition within a set, this share must be repetitions
  HALF: 0.5, // one that is too shallow counts half
};
const {MIN_SCORE, MIN_SCORE_ALONE, REVERSED, ALL_BUT, HALF} = CONSTANTS;

/**
 * Score every exercise by how well the movement fits it, the best first.
 * @returns {{score: number, count: object}[]} `count` is that of countExercise
 */
export function recogniseExercise(person, exercises) {
  const scored = [];
  for (const exercise of exercises) {
    if (exercise.hold || !moves(person, exercise)) continue;
    const made = countExercise(person, exercise, {strict: true});
    const {reps} = made;
    const n = reps.length;
    if (n < Math.max(exercise.least_reps, 1)) continue;
    const fit = reps.map((rep) => rep.fit);
    const wanted = {1: 0.7, 2: 0.55}[n] ?? exercise.min_depth;
    const clear = clip((usual(reps, "depth") - 0.5 * wanted) / (0.5 * wanted), 0, 1);
    const sure = Math.sqrt(mean(reps.map((rep) => rep.conf)));
    let score = ((Math.min(mean(fit), median(fit)) * clear * sure * (n + 1)) / (n + 2)) * 1.2;
    score *= settled(person, made) * large(person);
    score *= scoreConsistency(person, reps) * explained(made) * fromRest(made);
    if (n === 1 && score < MIN_SCORE_ALONE) score *= 0.5;
    scored.push({score, count: made});
  }
  scored.sort((a, b) => b.score - a.score);
  // That it is this exercise is settled by the clear repetitions; then all of them count as if it had been named.
  return scored.map(({score, count}, i) => ({
    score: Math.round(Math.min(score, 1) * 1000) / 1000,
    count: i === 0 && score >= MIN_SCORE ? countExercise(person, count.exercise) : count,
  }));
}

const length = (rep) => rep.end - rep.start;
const usual = (reps, name) => median(reps.map((rep) => rep[name]));
const longest = ({curves}) => curves[argMax(curves.map((line) => line.travel))];
const filled = (values) => values.map((value) => (Number.isFinite(value) ? value : 0));

/** Whether any signal's range reaches the least depth in the right posture: a cheap first look. */
function moves(person, exercise) {
  for (const rule of exercise.rules) {
    if (!rule.gate || rule.over || !["rest", "effort", "mean"].includes(rule.at)) continue;
    // A comparison with NaN is false: what was not seen rules nothing out.
    const value = readMeasure(person, rule.signal, "both")[0];
    const wrong = value.reduce((all, v) => all + (v < rule.min - rule.soft || v > rule.max + rule.soft), 0);
    if (wrong / value.length > 0.95) return false;
  }
  return exercise.signals.some((signal) =>
    (signal.name in SIDED ? ["left", "right"] : ["both"]).some((side) => {
      const range = () => finite(readSignal(person, signal, side)[0]);
      const value = signal.points.length ? range() : person.once(`range ${side} ${signal.name}`, range);
      return value.length >= 4 && spread(value, 98, 2) >= exercise.min_depth * Math.abs(signal.effort - signal.rest);
    }),
  );
}

/** How much repetitions look like a set: in place, and not moments of something else. */
function settled(person, made) {
  const {reps, exercise} = made;
  const [first, last] = [reps[0], reps.at(-1)];
  const moved = sum(reps.map(length));
  if (reps.length >= 3) {
    // A set's repetitions are alike, and those of an everyday movement follow upon one another without long breaks.
    const usualLength = median(reps.map(length));
    const usualDepth = usual(reps, "depth");
    const isAlike = (rep) =>
      Math.abs(Math.log(length(rep) / usualLength)) < Math.log(2) && rep.depth > 0.6 * usualDepth;
    const same = clip((reps.filter(isAlike).length / reps.length - 0.3) / 0.5, 0, 1);
    const dense = moved / Math.max(last.end - first.start, 1e-6);
    return exercise.everyday ? same * clip(dense / 0.5, 0, 1) ** 2 : same;
  }
  const [from, past] = [searchSorted(person.time, first.start - 1.5), searchAfter(person.time, last.end + 1.5)];
  const x = finite(person.values(COLUMN.hip_x), from, past);
  const place = clip(2 - (x.length > 2 ? spread(x) : 0), 0, 1);
  if (reps.length > 1 && !exercise.everyday) return place;
  const share = moved / Math.max(moved + busy(made), 1e-6);
  const lasts = reps.map(length);
  // Two movements of daily life of which one takes more than twice as long as the other are no set.
  const alike = clip(3 - Math.max(...lasts) / Math.max(Math.min(...lasts), 1e-6), 0, 1);
  return place * alike * clip(share / 0.45, 0, 1) ** 2;
}

/** 1 where a set begins and ends at rest, less where it does in the effort: then it is the reverse exercise. */
function fromRest(made) {
  const {time, value} = longest(made);
  const [first, last] = [made.reps[0].start, made.reps.at(-1).end];
  const usualLength = median(made.reps.map(length));
  const around = value.filter((v, i) => {
    const away = time[i] < first ? first - time[i] : time[i] - last;
    return away > 0.4 * usualLength && away < usualLength && Number.isFinite(v);
  });
  if (around.length < 4) return 1;
  const ends = mean([first, last].map((at) => interpolate(at, time, filled(value))));
  const up = (median(around) - ends) / Math.max(usual(made.reps, "depth"), 1e-6);
  return 1 - REVERSED * clip((up - 0.25) / 0.5, 0, 1);
}

/** How far an exercise explains its set, in [0, 1]: what breaks its rules now and then is another one. */
function explained({reps, rejected}) {
  const inside = rejected.filter((one) => reps[0].start < one.peak && one.peak < reps.at(-1).end);
  const other = sum(inside.map((one) => (one.small ? HALF : 1)));
  return Math.min(1, reps.length / (reps.length + other) / ALL_BUT);
}

/** The seconds outside the repetitions in which the limb was not at rest; rest counts a little too. */
function busy(made) {
  const {time, value} = longest(made);
  const base = median(made.reps.map((rep) => interpolate(rep.start, time, filled(value))));
  const depth = usual(made.reps, "depth");
  let total = 0;
  for (let i = 0; i + 1 < time.length; i++) {
    if (!Number.isFinite(value[i]) || made.reps.some((rep) => time[i] >= rep.start && time[i] <= rep.end)) continue;
    total += (Math.abs(value[i] - base) < 0.3 * depth ? 0.15 : 1) * (time[i + 1] - time[i]);
  }
  return total;
}

/** How far a person is large enough to judge by a movement that may be anything, in [0, 1]. */
export const large = ({scale}) => clip(((Number.isFinite(scale) ? scale : 0) - 24) / 16, 0, 1);
