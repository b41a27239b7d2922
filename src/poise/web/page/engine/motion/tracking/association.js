/** How alike what is expected and what is found are: poise/tracking/association.py, one pair at a time. */

import {boxArea, boxIou} from "../geometry.js";

/**
 * Compare an expected with a found pose by OKS that knows how unsure the expectation is.
 * @param {Float64Array} a expected x, y, x, y, …; NaN where unknown
 * @param {Float64Array} b found
 * @param {object} more `area` of the expected box; OKS `sigmas`; `weightA`, `weightB` confidence; `spreads`: variances
 *   of the expected positions, null where they are exact
 * @returns {[number, number]} similarity in [0, 1], and the evidence: the keypoints that both have, by confidence
 */
export function poseSimilarity(a, b, {area, sigmas, weightA, weightB, spreads = null}) {
  let alike = 0;
  let evidence = 0;
  for (let k = 0; k < sigmas.length; k++) {
    const dx = a[2 * k] - b[2 * k];
    const dy = a[2 * k + 1] - b[2 * k + 1];
    const squared = dx * dx + dy * dy;
    if (!Number.isFinite(squared)) continue;
    const weight = weightA[k] * weightB[k];
    const exact = Math.max(area, 1) * (2 * sigmas[k]) ** 2;
    const wide = spreads ? exact + (spreads[k] || 0) : exact;
    // The bell is lowered as that of a normal density is when it widens: whoever may be anywhere is like nobody.
    alike += Math.exp((squared * -0.5) / wide) * weight * (spreads ? Math.sqrt(exact / wide) : 1);
    evidence += weight;
  }
  return [alike / Math.max(evidence, 1e-9), evidence];
}

/** Compare an expected with a found box by IoU of boxes widened by the deviation of the expected centre, pixels. */
export function boxSimilarity(a, b, by) {
  const width = Math.max(Math.min(a[2] + by, b[2] + by) - Math.max(a[0] - by, b[0] - by), 0);
  const height = Math.max(Math.min(a[3] + by, b[3] + by) - Math.max(a[1] - by, b[1] - by), 0);
  const inter = width * height;
  const areaOf = (box) => (Math.max(box[2] - box[0], 0) + 2 * by) * (Math.max(box[3] - box[1], 0) + 2 * by);
  const areaA = areaOf(a);
  const union = areaA + areaOf(b) - inter;
  return union > 0 ? (inter / union) * Math.sqrt(boxArea(a) / Math.max(areaA, 1e-9)) : 0;
}

/**
 * Find instances that are a better one again: by OKS where both have keypoints, else by their boxes.
 * @returns {boolean[]} true for the worse one of a pair
 */
export function duplicates(found, {sigmas, maxOks, maxIou}) {
  const order = found.map((_, i) => i).sort((i, j) => found[j].score - found[i].score);
  const worse = found.map(() => false);
  const compare = (one, other) => {
    const weights = {weightA: one.weight, weightB: other.weight};
    return poseSimilarity(one.xy, other.xy, {area: boxArea(one.box), sigmas, ...weights});
  };
  order.forEach((i, rank) => {
    if (worse[i]) return;
    for (const j of order.slice(rank + 1)) {
      const [likeness, evidence] = compare(found[i], found[j]);
      const alike =
        evidence > 0.5
          ? Math.min(likeness, compare(found[j], found[i])[0]) > maxOks
          : boxIou(found[i].box, found[j].box) > maxIou;
      if (alike) worse[j] = true;
    }
  });
  return worse;
}
