"""Changes of a picture's pixels that leave every keypoint where it is. ``(H, W, 3)`` uint8 RGB in and out."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageFilter
from numpy.random import Generator
from numpy.typing import NDArray

from poise.frames import Image

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
