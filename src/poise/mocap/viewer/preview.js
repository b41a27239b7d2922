// The page: one clock moves the video, the character and the timeline.

import { LINES, makeChart } from "./chart.js";
import { frameAt, pose, readGlb, skinRows } from "./glb.js";
import { orbit } from "./orbit.js";
import { makeScene } from "./scene.js";
import { makeTimeline } from "./timeline.js";

const $ = (id) => document.getElementById(id);
const about = JSON.parse($("about").textContent);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const glb = bytes($("glb").textContent), model = readGlb(glb.buffer);
const start = about.start, times = model.times.map((t) => t + start), end = times[times.length - 1];
const trust = bytes(about.trust), contact = bytes(about.contact), count = about.bones.length, frames = times.length;
const canvas = $("stage"), scene = makeScene(canvas, model), video = $("video"), picture = $("picture");
const rowOf = new Map(model.nodes.map((n, at) => [n.name, at]));
const VIEWS = { front: [0, 0.1], side: [Math.PI / 2, 0.08], back: [Math.PI, 0.1], top: [0, 1.4] };

let time = start, playing = false, last = 0, speed = 1, show = "skin", marks = true, stale = true, style = {};

const parts = about.parts.map(({ name, bones }) => {
  const rows = bones.map((b) => about.bones.indexOf(b)).filter((b) => b >= 0), values = new Uint8Array(frames);
  for (let f = 0; f < frames; f++) values[f] = Math.min(...rows.map((b) => trust[f * count + b]));
  return { name, values };
});
const feet = ["left foot", "right foot"].map((name, k) => ({ name, stands: contact.filter((_, at) => at % 2 === k) }));
const toMoment = (t) => { pause(); seek(t); };
const timeline = makeTimeline($("timeline"), times, parts, feet, toMoment);
const chart = makeChart($("chart"), times, toMoment);
let lines = [];

// The angle that is charted, read when it is first wanted.
function chooseAngle() {
  const group = about.angles[+$("angle").value];
  group.read ||= group.lines.map(({ name, bone, scale, degrees }) => {
    const row = about.bones.indexOf(bone);
    return {
      name,
      values: Float32Array.from(new Int16Array(bytes(degrees).buffer), (v) => v / scale),
      trust: Array.from(times, (_, f) => trust[f * count + row]),
    };
  });
  lines = group.read;
  chart.set(lines);
  $("values").replaceChildren(...lines.map(({ name }, k) => {
    const shown = document.createElement("span"), mark = document.createElement("i"), value = document.createElement("b");
    mark.style.background = LINES[k];
    shown.append(mark, `${name} `, value);
    return shown;
  }));
}

function styles() {
  const read = getComputedStyle(document.documentElement), of = (name) => read.getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  style = { quiet: of("--quiet"), line: of("--line"), now: of("--now"), stand: of("--stand"), font: "system-ui, sans-serif" };
  if (scene) Object.assign(scene.theme, dark ? { line: [0.62, 0.7, 0.85, 0.4], dark: 0.5 } : { line: [0.35, 0.4, 0.5, 0.42], dark: 0.3 });
  timeline.paint(style);
  if (lines.length) chart.paint(style);
  stale = true;
}

function seek(t, byVideo = false) {
  time = Math.min(Math.max(t, start), end);
  if (video && !byVideo) video.currentTime = Math.max(0, time - about.video.start);
  stale = true;
}

function pause() {
  playing = false;
  if (video) video.pause();
  $("play").setAttribute("aria-label", "play");
  $("play").classList.remove("on");
}

function play() {
  if (time >= end - 1e-3) seek(start);
  playing = true;
  last = 0;
  if (video) {
    video.playbackRate = speed;
    video.play().catch(() => {});
  }
  $("play").setAttribute("aria-label", "pause");
  $("play").classList.add("on");
}

// One frame on or back, from the one that is shown.
function step(by) {
  pause();
  const [a, b, f] = frameAt(times, time + 1e-6);
  seek(times[Math.min(Math.max((f > 0.5 ? b : a) + by, 0), frames - 1)]);
}

function bonesAt(world, row) {
  const place = (node) => [world[node][12], world[node][13], world[node][14]];
  return about.bones.flatMap((name, b) => {
    const node = rowOf.get(name), [from, t] = [place(node), trust[row * count + b] / 255];
    const stands = /(Foot|Toes)$/.test(name) && contact[row * 2 + (name.startsWith("left") ? 0 : 1)];
    const below = model.nodes[node].children;
    const size = /Thumb|Index|Middle|Ring|Little/.test(name) ? 0.006 : 0.02;
    if (below.length) return below.map((c) => [from, place(c), size, t, stands]);
    const m = world[node], tip = about.tips[b];
    return [[from, [0, 1, 2].map((k) => from[k] + m[k] * tip[0] + m[4 + k] * tip[1] + m[8 + k] * tip[2]), size, t, stands]];
  });
}

