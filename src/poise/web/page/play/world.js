/** The game without its picture: a runner, what comes towards them, and what happens when they meet. Lengths in metres. */

const GRAVITY = 22;
const TAKE_OFF = 8.6;
const TALL = 1.78;
const LOW = 1.2;
const HALF_WIDTH = 0.2;
// A body takes a moment longer than a finger: whoever jumps or ducks this soon after touching something is let through.
const GRACE_S = 0.14;
const LEAST_DUCK_S = 0.5;
const SAFE_S = 1.6;
const HEARTS = 3;
const AHEAD = 26;
const PER_DOT = 5;

/** How quick it is, and how far things are apart, for bodies and for fingers. */
const PACES = {
  body: {speed: 4.6, most: 8, faster: 0.03, apart: [2.3, 3.4], least: 1.5},
  keys: {speed: 5.8, most: 12, faster: 0.07, apart: [1.25, 2.3], least: 0.85},
};

/** Looks at the player a second that are needed to see a jump and a duck, and those from which on nothing is slowed down. */
export const NEEDED = {low: 6, high: 3, ease: 8};
const SLOWEST = 0.5;

/** What stands in the way: `low` is jumped over, `high` is ducked under. */
export const KINDS = {
  hurdle: {low: true, width: 0.3, top: 0.72, bottom: 0},
  stones: {low: true, width: 1.0, top: 0.5, bottom: 0},
  log: {low: true, width: 0.7, top: 0.58, bottom: 0},
  gate: {low: false, width: 0.5, top: 2.2, bottom: 1.34},
  bird: {low: false, width: 0.7, top: 2.0, bottom: 1.4},
  branch: {low: false, width: 0.9, top: 2.1, bottom: 1.36},
};

