/**
 * Shrink and cut pictures with the same levels as Pillow, so that a network sees what it sees in Python.
 *
 * The counterpart of `poise/image.py`. A picture is `{data, width, height, channels}` with 8-bit levels; what a canvas
 * gives (RGBA, no `channels`) goes in, RGB comes out. All maps use the outer-corner convention: the centre of the first
 * pixel is (0.5, 0.5).
 *
 * Source: the fixed-point arithmetic of Pillow's `Resample.c` and `Reduce.c` (MIT-CMU licence): weights of 22 bits, two
 * passes with 8-bit levels between them; whole steps of shrinking by area averages.
 *
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number, height: number, channels?: number}} Picture
 * @typedef {{scaleX: number, scaleY: number, shiftX: number, shiftY: number}} Placing  picture -> canvas
 */

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

/** Round half to even, as Python's `round` does. */
export function roundHalfEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

function bilinear(x) {
  x = Math.abs(x);
  return x < 1 ? 1 - x : 0;
}

function bicubic(x) {
  x = Math.abs(x);
  if (x < 1) return ((-0.5 + 2) * x - (-0.5 + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * -0.5;
  return 0;
}

export const FILTERS = {
  bilinear: { weight: bilinear, support: 1 },
  bicubic: { weight: bicubic, support: 2 },
};

/** @returns {{first: Int32Array, count: Int32Array, weights: Int32Array, size: number}} of one axis */
function coefficients(length, from, to, size, filter) {
  const scale = Math.fround(to - from) / size;
  const wide = Math.max(scale, 1);
  const support = filter.support * wide;
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(size);
  const count = new Int32Array(size);
  const weights = new Int32Array(size * most);
  const row = new Float64Array(most);
  for (let i = 0; i < size; i++) {
    const centre = from + (i + 0.5) * scale;
    const low = Math.max(Math.trunc(centre - support + 0.5), 0);
    const taken = Math.min(Math.trunc(centre + support + 0.5), length) - low;
    let sum = 0;
    for (let j = 0; j < taken; j++) {
      row[j] = filter.weight((j + low - centre + 0.5) * (1 / wide));
      sum += row[j];
    }
    for (let j = 0; j < taken; j++) {
      const share = (sum === 0 ? row[j] : row[j] / sum) * (1 << PRECISION);
      weights[i * most + j] = Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    }
    first[i] = low;
    count[i] = taken;
  }
  return { first, count, weights, size: most };
}

function level(sum) {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Resample the part `box` (x0, y0, x1, y1; fractions allowed) of a picture to `width` x `height`, RGB. */
function resample(picture, box, width, height, filter) {
  const [x0, y0, x1, y1] = box.map(Math.fround);
  const sameX = width === picture.width && x0 === 0 && x1 === width;
  const sameY = height === picture.height && y0 === 0 && y1 === height;
  if (sameX && sameY) return rgb(picture);
  const across = sameX ? null : coefficients(picture.width, x0, x1, width, filter);
  const down = sameY ? null : coefficients(picture.height, y0, y1, height, filter);
  if (!down) return alongLines(picture, across, width, 0, picture.height);
  if (!across) return betweenLines(picture, down, height, 0, picture.width, 0);
  // Which pass comes first decides how the levels between them are rounded: as in Pillow 13.
  const lost = picture.height - height;
  if (lost > 0 && lost > 2 * (picture.width - width)) {
    const left = across.first[0];
    const right = across.first[width - 1] + across.count[width - 1];
    const between = betweenLines(picture, down, height, left, right, 0);
    for (let i = 0; i < width; i++) across.first[i] -= left;
    return alongLines(between, across, width, 0, height);
  }
  const top = down.first[0];
  const bottom = down.first[height - 1] + down.count[height - 1];
  return betweenLines(alongLines(picture, across, width, top, bottom), down, height, 0, width, top);
}

/** The pass along the lines, from line `top` to line `bottom`. */
function alongLines(picture, across, width, top, bottom) {
  const { data } = picture;
  const channels = channelsOf(picture);
  const { first, count, weights, size } = across;
  const made = new Uint8Array(width * (bottom - top) * 3);
  let at = 0;
  for (let y = top; y < bottom; y++) {
    const line = y * picture.width * channels;
    for (let x = 0; x < width; x++) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      const end = x * size + count[x];
      for (let k = x * size, from = line + first[x] * channels; k < end; k++, from += channels) {
        const weight = weights[k];
        red += data[from] * weight;
        green += data[from + 1] * weight;
        blue += data[from + 2] * weight;
      }
      made[at] = level(red);
      made[at + 1] = level(green);
      made[at + 2] = level(blue);
      at += 3;
    }
  }
  return { data: made, width, height: bottom - top, channels: 3 };
}

/** The pass between the lines, of columns `left` to `right`; `lead` lines above the first of the picture are missing. */
function betweenLines(picture, down, height, left, right, lead) {
  const { data } = picture;
  const channels = channelsOf(picture);
  const { first, count, weights, size } = down;
  const stride = picture.width * channels;
  const made = new Uint8Array((right - left) * height * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    const end = y * size + count[y];
    const line = (first[y] - lead) * stride;
    for (let x = left; x < right; x++) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let k = y * size, from = line + x * channels; k < end; k++, from += stride) {
        const weight = weights[k];
        red += data[from] * weight;
        green += data[from + 1] * weight;
        blue += data[from + 2] * weight;
      }
      made[at] = level(red);
      made[at + 1] = level(green);
      made[at + 2] = level(blue);
      at += 3;
    }
  }
  return { data: made, width: right - left, height, channels: 3 };
}

