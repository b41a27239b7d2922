/** One tracker for one stream, who is who from frame to frame: poise/tracking/_tracker.py. */

import {assign} from "../geometry.js";
import {colourDistance, follow, limbDistance} from "./appearance.js";
import {boxSimilarity, duplicates, poseSimilarity} from "./association.js";
import {beginTrack, describe, readDetections} from "./detections.js";
import * as kalman from "./kalman.js";
import {readSettings} from "./settings.js";

/** Where each is from: the Python file. Motion is in units of the person's size. */
export const CONSTANTS = {
  FRAME: 1 / 30, // seconds between frames whose times do not advance
  BOX_OFF: 0.1,
  ACCELERATION: [0.8, 0.5, 2.0], // of the centre, the box's sides, a keypoint: sizes / s^1.5
  FIRST_SPEED: [2.0, 0.5, 2.5], // standard deviation of the speed of somebody new: sizes / s
  MEMORY: [Infinity, 0.5, 0.2], // seconds after which a velocity of its own is forgotten
  SECOND_COST: 0.6, // highest cost of an unlikely instance: it must be where the track is
  NEW_COST: 0.7, // highest cost of the second sighting of somebody new
  RECOVER: 2.5, // highest mean square deviation of somebody who comes back
  FAR: 9.21, // beyond it nobody has moved
  SIZE_OFF: 0.2, // standard deviation of the logarithm of somebody's height from before to after being hidden
  REPLAY: 8, // points of the line along which a filter is run again
  COLOUR: 0.08, // likeness is multiplied by exp(-COLOUR d)
  COLOUR_MOST: 16.0,
  LOOK_EVERY: 3, // frames between looks at colours and proportions where nobody is in doubt
  LEARN: 0.1, // rate at which proportions and colours are learnt
  SCENE: 30.0, // mean change of a thumbnail in grey levels that makes another scene
};
const C = CONSTANTS;

export class Tracker {
  /**
   * @param {object} skeleton `sigmas`, `edges`
   * @param {string|object} [settings] see settings.js
   */
  constructor(skeleton, settings) {
    this.settings = readSettings(settings);
    this.skeleton = skeleton;
    const all = ([centre, side, point]) =>
      Float64Array.from({length: 4 + 2 * skeleton.sigmas.length}, (_, i) => (i < 2 ? centre : i < 4 ? side : point));
    this.acceleration = all(C.ACCELERATION);
    this.speed = all(C.FIRST_SPEED);
    this.memory = all(C.MEMORY);
    this.reset();
  }

  /** Forget everything: the next frame is the first, the next id is 1. */
  reset() {
    this.tracks = null;
    this.next = 1;
    this.time = 0;
    this.clock = 0; // time of the last frame as it was given
    this.thumb = null;
    this.frame = 0;
  }

  /**
   * Match the instances of the next frame to the tracks.
   * @param {object} frame what readFrame gives
   * @param {?object} picture RGBA {data, width, height}: colours help who comes back, and a cut is seen
   * @returns {import("../frame.js").Instance[]} those that belong to a track, with their ids
   */
  update(frame, picture = null) {
    const seconds = this._advance(frame.time);
    const found = this._found(frame.instances);
    const cut = picture !== null && this._cut(picture);
    const first = cut || this.tracks === null;
    if (first) this.tracks = [];
    this._predict(seconds);
    const holders = this._match(found, picture, frame, first);
    return found
      .map((one) => ({...one.instance, id: holders.get(one) ?? 0}))
      .filter((one) => one.id > 0);
  }

  _advance(time) {
    let step = time - this.clock;
    if (this.tracks === null) step = 0;
    else if (!(step > 0)) step = C.FRAME;
    this.clock = time;
    this.time += step;
    return step;
  }

  _found(instances) {
    const found = readDetections(instances, this.skeleton, this.settings.track_low_thresh, C.BOX_OFF);
    if (!found.some((one) => one.crowded)) return found;
    const limits = {sigmas: this.skeleton.sigmas, maxOks: this.settings.max_oks, maxIou: 0.9};
    const again = duplicates(found, limits);
    return found.filter((_, i) => !again[i]);
  }

