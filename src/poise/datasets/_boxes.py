"""Boxes round keypoints, where a label file has none of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Side of the square round a single keypoint, as a part of the picture's longer side; and the shorter side of the box
# round keypoints in one line, as a part of the longer. Nothing can be learned from a box without area.
POINT_BOX = 0.1


def box_round(xy: NDArray[np.floating[Any]], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the box round keypoints; one that would have no area is widened within the picture.

    Args:
        xy: ``(P, 2)`` the labelled keypoints, pixels; at least one.
        size: Width and height of the picture, pixels; (0, 0) where it is not known: then nothing is widened.

    Returns:
        ``(4,)`` xyxy, pixels.
    """
    points = xy.astype(np.float32).astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    thin = extent <= 0
    if thin.any() and max(size) > 0:
        least = POINT_BOX * (extent.max() if extent.max() > 0 else max(size))
        limit = np.array(size, dtype=np.float64)
        middle = (low + high) / 2
        wide_low, wide_high = middle - least / 2, middle + least / 2
        inside = (middle >= 0) & (middle <= limit)
        wide_low = np.where(inside, np.maximum(wide_low, 0), wide_low)
        wide_high = np.where(inside, np.minimum(wide_high, limit), wide_high)
        low, high = np.where(thin, wide_low, low), np.where(thin, wide_high, high)
    return np.concatenate([low, high])


def single_note(count: int) -> str:
    """Return what is told about instances whose box was made from one keypoint."""
    return (
        f"{count} instances have no box and a single labelled keypoint: a square round it is taken, whose side is "
        f"{POINT_BOX:g} of the picture's longer side; label boxes, or at least two keypoints, for a better one"
    )
