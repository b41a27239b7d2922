/**
 * Fit a picture into the input of a YOLO network; the counterpart of `poise/estimators/letterbox.py`.
 *
 * The 8-bit bilinear resize gives the levels of OpenCV's `INTER_LINEAR`, with which such networks are trained.
 */

import { channelsOf, roundHalfEven } from "./pictures.js";

const FILL = 114; // grey level beside the picture, as the networks were trained with
const ONE = 2048; // OpenCV's fixed point: weights of 11 bits

/**
 * Lay a picture into an input without changing its proportions.
 *
 * @param {[number, number]} source  width and height of the picture
 * @param {[number, number]} target  width and height of the input
 * @param {{auto?: boolean, stride?: number}} [options]  `auto`: cut the input to the smallest rectangle of whole strides
 */
export function place([w, h], [width, height], { auto = false, stride = 32 } = {}) {
  const ratio = Math.min(height / h, width / w);
  const inner = [Math.max(roundHalfEven(w * ratio), 1), Math.max(roundHalfEven(h * ratio), 1)];
  let dw = width - inner[0];
  let dh = height - inner[1];
  if (auto) {
    dw %= stride;
    dh %= stride;
  }
  // An odd pixel goes to the right and to the bottom.
  return {
    inner,
    size: [inner[0] + dw, inner[1] + dh],
    left: roundHalfEven(dw / 2 - 0.1),
    top: roundHalfEven(dh / 2 - 0.1),
    scale: [inner[0] / w, inner[1] / h],
  };
}

/** The picture as RGB planes from 0 to 1, grey beside it: a float32 input of [1, 3, height, width]. */
export function write(picture, placement) {
  const { inner, size, left, top } = placement;
  const [width, height] = size;
  const area = width * height;
  const data = new Float32Array(3 * area).fill(FILL / 255);
  const put = (x, y, channel, level) => {
    data[channel * area + (y + top) * width + x + left] = level / 255;
  };
  const ratio = Math.floor(picture.height / inner[1]);
  if (ratio * inner[1] === picture.height && ratio * inner[0] === picture.width) byWhole(picture, ratio, inner, put);
  else byWeights(picture, inner, put);
  return { type: "float32", data, dims: [1, 3, height, width] };
}

/** Resize by a whole number: an odd one keeps every n-th pixel, an even one the mean of four neighbours. */
function byWhole({ data, width, ...picture }, ratio, [w, h], put) {
  const channels = channelsOf(picture);
  const middle = Math.floor(ratio / 2);
  const line = width * channels;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const at = (y * ratio + middle) * line + (x * ratio + middle) * channels;
      for (let channel = 0; channel < 3; channel++) {
        const here = at + channel;
        const level =
          ratio % 2
            ? data[here]
            : (data[here] + data[here - channels] + data[here - line] + data[here - line - channels] + 2) >> 2;
        put(x, y, channel, level);
      }
    }
  }
}

/** Resize by any ratio: along the lines first, then between them, in OpenCV's fixed point. */
function byWeights(picture, [w, h], put) {
  const { data, width, height } = picture;
  const channels = channelsOf(picture);
  const across = axis(width, w);
  const down = axis(height, h);
  const lines = new Map();
  const line = (y) => {
    if (!lines.has(y)) lines.set(y, resizedLine(data, y * width * channels, channels, across, width, w));
    return lines.get(y);
  };
  for (let y = 0; y < h; y++) {
    const near = Math.min(Math.max(down.near[y], 0), height - 1);
    const far = Math.min(Math.max(down.near[y] + 1, 0), height - 1);
    for (const old of lines.keys()) if (old < near) lines.delete(old);
    const above = line(near);
    const below = line(far);
    const weight = down.weight[y];
    for (let i = 0; i < 3 * w; i++) {
      const level = ((((above[i] * (ONE - weight)) >> 16) + ((below[i] * weight) >> 16) + 2) >> 2);
      put(i % w, y, Math.floor(i / w), level);
    }
  }
}

function resizedLine(data, start, channels, { near, weight }, width, w) {
  const made = new Int32Array(3 * w);
  for (let x = 0; x < w; x++) {
    // OpenCV resets the weight where a line ends.
    const ends = near[x] < 0 || near[x] + 1 >= width;
    const second = ends ? 0 : weight[x];
    const first = start + Math.min(Math.max(near[x], 0), width - 1) * channels;
    const last = start + Math.min(Math.max(near[x] + 1, 0), width - 1) * channels;
    for (let channel = 0; channel < 3; channel++) {
      made[channel * w + x] = (data[first + channel] * (ONE - second) + data[last + channel] * second) >> 4;
    }
  }
  return made;
}

/** The first of two source indices (perhaps outside) and the second's weight for `m` places on an axis of `n`. */
function axis(n, m) {
  const near = new Int32Array(m);
  const weight = new Int32Array(m);
  for (let i = 0; i < m; i++) {
    const at = Math.fround((i + 0.5) * (1 / (m / n)) - 0.5);
    near[i] = Math.floor(at);
    weight[i] = roundHalfEven(Math.fround(at - near[i]) * ONE);
  }
  return { near, weight };
}
