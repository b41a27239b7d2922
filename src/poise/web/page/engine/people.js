/**
 * Join, score and suppress people: the counterpart of `poise/estimators/people.py`.
 *
 * @typedef {object} Person
 * @property {number[]} box  x0, y0, x1, y1
 * @property {Float32Array} xy  2K numbers; NaN where nothing is known
 * @property {Float32Array} conf  K raw scores from 0 to 1
 * @property {number} score
 */

import { boxArea, oks } from "./geometry.js";

export const AGREE = 0.5; // IoU above which proposals vouch for each other
const INSIDE = 0.5; // share of a box in a larger one from which it may be a part of the same person
const SAME_PLACE = 1.0; // spreads of the smaller of two instances within which keypoints are at one place
const MUCH_LARGER = 3.0; // ratio of box areas from which a keypoint at one place is the smaller instance's
const LEAST_SPREAD = 0.1; // of the longer side's spread
const SURE_PART = 0.2; // raw score of the keypoints that show whether it is

/** A person of whom only a box is known. */
export function boxed(box, score, keypoints) {
  return { box, xy: new Float32Array(2 * keypoints).fill(NaN), conf: new Float32Array(keypoints), score };
}

/** Carry a person from the pixels of a network's input to those of the picture. */
export function toPicture(person, scaleX, scaleY) {
  const [x0, y0, x1, y1] = person.box;
  const box = [x0 / scaleX, y0 / scaleY, x1 / scaleX, y1 / scaleY].map(Math.fround);
  const xy = person.xy.map((value, i) => value / (i % 2 ? scaleY : scaleX));
  return { ...person, box, xy, score: Math.fround(person.score) };
}

/** The region around a box, `expand` times as large and of the proportions of a crop. */
export function region(box, width, height, expand) {
  // Boxes are float32 in Python, and so are their sides and middles.
  const across = Math.max(Math.fround(box[2] - box[0]), 1);
  const down = Math.max(Math.fround(box[3] - box[1]), 1);
  const high = Math.max(down, (across * height) / width) * expand;
  const halfX = (high * width) / height / 2;
  const halfY = high / 2;
  const x = Math.fround(Math.fround(box[0] + box[2]) / 2);
  const y = Math.fround(Math.fround(box[1] + box[3]) / 2);
  return [x - halfX, y - halfY, x + halfX, y + halfY];
}

/** Pixels of one spread of COCO's of each keypoint, on an instance with this box. */
export function spreads(box, sigmas) {
  const size = Math.sqrt(Math.max(boxArea(box), 1));
  return sigmas.map((sigma) => size * 2 * sigma);
}

/** Widen a box to hold every keypoint whose score is above `least`. */
export function extent(xy, conf, box, least = 0.3) {
  const wide = [...box];
  for (let k = 0; k < conf.length; k++) {
    if (!(conf[k] > least)) continue;
    wide[0] = Math.min(wide[0], xy[2 * k]);
    wide[1] = Math.min(wide[1], xy[2 * k + 1]);
    wide[2] = Math.max(wide[2], xy[2 * k]);
    wide[3] = Math.max(wide[3], xy[2 * k + 1]);
  }
  return wide;
}

/** Carry a box along with its keypoints: it shifts with their mean and grows with their spread, by a fifth at most. */
export function move(box, before, after, weight) {
  const total = Math.max(
    weight.reduce((sum, value) => sum + value, 0),
    1e-6,
  );
  const mean = (points, axis) => weight.reduce((sum, value, k) => sum + (points[2 * k + axis] * value) / total, 0);
  const around = (points, axis, middle) =>
    Math.sqrt(weight.reduce((sum, value, k) => sum + ((points[2 * k + axis] - middle) ** 2 * value) / total, 0));
  const start = [mean(before, 0), mean(before, 1)];
  const end = [mean(after, 0), mean(after, 1)];
  const old = [around(before, 0, start[0]), around(before, 1, start[1])];
  const now = [around(after, 0, end[0]), around(after, 1, end[1])];
  const whole = Math.hypot(...now) / Math.max(Math.hypot(...old), 1e-6);
  const growth = old.map((spread, axis) => {
    // Keypoints in one line say little of the side across it.
    const line = spread < LEAST_SPREAD * Math.max(...old);
    return Math.min(Math.max(line ? whole : now[axis] / Math.max(spread, 1e-6), 0.8), 1.2);
  });
  return box.map((value, i) => Math.fround(end[i % 2] + (value - start[i % 2]) * growth[i % 2]));
}

