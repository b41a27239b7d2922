/** Whether repetitions are alike, as those of a set are and a dance's are not: poise/reps/consistency.py. */

import {argMax, clip, finite, mean, median, percentile, searchAfter, searchSorted, seenShare, sum} from "../arrays.js";
import {fillGaps} from "./series.js";
import {COLUMN} from "./signals.js";

// Heights over the body, which turning round does not change; of a pair, the higher and the lower one.
const PAIRS = ["wrist_lift", "elbow_lift", "hip_over_knee", "hip_lift"];
const SINGLE = "shoulder_over_hip";
export const CONSTANTS = {
  PHASES: 8, // on each way
  GAP_S: 0.4,
  SEEN: 0.6, // a height that is seen in less than this share of the time is left out
  UNSURE: 0.5, // heights less sure than this share of the surest, and than GUESSED, are guessed
  GUESSED: 0.35,
  UPRIGHT: 0.65, // torso lengths of the shoulders over the hips: at rest, and nearly at most
  STANDS: 0.85,
  SET: 0.8,
  CHANCE: 0.55,
};
const {PHASES, GAP_S, SEEN, UNSURE, GUESSED, UPRIGHT, STANDS, SET, CHANCE} = CONSTANTS;

const frameAt = (time, at) => Math.min(searchSorted(time, at), time.length - 1);

/** Those heights that are seen, as a list of 16 phases for each repetition; NaN in gaps. */
export function repCourses(person, reps) {
  const {time} = person;
  const heights = PAIRS.flatMap((name) => {
    const at = [COLUMN[`left_${name}`], COLUMN[`right_${name}`]];
    let two = at.map((column) => fillGaps(time, person.values(column), GAP_S));
    const seen = two.map((values) => seenShare(values));
    if (Math.min(...seen) < SEEN) two = [two[argMax(seen)], two[argMax(seen)]];
    const [left, right] = at.map((column) => person.sure(column));
    const sure = median(left.map((value, i) => Math.max(value, right[i])));
    return [Math.max, Math.min].map((pick) => ({values: two[0].map((value, i) => pick(value, two[1][i])), sure}));
  });
  const single = fillGaps(time, person.values(COLUMN[SINGLE]), GAP_S);
  heights.push({values: single, sure: median(person.sure(COLUMN[SINGLE]))});
  const least = Math.min(UNSURE * Math.max(...heights.map((one) => one.sure)), GUESSED);
  const kept = heights.filter((one) => one.sure >= least);
  return reps.map(({start, peak, end}) => {
    const phase = (i) =>
      i < PHASES
        ? start + (i * (peak - start)) / (PHASES - 1)
        : peak + ((i - PHASES + 1) * (end - peak)) / PHASES;
    const frames = Array.from({length: 2 * PHASES}, (_, i) => frameAt(time, phase(i)));
    return kept.map(({values}) => frames.map((frame) => values[frame]));
  });
}

/**
 * How much of what moves in repetitions is their common course, in [0, 1]; 1 for a single one. Of limbs in turn each
 * has a course of its own.
 */
export function measureConsistency(courses, sides) {
  if (courses.length < 2) return 1;
  const often = courses[0].map((_, h) => seenShare(courses.flatMap((rep) => rep[h])) > SEEN);
  const some = courses.map((rep) => rep.filter((_, h) => often[h]));
  const whole = some.map((rep) => rep.every((phases) => phases.some(Number.isFinite)));
  const [common, own] = [[], []];
  for (const side of new Set(sides)) {
    const mine = some.filter((_, i) => whole[i] && sides[i] === side).map((rep) => rep.map(centred));
    if (mine.length < 2 || !mine[0].length) continue;
    const course = mine[0].map((phases, h) => phases.map((_, i) => median(mine.map((rep) => rep[h][i]))));
    const power = Math.max(sum(course.flat().map((value) => value * value)), 1e-9);
    const usual = sum(course.map((phases) => mean(phases.map((value) => (value - mean(phases)) ** 2))));
    for (const rep of mine) {
      const alike = sum(rep.flatMap((phases, h) => phases.map((value, i) => value * course[h][i])));
      // As much of the mean course as fits it best, since a view from nearer or higher shortens what is seen.
      const much = clip(alike / power, 0.5, 2);
      const rest = rep.map((phases, h) => mean(phases.map((value, i) => (value - much * course[h][i]) ** 2)));
      own.push((sum(rest) * mine.length) / (mine.length - 1));
      common.push(usual);
    }
  }
  if (!own.length) return 1;
  // The median repetition: one that was botched does not spoil the set.
  return mean(common) / Math.max(mean(common) + median(own), 1e-9);
}

/** Values less their mean; what is not seen for a moment is taken to be in its middle place. */
function centred(phases) {
  const seen = phases.filter(Number.isFinite);
  return phases.map((value) => (Number.isFinite(value) ? value - mean(seen) : 0));
}

/** How far repetitions of somebody upright are a set by their sameness, in [0, 1]; 1 for who lies. */
export function scoreConsistency(person, reps) {
  const {time} = person;
  const upright = person.values(COLUMN[SINGLE]);
  const tilt = finite(reps.flatMap(({start, end}) => [start, end]).map((at) => upright[frameAt(time, at)]));
  const span = finite(upright, searchSorted(time, reps[0].start), searchAfter(time, reps.at(-1).end));
  if (tilt.length && percentile(tilt, 50) < UPRIGHT && percentile(span, 80) < STANDS) return 1;
  const courses = repCourses(person, reps);
  // Of both limbs at once, one may be lost now and then: then all are of one course whatever side is said.
  const best = Math.max(
    measureConsistency(courses, reps.map((rep) => rep.side)),
    measureConsistency(courses, reps.map(() => "")),
  );
  return clip((best - CHANCE) / (SET - CHANCE), 0, 1);
}
