"""Three angles in place of a quaternion: about z, then the new x, then the newest y, as BVH and OpenSim have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.mocap import quaternions as quat

Floats = NDArray[np.float64]

_X, _Y, _Z = np.eye(3)
# Below this cosine of the middle angle the outer two turn about one axis.
_LOCKED = 1e-7


def to_zxy(q: ArrayLike, *, unwrap: bool = True) -> Floats:
    """Return the angles of unit quaternions.

    Args:
        q: ``(T, …, 4)``.
        unwrap: Follow each over time, so that none jumps: angles may pass 180 degrees, and of the two triples that
            turn alike the one nearer to the frame before is taken.

    Returns:
        ``(T, …, 3)`` degrees about z, x and y, in this order: the rotation is ``Rz Rx Ry``.
    """
    m = quat.to_matrix(q)
    sine = np.clip(m[..., 2, 1], -1.0, 1.0)
    cosine = np.hypot(m[..., 2, 0], m[..., 2, 2])
    locked = cosine < _LOCKED
    x = np.arctan2(sine, cosine)
    # With the middle angle at 90 degrees only the sum or the difference of the others is known: y stays at 0.
    z = np.where(locked, np.arctan2(m[..., 1, 0], m[..., 0, 0]), np.arctan2(-m[..., 0, 1], m[..., 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-m[..., 2, 0], m[..., 2, 2]))
    angles = np.stack([z, x, y], -1)
    return np.degrees(_follow(angles) if unwrap else angles)


def from_zxy(degrees: ArrayLike) -> Floats:
    """Return ``(…, 4)`` unit quaternions of ``(…, 3)`` degrees about z, x and y."""
    z, x, y = np.moveaxis(np.radians(np.asarray(degrees, dtype=np.float64)), -1, 0)
    about = [quat.from_axis_angle(np.broadcast_to(axis, (*a.shape, 3)), a) for axis, a in ((_Z, z), (_X, x), (_Y, y))]
    return quat.multiply(quat.multiply(about[0], about[1]), about[2])


def _follow(angles: Floats) -> Floats:
    """Return ``(T, …, 3)`` radians, each frame's the nearest that turn as the given ones do."""
    out = np.array(angles)
    turn = 2 * np.pi
    for t in range(1, len(out)):
        other = np.stack([out[t, ..., 0] + np.pi, np.pi - out[t, ..., 1], out[t, ..., 2] + np.pi], -1)
        choices = np.stack([out[t], other])
        choices -= turn * np.round((choices - out[t - 1]) / turn)
        better = np.abs(choices - out[t - 1]).sum(-1)
        out[t] = np.where((better[1] < better[0])[..., None], choices[1], choices[0])
    return out
