/**
 * People on a canvas, in the style of Poise's own drawings (src/poise/drawing): blue is a person's own left, orange the
 * right; limbs taper with the keypoints' spread, widths follow the size of the person, one outline lifts the whole figure off
 * a light picture.
 *
 * All points come in pixels of the frame that was looked at; a `view` says where that frame lies on the canvas.
 */

import {jointAngles} from "./ui/angles.js";

const SIDES = {left: "#1fa2ff", middle: "#f4f1e8", right: "#ff8c1a"};
const PALETTE = [
  "#2dd4a7", "#f472d0", "#ffd23f", "#9d8cff", "#7ddc3c", "#ff6b6b", "#3fd0f5", "#d6a45c", "#c98bff", "#b7e4c7",
];
const OUTLINE = "rgb(11 15 20 / 60%)";
const PLATE = "rgb(24 26 30 / 82%)";
const ARC = "#ffb028";
// Of the square root of a box's area; then the least pixels, and the most as a part of the picture's longer side.
const LIMB_WIDTH = 0.024;
const LEAST_WIDTH = 1.5;
const MOST_WIDTH = 0.012;
const JOINT = 1.6;
const CORE = 0.5;
const LEAST_CONF = 0.25;
const SOLID_CONF = 0.6;
const FAINT = 0.35;
// COCO's widest spread, the hips': where a limb has its full width.
const WIDEST_SIGMA = 0.107;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

// hand21: the wrist, then each finger from the palm to its tip.
const FINGERS = ["thumb", "index", "middle", "ring", "pinky"];
const HAND = {
  keypoints: ["wrist", ...FINGERS.flatMap((finger) => [1, 2, 3, 4].map((joint) => `${finger}_${joint}`))],
  edges: [
    ...[[0, 1], [0, 5], [5, 9], [9, 13], [13, 17], [0, 17]],
    ...[1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19].map((joint) => [joint, joint + 1]),
  ],
  sigmas: Array(21).fill(0.027),
};

/**
 * Where a frame lies on a canvas.
 * @typedef {{scale: number, left: number, top: number, width: number, height: number, mirrored: boolean}} View
 */

/**
 * Fit a frame into a canvas, whole and in the middle.
 * @returns {View}
 */
export function fitView(frameWidth, frameHeight, canvasWidth, canvasHeight, mirrored = false) {
  const scale = Math.min(canvasWidth / frameWidth, canvasHeight / frameHeight);
  const width = frameWidth * scale;
  const height = frameHeight * scale;
  return {scale, width, height, left: (canvasWidth - width) / 2, top: (canvasHeight - height) / 2, mirrored};
}

/** The colour of a person's box and label; a track keeps it. */
export function colourOf(id, place = 0) {
  return PALETTE[((id ?? place + 1) - 1) % PALETTE.length];
}

/** The area of an instance's box, square pixels. */
export function areaOf({box: [left, top, right, bottom]}) {
  return Math.max(0, right - left) * Math.max(0, bottom - top);
}

/**
 * Draw everybody in an answer.
 * @param {CanvasRenderingContext2D} context
 * @param {object} answer
 * @param {object} skeleton
 * @param {View} view
 * @param {{boxes: boolean, labels: boolean, angles: boolean, unit?: number}} show unit: pixels of the canvas for one of CSS.
 */
export function drawAnswer(context, answer, skeleton, view, show) {
  const unit = show.unit ?? 1;
  const {instances} = answer.result;
  // Large ones first, so that small ones in front of them stay visible.
  const order = instances.map((_, row) => row).sort((a, b) => areaOf(instances[b]) - areaOf(instances[a]));
  if (show.boxes) for (const row of order) drawBox(context, instances[row], colourOf(instances[row].id, row), view, unit);
  for (const row of order) drawFigure(context, instances[row], skeleton, view, unit);
  for (const hand of answer.hands?.instances ?? []) drawFigure(context, hand, HAND, view, unit);
  if (show.angles) for (const row of order) drawAngles(context, instances[row], skeleton, view, unit);
  if (show.labels) drawLabels(context, answer, order, view, unit);
}

/** Map a point of the frame to the canvas. */
function place(view, x, y) {
  const across = view.mirrored ? view.width - x * view.scale : x * view.scale;
  return [view.left + across, view.top + y * view.scale];
}

const appearances = new WeakMap();

/** The colours and proportions of a skeleton. */
function appearanceOf(skeleton) {
  if (!appearances.has(skeleton)) appearances.set(skeleton, makeAppearance(skeleton));
  return appearances.get(skeleton);
}

