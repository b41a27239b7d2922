/** Steady points while the video runs, one state an id, no look-ahead: poise/filters/smoothing.py. */

import * as kalman from "./kalman.js";
import {boxSize, pointSigma, pointWeight} from "./uncertainty.js";

export const ONE_EURO = {min_cutoff_hz: 0.2, beta: 3.5, speed_cutoff_hz: 1.0, max_jump: 0.1};
export const KALMAN = {agility: 0.6, noise: 1.0, max_speed: 2.0};
export const CONSTANTS = {
  JUMP: 0.8, // sizes: further from one frame to the next is a cut, or an id that jumped to somebody else
  SURGE: 4.0, // a frame may carry a point this many times as far as its low-passed speed says
};
const {JUMP, SURGE} = CONSTANTS;

export class Smoother {
  /**
   * @param {object} skeleton `sigmas`
   * @param {true|"one-euro"|"kalman"} [method]
   * @param {number} [maxGapS] longest pause after which a point still goes on from where it was, seconds
   */
  constructor(skeleton, method = "one-euro", maxGapS = 0.5) {
    if (![true, "one-euro", "kalman"].includes(method)) {
      throw new RangeError(`no filter named ${JSON.stringify(method)}; known: true, one-euro, kalman`);
    }
    this.kalman = method === "kalman";
    this.maxGapS = maxGapS;
    // A corner of the box is as uncertain as the points that span it are on average.
    const corner = skeleton.sigmas.reduce((a, b) => a + b, 0) / skeleton.sigmas.length;
    this.spreads = [...skeleton.sigmas, corner, corner];
    this.reset();
  }

  /** Forget everything, as for a new source. */
  reset() {
    this.states = new Map(); // id to {size, points}; a point of null was never seen
    this.time = -Infinity;
  }

  /**
   * Steady the keypoints and boxes of the next frame.
   * @param {import("../frame.js").Instance[]} instances with ids
   * @param {number} time seconds; it must increase
   * @returns {import("../frame.js").Instance[]}
   */
  update(instances, time) {
    if (!(time > this.time)) throw new RangeError(`time must increase, got ${time} s after ${this.time} s`);
    this.time = time;
    const ids = new Set(instances.map((one) => one.id));
    for (const [id, state] of this.states) {
      const last = Math.max(...state.points.map((point) => point?.last ?? -Infinity));
      if (!ids.has(id) && time - last > this.maxGapS) this.states.delete(id);
    }
    return instances.map((one) => this._step(one));
  }

  _step(one) {
    let state = this.states.get(one.id);
    if (!state) this.states.set(one.id, (state = {size: NaN, points: this.spreads.map(() => null)}));
    const size = boxSize(one.box);
    if (Number.isFinite(size)) state.size = size;
    const count = one.xy.length / 2;
    const z = Float64Array.of(...one.xy, ...one.box);
    const near = state.points.map((point, p) => {
      const seen = Number.isFinite(z[2 * p] + z[2 * p + 1]);
      return seen && point !== null && this.time - point.last <= this.maxGapS;
    });
    const jumped = hasJumped(z, state, near);
    // Results hold single precision.
    const out = new Float32Array(z.length).fill(NaN);
    state.points.forEach((point, p) => {
      const [x, y] = [z[2 * p], z[2 * p + 1]];
      if (!Number.isFinite(x + y)) return;
      const conf = p < count ? one.conf?.[p] : one.score;
      const guess = pointSigma(conf, state.size, this.spreads[p]);
      const sigma = [0, 1].map((axis) => {
        const own = p < count && one.sigma ? one.sigma[2 * p + axis] : NaN;
        return Number.isFinite(own) ? own : guess;
      });
      const measured = {x, y, sigma, weight: pointWeight(...sigma, state.size, this.spreads[p])};
      const size = Number.isFinite(state.size) ? state.size : 1;
      const step = this.kalman ? kalmanPoint : oneEuroPoint;
      const goesOn = near[p] && !jumped;
      const now = step(goesOn ? point : null, measured, goesOn ? this.time - point.last : 1, size);
      state.points[p] = {...now, last: this.time};
      [out[2 * p], out[2 * p + 1]] = [now.x, now.y];
    });
    const steady = Float64Array.from(out);
    return {...one, xy: steady.slice(0, 2 * count), box: steady.slice(2 * count)};
  }
}

/** The next state of a One-Euro filter (Casiez, Roussel and Vogel 2012) of both axes; speed in sizes a second. */
function oneEuroPoint(before, {x, y, weight}, dt, size) {
  if (!before) return {x, y, vx: 0, vy: 0};
  const m = ONE_EURO;
  let gx = (x - before.x) / size;
  let gy = (y - before.y) / size;
  const reach = m.max_jump + SURGE * length(before.vx, before.vy) * dt;
  const held = Math.min(1, reach / Math.max(length(gx, gy), 1e-12));
  gx *= held;
  gy *= held;
  const quick = alpha(m.speed_cutoff_hz, dt);
  const vx = before.vx + quick * (gx / dt - before.vx);
  const vy = before.vy + quick * (gy / dt - before.vy);
  const share = alpha((m.min_cutoff_hz + m.beta * length(vx, vy)) * weight, dt);
  return {x: before.x + share * gx * size, y: before.y + share * gy * size, vx, vy};
}

/** The next state of a Kalman filter of each axis. */
function kalmanPoint(before, {x, y, sigma}, dt, size) {
  const axes = [x, y].map((z, axis) => {
    const variance = (KALMAN.noise * sigma[axis]) ** 2;
    const r = Number.isFinite(variance) ? variance : 1;
    if (!before) return kalman.start(z, r, KALMAN.max_speed * size);
    return kalman.correct(kalman.predict(before.axes[axis], dt, (KALMAN.agility * size) ** 2), z, r);
  });
  return {x: axes[0][0], y: axes[1][0], axes};
}

const length = (x, y) => Math.sqrt(x * x + y * y);

/** The share of a new value in a low-pass of this cutoff. */
function alpha(cutoffHz, dt) {
  const turn = 2 * Math.PI * cutoffHz * dt;
  return turn / (1 + turn);
}

/** Whether most of an instance's points are somewhere else altogether. */
function hasJumped(z, {size, points}, near) {
  let both = 0;
  let far = 0;
  points.forEach((point, p) => {
    if (!near[p]) return;
    both++;
    if (length(z[2 * p] - point.x, z[2 * p + 1] - point.y) > JUMP * size) far++;
  });
  return far * 2 > both;
}
