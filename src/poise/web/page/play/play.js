/**
 * The page to play with: a game and a mirror, fed by the engine that the first page uses too.
 *
 * play.js     what the visitor does and what follows from it
 * world.js    the game without its picture      runner.js   how the runner moves      scenery.js   the land
 * body.js     keypoints → jump, duck, place     solver.js   keypoints → a doll's pose
 * mirror.js   the mirror                        puppet.js   the doll                  sounds.js    short sounds
 */

import {drawAnswer, fitView} from "../draw.js";
import {byId, memory, setPressed, write} from "../ui/dom.js";
import {base, loadEngine} from "../ui/engine.js";
import {Loop} from "../ui/loop.js";
import {openCamera} from "../ui/media.js";
import {Meter} from "../ui/meter.js";
import {Notice} from "../ui/notice.js";
import {isDark, prepareTheme} from "../ui/theme.js";
import {wordsOfProblem} from "../ui/words.js";
import {Body, choosePlayer} from "./body.js";
import {Mirror} from "./mirror.js";
import {drawPuppet, Ribbon} from "./puppet.js";
import {Runner} from "./runner.js";
import {Scenery} from "./scenery.js";
import {Sounds} from "./sounds.js";
import {NEEDED, playAlone, World} from "./world.js";

// How long all of a player must be seen before it begins, and how long they may be away.
const READY_S = 1.2;
const AWAY_S = 1.5;
const RAISED_S = 0.7;
const COCO = [
  "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
  "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
];
const PRAISE = ["Nice", "Smooth", "Clean", "Light as air", "Great"];

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const canvas = byId("scene");
const video = byId("video");
const notice = new Notice();
const meter = new Meter();
const sounds = new Sounds();
const scenery = new Scenery(canvas);
const mirror = new Mirror(canvas);
const body = new Body();
const loop = new Loop(meter, take, (error) => notice.show(error.message || "The engine failed at a frame."));

let Engine = null;
let engine = null;
let media = null;
let mode = "game";
let world = new World("keys", 7);
let runner = new Runner();
let ribbon = new Ribbon();
let count = 0;
let streak = 0;
let turn = 0;
let player = null;
/** Whether the player was told that the camera is looked at too rarely. */
let told = false;
/** Since when all of the player is seen, since when not, since when a hand is raised; seconds of the page's clock. */
const since = {whole: null, away: null, raised: null};

/** For tests, and for the curious: what is played and seen now. */
export const now = {
  get world() {
    return world;
  },
  mirror,
  body,
  meter,
};

const chosen = chooseEngine();

async function chooseEngine() {
  const loaded = await loadEngine();
  Engine = loaded.Engine;
  write(byId("where-words"), loaded.local ? "Frames stay on this device" : `Frames go to ${location.host}`);
  byId("where").title = byId("where-words").textContent;
  byId("where").querySelector("use").setAttribute("href", `icons/icons.svg#${loaded.local ? "lock" : "away"}`);
  const about = Engine.describe ? await Engine.describe({base}).catch(() => ({})) : {};
  byId("depth").disabled = !(about.models ?? []).some(({name}) => name === "body-3d");
  showControls();
}

// The states: title, opening, ready (all of the player must be seen), counting, running, paused, away, over.

const state = () => document.body.dataset.state;

function setState(next) {
  document.body.dataset.state = next;
  showCard();
  showControls();
}

