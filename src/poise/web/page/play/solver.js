/**
 * From keypoints to the doll's pose, as a mirror shows it.
 *
 * A camera sees no depth. A limb that looks shorter than it is points towards the camera or away from it: how far follows
 * from its length, which way does not. Here arms and thighs are taken to point to the camera and shins away from it, as
 * they mostly do. Where a model measures depth (body-3d), its directions are taken as they are. What is not seen rests.
 */

import {add, cross, SIZES, sub, times} from "./puppet.js";

const LEAST_CONF = 0.3;
// Shares of standing height; see src/poise/bodies/proportions.py.
const SHARES = {trunk: 0.288, upperArm: 0.186, forearm: 0.146, thigh: 0.245, shin: 0.246, shoulders: 0.2, hips: 0.115};
// A limb that looks longer than this part of its length lies across the view: noise would make depth of the rest.
const ACROSS = 0.93;
const NOSE_REACH = 0.072;
const NOSE_DROP = 0.012;
const SETTLE_S = 0.07;
const GROUND_S = 2.5;
const HELD_S = 0.6;
const SOLE = 0.07;
const SIDES = ["left", "right"];
const CHAIN = [
  ["upperArm", "shoulder", "elbow", 1],
  ["forearm", "elbow", "wrist", 1],
  ["thigh", "hip", "knee", 1],
  ["shin", "knee", "ankle", -1],
];

export const unitOf = (vector) => times(vector, 1 / (Math.hypot(...vector) || 1));

/** Directions of somebody who stands at ease and looks into the mirror; their own left is on the left. */
function restOf() {
  const rest = {trunk: [0, 1, 0], shoulders: [-1, 0, 0], hips: [-1, 0, 0], face: [0, 0, 1], crown: [0, 1, 0]};
  for (const [side, x] of [["left", -1], ["right", 1]]) {
    rest[`${side}_upperArm`] = unitOf([0.2 * x, -1, 0]);
    rest[`${side}_forearm`] = unitOf([0.08 * x, -1, 0.25]);
    rest[`${side}_thigh`] = unitOf([0.06 * x, -1, 0]);
    rest[`${side}_shin`] = unitOf([0.02 * x, -1, 0]);
  }
  return rest;
}

export class MirrorSolver {
  constructor() {
    this.reset();
  }

  reset() {
    this.wanted = restOf();
    this.now = restOf();
    this.root = {x: 0, jump: 0};
    this.at = {x: 0, jump: 0};
    this.height = 0;
    this.soles = [];
    /** Which limbs are not seen: left_arm and so on. */
    this.bare = {};
    this.seen = {};
    /** When each bone was seen last. */
    this.when = {};
    /** Whether depth is measured rather than estimated. */
    this.measured = false;
    this.last = -Infinity;
  }

  /**
   * Take a person.
   * @param {object} instance of a record; `xyz` where the model gives it
   * @param {string[]} names of its keypoints
   * @param {number} width of the picture, pixels
   * @param {number} time seconds
   */
  update(instance, names, width, time) {
    const row = Object.fromEntries(names.map((name, i) => [name, i]));
    const point = (name) => {
      const found = instance.keypoints[row[name]];
      return found && found[0] !== null && (found[2] ?? 1) >= LEAST_CONF ? found : null;
    };
    const space = (name) => {
      const found = instance.xyz?.[row[name]];
      return found && found[0] !== null ? [-found[0], -found[1], -found[2]] : null;
    };
    this.last = time;
    this.measured = Boolean(instance.xyz?.some((one) => one && one[0] !== null));
    this.#measure(point);
    const height = this.height;
    if (!(height > 0)) return;
    const rest = restOf();
    const wanted = {};
    // A line of the picture as a direction: mirrored, up is up.
    const across = (a, b, share) => [-(b[0] - a[0]) / (share * height), -(b[1] - a[1]) / (share * height)];
    const direct = (name, from, to, share, sign) => {
      const [p, q] = [point(from), point(to)];
      if (!p || !q) {
        // Missed for a moment, it stays as it was: a limb that comes and goes would flicker.
        this.seen[name] = Math.abs(time - this.when[name]) < HELD_S;
        if (this.seen[name]) wanted[name] = this.wanted[name];
        return;
      }
      this.seen[name] = true;
      this.when[name] = time;
      const [a, b] = [space(from), space(to)];
      wanted[name] = a && b ? unitOf(sub(b, a)) : deepen(across(p, q, share), sign);
    };
    for (const side of SIDES) {
      for (const [bone, from, to, sign] of CHAIN) direct(`${side}_${bone}`, `${side}_${from}`, `${side}_${to}`, SHARES[bone], sign);
    }
    this.#trunk(wanted, point, space, across);
    this.#head(wanted, point, space);
    this.wanted = {...rest, ...wanted};
    for (const side of SIDES) {
      const arm = this.seen[`${side}_upperArm`];
      this.bare[`${side}_arm`] = !arm;
      this.bare[`${side}_leg`] = !this.seen[`${side}_thigh`];
      // A forearm that is not seen goes on as the upper arm does.
      if (arm && !this.seen[`${side}_forearm`]) this.wanted[`${side}_forearm`] = this.wanted[`${side}_upperArm`];
      if (this.seen[`${side}_thigh`] && !this.seen[`${side}_shin`]) this.wanted[`${side}_shin`] = [0, -1, 0];
    }
    this.#place(point, width, time);
  }

