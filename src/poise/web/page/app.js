/**
 * The page of Poise: a source on the left, what was found in it on the right.
 *
 * app.js             what the visitor does and what follows from it; which engine
 * draw.js            skeletons, boxes, labels and angles on a canvas, in the style of src/poise/drawing
 * engine/remote.js   frames go to `poise serve` by WebSocket
 * engine/local.js    frames stay: the same networks in this browser (only in what `poise web` writes)
 * ui/media.js        camera, screen, video, picture
 * ui/loop.js         hands the newest frame to the engine whenever it is free
 * ui/stage.js        the picture with its overlay, at the rate of the display
 * ui/meter.js        frames a second, and where the milliseconds went
 * ui/counter.js      repetitions       ui/angles.js  joint angles      ui/events.js  what happened
 * ui/settings.js     the form; what an engine does not have is greyed
 * ui/record.js       JSON lines, CSV and video to take away
 * ui/notice.js       problems, in one sentence each; the sentences are in ui/words.js
 * ui/sound.js        a short sound for each repetition
 * ui/engine.js       which engine, and where it is     ui/theme.js  light and dark     ui/dom.js  a few helpers
 * play.html, play/   another page: a game and a mirror
 *
 * An engine is open(settings, …), configure, process(source, time), reset and close, with skeleton, info, models, exercises
 * and features. Which one it is says manifest.json beside this page: "kind": "static" is LocalEngine.
 */

import {areaOf} from "./draw.js";
import {AngleTable} from "./ui/angles.js";
import {Counter} from "./ui/counter.js";
import {byId, fillSelect, memory, setPressed, write} from "./ui/dom.js";
import {base, loadEngine} from "./ui/engine.js";
import {EventList} from "./ui/events.js";
import {Loop} from "./ui/loop.js";
import {listCameras, openCamera, openFile, openScreen} from "./ui/media.js";
import {Meter} from "./ui/meter.js";
import {Notice} from "./ui/notice.js";
import {download, Records, VideoRecorder} from "./ui/record.js";
import {Settings} from "./ui/settings.js";
import {Sound} from "./ui/sound.js";
import {Stage} from "./ui/stage.js";
import {prepareTheme} from "./ui/theme.js";
import {clockOf, sizeOf, wordsOfEvent, wordsOfProblem} from "./ui/words.js";

const FIGURES_MS = 400;

const video = byId("video");
const notice = new Notice();
const meter = new Meter();
const counter = new Counter();
const events = new EventList();
const records = new Records();
const sound = new Sound();
const angles = new AngleTable(byId("angle-rows"));
const stage = new Stage(byId("stage"), video, byId("overlay"));
const loop = new Loop(meter, take, troubled);
const settings = new Settings(configure, redraw);

let Engine = null;
let engine = null;
let media = null;
let recorder = null;
let mirrored = memory.read("mirrored", null);
/** Grows with each source, so that what comes too late for the last one is dropped. */
let turn = 0;

const chosen = chooseEngine();

/** Load the engine that this page was written for, and offer what it has. */
async function chooseEngine() {
  const loaded = await loadEngine();
  const {local} = loaded;
  Engine = loaded.Engine;
  write(byId("where-words"), local ? "Frames stay on this device" : `Frames go to ${location.host}`);
  byId("where").querySelector("use").setAttribute("href", `icons/icons.svg#${local ? "lock" : "away"}`);
  if (Engine.describe) settings.offer(await Engine.describe({base}));
  write(byId("travel-name"), local ? "To and from the worker" : "Network and queue");
}

/** Take a source, show it, and look at it. */
async function start(kind, open) {
  stop();
  notice.hide();
  sound.wake();
  const mine = turn;
  setState("opening");
  busy({camera: "Waiting for the camera …", screen: "Choose what to share …"}[kind] ?? "Opening …");
  // The engine gets ready while the visitor still answers the browser's question about the camera.
  const opening = openEngine(mine);
  opening.catch(() => {});
  let opened = null;
  try {
    opened = await open();
    if (mine !== turn) return opened.close();
    media = opened;
    stage.open(media, kind === "camera" && (mirrored ?? media.camera.facingMode !== "environment"));
    prepareControls();
    busy("Getting the model ready …");
    if (media.live) await video.play();
    await opening;
    if (mine !== turn) return;
    // A file waits for its model, so that its beginning is not missed.
    if (media.kind === "video") await video.play();
    begin();
  } catch (error) {
    if (mine !== turn) return;
    stop();
    notice.show(wordsOfProblem(error, kind), opened ? {action: "Try again", act: () => start(kind, open)} : {});
  }
}