function showCard() {
  const here = state();
  const best = memory.read("best", 0);
  const cards = {
    title: ["", "Over and under", "Run through the hills with your whole body. Jump, duck, and catch the lights."],
    ready: ["Almost there", "Show all of you", "Step back until the camera sees you from shoulders to feet. Then it begins by itself."],
    paused: ["", "Paused", ""],
    away: ["", "Where are you?", "It goes on as soon as the camera sees all of you again."],
    over: [
      world.score > 0 && world.score >= best ? "A new best" : `Your best: ${best}`,
      String(world.score),
      `${Math.floor(world.distance)} metres and ${world.dots} lights.${media ? " Raise a hand over your head to play again." : ""}`,
    ],
  };
  const mirrored = ["Mirror", "A doll that copies you", "It needs your camera. Everything that you do, it does."];
  const card = mode === "mirror" ? (media || here === "opening" ? null : mirrored) : cards[here];
  byId("card").hidden = !card;
  byId("hud").hidden = mode !== "game" || here === "title" || here === "ready" || here === "opening";
  byId("parts-seen").hidden = !(mode === "game" && (here === "ready" || here === "away"));
  byId("hints").hidden = !(mode === "game" && here === "title");
  if (!card) return;
  const [eyebrow, title, words] = card;
  write(byId("card-eyebrow"), eyebrow);
  byId("card-eyebrow").hidden = !eyebrow;
  write(byId("card-title"), title);
  write(byId("card-words"), words);
  const camera = byId("with-camera");
  const keys = byId("with-keys");
  camera.hidden = here === "ready" || here === "away" || (here === "paused" && !media);
  keys.hidden = mode === "mirror" || here === "ready" || here === "away" || (here === "paused" && Boolean(media)) || (here === "over" && Boolean(media));
  write(byId("with-camera-words"), mode === "mirror" ? "Use camera" : here === "paused" ? "Go on" : here === "over" && media ? "Play again" : "Play with your body");
  write(byId("with-keys-words"), here === "paused" ? "Go on" : here === "over" ? "Play again" : "Play with keys");
  keys.classList.toggle("primary", camera.hidden || (here === "over" && !media));
  camera.classList.toggle("primary", !keys.classList.contains("primary"));
}

function showControls() {
  const here = state();
  const playing = mode === "game" && ["running", "paused", "counting", "over", "away"].includes(here);
  byId("pause").hidden = !(mode === "game" && ["running", "paused"].includes(here));
  byId("again").hidden = !playing;
  byId("stop").hidden = !media;
  byId("depth-field").hidden = mode !== "mirror" || byId("depth").disabled;
  byId("self").hidden = !media;
  write(byId("pause-words"), here === "paused" ? "Go on" : "Pause");
  byId("pause-icon").setAttribute("href", `icons/icons.svg#${here === "paused" ? "play" : "pause"}`);
  write(byId("self-words"), media && mode === "game" && !body.whole ? "Step back a little" : "");
}

const say = (words) => (byId("said").textContent = words);

function busy(words, part = null) {
  byId("busy").hidden = !words;
  write(byId("busy-words"), words);
  byId("busy-bar").hidden = part === null;
  if (part !== null) byId("busy-bar").value = part;
}

// The camera.

const asked = () => {
  const model = mode === "mirror" ? byId("depth").value : "";
  // What steadies points also delays them: the mirror wants the one, the game the other.
  const settings = {conf: 0.25, smooth: mode === "mirror" ? "one-euro" : false, reps: null, gestures: false};
  return model ? {model, ...settings} : settings;
};

async function start() {
  notice.hide();
  sounds.wake();
  if (media) return begin();
  const mine = ++turn;
  setState("opening");
  busy("Waiting for the camera …");
  await chosen;
  const opening = openEngine(mine);
  opening.catch(() => {});
  try {
    const opened = await openCamera(video, memory.read("camera", ""));
    if (mine !== turn) return opened.close();
    media = opened;
    busy("Getting the model ready …");
    await video.play();
    await opening;
    if (mine !== turn) return;
    media.track.onended = () => {
      stop();
      notice.show("The camera is gone. Plug it in again, then choose the camera once more.");
    };
    navigator.wakeLock?.request("screen").then((lock) => (media === opened ? (media.lock = lock) : lock.release()), () => {});
    busy("Looking at the first frame …");
    meter.reset();
    loop.start(engine, media);
  } catch (error) {
    if (mine !== turn) return;
    stop();
    notice.show(wordsOfProblem(error, "camera"), {action: "Try again", act: start});
  }
}