function makeAppearance(skeleton) {
  const names = skeleton.keypoints;
  const sides = names.map((name) => (/(^|_)left(_|$)/.test(name) ? "left" : /(^|_)right(_|$)/.test(name) ? "right" : "middle"));
  const weights = names.map((_, i) => {
    const sigma = skeleton.sigmas?.[i] ?? (/eye|ear|nose/.test(names[i]) ? 0.03 : /hip/.test(names[i]) ? WIDEST_SIGMA : 0.075);
    return Math.min(1, Math.max(0.28, Math.sqrt(sigma / WIDEST_SIGMA)));
  });
  if (sides.some((side) => side !== "middle")) {
    const colours = {...SIDES};
    for (const [side, colour] of Object.entries(skeleton.colours ?? {})) {
      colours[side] = typeof colour === "string" ? colour : `rgb(${colour.join(" ")})`;
    }
    const edgeSide = ([a, b]) =>
      sides[a] === sides[b] ? sides[a] : sides[a] === "middle" ? sides[b] : sides[b] === "middle" ? sides[a] : "middle";
    return {weights, points: sides.map((side) => colours[side]), edges: skeleton.edges.map((edge) => colours[edgeSide(edge)])};
  }
  // Without sides: a colour for each finger or other named part, in the order in which they come.
  const parts = names.map((name) => name.replace(/[_\- ]?\d+$|[_\- ][^_\- ]*$/, ""));
  const several = [...new Set(parts)].filter((part) => parts.filter((other) => other === part).length > 1);
  const points = parts.map((part, i) => {
    if (several.length < 2) return PALETTE[i % PALETTE.length];
    return several.includes(part) ? PALETTE[several.indexOf(part) % PALETTE.length] : SIDES.middle;
  });
  const edges = skeleton.edges.map(([a, b]) => (several.length < 2 || parts[a] === parts[b] ? points[b] : SIDES.middle));
  return {weights, points, edges};
}

function opacityOf(conf) {
  if (conf < LEAST_CONF) return 0;
  return FAINT + (1 - FAINT) * Math.min(1, (conf - LEAST_CONF) / (SOLID_CONF - LEAST_CONF));
}

function drawFigure(context, instance, skeleton, view, unit) {
  const {keypoints} = instance;
  const {weights, points, edges} = appearanceOf(skeleton);
  const extent = Math.sqrt(areaOf(instance)) * view.scale;
  const least = LEAST_WIDTH * unit;
  const most = Math.max(least, MOST_WIDTH * Math.max(view.width, view.height));
  const widest = Math.min(most, Math.max(least, LIMB_WIDTH * extent));
  const radius = (i) => Math.max(widest * weights[i], least * Math.min(1, Math.max(0.6, 2 * weights[i]))) / 2;
  const rim = Math.min(3 * unit, Math.max(0.8 * unit, 0.3 * widest));
  const spots = keypoints.map(([x, y]) => (x === null ? null : place(view, x, y)));
  const alphas = keypoints.map(([x, , conf]) => (x === null ? 0 : opacityOf(conf ?? 1)));
  const drawn = skeleton.edges.map((edge, row) => ({edge, row})).filter(({edge: [a, b]}) => alphas[a] && alphas[b]);
  const dots = spots.map((_, i) => i).filter((i) => alphas[i]);

  // All shapes in one path, so that outlines that overlap do not add up.
  const halo = new Path2D();
  for (const {edge: [a, b]} of drawn) addLimb(halo, spots[a], spots[b], radius(a) + rim, radius(b) + rim);
  for (const i of dots) addDisc(halo, spots[i], radius(i) * JOINT + rim);
  context.globalAlpha = 1;
  context.fillStyle = OUTLINE;
  context.fill(halo);

  for (const {edge: [a, b], row} of drawn) {
    const limb = new Path2D();
    addLimb(limb, spots[a], spots[b], radius(a), radius(b));
    context.globalAlpha = (alphas[a] + alphas[b]) / 2;
    context.fillStyle = edges[row];
    context.fill(limb);
  }
  for (const i of dots) {
    const size = radius(i) * JOINT;
    context.globalAlpha = alphas[i];
    fillDisc(context, spots[i], size, points[i]);
    // The light middle of a smaller dot would be a speck.
    if (size * CORE > 0.8 * unit) {
      fillDisc(context, spots[i], size * CORE, "rgb(255 255 255 / 75%)");
    }
  }
  context.globalAlpha = 1;
}

/** Add a tapered line with round ends, always in the same direction round, so that shapes join and never cut holes. */
function addLimb(path, [x0, y0], [x1, y1], r0, r1) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  const reach = Math.hypot(x1 - x0, y1 - y0);
  if (reach <= Math.abs(r0 - r1)) return addDisc(path, r0 > r1 ? [x0, y0] : [x1, y1], Math.max(r0, r1));
  // Where the tangent to both ends touches them.
  const lean = Math.acos((r0 - r1) / reach);
  path.moveTo(x0 + r0 * Math.cos(angle + lean), y0 + r0 * Math.sin(angle + lean));
  path.arc(x0, y0, r0, angle + lean, angle - lean);
  path.arc(x1, y1, r1, angle - lean, angle + lean);
  path.closePath();
}

