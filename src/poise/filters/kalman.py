"""A Kalman filter of constant velocity for many points at once, and the smoother that runs it backwards.

Every axis of every point is a filter of its own with two numbers, position and velocity, so the matrices are written
out and the arrays may have any shape.

Source:
    Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation (2001): section 6.2.2 for
    the model (white noise acceleration), 5.2 for the filter, 8.6 for the backward pass (Rauch, Tung and Striebel 1965).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from poise.geometry import Bools, Floats

# A measurement further off than this many deviations counts less and less: a single wild point must not pull.
_HUBER = 3.0


class State(NamedTuple):
    """What is known of each coordinate; five arrays of one shape.

    Attributes:
        x: Position, pixels.
        v: Velocity, pixels a second.
        xx: Variance of the position.
        xv: Covariance of the two.
        vv: Variance of the velocity.
    """

    x: Floats
    v: Floats
    xx: Floats
    xv: Floats
    vv: Floats


def start(z: Floats, r: Floats, speed: Floats) -> State:
    """Begin at a measurement.

    Args:
        z: Measured positions, pixels.
        r: Their variances.
        speed: Standard deviation of the unknown velocity, pixels a second.
    """
    zero = np.zeros(np.shape(z))
    return State(np.array(z, dtype=np.float64), zero, r + zero, zero.copy(), np.square(speed) + zero)


def predict(s: State, dt: Floats | float, q: Floats | float) -> State:
    """Move on by ``dt`` seconds; ``q`` is the strength of the acceleration noise, pixels² a second³."""
    xv = s.xv + dt * s.vv
    return State(
        s.x + dt * s.v,
        s.v,
        s.xx + dt * (s.xv + xv) + q * dt**3 / 3,
        xv + q * dt**2 / 2,
        s.vv + q * dt,
    )


def correct(s: State, z: Floats, r: Floats) -> State:
    """Take a measurement in; a NaN changes nothing.

    A measurement beyond three deviations counts as if its own deviation were so much larger (Huber's weight).
    """
    gap = z - s.x
    r = r * np.maximum(np.abs(gap) / np.sqrt(s.xx + r) / _HUBER, 1.0) ** 2
    total = s.xx + r
    gx, gv = s.xx / total, s.xv / total
    new = State(s.x + gx * gap, s.v + gv * gap, r * gx, (1 - gx) * s.xv, s.vv - gv * s.xv)
    seen = np.isfinite(gap)
    return State(*(np.where(seen, after, before) for after, before in zip(new, s, strict=True)))


def smooth(
    z: Floats, times: Floats, r: Floats, q: Floats, *, speed: Floats, max_gap_s: float, breaks: Bools | None = None
) -> tuple[Floats, Floats]:
    """Smooth points with knowledge of the past and the future.

    Args:
        z: ``(T, ...)`` measured positions, pixels; NaN where missing.
        times: ``(T,)`` seconds.
        r: ``(T, ...)`` variances of the measurements.
        q: ``(T, ...)`` strength of the acceleration noise, pixels² a second³.
        speed: ``(T, ...)`` standard deviation of the velocity when a run begins, pixels a second.
        max_gap_s: After a longer gap the filter starts anew.
        breaks: ``(T, ...)`` True where the past says nothing about this frame (a cut).

    Returns:
        Positions and their standard deviations, ``(T, ...)``; NaN in gaps too long, and before the first and after
        the last measurement of a run. Shorter gaps are filled: what to do with them is the caller's choice.
    """
    z, r, q = (np.asarray(a, dtype=np.float64) for a in (z, r, q))
    shape = z.shape[1:]
    seen = np.isfinite(z) & np.isfinite(r)
    s = State(*(np.full(shape, np.nan) for _ in range(5)))
    last = np.full(shape, -np.inf)
    alive = np.zeros(z.shape, dtype=bool)  # the filter knows something in this frame
    begins = np.zeros(z.shape, dtype=bool)
    ahead: list[State] = []
    found: list[State] = []
    for t, now in enumerate(times):
        dt = now - times[t - 1] if t else 0.0
        expired = now - last > max_gap_s
        if breaks is not None:
            expired = expired | breaks[t]
        begins[t] = seen[t] & expired
        guess = predict(s, dt, np.nan_to_num(q[t]))
        after = correct(guess, np.where(seen[t], z[t], np.nan), np.where(seen[t], r[t], 1.0))
        fresh = start(z[t], r[t], speed[t])
        s = State(*(np.where(begins[t], f, a) for f, a in zip(fresh, after, strict=True)))
        last = np.where(seen[t], now, np.where(expired, -np.inf, last))
        alive[t] = np.isfinite(last)
        ahead.append(guess)
        found.append(s)
    return _backwards(ahead, found, times, alive, begins, seen)


def _backwards(
    ahead: list[State], found: list[State], times: Floats, alive: Bools, begins: Bools, seen: Bools
) -> tuple[Floats, Floats]:
    """Run from the end to the start, each frame corrected by what the next one turned out to be."""
    x, deviation = np.full(alive.shape, np.nan), np.full(alive.shape, np.nan)
    later = found[-1]
    known = seen[-1]  # a measurement lies here or later in the run
    for t in range(len(found) - 1, -1, -1):
        s = found[t]
        if t + 1 < len(found):
            p, dt = ahead[t + 1], times[t + 1] - times[t]
            joined = alive[t] & alive[t + 1] & ~begins[t + 1] & known
            # Gain C = P F' P(next)⁻¹, written out for F = [[1, dt], [0, 1]].
            a, b = s.xx + dt * s.xv, s.xv
            c, d = s.xv + dt * s.vv, s.vv
            det = p.xx * p.vv - p.xv**2
            det = np.where(np.abs(det) > 1e-300, det, np.nan)
            g00, g01 = (a * p.vv - b * p.xv) / det, (b * p.xx - a * p.xv) / det
            g10, g11 = (c * p.vv - d * p.xv) / det, (d * p.xx - c * p.xv) / det
            dx, dv = later.x - p.x, later.v - p.v
            dxx, dxv, dvv = later.xx - p.xx, later.xv - p.xv, later.vv - p.vv
            back = State(
                s.x + g00 * dx + g01 * dv,
                s.v + g10 * dx + g11 * dv,
                s.xx + g00**2 * dxx + 2 * g00 * g01 * dxv + g01**2 * dvv,
                s.xv + g00 * g10 * dxx + (g00 * g11 + g01 * g10) * dxv + g01 * g11 * dvv,
                s.vv + g10**2 * dxx + 2 * g10 * g11 * dxv + g11**2 * dvv,
            )
            later = State(*(np.where(joined, new, old) for new, old in zip(back, s, strict=True)))
            known = (joined & known) | seen[t]
        inside = alive[t] & known
        x[t] = np.where(inside, later.x, np.nan)
        deviation[t] = np.where(inside, np.sqrt(np.maximum(later.xx, 0.0)), np.nan)
    return x, deviation
