/** Hands frames to the engine, the newest first and never more than it can take, and answers to whoever shows them. */

export class Loop {
  /**
   * @param {import("./meter.js").Meter} meter
   * @param {(shot: {answer: object, bitmap: ImageBitmap|null, captured: number, wait: number}) => void} onAnswer takes over the bitmap
   * @param {(error: Error) => void} onProblem
   */
  constructor(meter, onAnswer, onProblem) {
    Object.assign(this, {meter, onAnswer, onProblem});
    /** Show the very frame that was looked at, rather than the newest with a skeleton that is a little late. */
    this.inStep = false;
    this.paused = false;
    this.turn = 0;
  }

  /** @param {import("./media.js").Media} media */
  start(engine, media) {
    this.stop();
    Object.assign(this, {engine, media, paused: false, busy: 0, newest: 0, past: 0, presented: null});
    this.began = performance.now();
    if (media.kind === "picture") this.again();
    else this.#next(this.turn);
  }

  stop() {
    this.turn += 1;
    this.media = null;
  }

  /** Take no more answers to the frames that are on their way: they are of the time before a reset. */
  forget() {
    this.past = this.newest;
  }

  /** Look at a still picture once more, because the settings changed. */
  again() {
    if (this.media?.kind !== "picture") return;
    this.engine.reset();
    this.meter.frame(1);
    this.#process(this.media.bitmap, 0, performance.now());
  }

  #next(turn) {
    this.media.video.requestVideoFrameCallback((now, metadata) => {
      if (turn !== this.turn) return;
      this.#frame(now, metadata);
      this.#next(turn);
    });
  }

  #frame(now, metadata) {
    const {video, live} = this.media;
    // A file that is paused shows a new frame only where the visitor looks for one.
    if (this.paused && live) {
      this.presented = null;
      return;
    }
    const {presentedFrames, captureTime = now, mediaTime} = metadata;
    this.meter.frame(this.presented === null ? 1 : Math.max(1, presentedFrames - this.presented), now);
    this.presented = presentedFrames;
    const captured = Math.min(now, captureTime);
    const time = live ? Math.max(0, captured - this.began) / 1000 : mediaTime;
    const free = this.engine.ready ?? this.busy === 0;
    if (free) this.#process(video, time, captured);
  }

  async #process(source, time, captured) {
    const {turn} = this;
    const number = ++this.newest;
    let bitmap = null;
    this.busy += 1;
    try {
      if (this.inStep && source instanceof HTMLVideoElement) bitmap = await createImageBitmap(source);
      const handed = performance.now();
      const answer = await this.engine.process(bitmap ?? source, time);
      if (answer && turn === this.turn && number > this.past) {
        this.onAnswer({answer, bitmap, captured, wait: performance.now() - handed});
        bitmap = null;
      }
    } catch (error) {
      if (turn === this.turn) this.onProblem(error);
    } finally {
      bitmap?.close();
      if (turn === this.turn) this.busy -= 1;
    }
  }
}
