"""Drawn people for the tests of motion: a body that moves, without a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.clips import Clip
from poise.skeletons import get

# A standing person of 1.0 height, coco17: x to the right, y down, 0 at the feet's height.
STANDING = np.array(
    [
        [0.0, -0.93],
        [0.02, -0.95],
        [-0.02, -0.95],
        [0.05, -0.94],
        [-0.05, -0.94],
        [0.11, -0.82],
        [-0.11, -0.82],
        [0.13, -0.63],
        [-0.13, -0.63],
        [0.14, -0.48],
        [-0.14, -0.48],
        [0.06, -0.53],
        [-0.06, -0.53],
        [0.07, -0.28],
        [-0.07, -0.28],
        [0.07, -0.04],
        [-0.07, -0.04],
    ]
)


def walker(frames: int = 120, *, fps: float = 30.0, height: float = 300.0) -> NDArray[np.float64]:
    """Return ``(T, 17, 2)`` of somebody who walks past from the side: the legs cross once in half a second."""
    t = np.arange(frames) / fps
    swing = np.sin(2 * np.pi * t)[:, None]
    xy = np.repeat(STANDING[None], frames, axis=0) * [0.2, 1.0]
    for side, sign in ((0, 1.0), (1, -1.0)):
        xy[:, 13 + side, 0] += sign * 0.12 * swing[:, 0]
        xy[:, 15 + side, 0] += sign * 0.25 * swing[:, 0]
        xy[:, 7 + side, 0] -= sign * 0.08 * swing[:, 0]
        xy[:, 9 + side, 0] -= sign * 0.18 * swing[:, 0]
    return xy * height + [100.0, 400.0] + np.stack([60.0 * t, 0.0 * t], axis=-1)[:, None]


def clip_of(
    xy: NDArray[Any],
    *,
    conf: NDArray[Any] | float = 0.9,
    times: NDArray[Any] | None = None,
    fps: float = 30.0,
    skeleton: str = "coco17",
) -> Clip:
    """Return a clip with one id from ``(T, K, 2)`` points."""
    xy = np.asarray(xy, dtype=np.float32)[None]
    times = np.arange(xy.shape[1]) / fps if times is None else times
    conf = np.broadcast_to(np.float32(conf), xy.shape[:3]) if np.ndim(conf) == 0 else np.asarray(conf)[None]
    seen = np.isfinite(xy).all(-1)
    low = np.where(seen[..., None], xy, np.inf).min(axis=2)
    high = np.where(seen[..., None], xy, -np.inf).max(axis=2)
    boxes = np.concatenate([low, high], axis=-1)
    boxes[~np.isfinite(boxes).all(-1)] = np.nan
    return Clip(
        times=times,
        frames=np.arange(xy.shape[1]),
        ids=np.array([1]),
        boxes=boxes,
        box_conf=np.where(seen.any(-1), 0.9, np.nan),
        xy=xy,
        conf=np.where(seen, conf, np.nan),
        sigma=np.full_like(xy, np.nan),
        skeleton=get(skeleton),
        size=(640, 480),
        source="drawn.mp4",
        fps=fps,
    )
