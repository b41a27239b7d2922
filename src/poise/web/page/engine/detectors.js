/**
 * The networks of a top-down model: how each wants its pictures, and who decodes it.
 *
 * The counterpart of `poise/estimators/detectors/` and `refiners/`. A network is what `runtime.js` opens: `run(feeds)`.
 */

import { letterbox, rgb } from "./pictures.js";
import { decodeMultipose, decodeThunder } from "./movenet.js";
import { decodeNanodet } from "./nanodet.js";

const STEP = 32; // sides of a canvas are multiples of it: the coarsest stride of the networks

/** The smallest canvas, in multiples of the stride, whose longer side is `longer`. */
function canvasSize(picture, longer) {
  longer = Math.max(STEP, Math.ceil(longer / STEP) * STEP);
  const scale = longer / Math.max(picture.height, picture.width);
  return [picture.width, picture.height].map((side) => Math.max(1, Math.ceil((side * scale) / STEP)) * STEP);
}

/** Pictures of one size as one uint8 input of [N, H, W, 3]. */
function feed(spec, pictures) {
  const [first] = pictures;
  const length = first.width * first.height * 3;
  const data = new Uint8Array(length * pictures.length);
  pictures.forEach((picture, i) => data.set(rgb(picture).data.subarray(0, length), i * length));
  if (spec.colour === "bgr") {
    for (let i = 0; i < data.length; i += 3) {
      const red = data[i];
      data[i] = data[i + 2];
      data[i + 2] = red;
    }
  }
  return { type: "uint8", data, dims: [pictures.length, first.height, first.width, 3] };
}

class WholePicture {
  constructor(spec, network) {
    this.spec = spec;
    this.network = network;
  }

  prepare(picture, longer) {
    const [width, height] = canvasSize(picture, longer ?? Math.max(...this.spec.size));
    const { canvas, scaleX, scaleY } = letterbox(picture, width, height);
    return { feeds: { [this.network.input]: feed(this.spec, [canvas]) }, scaleX, scaleY };
  }

  run(feeds) {
    return this.network.run(feeds);
  }
}

/** Boxes of people. */
class NanoDet extends WholePicture {
  keypoints = 0;

  decode(outputs, least) {
    return decodeNanodet(outputs, least, this.spec.options?.classes ?? [0]);
  }
}

/** Boxes and 17 keypoints of everybody; a person may be found twice. */
class MultiPose extends WholePicture {
  keypoints = 17;

  decode(outputs, least) {
    return decodeMultipose(outputs).filter((person) => person.score >= least);
  }
}

/** 17 keypoints of the person in the middle of a crop, or of the one that a hint points at. */
class Thunder {
  keypoints = 17;

  constructor(spec, network) {
    this.spec = spec;
    this.network = network;
  }

  prepare(crops) {
    return { [this.network.input]: feed(this.spec, crops) };
  }

  run(feeds) {
    return this.network.run(feeds);
  }

  decode(outputs, hints) {
    return decodeThunder(outputs, hints);
  }
}

export const DETECTORS = { nanodet: NanoDet, multipose: MultiPose };
export const REFINERS = { thunder: Thunder };
