/** Boxes, overlap and pairs at the least cost: poise/geometry.py. Boxes are x1, y1, x2, y2 in pixels. */

/** A cost that no assignment pays. */
const NO = 1e6;

export const boxArea = (box) => Math.max(box[2] - box[0], 0) * Math.max(box[3] - box[1], 0);

/** Intersection over union of two boxes; a box without area is like none. */
export function boxIou(a, b) {
  const width = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const height = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const shared = width * height;
  const union = boxArea(a) + boxArea(b) - shared;
  return union > 0 ? Math.min(shared / union, 1) : 0;
}

/**
 * Pair rows with columns so that the sum of the costs is least.
 * @param {ArrayLike<number>[]} cost rows; NaN or infinity forbids a pair
 * @param {number} maxCost a pair that costs more is not made, and leaving both alone costs as much
 * @returns {[number, number][]} row and column, by row
 */
export function assign(cost, maxCost = Infinity) {
  const width = cost.length ? cost[0].length : 0;
  if (!width) return [];
  const pairs = [];
  const inRow = new Array(cost.length).fill(0);
  const inColumn = new Array(width).fill(0);
  cost.forEach((row, i) => {
    for (let j = 0; j < width; j++) {
      if (!Number.isFinite(row[j]) || row[j] > maxCost) continue;
      pairs.push([i, j]);
      inRow[i]++;
      inColumn[j]++;
    }
  });
  if (Math.max(...inRow) <= 1 && Math.max(...inColumn) <= 1) return pairs; // nobody has a choice
  const limit = Math.min(maxCost, NO / 2);
  // A partner that costs nothing for everybody who stays alone; a pair is worth what it costs below the limit.
  const worth = cost.map(() => new Float64Array(width + cost.length).fill(NO - limit).fill(0, width));
  for (const [i, j] of pairs) worth[i][j] = cost[i][j] - limit;
  const allowed = new Set(pairs.map(([i, j]) => i * width + j));
  return [...leastCost(worth)]
    .map((column, row) => [row, column])
    .filter(([i, j]) => j < width && allowed.has(i * width + j));
}

/**
 * Give every row a column of its own at the least total cost: the Hungarian method as Crouse 2016 writes it, row
 * after row along the shortest augmenting path in reduced costs.
 * @param {Float64Array[]} cost finite, no more rows than columns
 * @returns {Int32Array} the column of each row
 */
export function leastCost(cost) {
  const count = cost.length;
  const width = count ? cost[0].length : 0;
  if (count > width) throw new RangeError(`every row needs a column of its own, got ${count} x ${width}`);
  const priceRow = new Float64Array(count);
  const priceColumn = new Float64Array(width);
  const columnOf = new Int32Array(count).fill(-1);
  const rowOf = new Int32Array(width).fill(-1);
  for (let start = 0; start < count; start++) {
    const distance = new Float64Array(width).fill(Infinity);
    const before = new Int32Array(width).fill(start);
    const settled = new Uint8Array(width);
    const rows = [];
    let row = start;
    let far = 0;
    let column = -1;
    for (;;) {
      column = -1;
      for (let j = 0; j < width; j++) {
        if (settled[j]) continue;
        const along = cost[row][j] - priceRow[row] - priceColumn[j] + far;
        if (along < distance[j]) {
          distance[j] = along;
          before[j] = row;
        }
        // Of columns that are equally near, a free one ends the path.
        const nearer = column < 0 || distance[j] < distance[column];
        if (nearer || (distance[j] === distance[column] && rowOf[j] < 0 && rowOf[column] >= 0)) column = j;
      }
      far = distance[column];
      settled[column] = 1;
      if (rowOf[column] < 0) break;
      row = rowOf[column];
      rows.push(row);
    }
    priceRow[start] += far;
    for (const other of rows) priceRow[other] += far - distance[columnOf[other]];
    for (let j = 0; j < width; j++) if (settled[j]) priceColumn[j] -= far - distance[j];
    do {
      row = before[column];
      rowOf[column] = row;
      [columnOf[row], column] = [column, columnOf[row]];
    } while (row !== start);
  }
  return columnOf;
}
