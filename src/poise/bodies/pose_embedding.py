"""A pose as a vector: where its points lie when place, size and turn in the picture are taken away.

The embedding of one instance has ``2 P + 1`` values: x and y of P points, then the turn. The points are moved so that
their weighted mean is (0, 0), scaled so that their weighted mean square distance from it is 1, and turned so that the
trunk points up (x to the right, y down, as in pictures). The last value is the turn that was taken away, in radians,
clockwise in the picture, from -π to π: turning the points back by it (:func:`turned_back`) gives the pose as it stood
in the picture. So one column answers both questions, whether up matters and whether it does not.

A point that was not seen is (0, 0) and has weight 0; the weight of one that was is between 0 and 1. Where no trunk is
seen (no shoulder or no hip, or a skeleton without them), nothing is turned and the turn is 0.

Bodies of people are laid out as coco17's points (:data:`BODY`), whatever their skeleton, so that poses of different
networks compare: :func:`layout` says which skeletons these are. Any other skeleton has its own points in its own order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.skeletons import Skeleton, get

Vectors = NDArray[np.float32]

BODY = "coco17"
# A skeleton is a body of people when it names so many of coco17's twelve points from the shoulders down.
_LIMB_POINTS, _ENOUGH = slice(5, 17), 10
# Confidences at which a point begins to count and from which it counts in full. Hidden points, of which networks are
# not sure, still say where about they are: of five such pairs this one found most changed pictures again.
_UNSEEN, _SEEN = 0.05, 0.3
# Pixels from the corner at which nothing of a picture can be, and the least that something is divided by.
_FARTHEST, _LEAST = np.float32(1e6), np.float32(1e-12)
_ROWS = 4096
# How much each of coco17's points says about a pose; five points of the head are close together and say one thing.
_IMPORTANCE = np.array([0.4, 0.15, 0.15, 0.2, 0.2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which points the embedding of a skeleton has.

    Attributes:
        name: ``"coco17"`` for bodies of people, else the skeleton's own name.
        points: Names of the P points.
        flip_idx: ``(P,)`` the point that each one becomes in a mirror.
        importance: ``(P,)`` float32, how much each says about a pose.
    """

    name: str
    points: tuple[str, ...]
    flip_idx: NDArray[np.intp]
    importance: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)

    @property
    def size(self) -> int:
        """Number of values of an embedding: x and y of each point, and the turn."""
        return 2 * len(self.points) + 1


def is_body(skeleton: Skeleton) -> bool:
    """Return whether a skeleton is one of people's bodies, which are embedded as :data:`BODY`."""
    body = get(BODY)
    if skeleton == body:
        return True
    known = {*skeleton.keypoints, *skeleton.aliases}
    return sum(name in known for name in body.keypoints[_LIMB_POINTS]) >= _ENOUGH


