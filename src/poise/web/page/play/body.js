/**
 * What a player does: the take-off of a jump, a duck, where they stand. The definitions are those of
 * src/poise/gestures/sets/quick.toml; a test holds both to the same presses on the same tracks.
 */

const LEAST_CONF = 0.3;
// Networks place a point of a small person to about two pixels; see gestures/definitions/scorers.py.
const LEAST_TRUNK = 48;
const KEPT_S = 1.2;
const SPEED_OVER_S = 0.1;
const MEDIAN_FROM_FPS = 20;
const RELEASE_S = 0.15;
const COOLDOWN_S = 0.35;
// What is down stays down until it fits by this much less.
const HYSTERESIS = 0.15;
// Keypoints of coco17.
const SHOULDERS = [5, 6];
const HIPS = [11, 12];
const ANKLES = [15, 16];
const NEEDED = ["shoulders", "hips", "ankles"];
const TRUNK_OF_WIDTH = 1.4;

/** The scores of the present: 1 well inside of the limits, one half at a limit, 0 outside. */
function least(conditions) {
  let score = 1;
  for (const {value, min = -Infinity, max = Infinity, soft} of conditions) {
    const inside = Math.min((value - min) / soft, (max - value) / soft) + 0.5;
    score = Number.isNaN(inside) ? 0 : Math.min(score, Math.max(0, inside));
  }
  return score;
}

