"""Fit pictures into a network's input: the letterbox of the YOLO family, written straight into the input buffer.

The 8-bit bilinear resize gives the same bits as OpenCV's ``INTER_LINEAR``, since networks are trained and their
thresholds chosen on pictures that it made; OpenCV itself is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
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
# Rows of the result made at a time, so that what passes between the steps stays in the processor's cache.
_ROWS = 24

# First row, last row, channel, levels.
Plane = tuple[int, int, int, NDArray[Any]]


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
    (w, h), at = source, place(source, size)
    scale = np.array([at.inner[0] / w, at.inner[1] / h], dtype=np.float32)
    return scale, np.array([at.left, at.top], dtype=np.float32)


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
    for first, last, channel, levels in _planes(image, placement.inner):
        np.divide(levels, np.float32(255), out=inner[channel, first:last], dtype=np.float32, casting="same_kind")


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize as OpenCV's 8-bit bilinear does, bit for bit: no smoothing where the picture shrinks.

    Args:
        image: ``(H, W, 3)`` uint8.
        size: Width and height of the result, pixels.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    out = np.empty((size[1], size[0], 3), dtype=np.uint8)
    for first, last, channel, levels in _planes(image, size):
        out[first:last, :, 2 - channel] = levels
    return out


def _planes(image: Image, size: tuple[int, int]) -> Iterator[Plane]:
    """Resize a BGR picture; yield first row, last row, channel (red first) and ``(rows, width)`` levels."""
    (w, h), (height, width) = size, image.shape[:2]
    lines = np.ascontiguousarray(image).reshape(height, 3 * width)
    ratio = height // h
    if ratio * h == height and ratio * w == width:
        return _by_whole(lines, ratio, size)
    return _by_weights(lines, (width, height), size)


def _by_whole(lines: NDArray[np.uint8], ratio: int, size: tuple[int, int]) -> Iterator[Plane]:
    """Resize by a whole number: an odd one keeps every n-th pixel, an even one the mean of four neighbours."""
    h, step, middle = size[1], 3 * ratio, ratio // 2
    for first in range(0, h, _ROWS):
        last = min(first + _ROWS, h)
        strip = lines[first * ratio : last * ratio]
        if ratio % 2:
            kept = strip[middle::ratio]
            # Converting whole lines first is faster than converting every third byte.
            values = kept.astype(np.float32) if ratio == 1 else kept
            for channel in range(3):
                yield first, last, channel, values[:, 3 * middle + 2 - channel :: step]
        else:
            pairs = np.add(strip[middle - 1 :: ratio], strip[middle::ratio], dtype=np.uint16)
            for channel in range(3):
                at = 3 * (middle - 1) + 2 - channel
                fours = pairs[:, at::step] + pairs[:, at + 3 :: step]
                fours += 2
                fours >>= 2
                yield first, last, channel, fours


def _by_weights(lines: NDArray[np.uint8], source: tuple[int, int], size: tuple[int, int]) -> Iterator[Plane]:
    """Resize by any ratio: along the lines first, then between them, in OpenCV's fixed point."""
    w = size[0]
    near, far, weight = _across(source[0], w)
    for first, last, rows, top, low, down in _down(source[1], size[1]):
        strip = lines[rows]
        # The index puts the bytes into planes, red first.
        across = np.take(strip, near, axis=1).astype(np.int32)
        across *= _ONE - weight
        second = np.take(strip, far, axis=1).astype(np.int32)
        second *= weight
        across += second
        across >>= 4
        levels = across[top]
        levels *= _ONE - down
        levels >>= 16
        below = across[low]
        below *= down
        below >>= 16
        levels += below
        levels += 2
        levels >>= 2
        for channel in range(3):
            yield first, last, channel, levels[:, channel * w : (channel + 1) * w]


@lru_cache(maxsize=32)
def _across(n: int, m: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Return the two source bytes and the second's weight for each of ``3 * m`` bytes, RGB planes from BGR pixels."""
    near, far, weight = _axis(n, m)
    # OpenCV resets the weight where a line ends, but not where a column ends, which shows in the last bit.
    weight[(near < 0) | (far >= n)] = 0
    near, far = np.clip(near, 0, n - 1), np.clip(far, 0, n - 1)
    order = np.array([[2], [1], [0]])
    return (3 * near + order).ravel(), (3 * far + order).ravel(), np.tile(weight, 3)


@lru_cache(maxsize=32)
def _down(n: int, m: int) -> list[tuple[int, int, Any, NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]]:
    """Return for each strip of result lines: first, last, source lines, the two of them for each line, the weight."""
    near, far, weight = _axis(n, m)
    near, far = np.clip(near, 0, n - 1), np.clip(far, 0, n - 1)
    strips = []
    for first in range(0, m, _ROWS):
        last = min(first + _ROWS, m)
        rows, at = np.unique(np.concatenate([near[first:last], far[first:last]]), return_inverse=True)
        whole = slice(int(rows[0]), int(rows[-1]) + 1)
        compact = whole.stop - whole.start == len(rows)
        count = last - first
        strips.append((first, last, whole if compact else rows, at[:count], at[count:], weight[first:last, None]))
    return strips


def _axis(n: int, m: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Return the two source indices (perhaps outside) and the second's weight for ``m`` places on an axis of ``n``."""
    at = ((np.arange(m) + 0.5) * (1.0 / (m / n)) - 0.5).astype(np.float32)
    near = np.floor(at).astype(np.intp)
    weight = np.rint((at - near.astype(np.float32)) * np.float32(_ONE)).astype(np.int32)
    return near, near + 1, weight
