"""How far poses are from each other when a point that was placed wrongly must not spoil the rest.

The product of ``products`` compares all rows, by squares: one arm that a network has put elsewhere outweighs the other
eleven points. The nearest rows are compared again here, point by point: each distance counts at most once, and points
that fit badly have little to say about where the pose is laid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.bodies.pose_embedding import Vectors
from poise.search.products import LEAST_SHARED, TILT, UNSEEN

# A point off by this, as a share of the pose's extent, counts half.
# Source: Geman and McClure, Statistical methods for tomographic image reconstruction, Bulletin of the ISI 52 (1987).
_HALF = 0.2
_ROUNDS = 4
_SMALL = np.float32(1e-6)


def fit(
    products: Vectors, turns: Vectors, embedding: Vectors, weight: Vectors, importance: Vectors, *, upright: bool
) -> Vectors:
    """Compare rows with one pose, robustly.

    Args:
        products: ``(M, 4 P)`` of :func:`poise.search.products.products_of`.
        turns: ``(M,)`` how far each row was turned, radians.
        embedding: ``(2 P + 1,)`` the pose.
        weight: ``(P,)`` its weights.
        importance: ``(P,)`` of the points.
        upright: Up in the picture matters.

    Returns:
        ``(M,)`` float32 from 0 to 1, on the scale of :func:`poise.search.products.distances`; infinite where too little
        is shown by both.
    """
    p = len(weight)
    seen = products[:, :p]
    known = np.where(seen > 0, seen, 1)
    b = (products[:, p : 2 * p] + 1j * products[:, 2 * p : 3 * p]) / known
    a = embedding[0:-1:2] + 1j * embedding[1:-1:2]
    if upright:
        a, b = a * np.exp(1j * embedding[-1]), b * np.exp(1j * turns)[:, None]
    a, b = a.astype(np.complex64), b.astype(np.complex64)
    own = weight * importance
    whole = seen * own
    share = whole
    for _ in range(_ROUNDS):
        count = np.maximum(share.sum(axis=1, keepdims=True), _SMALL)
        left = a - (share * a).sum(axis=1, keepdims=True) / count
        right = b - (share * b).sum(axis=1, keepdims=True) / count
        sizes = [np.maximum((share * _square(one)).sum(axis=1, keepdims=True), _SMALL) for one in (left, right)]
        turn = (share * left.conj() * right).sum(axis=1, keepdims=True)
        turn = _tilted(turn) if upright else turn / np.maximum(np.abs(turn), _SMALL)
        away = _square(left * turn * np.sqrt(sizes[1] / sizes[0]) - right) / (sizes[1] / count)
        share = whole / (1 + away / _HALF**2)
    lost = (whole * away / (away + _HALF**2)).sum(axis=1) / np.maximum(whole.sum(axis=1), _SMALL)
    # Points in one place have no pose.
    lost = np.where(np.minimum(*sizes)[:, 0] > 1e-4 * count[:, 0], lost, 1)
    shared = np.minimum(whole.sum(axis=1) / max(float((own * weight).sum()), 1e-6), 1)
    unseen = UNSEEN**2 / (UNSEEN**2 + _HALF**2)
    lost = np.clip(shared * lost + (1 - shared) * unseen, 0, 0.999)
    # The distance by which all points alike would have to be off.
    apart: Vectors = np.minimum(_HALF * np.sqrt(lost / (1 - lost)), 1).astype(np.float32)
    return np.where(shared >= LEAST_SHARED, apart, np.float32(np.inf))


def _tilted(turn: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return the turn of length 1 that is nearest to the best one and free; 0 where nothing fits by it."""
    angle = np.angle(turn)
    free = np.clip(angle, -TILT, TILT)
    fits: NDArray[np.complex64] = np.where(np.abs(angle - free) < np.pi / 2, np.exp(1j * free), 0).astype(np.complex64)
    return fits


def _square(z: NDArray[np.complex64]) -> Vectors:
    squared: Vectors = np.square(z.real) + np.square(z.imag)
    return squared
