"""A picture is looked at several times, turned a little, since a network finds another pose each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poise.bodies.pose_embedding import Vectors
from poise.geometry import affine_apply, affine_invert, box_iou
from poise.image import warp
from poise.results import Results

if TYPE_CHECKING:
    from poise.model import Pose

# Degrees by which the picture is turned for another look.
TURNS = (-20.0, 20.0)
# Two looks saw the same person when the extents of the points share more of their joint area.
_SAME = 0.3
_GREY = 114


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """The people of one picture, several poses each.

    Attributes:
        xy: ``(Q, K, 2)`` pixels of the picture.
        conf: ``(Q, K)``.
        person: ``(Q,)`` row of the person in the result.
    """

    xy: Vectors
    conf: Vectors
    person: NDArray[np.int64]


def look_again(result: Results, model: Pose | None) -> Looks:
    """Return the poses of a frame, and how the model sees them in the turned picture.

    Args:
        result: The frame.
        model: What found it; None: nothing is looked at again.
    """
    xy, conf = points_of(result)
    parts = [(xy, conf, np.arange(len(result)))]
    if model is not None and len(result):
        parts += [_turned(result, xy, model, degrees) for degrees in TURNS]
    merged = [np.concatenate([part[i] for part in parts]) for i in range(3)]
    return Looks(*merged)


def points_of(result: Results) -> tuple[Vectors, Vectors]:
    """Return ``(N, K, 2)`` pixels and ``(N, K)`` confidences; 1 where the network gives none."""
    xy = np.array(result.keypoints.xy, dtype=np.float32)
    conf = result.keypoints.conf
    known = np.ones(xy.shape[:2], np.float32) if conf is None else np.nan_to_num(np.array(conf, np.float32), nan=1.0)
    return xy, known


def _turned(result: Results, xy: Vectors, model: Pose, degrees: float) -> tuple[Vectors, Vectors, NDArray[np.int64]]:
    height, width = result.orig_shape
    angle = np.deg2rad(degrees)
    matrix = np.zeros((2, 3))
    matrix[:, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    corners = affine_apply(matrix, np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64))
    low, high = corners.min(axis=0), corners.max(axis=0)
    matrix[:, 2] = -low
    size = (int(np.ceil(high[0] - low[0])), int(np.ceil(high[1] - low[1])))
    picture = warp(result.orig_img, matrix[None], size, fill=_GREY)[0]
    again = model.predict(picture, verbose=False)[0]
    other, conf = points_of(again)
    back = affine_apply(affine_invert(matrix), other.reshape(-1, 2).astype(np.float64)).reshape(other.shape)
    back = back.astype(np.float32)
    if not len(back):
        return back, conf, np.empty(0, dtype=np.int64)
    share = box_iou(np.nan_to_num(_extent(back)), np.nan_to_num(_extent(xy)))
    person = share.argmax(axis=1)
    kept = share[np.arange(len(back)), person] > _SAME
    return back[kept], conf[kept], person[kept]


def _extent(xy: Vectors) -> Vectors:
    """Return the ``(N, 4)`` extent of points."""
    with np.errstate(invalid="ignore"):
        known = np.isfinite(xy)
        low = np.where(known, xy, np.inf).min(axis=1)
        high = np.where(known, xy, -np.inf).max(axis=1)
    return np.concatenate([low, high], axis=1)
