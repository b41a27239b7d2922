/** The mirror: the doll on its stage, which can be turned, with trails behind the hands. */

import {add, drawPuppet, Ribbon, times} from "./puppet.js";
import {MirrorSolver} from "./solver.js";

const TALL = 2.75;
const TRAIL_S = 0.5;
const GONE_S = 1.5;
const THEMES = {
  light: {
    wall: ["#fdf3e3", "#f3ddc3"], arch: ["#ffffff", "#d5ecea"], frame: ["#e9b97c", "#b9803f"], floor: ["#e7c79d", "#d3ab79"],
    stage: ["#ffffff", "#e4d7c2"], shadow: "rgb(70 45 20 / 24%)", plant: ["#3aa37c", "#2a8765"], pot: ["#e08a5b", "#b9633a"], glint: "rgb(255 255 255 / 75%)",
  },
  dark: {
    wall: ["#1b2044", "#12152f"], arch: ["#33407a", "#1f2a57"], frame: ["#c79a5f", "#7d5729"], floor: ["#272b52", "#1a1d3d"],
    stage: ["#4a5090", "#2d3266"], shadow: "rgb(0 0 0 / 45%)", plant: ["#2f8f78", "#1f6b5a"], pot: ["#9d5f58", "#6b3b3b"], glint: "rgb(190 205 255 / 14%)",
  },
};