async function openEngine(mine) {
  await chosen;
  if (engine) {
    await engine.configure(settings.engine);
    engine.reset();
    return;
  }
  const opened = await Engine.open(settings.engine, {base, onProgress: progress, onStatus: status});
  // The source did not come, or another was chosen meanwhile, with an engine of its own.
  if (mine !== turn) return opened.close();
  engine = opened;
  settings.offer(engine);
}

function begin() {
  stage.skeleton = engine.skeleton;
  forget();
  // Networks that have just been opened take seconds for the first frame.
  busy("Looking at the first frame …");
  setState("running");
  loop.start(engine, media);
  // The button that was pressed is gone.
  if (document.activeElement === document.body) byId(media.kind === "picture" ? "stop" : "pause").focus();
  const opened = media;
  if (opened.live) {
    navigator.wakeLock?.request("screen").then((lock) => (media === opened ? (media.lock = lock) : lock.release()), () => {});
    opened.track.onended = () => {
      stop();
      // Whoever ends sharing a screen knows it.
      if (opened.kind === "camera") notice.show("The camera is gone. Plug it in again, or choose another source.");
    };
  }
  const {kind, backend, threads, model} = engine.info;
  const where = kind === "local" ? `in this browser (${backend}, threads: ${threads})` : `on ${location.host}`;
  write(byId("engine-words"), `${model} runs ${where}.`);
}

/** Let go of the source. A server's place is for who needs it; a network in this browser stays for the next time. */
function stop() {
  turn += 1;
  loop.stop();
  if (recorder) record();
  media?.lock?.release();
  media?.close();
  media = null;
  stage.open(null, false);
  if (engine?.info.kind === "remote") {
    engine.close();
    engine = null;
  }
  busy("");
  counter.box.hidden = true;
  setState("empty");
}

/** Forget everybody and everything that was found. */
function forget() {
  meter.reset();
  counter.reset();
  counter.wanted = settings.engine.reps;
  events.clear();
  records.clear();
  stage.clear();
  angles.show(null, engine?.skeleton);
  figures();
}

function reset() {
  if (!engine || !media) return;
  engine.reset();
  loop.forget();
  forget();
  loop.again();
  say("Everything starts anew.");
}

/** An answer came. */
function take(shot) {
  const {answer} = shot;
  if (!byId("busy").hidden) busy("");
  // Everybody has done nothing in a still picture.
  if (media.kind === "picture") answer.reps = [];
  stage.skeleton = engine.skeleton;
  stage.take(shot);
  records.add(answer);
  events.add(answer.events);
  const counted = counter.show(answer);
  if (counted.length) {
    sound.count(Math.max(...answer.events.filter(({event}) => event.endsWith(".rep")).map(({value}) => value)));
    say(counted.join(", "));
  }
  for (const event of answer.events) if (event.event === "fall") say(`${wordsOfEvent(event)}!`);
  const {instances} = answer.result;
  angles.show(instances.reduce((best, one) => (areaOf(one) > areaOf(best) ? one : best), instances[0]), engine.skeleton);
}

stage.onShown = ({answer, captured, wait}) => meter.answer(answer, captured, wait);
stage.onRefresh = () => recorder && media && stage.compose(recorder.context, counter.state);

/** A frame was refused, or the engine broke: say so once, and go on with the next. */
function troubled(error) {
  notice.show(error.message || "The engine failed at a frame. Choose the source again.");
}

/** The connection to a server, as it goes and comes. */
function status({state, message, retryInSeconds}) {
  if (state === "open") notice.hide("connection");
  else if (state === "refused") notice.show(message, {about: "connection"});
  else {
    stage.clear();
    notice.show(message, {about: "connection", seconds: retryInSeconds, action: "Try now", act: () => engine?.retry()});
  }
}

function progress({loaded, total, what}) {
  if (media) busy(what || "Getting the model ready …", total ? loaded / total : null);
}

