"""Unit quaternions as arrays ``(…, 4)`` in the order x, y, z, w, as glTF and SciPy have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

IDENTITY: Floats = np.array([0.0, 0.0, 0.0, 1.0])
_TINY = 1e-12
_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])


def normalise(q: ArrayLike) -> Floats:
    """Return ``(…, 4)`` of length one; a quaternion of length zero becomes the identity."""
    q = np.asarray(q, dtype=np.float64)
    length = np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(length > _TINY, q / np.maximum(length, _TINY), IDENTITY)


def multiply(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return ``a b``: the rotation b followed by a, ``(…, 4)``."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    u, s = a[..., :3], a[..., 3:]
    v, t = b[..., :3], b[..., 3:]
    return np.concatenate([s * v + t * u + _cross(u, v), s * t - (u * v).sum(-1, keepdims=True)], axis=-1)


def inverse(q: ArrayLike) -> Floats:
    """Return the rotation back."""
    return np.multiply(np.asarray(q, dtype=np.float64), (-1.0, -1.0, -1.0, 1.0))


def rotate(q: ArrayLike, vectors: ArrayLike) -> Floats:
    """Return ``(…, 3)`` vectors turned by ``(…, 4)`` rotations."""
    q, v = np.asarray(q, dtype=np.float64), np.asarray(vectors, dtype=np.float64)
    t = 2.0 * _cross(q[..., :3], v)
    return np.asarray(v + q[..., 3:] * t + _cross(q[..., :3], t))


def from_axis_angle(axis: ArrayLike, angle: ArrayLike) -> Floats:
    """Return the rotation about ``(…, 3)`` unit axes by ``(…)`` radians."""
    half = np.asarray(angle, dtype=np.float64)[..., None] / 2
    return np.concatenate([np.asarray(axis, dtype=np.float64) * np.sin(half), np.cos(half)], axis=-1)


def angle(q: ArrayLike) -> Floats:
    """Return how far ``(…, 4)`` rotations turn, radians in [0, π]."""
    q = np.asarray(q, dtype=np.float64)
    return np.asarray(2.0 * np.arctan2(np.linalg.norm(q[..., :3], axis=-1), np.abs(q[..., 3])))


def between(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return the shortest rotation that turns ``(…, 3)`` directions a into b; half a turn is about any normal of a."""
    u, v = _unit(a), _unit(b)
    axis = _cross(u, v)
    w = 1.0 + (u * v).sum(-1, keepdims=True)
    opposite = w < 1e-9
    other = np.where(np.abs(u[..., :1]) < 0.9, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    return normalise(np.concatenate([np.where(opposite, _cross(u, other), axis), np.where(opposite, 0.0, w)], -1))


def from_matrix(m: ArrayLike) -> Floats:
    """Return the quaternions of ``(…, 3, 3)`` rotation matrices.

    Source:
        Bar-Itzhack, New method for extracting the quaternion from a rotation matrix, JGCD 2000; here the largest of the
        four components is found first (Shepperd, JGC 1978), which keeps the digits.
    """
    m = np.asarray(m, dtype=np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack([1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz, 1 + xx + yy + zz], -1)
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    rows = np.stack(
        [
            np.stack([squares[..., 0], d, e, a], -1),
            np.stack([d, squares[..., 1], f, b], -1),
            np.stack([e, f, squares[..., 2], c], -1),
            np.stack([a, b, c, squares[..., 3]], -1),
        ],
        -2,
    )
    best = np.argmax(squares, -1)[..., None, None]
    return normalise(np.take_along_axis(rows, np.broadcast_to(best, (*best.shape[:-1], 4)), -2)[..., 0, :])


def to_matrix(q: ArrayLike) -> Floats:
    """Return ``(…, 3, 3)`` rotation matrices; their columns are the turned axes."""
    x, y, z, w = np.moveaxis(np.asarray(q, dtype=np.float64), -1, 0)
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], -1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], -1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], -1),
        ],
        -2,
    )


def continuous(q: ArrayLike) -> Floats:
    """Return ``(T, …, 4)`` with signs chosen so that each is near the one before: q and -q are the same rotation."""
    q = np.array(q, dtype=np.float64)
    if len(q) > 1:
        signs = np.sign((q[1:] * q[:-1]).sum(-1))
        q[1:] *= np.cumprod(np.where(signs < 0, -1.0, 1.0), axis=0)[..., None]
    return q


def slerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> Floats:
    """Return the rotation ``t`` of the shortest way from a to b (Shoemake, SIGGRAPH 1985)."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    cosine = (a * b).sum(-1, keepdims=True)
    b = np.where(cosine < 0, -b, b)
    theta = np.arccos(np.clip(np.abs(cosine), 0.0, 1.0))
    t = np.asarray(t, dtype=np.float64)[..., None]
    straight = theta < 1e-6
    sine = np.where(straight, 1.0, np.sin(theta))
    first = np.where(straight, 1 - t, np.sin((1 - t) * theta) / sine)
    second = np.where(straight, t, np.sin(t * theta) / sine)
    return normalise(first * a + second * b)


def swing_twist(q: ArrayLike, axis: ArrayLike) -> tuple[Floats, Floats]:
    """Split rotations into ``swing · twist``: the twist turns about the axis, the swing about a normal of it.

    Args:
        q: ``(…, 4)``.
        axis: ``(…, 3)`` unit vectors in the frame before the rotation.
    """
    q, axis = np.asarray(q, dtype=np.float64), np.asarray(axis, dtype=np.float64)
    along = (q[..., :3] * axis).sum(-1, keepdims=True)
    twist = normalise(np.concatenate([along * axis, q[..., 3:]], -1))
    return multiply(q, inverse(twist)), twist


def _cross(a: Floats, b: Floats) -> Floats:
    """Return cross products; numpy's own takes several times as long for few vectors."""
    return np.asarray(a[..., _NEXT] * b[..., _LAST] - a[..., _LAST] * b[..., _NEXT])


def _unit(v: ArrayLike) -> Floats:
    v = np.asarray(v, dtype=np.float64)
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), _TINY))
