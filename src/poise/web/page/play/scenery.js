/** The land that is run through, by day and by night, and what stands in the way. */

import {KINDS} from "./world.js";

/** Heights of the picture in metres, and where the ground is. */
const TALL = 5.2;
const GROUND = 0.2;
/** Where the runner is, as a part of the width. */
const RUNNER_AT = 0.24;

const THEMES = {
  light: {
    sky: ["#8fd3f0", "#d9f1ee", "#fdeecf"], disc: "#fff6d6", glow: "rgb(255 240 190 / 85%)",
    far: ["#a9cfd8", "#8dbcc4"], hills: ["#7fc4a4", "#57ab88"], trees: ["#3f9a78", "#348a6c", "#e8a857"], trunk: "#7b5a43",
    ground: ["#f2dcae", "#e3c48a"], edge: "#5bb384", dark: "rgb(60 60 40 / 20%)", cloud: "rgb(255 255 255 / 78%)",
    wood: ["#c98d55", "#9a6536"], stone: ["#b9bfc0", "#8b9596"], leaf: ["#2f8f6c", "#207556"], light: "#0fb98e", stars: 0,
    bird: ["#5a4b8a", "#3f3468"], white: "#ffffff", red: "#f2495c",
  },
  dark: {
    sky: ["#0a1026", "#1a2550", "#463a6b"], disc: "#fdf3d0", glow: "rgb(190 200 255 / 30%)",
    far: ["#232f5c", "#1d2850"], hills: ["#1f4a55", "#173b46"], trees: ["#1c5a55", "#164a48", "#54407c"], trunk: "#2b2438",
    ground: ["#3b3a5a", "#2a2945"], edge: "#2f8a74", dark: "rgb(0 0 0 / 30%)", cloud: "rgb(160 170 220 / 16%)",
    wood: ["#a8754a", "#6d4528"], stone: ["#7d86a0", "#545c78"], leaf: ["#23816a", "#175c4d"], light: "#4ff0c0", stars: 1,
    bird: ["#b9a8ff", "#8672d8"], white: "#f2f3ff", red: "#f2495c",
  },
};

/** Noise that is the same at the same place. */
function noise(n) {
  const value = Math.sin(n * 127.1 + 311.7) * 43758.5453;
  return value - Math.floor(value);
}

