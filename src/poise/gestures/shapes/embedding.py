"""A skeleton as a vector that does not depend on where, how large and, where wanted, how turned it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poise.bodies.angles import angle_between, norms
from poise.bodies.hands import FINGERS, distances, palm_size, spatial
from poise.geometry import Floats
from poise.skeletons import Skeleton

# The components below are what the files of taught sets hold: whoever changes one raises the format in shape_file.py.
HAND = "hand21"
_CHAINS = np.array(list(FINGERS.values()))
_TIPS = _CHAINS[:, 3]
# From tip to tip: the thumb's to the others', and between neighbours.
_TO_TIPS = [[4, 8], [4, 12], [4, 16], [4, 20], [8, 12], [12, 16], [16, 20]]
# From the thumb's tip to three knuckles, and to the other joints that it may be laid on.
_TO_PALM = [[4, 5], [4, 9], [4, 17]]
_TO_LAP = [*_TO_PALM, [4, 13], [4, 6], [4, 10], [4, 14]]
_PAIRS = np.array(_TO_TIPS + _TO_LAP)
# A finger's reach is its tip's distance from the wrist as a share of what it is when straight: 1 when straight, about
# 0.5 when rolled in, and 0.85 when its two joints bend by a right angle together, which is half-way. Reach says more
# than the bends, which a network overstates in straight fingers that point at the camera.
_HALF_REACH, _REACH_SOFT = 0.85, 0.06
# A thumb is half bent at 50 degrees over its two joints, and half away at 0.42 palms from the nearest joint it can
# rest on: between the thumbs laid in and those stretched out on the hands of benchmarks/taught_gestures.py.
_HALF_BENT, _BENT_SOFT = 50.0, 12.0
_HALF_AWAY, _AWAY_SOFT = 0.42, 0.15
# Palms from which a distance or an offset counts as simply far: whether tips touch matters, how far apart they are
# otherwise does not.
_FAR_TIP, _FAR_PALM, _FAR_ASIDE = 0.5, 0.6, 0.25
# Faces are the same however they are tilted.
_TURNED = (HAND, "face468")


def is_upright(skeleton: Skeleton, upright: bool | None) -> bool:
    """Return whether up in the picture matters: what was asked, else not for hands and faces but for the rest."""
    return skeleton.name not in _TURNED if upright is None else upright


def size(skeleton: Skeleton, *, upright: bool) -> int:
    """Return the number of components of a vector."""
    if skeleton.name == HAND:
        return 19 + 2 * upright
    return 2 * len(skeleton)


def embed(skeleton: Skeleton, xy: Floats, xyz: Floats | None = None, *, upright: bool | None = None) -> Floats:
    """Turn instances into vectors.

    A hand gives soft answers in [0, 1] and [-1, 1], the same for both sides and every turn: how far each finger is
    stretched, where the thumb is, which tips touch, which neighbours are crossed. Any other skeleton gives its points,
    moved and scaled to a mean square distance of 1 from their middle; :func:`differences` aligns them in pairs.

    Args:
        skeleton: What the K points are.
        xy: ``(N, K, 2)`` pixels.
        xyz: ``(N, K, 3)`` metres, NaN or None where the network gives none; only hands use it.
        upright: Whether up in the picture matters: thumb up and thumb down differ then. None: not for hands and
            faces, but for everything else.

    Returns:
        ``(N, D)``; a point that was not seen is NaN and makes its components NaN.
    """
    if skeleton.name == HAND:
        return _embed_hands(xy, xyz, upright=is_upright(skeleton, upright))
    points = np.ascontiguousarray(xy, dtype=np.float64).view(np.complex128)[..., 0]
    seen = np.isfinite(points)
    placed = np.where(seen, _placed(np.where(seen, points, 0.0), seen), complex(np.nan, np.nan))
    vectors: Floats = placed.view(np.float64)
    return vectors


def differences(vectors: Floats, examples: Floats, *, points: bool, upright: bool) -> Floats:
    """Compare vectors with examples, component by component.

    Points are moved and scaled anew for each pair, so that only those that both show count: a body whose legs are out
    of the picture is laid on the upper half of the other one.

    Args:
        vectors: ``(N, D)`` from :func:`embed`.
        examples: ``(E, D)``.
        points: The components are x and y of points, as for everything but hands.
        upright: With points: up matters; otherwise each pair is turned to fit best.

    Returns:
        ``(N, E, D)``; NaN where one of the two is.
    """
    if not points:
        return vectors[:, None] - examples[None]
    a, b = (np.ascontiguousarray(one, dtype=np.float64).view(np.complex128) for one in (vectors, examples))
    seen = np.isfinite(a)[:, None] & np.isfinite(b)[None]
    left = _placed(np.where(seen, a[:, None], 0.0), seen)
    right = _placed(np.where(seen, b[None], 0.0), seen)
    if not upright:
        turn = (left * right.conj()).sum(axis=-1, keepdims=True)
        length = np.abs(turn)
        right = right * np.where(length > 0, turn / np.maximum(length, 1e-12), 1.0)
    apart = np.where(seen, left - right, complex(np.nan, np.nan))
    out: Floats = apart.view(np.float64)
    return out


def mirrored(vectors: Floats, flip_idx: Sequence[int]) -> Floats:
    """Return ``(N, D)`` vectors of points as a mirror shows them, left and right exchanged."""
    points = vectors.reshape(len(vectors), -1, 2)[:, list(flip_idx)]
    flipped: Floats = (points * np.array([-1.0, 1.0])).reshape(vectors.shape)
    return flipped


def unmirrored(xy: Floats, skeleton: Skeleton) -> Floats:
    """Return ``(N, K, 2)`` points of a mirrored picture as they are: left and right exchanged, x turned round."""
    turned: Floats = xy[:, list(skeleton.flip_idx)] * np.array([-1.0, 1.0])
    return turned


def _placed(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Move complex points to their middle and scale them to a mean square distance of 1; unseen ones must be 0."""
    count = np.maximum(seen.sum(axis=-1, keepdims=True), 1)
    centred = np.where(seen, points - points.sum(axis=-1, keepdims=True) / count, 0.0)
    length = np.sqrt(np.square(np.abs(centred)).sum(axis=-1, keepdims=True) / count)
    placed: np.ndarray = centred / np.where(length > 0, length, 1.0)
    return placed


