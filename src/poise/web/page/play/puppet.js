/**
 * The character: a doll of wood with a headband, whose left limbs are blue and right ones orange like Poise's skeletons.
 *
 * A pose is the places of its joints in metres: x to the picture's right, y up, z towards who looks.
 */

/** Lengths of the doll, metres. */
export const SIZES = {
  hip: 0.1, shoulder: 0.2, trunk: 0.5, neck: 0.1, head: 0.27, upperArm: 0.27, forearm: 0.25, thigh: 0.36, shin: 0.36,
  foot: 0.17, ankle: 0.06,
};
const THICK = {upperArm: [0.075, 0.062], forearm: [0.062, 0.05], thigh: [0.098, 0.08], shin: [0.08, 0.058]};
const JOINTS = {elbow: 0.05, wrist: 0.062, knee: 0.06};
const COLOURS = {
  left: ["#2aa4ff", "#1478cf"],
  right: ["#ff9633", "#dd6a0b"],
  body: ["#f6eedd", "#d9c9a8"],
  shirt: ["#34cfa6", "#159a7c"],
  shoe: ["#ffffff", "#cfd6d4"],
  bare: ["#efe5d0", "#cdbc98"],
  ink: "#1b2b2a",
  band: "#f2495c",
  bandDark: "#c42d44",
};

const add = ([a, b, c], [x, y, z]) => [a + x, b + y, c + z];
const sub = ([a, b, c], [x, y, z]) => [a - x, b - y, c - z];
const times = ([a, b, c], s) => [a * s, b * s, c * s];
const mix = (a, b, t) => a.map((one, i) => one + (b[i] - one) * t);

/** A cloth that hangs on the head and follows late. */
export class Ribbon {
  constructor(count = 7, link = 0.095) {
    Object.assign(this, {link});
    this.points = Array.from({length: count}, () => null);
  }

  /** @param {number[]} at where it is tied @param {number[]} wind metres a second */
  update(at, wind, seconds) {
    const {points, link} = this;
    if (!points[0] || Math.hypot(points[0][0] - at[0], points[0][1] - at[1]) > 3) {
      for (let i = 0; i < points.length; i++) points[i] = [at[0] - 0.06 * i, at[1] - 0.05 * i];
    }
    points[0] = [at[0], at[1]];
    const drag = Math.min(1, seconds * 9);
    for (let i = 1; i < points.length; i++) {
      const wave = Math.sin(performance.now() / 130 - i * 0.9) * 0.5;
      points[i][0] += wind[0] * seconds * drag * 6;
      points[i][1] += (wind[1] + wave * Math.abs(wind[0]) * 0.3 - 1.6) * seconds * drag * 4;
      const [dx, dy] = [points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]];
      const far = Math.hypot(dx, dy) || 1;
      points[i] = [points[i - 1][0] + (dx / far) * link, points[i - 1][1] + (dy / far) * link];
    }
  }
}

/**
 * Draw the doll.
 * @param {CanvasRenderingContext2D} context
 * @param {Object<string, number[]>} pose joints: hips, chest, neck, head, face (a direction), up (a direction), and of both
 *   sides shoulder, elbow, wrist, hip, knee, ankle, toe
 * @param {(point: number[]) => number[]} project metres to the canvas
 * @param {number} unit pixels a metre
 * @param {{ribbon?: Ribbon, blink?: boolean, mouth?: "smile"|"open"|"ouch", bare?: Object<string, boolean>}} looks
 *   bare: which limbs, such as left_arm, are plain wood, because they are not seen
 */
export function drawPuppet(context, pose, project, unit, {ribbon, blink = false, mouth = "smile", bare = {}} = {}) {
  const pieces = [];
  const push = (z, paint) => pieces.push({z, paint});
  for (const side of ["left", "right"]) {
    const at = (name) => pose[`${side}_${name}`];
    const limb = (from, to, [a, b], z, colours) =>
      push(z, () => capsule(context, project(from), project(to), a * unit, b * unit, colours));
    const [arm, leg] = ["arm", "leg"].map((part) => (bare[`${side}_${part}`] ? COLOURS.bare : COLOURS[side]));
    const depth = (...points) => points.reduce((sum, one) => sum + one[2], 0) / points.length;
    limb(at("shoulder"), at("elbow"), THICK.upperArm, depth(at("shoulder"), at("elbow")), arm);
    const hand = depth(at("elbow"), at("wrist"), at("wrist")) + 0.01;
    limb(at("elbow"), at("wrist"), THICK.forearm, hand, arm);
    push(hand + 0.005, () => {
      joint(context, project(at("elbow")), JOINTS.elbow * unit, arm[0]);
      ball(context, project(at("wrist")), JOINTS.wrist * 1.25 * unit, COLOURS.body[0], 1, COLOURS.body[1]);
    });
    limb(at("hip"), at("knee"), THICK.thigh, depth(at("hip"), at("knee")) - 0.02, leg);
    limb(at("knee"), at("ankle"), THICK.shin, depth(at("knee"), at("ankle")) - 0.02, leg);
    push(depth(at("hip"), at("knee"), at("knee")) + 0.03, () => joint(context, project(at("knee")), JOINTS.knee * unit, leg[0]));
    limb(at("ankle"), at("toe"), [0.072, 0.055], at("toe")[2] - 0.01, COLOURS.shoe);
  }
  push(pose.chest[2], () => drawTrunk(context, pose, project, unit));
  const head = pose.head[2] + 0.05;
  if (ribbon) push(head - 0.1 - 0.2 * Math.sign(pose.face[2] || 1), () => drawRibbon(context, ribbon, project, unit));
  push(head, () => drawHead(context, pose, project, unit, blink, mouth));
  pieces.sort((a, b) => a.z - b.z);
  for (const {paint} of pieces) paint();
  context.globalAlpha = 1;
}

