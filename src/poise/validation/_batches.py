"""How pictures of a validation lie in the network's input.

Source: the YOLO pose specification, section 7. Pictures of like proportions share a batch whose input is the smallest
rectangle for them, and each is resized in two steps, as the original package does: its longer side to ``imgsz``, then
into the rectangle without enlarging it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.letterbox import Placement, place, resize, write
from poise.frames import Image


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Pictures that run together.

    Attributes:
        indices: Their numbers.
        size: Width and height of the network's input.
    """

    indices: NDArray[np.intp]
    size: tuple[int, int]


def group_by_shape(
    sizes: Sequence[tuple[int, int]], indices: Sequence[int], *, imgsz: int, batch: int, stride: int
) -> list[Group]:
    """Sort pictures by their proportions into batches, each with its own rectangle.

    Args:
        sizes: Width and height of every picture, pixels.
        indices: The pictures to use.
        imgsz: Longer side of the input, pixels; half a stride and up to one more is added, as in the original.
        batch: Pictures in a batch.
        stride: The network's coarsest stride.
    """
    if not len(indices):
        return []
    tall = np.array([sizes[i][1] / sizes[i][0] for i in indices])
    order = np.argsort(tall, kind="stable")
    groups = []
    for first in range(0, len(order), batch):
        rows = order[first : first + batch]
        low, high = tall[rows].min(), tall[rows].max()
        shape = (high, 1.0) if high < 1 else (1.0, 1 / low) if low > 1 else (1.0, 1.0)
        height, width = (math.ceil(side * imgsz / stride + 0.5) * stride for side in shape)
        groups.append(Group(np.asarray(indices, dtype=np.intp)[rows], (width, height)))
    return groups


def group_in_order(indices: Sequence[int], *, size: tuple[int, int], batch: int) -> list[Group]:
    """Group pictures in their order, for a network that takes one input size only."""
    whole = np.asarray(indices, dtype=np.intp)
    return [Group(whole[first : first + batch], size) for first in range(0, len(whole), batch)]


def place_picture(image: Image, out: NDArray[Any], *, imgsz: int) -> Placement:
    """Resize a picture in two steps and write it into its place in a batch.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        out: ``(3, height, width)``; written to.
        imgsz: Longer side after the first step, pixels.

    Returns:
        Where the picture lies.
    """
    height, width = image.shape[:2]
    ratio = imgsz / max(height, width)
    first = (min(math.ceil(width * ratio), imgsz), min(math.ceil(height * ratio), imgsz))
    if first != (width, height):
        image = resize(image, first)
    placement = place(first, (out.shape[2], out.shape[1]), scaleup=False)
    write(image, placement, out)
    return Placement((width, height), placement.inner, placement.size, placement.left, placement.top)