def _embed_hands(xy: Floats, xyz: Floats | None, *, upright: bool) -> Floats:
    points = spatial(xy, xyz)
    bones = np.diff(points[:, _CHAINS], axis=2)
    from_wrist = norms(points - points[:, :1])
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = from_wrist[:, _TIPS] / (from_wrist[:, _CHAINS[:, 0]] + norms(bones).sum(axis=-1))
    bent = angle_between(bones[:, 0, :-1], bones[:, 0, 1:]).sum(axis=1, keepdims=True)
    between = distances(points, _PAIRS)
    away = between[:, len(_TO_TIPS) :].min(axis=1, keepdims=True)
    columns = [
        _soft((reach[:, 1:] - _HALF_REACH) / _REACH_SOFT),
        _soft((_HALF_BENT - bent) / _BENT_SOFT),
        _soft((away - _HALF_AWAY) / _AWAY_SOFT),
        np.tanh(between[:, : len(_TO_TIPS)] / _FAR_TIP),
        np.tanh(between[:, len(_TO_TIPS) : len(_TO_TIPS + _TO_PALM)] / _FAR_PALM),
        0.5 * np.tanh(np.diff(_aside(points), axis=1) / palm_size(points)[:, None] / _FAR_ASIDE),
    ]
    if upright:
        for along in (points[:, 4] - points[:, 2], points[:, 9] - points[:, 0]):
            with np.errstate(invalid="ignore", divide="ignore"):
                columns.append(-along[:, 1:2] / np.linalg.norm(along, axis=1, keepdims=True))
    return np.concatenate(columns, axis=1)


def _aside(points: Floats) -> Floats:
    """Return how far ``(N, 4)`` fingertips lie aside, along the palm from the index to the little finger's knuckle."""
    along = (points[:, _CHAINS[1:, 0]] - points[:, :1]).mean(axis=1)
    across = points[:, 17] - points[:, 5]
    with np.errstate(invalid="ignore", divide="ignore"):
        along = along / np.linalg.norm(along, axis=1, keepdims=True)
        across = across - (across * along).sum(axis=1, keepdims=True) * along
        across = across / np.linalg.norm(across, axis=1, keepdims=True)
    offsets: Floats = np.einsum("nkd,nd->nk", points[:, _TIPS[1:]] - points[:, :1], across)
    return offsets


def _soft(x: Floats) -> Floats:
    """Return the logistic function: 0 far below, one half at 0, 1 far above."""
    y: Floats = 1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0)))
    return y
