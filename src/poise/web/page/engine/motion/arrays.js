/** What the Python asks of numpy, for lists and typed arrays of numbers. What is not there is NaN. */

export const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/** The finite ones of values[first] to values[past - 1], in order of size. */
export function sorted(values, first = 0, past = values.length) {
  const out = new Float64Array(Math.max(past - first, 0));
  let count = 0;
  for (let i = first; i < past; i++) if (Number.isFinite(values[i])) out[count++] = values[i];
  return out.subarray(0, count).sort();
}

/** A percentile, 0 to 100, of what `sorted` gives, by straight lines between the values; NaN of nothing. */
export function percentile(ordered, share) {
  const last = ordered.length - 1;
  if (last < 0) return NaN;
  const at = (share / 100) * last;
  const below = Math.floor(at);
  const part = at - below;
  const a = ordered[below];
  const b = ordered[Math.min(below + 1, last)];
  return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
}

/** The 95th less the 5th percentile of what `sorted` gives, or of other two. */
export const spread = (ordered, high = 95, low = 5) => percentile(ordered, high) - percentile(ordered, low);

/** The median of the finite values; NaN of nothing. */
export const median = (values) => percentile(sorted(values), 50);

export const sum = (values) => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
};

export const mean = (values) => sum(values) / values.length;

/** The share of values that are finite. */
export function seenShare(values, first = 0, past = values.length) {
  let count = 0;
  for (let i = first; i < past; i++) if (Number.isFinite(values[i])) count++;
  return count / (past - first);
}

/** The first index of an increasing list whose value is at least `value`. */
export function searchSorted(list, value) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first index of an increasing list whose value is greater than `value`. */
export function searchAfter(list, value) {
  let at = searchSorted(list, value);
  while (at < list.length && list[at] === value) at++;
  return at;
}

/** A value on the straight lines between points; beyond them that of the first or last. */
export function interpolate(at, x, y) {
  const last = x.length - 1;
  if (at <= x[0]) return y[0];
  if (at >= x[last]) return y[last];
  const after = searchAfter(x, at);
  return ((y[after] - y[after - 1]) / (x[after] - x[after - 1])) * (at - x[after - 1]) + y[after - 1];
}

/** [first, past] of every unbroken run of finite values. */
export function finiteRuns(values) {
  const out = [];
  let first = -1;
  for (let i = 0; i <= values.length; i++) {
    const there = i < values.length && Number.isFinite(values[i]);
    if (there && first < 0) first = i;
    if (!there && first >= 0) {
      out.push([first, i]);
      first = -1;
    }
  }
  return out;
}

/** The index of the greatest value, the first of several. */
export function argMax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

export const round3 = (value) => Math.round(value * 1000) / 1000;
