"""What is true of a picture that is being changed, and how it follows the picture's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.datasets import Labels

# A box stays if it keeps more than this many pixels a side, this share of its area, and less than this length to
# width. Source: the specification of the YOLO family's training, "box filter".
_SMALLEST = 2.0
_LEAST_AREA = 0.1
_LONGEST = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """Instances of one picture as columns, row i of each belongs to instance i.

    Attributes:
        classes: ``(N,)`` int64.
        boxes: ``(N, 4)`` float64 xyxy, pixels.
        points: ``(N, K, 2)`` float64 pixels; 0 where not visible.
        visible: ``(N, K)`` whether a keypoint is labelled and inside the picture.
    """

    classes: NDArray[np.int64]
    boxes: NDArray[np.float64]
    points: NDArray[np.float64]
    visible: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, rows: Any) -> Instances:
        return Instances(self.classes[rows], self.boxes[rows], self.points[rows], self.visible[rows])


def from_labels(labels: Labels, size: tuple[int, int], scaled: tuple[int, int]) -> Instances:
    """Take the labels of a picture that was resized from ``size`` to ``scaled`` (width and height, pixels).

    Boxes are cut at the picture's edge and keypoints beyond it are not visible, as nothing is there to learn from.
    Regions of many instances (COCO's crowds) are left out.
    """
    kept = labels[~labels.crowd] if labels.crowd.any() else labels
    scale = np.array(scaled, dtype=np.float64) / size
    points = kept.xy * scale
    # Half a pixel of grace: tools write a point on the edge a rounding error beyond it.
    with np.errstate(invalid="ignore"):
        inside = ((points >= -0.5) & (points <= np.add(scaled, 0.5))).all(-1)
    visible = (kept.visibility > 0) & inside
    points = np.where(visible[..., None], np.clip(np.nan_to_num(points), 0, scaled), 0)
    boxes = np.clip(kept.boxes.astype(np.float64) * np.tile(scale, 2), 0, np.tile(scaled, 2))
    found = Instances(np.asarray(kept.classes), boxes, points, visible)
    return found[(boxes[:, 2:] > boxes[:, :2]).all(1)]


def join(parts: Sequence[Instances]) -> Instances:
    """Join the instances of pictures that became one."""
    if len(parts) == 1:
        return parts[0]
    return Instances(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Instances)))


def cut(instances: Instances, shift: tuple[float, float], window: tuple[float, float, float, float]) -> Instances:
    """Shift instances and cut them at a window (x0, y0, x1, y1); those outside it are left out."""
    low, high = np.array(window[:2], dtype=np.float64), np.array(window[2:], dtype=np.float64)
    boxes = np.clip(instances.boxes + np.tile(shift, 2), np.tile(low, 2), np.tile(high, 2))
    points = instances.points + shift
    visible = instances.visible & ((points >= low) & (points <= high)).all(-1)
    moved = Instances(instances.classes, boxes, np.where(visible[..., None], points, 0), visible)
    return moved[(boxes[:, 2:] > boxes[:, :2]).all(1)]


def transform(instances: Instances, matrix: NDArray[np.float64], size: tuple[int, int], *, scale: float) -> Instances:
    """Carry instances by the map that the pixels took.

    A box becomes the upright box around its four moved corners, cut at the picture; it is not fitted to the
    keypoints anew. Keypoints that leave the picture are not visible.

    Args:
        instances: In pixels of the source.
        matrix: ``(3, 3)`` map from source to result.
        size: Width and height of the result, pixels.
        scale: How much the map enlarges, which the loss of area is measured against.
    """
    if not len(instances):
        return instances
    limit = np.array(size, dtype=np.float64)
    corners, near = apply(matrix, instances.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
    whole = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    boxes = np.clip(whole, 0, np.tile(limit, 2))
    points, in_front = apply(matrix, instances.points)
    visible = instances.visible & in_front & ((points >= 0) & (points <= limit)).all(-1)
    points = np.where(visible[..., None], points, 0)
    sides = boxes[:, 2:] - boxes[:, :2]
    before = (instances.boxes[:, 2:] - instances.boxes[:, :2]) * scale
    area = sides.prod(1) / (before.prod(1) + 1e-16)
    ratio = np.maximum(sides[:, 0] / (sides[:, 1] + 1e-16), sides[:, 1] / (sides[:, 0] + 1e-16))
    keep = near.all(1) & (sides > _SMALLEST).all(1) & (area > _LEAST_AREA) & (ratio < _LONGEST)
    return Instances(instances.classes, boxes, points, visible)[keep]


def apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Map ``(..., 2)`` points by a ``(3, 3)`` matrix; also say which lie in front of the camera of a perspective."""
    moved = points @ matrix[:2, :2].T + matrix[:2, 2]
    if (matrix[2, :2] == 0).all():
        return moved / matrix[2, 2], np.ones(moved.shape[:-1], dtype=bool)
    depth = points @ matrix[2, :2] + matrix[2, 2]
    front = depth > 1e-6
    return moved / np.where(front, depth, 1)[..., None], front


def mirror(instances: Instances, flip_idx: Sequence[int]) -> Instances:
    """Give each keypoint the name that it has in the mirrored picture."""
    order = np.asarray(flip_idx, dtype=np.intp)
    return replace(instances, points=instances.points[:, order], visible=instances.visible[:, order])
