/** What the Python asks of numpy, for lists and typed arrays of numbers. What is not there is NaN. */

/** `count` numbers, each made of its index: many times faster than Float64Array.from. */
export function fill(count, make) {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = make(i);
  return out;
}

export const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/** The finite ones of values[first] to values[past - 1], to be given to `percentile`. */
export function finite(values, first = 0, past = values.length) {
  const out = new Float64Array(Math.max(past - first, 0));
  let count = 0;
  for (let i = first; i < past; i++) if (Number.isFinite(values[i])) out[count++] = values[i];
  return out.subarray(0, count);
}

/** A percentile, 0 to 100, of what `finite` gives, by straight lines between values; NaN of nothing. Reorders them. */
export function percentile(values, share) {
  const last = values.length - 1;
  if (last < 0) return NaN;
  const at = (share / 100) * last;
  const below = Math.floor(at);
  const part = at - below;
  const a = select(values, below);
  let b = below < last ? Infinity : a;
  for (let i = below + 1; i <= last; i++) if (values[i] < b) b = values[i];
  return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
}

/** The value of this rank (Hoare 1961): several times faster than sorting; no greater ones are left before it. */
function select(values, rank) {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i <= j) {
        const swapped = values[i];
        values[i++] = values[j];
        values[j--] = swapped;
      }
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else break;
  }
  return values[rank];
}

/** The 95th less the 5th percentile of what `finite` gives, or of other two. */
export const spread = (values, high = 95, low = 5) => percentile(values, high) - percentile(values, low);

/** The median of the finite values; NaN of nothing. */
export const median = (values) => percentile(finite(values), 50);

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
