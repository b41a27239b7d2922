"""What a network learns from: a picture with its instances, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poise.datasets import Labels
from poise.frames import Image

# A box stays if it keeps more than this many pixels a side, this share of its area, and less than this length to
# width. Source: the YOLO family's training.
SMALLEST = 2.0

LEAST_AREA = 0.1

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


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture, ``(H, W, 3)`` uint8 RGB, and what is true of it."""

    image: Image
    instances: Instances


def from_labels(labels: Labels, size: tuple[int, int], scaled: tuple[int, int]) -> Instances:
    """Take the labels of a picture that was resized from ``size`` to ``scaled`` (width and height, pixels).

    Boxes are cut at the picture's edge and keypoints beyond it are not visible, as nothing is there to learn from.
    Regions of many instances (COCO's crowds) are left out.
    """
    kept = labels[~labels.crowd] if labels.crowd.any() else labels
    limit = np.array(scaled, dtype=np.float64)
    scale = limit / size
    points = kept.xy * scale
    # Half a pixel of grace: tools write a point on the edge a rounding error beyond it. NaN is not inside.
    visible = (kept.visibility > 0) & ((points >= -0.5) & (points <= limit + 0.5)).all(-1)
    points[~visible] = 0
    points = np.minimum(np.maximum(points, 0), limit)
    boxes = _clip(kept.boxes.astype(np.float64).reshape(-1, 2, 2) * scale, np.zeros(2), limit)
    return _with_area(Instances(np.asarray(kept.classes), boxes, points, visible))


def join(parts: Sequence[Instances]) -> Instances:
    """Join the instances of pictures that became one."""
    if len(parts) == 1:
        return parts[0]
    return Instances(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Instances)))


def cut(instances: Instances, shift: tuple[float, float], window: tuple[float, float, float, float]) -> Instances:
    """Shift instances and cut them at a window (x0, y0, x1, y1); those outside it are left out."""
    low, high = np.array(window[:2], dtype=np.float64), np.array(window[2:], dtype=np.float64)
    boxes = _clip(instances.boxes.reshape(-1, 2, 2) + shift, low, high)
    points = instances.points + shift
    visible = instances.visible & ((points >= low) & (points <= high)).all(-1)
    points[~visible] = 0
    return _with_area(Instances(instances.classes, boxes, points, visible))


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
    bounds = np.stack([corners.min(1), corners.max(1)], axis=1)
    boxes = _clip(bounds, np.zeros(2), limit)
    points, in_front = apply(matrix, instances.points)
    visible = instances.visible & in_front & ((points >= 0) & (points <= limit)).all(-1)
    points[~visible] = 0
    sides = boxes[:, 2:] - boxes[:, :2]
    before = (instances.boxes[:, 2:] - instances.boxes[:, :2]) * scale
    area = sides.prod(1) / (before.prod(1) + 1e-16)
    ratio = np.maximum(sides[:, 0] / (sides[:, 1] + 1e-16), sides[:, 1] / (sides[:, 0] + 1e-16))
    keep = near.all(1) & (sides > SMALLEST).all(1) & (area > LEAST_AREA) & (ratio < _LONGEST)
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


def _clip(corners: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut ``(N, 2, 2)`` corners at a window; return ``(N, 4)``."""
    return np.minimum(np.maximum(corners, low), high).reshape(-1, 4)


def _with_area(instances: Instances) -> Instances:
    keep = (instances.boxes[:, 2:] > instances.boxes[:, :2]).all(1)
    return instances if keep.all() else instances[keep]


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Ground truth of a batch of pictures, one row an instance, pixels of the network's input.

    Attributes:
        picture: ``(M,)`` int64, which picture of the batch a row belongs to, ascending.
        classes: ``(M,)`` int64 class numbers.
        boxes: ``(M, 4)`` float32 xyxy.
        keypoints: ``(M, K, 2)`` float32; 0 where not visible.
        visible: ``(M, K)`` bool, labelled and inside the picture (COCO visibility 1 or 2).
    """

    picture: Tensor
    classes: Tensor
    boxes: Tensor
    keypoints: Tensor
    visible: Tensor

    def to(self, device: str) -> Targets:
        """Return the same on another device."""
        return Targets(*(getattr(self, name).to(device, non_blocking=True) for name in self.__slots__))

    def __len__(self) -> int:
        return len(self.picture)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pictures and what is true of them.

    Attributes:
        images: ``(B, 3, H, W)`` uint8 RGB.
        targets: Ground truth of all B pictures.
        names: B names of the pictures, as the data set calls them, for messages and plots.
    """

    images: Tensor
    targets: Targets
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBatch:
    """The feature maps of frozen layers for pictures, and what is true of the pictures.

    Attributes:
        maps: The three feature maps that the head reads, ``(B, C, H, W)`` float32, finest first.
        targets: Ground truth of all B pictures.
        names: Names of the pictures.
        size: Height and width of the network's input.
    """

    maps: list[Tensor]
    targets: Targets
    names: tuple[str, ...]
    size: tuple[int, int]

    @property
    def images(self) -> Tensor:
        """The finest map: what a message about this batch can show."""
        return self.maps[0]

    def __len__(self) -> int:
        return len(self.names)


class Batches(Protocol):
    """What gives the batches of a training: pictures, or feature maps."""

    def __len__(self) -> int: ...

    @property
    def pictures(self) -> int:
        """Pictures that are used."""
        ...

    def epoch(self, number: int, *, mosaic: bool = True) -> Iterator[Batch | FeatureBatch]:
        """Give the batches of an epoch."""
        ...

    def close(self) -> None:
        """Let go of processes and files."""
        ...


def collate(instances: Sequence[Instances]) -> tuple[torch.Tensor, ...]:
    """Join the instances of a batch's pictures into the columns of :class:`Targets`."""
    return (
        torch.from_numpy(np.repeat(np.arange(len(instances)), list(map(len, instances)))),
        torch.from_numpy(np.concatenate([part.classes for part in instances])),
        torch.from_numpy(np.concatenate([part.boxes for part in instances]).astype(np.float32)),
        torch.from_numpy(np.concatenate([part.points for part in instances]).astype(np.float32)),
        torch.from_numpy(np.concatenate([part.visible for part in instances])),
    )
