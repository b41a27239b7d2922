/**
 * What runs beside the page: networks, decoding, tracking, counting. `local.js` talks to it by messages.
 *
 * Every request has a number and gets one answer with it: `{id, value}` or `{id, error}`. Progress comes in between.
 */

import { build, modelOf, networksOf, offered, optionsOf } from "./model.js";
import { Motion } from "./motion/motion.js";
import { record, shortened } from "./record.js";
import { RUNTIME, openNetwork, prepare, unpacked, usableThreads } from "./runtime.js";

/** Settings of a stream that the scripts of this page do not know; what they do not do they do not pretend to do. */
const NOT_HERE = ["gestures", "falls", "posture", "zones"];
/** On slow devices searches of the whole picture come less often, so that most frames are quick ones. */
const PATIENCE = 1.5;
/** A change of one of these begins another `Motion`. */
const OF_MOTION = ["smooth", "tracker", "reps"];

const state = {
  base: "",
  ort: null,
  threads: 1,
  manifest: null,
  opened: {},
  settings: {},
  options: null,
  model: null,
  estimator: null,
  memory: null,
  motion: null,
  frame: 0,
  canvas: null,
};

const requests = { open, configure, process, reset };
// One request after the other: a model that is being opened is not asked.
let last = Promise.resolve();

self.onmessage = ({ data: { id, what, value } }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id, value: await requests[what](value) });
    } catch (error) {
      self.postMessage({ id, error: error.message ?? String(error) });
    }
  });
};

async function open({ base, settings, threads }) {
  state.base = base;
  state.threads = usableThreads(threads);
  const response = await fetch(new URL("manifest.json", base));
  if (!response.ok) throw new Error(`manifest.json: the server answered ${response.status}; is this a folder of "poise web"?`);
  state.manifest = await response.json();
  return configure(settings);
}

/** Change settings; forget people only where they could not be followed any further. */
async function configure(settings = {}) {
  const wanted = NOT_HERE.filter((name) => settings[name]);
  if (wanted.length) throw new Error(`${wanted.join(", ")}: not in the browser yet; use "poise serve" for it`);
  const options = optionsOf(settings);
  const model = modelOf(state.manifest, settings.model);
  const other = model !== state.model;
  if (other) {
    await bring(networksOf(model));
    state.estimator = build(state.manifest, model, state.opened);
    state.estimator.patience = PATIENCE;
    state.model = model;
  }
  const moved = OF_MOTION.some((name) => JSON.stringify(settings[name]) !== JSON.stringify(state.settings[name]));
  Object.assign(state, { settings, options });
  if (other || moved) reset();
  return about();
}

function about() {
  const { manifest, model, threads } = state;
  const info = { kind: "local", backend: "wasm", threads, model: model.name };
  return { skeleton: model.skeleton, info, ...offered(manifest, model) };
}

/** Fetch and open networks that are not open yet. */
async function bring(names) {
  const missing = names.filter((name) => !state.opened[name]);
  const wanted = missing.map((name) => state.manifest.networks[name]);
  if (!state.ort) wanted.push(state.manifest.files.find(({ path }) => path === RUNTIME.wasm));
  const progress = { loaded: 0, total: wanted.reduce((sum, { bytes }) => sum + bytes, 0) };
  const fetched = wanted.map((entry) => download(entry.file ?? entry.path, entry, progress));
  if (!state.ort) {
    const [ort, binary] = await Promise.all([import(new URL(RUNTIME.script, state.base)), fetched.at(-1)]);
    const glue = new URL(RUNTIME.glue, state.base).href;
    prepare(ort, { glue, binary: binary.buffer, threads: state.threads });
    state.ort = ort;
  }
  for (let i = 0; i < missing.length; i++) {
    const bytes = await fetched[i];
    tell({ ...progress, what: `opening ${missing[i]}` });
    state.opened[missing[i]] = await openNetwork(state.ort, bytes, missing[i]);
  }
}

async function download(path, { bytes: length, planes }, progress) {
  const response = await fetch(new URL(path, state.base));
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}; copy the whole folder to the server`);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > length) throw new Error(`${path}: longer than the manifest says; copy the whole folder anew`);
    bytes.set(value, at);
    at += value.length;
    progress.loaded += value.length;
    tell({ ...progress, what: path });
  }
  if (at !== length) throw new Error(`${path}: ${at} bytes came, the manifest says ${length}; copy the whole folder anew`);
  return unpacked(bytes, planes);
}

function tell(progress) {
  self.postMessage({ progress });
}

async function process({ picture, time }) {
  const start = performance.now();
  const pixels = pixelsOf(picture);
  const decode = performance.now() - start;
  const { model, estimator, memory, motion, options, settings } = state;
  const estimate = await estimator.predict(pixels, options, memory, time);
  const { width, height } = pixels;
  const about = { source: settings.source ?? "stream", frame: state.frame++, time, width, height };
  const result = record(estimate, about, model.skeleton, model.names);
  const found = performance.now();
  const moved = motion ? motion.update(result, pixels) : { result, reps: [], events: [] };
  return {
    result: shortened(moved.result),
    hands: null,
    reps: moved.reps,
    gestures: [],
    events: moved.events,
    speed: { decode, ...estimate.speed, after: performance.now() - found },
    dropped: 0,
  };
}

/** The pixels of a frame, as a canvas gives them. */
function pixelsOf(picture) {
  if (picture.data) return picture;
  const width = picture.displayWidth ?? picture.width;
  const height = picture.displayHeight ?? picture.height;
  if (state.canvas?.width !== width || state.canvas.height !== height) state.canvas = new OffscreenCanvas(width, height);
  const context = state.canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  picture.close();
  return context.getImageData(0, 0, width, height);
}

/** Forget everybody: the next frame is the first of another source. */
function reset() {
  const { manifest, model, estimator, settings } = state;
  state.memory = estimator.memory();
  state.frame = 0;
  const { skeleton } = model;
  const { exercises } = manifest;
  // Without a tracker nobody has an id, and nothing is counted: pictures that have nothing to do with each other.
  state.motion = settings.tracker === null ? null : new Motion({ skeleton, exercises, settings });
}
