/**
 * From a bundle's manifest to a model that looks at pictures.
 */

import { TopDown } from "./topdown.js";
import { Yolo } from "./yolo.js";

const FAMILIES = { "top-down": TopDown, yolo: Yolo };

/** What a page may offer of a bundle: models, and what comes with one of them, the first unless another is given. */
export function offered(manifest, model = manifest.models[0]) {
  // Exercises are told by the joints of a person.
  const joints = ["left_shoulder", "left_hip", "left_knee"];
  const reps = joints.every((name) => model.skeleton.keypoints.includes(name));
  return {
    models: manifest.models.map(({ name, title, notes }) => ({ name, title, notes })),
    exercises: reps ? manifest.exercises.map((exercise) => exercise.name) : [],
    features: { reps, gestures: false, falls: false, posture: false, zones: false, hands: false },
  };
}

/** The entry of a model; the first where no name is given. */
export function modelOf(manifest, name) {
  const model = name ? manifest.models.find((each) => each.name === name) : manifest.models[0];
  if (!model) {
    const names = manifest.models.map((each) => each.name).join(", ");
    throw new Error(`no model named "${name}" in this bundle; it has: ${names}`);
  }
  return model;
}

/** Names of the networks that a model runs, each once. */
export function networksOf(model) {
  return [...new Set(model.networks)];
}

/**
 * @param {object} manifest
 * @param {object} model  of `modelOf`
 * @param {Record<string, object>} opened  its networks, by name
 */
export function build(manifest, model, opened) {
  const family = FAMILIES[model.estimator];
  if (!family) throw new Error(`model "${model.name}" is of the family "${model.estimator}", which this page does not know`);
  return new family(model, manifest.networks, opened);
}

/**
 * What the user asked for, with what holds where nothing is said.
 *
 * @param {object} settings  StreamSettings
 */
export function optionsOf(settings) {
  const { conf = 0.25, imgsz = null, max_det: maxDet = 300 } = settings ?? {};
  if (!(conf >= 0 && conf <= 1)) throw new Error(`conf must be from 0 to 1, got ${conf}`);
  if (imgsz !== null && !(Number.isInteger(imgsz) && imgsz >= 32)) {
    throw new Error(`imgsz must be a whole number of pixels, 32 or more, got ${imgsz}`);
  }
  return { conf, imgsz, maxDet };
}