def layout(skeleton: Skeleton) -> Layout:
    """Return which points the embedding of a skeleton has."""
    body = is_body(skeleton)
    used = get(BODY) if body else skeleton
    importance = _IMPORTANCE if body else np.ones(len(used), dtype=np.float32)
    return Layout(used.name, used.keypoints, np.array(used.flip_idx, dtype=np.intp), importance)


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Instances as vectors, and what was taken away from them.

    Attributes:
        embedding: ``(N, 2 P + 1)`` float32; see the top of this file.
        weight: ``(N, P)`` float32 in [0, 1], 0 for a point that was not seen.
        centre: ``(N, 2)`` float32 pixels, the weighted mean of the points.
        size: ``(N,)`` float32 pixels, the root of the weighted mean square distance from it; 0 where nothing was seen.
    """

    embedding: Vectors
    weight: Vectors
    centre: Vectors
    size: Vectors


def embed(xy: ArrayLike, conf: ArrayLike | None, skeleton: Skeleton) -> tuple[Vectors, Vectors]:
    """Embed instances.

    Args:
        xy: ``(N, K, 2)`` pixels; NaN where a keypoint was not predicted.
        conf: ``(N, K)`` in [0, 1]; None, or NaN: the network gives none, and what was predicted was seen.
        skeleton: What the K points are.

    Returns:
        ``(N, 2 P + 1)`` float32 embeddings and ``(N, P)`` float32 weights; see the top of this file.

    Raises:
        ValueError: The shapes do not fit the skeleton.
    """
    found = embed_placed(xy, conf, skeleton)
    return found.embedding, found.weight


def embed_placed(xy: ArrayLike, conf: ArrayLike | None, skeleton: Skeleton) -> Embedded:
    """Embed instances as :func:`embed` does, and keep where and how large they were.

    Args:
        xy: ``(N, K, 2)`` pixels.
        conf: ``(N, K)`` in [0, 1], or None.
        skeleton: What the K points are.

    Raises:
        ValueError: The shapes do not fit the skeleton.
    """
    points = np.asarray(xy, dtype=np.float32)
    k = len(skeleton)
    if points.ndim != 3 or points.shape[1:] != (k, 2):
        raise ValueError(f"xy must have shape (N, {k}, 2) for {skeleton.name!r}, got {points.shape}")
    sure = np.full(points.shape[:2], np.nan, np.float32) if conf is None else np.asarray(conf, dtype=np.float32)
    if sure.shape != points.shape[:2]:
        raise ValueError(f"conf must have shape {points.shape[:2]} to match xy, got {sure.shape}")
    used = layout(skeleton)
    n, p = len(points), len(used)
    out = Embedded(*(np.zeros(shape, np.float32) for shape in ((n, used.size), (n, p), (n, 2), (n,))))
    # What is worked on at a time stays in the processor's cache.
    for at in range(0, n, _ROWS):
        rows = slice(at, at + _ROWS)
        _embed_rows(points[rows], sure[rows], skeleton, used, out, rows)
    return out


def _embed_rows(points: Vectors, sure: Vectors, skeleton: Skeleton, used: Layout, out: Embedded, rows: slice) -> None:
    if used.points != skeleton.keypoints:
        both = skeleton.convert(np.concatenate([points, sure[..., None]], axis=-1), get(BODY))
        points, sure = both[..., :2], both[..., 2]
    x, y = points[..., 0], points[..., 1]
    with np.errstate(invalid="ignore", over="ignore"):
        # No picture is so large; NaN compares as False too.
        known = (np.abs(x) < _FARTHEST) & (np.abs(y) < _FARTHEST)
        weight = np.clip((sure - _UNSEEN) * np.float32(1 / (_SEEN - _UNSEEN)), 0, 1)
    weight = np.where(known, np.where(np.isnan(sure), 1, weight), 0).astype(np.float32)
    shares = weight * used.importance
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), _LEAST)
    seen = weight > 0
    x, y = np.where(seen, x, 0), np.where(seen, y, 0)
    cx, cy = ((shares * values).sum(axis=1, keepdims=True) for values in (x, y))
    x, y = np.where(seen, x - cx, 0), np.where(seen, y - cy, 0)
    size = np.sqrt((shares * (x * x + y * y)).sum(axis=1, keepdims=True))
    # Points in one place have no size, whatever rounding says.
    size = np.where(size > 1e-6 * (np.abs(cx) + np.abs(cy)), size, 0)
    scale = np.where(size > 0, 1 / np.maximum(size, _LEAST), 0)
    x, y = x * scale, y * scale
    turn = _turn(x, y, weight, used)[:, None]
    cos, sin = np.cos(turn), np.sin(turn)
    out.embedding[rows, 0:-1:2] = x * cos + y * sin
    out.embedding[rows, 1:-1:2] = y * cos - x * sin
    out.embedding[rows, -1:] = turn
    out.weight[rows] = weight
    out.centre[rows, :1], out.centre[rows, 1:] = cx, cy
    out.size[rows] = size[:, 0]


def turned_back(embedding: Vectors) -> Vectors:
    """Return the ``(N, P, 2)`` points of embeddings as they stood in the picture: at its up, moved and scaled still."""
    z = np.ascontiguousarray(embedding[:, :-1]).view(np.complex64) * np.exp(1j * embedding[:, -1:])
    points: Vectors = np.ascontiguousarray(z.astype(np.complex64)).view(np.float32).reshape(len(z), -1, 2)
    return points


def mirrored(embedding: Vectors, weight: Vectors, used: Layout) -> tuple[Vectors, Vectors]:
    """Return embeddings and weights as a mirror shows the poses, left and right exchanged.

    Args:
        embedding: ``(N, 2 P + 1)``.
        weight: ``(N, P)``.
        used: Of :func:`layout`.
    """
    out = np.empty_like(embedding)
    points = embedding[:, :-1].reshape(len(embedding), -1, 2)[:, used.flip_idx]
    out[:, :-1] = (points * np.array([-1, 1], dtype=np.float32)).reshape(len(embedding), -1)
    out[:, -1] = -embedding[:, -1]
    return out, np.ascontiguousarray(weight[:, used.flip_idx])


def _turn(x: Vectors, y: Vectors, weight: Vectors, used: Layout) -> Vectors:
    """Return how far ``(N,)`` trunks are turned from upright, radians, clockwise."""
    where = {name: i for i, name in enumerate(used.points)}
    ends = []
    for part in ("shoulder", "hip"):
        at = [where[name] for name in (f"left_{part}", f"right_{part}") if name in where]
        if not at:
            return np.zeros(len(x), dtype=np.float32)
        w = weight[:, at]
        total = w.sum(axis=1)
        w = w / np.maximum(total, _LEAST)[:, None]
        ends.append((total > 0, (w * x[:, at]).sum(axis=1), (w * y[:, at]).sum(axis=1)))
    (top_seen, top_x, top_y), (bottom_seen, bottom_x, bottom_y) = ends
    along, up = top_x - bottom_x, bottom_y - top_y
    # A trunk that points at the camera has no direction in the picture.
    told = top_seen & bottom_seen & (np.hypot(along, up) > 1e-4)
    turn: Vectors = np.where(told, np.arctan2(along, up), 0).astype(np.float32)
    return turn