  /** How tall the player stands in the picture: projection shortens limbs and never lengthens them. */
  #measure(point) {
    const heights = [];
    const take = (a, b, share) => {
      const [p, q] = [point(a), point(b)];
      if (p && q) heights.push(Math.hypot(p[0] - q[0], p[1] - q[1]) / share);
    };
    for (const side of SIDES) {
      for (const [bone, from, to] of CHAIN) take(`${side}_${from}`, `${side}_${to}`, SHARES[bone]);
      take(`${side}_shoulder`, `${side}_hip`, SHARES.trunk);
    }
    take("left_shoulder", "right_shoulder", SHARES.shoulders);
    heights.sort((a, b) => b - a);
    const found = heights[Math.min(2, heights.length - 1)];
    if (!found) return;
    // Somebody who comes nearer is followed at once, a limb that turns to the camera makes nobody smaller.
    this.height += (found - this.height) * (!this.height ? 1 : found > this.height ? 0.3 : 0.02);
  }

  #trunk(wanted, point, space, across) {
    const pair = (name) => {
      const [left, right] = [point(`left_${name}`), point(`right_${name}`)];
      return left && right ? {left, right, middle: [(left[0] + right[0]) / 2, (left[1] + right[1]) / 2]} : null;
    };
    const [shoulders, hips] = [pair("shoulder"), pair("hip")];
    const nose = point("nose");
    this.seen.trunk = Boolean(shoulders);
    for (const [name, found, share] of [["shoulders", shoulders, SHARES.shoulders], ["hips", hips, SHARES.hips]]) {
      if (!found) continue;
      const part = name.slice(0, -1);
      const [a, b] = [space(`right_${part}`), space(`left_${part}`)];
      if (a && b) {
        wanted[name] = unitOf(sub(b, a));
        continue;
      }
      // Who turns shows the shoulder that the nose points away from.
      const turned = nose && shoulders ? nose[0] - shoulders.middle[0] : 0;
      const flat = across(found.right, found.left, share);
      // A small sign would make the doll twitch from one side to the other.
      const sure = Math.min(1, Math.abs(turned) / (0.03 * this.height));
      wanted[name] = deepen(flat, turned > 0 ? -sure : sure);
    }
    if (!wanted.hips && wanted.shoulders) wanted.hips = wanted.shoulders;
    if (shoulders && hips) {
      const [a, b] = ["hip", "shoulder"].map((name) => {
        const [l, r] = [space(`left_${name}`), space(`right_${name}`)];
        return l && r ? times(add(l, r), 0.5) : null;
      });
      wanted.trunk = a && b ? unitOf(sub(b, a)) : deepen(across(hips.middle, shoulders.middle, SHARES.trunk), 1);
    }
  }

  #head(wanted, point, space) {
    const nose = point("nose");
    const ears = ["left_ear", "right_ear"].map(point);
    const eyes = ["left_eye", "right_eye"].map(point);
    if (!nose || !(eyes[0] && eyes[1])) return;
    const [a, b, c] = ["left_ear", "right_ear", "nose"].map(space);
    if (a && b && c) {
      wanted.face = unitOf(add(sub(c, times(add(a, b), 0.5)), [0, 0.02, 0]));
    } else {
      const seen = ears.filter(Boolean);
      const back = seen.length === 2 ? seen : eyes;
      const [x, y] = [(back[0][0] + back[1][0]) / 2, (back[0][1] + back[1][1]) / 2];
      const reach = NOSE_REACH * this.height * (seen.length === 2 ? 1 : 0.6);
      const sine = (value) => Math.max(-0.95, Math.min(0.95, value));
      const yaw = Math.asin(sine(-(nose[0] - x) / reach));
      const pitch = Math.asin(sine((nose[1] - y - (seen.length === 2 ? NOSE_DROP : 0.03) * this.height) / reach));
      wanted.face = [Math.sin(yaw) * Math.cos(pitch), -Math.sin(pitch) * 0.8, Math.cos(yaw) * Math.cos(pitch)];
    }
    const roll = Math.atan2(eyes[0][1] - eyes[1][1], Math.abs(eyes[0][0] - eyes[1][0]) + 1e-6);
    wanted.crown = [Math.sin(Math.max(-0.7, Math.min(0.7, roll))), Math.cos(roll), 0];
  }

  /** Where the player stands, and how high the feet are over where they stood. */
  #place(point, width, time) {
    const middle = ["left_hip", "right_hip"].map(point).filter(Boolean);
    const body = middle.length ? middle : ["left_shoulder", "right_shoulder"].map(point).filter(Boolean);
    if (body.length) {
      const x = body.reduce((sum, one) => sum + one[0], 0) / body.length;
      this.root.x = Math.max(-1.5, Math.min(1.5, (-(x - width / 2) / this.height) * 1.75));
    }
    const ankles = ["left_ankle", "right_ankle"].map(point);
    this.root.jump = 0;
    if (!ankles[0] || !ankles[1]) return;
    const sole = Math.max(ankles[0][1], ankles[1][1]);
    this.soles.push([time, sole]);
    while (this.soles[0][0] < time - GROUND_S) this.soles.shift();
    // The ground is where the feet were most of the time: the third highest number of the last seconds.
    const sorted = this.soles.map((one) => one[1]).sort((a, b) => b - a);
    const ground = sorted[Math.floor(sorted.length / 4)];
    const up = (ground - sole) / this.height;
    this.root.jump = up > 0.02 ? Math.min(0.8, (up - 0.01) * 1.75) : 0;
  }

  /** Nobody is in sight. */
  lose() {
    this.wanted = restOf();
    this.root = {x: 0, jump: 0};
    this.bare = {};
    this.seen = {};
    this.when = {};
  }

  /** The doll's pose now, a moment nearer to what was seen. */
  pose(seconds) {
    const part = 1 - Math.exp(-seconds / SETTLE_S);
    for (const name of Object.keys(this.now)) {
      const moved = add(this.now[name], times(sub(this.wanted[name], this.now[name]), part));
      // Straight through the middle lies no direction: then it goes round by the front.
      this.now[name] = Math.hypot(...moved) > 0.05 ? unitOf(moved) : [0, 0, 1];
    }
    this.at.x += (this.root.x - this.at.x) * part;
    this.at.jump += (this.root.jump - this.at.jump) * Math.min(1, part * 1.6);
    return assemble(this.now, this.at);
  }
}

