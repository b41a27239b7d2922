/** Where the time of one picture goes; the counterpart of `poise/estimators/_clock.py`. */
export class Clock {
  constructor() {
    /** @type {{preprocess: number, inference: number, postprocess: number}} milliseconds */
    this.speed = { preprocess: 0, inference: 0, postprocess: 0 };
    this.last = performance.now();
  }

  /** Count the time since the last call for a stage. */
  lap(stage) {
    const now = performance.now();
    this.speed[stage] += now - this.last;
    this.last = now;
  }
}
