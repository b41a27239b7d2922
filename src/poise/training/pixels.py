"""Draw pictures through matrices: OpenCV where it is installed, else Pillow. The geometry is the same.

Matrices are 3 × 3 and map source points to target points, both in pixels counted from the outer top-left corner: the
centre of the first pixel is (0.5, 0.5). OpenCV counts from the first pixel's centre instead, so its matrix is shifted
by half a pixel on both sides; without that, points and pixels would drift apart by up to half a pixel.
"""

from __future__ import annotations

import io
import math
from importlib import import_module
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageFilter
from numpy.random import Generator
from numpy.typing import NDArray

from poise.frames import Image

try:
    cv2: Any = import_module("cv2")
except ImportError:
    cv2 = None

Matrix = NDArray[np.float64]

# Grey level where there is no picture, as beside a letterboxed one.
FILL = 114

_HALF = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])

_HALF_BACK = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])

_BILINEAR = PIL.Image.Resampling.BILINEAR


def set_threads(count: int) -> int:
    """Let OpenCV use so many threads in this process; return how many it used. Without OpenCV nothing happens.

    A process must not be forked while OpenCV has threads: in the child they are gone, and OpenCV waits for them.
    """
    if cv2 is None:
        return count
    before = int(cv2.getNumThreads())
    if before != count:
        cv2.setNumThreads(count)
    return before


def is_upright(matrix: Matrix) -> bool:
    """Say whether a map only scales, mirrors and shifts, so that a rectangle stays one."""
    return bool(matrix[0, 1] == 0 and matrix[1, 0] == 0 and matrix[2, 0] == 0 and matrix[2, 1] == 0)


