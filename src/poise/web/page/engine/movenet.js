/**
 * Decode MoveNet: the maps of MultiPose (whole pictures) and Thunder (one person a crop) to keypoints.
 *
 * The counterpart of `poise/estimators/movenet.py`, which tells where the numbers are from. A map is `{data, dims}` with
 * dims [N, channels, h, w]; a cell is 4 x 4 pixels of the input; pairs are (dy, dx).
 */

import { roundHalfEven } from "./pictures.js";
import { sortedDown } from "./geometry.js";

const STRIDE = 4;
const SPREAD = 0.3; // of the shorter grid side: squared reach of MultiPose's regression guess, cells
const CONFIDENT = 0.127; // keypoints below it do not count towards MultiPose's person score
const SOFTEN = 1.8; // cells added to the distance from the middle before Thunder's centre is divided by it
const SOFTEN_KEYPOINT = 3.0; // the same for keypoints
const WINDOW = 2.2; // reaches beyond which no value wins
const MIN_CENTER = 0.1;
const MOST = 30;
// A hint: half the side of the window around its middle where the person's centre is sought, cells; and the distance
// from it at which a guess is worth 0.6, over the height of the grid.
const NEAR = 3;
const HINT = 0.1;

/** The cells that equal the maximum of the 5 x 5 cells around them, the largest first. */
function localMaxima(values, h, w, least, limit) {
  const cells = [];
  const found = [];
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const value = values[y * w + x];
      if (!(value >= least)) continue;
      let peak = -Infinity;
      for (let j = Math.max(y - 2, 0); j <= Math.min(y + 2, h - 1); j++) {
        for (let i = Math.max(x - 2, 0); i <= Math.min(x + 2, w - 1); i++) peak = Math.max(peak, values[j * w + i]);
      }
      if (value >= peak - 1e-6) {
        cells.push([y, x]);
        found.push(value);
      }
    }
  }
  return sortedDown(found)
    .slice(0, limit)
    .map((i) => cells[i]);
}

/** The people of one picture, not yet freed of duplicates, best centre first; input pixels. */
export function decodeMultipose(maps) {
  const [, k, h, w] = maps.kpt_heatmap.dims;
  const area = h * w;
  const heat = maps.kpt_heatmap.data;
  const regress = maps.kpt_regress.data;
  const offset = maps.kpt_offset.data;
  const reach = SPREAD * Math.min(h, w);
  const radius = Math.ceil(WINDOW * Math.sqrt(reach));
  return localMaxima(maps.center.data, h, w, MIN_CENTER, MOST).map(([cy, cx]) => {
    const cell = cy * w + cx;
    const height = Math.max(maps.box_scale.data[cell], 0);
    const width = Math.max(maps.box_scale.data[area + cell], 0);
    const middleY = cy + maps.box_offset.data[cell];
    const middleX = cx + maps.box_offset.data[area + cell];
    const low = [clip(middleY - height / 2, h), clip(middleX - width / 2, w)];
    const high = [clip(middleY + height / 2, h), clip(middleX + width / 2, w)];
    const xy = new Float32Array(2 * k);
    const conf = new Float32Array(k);
    let sum = 0;
    let confident = 0;
    for (let point = 0; point < k; point++) {
      const guessY = cy + regress[2 * point * area + cell];
      const guessX = cx + regress[(2 * point + 1) * area + cell];
      // Only a window around each guess is looked at: the Gaussian weight fades outside of it.
      const fromY = Math.max(roundHalfEven(guessY) - radius, Math.ceil(low[0]), 0);
      const toY = Math.min(roundHalfEven(guessY) + radius, Math.floor(high[0]), h - 1);
      const fromX = Math.max(roundHalfEven(guessX) - radius, Math.ceil(low[1]), 0);
      const toX = Math.min(roundHalfEven(guessX) + radius, Math.floor(high[1]), w - 1);
      let best = 0;
      let bestY = 0;
      let bestX = 0;
      for (let y = fromY; y <= toY; y++) {
        const weightY = Math.exp(-((y - guessY) ** 2) / reach);
        const line = point * area + y * w;
        for (let x = fromX; x <= toX; x++) {
          const value = heat[line + x] * weightY * Math.exp(-((x - guessX) ** 2) / reach);
          if (value > best) {
            best = value;
            bestY = y;
            bestX = x;
          }
        }
      }
      // Where the box and the window do not meet there is nothing to choose from: the guess stands, with score 0.
      const at = bestY * w + bestX;
      xy[2 * point] = (best > 0 ? bestX + offset[(2 * point + 1) * area + at] : guessX) * STRIDE;
      xy[2 * point + 1] = (best > 0 ? bestY + offset[2 * point * area + at] : guessY) * STRIDE;
      conf[point] = Math.min(Math.max(best, 0), 1);
      if (best > CONFIDENT) {
        sum += best;
        confident++;
      }
    }
    const mean = sum / Math.max(confident, 1);
    return {
      box: [low[1] * STRIDE, low[0] * STRIDE, high[1] * STRIDE, high[0] * STRIDE],
      xy,
      conf,
      score: Math.min(Math.max(maps.center.data[cell] * mean, 0), 1),
    };
  });
}

