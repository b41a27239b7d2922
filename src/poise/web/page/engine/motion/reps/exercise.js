/** Exercises as data: poise/reps/exercise.py. The files are checked by the Python before they come here. */

const SIGNAL = {weight: 1, points: []};
const RULE = {min: -Infinity, max: Infinity, soft: 0, over: "", gate: false, unseen: 0.8, group: "", view: ""};
const EXERCISE = {
  sides: "both",
  min_depth: 0.4,
  min_rep_s: 0.4,
  max_rep_s: 15,
  hold: false,
  travels: false,
  least_reps: 1,
  everyday: false,
  aliases: [],
};

/** An exercise with everything that its file leaves out. */
export const readExercise = ({signal = [], rule = [], ...rest}) => ({
  ...EXERCISE,
  ...rest,
  signals: signal.map((one) => ({...SIGNAL, ...one})),
  rules: rule.map((one) => ({...RULE, ...one})),
});

/** A name as it compares: letters only, singular. */
const plain = (name) => name.toLowerCase().replace(/[\s_-]+/g, "").replace(/s$/, "");

/** The exercise of this name; "Push Up", "push_up" and "push-ups" are the same. */
export function getExercise(exercises, name) {
  const called = (names) => names.some((one) => plain(one) === plain(name));
  const found = exercises.find((one) => called([one.name])) ?? exercises.find((one) => called(one.aliases));
  if (found) return found;
  const known = exercises.map((one) => one.name).join(", ");
  throw new RangeError(`no exercise named ${JSON.stringify(name)}; known: ${known}; or "auto"`);
}