/** The middle of two points that are both seen, else null. */
function middle(points, [a, b]) {
  const [p, q] = [points[a], points[b]];
  if (!(p?.[2] >= LEAST_CONF && q?.[2] >= LEAST_CONF)) return null;
  return [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
}

/** Measures of one frame, pixels, y up; null where a point is not seen. */
export function measure(points) {
  const shoulders = middle(points, SHOULDERS);
  const hips = middle(points, HIPS);
  const ankles = middle(points, ANKLES);
  const trunk = shoulders && hips ? Math.hypot(shoulders[0] - hips[0], shoulders[1] - hips[1]) : NaN;
  const width = shoulders ? Math.hypot(points[5][0] - points[6][0], points[5][1] - points[6][1]) : NaN;
  return {
    trunk: Number.isNaN(trunk) ? width * TRUNK_OF_WIDTH : Math.max(trunk, width * TRUNK_OF_WIDTH),
    place: shoulders ? shoulders[0] : NaN,
    shoulders: shoulders ? -shoulders[1] : NaN,
    hips: hips ? -hips[1] : NaN,
    feet: ankles ? -Math.max(points[15][1], points[16][1]) : NaN,
    legs: hips && ankles ? ankles[1] - hips[1] : NaN,
    gap: ankles ? Math.hypot(points[15][0] - points[16][0], points[15][1] - points[16][1]) : NaN,
    upright: shoulders && hips
      ? Math.abs((Math.atan2(shoulders[0] - hips[0], hips[1] - shoulders[1]) * 180) / Math.PI)
      : NaN,
    seen: {shoulders: Boolean(shoulders), hips: Boolean(hips), ankles: Boolean(ankles)},
  };
}

const MEASURES = ["trunk", "place", "shoulders", "hips", "feet", "legs", "gap", "upright"];

/** One player’s body over the last moments. */
export class Body {
  constructor() {
    this.reset();
  }

  reset() {
    this.past = [];
    this.raw = [];
    this.ducks = false;
    this.lastLow = 0;
    this.jumped = -Infinity;
    this.inJump = false;
    this.lastFit = 0;
    /** Which parts the last frame shows. */
    this.seen = {shoulders: false, hips: false, ankles: false};
    /** Where the player stands, -1 to 1, from the picture's left to its right. */
    this.place = 0;
  }

  /** Whether all of the player is seen that the game asks for. */
  get whole() {
    return NEEDED.every((part) => this.seen[part]);
  }

  /**
   * Take the next frame.
   * @param {number[][]} points of coco17: x, y, conf
   * @param {number} time seconds
   * @param {number} width of the picture, pixels
   * @returns {("jump"|"duck"|"rise")[]} what begins
   */
  update(points, time, width) {
    const {seen, ...raw} = measure(points);
    this.seen = seen;
    if (Number.isFinite(raw.place)) this.place = (2 * raw.place) / width - 1;
    const before = this.past.at(-1);
    if (before && time <= before.time) this.reset();
    this.raw = [...this.raw.slice(-2), {time, ...raw}];
    this.past.push({time, ...this.#steadied()});
    while (this.past[0].time < time - KEPT_S) this.past.shift();
    const scale = this.#scale();
    if (!(scale >= LEAST_TRUNK) || this.past.length < 3) return this.#tell(0, 0, 0, time);
    return this.#tell(this.#takeOff(scale), this.#duck(scale), this.#low(scale), time);
  }

  /** The present with single frames that are off left out, where frames come quickly. */
  #steadied() {
    const now = this.raw.at(-1);
    if (this.raw.length < 3 || now.time - this.raw[0].time > 2.2 / MEDIAN_FROM_FPS) return now;
    const steadied = {...now};
    for (const name of MEASURES) {
      const [a, b, c] = this.raw.map((one) => one[name]);
      if ([a, b, c].every(Number.isFinite)) steadied[name] = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    }
    return steadied;
  }

  #scale() {
    const trunks = this.past.map((one) => one.trunk).filter((one) => one > 0).sort((a, b) => a - b);
    return trunks[Math.floor(trunks.length / 2)] ?? NaN;
  }

  /** Values of a measure in the last seconds, in trunks; gaps are left out, long ones make all of it unknown. */
  #column(name, seconds, scale) {
    const since = this.past.at(-1).time - seconds - 1e-9;
    const rows = this.past.filter((one) => one.time >= since);
    const known = rows.filter((one) => Number.isFinite(one[name]));
    if (known.length < 0.8 * rows.length || known.length < 3) return [];
    return known.map((one) => ({time: one.time, value: one[name] / scale}));
  }

  #takeOff(scale) {
    const now = this.past.at(-1);
    const [feet, hips, legs] = ["feet", "hips", "legs"].map((name) => this.#column(name, 0.5, scale));
    return least([
      {value: now.upright, max: 40, soft: 20},
      {value: now.legs / scale, min: 1.05, soft: 0.3},
      {value: growth(feet), min: 0.12, soft: 0.1},
      {value: growth(hips), min: 0.28, soft: 0.16},
      {value: pace(hips), min: 2, soft: 1},
      {value: change(legs), min: 0.14, soft: 0.1},
    ]);
  }

  #duck(scale) {
    const now = this.past.at(-1);
    const [feet, hips, shoulders] = ["feet", "hips", "shoulders"].map((name) => this.#column(name, 1, scale));
    return least([
      {value: now.legs / scale, max: 1.3, soft: 0.2},
      {value: drop(hips), min: 0.3, soft: 0.2},
      {value: drop(shoulders), min: 0.35, soft: 0.2},
      {value: change(feet), max: 0.2, soft: 0.1},
      {value: now.gap / scale, max: 1.2, soft: 0.3},
      {value: now.upright, max: 75, soft: 20},
    ]);
  }

  #low(scale) {
    return least([{value: this.past.at(-1).legs / scale, max: 1.35, soft: 0.2}]);
  }

  #tell(takeOff, duck, low, time) {
    const said = [];
    if (this.inJump) {
      if (takeOff >= 0.5 - HYSTERESIS) this.lastFit = time;
      else if (time - this.lastFit >= RELEASE_S - 1e-9) this.inJump = false;
    } else if (takeOff >= 0.5 && time - this.jumped >= COOLDOWN_S - 1e-9) {
      this.inJump = true;
      this.jumped = this.lastFit = time;
      said.push("jump");
    }
    if (this.ducks) {
      if (Math.max(duck, low) >= 0.5 - HYSTERESIS) this.lastLow = time;
      else if (time - this.lastLow >= RELEASE_S - 1e-9) {
        this.ducks = false;
        said.push("rise");
      }
    } else if (duck >= 0.5) {
      this.ducks = true;
      this.lastLow = time;
      said.push("duck");
    }
    return said;
  }
}

const values = (column) => column.map((one) => one.value);
const growth = (column) => (column.length ? column.at(-1).value - Math.min(...values(column)) : NaN);
const drop = (column) => (column.length ? Math.max(...values(column)) - column.at(-1).value : NaN);
const change = (column) => (column.length ? Math.max(...values(column)) - Math.min(...values(column)) : NaN);

/** The present speed, per second, either way. */
function pace(column) {
  if (column.length < 3) return NaN;
  const step = (column.at(-1).time - column[0].time) / (column.length - 1);
  const lag = Math.min(column.length - 1, Math.max(1, Math.round(SPEED_OVER_S / step)));
  const [a, b] = [column.at(-1 - lag), column.at(-1)];
  return Math.abs(b.value - a.value) / (b.time - a.time);
}

/**
 * Choose who plays: who played before, else the largest.
 * @param {object[]} instances of a record
 * @param {number|null} id who played before
 */
export function choosePlayer(instances, id) {
  const same = instances.find((one) => one.id !== null && one.id === id);
  if (same) return same;
  const size = ({box: [left, top, right, bottom]}) => (right - left) * (bottom - top);
  return instances.reduce((best, one) => (!best || size(one) > size(best) ? one : best), null);
}