export class Mirror {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.solver = new MirrorSolver();
    this.ribbon = new Ribbon(8, 0.085);
    this.turn = 0;
    this.calm = false;
    this.time = 0;
    this.trails = {left: [], right: []};
    this.followed = false;
    /** The pose that was drawn last. */
    this.pose = null;
    this.setTheme("light");
  }

  setTheme(name) {
    this.theme = THEMES[name];
  }

  /** Take an answer's player, or null where nobody is seen; without a time they are gone at once. */
  take(instance, names, width, time) {
    if (instance) this.solver.update(instance, names, width, time);
    // A frame or two in which somebody is missed is no leaving: the doll would wave in between.
    else if (this.followed && Math.abs(time - this.solver.last) < GONE_S) return;
    else this.solver.lose();
    this.followed = Boolean(instance);
  }

  draw(seconds) {
    const {canvas, context, solver, theme} = this;
    const {width, height} = canvas;
    this.time += seconds;
    if (!this.followed) this.#idle();
    const pose = (this.pose = solver.pose(Math.min(0.1, seconds)));
    const unit = Math.min(height / TALL, width / 2.1);
    const floor = height - Math.max(0.16 * height, 0.42 * unit);
    const [c, s] = [Math.cos(this.turn), Math.sin(this.turn)];
    const middle = width / 2;
    const project = ([x, y, z = 0]) => {
      const depth = -x * s + z * c;
      const near = 1 + depth * 0.09;
      return [middle + (x * c + z * s) * unit * near, floor - y * unit * near + depth * 0.1 * unit];
    };
    this.#room(width, height, unit, floor, middle);
    const ground = project([pose.hips[0], 0, 0]);
    const lift = Math.min(pose.left_ankle[1], pose.right_ankle[1]);
    context.fillStyle = theme.shadow;
    context.beginPath();
    context.ellipse(ground[0], ground[1] + 0.02 * unit, unit * 0.36 * Math.max(0.5, 1.06 - lift), unit * 0.075, 0, 0, 2 * Math.PI);
    context.fill();
    this.#trails(pose, project, unit);
    const turned = Object.fromEntries(
      Object.entries(pose).map(([name, value]) => [name, Array.isArray(value) ? [value[0] * c + value[2] * s, value[1], -value[0] * s + value[2] * c] : value]),
    );
    turned.front = turned.forward[2];
    const flat = ([x, y, z = 0]) => {
      const near = 1 + z * 0.09;
      return [middle + x * unit * near, floor - y * unit * near + z * 0.1 * unit];
    };
    this.ribbon.update(add(turned.head, times(turned.face, -0.24)), [0.5 * Math.sin(this.time), 0], seconds);
    const blink = !this.calm && this.time % 3.7 < 0.12;
    const high = Math.max(pose.left_wrist[1], pose.right_wrist[1]) > pose.head[1] + 0.2 || solver.at.jump > 0.12;
    drawPuppet(context, turned, flat, unit, {ribbon: this.ribbon, blink, mouth: high ? "open" : "smile", bare: solver.bare});
  }

  /** Nobody is there: the doll waves, so that one sees what it can do. */
  #idle() {
    if (this.calm) return;
    const {wanted} = this.solver;
    const swing = Math.sin(this.time * 5.5);
    const calls = this.time % 6 < 2.6;
    const raise = calls ? [0.75, 0.35, 0.2] : [0.2, -1, 0];
    wanted.right_upperArm = times(raise, 1 / Math.hypot(...raise));
    const fore = calls ? [0.3 + 0.45 * swing, 1, 0.25] : [0.08, -1, 0.25];
    wanted.right_forearm = times(fore, 1 / Math.hypot(...fore));
    wanted.crown = [0.08 * Math.sin(this.time * 1.3), 1, 0];
    const look = [0.25 * Math.sin(this.time * 0.7), 0.02, 1];
    wanted.face = times(look, 1 / Math.hypot(...look));
    wanted.trunk = [0.03 * Math.sin(this.time * 1.1), 1, 0];
  }

  #trails(pose, project, unit) {
    if (this.calm) return;
    for (const [side, colour] of [["left", "42 164 255"], ["right", "255 150 51"]]) {
      const trail = this.trails[side];
      trail.push([this.time, project(pose[`${side}_wrist`])]);
      while (trail[0][0] < this.time - TRAIL_S) trail.shift();
      const {context} = this;
      context.lineCap = "round";
      for (let i = 1; i < trail.length; i++) {
        const [at, [x, y]] = trail[i];
        const [, [px, py]] = trail[i - 1];
        // A hand that rests leaves nothing.
        if (Math.hypot(x - px, y - py) < unit * 0.004) continue;
        const fresh = 1 - (this.time - at) / TRAIL_S;
        context.strokeStyle = `rgb(${colour} / ${Math.round(55 * fresh)}%)`;
        context.lineWidth = unit * 0.1 * fresh;
        context.beginPath();
        context.moveTo(px, py);
        context.lineTo(x, y);
        context.stroke();
      }
    }
  }

  #fill(colours, x0, y0, x1, y1) {
    const shade = this.context.createLinearGradient(x0, y0, x1, y1);
    colours.forEach((colour, i) => shade.addColorStop(i / (colours.length - 1), colour));
    this.context.fillStyle = shade;
  }

  #room(width, height, unit, floor, middle) {
    const {context, theme} = this;
    const line = floor - 0.2 * unit;
    this.#fill(theme.wall, 0, 0, 0, line);
    context.fillRect(0, 0, width, line);
    this.#fill(theme.floor, 0, line, 0, height);
    context.fillRect(0, line, width, height - line);
    // The mirror, in a frame of wood.
    const half = Math.min(0.98 * unit, width * 0.46);
    const top = Math.max(0.06 * height, floor - 2.36 * unit);
    const sway = -this.turn * unit * 0.25;
    for (const [grow, colours] of [[0.075, theme.frame], [0, theme.arch]]) {
      this.#fill(colours, middle - half, top, middle + half, floor);
      context.beginPath();
      const r = half + grow * unit;
      context.roundRect(middle - r + sway, top - grow * unit, 2 * r, line - top + 0.05 * unit + grow * unit, [r, r, 0.04 * unit, 0.04 * unit]);
      context.fill();
      if (!grow) {
        context.save();
        context.clip();
        context.fillStyle = theme.glint;
        for (const [x, wide] of [[-0.75, 0.22], [-0.4, 0.07], [0.62, 0.12]]) {
          context.beginPath();
          context.moveTo(middle + sway + x * half, line);
          context.lineTo(middle + sway + (x + wide) * half, line);
          context.lineTo(middle + sway + (x + wide + 0.75) * half, top);
          context.lineTo(middle + sway + (x + 0.75) * half, top);
          context.globalAlpha = 0.55;
          context.fill();
          context.globalAlpha = 1;
        }
        context.restore();
      }
    }
    if (width > 3.1 * unit) {
      this.#plant(middle - half - 0.42 * unit, line + 0.12 * unit, unit, 1);
      this.#plant(middle + half + 0.46 * unit, line + 0.16 * unit, unit * 0.82, -1);
    }
    // The round stage.
    context.fillStyle = theme.shadow;
    context.beginPath();
    context.ellipse(middle, floor + 0.11 * unit, 1.02 * unit, 0.19 * unit, 0, 0, 2 * Math.PI);
    context.fill();
    this.#fill(theme.stage, middle - unit, floor - 0.1 * unit, middle + unit, floor + 0.2 * unit);
    context.beginPath();
    context.ellipse(middle, floor + 0.05 * unit, 0.95 * unit, 0.17 * unit, 0, 0, 2 * Math.PI);
    context.fill();
  }

  #plant(x, y, unit, side) {
    const {context, theme} = this;
    context.fillStyle = theme.shadow;
    context.beginPath();
    context.ellipse(x, y + 0.01 * unit, 0.2 * unit, 0.045 * unit, 0, 0, 2 * Math.PI);
    context.fill();
    for (let i = 0; i < 7; i++) {
      const lean = ((i - 3) / 3) * 0.9 + 0.06 * Math.sin(this.calm ? i : this.time * 0.9 + i);
      const tall = unit * (0.78 - 0.14 * Math.abs(i - 3) * 0.6);
      const [tx, ty] = [x + Math.sin(lean) * tall * 0.85 * side, y - 0.24 * unit - Math.cos(lean) * tall];
      context.fillStyle = theme.plant[i & 1];
      context.beginPath();
      context.moveTo(x, y - 0.2 * unit);
      context.quadraticCurveTo(x + Math.sin(lean * 0.4) * tall * 0.2 - 0.1 * unit, y - 0.5 * unit, tx, ty);
      context.quadraticCurveTo(x + Math.sin(lean) * tall * 0.4 + 0.12 * unit, y - 0.42 * unit, x, y - 0.2 * unit);
      context.fill();
    }
    this.#fill(theme.pot, x - 0.17 * unit, 0, x + 0.17 * unit, 0);
    context.beginPath();
    context.moveTo(x - 0.17 * unit, y - 0.28 * unit);
    context.lineTo(x + 0.17 * unit, y - 0.28 * unit);
    context.lineTo(x + 0.12 * unit, y + 0.02 * unit);
    context.lineTo(x - 0.12 * unit, y + 0.02 * unit);
    context.fill();
  }
}
