/** What stays of a person who is out of sight, limb lengths and colours: poise/tracking/appearance.py. */

// Where colours are read, as shares of the box: the middle of the upper part (a shirt) and of the lower (trousers).
const UPPER = [[0.36, 0.43, 0.5, 0.57, 0.64], [0.24, 0.31, 0.38, 0.45]];
const LOWER = [[0.4, 0.5, 0.6], [0.56, 0.64, 0.72]];

/** Mean square difference of two lists over `spread`²; NaN where nothing is shared. */
export function limbDistance(a, b, spread = 0.35) {
  let total = 0;
  let shared = 0;
  for (let i = 0; i < a.length; i++) {
    const off = a[i] - b[i];
    if (Number.isNaN(off)) continue;
    total += off * off;
    shared++;
  }
  return shared ? total / (shared * spread ** 2) : NaN;
}

/** The same of colours. */
export const colourDistance = (a, b, spread = 0.08) => limbDistance(a, b, spread);

/**
 * Read the colours of the upper and lower body.
 * @param {{data: ArrayLike<number>, width: number, height: number}} picture RGBA, of any size
 * @param {ArrayLike<number>} box pixels of the result
 * @param {{width: number, height: number}} frame the size to which boxes refer
 * @returns {Float64Array} mean R, G, B of each part in [0, 1]; NaN outside of the picture
 */
export function colours(picture, box, frame) {
  const out = new Float64Array(6);
  const across = picture.width / frame.width;
  const down = picture.height / frame.height;
  [UPPER, LOWER].forEach(([columns, rows], part) => {
    const total = [0, 0, 0];
    let count = 0;
    for (const v of rows) {
      for (const u of columns) {
        const x = (box[0] + (box[2] - box[0]) * u) * across;
        const y = (box[1] + (box[3] - box[1]) * v) * down;
        if (!(x >= 0 && y >= 0 && x < picture.width && y < picture.height)) continue;
        const at = 4 * (Math.floor(y) * picture.width + Math.floor(x));
        for (let i = 0; i < 3; i++) total[i] += picture.data[at + i] / 255;
        count++;
      }
    }
    for (let i = 0; i < 3; i++) out[3 * part + i] = count ? total[i] / count : NaN;
  });
  return out;
}

/** Mix a new observation into a running mean; NaN on either side leaves the other. */
export function follow(mean, fresh, rate) {
  return mean.map((old, i) => {
    if (Number.isNaN(fresh[i])) return old;
    return Number.isNaN(old) ? fresh[i] : old + rate * (fresh[i] - old);
  });
}
