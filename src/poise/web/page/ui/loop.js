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
    Object.assign(this, {engine, media, paused: false, busy: 0, newest: 0, presented: null});
    this.began = performance.now();
    if (media.kind === "picture") this.again();
    else this.#next(this.turn);
  }

  stop() {
    this.turn += 1;
    this.media = null;
  }

  /** Look at a still picture once more, because the settings changed. */
  again() {
    if (this.media?.kind !== "picture") return;
    this.engine.reset();
    this.meter.frame(1);
    this.#process(this.media.bitmap, 0, performance.now());
  }

  #next(turn) {
    const {video} = this.media;
    const act = (now, metadata) => {
      if (turn !== this.turn) return;
      this.#frame(now, metadata);
      this.#next(turn);
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(act);
    else requestAnimationFrame((now) => act(now, null));
  }

  #frame(now, metadata) {
    const {video, live} = this.media;
    if (this.paused) {
      this.presented = null;
      return;
    }
    if (!metadata) {
      // Without the callback for video frames: the time tells whether there is a new one.
      if (video.currentTime === this.presented) return;
      this.presented = video.currentTime;
      this.meter.frame(1, now);
    } else {
      this.meter.frame(this.presented === null ? 1 : Math.max(1, metadata.presentedFrames - this.presented), now);
      this.presented = metadata.presentedFrames;
    }
    const captured = Math.min(now, metadata?.captureTime ?? now);
    const time = live ? Math.max(0, captured - this.began) / 1000 : (metadata?.mediaTime ?? video.currentTime);
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
      if (answer && turn === this.turn) {
        this.onAnswer({answer, bitmap, captured, number, wait: performance.now() - handed});
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