async function openEngine(mine) {
  if (engine) {
    await engine.configure(asked());
    engine.reset();
    return;
  }
  const onProgress = ({loaded, total, what}) => media && busy(what || "Getting the model ready …", total ? loaded / total : null);
  const opened = await Engine.open(asked(), {base, onProgress, onStatus: status});
  if (mine !== turn) return opened.close();
  engine = opened;
}

function status({state: connection, message, retryInSeconds}) {
  if (connection === "open") notice.hide("connection");
  else if (connection === "refused") notice.show(message, {about: "connection"});
  else notice.show(message, {about: "connection", seconds: retryInSeconds, action: "Try now", act: () => engine?.retry()});
}

/** Let go of the camera, and of a server's place. */
function stop() {
  turn += 1;
  loop.stop();
  media?.lock?.release();
  media?.close();
  media = null;
  body.reset();
  mirror.take(null);
  player = null;
  if (engine?.info.kind === "remote") {
    engine.close();
    engine = null;
  }
  told = false;
  notice.hide("looks");
  busy("");
  write(byId("figures"), "");
  showTitle();
}

async function configure() {
  if (!engine || !media) return;
  try {
    await engine.configure(asked());
  } catch (error) {
    notice.show(error.message);
  }
}

/** With the camera on: the mirror begins at once, the game when all of the player is seen. */
function begin() {
  if (mode === "mirror") return setState("running");
  if (state() === "paused") return setState("running");
  newWorld("body");
  Object.assign(since, {whole: null, away: null, raised: null});
  setState("ready");
}

function take({answer, captured, wait}) {
  if (!media) return;
  if (state() === "opening") {
    busy("");
    begin();
  }
  const {instances, width, time} = answer.result;
  const found = choosePlayer(instances, player);
  player = found?.id ?? null;
  const names = engine.skeleton.keypoints;
  const points = found ? COCO.map((name) => found.keypoints[names.indexOf(name)] ?? [null, null, 0]) : [];
  if (mode === "mirror") mirror.take(found, names, width, time);
  else follow(points, time, width);
  drawBones(answer);
  meter.answer(answer, captured, wait);
}

/** What the player does in a frame. */
function follow(points, time, width) {
  const seen = points.length ? points : COCO.map(() => [null, null, 0]);
  const clean = seen.map(([x, y, conf]) => (x === null ? [0, 0, 0] : [x, y, conf ?? 1]));
  const begun = body.update(clean, time, width);
  for (const part of byId("parts-seen").children) part.classList.toggle("seen", body.seen[part.dataset.part]);
  write(byId("self-words"), body.whole ? "" : "Step back a little");
  const clock = performance.now() / 1000;
  since.whole = body.whole ? (since.whole ?? clock) : null;
  // Low or in the air, a part may be hidden for a moment.
  since.away = body.seen.shoulders || body.seen.hips ? null : (since.away ?? clock);
  since.raised = raised(clean) ? (since.raised ?? clock) : null;
  const here = state();
  const wholeFor = since.whole === null ? 0 : clock - since.whole;
  if ((here === "ready" || here === "away") && wholeFor > READY_S) return countDown();
  if (here === "running" && since.away !== null && clock - since.away > AWAY_S) return setState("away");
  if (here === "over" && since.raised !== null && clock - since.raised > RAISED_S) return begin();
  if (here !== "running" || world.control !== "body") return;
  for (const one of begun) {
    if (one === "jump") world.jump();
    else world.duck(one === "duck");
  }
}

/** Whether a hand is over the head. */
function raised(points) {
  const nose = points[0];
  return nose[2] > 0.3 && [9, 10].some((wrist) => points[wrist][2] > 0.3 && points[wrist][1] < nose[1] - 0.05 * Math.abs(nose[1] - points[11][1]));
}