/** Average areas of `stepX` x `stepY` pixels of the part `box` (whole pixels x0, y0, x1, y1); RGB. */
function reduce(picture, stepX, stepY, box) {
  const [x0, y0, x1, y1] = box;
  const { data } = picture;
  const channels = channelsOf(picture);
  const width = Math.ceil((x1 - x0) / stepX);
  const height = Math.ceil((y1 - y0) / stepY);
  const made = new Uint8Array(width * height * 3);
  const stride = picture.width * channels;
  let at = 0;
  for (let y = 0; y < height; y++) {
    const top = y0 + y * stepY;
    const bottom = Math.min(top + stepY, y1);
    for (let x = 0; x < width; x++) {
      const left = x0 + x * stepX;
      const right = Math.min(left + stepX, x1);
      const area = (right - left) * (bottom - top);
      // A division by a multiplication, which rounds as Pillow's does.
      const factor = Math.trunc(Math.fround(16777216 / area));
      let red = area >> 1;
      let green = red;
      let blue = red;
      for (let line = top; line < bottom; line++) {
        let from = line * stride + left * channels;
        const end = line * stride + right * channels;
        for (; from < end; from += channels) {
          red += data[from];
          green += data[from + 1];
          blue += data[from + 2];
        }
      }
      made[at] = (red * factor) / 16777216;
      made[at + 1] = (green * factor) / 16777216;
      made[at + 2] = (blue * factor) / 16777216;
      at += 3;
    }
  }
  return { data: made, width, height, channels: 3 };
}

/**
 * Resize a part of a picture: whole steps of shrinking by areas, the rest by a filter as wide as the shrinking asks for.
 *
 * @param {Picture} picture
 * @param {number[]} box  x0, y0, x1, y1 of the part, pixels
 * @param {number} width  of the result
 * @param {number} height  of the result
 * @param {keyof typeof FILTERS} kind
 * @param {number} gap  shrinking by areas stops at so many times the size
 * @returns {Picture} RGB
 */
export function resizeBox(picture, box, width, height, kind, gap) {
  const whole = box[0] === 0 && box[1] === 0 && box[2] === picture.width && box[3] === picture.height;
  if (whole && width === picture.width && height === picture.height) return rgb(picture);
  const filter = FILTERS[kind];
  const stepX = Math.trunc((box[2] - box[0]) / width / gap) || 1;
  const stepY = Math.trunc((box[3] - box[1]) / height / gap) || 1;
  if (stepX > 1 || stepY > 1) {
    const footX = ((filter.support - 0.5) * (box[2] - box[0])) / width;
    const footY = ((filter.support - 0.5) * (box[3] - box[1])) / height;
    const safe = [
      Math.max(0, Math.trunc(box[0] - footX)),
      Math.max(0, Math.trunc(box[1] - footY)),
      Math.min(picture.width, Math.ceil(box[2] + footX)),
      Math.min(picture.height, Math.ceil(box[3] + footY)),
    ];
    picture = reduce(picture, stepX, stepY, safe);
    box = [(box[0] - safe[0]) / stepX, (box[1] - safe[1]) / stepY, (box[2] - safe[0]) / stepX, (box[3] - safe[1]) / stepY];
  }
  return resample(picture, box, width, height, filter);
}

/** Return the picture as RGB, without a copy where it is. */
export function rgb(picture) {
  if (channelsOf(picture) === 3) return picture;
  const { data, width, height } = picture;
  const made = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < made.length; from += 4, to += 3) {
    made[to] = data[from];
    made[to + 1] = data[from + 1];
    made[to + 2] = data[from + 2];
  }
  return { data: made, width, height, channels: 3 };
}

/**
 * Fit a picture into the top-left corner of a canvas without changing its proportions.
 *
 * @param {Picture} picture
 * @param {number} width  of the canvas
 * @param {number} height  of the canvas
 * @param {number} fill  level beside the picture
 * @returns {{canvas: Picture, scaleX: number, scaleY: number}} RGB, and the scales from picture to canvas
 */