async function configure() {
  counter.wanted = settings.engine.reps;
  if (!engine || !media) return;
  try {
    await engine.configure(settings.engine);
    if (stage.skeleton !== engine.skeleton) stage.clear();
    stage.skeleton = engine.skeleton;
    settings.offer(engine);
    loop.again();
  } catch (error) {
    notice.show(error.message);
  }
}

function redraw() {
  stage.show = settings.drawing;
  stage.stale = true;
  loop.inStep = settings.inStep;
}

// What the buttons below the picture do.

function prepareControls() {
  byId("seek-field").hidden = media.kind !== "video";
  byId("pause").hidden = media.kind === "picture";
  byId("mirror").hidden = media.kind === "screen";
  setPressed(byId("mirror"), stage.mirrored);
  byId("record").disabled = media.kind === "picture" || !VideoRecorder.possible;
  paused(false);
  if (media.kind === "camera") cameras();
  else byId("cameras-field").hidden = true;
}

async function cameras() {
  const found = await listCameras();
  byId("cameras-field").hidden = found.length < 2 || media?.kind !== "camera";
  if (media) fillSelect(byId("cameras"), found, media.camera.deviceId);
}

function paused(now) {
  loop.paused = now;
  write(byId("pause-words"), now ? "Go on" : "Pause");
  byId("pause-icon").setAttribute("href", `icons/icons.svg#${now ? "play" : "pause"}`);
}

function pause() {
  if (!media || media.kind === "picture" || document.body.dataset.state === "opening") return;
  const now = !loop.paused;
  paused(now);
  if (now) video.pause();
  else {
    meter.reset();
    video.play().catch(() => {});
  }
  setState(now ? "paused" : "running");
}

function mute() {
  sound.muted = !sound.muted;
  memory.write("muted", sound.muted);
  showMuted();
  say(sound.muted ? "Sound off" : "Sound on");
}

function showMuted() {
  setPressed(byId("mute"), sound.muted);
  byId("mute-icon").setAttribute("href", `icons/icons.svg#${sound.muted ? "mute" : "sound"}`);
}

function mirror() {
  stage.mirror(!stage.mirrored);
  setPressed(byId("mirror"), stage.mirrored);
  if (media?.kind === "camera") memory.write("mirrored", (mirrored = stage.mirrored));
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if (document.fullscreenEnabled) byId("viewer").requestFullscreen().catch(() => {});
}

async function record() {
  if (recorder) {
    const done = recorder;
    recorder = null;
    showRecording();
    const film = await done.stop();
    download(film, film.type === "video/mp4" ? ".mp4" : ".webm");
  } else if (media) {
    recorder = new VideoRecorder(media.width, media.height);
    showRecording();
  }
}

function showRecording() {
  setPressed(byId("record"), Boolean(recorder));
  write(byId("record-words"), recorder ? "Stop and save video" : "Record video");
  byId("recording").hidden = !recorder;
}

// What is written on the page.

function setState(state) {
  document.body.dataset.state = state;
  const open = state === "running" || state === "paused";
  byId("controls").hidden = state === "empty";
  byId("speed").hidden = !open || media?.kind === "picture";
  if (!open) byId("record").disabled = true;
}

function busy(words, part = null) {
  byId("busy").hidden = !words;
  write(byId("busy-words"), words);
  byId("busy-bar").hidden = part === null;
  if (part !== null) byId("busy-bar").value = part;
}

const say = (words) => (byId("said").textContent = words);

