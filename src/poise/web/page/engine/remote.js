/**
 * Frames go to `poise serve` over a WebSocket, answers come back. One connection is one stream with its own memory.
 *
 * What it can do besides the interface that all engines share: a second frame travels while the first is looked at
 * (`ready` says when it would not have to wait there); a connection that comes back by itself, of which `onStatus` hears.
 */

// A frame is looked at by a network that sees a few hundred pixels: more would only take longer to send.
const LONGEST_SIDE = 640;
const JPEG_QUALITY = 0.82;
const HEADER_BYTES = 16;
const EVERYTHING = {reps: true, gestures: true, falls: true, posture: true, zones: true, hands: true};
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
// A server opens a model the first time that somebody asks for it.
const READY_WAIT_MS = 30000;

/** @typedef {{state: "open"|"lost"|"refused", message?: string, retryInSeconds?: number}} Status */

export class RemoteEngine {
  /**
   * What the server offers, before a stream is opened.
   * @param {{base?: string|URL}} options
   * @returns {Promise<{models: object[], exercises: string[], features: object}>}
   */
  static async describe({base = location.href} = {}) {
    const [models, exercises] = await Promise.all([fetchList(base, "models"), fetchList(base, "exercises")]);
    return {models, exercises: exercises.map(nameOf), features: {...EVERYTHING}};
  }

  /**
   * Connect, and wait until the server has the model ready.
   * @param {object} settings as StreamSettings
   * @param {{onProgress?: Function, base?: string|URL, onStatus?: (status: Status) => void}} options
   * @returns {Promise<RemoteEngine>}
   */
  static async open(settings, {onProgress = () => {}, base = location.href, onStatus = () => {}} = {}) {
    onProgress({loaded: 0, total: 0, what: `Connecting to ${new URL(base).host}`});
    const about = await RemoteEngine.describe({base});
    const engine = new RemoteEngine(settings, base, onStatus, about);
    try {
      await engine.#connect();
    } catch (error) {
      engine.close();
      throw error;
    }
    return engine;
  }

  /** @type {object|null} */
  skeleton = null;

  #settings;
  #base;
  #onStatus;
  /** @type {WebSocket|null} */
  #socket = null;
  #closed = false;
  #tries = 0;
  #timer = 0;
  #sequence = 0;
  /** @type {Map<number, {resolve: Function, reject: Function, sent: number, encode: number}>} */
  #waiting = new Map();
  /** Who waits for the next "ready". @type {{resolve: Function, reject: Function}[]} */
  #starting = [];
  #canvas = new OffscreenCanvas(1, 1);
  #encoding = 0;
  /** When the server began with the frame that it looks at: as it was sent, or as the one before was answered. */
  #began = 0;
  /** How long the server looked at the last frame, milliseconds. */
  #serverTime = 0;

  constructor(settings, base, onStatus, about) {
    this.#settings = settings;
    this.#base = base;
    this.#onStatus = onStatus;
    this.models = about.models;
    this.exercises = about.exercises;
    this.features = about.features;
    this.info = {kind: "remote", backend: "server", threads: 0, model: settings.model ?? "", host: new URL(base).host};
  }

  /** Whether a frame that is handed over now would be looked at soon. One that waits there only grows old. */
  get ready() {
    if (this.#socket?.readyState !== WebSocket.OPEN || this.#encoding) return false;
    if (this.#waiting.size === 0) return true;
    return this.#waiting.size === 1 && performance.now() - this.#began > 0.8 * this.#serverTime;
  }

  /** Change the settings; the server forgets everybody where they differ. */
  async configure(settings) {
    this.#settings = settings;
    // While the connection is away, the new settings go out with the next one.
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    await this.#ready(() => this.#send({type: "settings", ...settings}));
  }

  /**
   * Look at one frame.
   * @param {CanvasImageSource} source
   * @param {number} time seconds
   * @returns {Promise<object|null>} the answer, with `timing` in milliseconds; null: a newer frame took its place, or
   *   there is no connection now.
   */
  async process(source, time) {
    const started = performance.now();
    this.#encoding += 1;
    const picture = await this.#encode(source).finally(() => (this.#encoding -= 1));
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return null;
    const sequence = this.#sequence++;
    const message = new Uint8Array(HEADER_BYTES + picture.byteLength);
    const view = new DataView(message.buffer);
    message.set([0x50, 0x53, 0x46, 0x31]); // "PSF1"
    view.setFloat64(4, time, true);
    view.setUint32(12, sequence, true);
    message.set(new Uint8Array(picture), HEADER_BYTES);
    const sent = performance.now();
    if (!this.#waiting.size) this.#began = sent;
    return new Promise((resolve, reject) => {
      this.#waiting.set(sequence, {resolve, reject, sent, encode: sent - started});
      socket.send(message);
    });
  }

  /** Forget everybody. */
  reset() {
    this.#send({type: "reset"});
  }

  /** Say goodbye; nothing comes back after it. */
  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#send({type: "finish"});
    this.#socket?.close(1000);
    this.#giveUp();
  }

  /** Try again now rather than after the wait. */
  retry() {
    if (this.#closed || this.#socket?.readyState === WebSocket.OPEN) return;
    clearTimeout(this.#timer);
    this.#reconnect();
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Wait for "ready" or an error after `act`. */
  #ready(act) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.info.host} did not answer within ${READY_WAIT_MS / 1000} seconds; try again.`)),
        READY_WAIT_MS,
      );
      const done = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#starting.push({resolve: done(resolve), reject: done(reject)});
      act();
    });
  }

  #connect() {
    return this.#ready(() => {
      const address = new URL("stream", this.#base);
      // A browser cannot give a WebSocket any headers.
      const token = tokenOf(this.#base);
      if (token) address.searchParams.set("token", token);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(address);
      this.#socket = socket;
      socket.onopen = () => this.#send({type: "settings", ...this.#settings});
      socket.onmessage = ({data}) => socket === this.#socket && typeof data === "string" && this.#take(JSON.parse(data));
      socket.onclose = (event) => socket === this.#socket && this.#lost(event);
    });
  }