  /** Whether this picture is another scene: nobody in it is where the last one left them. */
  _cut({data, width, height}) {
    const down = Math.max(1, Math.floor(height / 18));
    const across = Math.max(1, Math.floor(width / 32));
    const thumb = [];
    for (let y = 0; y < height; y += down) {
      for (let x = 0; x < width; x += across) thumb.push(data[4 * (y * width + x) + 1]);
    }
    const last = this.thumb;
    const shape = `${width} ${height}`;
    this.thumb = {thumb, shape};
    if (last === null) return false;
    const change = thumb.reduce((total, value, i) => total + Math.abs(value - last.thumb[i]), 0) / thumb.length;
    return last.shape !== shape || change > C.SCENE;
  }

  _firstSpeed(one) {
    return this.speed.map((speed) => (speed * one.size) ** 2);
  }

  _predict(seconds) {
    this.tracks = this.tracks.filter((track) => this.time - track.seen <= this.settings.patience);
    if (!(seconds > 0)) return;
    for (const track of this.tracks) {
      const [place, velocity] = track.state;
      const drift = velocity.map((_, i) => (i < 4 ? 0 : velocity[i % 2]));
      const size = Math.sqrt(Math.max(place[2] * place[3], 1));
      const noise = this.acceleration.map((strength) => (strength * size) ** 2);
      track.state = kalman.predict(track.state, seconds, {drift, memory: this.memory, noise});
      for (const side of [2, 3]) track.state[0][side] = Math.max(track.state[0][side], 1);
      track.missed++;
    }
  }

  /** Match, update, bear and lose; returns the id of each detection that belongs to a track. */
  _match(found, picture, frame, first) {
    const {settings: s, tracks} = this;
    const similarity = tracks.map((track) => found.map((one) => this._similarity(track, one)));
    const scored = s.fuse_score ? similarity.map((row) => row.map((value, j) => value * found[j].score)) : similarity;
    const possible = scored.map((row) => row.map((value) => value >= 1 - s.match_thresh));
    const looked = s.recover && this._look(found, possible, picture, frame);
    const likely = looked
      ? scored.map((row, i) => row.map((value, j) => value * resemblance(tracks[i], found[j])))
      : scored;
    const partner = tracks.map(() => -1); // the detection of each track
    const free = found.map(() => true);
    const pair = (cost, rows, columns, maxCost) => {
      const [r, c] = [indices(rows), indices(columns)];
      if (!r.length || !c.length) return;
      const costs = r.map((i) => c.map((j) => cost(i, j)));
      for (const [a, b] of assign(costs, maxCost)) {
        partner[r[a]] = c[b];
        free[c[b]] = false;
      }
    };
    const known = tracks.map((track) => track.number > 0);
    const high = found.map((one) => one.score >= s.track_high_thresh);
    const alone = (rows, long) => rows.map((is, i) => is && partner[i] < 0 && tracks[i].missed > 1 === long);
    const both = (a, b) => a.map((is, i) => is && b[i]);
    // Whether a pair is possible at all, motion decides; who goes first, colours too.
    pair((i, j) => (possible[i][j] ? 1 - likely[i][j] : Infinity), known, high, 1);
    const low = free.map((is, j) => is && !high[j]);
    pair((i, j) => 1 - similarity[i][j], alone(known, false), low, C.SECOND_COST);
    const fresh = found.map((one) => one.score >= s.new_track_thresh);
    if (s.recover) {
      pair((i, j) => recovery(tracks[i], found[j]), alone(known, true), both(free, fresh), C.RECOVER);
    }
    const unconfirmed = known.map((is) => !is);
    pair((i, j) => 1 - scored[i][j], unconfirmed, both(free, high), C.NEW_COST);
    return this._settle(found, partner, both(free, fresh), first, looked);
  }

  /** Likeness of a track and a detection by box and pose, in [0, 1]. */
  _similarity(track, one) {
    if (track.kind !== one.kind) return 0;
    const [place, , spread] = track.state;
    const corners = [
      place[0] - place[2] / 2, place[1] - place[3] / 2, place[0] + place[2] / 2, place[1] + place[3] / 2,
    ];
    const box = boxSimilarity(corners, one.box, Math.sqrt((spread[0] + spread[1]) / 2));
    const share = this.settings.pose_weight;
    if (!(share > 0 && box > 0)) return box;
    const count = track.weight.length;
    const [pose, evidence] = poseSimilarity(place.subarray(4), one.xy, {
      area: place[2] * place[3],
      sigmas: this.skeleton.sigmas,
      weightA: track.weight,
      weightB: one.weight,
      spreads: track.weight.map((_, k) => 0.5 * (spread[4 + 2 * k] + spread[5 + 2 * k])),
    });
    // A quarter of the keypoints surely seen is enough to go by them.
    return box + share * Math.min(evidence / (0.25 * count), 1) * (pose - box);
  }