export function letterbox(picture, width, height, fill = 0) {
  const scale = Math.min(width / picture.width, height / picture.height);
  const innerWidth = Math.max(1, roundHalfEven(picture.width * scale));
  const innerHeight = Math.max(1, roundHalfEven(picture.height * scale));
  const box = [0, 0, picture.width, picture.height];
  const small = resizeBox(picture, box, innerWidth, innerHeight, "bilinear", 1);
  const scales = { scaleX: innerWidth / picture.width, scaleY: innerHeight / picture.height };
  if (innerWidth === width && innerHeight === height) return { canvas: small, ...scales };
  const canvas = blank(width, height, fill);
  paste(canvas, small, 0, 0);
  return { canvas, ...scales };
}

/**
 * Cut an upright region out of a picture and resize it.
 *
 * @param {Picture} picture
 * @param {number[]} region  x0, y0, x1, y1, pixels; may reach beyond the picture
 * @param {number} width  of the crop
 * @param {number} height  of the crop
 * @param {number} gap  as in `resizeBox`
 * @returns {{crop: Picture} & Placing} RGB, black outside the picture, and the map from picture to crop
 */
export function cut(picture, region, width, height, gap) {
  const size = [width, height];
  const inside = [picture.width, picture.height];
  const scale = [width / (region[2] - region[0]), height / (region[3] - region[1])];
  const placing = { scaleX: scale[0], scaleY: scale[1], shiftX: -region[0] * scale[0], shiftY: -region[1] * scale[1] };
  const crop = blank(width, height, 0);
  const low = [];
  const high = [];
  const start = [];
  const end = [];
  const from = [];
  const to = [];
  for (let axis = 0; axis < 2; axis++) {
    low[axis] = clip(Math.ceil(-region[axis] * scale[axis] - 1e-6), 0, size[axis]);
    high[axis] = clip(Math.floor((inside[axis] - region[axis]) * scale[axis] + 1e-6), 0, size[axis]);
    if (!(high[axis] > low[axis])) return { crop, ...placing };
    start[axis] = clip(region[axis] + low[axis] / scale[axis], 0, inside[axis]);
    end[axis] = clip(region[axis] + high[axis] / scale[axis], 0, inside[axis]);
    // The filter sees the part under the region with room for its foot, as in Python: its edges count.
    const foot = Math.ceil(2 / Math.min(scale[axis], 1)) + 1;
    from[axis] = Math.max(Math.floor(start[axis]) - foot, 0);
    to[axis] = Math.min(Math.ceil(end[axis]) + foot, inside[axis]);
    if (to[axis] <= from[axis]) return { crop, ...placing };
  }
  const part = window(picture, from[0], from[1], to[0], to[1]);
  const box = [start[0] - from[0], start[1] - from[1], end[0] - from[0], end[1] - from[1]];
  paste(crop, resizeBox(part, box, high[0] - low[0], high[1] - low[1], "bicubic", gap), low[0], low[1]);
  return { crop, ...placing };
}

/** Turn a picture by quarters, counter-clockwise as one sees it. */
export function turned(picture, quarters) {
  if (!quarters) return picture;
  const { data, width, height } = picture;
  const across = quarters % 2 === 0 ? width : height;
  const made = blank(across, width + height - across, 0);
  for (let y = 0, to = 0; y < made.height; y++) {
    for (let x = 0; x < across; x++, to += 3) {
      const column = quarters === 1 ? width - 1 - y : quarters === 2 ? width - 1 - x : y;
      const line = quarters === 1 ? x : quarters === 2 ? height - 1 - y : height - 1 - x;
      const from = (line * width + column) * 3;
      made.data[to] = data[from];
      made.data[to + 1] = data[from + 1];
      made.data[to + 2] = data[from + 2];
    }
  }
  return made;
}

export function channelsOf(picture) {
  return picture.channels ?? 4;
}

function blank(width, height, fill) {
  const data = new Uint8Array(width * height * 3);
  if (fill) data.fill(fill);
  return { data, width, height, channels: 3 };
}

function window(picture, x0, y0, x1, y1) {
  if (x0 === 0 && y0 === 0 && x1 === picture.width && y1 === picture.height) return picture;
  const channels = channelsOf(picture);
  const line = (x1 - x0) * channels;
  const data = new Uint8Array(line * (y1 - y0));
  for (let y = y0; y < y1; y++) {
    const start = (y * picture.width + x0) * channels;
    data.set(picture.data.subarray(start, start + line), (y - y0) * line);
  }
  return { data, width: x1 - x0, height: y1 - y0, channels };
}

function paste(canvas, small, left, top) {
  const line = small.width * 3;
  for (let y = 0; y < small.height; y++) {
    canvas.data.set(small.data.subarray(y * line, (y + 1) * line), ((y + top) * canvas.width + left) * 3);
  }
}

export function clip(value, low, high) {
  return value < low ? low : value > high ? high : value;
}
