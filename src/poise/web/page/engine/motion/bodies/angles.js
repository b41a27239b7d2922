/** Angles of limbs in the picture, degrees: poise/bodies/angles.py. */

const DEGREES = 180 / Math.PI;

export const norm = (x, y) => Math.sqrt(x * x + y * y);

/** Degrees between two vectors, 0 to 180, by Kahan's formula; NaN where one has no length. */
export function angleBetween(ux, uy, vx, vy) {
  const one = norm(ux, uy);
  const other = norm(vx, vy);
  if (!(one * other > 0)) return NaN;
  const [ax, ay, bx, by] = [ux * other, uy * other, vx * one, vy * one];
  return DEGREES * 2 * Math.atan2(norm(ax - bx, ay - by), norm(ax + bx, ay + by));
}

/** How far the line up from the lower point is turned from upright, given the vector from it, degrees; or NaN. */
export const tiltOf = (x, y) => (x === 0 && y === 0 ? NaN : Math.abs(DEGREES * Math.atan2(x, -y)));