  /** Measure colours and proportions where these help: to find again, to learn, to choose. Returns whether. */
  _look(found, possible, picture, frame) {
    this.frame++;
    const whole = this.frame % C.LOOK_EVERY === 1 || this.tracks.some((track) => track.missed > 1);
    const choices = (lines) => lines.some((line) => line.filter(Boolean).length > 1);
    if (!found.length || !(whole || choices(possible) || choices(found.map((_, j) => possible.map((row) => row[j]))))) {
      return false;
    }
    describe(found, picture, frame, this.skeleton, whole);
    return true;
  }

  /** Update the tracks that have a detection, drop the newcomers that have none, and begin new tracks. */
  _settle(found, partner, births, first, looked) {
    const updated = indices(partner.map((mine) => mine >= 0));
    const longest = Math.max(0, ...updated.map((i) => this.tracks[i].missed));
    for (const i of updated) this._update(this.tracks[i], found[partner[i]], longest, looked);
    const confirmed = updated.filter((i) => !this.tracks[i].number && this.tracks[i].hits >= this.settings.min_hits);
    // In the order of the instances, so that the same frame gives the same ids.
    for (const i of confirmed.sort((a, b) => partner[a] - partner[b])) this.tracks[i].number = this.next++;
    const holders = new Map(updated.map((i) => [found[partner[i]], this.tracks[i].number]));
    this.tracks = this.tracks.filter((track, i) => partner[i] >= 0 || track.number > 0);
    for (const j of indices(births)) {
      const track = beginTrack(found[j], this._firstSpeed(found[j]), this.time);
      if (first || this.settings.min_hits === 1) track.number = this.next++;
      holders.set(found[j], track.number);
      this.tracks.push(track);
    }
    return holders;
  }

  _update(track, one, longest, looked) {
    const firstSpeed = this._firstSpeed(one);
    track.state = kalman.update(track.state, one.measured, one.noise, firstSpeed);
    if (track.missed > 1) {
      track.state = kalman.replay(track.anchor, track.last, one.measured, this.time - track.seen, one.noise, {
        steps: Math.min(C.REPLAY, longest),
        acceleration: this.acceleration.map((strength) => (strength * one.size) ** 2),
        velocitySpread: firstSpeed,
      });
    }
    track.anchor = track.state;
    track.last = track.last.map((old, i) => (Number.isFinite(one.measured[i]) ? one.measured[i] : old));
    track.weight = track.weight.map((old, k) => (one.weight[k] > 0 ? one.weight[k] : 0.8 * old));
    track.seen = this.time;
    track.missed = 0;
    track.hits++;
    if (looked && !one.crowded) {
      track.limbs = follow(track.limbs, one.limbs, C.LEARN);
      track.look = follow(track.look, one.look, C.LEARN);
    }
  }
}

const indices = (flags) => flags.flatMap((is, i) => (is ? [i] : []));

/** Likeness of colours in (0, 1]. */
function resemblance(track, one) {
  const off = colourDistance(track.look, one.look);
  return Math.exp(-C.COLOUR * Math.min(Number.isNaN(off) ? 1 : off, C.COLOUR_MOST));
}

/** Mean square deviation of motion, height, proportions and colours; infinite where too far. */
function recovery(track, one) {
  const [place, , spread] = track.state;
  let far = 0;
  for (const axis of [0, 1]) far += (one.measured[axis] - place[axis]) ** 2 / (spread[axis] + one.noise[axis]);
  if (!(far <= C.FAR) || track.kind !== one.kind) return Infinity;
  const height = (Math.log(one.measured[3] / place[3]) / C.SIZE_OFF) ** 2;
  const parts = [far / 2, height, limbDistance(track.limbs, one.limbs), colourDistance(track.look, one.look)];
  const seen = parts.filter(Number.isFinite);
  return seen.reduce((total, part) => total + part, 0) / seen.length;
}