/** Give a line of the picture, in lengths of its limb, the depth that makes it a direction; sign: towards the camera. */
function deepen([x, y], sign) {
  const far = Math.hypot(x, y);
  const shown = Math.min(1, far / ACROSS);
  if (far < 1e-6) return [0, 0, Math.sign(sign) || 1];
  return unitOf([(x / far) * shown, (y / far) * shown, sign * Math.sqrt(1 - shown * shown)]);
}

/** Put the doll's own limbs together along directions. */
export function assemble(directions, {x, jump}) {
  const d = directions;
  const hips = [x, 0, 0];
  const neck = add(hips, times(d.trunk, SIZES.trunk));
  // Across the trunk, whatever the shoulders say.
  const flat = (line) => unitOf(sub(line, times(d.trunk, dot(line, d.trunk))));
  const [shoulders, hipLine] = [flat(d.shoulders), flat(d.hips)];
  const forward = unitOf(cross(d.trunk, shoulders));
  const crown = unitOf(add(d.crown, times(d.trunk, 0.4)));
  const face = unitOf(sub(d.face, times(crown, dot(d.face, crown))));
  const pose = {
    hips, neck, forward,
    chest: add(hips, times(d.trunk, SIZES.trunk * 0.6)),
    head: add(add(neck, times(crown, SIZES.neck + SIZES.head * 0.82)), times(forward, 0.03)),
    face: unitOf(add(face, times(crown, dot(d.face, crown)))),
    up: crown,
    front: forward[2],
  };
  // The crown stands upright on the face, so that the band fits.
  pose.up = unitOf(sub(crown, times(pose.face, dot(crown, pose.face))));
  for (const [side, sign] of [["left", 1], ["right", -1]]) {
    const shoulder = add(add(neck, times(d.trunk, -0.04)), times(shoulders, sign * SIZES.shoulder));
    const elbow = add(shoulder, times(d[`${side}_upperArm`], SIZES.upperArm));
    const hip = add(hips, times(hipLine, sign * SIZES.hip));
    const knee = add(hip, times(d[`${side}_thigh`], SIZES.thigh));
    const ankle = add(knee, times(d[`${side}_shin`], SIZES.shin));
    // Toes point where the body does, and a little outwards.
    const toe = unitOf(add([forward[0], 0, Math.max(0.25, Math.abs(forward[2])) * (forward[2] < 0 ? -1 : 1)], times(hipLine, sign * 0.35)));
    Object.assign(pose, {
      [`${side}_shoulder`]: shoulder, [`${side}_elbow`]: elbow, [`${side}_hip`]: hip, [`${side}_knee`]: knee,
      [`${side}_wrist`]: add(elbow, times(d[`${side}_forearm`], SIZES.forearm)),
      [`${side}_ankle`]: ankle,
      [`${side}_toe`]: add(ankle, add(times(toe, SIZES.foot), [0, -0.02, 0])),
    });
  }
  const lowest = Math.min(pose.left_ankle[1], pose.right_ankle[1]) - SOLE;
  for (const [name, value] of Object.entries(pose)) {
    if (Array.isArray(value) && !["face", "up", "forward"].includes(name)) pose[name] = add(value, [0, jump - lowest, 0]);
  }
  return pose;
}

const dot = ([a, b, c], [x, y, z]) => a * x + b * y + c * z;
