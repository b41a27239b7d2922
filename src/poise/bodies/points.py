"""Keypoints of bodies as plain arrays, and the points that follow from them."""

from __future__ import annotations

import numpy as np

from poise.bodies.proportions import HAND_BEYOND
from poise.geometry import Bools, Floats
from poise.results import Results
from poise.skeletons import get

# Keypoints of coco17, left and right. Source: skeletons/coco17.toml.
SHOULDERS, ELBOWS, WRISTS = (5, 6), (7, 8), (9, 10)
HIPS, KNEES, ANKLES = (11, 12), (13, 14), (15, 16)
HEAD = slice(0, 5)  # nose, eyes, ears
# What :func:`extend_points` adds to them.
PAIRS = np.array([SHOULDERS, WRISTS, HIPS, KNEES, ANKLES])
ADDED = ("shoulders", "wrists", "hips", "knees", "ankles", "head", "left_hand", "right_hand", "lower_ankle", "corner")


def read_points(result: Results) -> tuple[Floats, Floats]:
    """Return ``(N, K, 2)`` pixels and ``(N, K)`` conf of a frame, float64.

    The conf is 0 where a keypoint is NaN, and 1 for the others where the network gives none.
    """
    xy = np.asarray(result.keypoints.xy, dtype=np.float64)
    known = np.asarray(np.isfinite(xy).all(axis=-1), dtype=np.float64)
    conf = result.keypoints.conf
    return xy, known if conf is None else np.nan_to_num(np.asarray(conf, dtype=np.float64)) * known


def read_coco_points(result: Results) -> tuple[Floats, Floats]:
    """Return what :func:`read_points` does, ``K`` = 17 in COCO's order, whatever the skeleton is."""
    xy, conf = read_points(result)
    coco = get("coco17")
    if result.skeleton != coco:
        both = np.concatenate([xy, conf[..., None]], axis=-1).astype(np.float32)
        both = result.skeleton.convert(both, coco)
        xy, conf = both[..., :2].astype(np.float64), both[..., 2].astype(np.float64)
    return xy, np.where(np.isfinite(xy).all(axis=-1), np.nan_to_num(conf), 0.0)


def mean_of_seen(points: Floats, seen: Bools) -> Floats:
    """Return the ``(..., 2)`` mean of those of the ``(..., P, 2)`` points that are seen; NaN without any."""
    count = seen.sum(axis=-1)[..., None]
    total = np.where(seen[..., None], points, 0.0).sum(axis=-2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def extend_points(points: Floats, middles: Floats) -> Floats:
    """Return ``(N, 27, 2)``: the 17 keypoints, then :data:`ADDED`.

    Args:
        points: ``(N, 17, 2)`` pixels, NaN where not seen.
        middles: ``(N, 5, 2)`` of :data:`PAIRS`. Whether one of the two may stand for both is for the caller to say: it
            bridges a gap, and moves the middle.
    """
    head = points[:, HEAD]
    wrists, elbows, ankles = points[:, WRISTS], points[:, ELBOWS], points[:, ANKLES]
    out = np.empty((len(points), 17 + len(ADDED), 2))
    out[:, :17] = points
    out[:, 17:22] = middles
    out[:, 22] = mean_of_seen(head, np.isfinite(head[..., 0]))
    out[:, 23:25] = wrists + HAND_BEYOND * (wrists - elbows)
    out[:, 25] = ankles.max(axis=1)
    out[:, 26] = 0.0
    return out


def extend_conf(conf: Floats, middles: Floats, head: Floats | float) -> Floats:
    """Return the ``(N, 27)`` conf of :func:`extend_points`; 1 of the picture's corner.

    Args:
        conf: ``(N, 17)``.
        middles: ``(N, 5)`` of :data:`PAIRS`.
        head: ``(N,)`` of the head.
    """
    out = np.empty((len(conf), 17 + len(ADDED)))
    out[:, :17] = conf
    out[:, 17:22] = middles
    out[:, 22] = head
    out[:, 23:25] = np.minimum(conf[:, ELBOWS], conf[:, WRISTS])
    out[:, 25] = conf[:, ANKLES].min(axis=1)
    out[:, 26] = 1.0
    return out
