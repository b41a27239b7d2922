/**
 * The engine that runs in the visitor's own browser: networks, tracking and counting in a worker beside the page.
 *
 *     const engine = await LocalEngine.open({model: "body-fast", reps: "auto"}, {onProgress});
 *     const answer = await engine.process(video, video.currentTime);
 *
 * Answers and settings are those of `poise serve`; `remote.js` speaks to it in the same way.
 */

import { offered } from "./model.js";

export class LocalEngine {
  /** How many frames came while another was being looked at, since the last answer. */
  #dropped = 0;
  /** The frame that waits, with what settles its promise. */
  #waiting = null;
  #busy = false;
  #worker;
  #count = 0;
  /** @type {Map<number, {resolve: Function, reject: Function}>} */
  #asked = new Map();
  #onProgress;

  /** @private Use `LocalEngine.open`. */
  constructor(worker, onProgress) {
    this.#worker = worker;
    this.#onProgress = onProgress;
    worker.onmessage = ({ data }) => this.#heard(data);
    worker.onerror = (event) => this.#fail(event.message || "engine/worker.js could not be loaded; copy the whole folder");
  }

  /**
   * Say what there is to choose from, before anything is loaded.
   *
   * @param {{base?: string | URL}} [options]
   * @returns {Promise<{models: object[], exercises: string[], features: object}>}
   */
  static async describe({ base } = {}) {
    const response = await fetch(new URL("manifest.json", rootOf(base)));
    if (!response.ok) throw new Error(`manifest.json: the server answered ${response.status}; copy the whole folder`);
    return offered(await response.json());
  }

  /**
   * Load the models.
   *
   * @param {object} [settings]  of a stream: `model`, `conf`, `imgsz`, `max_det`, `smooth`, `tracker`, `reps`
   * @param {object} [options]
   * @param {(progress: {loaded: number, total: number, what: string}) => void} [options.onProgress]  bytes
   * @param {string | URL} [options.base]  address of the bundle; that of this script's folder unless given
   * @param {number} [options.threads]  most threads; as many as pay unless given
   * @returns {Promise<LocalEngine>}
   */
  static async open(settings = {}, { onProgress, base, threads } = {}) {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    const engine = new LocalEngine(worker, onProgress);
    try {
      engine.#told(await engine.#ask("open", { base: rootOf(base), settings, threads }));
    } catch (error) {
      engine.close();
      throw error;
    }
    return engine;
  }

  /** Change settings; people are forgotten only where they could not be followed any further. */
  async configure(settings) {
    this.#told(await this.#ask("configure", settings));
  }

  /**
   * Look at a frame. The latest wins: a frame that comes while another is being looked at takes the place of the one
   * that waits, and the promise of that one gives null.
   *
   * @param {ImageBitmap | VideoFrame | HTMLVideoElement | HTMLCanvasElement | HTMLImageElement | ImageData} source
   * @param {number} time  seconds; grows from frame to frame
   * @returns {Promise<object | null>} the answer
   */
  async process(source, time) {
    const picture = source instanceof ImageData ? source : await createImageBitmap(source);
    return new Promise((resolve, reject) => {
      const frame = { picture, time, resolve, reject };
      if (!this.#busy) return this.#send(frame);
      if (this.#waiting) {
        this.#dropped++;
        this.#waiting.picture.close?.();
        this.#waiting.resolve(null);
      }
      this.#waiting = frame;
    });
  }

  /** Forget everybody: the next frame is the first of another source. */
  reset() {
    this.#ask("reset").catch(() => {});
  }

  /** End the worker; promises that are open are rejected. */
  close() {
    this.#worker.terminate();
    this.#fail("the engine is closed");
  }

  #told({ skeleton, info, models, exercises, features }) {
    Object.assign(this, { skeleton, info, models, exercises, features });
  }

  async #send({ picture, time, resolve, reject }) {
    this.#busy = true;
    try {
      const answer = await this.#ask("process", { picture, time }, picture.close ? [picture] : []);
      answer.dropped = this.#dropped;
      this.#dropped = 0;
      resolve(answer);
    } catch (error) {
      reject(error);
    }
    this.#busy = false;
    const next = this.#waiting;
    this.#waiting = null;
    if (next) this.#send(next);
  }

  #ask(what, value, transfer = []) {
    return new Promise((resolve, reject) => {
      const id = ++this.#count;
      this.#asked.set(id, { resolve, reject });
      this.#worker.postMessage({ id, what, value }, transfer);
    });
  }

  #heard({ id, value, error, progress }) {
    if (progress) return this.#onProgress?.(progress);
    const { resolve, reject } = this.#asked.get(id);
    this.#asked.delete(id);
    return error === undefined ? resolve(value) : reject(new Error(error));
  }

  #fail(message) {
    for (const { reject } of this.#asked.values()) reject(new Error(message));
    this.#asked.clear();
  }
}

/** The address of the bundle: what is given, or the folder above this script's. */
function rootOf(base) {
  return base ? new URL(base, location.href).href : new URL("..", import.meta.url).href;
}
