/**
 * Search the picture, look at each person, score, and drop what is seen twice; follow people from frame to frame.
 *
 * The counterpart of `poise/estimators/topdown.py`.
 */

import { boxArea, nms } from "./geometry.js";
import { alike, alikeOrPart, contested, decay, extent, move } from "./people.js";
import { channelsOf, clip } from "./pictures.js";
import { personScore, pointScores } from "./scoring.js";
import { Clock } from "./clock.js";
import { Finder } from "./search.js";
import { Looker, mean } from "./crops.js";
import { DETECTORS, REFINERS } from "./detectors.js";

const DECAY_FROM = 0.3; // OKS with a better instance from which a score is lowered
const DOUBT = 0.4; // share of the wanted score below which an instance is not looked at again
const IN_BOX = 0.6; // confidence from which a keypoint widens its instance's box
const CONTESTED = 0.2; // share of its confidence that a keypoint keeps when it is another instance's
// In video: an instance whose keypoints are less sure than LOST on average is lost; two more alike than MERGED have run
// into one; a picture whose thumbnail changes by more grey levels than SCENE is another scene.
const LOST = 0.08;
const MERGED = 0.6;
const SCENE = 30;
const CROWD = 3; // a search of the whole picture costs about as much as following so many people
const FRAME = 1 / 25; // seconds a frame where no times are given

/** What is kept of one video. */
class Followed {
  last = null; // people of the last frame, with what was found of them at the last search
  searched = -Infinity; // time of the last search of a whole picture, seconds
  time = -FRAME;
  thumb = null;
  cost = 0; // seconds that the last search took
}

export class TopDown {
  /**
   * @param {object} model  of the manifest: `settings`, `skeleton`, `names`
   * @param {Record<string, {spec: object}>} networks  of the manifest
   * @param {Record<string, object>} opened  networks of `runtime.js`, by name
   */
  constructor(model, networks, opened) {
    this.skeleton = model.skeleton;
    this.settings = { max_oks: 0.9, refresh: 0.4, point: {}, person: {}, ...model.settings };
    const made = (families, name) => new families[networks[name].spec.family](networks[name].spec, opened[name]);
    const detectors = this.settings.detectors.map(({ network }) => made(DETECTORS, network));
    this.finder = new Finder(this.settings, detectors, this.skeleton.sigmas);
    const { refiner } = this.settings;
    /** A live picture is not searched again before so many times what the last search took: 0 as in Python. */
    this.patience = 0;
    this.looker = refiner ? new Looker(this.settings, made(REFINERS, refiner), this.skeleton) : null;
  }

  memory() {
    return this.looker ? new Followed() : null;
  }

  /**
   * Find the people of a picture.
   *
   * @param {import("./pictures.js").Picture} picture
   * @param {{conf: number, imgsz?: number | null, maxDet: number}} options
   * @param {Followed | null} memory  of the video; null: the picture stands alone
   * @param {number} time  seconds
   */
  async predict(picture, options, memory = null, time = 0) {
    const clock = new Clock();
    if (!memory) {
      const searched = await this.searched(picture, options, clock);
      return this.finish(picture, searched, options, clock).estimate;
    }
    const thumb = thumbnail(picture);
    const cut = !memory.thumb || changed(memory.thumb, thumb) > SCENE;
    const count = memory.last?.length ?? 0;
    const crowd = Math.min(1, (CROWD / Math.max(count, 1)) ** 2);
    const pace = Math.max(this.settings.refresh * crowd, this.patience * memory.cost);
    const waited = time - memory.searched;
    const due = cut || !(waited >= 0 && waited < pace);
    memory.thumb = thumb;
    memory.time = time;
    clock.lap("preprocess");
    const followed = due ? null : await this.follow(picture, memory, options, clock);
    if (followed) return followed;
    memory.searched = time;
    const begun = performance.now();
    const searched = await this.searched(picture, options, clock);
    memory.cost = (performance.now() - begun) / 1000;
    const { estimate, rows } = this.finish(picture, searched, options, clock);
    memory.last = rows.map((row) => searched[row].person);
    return estimate;
  }