def paste(picture: Image, matrix: Matrix, out: Image) -> None:
    """Draw a picture by an upright map over what is in ``out``; what lies outside the picture stays.

    Pixels whose centre lies in the picture are drawn, so pictures that touch leave no seam.

    Args:
        picture: ``(H, W, 3)`` uint8.
        matrix: ``(3, 3)`` map from picture to ``out``, see :func:`is_upright`.
        out: ``(height, width, 3)`` uint8, written to.
    """
    (h, w), (height, width) = picture.shape[:2], out.shape[:2]
    x0, x1 = _covered(matrix[0, 0], matrix[0, 2], w, width)
    y0, y1 = _covered(matrix[1, 1], matrix[1, 2], h, height)
    if x1 <= x0 or y1 <= y0:
        return
    target = out[y0:y1, x0:x1]
    if matrix[0, 0] == 1 and matrix[1, 1] == 1 and matrix[0, 2] % 1 == 0 and matrix[1, 2] % 1 == 0:
        left, top = x0 - int(matrix[0, 2]), y0 - int(matrix[1, 2])
        target[:] = picture[top : top + y1 - y0, left : left + x1 - x0]
        return
    corner = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0], [0.0, 0.0, 1.0]])
    back = np.asarray(np.linalg.inv(matrix) @ corner, dtype=np.float64)
    if cv2 is not None:
        inverse = (_HALF_BACK @ back @ _HALF)[:2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        made = cv2.warpAffine(
            picture, inverse, (x1 - x0, y1 - y0), dst=target, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        if made is not target and not np.shares_memory(made, target):
            target[:] = made
        return
    target[:] = _transform(picture, back, (x1 - x0, y1 - y0))


def warp(picture: Image, matrix: Matrix, size: tuple[int, int], *, fill: int = FILL) -> Image:
    """Draw a picture by any map.

    Args:
        picture: ``(H, W, 3)`` uint8.
        matrix: ``(3, 3)`` map from picture to result.
        size: Width and height of the result, pixels.
        fill: Grey level outside the picture.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    back = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    if cv2 is not None:
        inverse = _HALF_BACK @ back @ _HALF
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        if (matrix[2, :2] == 0).all():
            inverse /= inverse[2, 2]
            return _as_image(cv2.warpAffine(picture, inverse[:2], size, flags=flags, borderValue=(fill,) * 3))
        return _as_image(cv2.warpPerspective(picture, inverse, size, flags=flags, borderValue=(fill,) * 3))
    return _transform(picture, back, size, fill)


def resize(picture: Image, size: tuple[int, int]) -> Image:
    """Resize with bilinear sampling and no smoothing, the same bits with and without OpenCV.

    Args:
        picture: ``(H, W, 3)`` uint8.
        size: Width and height of the result, pixels.
    """
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    if cv2 is not None:
        return _as_image(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR))
    from poise.estimators.letterbox import resize as resize_as_opencv

    return resize_as_opencv(picture, size)


def shift_colours(picture: Image, hue: float, saturation: float, value: float) -> Image:
    """Turn the hue and multiply saturation and brightness, through tables of 256 entries.

    Args:
        picture: ``(H, W, 3)`` uint8 RGB.
        hue: Turn as a share of the circle: 0.015 is 5.4 degrees.
        saturation: Factor.
        value: Factor.

    Returns:
        ``(H, W, 3)`` uint8 RGB; a grey pixel keeps saturation 0.
    """
    levels = np.arange(256)
    s = np.clip(levels * saturation, 0, 255).astype(np.uint8)
    v = np.clip(levels * value, 0, 255).astype(np.uint8)
    if cv2 is not None:
        # OpenCV's 8-bit hue counts 180 steps of 2 degrees.
        h = ((levels + hue * 180) % 180).astype(np.uint8)
        planes = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
        cv2.LUT(planes, np.stack([h, s, v], axis=-1)[None], dst=planes)
        return _as_image(cv2.cvtColor(planes, cv2.COLOR_HSV2RGB, dst=planes))
    h = ((levels + hue * 256) % 256).astype(np.uint8)
    image = PIL.Image.fromarray(picture).convert("HSV").point([*h.tolist(), *s.tolist(), *v.tolist()])
    return np.asarray(image.convert("RGB"))


def _covered(scale: float, shift: float, length: int, limit: int) -> tuple[int, int]:
    """Return the first and one past the last pixel whose centre the picture covers."""
    low, high = sorted((shift, shift + scale * length))
    return max(math.ceil(low - 0.5), 0), min(math.ceil(high - 0.5), limit)


def _transform(picture: Image, back: Matrix, size: tuple[int, int], fill: int = FILL) -> Image:
    back = back / back[2, 2]
    method = PIL.Image.Transform.AFFINE if (back[2, :2] == 0).all() else PIL.Image.Transform.PERSPECTIVE
    data = back.ravel()[: 6 if method is PIL.Image.Transform.AFFINE else 8].tolist()
    image = PIL.Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.transform(size, method, data, _BILINEAR, fillcolor=(fill,) * 3))


def _as_image(array: Any) -> Image:
    return np.asarray(array, dtype=np.uint8)


# Gaussian blur of a camera slightly out of focus, pixels; quality of pictures that went through a messenger.
_RADIUS = (0.3, 2.0)

_QUALITY = (20, 90)

# Share of the picture that is erased, and its height to width. Source: Zhong et al. 2020, arXiv 1708.04896, but with
# a smaller largest share (there 0.4), since here an instance fills a part of the picture only.
_ERASED = (0.02, 0.2)

_PROPORTIONS = (0.3, 3.3)

_TRIES = 20


def blur(image: Image, rng: Generator) -> Image:
    """Blur a little."""
    picture = PIL.Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.filter(PIL.ImageFilter.GaussianBlur(float(rng.uniform(*_RADIUS)))))


def grey(image: Image) -> Image:
    """Take the colours away."""
    return np.asarray(PIL.Image.fromarray(np.ascontiguousarray(image)).convert("L").convert("RGB"))


def compress(image: Image, rng: Generator) -> Image:
    """Give the picture the blocks of a strong JPEG compression."""
    file = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=int(rng.integers(*_QUALITY)))
    return np.asarray(PIL.Image.open(file))


def erase(image: Image, points: NDArray[np.float64], rng: Generator) -> Image:
    """Fill a rectangle that holds no keypoint with noise.

    Args:
        image: The picture.
        points: ``(P, 2)`` visible keypoints, pixels. Where no rectangle of some tries is free of them, nothing is done.
        rng: The randomness.
    """
    height, width = image.shape[:2]
    share = rng.uniform(*_ERASED, _TRIES)
    proportions = np.exp(rng.uniform(np.log(_PROPORTIONS[0]), np.log(_PROPORTIONS[1]), _TRIES))
    sides = np.sqrt(share[:, None] * (width * height) * np.stack([1 / proportions, proportions], axis=1))
    sides = np.clip(sides, 1, (width, height)).astype(int)
    low = (rng.random((_TRIES, 2)) * ((width, height) - sides)).astype(int)
    high = low + sides
    # Two pixels around a keypoint stay, as it is learnt from its surroundings.
    hit = ((points[None] > low[:, None] - 2) & (points[None] < high[:, None] + 2)).all(-1).any(1)
    free = np.flatnonzero(~hit)
    if not len(free):
        return image
    (x0, y0), (x1, y1) = low[free[0]], high[free[0]]
    out = image.copy()
    out[y0:y1, x0:x1] = rng.integers(0, 256, (y1 - y0, x1 - x0, 3), dtype=np.uint8)
    return out