export class Scenery {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.sparks = [];
    this.calm = false;
    this.setTheme("light");
  }

  setTheme(name) {
    this.name = name;
    this.theme = THEMES[name];
  }

  /** Where a point of the world is on the canvas. */
  project = ([x, y]) => [this.left + x * this.unit, this.floor - y * this.unit];

  #measure() {
    const {width, height} = this.canvas;
    // On a tall screen the land is not stretched: there is more sky and more ground.
    this.unit = Math.min(height / TALL, width / 5.4);
    this.floor = height - Math.max(GROUND * height, 0.95 * this.unit);
    this.left = Math.max(RUNNER_AT * width, 1.25 * this.unit);
  }

  /** A few sparks where something happens. */
  spark(x, y, colour, count = 8, speed = 3) {
    if (this.calm) return;
    for (let i = 0; i < count; i++) {
      const angle = (i / count) * 2 * Math.PI + noise(i + x) * 0.8;
      const far = speed * (0.5 + noise(i * 7 + y));
      this.sparks.push({x, y, dx: Math.cos(angle) * far, dy: Math.sin(angle) * far + 1, life: 0.55, colour});
    }
  }

  /** Draw all but the runner, who is drawn by `figure` between what is behind and what is in front. */
  draw(world, seconds, figure) {
    this.#measure();
    const {context, canvas, theme, unit} = this;
    const {width, height} = canvas;
    const at = world.distance;
    const time = this.calm ? 0 : world.time;
    this.#sky(width, height, at, time);
    this.#range(0.04, at, 2.6, 1.0, theme.far[0], 11);
    this.#range(0.08, at, 1.75, 0.8, theme.far[1], 29);
    this.#range(0.2, at, 1.1, 0.5, theme.hills[0], 53);
    this.#trees(0.34, at, 0.55, 71);
    this.#range(0.42, at, 0.5, 0.25, theme.hills[1], 97);
    this.#trees(0.6, at, 0.85, 131);
    this.#ground(width, height, at);
    for (const thing of world.things) this.#thing(thing, world, true);
    const shadow = 0.34 * Math.max(0.45, 1 - world.runner.y * 0.28);
    this.#shadow(0.02, shadow);
    figure(context, this.project, unit);
    for (const thing of world.things) this.#thing(thing, world, false);
    for (const light of world.lights) this.#light(light, world);
    this.#fly(seconds, world);
    this.#grass(at);
  }

  #sky(width, height, at, time) {
    const {context, theme, unit} = this;
    const sky = context.createLinearGradient(0, 0, 0, this.floor);
    theme.sky.forEach((colour, i) => sky.addColorStop(i / 2, colour));
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    if (theme.stars) {
      for (let i = 0; i < 90; i++) {
        const [x, y] = [noise(i) * width, noise(i + 500) * this.floor * 0.75];
        context.globalAlpha = 0.35 + 0.5 * noise(i + 900) * (0.75 + 0.25 * Math.sin(time * 2 + i));
        context.fillStyle = "#fff";
        context.fillRect(x, y, (0.012 + 0.014 * noise(i + 50)) * unit, (0.012 + 0.014 * noise(i + 50)) * unit);
      }
      context.globalAlpha = 1;
    }
    const [x, y, r] = [width * 0.76, this.floor * 0.36, 0.52 * unit];
    const glow = context.createRadialGradient(x, y, r * 0.8, x, y, r * 4.2);
    glow.addColorStop(0, theme.glow);
    glow.addColorStop(1, "rgb(255 255 255 / 0%)");
    context.fillStyle = glow;
    context.fillRect(0, 0, width, this.floor);
    disc(context, x, y, r, theme.disc);
    // The moon has seas.
    for (const [dx, dy, size] of theme.stars ? [[-0.3, -0.2, 0.24], [0.28, 0.22, 0.3], [0.2, -0.42, 0.13]] : []) {
      disc(context, x + dx * r, y + dy * r, size * r, "rgb(214 200 160 / 55%)");
    }
    const span = width + 6 * unit;
    for (let i = 0; i < 5; i++) {
      const cx = ((((noise(i + 3) * span - at * 0.02 * unit - time * 0.05 * unit * (1 + noise(i))) % span) + span) % span) - 3 * unit;
      this.#cloud(cx, this.floor * (0.1 + 0.42 * noise(i + 17)), unit * (0.28 + 0.26 * noise(i + 31)));
    }
  }

  #cloud(x, y, size) {
    const {context, theme} = this;
    context.fillStyle = theme.cloud;
    context.beginPath();
    for (const [dx, dy, r] of [[0, 0, 0.55], [0.6, -0.22, 0.72], [1.25, -0.05, 0.6], [1.8, 0.08, 0.42]]) {
      context.moveTo(x + (dx + r) * size, y + dy * size);
      context.arc(x + dx * size, y + dy * size, r * size, 0, 2 * Math.PI);
    }
    context.roundRect(x - 0.5 * size, y, 2.7 * size, 0.5 * size, 0.25 * size);
    context.fill();
  }

  /** A line of hills that goes by slower than the ground. */
  #range(share, at, base, rough, colour, seed) {
    const {context, canvas, unit, floor} = this;
    const shift = at * share;
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(0, floor + unit);
    const step = Math.max(6, unit * 0.12);
    for (let x = 0; x <= canvas.width + step; x += step) {
      const far = x / unit + shift;
      const high =
        base * 0.55 + rough * (0.5 * Math.sin(far * 0.42 + seed) + 0.32 * Math.sin(far * 0.93 + seed * 2) + 0.18 * Math.sin(far * 2.1 + seed * 3));
      context.lineTo(x, floor - Math.max(0.05, high) * unit);
    }
    context.lineTo(canvas.width, floor + unit);
    context.fill();
  }

  #trees(share, at, size, seed) {
    const {context, theme, unit, canvas, floor} = this;
    const shift = at * share;
    const apart = 1.5 + size;
    const first = Math.floor((shift - 2) / apart);
    for (let n = first; (n * apart - shift) * unit < canvas.width + 2 * unit; n++) {
      if (noise(n + seed) < 0.38) continue;
      const x = (n * apart + noise(n * 3 + seed) * 1.2 - shift) * unit;
      const tall = size * (0.85 + 0.6 * noise(n * 5 + seed)) * unit;
      const colour = noise(n * 11 + seed) > 0.9 ? theme.trees[2] : theme.trees[n & 1];
      context.fillStyle = theme.trunk;
      context.fillRect(x - tall * 0.035, floor - tall * 0.7, tall * 0.07, tall * 0.75);
      context.fillStyle = colour;
      context.beginPath();
      if (noise(n * 7 + seed) > 0.45) {
        context.ellipse(x, floor - tall * 0.95, tall * 0.3, tall * 0.52, 0, 0, 2 * Math.PI);
      } else {
        for (const [dx, dy, r] of [[-0.2, 0.75, 0.24], [0.2, 0.75, 0.24], [0, 1, 0.3]]) {
          context.moveTo(x + (dx + r) * tall, floor - dy * tall);
          context.arc(x + dx * tall, floor - dy * tall, r * tall, 0, 2 * Math.PI);
        }
      }
      context.fill();
    }
  }

  #ground(width, height, at) {
    const {context, theme, unit, floor} = this;
    const soil = context.createLinearGradient(0, floor, 0, height);
    soil.addColorStop(0, theme.ground[0]);
    soil.addColorStop(1, theme.ground[1]);
    context.fillStyle = soil;
    context.fillRect(0, floor, width, height - floor);
    context.fillStyle = theme.edge;
    context.fillRect(0, floor - 0.04 * unit, width, 0.11 * unit);
    context.fillStyle = theme.dark;
    const apart = 0.9;
    for (let n = Math.floor((at - 4) / apart); (n * apart - at) * unit + this.left < width + unit; n++) {
      const x = this.left + (n * apart - at + noise(n) * 0.5) * unit;
      const y = floor + (0.22 + 0.6 * noise(n + 41)) * unit;
      context.beginPath();
      context.roundRect(x, y, (0.12 + 0.3 * noise(n + 7)) * unit, 0.035 * unit, 0.02 * unit);
      context.fill();
    }
  }

  /** Blades in front of everything. */
  #grass(at) {
    const {context, theme, unit, floor, canvas} = this;
    context.fillStyle = theme.edge;
    const apart = 0.62;
    for (let n = Math.floor((at - 4) / apart); (n * apart - at) * unit + this.left < canvas.width + unit; n++) {
      if (noise(n + 77) < 0.45) continue;
      const x = this.left + (n * apart - at + noise(n + 13) * 0.4) * unit;
      const high = (0.07 + 0.1 * noise(n + 19)) * unit;
      context.beginPath();
      for (const lean of [-0.5, 0, 0.5]) {
        context.moveTo(x - 0.025 * unit, floor);
        context.quadraticCurveTo(x, floor - high * 0.6, x + lean * high * 0.9, floor - high * (1 - Math.abs(lean) * 0.35));
        context.quadraticCurveTo(x + 0.02 * unit, floor - high * 0.4, x + 0.03 * unit, floor);
      }
      context.fill();
    }
  }

  #shadow(x, half) {
    const [px, py] = this.project([x, 0]);
    this.context.fillStyle = this.theme.dark;
    this.context.beginPath();
    this.context.ellipse(px, py + 0.035 * this.unit, half * this.unit, 0.06 * this.unit, 0, 0, 2 * Math.PI);
    this.context.fill();
  }

  /** One thing in the way; what is seen through it comes behind the runner, the rest in front. */
  #thing(thing, world, behind) {
    const {context, theme, unit} = this;
    const x = thing.x - world.distance;
    const [px, py] = this.project([x, 0]);
    if (px < -3 * unit || px > this.canvas.width + 3 * unit) return;
    const {top, bottom, width} = KINDS[thing.kind];
    const m = (value) => value * unit;
    if (behind && thing.kind !== "bird") this.#shadow(x, thing.kind === "branch" ? 0.16 : width * 0.7);
    context.save();
    context.translate(px, py);
    if (thing.hit && !KINDS[thing.kind].low) context.globalAlpha = 0.75;
    if (thing.kind === "hurdle") this.#hurdle(m, top, behind, thing.hit);
    else if (thing.kind === "stones" && !behind) this.#stones(m);
    else if (thing.kind === "log" && !behind) this.#log(m);
    else if (thing.kind === "gate") this.#gate(m, bottom, behind);
    else if (thing.kind === "branch") this.#branch(m, bottom, behind);
    else if (thing.kind === "bird" && !behind) this.#bird(m, (top + bottom) / 2, world.time);
    context.restore();
  }

  #bar(x, y, wide, high, round, [light, dark]) {
    const {context} = this;
    const shade = context.createLinearGradient(0, y, 0, y + high);
    shade.addColorStop(0, light);
    shade.addColorStop(1, dark);
    context.fillStyle = shade;
    context.beginPath();
    context.roundRect(x, y, wide, high, round);
    context.fill();
  }

  #hurdle(m, top, behind, fallen) {
    const {context, theme} = this;
    if (fallen) context.rotate(-1.15);
    if (behind) return this.#bar(m(0.08), -m(top - 0.06), m(0.06), m(top - 0.06), m(0.02), theme.stone);
    this.#bar(-m(0.2), -m(top - 0.02), m(0.06), m(top), m(0.02), theme.stone);
    this.#bar(-m(0.34), -m(0.05), m(0.42), m(0.06), m(0.03), theme.stone);
    context.beginPath();
    context.roundRect(-m(0.24), -m(top + 0.02), m(0.42), m(0.2), m(0.05));
    context.fillStyle = theme.white;
    context.fill();
    context.save();
    context.clip();
    context.fillStyle = theme.red;
    for (const x of [-0.2, 0.04]) {
      context.beginPath();
      context.moveTo(m(x), -m(top + 0.03));
      context.lineTo(m(x + 0.12), -m(top + 0.03));
      context.lineTo(m(x + 0.06), -m(top - 0.2));
      context.lineTo(m(x - 0.06), -m(top - 0.2));
      context.fill();
    }
    context.restore();
  }

  #stones(m) {
    const {context, theme} = this;
    for (const [x, w, h] of [[-0.34, 0.34, 0.3], [0.3, 0.42, 0.36], [-0.02, 0.42, 0.56]]) {
      const shade = context.createLinearGradient(-m(0.2), -m(h), m(0.3), 0);
      shade.addColorStop(0, theme.stone[0]);
      shade.addColorStop(1, theme.stone[1]);
      context.fillStyle = shade;
      context.beginPath();
      context.moveTo(m(x - w / 2), m(0.03));
      context.bezierCurveTo(m(x - w * 0.62), -m(h * 0.75), m(x - w * 0.3), -m(h * 1.08), m(x + w * 0.05), -m(h));
      context.bezierCurveTo(m(x + w * 0.5), -m(h * 0.95), m(x + w * 0.62), -m(h * 0.4), m(x + w / 2), m(0.03));
      context.fill();
    }
    context.fillStyle = theme.edge;
    context.beginPath();
    context.ellipse(-m(0.06), -m(0.53), m(0.14), m(0.045), -0.12, 0, 2 * Math.PI);
    context.fill();
  }

  #log(m) {
    const {context, theme} = this;
    this.#bar(-m(0.42), -m(0.54), m(0.84), m(0.56), m(0.26), theme.wood);
    context.fillStyle = "#e9c793";
    context.beginPath();
    context.ellipse(m(0.3), -m(0.26), m(0.15), m(0.24), 0, 0, 2 * Math.PI);
    context.fill();
    context.strokeStyle = theme.wood[1];
    context.lineWidth = m(0.022);
    for (const r of [0.5, 0.85]) {
      context.beginPath();
      context.ellipse(m(0.3), -m(0.26), m(0.15 * r), m(0.24 * r), 0, 0, 2 * Math.PI);
      context.stroke();
    }
    context.fillStyle = theme.edge;
    context.beginPath();
    context.ellipse(-m(0.12), -m(0.53), m(0.2), m(0.05), 0, 0, 2 * Math.PI);
    context.fill();
  }

  #gate(m, bottom, behind) {
    const {context, theme} = this;
    if (behind) return this.#bar(m(0.2), -m(2.25), m(0.11), m(2.25), m(0.03), [theme.wood[1], theme.wood[1]]);
    this.#bar(-m(0.34), -m(2.35), m(0.13), m(2.37), m(0.04), theme.wood);
    this.#bar(-m(0.55), -m(bottom + 0.52), m(1.05), m(0.44), m(0.08), theme.wood);
    context.fillStyle = theme.white;
    context.beginPath();
    for (const x of [-0.25, 0.05, 0.3]) {
      context.moveTo(m(x - 0.1), -m(bottom + 0.4));
      context.lineTo(m(x), -m(bottom + 0.28));
      context.lineTo(m(x + 0.1), -m(bottom + 0.4));
      context.lineTo(m(x + 0.06), -m(bottom + 0.4));
      context.lineTo(m(x), -m(bottom + 0.33));
      context.lineTo(m(x - 0.06), -m(bottom + 0.4));
    }
    context.fill();
  }

  #branch(m, bottom, behind) {
    const {context, theme} = this;
    if (behind) {
      this.#bar(m(0.25), -m(3.4), m(0.2), m(3.42), m(0.06), theme.wood);
      this.#leaves(m, [[0.35, 3.3, 0.62], [-0.15, 3.1, 0.5], [0.85, 3.1, 0.5], [0.35, 3.75, 0.55]], theme.leaf[0]);
      return;
    }
    context.strokeStyle = theme.wood[1];
    context.lineWidth = m(0.11);
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(m(0.34), -m(bottom + 0.95));
    context.quadraticCurveTo(m(0.05), -m(bottom + 0.7), -m(0.5), -m(bottom + 0.3));
    context.stroke();
    this.#leaves(m, [[-0.5, bottom + 0.28, 0.24], [-0.12, bottom + 0.42, 0.3], [-0.36, bottom + 0.55, 0.26], [0.16, bottom + 0.6, 0.22]], theme.leaf[1]);
    this.#leaves(m, [[-0.42, bottom + 0.36, 0.16], [-0.06, bottom + 0.5, 0.2]], theme.leaf[0]);
  }

  #leaves(m, balls, colour) {
    const {context} = this;
    context.fillStyle = colour;
    context.beginPath();
    for (const [x, y, r] of balls) {
      context.moveTo(m(x + r), -m(y));
      context.arc(m(x), -m(y), m(r), 0, 2 * Math.PI);
    }
    context.fill();
  }

  #bird(m, high, time) {
    const {context, theme} = this;
    const flap = this.calm ? 0.3 : Math.sin(time * 14);
    context.translate(0, -m(high + 0.05 * flap));
    context.fillStyle = theme.bird[1];
    wing(context, m, flap * 0.9 + 0.15, 0.04);
    context.fillStyle = theme.bird[0];
    context.beginPath();
    context.ellipse(0, 0, m(0.34), m(0.17), -0.08, 0, 2 * Math.PI);
    context.fill();
    context.beginPath();
    context.moveTo(m(0.28), -m(0.05));
    context.lineTo(m(0.55), -m(0.14));
    context.lineTo(m(0.5), m(0.06));
    context.fill();
    disc(context, -m(0.3), -m(0.1), m(0.155), theme.bird[0]);
    context.fillStyle = "#ffb53d";
    context.beginPath();
    context.moveTo(-m(0.42), -m(0.14));
    context.lineTo(-m(0.58), -m(0.06));
    context.lineTo(-m(0.42), -m(0.03));
    context.fill();
    disc(context, -m(0.35), -m(0.13), m(0.045), "#fff");
    disc(context, -m(0.362), -m(0.127), m(0.023), "#1b2b2a");
    context.fillStyle = theme.bird[1];
    wing(context, m, flap, -0.03);
  }

  /** A keypoint to be collected. */
  #light(light, world) {
    const {context, theme, unit} = this;
    const [x, y] = this.project([light.x - world.distance, light.y]);
    if (x < -unit || x > this.canvas.width + unit) return;
    const gone = light.taken === null ? 0 : Math.min(1, (world.time - light.taken) / 0.28);
    if (gone >= 1) return;
    const pulse = this.calm ? 1 : 1 + 0.07 * Math.sin(world.time * 5 + light.x);
    context.globalAlpha = 1 - gone;
    disc(context, x, y, unit * 0.2 * pulse * (1 + gone), `color-mix(in srgb, ${theme.light} 22%, transparent)`);
    disc(context, x, y, unit * 0.105 * pulse * (1 + gone * 1.5), theme.light);
    disc(context, x, y, unit * 0.05 * pulse, "rgb(255 255 255 / 88%)");
    context.globalAlpha = 1;
  }

  #fly(seconds, world) {
    const {context, unit} = this;
    for (const one of this.sparks) {
      one.life -= seconds;
      one.x += (one.dx - world.speed * 0.4) * seconds;
      one.y += one.dy * seconds;
      one.dy -= 7 * seconds;
      const [x, y] = this.project([one.x, Math.max(0.02, one.y)]);
      context.globalAlpha = Math.max(0, one.life / 0.55);
      disc(context, x, y, unit * 0.045 * (0.4 + one.life), one.colour);
    }
    context.globalAlpha = 1;
    this.sparks = this.sparks.filter((one) => one.life > 0);
  }
}

function wing(context, m, flap, shift) {
  context.beginPath();
  context.moveTo(-m(0.12), -m(0.04));
  context.quadraticCurveTo(m(0.05 + shift), -m(0.42 * flap + 0.1), m(0.3 + shift), -m(0.5 * flap));
  context.quadraticCurveTo(m(0.22 + shift), -m(0.1 * flap), m(0.16), m(0.06));
  context.fill();
}

function disc(context, x, y, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