/** Random numbers that are the same for the same seed. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class World {
  /**
   * @param {"body"|"keys"} control
   * @param {number} seed
   */
  constructor(control = "keys", seed = 1) {
    this.control = control;
    this.pace = PACES[control];
    this.random = randomOf(seed);
    this.time = 0;
    this.distance = 0;
    this.speed = this.pace.speed;
    this.hearts = HEARTS;
    this.dots = 0;
    this.over = false;
    /** @type {{kind: string, x: number, passed: boolean, touched: number|null, hit: boolean}[]} */
    this.things = [];
    /** @type {{x: number, y: number, taken: number|null}[]} */
    this.lights = [];
    this.runner = {y: 0, rise: 0, air: false, duck: false, since: 0, safe: 0, landed: -9, hitAt: -9};
    this.wantsDuck = false;
    /** How often a second the player is looked at; keys are seen at once. */
    this.looks = Infinity;
    this.next = 13;
    this.sprint = 0;
    /** What happened since it was last asked. @type {string[]} */
    this.happened = [];
  }

  get score() {
    return Math.floor(this.distance) + PER_DOT * this.dots;
  }

  /** What the runner does: `run`, `jump` or `duck`. */
  get doing() {
    return this.runner.air ? "jump" : this.runner.duck ? "duck" : "run";
  }

  get height() {
    return this.runner.duck ? LOW : TALL;
  }

  /** Whether the player is looked at often enough to see what this thing asks for. */
  #judged(kind) {
    return this.looks >= (KINDS[kind].low ? NEEDED.low : NEEDED.high);
  }

  jump() {
    const {runner} = this;
    if (this.over || runner.air) return;
    this.wantsDuck = false;
    Object.assign(runner, {air: true, rise: TAKE_OFF, duck: false, since: this.time});
    this.happened.push("jump");
  }

  /** Go down, or up again; in the air it brings the runner down. */
  duck(down) {
    const {runner} = this;
    this.wantsDuck = down;
    if (!down || this.over) return;
    if (runner.air) runner.rise = Math.min(runner.rise, -TAKE_OFF * 0.8);
    else this.#goDown();
  }

  #goDown() {
    if (!this.runner.duck) this.happened.push("duck");
    Object.assign(this.runner, {duck: true, since: this.runner.duck ? this.runner.since : this.time});
  }

  /** Let some time pass, seconds. */
  update(seconds) {
    if (this.over) return;
    // Who is looked at rarely is seen late, and gets more time.
    const ease = Math.min(1, Math.max(SLOWEST, this.looks / NEEDED.ease));
    // In small steps, so that nothing is jumped through where frames are few.
    for (let left = ease * Math.min(seconds, 0.1); left > 0; left -= 1 / 120) this.#step(Math.min(left, 1 / 120));
  }

  #step(seconds) {
    const {runner, pace} = this;
    this.time += seconds;
    const wanted = Math.min(pace.most, pace.speed + pace.faster * this.time);
    // After a stumble the pace comes back slowly.
    this.speed += (wanted - this.speed) * Math.min(1, seconds * 1.2);
    this.distance += this.speed * seconds;
    if (runner.air) {
      runner.y += runner.rise * seconds - (GRAVITY * seconds * seconds) / 2;
      runner.rise -= GRAVITY * seconds;
      if (runner.y <= 0) {
        Object.assign(runner, {y: 0, rise: 0, air: false, landed: this.time});
        this.happened.push("land");
        if (this.wantsDuck) this.#goDown();
      }
    } else if (runner.duck && !this.wantsDuck && this.time - runner.since >= LEAST_DUCK_S) {
      runner.duck = false;
    }
    this.#fill();
    this.#meet();
  }

  /** Put things ahead, so far apart that there is time for each. */
  #fill() {
    while (this.next < this.distance + AHEAD) {
      const at = this.next;
      const level = Math.min(1, this.distance / 400);
      const seen = Object.keys(KINDS).filter((kind) => this.#judged(kind));
      const kinds = seen.length ? seen : Object.keys(KINDS);
      const kind = kinds[Math.floor(this.random() * kinds.length)];
      this.#put(kind, at);
      const [shortest, longest] = this.pace.apart;
      const most = longest - (longest - shortest) * 0.5 * level;
      const seconds = Math.max(this.pace.least, shortest * (1 - 0.25 * level) + this.random() * (most - shortest));
      // Two hurdles in one jump, now and then.
      if (kind === "hurdle" && level > 0.15 && this.random() < 0.3) this.#put("hurdle", at + 1.0, false);
      const gap = seconds * this.speed;
      if (this.random() < 0.75) this.#line(at + gap * 0.38, gap * 0.3);
      this.next = at + gap;
    }
    this.things = this.things.filter((one) => one.x > this.distance - 9);
    this.lights = this.lights.filter((one) => one.x > this.distance - 9 && !(this.time - one.taken > 0.5 && one.taken));
  }

  #put(kind, x, lights = true) {
    this.things.push({kind, x, passed: false, touched: null, hit: false});
    if (!lights) return;
    // An arc over what is jumped, a row under what is ducked.
    const {low} = KINDS[kind];
    for (let i = -2; i <= 2; i++) {
      const y = low ? 1.15 + 1.35 * (1 - (i / 2.6) ** 2) : 0.55;
      this.lights.push({x: x + i * (low ? 0.72 : 0.6), y, taken: null});
    }
  }

  #line(x, length) {
    const count = Math.max(2, Math.floor(length / 0.8));
    for (let i = 0; i < count; i++) this.lights.push({x: x + i * 0.8, y: 0.95, taken: null});
  }

  #meet() {
    const {runner, distance} = this;
    const top = runner.y + this.height;
    for (const light of this.lights) {
      if (light.taken !== null || Math.abs(light.x - distance) > 0.5) continue;
      if (light.y > runner.y - 0.35 && light.y < top + 0.35) {
        light.taken = this.time;
        this.dots += 1;
        this.happened.push("dot");
      }
    }
    for (const thing of this.things) {
      const {low, width, top: high, bottom} = KINDS[thing.kind];
      const inside = Math.abs(thing.x - distance) < width / 2 + HALF_WIDTH;
      const touches = inside && (low ? runner.y < high - 0.12 : top > bottom && runner.y < high);
      if (thing.x < distance - 1 && !thing.passed) {
        thing.passed = true;
        if (!thing.hit) this.happened.push("passed");
      }
      if (thing.hit || this.time < runner.safe || !this.#judged(thing.kind)) continue;
      if (touches && thing.touched === null) thing.touched = this.time;
      if (thing.touched === null) continue;
      const saved = low ? runner.air : runner.duck;
      if (saved && this.time - thing.touched <= GRACE_S + 0.25) {
        thing.hit = false;
        if (!inside) thing.touched = null;
      } else if (this.time - thing.touched > GRACE_S) this.#hit(thing);
    }
  }

  #hit(thing) {
    thing.hit = true;
    thing.touched = null;
    this.hearts -= 1;
    this.runner.safe = this.time + SAFE_S;
    this.runner.hitAt = this.time;
    this.speed *= 0.45;
    this.happened.push("hit");
    if (this.hearts <= 0) {
      this.over = true;
      this.happened.push("over");
    }
  }

  /** What happened since the last call. */
  take() {
    return this.happened.splice(0);
  }
}

/** Play by itself, for the picture behind the title: jump and duck in time. */
export function playAlone(world) {
  const {distance, speed, runner} = world;
  const next = world.things.find((one) => one.x > distance - 0.6);
  if (!next) return world.duck(false);
  const seconds = (next.x - distance) / speed;
  const {low} = KINDS[next.kind];
  if (low && !runner.air && seconds < 0.36 && seconds > 0.1) world.jump();
  world.duck(!low && seconds < 0.35);
}
