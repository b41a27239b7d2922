"""Falls made of real tracks, to measure how many a detector finds where no film of a real fall is at hand.

A person who stands or walks is taken for a flat figure in space. At some moment it tips over about its ankles as a
stick does, in a direction of our choice, lies where it hit the ground, and is seen by a pinhole camera that looks down
at an angle. What is real is the person's outline, its trembling and its gaps; what is not is that the limbs do not move
while falling, and that nobody breaks a fall by sitting down or by holding on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats

_GRAVITY = 9.81  # m/s²
_HEIGHT_M = 1.7
_DISTANCE = 4.0  # of the camera, in body heights


def tip_angles(times: Floats, start: float, *, first: float = 0.12, rest: float = np.pi / 2 - 0.08) -> Floats:
    """Return the angle of a stick that tips over, radians from upright, at ``(T,)`` times in seconds.

    Args:
        times: Increasing.
        start: When it begins, seconds.
        first: Angle with which it begins: a stick that stands exactly upright never falls.
        rest: Angle at which it lies: the body is thick.

    Source:
        A uniform stick about its end: θ'' = 3 g sin θ / (2 L).
    """
    step = 1e-3
    angle, speed, path = 0.0, 0.0, [0.0]
    # It leans over to the first angle within a quarter of a second, then falls free.
    lean = 0.25
    while angle < rest:
        if len(path) * step < lean:
            speed = first / lean
        else:
            speed += step * 1.5 * _GRAVITY / _HEIGHT_M * np.sin(angle)
        angle = min(angle + step * speed, rest)
        path.append(angle)
    at = np.clip(((np.asarray(times) - start) / step).astype(int), 0, len(path) - 1)
    angles: Floats = np.asarray(path)[at]
    return angles


def tip_over(
    xy: Floats,
    times: Floats,
    *,
    start: float,
    ankles: tuple[int, int],
    height: float,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Let a standing person fall.

    Args:
        xy: ``(T, K, 2)`` a real track, pixels.
        times: ``(T,)`` seconds.
        start: When the fall begins, seconds.
        ankles: Indices of the ankles.
        height: Of the body, pixels.
        azimuth: Degrees: 0 falls to the right of the picture, 90 towards the camera, 180 left, 270 away.
        elevation: Degrees by which the camera looks down.
        noise: Standard deviation added to every keypoint, in body heights.
        seed: Of the noise.

    Returns:
        ``(T, K, 2)`` pixels.
    """
    angle = tip_angles(times, start)
    base = np.nanmean(xy[:, ankles], axis=1)  # (T, 2)
    flat = xy - base[:, None]
    begun = int(np.searchsorted(times, start))
    base[begun:] = base[min(begun, len(base) - 1)]  # the ankles stay where they were; nobody walks on lying
    body = np.stack([flat[..., 0], -flat[..., 1], np.zeros(flat.shape[:2])], axis=-1)  # x right, y up, z to the camera
    turn = np.radians(azimuth)
    to = np.array([np.cos(turn), 0.0, np.sin(turn)])  # where the head goes
    axis = np.cross([0.0, 1.0, 0.0], to)
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    # Rodrigues' formula.
    turned = body * cos + np.cross(axis, body) * sin + axis * (body @ axis)[..., None] * (1 - cos)
    tilt = np.radians(elevation)
    y = turned[..., 1] * np.cos(tilt) - turned[..., 2] * np.sin(tilt)
    z = turned[..., 1] * np.sin(tilt) + turned[..., 2] * np.cos(tilt)
    near = _DISTANCE * height / np.maximum(_DISTANCE * height - z, 0.2 * height)
    seen = base[:, None] + np.stack([turned[..., 0] * near, -y * near], axis=-1)
    random = np.random.default_rng(seed)
    return np.asarray(seen + random.normal(0.0, noise * height, seen.shape) if noise else seen, dtype=np.float64)