/** A limb that tapers, light on one side and dark on the other, as round wood is. */
function capsule(context, [x0, y0], [x1, y1], r0, r1, [light, dark]) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  const reach = Math.max(0.001, Math.hypot(x1 - x0, y1 - y0));
  const lean = reach > Math.abs(r0 - r1) ? Math.acos((r0 - r1) / reach) : r0 > r1 ? 0 : Math.PI;
  // Light comes from above on the left; across the limb, whichever side that is.
  const [nx, ny] = [-Math.sin(angle), Math.cos(angle)];
  const turn = nx * -0.55 + ny * -0.83 > 0 ? 1 : -1;
  const wide = Math.max(r0, r1);
  const [mx, my] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const shade = context.createLinearGradient(
    ...[mx + nx * turn * wide, my + ny * turn * wide, mx - nx * turn * wide, my - ny * turn * wide],
  );
  shade.addColorStop(0, light);
  shade.addColorStop(0.45, light);
  shade.addColorStop(1, dark);
  context.fillStyle = shade;
  context.beginPath();
  context.arc(x0, y0, r0, angle + lean, angle - lean);
  context.arc(x1, y1, r1, angle - lean, angle + lean);
  context.closePath();
  context.fill();
}

function ball(context, [x, y], radius, colour, alpha = 1, dark = null) {
  context.globalAlpha = alpha;
  let fill = colour;
  if (dark) {
    fill = context.createRadialGradient(x - radius * 0.35, y - radius * 0.4, radius * 0.1, x, y, radius * 1.1);
    fill.addColorStop(0, colour);
    fill.addColorStop(0.6, colour);
    fill.addColorStop(1, dark);
  }
  context.fillStyle = fill;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
  context.globalAlpha = 1;
}

/** A joint is a keypoint: its colour with a light middle. */
function joint(context, spot, radius, colour) {
  ball(context, spot, radius, colour);
  ball(context, spot, radius * 0.5, "rgb(255 255 255 / 85%)");
}

function drawTrunk(context, pose, project, unit) {
  const [ls, rs, lh, rh] = ["left_shoulder", "right_shoulder", "left_hip", "right_hip"].map((name) => project(pose[name]));
  const [neck, hips] = [project(pose.neck), project(pose.hips)];
  const [left, right] = ls[0] < rs[0] ? [ls, rs] : [rs, ls];
  const [lowLeft, lowRight] = lh[0] < rh[0] ? [lh, rh] : [rh, lh];
  const round = 0.105 * unit;
  const [x, y] = [(left[0] + right[0]) / 2, (neck[1] + hips[1]) / 2];
  const wide = Math.max(Math.abs(right[0] - left[0]) / 2 + round, round * 1.6);
  // The neck and the pelvis are wood, the rest is a shirt.
  capsule(context, neck, mix2(neck, project(pose.head), 0.5), 0.07 * unit, 0.065 * unit, COLOURS.body);
  capsule(context, lowLeft, lowRight, 0.1 * unit, 0.1 * unit, ["#26413d", "#182c2a"]);
  const shade = context.createLinearGradient(x - wide, y - wide, x + wide * 0.8, y + wide);
  shade.addColorStop(0.1, COLOURS.shirt[0]);
  shade.addColorStop(1, COLOURS.shirt[1]);
  context.fillStyle = context.strokeStyle = shade;
  context.lineJoin = "round";
  context.lineWidth = 2 * round;
  const waist = [mix2(left, lowLeft, 0.86), mix2(right, lowRight, 0.86)];
  context.beginPath();
  context.moveTo(...shrink(left, x, 0.72));
  context.lineTo(...shrink(right, x, 0.72));
  context.lineTo(...shrink(waist[1], x, 0.55));
  context.lineTo(...shrink(waist[0], x, 0.55));
  context.closePath();
  context.fill();
  context.stroke();
  if (pose.front > 0.1) {
    // The badge is a keypoint.
    const [bx, by] = project(add(mix(pose.chest, pose.neck, 0.25), times(pose.forward ?? [0, 0, 1], 0.1)));
    ball(context, [bx, by], 0.06 * unit, "rgb(255 255 255 / 92%)");
    ball(context, [bx, by], 0.03 * unit, COLOURS.shirt[1]);
  }
}