/**
 * Lower the scores of people who are like a better one, and drop those that are the same.
 *
 * Source: Bodla et al. 2017, Soft-NMS, equation 2 (linear), with OKS for IoU.
 *
 * @returns {{index: number, score: number}[]} the kept ones, best first
 */
export function decay(similarity, scores, decayFrom, most) {
  const score = Float32Array.from(scores);
  const left = new Set(score.keys());
  const kept = [];
  while (left.size) {
    let best = -1;
    for (const i of left) if (best < 0 || score[i] > score[best]) best = i;
    kept.push({ index: best, score: score[best] });
    left.delete(best);
    for (const i of left) {
      const near = similarity[best][i];
      if (!(near <= most)) left.delete(i);
      else if (near > decayFrom) score[i] *= 1 - near;
    }
  }
  return kept;
}

/** What each person's area counts for: a sliver of a box whose keypoints are a whole person's is that person. */
function wholeArea(person) {
  return Math.max(boxArea(extent(person.xy, person.conf, person.box)), 1);
}

/** The OKS of every person with every other; of either's area the smaller counts. */
export function alike(people, sigmas) {
  const areas = people.map(wholeArea);
  return people.map((a, i) => people.map((b, j) => oks(a.xy, b.xy, Math.min(areas[i], areas[j]), sigmas)));
}

/** The same, raised where one person is a part of another: a face found beside its body. */
export function alikeOrPart(people, sigmas, flipIdx) {
  const similarity = alike(people, sigmas);
  const areas = people.map((person) => boxArea(person.box));
  const sure = people.map((person) => (k) => person.conf[k] > SURE_PART);
  const count = people.map((_, j) => sigmas.filter((_, k) => sure[j](k)).length);
  const part = people.map((a, i) => people.map((b, j) => isPart(a, b, areas[i], areas[j])));

  function isPart(a, b, areaA, areaB) {
    const width = Math.max(Math.min(a.box[2], b.box[2]) - Math.max(a.box[0], b.box[0]), 0);
    const height = Math.max(Math.min(a.box[3], b.box[3]) - Math.max(a.box[1], b.box[1]), 0);
    return width * height > INSIDE * areaB && areaA > areaB;
  }

  const pairs = [];
  part.forEach((row, i) => row.forEach((is, j) => is && count[j] >= 3 && pairs.push([i, j])));
  if (!pairs.length) return similarity;
  for (const [i, j] of pairs) {
    const shared = oks(people[i].xy, people[j].xy, areas[j], sigmas, sure[j]);
    const other = flipIdx ? oks(people[i].xy, people[j].xy, areas[j], sigmas, sure[j], flipIdx) : 0;
    similarity[i][j] = Math.max(similarity[i][j], shared, other);
  }
  // A part may be like the whole by way of a larger part that is like both.
  const chained = pairs.map(([i, j]) => Math.max(...people.map((_, m) => similarity[i][m] * similarity[m][j])));
  pairs.forEach(([i, j], n) => {
    similarity[i][j] = Math.max(similarity[i][j], chained[n]);
  });
  return similarity;
}

/** Which keypoints are another instance's: limbs that run to a neighbour. One row of booleans a person. */
export function contested(boxes, people, conf, sigmas) {
  const spread = boxes.map((box) => spreads(box, sigmas));
  const areas = boxes.map(boxArea);
  return boxes.map((_, own) =>
    sigmas.map((_, k) =>
      boxes.some((_, other) => {
        if (other === own) return false;
        const dx = people[own].xy[2 * k] - people[other].xy[2 * k];
        const dy = people[own].xy[2 * k + 1] - people[other].xy[2 * k + 1];
        const reach = SAME_PLACE * Math.min(spread[own][k], spread[other][k]);
        if (!(dx * dx + dy * dy < reach * reach)) return false;
        const theirs = conf[other][k] > conf[own][k] || areas[own] > MUCH_LARGER * areas[other];
        return theirs && !(areas[other] > MUCH_LARGER * areas[own]);
      }),
    ),
  );
}