/** The player's own picture, with the skeleton that was found. */
function drawBones(answer) {
  const bones = byId("bones");
  const {width, height} = answer.result;
  byId("self").style.aspectRatio = `${width} / ${height}`;
  const unit = Math.min(2, devicePixelRatio || 1);
  const [w, h] = [Math.round(bones.clientWidth * unit), Math.round(bones.clientHeight * unit)];
  if (bones.width !== w || bones.height !== h) Object.assign(bones, {width: w, height: h});
  const context = bones.getContext("2d");
  context.clearRect(0, 0, w, h);
  if (engine?.skeleton && w && h) {
    drawAnswer(context, answer, engine.skeleton, fitView(width, height, w, h, true), {boxes: false, labels: false, angles: false, unit});
  }
}

// The game.

function newWorld(control) {
  world = new World(control, Math.floor(Math.random() * 1e9));
  runner = new Runner();
  ribbon = new Ribbon();
  streak = 0;
  showHearts();
}

/** What is seen behind the title: somebody who plays by themselves. */
function showTitle() {
  newWorld("keys");
  setState("title");
}

function countDown() {
  const fresh = state() !== "away";
  if (fresh && world.time > 0) newWorld(world.control);
  setState("counting");
  const mine = ++count;
  const beat = (left) => {
    if (mine !== count || state() !== "counting") return hideCount();
    if (!left) {
      hideCount();
      sounds.play("go");
      return setState("running");
    }
    const shown = byId("count");
    shown.hidden = false;
    write(shown, String(left));
    shown.classList.remove("beat");
    requestAnimationFrame(() => shown.classList.add("beat"));
    sounds.play("count");
    setTimeout(() => beat(left - 1), 700);
  };
  beat(3);
}

function hideCount() {
  byId("count").hidden = true;
  write(byId("count"), "");
}

function withKeys() {
  sounds.wake();
  if (mode !== "game") return;
  if (state() === "paused") return setState("running");
  if (media) stop();
  newWorld("keys");
  setState("running");
  canvas.focus();
}

function again() {
  if (world.control === "body" && media) begin();
  else withKeys();
}

function pause() {
  if (state() === "running" && mode === "game") setState("paused");
  else if (state() === "paused") setState("running");
}

function react() {
  for (const one of world.take()) {
    sounds.play(one);
    const [feet, head] = [0.1, 1.3];
    if (one === "dot") {
      scenery.spark(0.2, 1.1, scenery.theme.light, 6, 2.2);
    } else if (one === "land") scenery.spark(0, 0.05, scenery.theme.ground[1], 6, 1.6);
    else if (one === "jump") scenery.spark(-0.1, feet, scenery.theme.ground[1], 5, 1.4);
    else if (one === "hit") {
      streak = 0;
      showHearts();
      scenery.spark(0.3, head, scenery.theme.red, 12, 3.4);
      say(`${world.hearts} hearts left`);
    } else if (one === "passed") {
      streak += 1;
      if (streak % 10 === 0) shout(`${PRAISE[(streak / 10 - 1) % PRAISE.length]}: ${streak} in a row`);
    } else if (one === "over") {
      const best = memory.read("best", 0);
      if (world.score > best) memory.write("best", world.score);
      sounds.play(world.score > best ? "best" : "over");
      setState("over");
      say(`Game over. ${world.score} points.`);
    }
  }
}

function shout(words) {
  const shown = byId("shout");
  shown.hidden = false;
  write(shown, words);
  shown.classList.remove("beat");
  requestAnimationFrame(() => shown.classList.add("beat"));
  clearTimeout(shown.timer);
  shown.timer = setTimeout(() => (shown.hidden = true), 950);
}

function showHearts() {
  const {children} = byId("hearts");
  for (let i = 0; i < children.length; i++) children[i].classList.toggle("gone", i >= world.hearts);
  byId("hearts").setAttribute("aria-label", `${world.hearts} hearts left`);
}