const mix2 = ([a, b], [x, y], t) => [a + (x - a) * t, b + (y - b) * t];
const shrink = ([px, py], x, by) => [x + (px - x) * by, py];

function drawRibbon(context, {points}, project, unit) {
  if (!points[0]) return;
  for (const [shift, colour] of [[0.035, COLOURS.bandDark], [0, COLOURS.band]]) {
    const spots = points.map(([x, y], i) => project([x, y - shift * (1 + i * 0.25), 0]));
    const half = (i) => unit * (0.022 + 0.02 * Math.sin((i / (points.length - 1)) * Math.PI * 0.8));
    context.fillStyle = colour;
    context.beginPath();
    for (let i = 0; i < spots.length; i++) context.lineTo(spots[i][0], spots[i][1] - half(i));
    for (let i = spots.length - 1; i >= 0; i--) context.lineTo(spots[i][0], spots[i][1] + half(i));
    context.closePath();
    context.fill();
  }
}

function drawHead(context, pose, project, unit, blink, mouth) {
  const {head, face, up} = pose;
  const radius = SIZES.head;
  const right = cross(face, up);
  const [x, y] = project(head);
  const r = radius * unit;
  const skin = context.createRadialGradient(x - r * 0.4, y - r * 0.45, r * 0.15, x, y, r * 1.15);
  skin.addColorStop(0, "#fffaf0");
  skin.addColorStop(0.55, COLOURS.body[0]);
  skin.addColorStop(1, COLOURS.body[1]);
  context.fillStyle = skin;
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.fill();

  // The band goes round the head: a circle across `up`, of which the front half is seen.
  context.save();
  context.beginPath();
  context.arc(x, y, r * 1.01, 0, 2 * Math.PI);
  context.clip();
  context.lineWidth = 0.085 * unit;
  context.strokeStyle = COLOURS.band;
  context.lineCap = "butt";
  const [across, along] = [0.9, 0.42];
  let drawing = false;
  context.beginPath();
  for (let i = 0; i <= 48; i++) {
    // From the back, so that what is seen is one line.
    const a = Math.PI + (i / 48) * 2 * Math.PI;
    const spot = add(add(times(face, Math.cos(a) * across * radius), times(right, Math.sin(a) * across * radius)), times(up, along * radius));
    const seen = spot[2] > -0.02;
    const [px, py] = project(add(head, spot));
    if (seen && drawing) context.lineTo(px, py);
    else if (seen) context.moveTo(px, py);
    drawing = seen;
  }
  context.stroke();
  const on = (sideways, upwards, forwards = 0.9) =>
    add(add(times(face, forwards * radius), times(right, sideways * radius)), times(up, upwards * radius));
  for (const side of [-0.36, 0.36]) {
    const eye = on(side, 0.02);
    if (eye[2] > 0.03) drawEye(context, project(add(head, eye)), unit, Math.min(1, eye[2] / (0.6 * radius)), blink, mouth);
    const cheek = on(side * 1.75, -0.3, 0.75);
    if (cheek[2] > 0.02) {
      context.globalAlpha = 0.55 * Math.min(1, cheek[2] / (0.4 * radius));
      ball(context, project(add(head, cheek)), 0.05 * unit, "rgb(255 140 110 / 60%)", context.globalAlpha);
    }
  }
  if (face[2] > 0.12) drawMouth(context, project(add(head, on(0, -0.38, 0.88))), unit, Math.min(1, face[2] * 1.6), mouth);
  context.restore();
}

function drawEye(context, [x, y], unit, wide, blink, mouth) {
  context.fillStyle = context.strokeStyle = COLOURS.ink;
  context.lineCap = "round";
  context.lineWidth = 0.022 * unit;
  if (mouth === "ouch") {
    context.beginPath();
    for (const s of [-1, 1]) {
      context.moveTo(x - 0.035 * unit * wide, y - 0.035 * unit * s);
      context.lineTo(x + 0.035 * unit * wide, y + 0.035 * unit * s);
    }
    context.stroke();
    return;
  }
  if (blink) {
    context.beginPath();
    context.moveTo(x - 0.035 * unit * wide, y);
    context.lineTo(x + 0.035 * unit * wide, y);
    context.stroke();
    return;
  }
  context.beginPath();
  context.ellipse(x, y, 0.03 * unit * Math.max(0.35, wide), 0.042 * unit, 0, 0, 2 * Math.PI);
  context.fill();
  ball(context, [x - 0.008 * unit, y - 0.016 * unit], 0.012 * unit * Math.max(0.4, wide), "#fff");
}

