/**
 * Look at instances one by one with a refining network, and average what the looks agree on.
 *
 * The counterpart of `poise/estimators/crops.py`.
 */

import { boxArea } from "./geometry.js";
import { spreads } from "./people.js";
import { mapped, quarters, torsoOf, upright } from "./upright.js";

const WITHIN = 2.5; // spreads between two predictions of one keypoint that are taken for the same
const FINER = 2.0; // how much finer than the refiner a detector may see somebody and still gain by it
const LEAST = 1e-6;
// Somebody with a detector's score of BOXED or more, whose keypoints have a mean score below POOR, may lie. A turned
// look counts where its mean score is TURN times as high, and LIES or more.
const POOR = 0.45;
const BOXED = 0.25;
const TURN = 1.6;
const LIES = 0.25;
const SHARP = 2; // how crops are shrunk: of still pictures and searched frames
const QUICK = 1; // and of followed frames

export class Looker {
  /**
   * @param {object} settings  of the model
   * @param {{prepare: Function, run: Function, decode: Function}} refiner
   * @param {object} skeleton
   */
  constructor(settings, refiner, skeleton) {
    this.settings = settings;
    this.refiner = refiner;
    this.sigmas = skeleton.sigmas;
    this.torso = torsoOf(skeleton.keypoints);
    this.looks = settings.looks?.length ? settings.looks : [[...refiner.spec.size, refiner.spec.expand ?? 1.25]];
    this.chunk = settings.chunk ?? 1;
    this.trust = settings.trust ?? 0.5;
  }

  /**
   * @param {import("./pictures.js").Picture} picture
   * @param {object[]} proposals  people with `found` and `scale`; their keypoints point at whom to look for
   * @param {import("./clock.js").Clock} clock
   * @param {{worth?: (proposal: object, looks: object) => boolean, once?: boolean}} [options]
   *   `worth` tells after the first look who is worth the others; `once`: take the first look only
   * @returns {Promise<{proposal: object, xy: Float32Array, looks: object}[]>}
   */
  async look(picture, proposals, clock, { worth, once = false } = {}) {
    let turns = proposals.map((proposal) => quarters(proposal, this.torso));
    let seen = proposals.map(() => []);
    const gap = once ? QUICK : SHARP;
    const looks = once ? this.looks.slice(0, 1) : this.looks;
    for (let number = 0; number < looks.length; number++) {
      if (number && worth) {
        const kept = [...proposals.keys()].filter((i) => worth(proposals[i], this.agreed(seen[i], proposals[i]).looks));
        [proposals, turns, seen] = [proposals, turns, seen].map((list) => kept.map((i) => list[i]));
        worth = undefined;
      }
      const found = await this.lookOnce(picture, proposals, turns, looks[number], gap, clock);
      found.forEach((each, i) => seen[i].push(each));
      if (number === 0 && !once) turns = await this.turned(picture, proposals, turns, seen, gap, clock);
    }
    const made = proposals.map((proposal, i) => ({ proposal, ...this.agreed(seen[i], proposal) }));
    clock.lap("postprocess");
    return made;
  }

  /** Average looks with each other, and with the keypoints of the detectors. */
  agreed(seen, proposal) {
    const { box, scale } = proposal;
    // A network is as sharp as another where it sees the instance as large; the variance of either grows with the
    // square of a pixel's size.
    const side = Math.max(box[2] - box[0], box[3] - box[1], 0) * scale;
    const [, height, expand] = this.looks[0];
    const sharp = Math.min(side * (expand / height), FINER) ** 2;
    const conf = new Float32Array(proposal.conf.length);
    for (let k = 0; k < conf.length; k++) conf[k] = seen.reduce((sum, look) => sum + look.conf[k], 0) / seen.length;
    const points = [...seen.map((look) => look.xy), proposal.xy];
    const weights = [...seen.map((look) => look.conf), proposal.conf.map((value) => value * this.trust * sharp)];
    return agree(points, weights, conf, box, this.sigmas);
  }

