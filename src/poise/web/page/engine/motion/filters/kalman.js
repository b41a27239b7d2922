/** A Kalman filter of constant velocity for one number: poise/filters/kalman.py. */

/** A measurement further off than this many deviations counts less and less. */
export const HUBER = 3;

/** A state is [position, velocity, variance of the position, covariance, variance of the velocity]. */
export const start = (z, r, speed) => [z, 0, r, 0, speed * speed];

/** Move on by `dt` seconds; `q` is the strength of the acceleration noise, pixels² a second³. */
export function predict([x, v, xx, xv, vv], dt, q) {
  const moved = xv + dt * vv;
  return [x + dt * v, v, xx + dt * (xv + moved) + (q * dt ** 3) / 3, moved + (q * dt ** 2) / 2, vv + q * dt];
}

/** Take a measurement with variance `r` in. */
export function correct([x, v, xx, xv, vv], z, r) {
  const gap = z - x;
  const wide = r * Math.max(Math.abs(gap) / Math.sqrt(xx + r) / HUBER, 1) ** 2;
  const gx = xx / (xx + wide);
  const gv = xv / (xx + wide);
  return [x + gx * gap, v + gv * gap, wide * gx, (1 - gx) * xv, vv - gv * xv];
}