  /** Refine the people of the last frame where they were; null where the whole picture must be searched. */
  async follow(picture, memory, options, clock) {
    const { last } = memory;
    if (!this.looker || !last?.length) return null;
    const before = last.filter(({ box }) => {
      const x = (box[0] + box[2]) / 2;
      const y = (box[1] + box[3]) / 2;
      return x >= 0 && y >= 0 && x <= picture.width && y <= picture.height;
    });
    // The last frame's keypoints point, and are not averaged with.
    const around = before.map((person) => ({ ...person, box: extent(person.xy, person.conf, person.box), scale: 0 }));
    const seen = await this.looker.look(picture, around, clock, { once: true });
    const people = seen.map(({ xy, looks }, i) => {
      const weight = before[i].conf.map((value, k) => value * looks.conf[k]);
      const box = move(before[i].box, before[i].xy, xy, weight);
      return { person: { ...before[i], box, xy, conf: looks.conf }, looks };
    });
    const sure = people.filter(({ looks }) => mean(looks.conf) >= LOST);
    const similarity = alike(
      sure.map(({ person }) => person),
      this.skeleton.sigmas,
    );
    const scores = sure.map((each) => this.scores(each).score);
    const kept = nms(scores, (a, b) => similarity[a][b], MERGED)
      .sort((a, b) => a - b)
      .map((row) => sure[row]);
    clock.lap("postprocess");
    // Somebody lost is a reason to look around, but not in every frame: a doubtful one comes and goes.
    const lost = kept.length < last.length;
    if (!kept.length || (lost && memory.time - memory.searched >= this.settings.refresh / 3)) return null;
    memory.last = kept.map(({ person }) => person);
    return this.finish(picture, kept, options, clock).estimate;
  }

  /** Search the whole picture, and give everybody their final keypoints; who cannot reach the wanted conf is left out. */
  async searched(picture, options, clock) {
    const proposals = await this.finder.find(picture, options.imgsz, clock);
    if (!this.looker) return proposals.map((person) => ({ person, looks: onlyLook(person) }));
    const worth = (person, looks) => this.scores({ person, looks }).score >= DOUBT * options.conf;
    const seen = await this.looker.look(picture, proposals, clock, { worth });
    return seen.map(({ proposal, xy, looks }) => ({ person: { ...proposal, xy, conf: looks.conf }, looks }));
  }

  /** The confidences of keypoints and of the instance. */
  scores({ person, looks }) {
    const points = pointScores(this.settings.point, looks);
    return { points, score: personScore(this.settings.person, person.found, points, looks) };
  }

  /** Score, drop duplicates and unlikely people; also give the rows that are kept. */
  finish(picture, found, options, clock) {
    const scored = found.map((each, row) => ({ row, person: each.person, ...this.scores(each) }));
    const likely = scored.filter(({ score }) => score >= options.conf);
    const { sigmas, flip_idx: flipIdx } = this.skeleton;
    const same = alikeOrPart(
      likely.map(({ person }) => person),
      sigmas,
      flipIdx,
    );
    const scores = likely.map(({ score }) => score);
    const kept = decay(same, scores, DECAY_FROM, this.settings.max_oks)
      .filter(({ score }) => score >= options.conf)
      .slice(0, options.maxDet)
      .map(({ index, score }) => ({ ...likely[index], score }));
    const people = kept.map(({ person }) => person);
    const points = kept.map((each) => each.points);
    const reach = people.map((person) => extent(person.xy, person.conf, person.box));
    const theirs = contested(reach, people, points, sigmas);
    const instances = kept.map(({ person, score }, i) => {
      const conf = points[i].map((value, k) => (theirs[i][k] ? CONTESTED * value : value));
      // A box holds the keypoints that are likely right; where no score was fitted, nobody knows which those are.
      const box = this.settings.point.weights?.length ? extent(person.xy, conf, person.box, IN_BOX) : person.box;
      const clipped = box.map((value, side) => clip(value, 0, side % 2 ? picture.height : picture.width));
      return { box: clipped, conf: score, class: 0, xy: person.xy, pointConf: conf };
    });
    clock.lap("postprocess");
    return { estimate: { instances, speed: clock.speed }, rows: kept.map(({ row }) => row) };
  }
}

function onlyLook(person) {
  const one = new Float32Array(person.conf.length).fill(1);
  const size = Math.log(Math.sqrt(Math.max(boxArea(person.box), 1)));
  return { conf: person.conf, support: one, spread: one.map(() => 0), size };
}

/** The green levels of a picture, very small. */
function thumbnail(picture) {
  const { data, width, height } = picture;
  const channels = channelsOf(picture);
  const stepX = Math.max(1, Math.floor(width / 32));
  const stepY = Math.max(1, Math.floor(height / 18));
  const levels = [];
  for (let y = 0; y < height; y += stepY) {
    for (let x = 0; x < width; x += stepX) levels.push(data[(y * width + x) * channels + 1]);
  }
  return { levels, width, height };
}

function changed(a, b) {
  if (a.width !== b.width || a.height !== b.height) return Infinity;
  return a.levels.reduce((sum, level, i) => sum + Math.abs(level - b.levels[i]), 0) / a.levels.length;
}