  /** Look once more, turned, at whom a detector is sure of and the first look is not; give the best turns. */
  async turned(picture, proposals, turns, seen, gap, clock) {
    if (!this.settings.lying || !this.torso || !proposals[0]?.found.length) return turns;
    turns = [...turns];
    const again = [...proposals.keys()].filter(
      (i) => mean(seen[i][0].conf) < POOR && proposals[i].found[0] >= BOXED && turns[i] === 0,
    );
    const some = again.map((i) => proposals[i]);
    for (const turn of [1, 3, 2]) {
      const lying = await this.lookOnce(picture, some, some.map(() => turn), this.looks[0], gap, clock);
      lying.forEach((look, n) => {
        const row = again[n];
        const lies = mean(look.conf);
        if (lies >= LIES && lies > TURN * mean(seen[row][0].conf)) {
          seen[row][0] = look;
          turns[row] = turn;
        }
      });
    }
    return turns;
  }

  /** Run the network on the region of each instance, turned as each one is. */
  async lookOnce(picture, proposals, turns, look, gap, clock) {
    const made = new Array(proposals.length);
    for (const rows of parts(turns, this.chunk)) {
      const cuts = rows.map((i) => upright(picture, proposals[i].box, look, turns[i], gap));
      const feeds = this.refiner.prepare(cuts.map((each) => each.crop));
      clock.lap("preprocess");
      const outputs = await this.refiner.run(feeds);
      clock.lap("inference");
      const hints = rows.map((i, n) => ({ xy: mapped(cuts[n].matrix, proposals[i].xy), conf: proposals[i].conf }));
      this.refiner.decode(outputs, hints).forEach((found, n) => {
        made[rows[n]] = { xy: mapped(cuts[n].matrix, found.xy, true), conf: found.conf };
      });
      clock.lap("postprocess");
    }
    return made;
  }
}

/** The rows of each run: of one turn, and no more than a run takes. */
function* parts(turns, chunk) {
  for (const turn of [...new Set(turns)].sort()) {
    const rows = [...turns.keys()].filter((i) => turns[i] === turn);
    for (let start = 0; start < rows.length; start += chunk) yield rows.slice(start, start + chunk);
  }
}

/** Average predictions of the same keypoints where they agree; NaN for none. */
function agree(points, weights, conf, box, sigmas) {
  const spread = spreads(box, sigmas);
  const xy = new Float32Array(2 * conf.length);
  const support = new Float32Array(conf.length);
  const apart = new Float32Array(conf.length);
  for (let k = 0; k < conf.length; k++) {
    const looks = points.map((point, i) => {
      const there = Number.isFinite(point[2 * k]) && Number.isFinite(point[2 * k + 1]);
      return { x: there ? point[2 * k] : 0, y: there ? point[2 * k + 1] : 0, weight: there ? weights[i][k] : 0, there };
    });
    const base = looks.length > 2 ? supported(looks, spread[k]) : looks[0];
    let total = 0;
    let all = 0;
    for (const look of looks) {
      look.far = Math.hypot(look.x - base.x, look.y - base.y) / spread[k];
      all += look.weight;
      if (look.far < WITHIN) total += look.weight;
    }
    const whole = Math.max(total, LEAST);
    let x = 0;
    let y = 0;
    let squared = 0;
    for (const look of looks) {
      const share = look.far < WITHIN ? look.weight / whole : 0;
      x += look.x * share;
      y += look.y * share;
      squared += share * Math.min(look.far, WITHIN) ** 2;
    }
    xy[2 * k] = total > 0 ? x : base.x;
    xy[2 * k + 1] = total > 0 ? y : base.y;
    support[k] = total / Math.max(all, LEAST);
    apart[k] = Math.sqrt(squared);
  }
  const size = Math.log(Math.sqrt(Math.max(boxArea(box), 1)));
  return { xy, looks: { conf, support, spread: apart, size } };
}

/** The prediction that most others support. */
function supported(looks, spread) {
  let best = null;
  let most = -Infinity;
  for (const one of looks) {
    let support = one.there ? 0 : -1;
    if (one.there) {
      for (const other of looks) {
        const far = ((one.x - other.x) ** 2 + (one.y - other.y) ** 2) / spread ** 2;
        support += Math.exp(-far / 2) * other.weight;
      }
    }
    if (support > most) {
      most = support;
      best = one;
    }
  }
  return best;
}

export function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
