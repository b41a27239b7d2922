"""Drawn people for the tests of postures, falls and zones."""

from __future__ import annotations

import numpy as np

from poise.frames import Frame, Media
from poise.results import Results
from poise.skeletons import get

MEDIA = Media("drawn.mp4", kind="video")
# A person of height 1 who stands and faces the camera, ankles at (0, 0), y down; hips 0.5 and shoulders 0.8 up.
STANDING = np.array(
    [
        [0.0, -0.92], [0.02, -0.94], [-0.02, -0.94], [0.05, -0.93], [-0.05, -0.93],
        [0.12, -0.80], [-0.12, -0.80], [0.15, -0.62], [-0.15, -0.62], [0.16, -0.47], [-0.16, -0.47],
        [0.08, -0.50], [-0.08, -0.50], [0.08, -0.25], [-0.08, -0.25], [0.08, 0.0], [-0.08, 0.0],
    ]
)  # fmt: skip


def person(*, at: tuple[float, float] = (320, 400), height: float = 200, turn: float = 0.0) -> np.ndarray:
    """Return ``(17, 2)`` keypoints of somebody who stands at a point, turned about it by degrees."""
    angle = np.radians(turn)
    turned = STANDING @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turned * height + at


def frame(points: list[np.ndarray], *, time: float, index: int = 0, ids: list[int] | None = None, conf: float = 0.9):
    """Return the results of one 640 x 480 frame; everybody has the id of their place in the list."""
    ids = list(range(1, len(points) + 1)) if ids is None else ids
    boxes = [[*p.min(axis=0), *p.max(axis=0), i, 0.9, 0] for p, i in zip(points, ids, strict=True)]
    picture = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (480, 640, 3))
    if not points:
        return Results.of(Frame(picture, MEDIA, index, time), np.zeros((0, 7)))
    xy = np.stack(points)
    return Results.of(
        Frame(picture, MEDIA, index, time), boxes, xy, np.full(xy.shape[:2], conf), skeleton=get("coco17")
    )
