"""Angles and distances of many people and frames at once, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.bodies.angles import joint_angle, norms
from poise.clips.angles._names import AngleSet
from poise.geometry import Floats

# Deviation of an angle of which nothing is known: even over a half circle. The first-order rule knows no bound.
_UNKNOWN = 180.0 / np.sqrt(12.0)


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Values of an :class:`AngleSet`, in the order of its names.

    Attributes:
        names: A names.
        value: ``(..., A)`` degrees for joints and segments, pixels for distances; NaN where a point is missing.
        sigma: ``(..., A)`` one standard deviation, same units.
        conf: ``(..., A)`` the lowest confidence of the points involved.
    """

    names: tuple[str, ...]
    value: Floats
    sigma: Floats
    conf: Floats


def measure(xy: Floats, sigma: Floats, conf: Floats, angles: AngleSet) -> Measures:
    """Measure all angles and distances of an :class:`AngleSet`.

    Conventions: x to the right, y down. A joint angle is unsigned and reads 0 in the anatomical position (straight
    knee, arm at the side, foot at a right angle to the shank). A segment's direction is from -180 (exclusive) to 180,
    clockwise on the screen.

    Args:
        xy: ``(..., K, 2)`` pixels.
        sigma: ``(..., K, 2)`` pixels, as :func:`poise.filters.point_sigma` gives it.
        conf: ``(..., K)``.
        angles: What to measure.

    Source:
        First-order propagation: an end's error across the limb turns it by error / length. Errors of different points
        are taken for independent; NaN stays NaN.
    """
    parts = [
        _joints(xy, sigma, angles),
        _segments(xy, sigma, angles),
        _distances(xy, sigma, angles),
    ]
    value, deviation = (np.concatenate([part[i] for part in parts], axis=-1) for i in (0, 1))
    used = [angles.joint_points, angles.segment_points, angles.distance_points]
    least = [np.min(conf[..., points.reshape(len(points), -1)], axis=-1) for points in used]
    return Measures(angles.names, value, deviation, np.concatenate(least, axis=-1))


def _middle(xy: Floats, variance: Floats, points: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return ``(..., A, P, 2)`` positions and variances of points that are the middle of two keypoints or one."""
    first, second = points[..., 0], points[..., 1]
    share = np.where(first == second, 0.5, 0.25)[..., None]
    return (xy[..., first, :] + xy[..., second, :]) / 2, (variance[..., first, :] + variance[..., second, :]) * share


def _turn(limb: Floats) -> Floats:
    """Return ``(..., 2)`` degrees that a limb turns for one pixel of its far end along x and y."""
    squared = np.square(limb[..., 0]) + np.square(limb[..., 1])
    per = np.divide(180.0 / np.pi, squared, out=np.full(squared.shape, np.nan), where=squared > 0)
    return np.stack([-limb[..., 1] * per, limb[..., 0] * per], axis=-1)


def _joints(xy: Floats, sigma: Floats, angles: AngleSet) -> tuple[Floats, Floats]:
    points, variance = _middle(xy, np.square(sigma), angles.joint_points)
    inner = joint_angle(*(points[..., i, :] for i in range(3)))
    first, last = (sign * _turn(points[..., end, :] - points[..., 1, :]) for sign, end in ((-1.0, 0), (1.0, 2)))
    slopes = np.stack([first, -(first + last), last], axis=-2)
    deviation = np.sqrt((np.square(slopes) * variance).sum(axis=(-1, -2)))
    value = angles.joint_sign * (inner - angles.joint_neutral)
    return value, np.minimum(deviation, _UNKNOWN)


def _segments(xy: Floats, sigma: Floats, angles: AngleSet) -> tuple[Floats, Floats]:
    points, variance = _middle(xy, np.square(sigma), angles.segment_points)
    limb = points[..., 1, :] - points[..., 0, :]
    direction = np.degrees(np.arctan2(limb[..., 1], limb[..., 0])) - angles.segment_zero
    value = 180.0 - np.mod(180.0 - direction, 360.0)
    slope = _turn(limb)[..., None, :]
    deviation = np.sqrt((np.square(slope) * variance).sum(axis=(-1, -2)))
    return np.where(np.square(limb).sum(axis=-1) > 0, value, np.nan), np.minimum(deviation, _UNKNOWN)


def _distances(xy: Floats, sigma: Floats, angles: AngleSet) -> tuple[Floats, Floats]:
    points, variance = _middle(xy, np.square(sigma), angles.distance_points)
    gap = points[..., 1, :] - points[..., 0, :]
    long = norms(gap)
    along = np.divide(gap, long[..., None], out=np.full(gap.shape, np.sqrt(0.5)), where=long[..., None] > 0)
    return long, np.sqrt((np.square(along)[..., None, :] * variance).sum(axis=(-1, -2)))
