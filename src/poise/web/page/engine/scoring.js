/**
 * How sure an instance and its keypoints are: the counterpart of `poise/estimators/scoring.py`.
 *
 * @typedef {object} Looks  what several looks at one instance's keypoints say; K numbers each
 * @property {Float32Array} conf  mean raw score
 * @property {Float32Array} support  share of the looks that see the keypoint at one place
 * @property {Float32Array} spread  how far these lie apart, in spreads
 * @property {number} size  logarithm of the square root of the box's area
 */

const SILENT = 0.03; // added before logarithms are taken, so that silence counts much and not without end
const LEAST = 1e-3; // limit of a probability before its logit is taken
const SURE = 0.2; // raw score of a keypoint from which it counts where no model was fitted

/** The confidences of one instance's keypoints; `point`: the model card's table. */
export function pointScores(point, looks) {
  const weights = point.weights ?? [];
  const bias = point.bias ?? [0];
  return looks.conf.map((conf, k) => {
    if (!weights.length) return Math.min(Math.max(conf, 0), 1);
    if (!(conf > 0)) return 0;
    const odds =
      (bias.length > 1 ? bias[k] : bias[0]) +
      weights[0] * Math.log(conf + SILENT) +
      weights[1] * looks.support[k] +
      weights[2] * looks.spread[k] +
      weights[3] * looks.size;
    return sigmoid(odds);
  });
}

/** The confidence of an instance; `person`: the model card's table, `found`: what each detector found there. */
export function personScore(person, found, similarity, looks) {
  const expected = expectedOks(person, similarity, looks);
  if (!person.evidence?.length) return Math.min(Math.max(Math.max(0, ...found) * expected, 0), 1);
  const likely = Math.min(Math.max(expected, LEAST), 1 - LEAST);
  let odds = (person.bias ?? 0) + (person.points ?? 1) * Math.log(likely / (1 - likely));
  person.evidence.forEach((weight, i) => (odds += weight * Math.log(Math.max(found[i], 0) + SILENT)));
  return sigmoid(odds);
}

function expectedOks(person, similarity, looks) {
  let sum = 0;
  let total = 0;
  looks.conf.forEach((conf, k) => {
    if (person.evidence?.length) {
      sum += similarity[k] * (conf + SILENT);
      total += conf + SILENT;
    } else if (conf > SURE) {
      sum += conf;
      total += 1;
    }
  });
  return sum / (person.evidence?.length ? total : Math.max(total, 1));
}

function sigmoid(odds) {
  return Math.fround(1 / (1 + Math.exp(-Math.min(Math.max(odds, -30), 30))));
}
