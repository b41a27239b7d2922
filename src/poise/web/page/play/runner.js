/** How the runner moves: angles for running, jumping, ducking and stumbling, and a smooth way between them. */

import {poseOf} from "./puppet.js";

const SOLE = 0.07;
const TURN = 0.5;

const JUMP_UP = {lean: 0.12, left: [2.5, 0.5, 1.15, 1.5], right: [2.2, 0.4, -0.25, 0.5], nod: -0.12};
const JUMP_DOWN = {lean: 0.22, left: [1.7, 0.6, 0.75, 0.75], right: [1.9, 0.5, 0.35, 0.9], nod: 0.1};
const DUCK = {lean: 1.35, left: [0.85, 1.2, 1.85, 2.5], right: [0.4, 1.2, 1.35, 2.45], nod: -0.78};

/** Angles of somebody who runs, at a phase in radians: two steps a turn. */
function running(phase, speed) {
  const reach = Math.min(1, 0.62 + speed * 0.045);
  const leg = (p) => [0.22 + 0.78 * reach * Math.sin(p), 0.28 + 1.45 * reach * Math.max(0, Math.cos(p - 0.25)) ** 1.4];
  const arm = (p) => [0.05 + 0.85 * reach * Math.sin(p), 1.15 + 0.35 * Math.sin(p)];
  const opposite = phase + Math.PI;
  return {
    lean: 0.16 + 0.008 * speed,
    left: [...arm(opposite), ...leg(phase)],
    right: [...arm(phase), ...leg(opposite)],
    nod: 0.04 * Math.sin(2 * phase),
  };
}

function ducking(phase) {
  const step = 0.22 * Math.sin(phase * 1.2);
  const {lean, left, right, nod} = DUCK;
  return {
    lean, nod,
    left: [left[0] - step, left[1], left[2] + step, left[3] + step * 0.5],
    right: [right[0] + step, right[1], right[2] - step, right[3] - step * 0.5],
  };
}

const blend = (a, b, t) => ({
  lean: a.lean + (b.lean - a.lean) * t,
  nod: a.nod + (b.nod - a.nod) * t,
  left: a.left.map((one, i) => one + (b.left[i] - one) * t),
  right: a.right.map((one, i) => one + (b.right[i] - one) * t),
});

export class Runner {
  constructor() {
    this.phase = 0;
    this.now = running(0, 5);
    this.flight = 0;
  }

  /**
   * The pose of the present moment, feet on the ground or as high as the world says.
   * @param {import("./world.js").World} world
   * @param {number} seconds since the last one
   */
  pose(world, seconds) {
    const {runner, speed} = world;
    this.phase += seconds * (4.2 + speed * 0.95);
    const wanted = runner.air
      ? blend(JUMP_UP, JUMP_DOWN, Math.min(1, Math.max(0, 0.5 - runner.rise / 12)))
      : runner.duck
        ? ducking(this.phase)
        : running(this.phase, speed);
    // Landing gives in a little.
    const landed = world.time - runner.landed;
    const give = runner.air || runner.duck ? 0 : Math.max(0, 1 - landed / 0.16);
    const stumble = Math.max(0, 1 - (world.time - runner.hitAt) / 0.6);
    this.now = blend(this.now, wanted, 1 - Math.exp(-seconds * (runner.air ? 16 : 20)));
    const figure = {...this.now, turn: TURN, hips: 0};
    figure.lean += give * 0.18 + stumble * 0.5 * Math.sin(stumble * 9);
    if (give) for (const side of ["left", "right"]) figure[side] = figure[side].map((one, i) => (i === 3 ? one + give * 0.5 : i === 2 ? one + give * 0.25 : one));
    const flat = poseOf(figure);
    const lowest = Math.min(...["left_ankle", "right_ankle", "left_toe", "right_toe"].map((name) => flat[name][1])) - SOLE;
    // Running is a row of small flights.
    const hop = runner.air || runner.duck ? 0 : 0.07 * Math.abs(Math.sin(this.phase + 0.6));
    const lift = runner.y + hop - lowest;
    for (const [name, value] of Object.entries(flat)) {
      if (Array.isArray(value) && !["face", "up", "forward"].includes(name)) value[1] += lift;
    }
    return flat;
  }
}
