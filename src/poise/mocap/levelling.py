"""A camera in a hand nods, and the ground rises and falls in its picture: turned back, so that it stays where it is.

How far away somebody seems wobbles too, with the same effect. Both are small turns about the camera, and what is taken
for one changes nothing of how the person lies on the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.mocap import quaternions as quat
from poise.mocap.body import Body, Placed
from poise.mocap.ground import MARKS, SUPPORTS, Standing, ground_level, is_flat, resting_heights
from poise.mocap.stances import near_ground, steadied

Floats = NDArray[np.float64]

# Over which the ground's height is smoothed, seconds to each side.
_SMOOTH_S = 0.5
# Less than this is not worth a turn, and less frames do not tell, metres and frames.
_SMALL, _FEW = 0.005, 10
_UP = np.array([0.0, 1.0, 0.0])


def levelled(body: Body, placed: Placed, sure: Floats, times: Floats, rays: Floats, standing: Standing) -> Floats:
    """Return ``(T, 4)`` rotations about the camera after which the ground is level over time.

    Args:
        body: Whose.
        placed: ``(T, …)`` with y up, seen from the camera.
        sure: ``(T, K)``.
        times: ``(T,)`` seconds.
        rays: ``(T, K, 3)`` directions from the camera.
        standing: When a sole stands.
    """
    still_there = np.broadcast_to(quat.IDENTITY, (len(times), 4))
    if len(times) < _FEW:
        return still_there
    seen = sure[:, SUPPORTS] > 0.2
    places, speed = steadied(placed, seen, rays[:, SUPPORTS], times, standing.along)
    seen[:, len(MARKS) :] = False
    low = places[..., 1] - resting_heights(body, SUPPORTS)
    level = ground_level(low, speed, seen, standing)
    if not is_flat(low, speed, seen, level, standing):
        return still_there
    near = _smoothed(near_ground(low, seen & (speed < standing.slow), level, times, standing) - level, times)
    if np.abs(near).max() < _SMALL:
        return still_there
    hips = placed.places[:, 0] * (1.0, 0.0, 1.0)
    away = np.maximum(np.linalg.norm(hips, axis=-1), 0.5)
    # About the horizontal axis to the right of the way to the person, such a turn lowers what is ahead.
    axis = np.cross(_UP, hips) / away[:, None]
    return quat.from_axis_angle(axis, np.arctan2(near, away))


def _smoothed(values: Floats, times: Floats) -> Floats:
    """Return means over the time around each value, weighted by a triangle; the ends go on as they are."""
    half = max(1, round(_SMOOTH_S / float(np.median(np.diff(times)))))
    kernel = 1.0 - np.abs(np.arange(-half, half + 1)) / (half + 1)
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")