// The picture.

function resize() {
  const unit = Math.min(2, devicePixelRatio || 1);
  const [width, height] = [Math.round(canvas.clientWidth * unit), Math.round(canvas.clientHeight * unit)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
}

let last = performance.now();
let drawn = "";

function refresh(time) {
  const seconds = Math.min(0.1, Math.max(0, (time - last) / 1000));
  last = time;
  requestAnimationFrame(refresh);
  if (!canvas.width || !canvas.height) return;
  if (mode === "mirror") return mirror.draw(seconds);
  const here = state();
  const behind = here === "title" || here === "opening" || here === "ready";
  const moves = here === "running" || (behind && !calm.matches);
  if (here === "running") world.update(seconds);
  else if (behind && !calm.matches) {
    playAlone(world);
    world.update(seconds);
    world.take();
    if (world.over) newWorld("keys");
  }
  if (here === "running") react();
  const [pose, step] = [runner.pose(world, moves ? seconds : 0), moves ? seconds : 0];
  scenery.draw(world, step, (context, project, unit) => {
    if (step) ribbon.update([pose.head[0] - 0.2, pose.head[1] + 0.1], [-world.speed, -world.runner.rise * 0.25], step);
    const mouth = world.time - world.runner.hitAt < 0.7 ? "ouch" : world.runner.air ? "open" : "smile";
    drawPuppet(context, pose, project, unit, {ribbon, blink: !calm.matches && world.time % 3.1 < 0.1, mouth});
  });
  const doing = world.doing;
  if (doing !== drawn) {
    drawn = canvas.dataset.runner = doing;
    byId("self").classList.toggle("does", doing !== "run" && here === "running");
  }
  write(byId("score"), String(world.score));
}

function figures() {
  if (!media) return;
  const {analysed, source, total} = meter.read();
  judge(analysed, source);
  const late = Number.isFinite(total) ? `, ${Math.round(total)} ms behind` : "";
  const depth = mode === "mirror" ? (mirror.solver.measured ? " · depth measured" : " · depth estimated") : "";
  const legs = mode === "mirror" && mirror.followed && mirror.solver.bare.left_leg ? " · legs are not in sight: they rest" : "";
  write(byId("figures"), `${analysed.toFixed(0)} frames/s${late}${depth}${legs}`);
}

/** Tell who is looked at too rarely why a jump does nothing; what cannot be seen takes no heart. */
function judge(looks, source) {
  if (world.control !== "body" || state() !== "running") return;
  world.looks = looks;
  const few = looks < NEEDED.low;
  if (few && !told) {
    const lost = looks < NEEDED.high ? "a jump needs 6 and a duck 3" : "a jump needs 6";
    const mend = source < 2 * NEEDED.low ? "More light gives a camera more frames." : "Close other tabs and programs.";
    const words = `The camera is looked at ${Math.round(looks)} times a second; ${lost}.`;
    notice.show(`${words} Until then the game is slower, and what cannot be seen takes no heart. ${mend}`, {about: "looks"});
  } else if (told && looks >= NEEDED.ease) notice.hide("looks");
  // Between the two it stays as it is, so that nothing flickers.
  told = few || (told && looks < NEEDED.ease);
}

// Who does what.

function setMode(next) {
  if (mode === next) return;
  mode = next;
  byId("self").classList.remove("does");
  document.body.dataset.mode = mode;
  document.querySelector(`[name=mode][value=${mode}]`).checked = true;
  memory.write("mode", mode);
  canvas.setAttribute("aria-label", mode === "game" ? "A doll runs through hills" : "A doll in front of a mirror, which copies you");
  byId("theatre").setAttribute("aria-label", mode === "game" ? "Game" : "Mirror");
  hideCount();
  count += 1;
  if (mode === "mirror") setState(media ? "running" : "title");
  else if (media) begin();
  else showTitle();
  configure();
}

const clicks = {
  "with-camera": () => (state() === "paused" ? setState("running") : start()),
  "with-keys": withKeys,
  pause,
  again,
  stop,
  mute() {
    sounds.muted = !sounds.muted;
    memory.write("muted", sounds.muted);
    showMuted();
    say(sounds.muted ? "Sound off" : "Sound on");
  },
  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (document.fullscreenEnabled) byId("theatre").requestFullscreen().catch(() => {});
  },
  "help-open": () => {
    if (state() === "running") pause();
    byId("help").showModal();
  },
};
for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", () => act());
for (const input of document.querySelectorAll("[name=mode]")) input.addEventListener("change", () => setMode(input.value));
byId("depth").addEventListener("change", configure);