function drawMouth(context, [x, y], unit, wide, mouth) {
  context.strokeStyle = context.fillStyle = COLOURS.ink;
  context.lineCap = "round";
  context.lineWidth = 0.02 * unit;
  context.beginPath();
  if (mouth === "smile") context.ellipse(x, y - 0.012 * unit, 0.055 * unit * wide, 0.042 * unit, 0, 0.15 * Math.PI, 0.85 * Math.PI);
  else context.ellipse(x, y, 0.036 * unit * wide, (mouth === "open" ? 0.045 : 0.028) * unit, 0, 0, 2 * Math.PI);
  if (mouth === "smile") context.stroke();
  else context.fill();
}

export function cross([a, b, c], [x, y, z]) {
  return [b * z - c * y, c * x - a * z, a * y - b * x];
}

/**
 * Make a pose of angles in the plane in which somebody runs, seen a little from the front.
 * @param {{lean: number, hips: number, left: number[], right: number[], turn: number, nod: number}} figure hips: metres
 *   over the ground; left, right: upper arm, elbow, thigh, knee, radians forwards from hanging; turn: radians in which the
 *   figure is turned towards who looks
 */
export function poseOf({lean, hips, left, right, turn, nod = 0}) {
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  // Forwards is x; the own left is away from who looks.
  const place = (forwards, y, sideways) => [forwards * c - sideways * s, y, forwards * s + sideways * c];
  const up = [Math.sin(lean), Math.cos(lean)];
  const pose = {hips: place(0, hips, 0)};
  const chestAt = [up[0] * SIZES.trunk * 0.6, hips + up[1] * SIZES.trunk * 0.6];
  const neckAt = [up[0] * SIZES.trunk, hips + up[1] * SIZES.trunk];
  pose.chest = place(chestAt[0], chestAt[1], 0);
  pose.neck = place(neckAt[0], neckAt[1], 0);
  const headUp = [Math.sin(lean * 0.4 + nod), Math.cos(lean * 0.4 + nod)];
  const headAt = SIZES.neck + SIZES.head * 0.82;
  pose.head = place(neckAt[0] + headUp[0] * headAt, neckAt[1] + headUp[1] * headAt, 0);
  pose.face = place(headUp[1], -headUp[0], 0);
  pose.up = place(headUp[0], headUp[1], 0);
  pose.forward = place(up[1], -up[0], 0);
  pose.front = pose.forward[2];
  for (const [side, angles, sign] of [["left", left, -1], ["right", right, 1]]) {
    const [arm, elbow, thigh, knee] = angles;
    const shoulder = [neckAt[0] - up[0] * 0.04, neckAt[1] - up[1] * 0.04];
    const elbowAt = [shoulder[0] + Math.sin(arm) * SIZES.upperArm, shoulder[1] - Math.cos(arm) * SIZES.upperArm];
    const fore = arm + elbow;
    const wristAt = [elbowAt[0] + Math.sin(fore) * SIZES.forearm, elbowAt[1] - Math.cos(fore) * SIZES.forearm];
    const kneeAt = [Math.sin(thigh) * SIZES.thigh, hips - Math.cos(thigh) * SIZES.thigh];
    const shin = thigh - knee;
    const ankleAt = [kneeAt[0] + Math.sin(shin) * SIZES.shin, kneeAt[1] - Math.cos(shin) * SIZES.shin];
    // The foot is level on the ground and hangs when the shin swings back.
    const foot = Math.max(-1.3, Math.min(0.35, shin * 0.9 + 0.1));
    pose[`${side}_shoulder`] = place(shoulder[0], shoulder[1], sign * SIZES.shoulder);
    pose[`${side}_elbow`] = place(elbowAt[0], elbowAt[1], sign * (SIZES.shoulder + 0.04));
    pose[`${side}_wrist`] = place(wristAt[0], wristAt[1], sign * SIZES.shoulder);
    pose[`${side}_hip`] = place(0, hips, sign * SIZES.hip);
    pose[`${side}_knee`] = place(kneeAt[0], kneeAt[1], sign * SIZES.hip);
    pose[`${side}_ankle`] = place(ankleAt[0], ankleAt[1], sign * SIZES.hip);
    pose[`${side}_toe`] = place(
      ...[ankleAt[0] + Math.cos(foot) * SIZES.foot, ankleAt[1] + Math.sin(foot) * SIZES.foot, sign * SIZES.hip],
    );
  }
  return pose;
}

export {add, mix, sub, times};