  #take(message) {
    if (message.type === "ready") {
      this.#tries = 0;
      this.skeleton = message.skeleton;
      this.info = {...this.info, model: message.model};
      Object.assign(this.features, message.features);
      this.#settle((one) => one.resolve());
      this.#onStatus({state: "open"});
    } else if (message.type === "answer") {
      this.#answer(message);
    } else if (message.type === "error") {
      this.#refuse(message);
    }
  }

  #answer({type, seq: sequence, ...answer}) {
    const now = (this.#began = performance.now());
    const mine = this.#waiting.get(sequence);
    this.#serverTime = Object.values(answer.speed ?? {}).reduce((sum, one) => sum + one, 0);
    for (const [number, one] of this.#waiting) {
      // The server looks at the newest: whoever is older than this answer was replaced and gets none.
      if (number < sequence) one.resolve(null);
      if (number <= sequence) this.#waiting.delete(number);
    }
    if (!mine) return;
    Object.defineProperty(answer, "timing", {value: {encode: mine.encode, wait: now - mine.sent}});
    mine.resolve(answer);
  }

  #refuse({error, seq: sequence}) {
    const problem = new Error(error);
    const frame = this.#waiting.get(sequence);
    if (frame) {
      this.#waiting.delete(sequence);
      frame.reject(problem);
    } else if (this.#starting.length) {
      this.#settle((one) => one.reject(problem));
    } else {
      this.#onStatus({state: "refused", message: error});
    }
  }

  #settle(act) {
    for (const one of this.#starting.splice(0)) act(one);
  }

  #giveUp() {
    for (const one of this.#waiting.values()) one.resolve(null);
    this.#waiting.clear();
  }

  async #lost(event) {
    this.#socket = null;
    this.#giveUp();
    if (this.#closed) return;
    const starting = this.#starting.length > 0;
    const message = await this.#reason(event);
    if (starting) this.#settle((one) => one.reject(new Error(message)));
    // The first connection belongs to whoever called open(): they show the error and offer to try again.
    if (this.skeleton && !this.#closed) this.#wait(message);
  }

  /** Find a sentence for a connection that ended; a browser does not tell a page why a handshake was refused. */
  async #reason(event) {
    const {host} = this.info;
    if (event.reason) return event.reason;
    try {
      const {ok, status} = await fetch(...request(this.#base, "models"));
      if (status === 401) return `${host} wants a token: add ?token=… to the address of this page.`;
      if (!ok) return `${host} answered with an error (${status}). Whoever runs it finds the reason in its log.`;
    } catch {
      return `${host} cannot be reached. Check that poise serve is running and that this device has a connection.`;
    }
    return this.skeleton
      ? `The connection to ${host} was lost.`
      : `${host} did not take the connection: it may be full. Try again in a minute.`;
  }

  #wait(message) {
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#tries++) * (0.75 + Math.random() / 2);
    this.#onStatus({state: "lost", message, retryInSeconds: wait / 1000});
    this.#timer = setTimeout(() => this.#reconnect(), wait);
  }

  async #reconnect() {
    try {
      await this.#connect();
    } catch (error) {
      // A connection that is there but refuses our settings would refuse them again.
      if (!this.#closed && this.#socket) this.#onStatus({state: "refused", message: error.message});
    }
  }

  async #encode(source) {
    const width = source.videoWidth ?? source.displayWidth ?? source.width;
    const height = source.videoHeight ?? source.displayHeight ?? source.height;
    const longest = Math.max(LONGEST_SIDE, this.#settings.imgsz ?? 0);
    const scale = Math.min(1, longest / Math.max(width, height));
    const canvas = this.#canvas;
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    // Nothing may come before this: the source shows the next frame as soon as we wait.
    canvas.getContext("2d", {alpha: false}).drawImage(source, 0, 0, canvas.width, canvas.height);
    return (await canvas.convertToBlob({type: "image/jpeg", quality: JPEG_QUALITY})).arrayBuffer();
  }
}

function tokenOf(base) {
  return new URL(base).searchParams.get("token");
}

/** What fetch takes, with the token of the page's address. */
function request(base, path) {
  const token = tokenOf(base);
  return [new URL(path, base), token ? {headers: {Authorization: `Bearer ${token}`}} : {}];
}

async function fetchList(base, what) {
  const response = await fetch(...request(base, what)).catch(() => null);
  if (!response?.ok) return [];
  const body = await response.json();
  return Array.isArray(body) ? body : (body[what] ?? []);
}

function nameOf(entry) {
  return typeof entry === "string" ? entry : entry.name;
}