function draw() {
  const [a, b, f] = frameAt(model.times, time - start);
  if (scene) {
    const world = pose(model, time - start), hips = world[rowOf.get("hips")];
    skinRows(model, world, scene.rows);
    scene.setBones(bonesAt(world, f > 0.5 ? b : a));
    // Follows the hips over the ground, not up and down.
    scene.camera.target = [hips[12], about.height * 0.5, hips[14]];
    scene.draw(show);
  }
  timeline.draw(time, style);
  const row = f > 0.5 ? b : a;
  if (lines.length) {
    chart.draw(time, row, style);
    lines.forEach(({ values }, k) => ($("values").children[k].lastChild.textContent = `${Math.round(values[row])}°`));
  }
  $("clock").textContent = `${time.toFixed(2)} s`;
  $("frame").textContent = `frame ${row + 1} / ${frames}`;
  $("scrub").value = time;
  if (picture) {
    const list = about.pictures;
    let best = 0;
    list.forEach(([t], k) => Math.abs(t - time) < Math.abs(list[best][0] - time) && (best = k));
    if (picture.dataset.at !== String(best)) {
      picture.dataset.at = best;
      picture.src = `data:image/jpeg;base64,${list[best][1]}`;
    }
  }
  drawPoints(row);
}

// What the network saw, over the video.
function drawPoints(row) {
  const over = $("over"), points = about.points;
  if (!over || !points) return;
  over.hidden = !marks;
  if (!marks) return;
  const ratio = Math.min(devicePixelRatio || 1, 2);
  [over.width, over.height] = [over.clientWidth * ratio, over.clientHeight * ratio];
  const c = over.getContext("2d"), s = over.width / points.width, k = points.count;
  const values = (points.data ||= new Int16Array(bytes(points.xy).buffer));
  const at = (n) => [values[(row * k + n) * 2] / points.scale * s, values[(row * k + n) * 2 + 1] / points.scale * s];
  const known = (n) => values[(row * k + n) * 2] > -32768;
  c.lineWidth = 2.2 * ratio;
  c.strokeStyle = "rgba(255,255,255,.85)";
  c.lineCap = "round";
  for (const [a, b] of points.edges)
    if (known(a) && known(b)) {
      c.beginPath();
      c.moveTo(...at(a));
      c.lineTo(...at(b));
      c.stroke();
    }
  c.fillStyle = style.now;
  for (let n = 0; n < k; n++)
    if (known(n)) {
      c.beginPath();
      c.arc(...at(n), 2.6 * ratio, 0, 7);
      c.fill();
    }
}

function tick(stamp) {
  if (playing) {
    if (video && !video.paused && video.readyState > 1) seek(video.currentTime + about.video.start, true);
    else if (last) seek(time + ((stamp - last) / 1000) * speed, true);
    if (time >= end - 1e-3 || (video && video.ended)) {
      if ($("loop").checked) {
        seek(start);
        play();
      } else pause();
    }
  }
  last = stamp;
  if (stale) {
    stale = false;
    draw();
  }
  requestAnimationFrame(tick);
}

function choose(group, value) {
  document.querySelectorAll(`[data-${group}]`).forEach((b) => b.setAttribute("aria-pressed", b.dataset[group] === value));
}

document.querySelectorAll("[data-show]").forEach((b) => (b.onclick = () => {
  show = b.dataset.show;
  choose("show", show);
  stale = true;
}));
document.querySelectorAll("[data-view]").forEach((b) => (b.onclick = () => {
  [scene.camera.yaw, scene.camera.pitch] = VIEWS[b.dataset.view];
  scene.camera.pan = [0, 0, 0];
  choose("view", b.dataset.view);
  stale = true;
}));
if ($("marks")) $("marks").onclick = () => {
  marks = !marks;
  $("marks").setAttribute("aria-pressed", marks);
  stale = true;
};
about.angles.forEach(({ name }, k) => $("angle").append(new Option(name, k)));
$("angles").hidden = !about.angles.length;
if (about.angles.length) chooseAngle();
$("angle").onchange = () => {
  chooseAngle();
  chart.paint(style);
  stale = true;
};
$("play").onclick = () => (playing ? pause() : play());
$("back").onclick = () => step(-1);
$("next").onclick = () => step(1);
$("scrub").oninput = () => {
  pause();
  seek(+$("scrub").value);
};
$("speed").onchange = () => {
  speed = +$("speed").value;
  if (video) video.playbackRate = speed;
};
$("save").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([glb], { type: "model/gltf-binary" }));
  link.download = about.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
document.addEventListener("keydown", (e) => {
  if (/INPUT|SELECT|BUTTON/.test(e.target.tagName) && e.key === " ") return;
  if (e.target.tagName === "SELECT" || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === " ") $("play").click();
  else if (e.key === "ArrowLeft" || e.key === ",") step(e.shiftKey ? -10 : -1);
  else if (e.key === "ArrowRight" || e.key === ".") step(e.shiftKey ? 10 : 1);
  else if (e.key === "Home") seek(start);
  else if (e.key === "End") seek(end);
  else if ("123".includes(e.key)) document.querySelectorAll("[data-show]")[+e.key - 1].click();
  else return;
  e.preventDefault();
});

if (scene) {
  orbit(canvas, scene.camera, () => {
    choose("view", "");
    stale = true;
  });
  scene.camera.distance = about.height * 2.25;
  [scene.camera.yaw, scene.camera.pitch] = VIEWS.front;
} else $("none").hidden = false;
if (video) video.src = URL.createObjectURL(new Blob([bytes($("clip").textContent)], { type: "video/mp4" }));
if (video) video.addEventListener("seeked", () => (stale = true));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", styles);
new ResizeObserver(styles).observe(document.body);
// The film has its size when it is loaded.
if ($("over")) new ResizeObserver(() => (stale = true)).observe($("over"));
globalThis.preview = { seek, pause, play, draw, pose: (t) => pose(model, t), get time() { return time; }, get show() { return show; }, model, scene };
choose("show", "skin");
choose("view", "front");
styles();
requestAnimationFrame(tick);
