/**
 * The angles at knees, hips, elbows and shoulders, as `poise angles` measures them: 0 degrees is a straight knee, hip or elbow,
 * and an arm at the side.
 */

import {element, write} from "./dom.js";

const JOINTS = [
  {name: "shoulder", points: ["hip", "shoulder", "elbow"], opening: true},
  {name: "elbow", points: ["shoulder", "elbow", "wrist"]},
  {name: "hip", points: ["shoulder", "hip", "knee"]},
  {name: "knee", points: ["hip", "knee", "ankle"]},
];
const LEAST_CONF = 0.25;

const found = new WeakMap();

/** The joints that a skeleton has, with the places of their keypoints. */
function jointsOf(skeleton) {
  if (!found.has(skeleton)) {
    const joints = ["left", "right"].flatMap((side) =>
      JOINTS.map((joint) => ({...joint, side, at: joint.points.map((point) => skeleton.keypoints.indexOf(`${side}_${point}`))})),
    );
    found.set(skeleton, joints.filter(({at}) => at.every((index) => index >= 0)));
  }
  return found.get(skeleton);
}

/**
 * Measure the joints whose three keypoints are seen.
 * @returns {{name: string, side: "left"|"right", points: number[][], degrees: number}[]}
 */
export function jointAngles(instance, skeleton) {
  const angles = [];
  for (const {name, side, at, opening} of jointsOf(skeleton)) {
    const points = at.map((index) => instance.keypoints[index]);
    if (points.some(([x, , conf]) => x === null || (conf ?? 1) < LEAST_CONF)) continue;
    const [[ax, ay], [bx, by], [cx, cy]] = points;
    const turn = Math.atan2(cy - by, cx - bx) - Math.atan2(ay - by, ax - bx);
    const inner = (Math.abs(Math.atan2(Math.sin(turn), Math.cos(turn))) * 180) / Math.PI;
    if (Number.isFinite(inner)) angles.push({name, side, points, degrees: opening ? inner : 180 - inner});
  }
  return angles;
}

/** The table of angles of one person. */
export class AngleTable {
  /** @param {HTMLTableSectionElement} body */
  constructor(body) {
    this.cells = new Map();
    for (const {name} of JOINTS) {
      const cells = ["left", "right"].map((side) => {
        const cell = element("td", {textContent: "–"});
        this.cells.set(`${side} ${name}`, cell);
        return cell;
      });
      const heading = element("th", {scope: "row", textContent: name[0].toUpperCase() + name.slice(1)});
      body.append(element("tr", {}, heading, ...cells));
    }
  }

  /** Show the angles of a person, or dashes. */
  show(instance, skeleton) {
    const angles = instance ? jointAngles(instance, skeleton) : [];
    const degrees = new Map(angles.map((angle) => [`${angle.side} ${angle.name}`, angle.degrees]));
    for (const [key, cell] of this.cells) write(cell, degrees.has(key) ? `${Math.round(degrees.get(key))}°` : "–");
  }
}
