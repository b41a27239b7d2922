/**
 * Constant-velocity motion of many numbers at once: poise/tracking/kalman.py.
 *
 * A state is five Float64Arrays of D numbers: position (pixels), velocity (pixels a second), the variance of the
 * position, their covariance, and the variance of the velocity. Functions return new states.
 */

/** Begin at a first measurement, at rest; `noise` and `velocitySpread` are variances. */
export function start(measured, noise, velocitySpread) {
  const zero = () => new Float64Array(measured.length);
  return [measured.slice(), zero(), noise.slice(), zero(), velocitySpread.slice()];
}

const blank = (size) => Array.from({length: 5}, () => new Float64Array(size));

/**
 * Move on in time. A velocity keeps what it has in common with its body (`drift`), and forgets the rest with the time
 * constant `memory`, seconds.
 */
export function predict(state, seconds, {drift, memory, noise}) {
  const [x, v, p, c, w] = state;
  const out = blank(x.length);
  for (let i = 0; i < x.length; i++) {
    const keep = Math.exp(-seconds / memory[i]);
    const reach = memory[i] === Infinity ? seconds : memory[i] * (1 - keep);
    const own = v[i] - drift[i];
    const reached = c[i] + reach * w[i];
    out[0][i] = x[i] + drift[i] * seconds + own * reach;
    out[1][i] = drift[i] + own * keep;
    out[2][i] = p[i] + reach * (c[i] + reached) + noise[i] * (seconds ** 3 / 3);
    out[3][i] = keep * reached + noise[i] * (seconds ** 2 / 2);
    out[4][i] = keep ** 2 * w[i] + noise[i] * seconds;
  }
  return out;
}

/** Correct by a measurement; NaN changes nothing, and what was NaN so far begins. */
export function update(state, measured, noise, velocitySpread) {
  const [x, v, p, c, w] = state;
  const out = blank(x.length);
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(x[i]) && Number.isFinite(measured[i])) {
      [out[0][i], out[1][i], out[2][i], out[3][i], out[4][i]] = [measured[i], 0, noise[i], 0, velocitySpread[i]];
      continue;
    }
    const off = measured[i] - x[i];
    const weight = Number.isFinite(off) ? 1 / (p[i] + noise[i]) : 0;
    const gain = p[i] * weight;
    const pull = c[i] * weight;
    out[0][i] = weight ? x[i] + gain * off : x[i];
    out[1][i] = weight ? v[i] + pull * off : v[i];
    out[2][i] = p[i] - gain * p[i];
    out[3][i] = c[i] - gain * c[i];
    out[4][i] = w[i] - pull * c[i];
  }
  return out;
}

/**
 * Run again from the last measurement to a new one, `seconds` later, along the straight line between the two
 * (Observation-Centric SORT, section 4.1), in `steps` points.
 */
export function replay(state, before, after, seconds, noise, {steps, acceleration, velocitySpread}) {
  let now = state.map((column) => column.slice());
  for (let i = 0; i < after.length; i++) {
    const slope = (after[i] - before[i]) / seconds;
    if (Number.isFinite(slope)) now[1][i] = slope;
  }
  const step = seconds / steps;
  for (let s = 1; s <= steps; s++) {
    const [x, v, p, c, w] = now;
    const moved = blank(x.length);
    for (let i = 0; i < x.length; i++) {
      const reached = c[i] + step * w[i];
      moved[0][i] = x[i] + v[i] * step;
      moved[1][i] = v[i];
      moved[2][i] = p[i] + step * (c[i] + reached) + (acceleration[i] * step ** 3) / 3;
      moved[3][i] = reached + (acceleration[i] * step ** 2) / 2;
      moved[4][i] = w[i] + acceleration[i] * step;
    }
    // The line's last point is the measurement itself, also where it has no beginning.
    const point = s === steps ? after : before.map((from, i) => from + (after[i] - from) * (s / steps));
    now = update(moved, point, noise, velocitySpread);
  }
  return now;
}
