/**
 * Search whole pictures with one or more detectors, and join what they find.
 *
 * The counterpart of `poise/estimators/search.py`.
 */

import { boxIou, nms } from "./geometry.js";
import { AGREE, alike, boxed, toPicture } from "./people.js";

const WHISPER = 0.03; // score from which a find counts as evidence for what others propose
const LARGE = 1.5; // a picture so much larger than a further size of a detector is searched at that size too
const FINE = 1.5; // least score of a find of that further size over the least of the others

export class Finder {
  /**
   * @param {object} settings  of the model
   * @param {object[]} detectors  one for each of `settings.detectors`
   * @param {number[]} sigmas  spreads of the skeleton's keypoints
   */
  constructor(settings, detectors, sigmas) {
    this.settings = { same_box: 0.65, same_pose: 0.7, ...settings };
    this.parts = settings.detectors.map((search, i) => ({
      search: { imgsz: [], fine: 0, min_score: 0.2, biggest: 256, ...search },
      detector: detectors[i],
    }));
    this.sigmas = sigmas;
  }

  /** Search a picture; `imgsz`: the finest size at which to look, or null. */
  async find(picture, imgsz, clock) {
    const runs = [];
    for (const part of this.parts) {
      const sizes = this.sizes(part, imgsz, Math.max(picture.width, picture.height));
      const each = [];
      for (const size of sizes) each.push(await this.runAt(picture, part, size, clock));
      runs.push(each);
    }
    const found = this.joined(runs).map((person) => ({
      ...person,
      found: runs.map((each, i) => evidence(person.box, each, this.parts[i].detector.keypoints)),
    }));
    clock.lap("postprocess");
    return found;
  }

  sizes({ search, detector }, imgsz, longer) {
    const own = search.imgsz.length ? search.imgsz : [Math.max(...detector.spec.size)];
    if (imgsz != null) return [...own.filter((size) => size < imgsz), imgsz];
    return search.fine && longer >= LARGE * search.fine ? [...own, search.fine] : own;
  }

  async runAt(picture, { detector }, size, clock) {
    const { feeds, scaleX, scaleY } = detector.prepare(picture, size);
    clock.lap("preprocess");
    const outputs = await detector.run(feeds);
    clock.lap("inference");
    const poses = this.poses(detector);
    const people = detector
      .decode(outputs, WHISPER)
      .map((person) => (poses ? person : boxed(person.box, person.score, this.sigmas.length)))
      .map((person) => toPicture(person, scaleX, scaleY));
    clock.lap("postprocess");
    return { people, size, scale: scaleX };
  }

  poses(detector) {
    return detector.keypoints === this.sigmas.length;
  }

  /** Put what the detectors propose in one list, each instance once. */
  joined(runs) {
    const likely = runs.map((each, i) => {
      const { search } = this.parts[i];
      return each.flatMap((run) => {
        const smallest = run.size === each[0].size;
        return this.likely(run, search, smallest).map((person) => ({ ...person, scale: run.scale }));
      });
    });
    const posed = likely.filter((_, i) => this.poses(this.parts[i].detector)).flat();
    const kept = [];
    likely.forEach((people, i) => {
      const poses = this.poses(this.parts[i].detector);
      const scores = people.map((person) => person.score);
      const rows = poses ? this.unlikePoses(people, scores) : this.unlikeBoxes(people, scores);
      const new_ = rows
        .map((row) => people[row])
        .filter((person) => kept.every((other) => boxIou(person.box, other.box) < this.settings.same_box));
      kept.push(...(poses ? new_ : new_.map((person) => withPose(person, posed))));
    });
    return kept;
  }

  unlikePoses(people, scores) {
    const similarity = alike(people, this.sigmas);
    return nms(scores, (a, b) => similarity[a][b], this.settings.same_pose);
  }

  unlikeBoxes(people, scores) {
    return nms(scores, (a, b) => boxIou(people[a].box, people[b].box), this.settings.same_box);
  }

  likely(run, search, smallest) {
    const fine = run.size === search.fine && !smallest;
    const least = fine ? FINE * search.min_score : search.min_score;
    return run.people.filter(({ box, score }) => {
      const side = Math.max(box[2] - box[0], box[3] - box[1], 0) * run.scale;
      return score >= least && (smallest || side <= search.biggest);
    });
  }
}

/** Give a box the keypoints that a detector sees in it. */
function withPose(person, posed) {
  let best = null;
  let most = AGREE;
  for (const other of posed) {
    const overlap = boxIou(person.box, other.box);
    if (overlap > most) {
      most = overlap;
      best = other;
    }
  }
  return best ? { ...person, xy: best.xy, conf: best.conf, scale: best.scale } : person;
}

/** The score that one detector gives to a place; with keypoints, what it finds twice vouches for each other. */
function evidence(box, runs, keypoints) {
  let total = 0;
  for (const run of runs) {
    const scores = run.people.filter((person) => boxIou(box, person.box) > AGREE).map((person) => person.score);
    if (keypoints) total += scores.reduce((sum, score) => sum + score, 0);
    else total = Math.max(total, ...scores);
  }
  return total;
}
