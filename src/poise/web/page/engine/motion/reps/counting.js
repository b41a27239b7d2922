/** Count one person's repetitions of an exercise: poise/reps/counting.py. */

import {argMax, clip, mean, median} from "../arrays.js";
import {findCycles, fuseSignals, mergeSides, usualDepth} from "./cycles.js";
import {judgeCycle} from "./verdicts.js";

/** Of a set of four or more, a movement that takes less than this share of the usual time is another limb. */
export const BRIEF = 0.4;

/**
 * Count the repetitions of one exercise.
 * @param {PersonMeasures} person
 * @param {object} exercise see exercise.js
 * @param {object} [how] `strict`: whether every rule can reject a movement, not only gates; `refine`: look twice, the
 *   second time with ranges and smoothing taken from the set itself
 * @returns {{exercise: object, reps: object[], rejected: object[], curves: object[]}} a repetition is its cycle with
 *   `conf` and `fit`
 */
export function countExercise(person, exercise, {strict = false, refine = true} = {}) {
  if (person.time.length < 4 || !exercise.signals.length) return {exercise, reps: [], rejected: [], curves: []};
  // Whether rules are strict changes nothing of what is found, so that is looked for once.
  const key = `${refine ? "refined" : "plain"} ${exercise.name}`;
  const {lines, found, typical, briefS} = person.once(key, () => findMovements(person, exercise, refine));
  const [reps, rejected] = [[], []];
  for (const cycle of found) {
    const line = lines.find((one) => one.side === (cycle.lead || cycle.side)) ?? lines[0];
    const verdict = judgeCycle(person, exercise, line, cycle, {typical, strict, briefS});
    if (!verdict.reason) reps.push({...cycle, conf: verdict.conf, fit: verdict.fit});
    else if (cycle.depth > 0.5 * exercise.min_depth) rejected.push({...cycle, ...verdict});
  }
  return {exercise, reps, rejected, curves: lines};
}

/** The cycles of one exercise, repetitions or not, the curves that they are from, and what is usual among them. */
function findMovements(person, exercise, refine) {
  const sides = exercise.sides === "both" ? ["both"] : ["left", "right"];
  let [within, seconds, typical] = [null, 0.08, 0];
  let [lines, found] = [[], []];
  const large = (cycle) => cycle.depth >= Math.max(exercise.min_depth, 0.45 * typical);
  for (let look = 0; look < (refine ? 2 : 1); look++) {
    lines = sides.map((side) => {
      const fuse = () => fuseSignals(person, exercise, side, seconds, within);
      return look ? fuse() : person.once(`curve ${side} ${exercise.name}`, fuse);
    });
    if (exercise.sides === "either") lines = [lines[argMax(lines.map((line) => line.travel * mean(line.sure)))]];
    const first = lines.flatMap((line) => findCycles(line, exercise.min_depth));
    typical = usualDepth(first, exercise.min_depth);
    const bySide = lines.map((line) => findCycles(line, exercise.min_depth, typical));
    found = exercise.sides === "alternating" ? mergeSides(...bySide) : bySide[0];
    const good = found.filter(large);
    if (look === 0 && good.length) {
      within = [good[0].cover[0], good.at(-1).cover[1]];
      seconds = clip(0.05 * median(good.map((cycle) => cycle.end - cycle.start)), 0.05, 0.2);
    }
  }
  const lengths = found.filter(large).map((cycle) => cycle.end - cycle.start);
  const briefS = lengths.length >= 4 ? BRIEF * median(lengths) : 0;
  return {lines, found, typical, briefS};
}
