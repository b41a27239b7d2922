"""Small indexes to search in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from poise import Results
from poise.frames import Frame, Media
from poise.search import PoseIndex
from poise.skeletons import Skeleton

BLACK = np.broadcast_to(np.zeros(1, np.uint8), (2400, 2400, 3))


def result(
    xy: Any,
    conf: Any = None,
    *,
    source: str = "a.jpg",
    frame: int = 0,
    time: float = 0.0,
    ids: Sequence[int] | None = None,
    skeleton: Skeleton | None = None,
) -> Results:
    """Return one frame with ``(N, K, 2)`` points, whose boxes are their extents."""
    xy = np.asarray(xy, dtype=np.float32)
    n = len(xy)
    low, high = (np.nan_to_num(edge(xy, axis=1)) for edge in (np.nanmin, np.nanmax))
    track = [] if ids is None else [np.asarray(ids, dtype=float)[:, None]]
    boxes = np.concatenate([low, high, *track, np.ones((n, 1)), np.zeros((n, 1))], axis=1)
    media = Media(source, "video" if frame or time else "image")
    return Results.of(Frame(BLACK, media, frame, time), boxes, xy, conf, skeleton=skeleton)


def pictures(xy: Any, conf: Any = None) -> PoseIndex:
    """Return an index of ``(N, 17, 2)`` people, a picture each: 0.jpg, 1.jpg, …"""
    return PoseIndex.of(
        result(one[None], None if conf is None else conf[i : i + 1], source=f"{i}.jpg") for i, one in enumerate(xy)
    )


def video(xy: Any, *, source: str = "clip.mp4", step: float = 0.1, track: int | None = 1) -> list[Results]:
    """Return the frames of a video of one person, ``(T, 17, 2)``."""
    ids = None if track is None else [track]
    return [
        result(one[None], source=source, frame=i, time=i * step, ids=ids)
        for i, one in enumerate(np.asarray(xy, dtype=float))
    ]


def turned(xy: np.ndarray, degrees: float, scale: float = 1.0) -> np.ndarray:
    """Turn points clockwise in the picture about (500, 500), and scale them."""
    a = np.deg2rad(degrees)
    matrix = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return np.asarray((xy - 500) @ matrix * scale + 500)
