"""A skeleton as a vector that does not depend on where, how large and, where wanted, how turned it is."""

from __future__ import annotations

import numpy as np

from poise.geometry import Floats
from poise.motion.gestures import hand_measures
from poise.skeletons import Skeleton

# Bends are counted in these many degrees, so that a finger's half fold weighs about as much as half a palm.
_BEND_UNIT = 60.0
# Fingertips: distances between neighbours and from the thumb tell crossed, joined and spread fingers apart.
_TIPS = np.array([4, 8, 12, 16, 20])
_PAIRS = np.array([[4, 8], [4, 12], [4, 16], [4, 20], [8, 12], [12, 16], [16, 20]])
# How far augmented points move, in palms (hands) or in the skeleton's radius; about the bundled networks' own error.
_NOISE = 0.03
# How far augmented hands are tilted in space, degrees: what a hand held "the same way" varies by.
_TILT = 15.0


def embed(skeleton: Skeleton, xy: Floats, xyz: Floats | None = None, *, upright: bool | None = None) -> Floats:
    """Turn instances into vectors.

    A hand gives bends and distances, the same for both sides and every turn. Any other skeleton gives its points,
    moved to their middle and scaled to their mean distance from it.

    Args:
        skeleton: What the K points are.
        xy: ``(N, K, 2)`` pixels.
        xyz: ``(N, K, 3)`` metres, NaN or None where the network gives none; only hands use it.
        upright: Whether up in the picture matters: thumb up and thumb down differ then. None: not for hands, but for
            everything else.

    Returns:
        ``(N, D)``; a point that was not seen is NaN and makes its components NaN.
    """
    if skeleton.name == "hand21":
        return _embed_hands(xy, xyz, upright=bool(upright))
    middle = np.nanmean(xy, axis=1, keepdims=True)
    centred = xy - middle
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = centred / np.nanmean(np.linalg.norm(centred, axis=-1), axis=1)[:, None, None]
    if upright is False:
        # Turned so that the first edge's far half points up: the line from the middle to the first keypoint.
        angle = np.arctan2(centred[:, 0, 0], -centred[:, 0, 1])
        cos, sin = np.cos(angle), np.sin(angle)
        centred = np.stack(
            [
                cos[:, None] * centred[..., 0] + sin[:, None] * centred[..., 1],
                -sin[:, None] * centred[..., 0] + cos[:, None] * centred[..., 1],
            ],
            axis=-1,
        )
    vectors: Floats = centred.reshape(len(xy), -1)
    return vectors


def _embed_hands(xy: Floats, xyz: Floats | None, *, upright: bool) -> Floats:
    points = hand_measures.spatial(xy, xyz)
    measures = hand_measures.hand_measures(xy, points)
    column = hand_measures.NAMES.index
    bends = measures[:, :5] / _BEND_UNIT
    thumb = np.clip(measures[:, [column("thumb_open")]], -1.5, 1.5) / 1.5
    wrist = np.column_stack([np.zeros(5, dtype=int), _TIPS])
    reach = hand_measures.distances(points, np.concatenate([wrist, _PAIRS]))
    columns = [bends, thumb, reach]
    if upright:
        for name in ("thumb_up", "palm_up"):
            columns.append(np.cos(np.deg2rad(measures[:, [column(name)]])))
    return np.concatenate(columns, axis=1)


def augmented(
    skeleton: Skeleton, xy: Floats, xyz: Floats | None, *, copies: int, rng: np.random.Generator
) -> tuple[Floats, Floats | None]:
    """Return the instances and plausible variations of each: moved points, tilted hands, mirrored faces and bodies.

    Args:
        skeleton: What the K points are.
        xy: ``(N, K, 2)`` pixels.
        xyz: ``(N, K, 3)`` metres, or None.
        copies: Variations of each instance.
        rng: Where chance comes from.

    Returns:
        ``(N * (1 + copies), K, 2)`` and ``(…, 3)``; row ``i + N * c`` is copy c of instance i.
    """
    size = np.nanmean(np.linalg.norm(xy - np.nanmean(xy, axis=1, keepdims=True), axis=-1), axis=1)
    flat, deep = [xy], [xyz] if xyz is not None else []
    for _ in range(copies):
        turn = _tilt(rng, len(xy))
        noise = rng.normal(0.0, _NOISE, xy.shape) * size[:, None, None]
        flat.append(xy + noise)
        if xyz is not None:
            reach = np.nanmean(np.linalg.norm(xyz - np.nanmean(xyz, axis=1, keepdims=True), axis=-1), axis=1)
            moved = xyz + rng.normal(0.0, _NOISE, xyz.shape) * reach[:, None, None]
            deep.append(np.einsum("nij,nkj->nki", turn, moved))
    return np.concatenate(flat), np.concatenate(deep) if deep else None


def _tilt(rng: np.random.Generator, n: int) -> Floats:
    """Return ``(N, 3, 3)`` rotations by a random angle round random axes (Rodrigues' formula)."""
    axis = rng.normal(size=(n, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.deg2rad(rng.normal(0.0, _TILT, n))[:, None, None]
    x, y, z = axis.T
    zero = np.zeros(n)
    cross = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
    rotation: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return rotation
