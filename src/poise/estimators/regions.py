"""Rotated square regions: turning, cutting out of a picture as the networks expect it, and extents of points.

A region is a row ``(centre x, centre y, side, angle)``: pixels of the picture, and degrees that the region's up
direction is turned clockwise on the screen.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poise.estimators.anchors import Floats64
from poise.frames import Image
from poise.geometry import affine_invert, roi_to_crop
from poise.image import warp

# How hard to look: at a still, at a frame of a video that is searched as a whole from time to time, and at every frame
# while nothing is followed.
Effort = Literal["still", "search", "glance"]
# The networks were made for, and are compared with, pictures sampled as MediaPipe's CPU graphs do it: the four
# nearest pixels, no smoothing, and pixel i of the crop lies at i / size of the region, not at (i + 0.5) / size, in a
# picture whose first pixel lies at 0. Smoothing first finds fewer palms. Source: image_to_tensor_converter_opencv.
# Beyond this shrink factor single pixels say too little, so the picture is averaged down by half of it first.
_SMOOTH_FROM = 8.0


def roi_boxes(rois: Floats64) -> Floats64:
    """Return the ``(N, 4)`` upright xyxy boxes of the same centre and side, the turn left out."""
    half = rois[:, 2:3] / 2
    return np.concatenate([rois[:, :2] - half, rois[:, :2] + half], axis=-1)


def upward_angle(start: Floats64, end: Floats64) -> Floats64:
    """Return the degrees, clockwise from the picture's up, of the direction from ``(N, 2)`` start to end."""
    x, y = np.moveaxis(end - start, -1, 0)
    angle: Floats64 = np.rad2deg(np.arctan2(x, -y))
    return angle


def turn(vectors: Floats64, angle: Floats64) -> Floats64:
    """Turn ``(N, ..., 2 or 3)`` vectors clockwise on the screen by ``(N,)`` degrees; a third component stays."""
    radians = np.deg2rad(angle).reshape(-1, *(1,) * (vectors.ndim - 2))
    cos, sin = np.cos(radians), np.sin(radians)
    turned: Floats64 = np.array(vectors, dtype=np.float64)
    turned[..., 0] = cos * vectors[..., 0] - sin * vectors[..., 1]
    turned[..., 1] = sin * vectors[..., 0] + cos * vectors[..., 1]
    return turned


def sample(image: Image, matrices: Floats64, size: int) -> NDArray[np.uint8]:
    """Cut square regions out of a picture, sampled as the networks expect it.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        matrices: ``(N, 2, 3)`` maps from picture to crop.
        size: Side of the crops, pixels.

    Returns:
        ``(N, size, size, 3)`` uint8 RGB.
    """
    shifted = np.array(matrices, dtype=np.float64)
    shifted[..., 2] += 0.5 - shifted[..., :2].sum(axis=-1) * 0.5
    return warp(image, shifted, (size, size), smooth_from=_SMOOTH_FROM)[..., ::-1]


def cut(image: Image, rois: Floats64, size: int) -> tuple[NDArray[np.uint8], Floats64]:
    """Cut regions out of a picture.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        rois: ``(N, 4)`` regions.
        size: Side of the crops, pixels.

    Returns:
        ``(N, size, size, 3)`` uint8 RGB crops, and ``(N, 2, 3)`` maps from crop to picture.
    """
    sides = np.repeat(np.maximum(rois[:, 2:3], 1e-3), 2, axis=1)
    matrices = roi_to_crop(rois[:, :2], sides, rois[:, 3], (size, size))
    return sample(image, matrices, size), affine_invert(matrices)


def extent(xy: Floats64, image: Image, *, pad: float) -> Floats64:
    """Return ``(N, 4)`` xyxy boxes round ``(N, K, 2)`` points, wider by a share ``pad``, clipped to the picture."""
    low, high = xy.min(axis=1), xy.max(axis=1)
    margin = (high - low) * pad / 2
    limit = np.array([image.shape[1], image.shape[0]])
    return np.concatenate([np.clip(low - margin, 0, limit), np.clip(high + margin, 0, limit)], axis=-1)