function showMuted() {
  setPressed(byId("mute"), sounds.muted);
  byId("mute-icon").setAttribute("href", `icons/icons.svg#${sounds.muted ? "mute" : "sound"}`);
}

const byKey = () => mode === "game" && state() === "running";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open || event.target.matches("select, input")) return;
  const {key} = event;
  const press = key === " " && event.target.matches("button, a, label");
  if (press && !byKey()) return;
  if (mode === "mirror" && (key === "ArrowLeft" || key === "ArrowRight")) {
    mirror.turn = Math.max(-1.1, Math.min(1.1, mirror.turn + (key === "ArrowLeft" ? -0.12 : 0.12)));
  } else if ([" ", "ArrowUp", "w"].includes(key) && mode === "game") {
    if (byKey()) event.repeat || world.jump();
    else if (["title", "over", "paused"].includes(state())) again();
  } else if (["ArrowDown", "s"].includes(key) && byKey()) {
    if (!event.repeat) world.duck(true);
  } else {
    const act = {p: pause, Escape: pause, r: again, m: clicks.mute, f: clicks.full, "?": clicks["help-open"]}[key];
    if (!act || (key === "r" && mode !== "game") || (key === "Escape" && document.fullscreenElement)) return;
    act();
  }
  event.preventDefault();
});
document.addEventListener("keyup", ({key}) => {
  if (["ArrowDown", "s"].includes(key)) world.duck(false);
});

// A finger: the upper half jumps, the lower half ducks; in the mirror it turns the doll.
let dragged = null;
canvas.addEventListener("pointerdown", (event) => {
  if (mode === "mirror") {
    dragged = {x: event.clientX, turn: mirror.turn};
    canvas.setPointerCapture(event.pointerId);
  } else if (byKey()) {
    const {top, height} = canvas.getBoundingClientRect();
    if (event.clientY - top < height * 0.55) world.jump();
    else world.duck(true);
  }
});
canvas.addEventListener("pointermove", (event) => {
  if (dragged) mirror.turn = Math.max(-1.1, Math.min(1.1, dragged.turn + (event.clientX - dragged.x) / 160));
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, () => {
    dragged = null;
    if (mode === "game" && world.control === "keys") world.duck(false);
  });
}
document.addEventListener("visibilitychange", () => document.hidden && state() === "running" && mode === "game" && pause());
document.addEventListener("fullscreenchange", () => setPressed(byId("full"), Boolean(document.fullscreenElement)));
addEventListener("pagehide", stop);

function showCalm() {
  scenery.calm = mirror.calm = calm.matches;
}

calm.addEventListener("change", showCalm);
showCalm();
prepareTheme(() => {
  const theme = isDark() ? "dark" : "light";
  scenery.setTheme(theme);
  mirror.setTheme(theme);
});
showMuted();
byId("full").hidden = !document.fullscreenEnabled;
const best = memory.read("best", 0);
write(byId("best"), best ? `Best ${best}` : "");
new ResizeObserver(resize).observe(canvas);
resize();
showTitle();
if (location.hash === "#mirror") setMode("mirror");
requestAnimationFrame(refresh);
setInterval(figures, 500);
document.body.dataset.ready = "true";
