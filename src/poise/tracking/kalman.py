"""Constant-velocity motion of many numbers at once: pure functions on arrays.

Every number of every track (the box's centre, width and height; each keypoint's x and y) has a filter of its own with
two states, position and velocity. All of them are one array ``(5, M, D)`` for M tracks of D numbers: position
(pixels), velocity (pixels a second), and the variance of the position, their covariance, and the variance of the
velocity. So a step is a handful of products of ``(M, D)`` arrays, whatever M and D.
"""

from __future__ import annotations

import numpy as np

from poise.geometry import Floats

POSITION, VELOCITY, SPREAD, CROSS, VELOCITY_SPREAD = range(5)


def start(measured: Floats, noise: Floats, velocity_spread: Floats) -> Floats:
    """Begin filters at their first measurement, at rest.

    Args:
        measured: ``(M, D)`` pixels; NaN where not seen.
        noise: ``(M, D)`` variance of the measurement, square pixels.
        velocity_spread: ``(M, D)`` variance of the unknown velocity, (pixels / s)².

    Returns:
        ``(5, M, D)`` state.
    """
    zero = np.zeros(measured.shape)
    return np.stack([measured, zero, noise + zero, zero, velocity_spread + zero])


def predict(state: Floats, seconds: float, *, drift: Floats, memory: Floats, noise: Floats) -> Floats:
    """Move filters on in time.

    A velocity keeps what it has in common with its body, and forgets the rest: an arm that swings while its owner
    is hidden comes back, the owner walks on.

    Args:
        state: ``(5, M, D)``.
        seconds: Since the last step; not negative.
        drift: ``(M, D)`` velocity of the body that carries the number, pixels a second.
        memory: ``(D,)`` time constant in seconds with which a velocity approaches the drift; inf: it never does.
        noise: ``(M, D)`` density of the random acceleration, pixels² / s³.

    Returns:
        ``(5, M, D)`` state.

    Source:
        Bar-Shalom, Li and Kirubarajan 2001, Estimation with Applications to Tracking and Navigation, 6.2.2
        (continuous white noise acceleration) and 8.2.2 (exponentially correlated velocity). The noise added is that
        of the first: a little more than the second asks for.
    """
    x, v, p, c, w = state
    keep = np.exp(-seconds / memory)
    lasting = np.isinf(memory)
    reach = np.where(lasting, seconds, np.where(lasting, 1.0, memory) * (1 - keep))
    own = v - drift
    out = np.empty_like(state)
    np.add(x, drift * seconds + own * reach, out=out[0])
    np.add(drift, own * keep, out=out[1])
    reached = c + reach * w
    np.add(p + reach * (c + reached), noise * (seconds**3 / 3), out=out[2])
    np.add(keep * reached, noise * (seconds**2 / 2), out=out[3])
    np.add(keep**2 * w, noise * seconds, out=out[4])
    return out


def update(state: Floats, measured: Floats, noise: Floats, *, velocity_spread: Floats) -> Floats:
    """Correct filters by a measurement.

    Args:
        state: ``(5, M, D)``.
        measured: ``(M, D)`` pixels; NaN where not seen, which changes nothing.
        noise: ``(M, D)`` variance of the measurement, square pixels.
        velocity_spread: ``(M, D)`` for numbers seen for the first time (their position is NaN until then).

    Returns:
        ``(5, M, D)`` state.
    """
    x, v, p, c, w = state
    off = measured - x
    known = np.isfinite(off)
    weight = np.where(known, 1.0 / (p + noise), 0.0)
    off = np.where(known, off, 0.0)
    gain, pull = p * weight, c * weight
    out = np.stack([x + gain * off, v + pull * off, p - gain * p, c - gain * c, w - pull * c])
    fresh = np.isnan(x) & np.isfinite(measured)
    if fresh.any():
        out[:, fresh] = start(measured, noise, velocity_spread)[:, fresh]
    return out


def replay(
    state: Floats,
    before: Floats,
    after: Floats,
    seconds: Floats,
    noise: Floats,
    *,
    steps: int,
    acceleration: Floats,
    velocity_spread: Floats,
) -> Floats:
    """Run filters again from their last measurement to a new one along the straight line between the two.

    While nothing was seen, errors of the velocity were carried on; the line gives the filter the motion that must
    have happened.

    Args:
        state: ``(5, M, D)`` right after the last measurement.
        before: ``(M, D)`` the last measurement, pixels.
        after: ``(M, D)`` the new one.
        seconds: ``(M,)`` between the two.
        noise: ``(M, D)`` variance of a measurement, square pixels.
        steps: Points on the line, the new measurement included.
        acceleration: ``(M, D)``, as ``noise`` in :func:`predict`.
        velocity_spread: As in :func:`update`.

    Returns:
        ``(5, M, D)`` state after the new measurement.

    Source:
        Cao et al. 2023, Observation-Centric SORT, arXiv:2203.14360, section 4.1 (re-update). The velocity it starts
        from is that of the line, since the one from before is what was wrong.
    """
    slope = (after - before) / seconds[:, None]
    state = state.copy()
    state[VELOCITY] = np.where(np.isfinite(slope), slope, state[VELOCITY])
    step = seconds[:, None] / steps
    for i in range(1, steps + 1):
        x, v, p, c, w = state
        reached = c + step * w
        state = np.stack(
            [
                x + v * step,
                v,
                p + step * (c + reached) + acceleration * step**3 / 3,
                reached + acceleration * step**2 / 2,
                w + acceleration * step,
            ]
        )
        # The line's last point is the measurement itself, also where it has no beginning.
        point = after if i == steps else before + (after - before) * (i / steps)
        state = update(state, point, noise, velocity_spread=velocity_spread)
    return state
