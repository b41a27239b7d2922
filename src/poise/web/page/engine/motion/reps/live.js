/** Count repetitions while they are done, with no look-ahead and bounded memory: poise/reps/live.py. */

import {argMax, clip, finite, percentile} from "../arrays.js";
import {cocoReader} from "../bodies/points.js";
import {countExercise} from "./counting.js";
import {getExercise, readExercise} from "./exercise.js";
import {MeasureWindow} from "./measures.js";
import {CONSTANTS as RECOGNITION, recogniseExercise} from "./recognition.js";

/** Seconds between attempts to recognise an exercise: a fifth of a second later nobody notices. */
export const SEEK_S = 0.25;
/** The score from which a single repetition is believed while more may follow. */
export const ALONE = 0.7;

/** Counts the repetitions of everybody in a stream, as they are finished. */
export class RepCounter {
  /**
   * @param {object} skeleton `keypoints`
   * @param {object[]} exercises the TOML files as objects
   * @param {string} [exercise] a name, or "auto"
   * @param {object} [more] `windowS`: seconds that are kept of each person; `everyS`: between looks for repetitions;
   *   `patienceS`: forget who is not seen for this long; `maxPeople`: forget the one not seen for longest beyond
   */
  constructor(skeleton, exercises, exercise = "auto", more = {}) {
    const known = exercises.map(readExercise);
    this.fixed = exercise === "auto" ? null : getExercise(known, exercise);
    this.known = this.fixed ? [this.fixed] : known;
    this.limits = {windowS: 20, everyS: 0.1, patienceS: 60, maxPeople: 100, ...more};
    this.read = cocoReader(skeleton);
    this.reset();
  }

  /** Forget everybody. */
  reset() {
    this.people = new Map(); // by id, the one seen last at the end
  }

  /** What is known of everybody who is remembered. */
  get states() {
    return [...this.people].map(([id, person]) => ({id, ...person.state}));
  }

  /**
   * Take one frame; frames come in order of time.
   * @param {import("../frame.js").Instance[]} instances with ids
   * @param {number} time seconds
   * @returns {{id: number, rep: object, exercise: string, count: number}[]} the repetitions that this frame finished
   */
  update(instances, time) {
    const events = [];
    for (const one of instances) {
      if (!(one.id >= 1)) continue;
      const person = this.people.get(one.id) ?? new LivePerson(this.known, this.fixed, this.limits);
      this.people.delete(one.id);
      this.people.set(one.id, person);
      const made = person.update(time, this.read(one));
      for (const {rep, exercise} of made) events.push({id: one.id, rep, exercise, count: person.total});
    }
    for (const [id, person] of this.people) if (time - person.last > this.limits.patienceS) this.people.delete(id);
    for (const id of this.people.keys()) if (this.people.size > this.limits.maxPeople) this.people.delete(id);
    return events;
  }
}

/** One person's last seconds, and how many repetitions were counted. */
class LivePerson {
  constructor(known, fixed, limits) {
    Object.assign(this, {known, fixed, limits, chosen: fixed});
    this.total = 0;
    this.progress = 0;
    this.last = -Infinity;
    this._begin();
  }

  _begin() {
    this.seen = new MeasureWindow();
    this.looked = this.sought = -Infinity;
    this.after = -Infinity; // peaks up to here are counted or past
  }

  get state() {
    return {exercise: this.chosen ? this.chosen.name : "none", count: this.total, progress: this.progress};
  }

  /** Take one frame, and return the repetitions that are new. */
  update(time, body) {
    if (time <= this.last) {
      if (time > this.last - 1) return [];
      this._begin(); // the stream began anew
    }
    this.last = time;
    if (!this.seen.add(time, body)) return [];
    const interval = this.chosen ? this.limits.everyS : Math.max(this.limits.everyS, SEEK_S);
    if (time - this.looked < interval - 1e-6 || this.seen.length < 6) return [];
    this.looked = time;
    this.seen.forget(time - this.limits.windowS);
    return this._look(time);
  }

  _look(time) {
    const person = this.seen.measured();
    if (!this.fixed && time - this.sought >= (this.chosen ? 0.5 : SEEK_S) - 1e-6) {
      this.sought = time;
      this._choose(person);
    }
    if (!this.chosen || this.chosen.hold) return [];
    const made = countExercise(person, this.chosen, {refine: false});
    this.progress = progressNow(made);
    const fresh = made.reps.filter((rep) => rep.peak > this.after);
    // Limbs in turn overlap; otherwise nothing begins before this one's end.
    const share = this.chosen.sides === "alternating" ? 0.5 : 0.9;
    this.total += fresh.length;
    for (const rep of fresh) this.after = Math.max(this.after, rep.peak + share * (rep.end - rep.peak));
    return fresh.map((rep) => ({rep, exercise: this.chosen.name}));
  }

  /** Recognise the exercise; another is taken over only when it is clearly better, and then counts anew. */
  _choose(person) {
    const scored = recogniseExercise(person, this.known).filter(
      // One repetition alone may be the beginning of anything: it must fit without doubt.
      ({score, count}) => score >= RECOGNITION.MIN_SCORE && (count.reps.length > 1 || score >= ALONE),
    );
    if (!scored.length) return;
    const best = scored[0].count.exercise;
    const held = scored.find(({count}) => count.exercise === this.chosen)?.score ?? 0;
    if (this.chosen && (best === this.chosen || !(scored[0].score > 1.1 * held))) return;
    this.chosen = best;
    this.total = 0;
    this.after = -Infinity;
  }
}

/** The last value of the curve between its rest and its effort, in [0, 1]. */
function progressNow({curves}) {
  if (!curves.length) return 0;
  const {value} = curves[argMax(curves.map((line) => line.travel))];
  const ordered = finite(value);
  if (!ordered.length) return 0;
  const [low, high] = [percentile(ordered, 3), percentile(ordered, 97)];
  return clip(((value.at(-1) || 0) - low) / Math.max(high - low, 0.2), 0, 1);
}