/**
 * One person of each crop: the one in the middle, or the one that a hint points at.
 *
 * @param {Record<string, {data: Float32Array, dims: number[]}>} maps
 * @param {{xy: ArrayLike<number>, conf: ArrayLike<number>}[]} hints  where the keypoints of each crop's person are
 *   thought to be, crop pixels, NaN where nothing is known; and how sure each is
 * @returns {{xy: Float32Array, conf: Float32Array}[]} crop pixels, raw scores
 */
export function decodeThunder(maps, hints) {
  const [count, k, h, w] = maps.kpt_heatmap.dims;
  const found = [];
  for (let n = 0; n < count; n++) found.push(decodeCrop(maps, n, k, h, w, hints[n]));
  return found;
}

function decodeCrop(maps, n, k, h, w, hint) {
  const area = h * w;
  const center = maps.center.data.subarray(n * area, (n + 1) * area);
  const heat = maps.kpt_heatmap.data.subarray(n * k * area, (n + 1) * k * area);
  const regress = maps.kpt_regress.data.subarray(n * 2 * k * area, (n + 1) * 2 * k * area);
  const offset = maps.kpt_offset.data.subarray(n * 2 * k * area, (n + 1) * 2 * k * area);
  const likely = (cell) => {
    const y = Math.floor(cell / w) - h / 2;
    const x = (cell % w) - w / 2;
    return center[cell] / (Math.sqrt(y * y + x * x) + SOFTEN);
  };
  const guessed = (cell) => {
    const guess = new Float32Array(2 * k);
    for (let point = 0; point < k; point++) {
      guess[2 * point] = Math.floor(cell / w) + regress[2 * point * area + cell];
      guess[2 * point + 1] = (cell % w) + regress[(2 * point + 1) * area + cell];
    }
    return guess; // y, x
  };
  let cell = 0;
  let most = -Infinity;
  for (let i = 0; i < area; i++) {
    const value = likely(i);
    if (value > most) {
      most = value;
      cell = i;
    }
  }
  const guess = pointed(guessed, likely, center, cell, hint, k, h, w);
  const xy = new Float32Array(2 * k);
  const conf = new Float32Array(k);
  const acrossSquared = new Float32Array(w);
  for (let point = 0; point < k; point++) {
    const map = point * area;
    for (let x = 0; x < w; x++) acrossSquared[x] = (x - guess[2 * point + 1]) ** 2;
    let best = -Infinity;
    let at = 0;
    for (let y = 0; y < h; y++) {
      const downSquared = (y - guess[2 * point]) ** 2;
      for (let x = 0; x < w; x++) {
        const value = heat[map + y * w + x] / (Math.sqrt(downSquared + acrossSquared[x]) + SOFTEN_KEYPOINT);
        if (value > best) {
          best = value;
          at = y * w + x;
        }
      }
    }
    conf[point] = Math.min(Math.max(heat[map + at], 0), 1);
    xy[2 * point] = ((at % w) + offset[(2 * point + 1) * area + at]) * STRIDE;
    xy[2 * point + 1] = (Math.floor(at / w) + offset[2 * point * area + at]) * STRIDE;
  }
  return { xy, conf };
}

/** Where the keypoints are expected (y, x; cells), with what the hint says of whom to look for. */
function pointed(guessed, likely, center, cell, hint, k, h, w) {
  const sure = new Float32Array(k);
  const expected = new Float32Array(2 * k);
  let total = 0;
  for (let point = 0; point < k; point++) {
    const x = hint.xy[2 * point];
    const y = hint.xy[2 * point + 1];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    sure[point] = hint.conf[point];
    expected[2 * point] = y / STRIDE;
    expected[2 * point + 1] = x / STRIDE;
    total += sure[point];
  }
  total = Math.max(total, 1e-6);
  // Another person may be nearer to the middle: does the cell amid the expected keypoints guess more like them?
  let middleY = 0;
  let middleX = 0;
  for (let point = 0; point < k; point++) {
    middleY += (expected[2 * point] * sure[point]) / total;
    middleX += (expected[2 * point + 1] * sure[point]) / total;
  }
  let other = cell;
  let most = -1;
  for (let y = Math.max(Math.ceil(middleY - NEAR), 0); y <= Math.min(Math.floor(middleY + NEAR), h - 1); y++) {
    for (let x = Math.max(Math.ceil(middleX - NEAR), 0); x <= Math.min(Math.floor(middleX + NEAR), w - 1); x++) {
      if (center[y * w + x] > most) {
        most = center[y * w + x];
        other = y * w + x;
      }
    }
  }
  let chosen = null;
  let best = -Infinity;
  for (const candidate of [cell, other]) {
    const guess = guessed(candidate);
    let like = 0;
    for (let point = 0; point < k; point++) {
      const far = (guess[2 * point] - expected[2 * point]) ** 2 + (guess[2 * point + 1] - expected[2 * point + 1]) ** 2;
      like += Math.exp(-far / (2 * (HINT * h) ** 2)) * sure[point];
    }
    const value = likely(candidate) * (like / total + 0.05);
    if (value > best) {
      best = value;
      chosen = guess;
    }
  }
  for (let i = 0; i < 2 * k; i++) {
    chosen[i] += (expected[i] - chosen[i]) * Math.min(Math.max(sure[i >> 1], 0), 1);
  }
  return chosen;
}

function clip(value, high) {
  return Math.min(Math.max(value, 0), high);
}
