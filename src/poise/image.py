"""Shrink, warp and turn pictures: the only door to Pillow for pixels.

All sizes are (width, height). All maps use the outer-corner convention of :mod:`poise.geometry`: the centre of the
first pixel is (0.5, 0.5). Channels are not looked at, so BGR stays BGR.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from poise.errors import PoiseError
from poise.frames import Image
from poise.geometry import Floats, affine_apply, affine_invert

_BILINEAR = PIL.Image.Resampling.BILINEAR
# Ending -> Pillow's name of the format, of the pictures that are written.
FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
_ENCODING: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95},
    # Level 3 takes a third of the time of Pillow's usual 6 for files a few percent larger.
    "PNG": {"compress_level": 3},
    "WEBP": {"quality": 90, "method": 2},
}
# JPEG holds 65,535 pixels a side, WebP 16,383.
_LARGEST = {"JPEG": 65_535, "WEBP": 16_383}
_BICUBIC = PIL.Image.Resampling.BICUBIC


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize without skipping a pixel: whole steps of shrinking by area averaging, the rest by a triangle filter.

    Args:
        image: ``(H, W, 3)`` uint8.
        size: Width and height of the result, pixels.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    if (image.shape[1], image.shape[0]) == size:
        return image
    # The wide triangle filter alone takes twice as long and gives the same average precision (benchmarks/accuracy.py).
    return np.asarray(PIL.Image.fromarray(image).resize(size, _BILINEAR, reducing_gap=1.0))


def letterbox(
    image: Image, size: tuple[int, int], *, fill: int = 0, centre: bool = True
) -> tuple[Image, NDArray[np.float64]]:
    """Fit a picture into a canvas without changing its proportions.

    Args:
        image: ``(H, W, 3)`` uint8.
        size: Width and height of the canvas, pixels.
        fill: Grey value beside the picture.
        centre: Picture in the middle of the canvas; False: in its top-left corner.

    Returns:
        The ``(height, width, 3)`` canvas and the ``(2, 3)`` map from picture to canvas.
    """
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    x, y = ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2) if centre else (0, 0)
    matrix = np.array([[inner[0] / width, 0.0, x], [0.0, inner[1] / height, y]])
    small = resize(image, inner)
    if inner == size:
        return small, matrix
    canvas = np.full((size[1], size[0], 3), fill, dtype=np.uint8)
    canvas[y : y + inner[1], x : x + inner[0]] = small
    return canvas, matrix


def crop(
    image: Image, boxes: Floats, size: tuple[int, int], *, fill: int = 0, gap: float = 2.0
) -> tuple[Image, NDArray[np.float64]]:
    """Cut upright regions out of a picture and resize them, with a filter as wide as the shrinking asks for.

    Faster and sharper than :func:`warp`, which turns as well.

    Args:
        image: ``(H, W, 3)`` uint8.
        boxes: ``(N, 4)`` xyxy regions in pixels, which may reach beyond the picture; of the proportions of ``size``.
        size: Width and height of the crops, pixels.
        fill: Grey value outside the picture.
        gap: Shrinking in whole steps, by areas, stops at so many times the size; 1 is less sharp and takes a third of
            the time of 2.

    Returns:
        ``(N, height, width, 3)`` uint8 and the ``(N, 2, 3)`` maps from picture to crop.
    """
    width, height = size
    boxes = np.asarray(boxes, dtype=np.float64)
    scale = np.array([width, height]) / (boxes[:, 2:] - boxes[:, :2])
    matrices = np.zeros((len(boxes), 2, 3))
    matrices[:, 0, 0], matrices[:, 1, 1] = scale.T
    matrices[:, :, 2] = -boxes[:, :2] * scale
    # Whole crop pixels that lie in the picture; the rest stays at the fill.
    inside = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.ceil(-boxes[:, :2] * scale - 1e-6), 0, size).astype(int)
    high = np.clip(np.floor((inside - boxes[:, :2]) * scale + 1e-6), 0, size).astype(int)
    out = np.full((len(boxes), height, width, 3), fill, dtype=np.uint8)
    for i in range(len(boxes)):
        target = high[i] - low[i]
        if (target <= 0).any() or not np.isfinite(boxes[i]).all():
            continue
        start = np.clip(boxes[i, :2] + low[i] / scale[i], 0, inside)
        end = np.clip(boxes[i, :2] + high[i] / scale[i], 0, inside)
        # Only the part under the region is handed to Pillow, with room for the filter's foot.
        foot = np.ceil(2 / np.minimum(scale[i], 1)).astype(int) + 1
        x0, y0 = np.maximum(np.floor(start).astype(int) - foot, 0)
        x1, y1 = np.minimum(np.ceil(end).astype(int) + foot, inside)
        if x1 <= x0 or y1 <= y0:
            continue
        part = PIL.Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1]))
        window = (start[0] - x0, start[1] - y0, end[0] - x0, end[1] - y0)
        small = part.resize((int(target[0]), int(target[1])), _BICUBIC, box=window, reducing_gap=gap)
        out[i, low[i, 1] : high[i, 1], low[i, 0] : high[i, 0]] = np.asarray(small)
    return out, matrices


def warp(
    image: Image, matrices: Floats, size: tuple[int, int], *, fill: int = 0, smooth_from: float = 2.0
) -> NDArray[np.uint8]:
    """Cut regions out of a picture by affine maps, smoothed where they shrink it.

    Args:
        image: ``(H, W, 3)`` uint8.
        matrices: ``(N, 2, 3)`` maps from picture to crop, as from :func:`poise.geometry.roi_to_crop`.
        size: Width and height of the crops, pixels.
        fill: Grey value outside the picture.
        smooth_from: Shrink factor from which the picture is averaged over areas before it is sampled.

    Returns:
        ``(N, height, width, 3)`` uint8.
    """
    width, height = size
    out = np.full((len(matrices), height, width, 3), fill, dtype=np.uint8)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    for crop, matrix in zip(out, np.asarray(matrices, dtype=np.float64), strict=True):
        region = affine_apply(affine_invert(matrix), corners)
        if np.isfinite(region).all():
            _warp_one(image, matrix, region, crop, fill, smooth_from)
    return out


def _warp_one(
    image: Image,
    matrix: NDArray[np.float64],
    region: NDArray[np.float64],
    crop: Image,
    fill: int,
    smooth_from: float,
) -> None:
    """Fill one crop; ``region`` is its outline in the picture."""
    # Only the part of the picture under the region is handed on; two pixels more for the filter's foot.
    x0, y0 = (max(0, math.floor(v) - 2) for v in region.min(axis=0))
    x1, y1 = (min(limit, math.ceil(v) + 2) for v, limit in zip(region.max(axis=0), image.shape[1::-1], strict=True))
    if x1 <= x0 or y1 <= y0:
        return
    part = image[y0:y1, x0:x1]
    shrink = 1.0 / math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    factor = 1
    # The affine sampler looks at 2 x 2 pixels only, so a strong shrink is done first by area averaging.
    if shrink >= smooth_from:
        factor = int(shrink * 2 / smooth_from)
        picture = PIL.Image.fromarray(np.ascontiguousarray(part)).reduce(factor)
    else:
        picture = PIL.Image.fromarray(np.ascontiguousarray(part))
    back = affine_invert(matrix)  # crop -> picture
    a, b, c = back[0]
    d, e, f = back[1]
    data = tuple(v / factor for v in (a, b, c - x0, d, e, f - y0))
    height, width = crop.shape[:2]
    crop[:] = np.asarray(
        picture.transform((width, height), PIL.Image.Transform.AFFINE, data, _BILINEAR, fillcolor=(fill,) * 3)
    )


def to_pil(image: Image) -> PIL.Image.Image:
    """Turn a ``(H, W, 3)`` uint8 BGR picture into an RGB one of Pillow's."""
    height, width = image.shape[:2]
    # The raw decoder swaps the channels while it copies, which numpy would do in a second pass.
    return PIL.Image.frombuffer("RGB", (width, height), np.ascontiguousarray(image), "raw", "BGR", 0, 1)


def small_jpeg(image: Image, side: int, *, quality: int = 80) -> bytes:
    """Encode a ``(H, W, 3)`` uint8 BGR picture for a page: as JPEG, its sides made smaller down to ``side`` pixels."""
    small = to_pil(image)
    small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def encode(image: Image, suffix: str) -> bytes:
    """Compress a picture: JPEG with quality 95, WebP with quality 90, the others without loss.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        suffix: The ending that names the format, one of ``FORMATS``.

    Raises:
        ValueError: No picture format has this ending.
        PoiseError: The picture is larger than the format can hold.
    """
    if suffix.lower() not in FORMATS:
        raise ValueError(f"no picture format has the ending {suffix!r}; known: {', '.join(FORMATS)}")
    kind = FORMATS[suffix.lower()]
    height, width = image.shape[:2]
    largest = _LARGEST.get(kind)
    if largest and max(width, height) > largest:
        raise PoiseError(f"{width}x{height} is more than {kind} can hold ({largest} a side); write a .png")
    out = io.BytesIO()
    to_pil(image).save(out, kind, **_ENCODING.get(kind, {}))
    return out.getvalue()
