"""Crops in which a person stands upright, whichever way the person lies in the picture.

Networks that look at one person a crop were trained on people who mostly stand, and fail on those who lie or stand on
their heads. Where keypoints say which way the head points, the crop is turned by quarters: exact, and no slower.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.estimators.people import regions
from poise.estimators.protocols import Floats
from poise.frames import Image
from poise.image import crop
from poise.skeletons import Skeleton

_SURE = 0.1  # mean raw score of shoulders and hips from which they tell which way somebody lies
_LEANS = 60.0  # degrees from upright from which a crop is turned; people bend, and a turn costs the standing some


class Torso(NamedTuple):
    """Indices of the keypoints that tell which way a body points."""

    shoulders: tuple[int, int]
    hips: tuple[int, int]

    @classmethod
    def of(cls, skeleton: Skeleton) -> Torso | None:
        """Find them by their names; None where the skeleton has none."""
        names = list(skeleton.keypoints)
        wanted = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
        if not set(wanted) <= set(names):
            return None
        a, b, c, d = (names.index(name) for name in wanted)
        return cls((a, b), (c, d))


def quarters(xy: Floats, conf: Floats, torso: Torso | None) -> NDArray[np.intp]:
    """Tell how instances must be turned to stand upright.

    Args:
        xy: ``(N, K, 2)`` keypoints, pixels; NaN where nothing is known.
        conf: ``(N, K)`` their raw scores.
        torso: Which keypoints tell it; None: nobody is turned.

    Returns:
        ``(N,)`` quarter turns, counter-clockwise as one sees it: 1 where the head points to the right.
    """
    if torso is None or not len(xy):
        return np.zeros(len(xy), np.intp)
    points = [*torso.shoulders, *torso.hips]
    with np.errstate(invalid="ignore"):
        up = xy[:, torso.shoulders].mean(axis=1) - xy[:, torso.hips].mean(axis=1)
        known = np.isfinite(up).all(axis=-1) & (conf[:, points].mean(axis=-1) >= _SURE)
        angle = np.degrees(np.arctan2(up[:, 0], -up[:, 1]))  # 0 upright, 90 the head to the right
        turned = known & (np.abs(angle) >= _LEANS)
        quarter = np.where(np.abs(angle) > 135, 2, np.where(angle > 0, 1, 3))
    return np.where(turned, quarter, 0).astype(np.intp)


def upright(
    image: Image, boxes: Floats, look: tuple[int, int, float], turn: int, *, gap: float
) -> tuple[Image, NDArray[np.float64]]:
    """Cut out the regions around boxes, turned.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        boxes: ``(N, 4)`` xyxy of the instances.
        look: Width and height of the crops, pixels, and side of the region over the side of its box.
        turn: Quarter turns counter-clockwise.
        gap: As in :func:`poise.image.crop`.

    Returns:
        ``(N, height, width, 3)`` uint8 and the ``(N, 2, 3)`` maps from picture to crop.
    """
    size = look[:2] if turn % 2 == 0 else look[1::-1]
    cut, matrices = crop(image, regions(boxes, size, look[2]), size, gap=gap)
    if not turn:
        return cut, matrices
    width, height = size
    onto = {
        1: [[0, 1, 0], [-1, 0, width]],
        2: [[-1, 0, width], [0, -1, height]],
        3: [[0, -1, height], [1, 0, 0]],
    }
    to = np.array(onto[turn], dtype=np.float64)
    matrices = np.concatenate([to[:, :2] @ matrices[:, :, :2], to[:, :2] @ matrices[:, :, 2:] + to[:, 2:]], axis=-1)
    return np.ascontiguousarray(np.rot90(cut, turn, axes=(1, 2))), matrices
