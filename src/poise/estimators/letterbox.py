"""Fit pictures into a network's input: the letterbox of the YOLO family, written straight into the input buffer.

The 8-bit bilinear resize gives the same bits as OpenCV's ``INTER_LINEAR``, since networks are trained and their
thresholds chosen on pictures that it made; OpenCV itself is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.frames import Image

# Grey level beside the picture, as the networks were trained with.
FILL = 114
# OpenCV's fixed point: weights of 11 bits.
_ONE = 2048
# Source rows worked on at a time, so that what passes between the steps stays in the processor's cache.
_ROWS = 48


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in a network's input.

    Attributes:
        source: Width and height of the picture, pixels.
        inner: Width and height of the picture in the input.
        size: Width and height of the input.
        left: Pixels beside the picture on its left.
        top: Pixels above the picture.
    """

    source: tuple[int, int]
    inner: tuple[int, int]
    size: tuple[int, int]
    left: int
    top: int


def place(
    source: tuple[int, int], target: tuple[int, int], *, auto: bool = False, scaleup: bool = True, stride: int = 32
) -> Placement:
    """Lay a picture into an input without changing its proportions.

    Args:
        source: Width and height of the picture, pixels.
        target: Width and height of the input, pixels.
        auto: Cut the input to the smallest rectangle of whole strides that holds the picture.
        scaleup: Enlarge pictures that are smaller than the input; False leaves them.
        stride: The network's coarsest stride, pixels.
    """
    (w, h), (width, height) = source, target
    ratio = min(height / h, width / w)
    if not scaleup:
        ratio = min(ratio, 1.0)
    inner = (max(round(w * ratio), 1), max(round(h * ratio), 1))
    dw, dh = width - inner[0], height - inner[1]
    if auto:
        dw, dh = dw % stride, dh % stride
    # An odd pixel goes to the right and to the bottom.
    return Placement(source, inner, (inner[0] + dw, inner[1] + dh), round(dw / 2 - 0.1), round(dh / 2 - 0.1))


def to_picture(
    points: NDArray[np.float32], size: tuple[int, int], source: tuple[int, int], *, clip: bool = True
) -> NDArray[np.float32]:
    """Carry points from a network's input back to the picture.

    Args:
        points: ``(..., 2)`` x, y in pixels of the input.
        size: Width and height of the input.
        source: Width and height of the picture.
        clip: Move points outside the picture to its edge.

    Returns:
        ``(..., 2)`` float32 pixels of the picture.
    """
    scale, shift = gains(size, source)
    found = (np.asarray(points, dtype=np.float32) - shift) / scale
    if clip:
        np.clip(found, 0, np.array(source, dtype=np.float32), out=found)
    return found


@lru_cache(maxsize=256)
def gains(size: tuple[int, int], source: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the ``(2,)`` scale and shift, x and y, that lead from a picture to a network's input.

    Each axis has its own scale, since the resized picture has whole pixels.
    """
    (width, height), (w, h) = size, source
    ratio = min(height / h, width / w)
    inner = (max(round(w * ratio), 1), max(round(h * ratio), 1))
    shift = (round((width - inner[0]) / 2 - 0.1), round((height - inner[1]) / 2 - 0.1))
    return np.array([inner[0] / w, inner[1] / h], dtype=np.float32), np.array(shift, dtype=np.float32)


def write(image: Image, placement: Placement, out: NDArray[Any], *, pad: bool = True) -> None:
    """Write a picture into a network's input as RGB planes from 0 to 1.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        placement: Where it goes.
        out: ``(3, height, width)`` float32 or float16 of the placement's size; written to.
        pad: Write the grey beside the picture too; False when it is there from the last picture of this placement.
    """
    (w, h), left, top = placement.inner, placement.left, placement.top
    if pad:
        out[:, :top] = FILL / np.float32(255)
        out[:, top + h :] = FILL / np.float32(255)
        out[:, top : top + h, :left] = FILL / np.float32(255)
        out[:, top : top + h, left + w :] = FILL / np.float32(255)
    inner = out[:, top : top + h, left : left + w]
    if placement.inner == placement.source:
        for channel in range(3):
            np.divide(image[:, :, 2 - channel], np.float32(255), out=inner[channel], casting="same_kind")
        return
    for first, last, levels in _planes(image, placement.inner):
        np.divide(levels, np.float32(255), out=inner[:, first:last], casting="same_kind")


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize as OpenCV's 8-bit bilinear does, bit for bit: no smoothing where the picture shrinks.

    Args:
        image: ``(H, W, 3)`` uint8.
        size: Width and height of the result, pixels.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    out = np.empty((size[1], size[0], 3), dtype=np.uint8)
    for first, last, levels in _planes(image, size):
        out[first:last] = levels[::-1].transpose(1, 2, 0)
    return out


@lru_cache(maxsize=64)
def _axis(n: int, m: int, *, clamp: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Return the two source indices of each of ``m`` output positions on an axis of ``n``, and the second's weight.

    OpenCV resets the weight at the ends of a row (``clamp``) but not at the ends of a column, which shows in the last
    bit.
    """
    at = ((np.arange(m) + 0.5) * (1.0 / (m / n)) - 0.5).astype(np.float32)
    low = np.floor(at).astype(np.intp)
    part = at - low.astype(np.float32)
    if clamp:
        part[(low < 0) | (low >= n - 1)] = 0
    second = np.rint(part * np.float32(_ONE)).astype(np.int32)
    return np.clip(low, 0, n - 1), np.clip(low + 1, 0, n - 1), second


def _planes(image: Image, size: tuple[int, int]) -> Any:
    """Yield first row, last row and ``(3, rows, width)`` RGB levels of the resized picture."""
    (w, h), (height, width) = size, image.shape[:2]
    x0, x1, a1 = _axis(width, w, clamp=True)
    y0, y1, b1 = _axis(height, h, clamp=False)
    for first in range(0, h, _ROWS):
        last = min(first + _ROWS, h)
        top, low, weight = y0[first:last], y1[first:last], b1[first:last, None]
        rows = np.arange(top[0], low[-1] + 1)
        part = image[rows]
        levels = np.empty((3, last - first, w), dtype=np.int32)
        for channel in range(3):
            plane = part[:, :, 2 - channel].astype(np.int32)
            across = (plane[:, x0] * (_ONE - a1) + plane[:, x1] * a1) >> 4
            levels[channel] = (
                ((across[top - rows[0]] * (_ONE - weight)) >> 16) + ((across[low - rows[0]] * weight) >> 16) + 2
            ) >> 2
        yield first, last, levels