/** Figures change a few times a second: more often nobody can read them. */
function figures() {
  const saved = records.frames > 0;
  for (const id of ["save-lines", "save-table"]) byId(id).disabled = !saved;
  byId("save-events").disabled = !records.events.length;
  if (saved) {
    const amount = `${records.frames} ${records.frames === 1 ? "frame" : "frames"}, ${sizeOf(records.bytes)}`;
    const rest = records.full ? "No more can be kept: save, then reset." : "Reset or another source clears them.";
    write(byId("kept"), `${amount}. ${rest}`);
  }
  if (recorder) write(byId("recording-words"), `${clockOf(recorder.seconds)}, ${sizeOf(recorder.bytes)}`);
  if (media?.kind === "video") {
    if (document.activeElement !== byId("seek")) byId("seek").value = String(video.currentTime / video.duration || 0);
    write(byId("seek-value"), `${clockOf(video.currentTime)} / ${clockOf(video.duration)}`);
  }
  if (document.body.dataset.state !== "running") return;
  const now = meter.read();
  // A skeleton that is late by more than a moment hangs in the air. What the visitor chose stays as it is.
  if (!settings.chose("in-step") && now.total > 250 !== loop.inStep && !(now.total > 120 && loop.inStep)) {
    byId("in-step").checked = loop.inStep = now.total > 250;
  }
  const live = media.kind !== "picture";
  const milliseconds = (value) => (Number.isFinite(value) ? `${Math.round(value)} ms` : "–");
  write(byId("speed-rate"), now.analysed.toFixed(now.analysed < 9.95 ? 1 : 0));
  write(byId("speed-late"), Number.isFinite(now.total) ? String(Math.round(now.total)) : "–");
  write(byId("figure-analysed"), live ? `${now.analysed.toFixed(1)} frames/s` : "one picture");
  write(byId("figure-source"), live ? `${now.source.toFixed(1)} frames/s` : "–");
  write(byId("figure-skipped"), live && now.frames ? `${Math.round((100 * now.skipped) / now.frames)} % (${now.skipped} frames)` : "–");
  for (const name of ["total", "model", "travel", "prepare", "display"]) write(byId(`figure-${name}`), milliseconds(now[name]));
  const bars = byId("parts").children;
  for (const [i, name] of ["model", "travel", "prepare", "display"].entries()) bars[i].style.setProperty("--share", now[name] || 0);
}

// Who does what.

const openChosenFile = (file) => {
  // A camera that is still asked for would take the video away from the file.
  if (file && document.body.dataset.state !== "opening") start("file", () => openFile(video, file));
};
const clicks = {
  "use-camera": () => start("camera", () => openCamera(video, memory.read("camera", ""))),
  "use-screen": () => start("screen", () => openScreen(video)),
  "use-file": () => byId("file").click(),
  "help-open": () => byId("help").showModal(),
  pause,
  reset,
  mute,
  mirror,
  full: fullScreen,
  record,
  stop() {
    stop();
    byId("use-camera").focus();
  },
  "save-lines": () => download(records.lines(), ".jsonl"),
  "save-table": async () => download(await records.table(stage.skeleton), ".csv"),
  "save-events": () => download(records.eventTable(), "-events.csv"),
};
for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", () => act());
byId("file").addEventListener("change", ({target}) => {
  openChosenFile(target.files[0]);
  target.value = "";
});
byId("cameras").addEventListener("change", ({target}) => {
  memory.write("camera", target.value);
  start("camera", () => openCamera(video, target.value));
});
byId("settings").addEventListener("submit", (event) => event.preventDefault());
byId("seek").addEventListener("input", ({target}) => {
  if (Number.isFinite(video.duration)) video.currentTime = target.value * video.duration;
});
byId("seek").addEventListener("change", () => engine?.reset());
video.addEventListener("ended", () => {
  if (media?.kind !== "video") return;
  if (recorder) record(); // what would follow is a still picture
  paused(true);
  setState("paused");
});
document.addEventListener("fullscreenchange", () => setPressed(byId("full"), Boolean(document.fullscreenElement)));
addEventListener("pagehide", stop);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const {target} = event;
  // Letters choose an option in a select; a space presses a button.
  if (target.matches("select, input:not([type=checkbox], [type=radio], [type=range])")) return;
  const act = {" ": pause, f: fullScreen, m: mute, r: reset, "?": () => byId("help").showModal()}[event.key];
  if (!act || (event.key === " " && target.matches("button, input, a, summary"))) return;
  event.preventDefault();
  act();
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  byId("drop").hidden = !event.dataTransfer.types.includes("Files");
});
addEventListener("dragleave", ({relatedTarget}) => {
  if (!relatedTarget) byId("drop").hidden = true;
});
addEventListener("drop", (event) => {
  event.preventDefault();
  byId("drop").hidden = true;
  openChosenFile(event.dataTransfer.files[0]);
});

sound.muted = memory.read("muted", false);
showMuted();
prepareTheme();
redraw();
byId("use-screen").hidden = !navigator.mediaDevices?.getDisplayMedia;
byId("full").hidden = !document.fullscreenEnabled;
setInterval(figures, FIGURES_MS);
document.body.dataset.ready = "true";
