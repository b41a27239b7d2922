/** How fast and how late: what came, what was looked at, and where the time went. Medians of the last seconds. */

const WINDOW_MS = 3000;

export class Meter {
  constructor() {
    this.reset();
  }

  reset() {
    /** When frames came. @type {number[]} */
    this.seen = [];
    /** @type {{at: number, total: number, model: number, travel: number, prepare: number}[]} */
    this.shown = [];
    this.frames = 0;
    this.answers = 0;
    this.started = performance.now();
  }

  /** So many frames came from the source. */
  frame(count, now = performance.now()) {
    this.frames += count;
    for (let i = 0; i < count; i++) this.seen.push(now);
  }

  /**
   * An answer is on the screen.
   * @param {object} answer
   * @param {number} captured when its frame was taken, milliseconds of performance.now()
   * @param {number} wait milliseconds from handing the frame over to the answer
   */
  answer(answer, captured, wait, now = performance.now()) {
    const {preprocess = 0, inference = 0, postprocess = 0, after = 0, decode = 0} = answer.speed ?? {};
    const model = preprocess + inference + postprocess + after + decode;
    const prepare = answer.timing?.encode ?? 0;
    const travel = answer.timing ? Math.max(0, answer.timing.wait - model) : Math.max(0, wait - model);
    this.answers += 1;
    this.shown.push({at: now, total: now - captured, model, travel, prepare});
  }

  /** Sum up the last seconds. */
  read(now = performance.now()) {
    this.seen = this.seen.filter((at) => now - at < WINDOW_MS);
    this.shown = this.shown.filter(({at}) => now - at < WINDOW_MS);
    const seconds = Math.min(WINDOW_MS, Math.max(250, now - this.started)) / 1000;
    const middle = (name) => median(this.shown.map((one) => one[name]));
    const [total, model, travel, prepare] = ["total", "model", "travel", "prepare"].map(middle);
    return {
      analysed: this.shown.length / seconds,
      source: this.seen.length / seconds,
      skipped: Math.max(0, this.frames - this.answers),
      frames: this.frames,
      total,
      model,
      travel,
      prepare,
      // From the frame's own time to its hand-over, and from the answer to the next refresh of the display.
      display: Math.max(0, total - model - travel - prepare),
    };
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : NaN;
}