function addDisc(path, [x, y], radius) {
  path.moveTo(x + radius, y);
  path.arc(x, y, radius, 0, 2 * Math.PI);
}

function fillDisc(context, [x, y], radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

/** The corners of a box on the canvas: left, top, right, bottom. */
function corners(box, view) {
  const [x0, y0] = place(view, box[0], box[1]);
  const [x1, y1] = place(view, box[2], box[3]);
  return [Math.min(x0, x1), y0, Math.max(x0, x1), y1];
}

function drawBox(context, instance, colour, view, unit) {
  const [left, top, right, bottom] = corners(instance.box, view);
  context.globalAlpha = 0.9;
  context.lineJoin = "round";
  for (const [width, stroke] of [[4, "rgb(11 15 20 / 35%)"], [2, colour]]) {
    context.lineWidth = width * unit;
    context.strokeStyle = stroke;
    context.strokeRect(left, top, right - left, bottom - top);
  }
  context.globalAlpha = 1;
}

function drawAngles(context, instance, skeleton, view, unit) {
  for (const angle of jointAngles(instance, skeleton)) {
    const [a, b, c] = angle.points.map(([x, y]) => place(view, x, y));
    const radius = 0.35 * Math.min(Math.hypot(a[0] - b[0], a[1] - b[1]), Math.hypot(c[0] - b[0], c[1] - b[1]));
    // A smaller arc is a blot.
    if (radius < 8 * unit) continue;
    const first = Math.atan2(a[1] - b[1], a[0] - b[0]);
    const second = Math.atan2(c[1] - b[1], c[0] - b[0]);
    const turn = Math.atan2(Math.sin(second - first), Math.cos(second - first));
    for (const [width, stroke] of [[4.5, OUTLINE], [2.5, ARC]]) {
      context.lineWidth = width * unit;
      context.strokeStyle = stroke;
      context.lineCap = "round";
      context.beginPath();
      context.arc(b[0], b[1], radius, first, first + turn, turn < 0);
      context.stroke();
    }
    const middle = first + turn / 2;
    const far = radius + 16 * unit;
    const spot = [b[0] + far * Math.cos(middle), b[1] + far * Math.sin(middle)];
    plate(context, `${Math.round(angle.degrees)}°`, spot, {size: 12 * unit, fill: PLATE, ink: "#f5f2ee", centred: true});
  }
}

function drawLabels(context, answer, order, view, unit) {
  for (const row of order) {
    const instance = answer.result.instances[row];
    const shown = answer.gestures.filter((one) => (instance.id === null ? one.row === row : one.id === instance.id));
    const words = [
      instance.id === null ? `${instance.name} ${instance.conf.toFixed(2)}` : `#${instance.id}`,
      ...new Set(shown.map((one) => one.gesture.replaceAll("_", " "))),
    ];
    const [left, top] = corners(instance.box, view);
    const spot = [Math.max(view.left + 2 * unit, left), Math.max(view.top + 12 * unit, top - 12 * unit)];
    plate(context, words.join(" · "), spot, {size: 13 * unit, fill: colourOf(instance.id, row), ink: "#0b0f14"});
  }
}

/** Write on a small plate. `spot` is the middle of its left side, or its centre. */
function plate(context, words, [x, y], {size, fill, ink, centred = false}) {
  context.font = `600 ${size}px ${FONT}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  const width = context.measureText(words).width + size * 0.9;
  const height = size * 1.6;
  const left = centred ? x - width / 2 : x;
  context.fillStyle = fill;
  context.beginPath();
  context.roundRect(left, y - height / 2, width, height, height / 3.5);
  context.fill();
  context.fillStyle = ink;
  context.fillText(words, left + size * 0.45, y + size * 0.05);
}

/**
 * Draw the counter into a recording, where the page's own is not seen.
 * @param {{count: number, progress: number, title: string}} counter
 */
export function drawCounter(context, {count, progress, title}, width, height) {
  const unit = Math.min(width, height) / 480;
  const radius = 44 * unit;
  const [x, y] = [radius + 24 * unit, height - radius - 24 * unit];
  fillDisc(context, [x, y], radius + 10 * unit, PLATE);
  context.lineWidth = 7 * unit;
  context.lineCap = "round";
  for (const [stroke, part] of [["rgb(255 255 255 / 18%)", 1], [PALETTE[0], progress]]) {
    if (part <= 0) continue;
    context.strokeStyle = stroke;
    context.beginPath();
    context.arc(x, y, radius, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * Math.min(1, part));
    context.stroke();
  }
  context.fillStyle = "#fff";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `650 ${40 * unit}px ${FONT}`;
  context.fillText(String(count), x, y + 2 * unit);
  if (title) {
    const spot = [x + radius + 20 * unit, y];
    plate(context, title, spot, {size: 18 * unit, fill: PLATE, ink: "#f5f2ee"});
  }
}
