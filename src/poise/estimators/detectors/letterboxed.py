"""A picture in the top-left corner of the smallest canvas that a network takes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from poise.frames import Image
from poise.geometry import affine_invert
from poise.image import letterbox

STEP = 32  # sides of a canvas are multiples of it: the coarsest stride of the networks


def canvas_size(image: Image, longer: int, *, step: int = STEP) -> tuple[int, int]:
    """Return the width and height of the smallest canvas, in multiples of ``step``, whose longer side is ``longer``."""
    longer = max(step, math.ceil(longer / step) * step)
    height, width = image.shape[:2]
    scale = longer / max(height, width)
    return (max(1, math.ceil(width * scale / step)) * step, max(1, math.ceil(height * scale / step)) * step)


def whole_picture(image: Image, longer: int, *, fill: int = 0, step: int = STEP) -> tuple[Image, NDArray[np.float64]]:
    """Fit a picture into the top-left corner of a canvas.

    Args:
        image: ``(H, W, 3)`` uint8.
        longer: Longer side of the canvas, pixels; rounded up to a multiple of ``step``.
        fill: Grey value beside the picture.
        step: What the sides of the canvas are multiples of.

    Returns:
        ``(h, w, 3)`` uint8, and the ``(2, 3)`` map back to the picture.
    """
    canvas, matrix = letterbox(image, canvas_size(image, longer, step=step), fill=fill, centre=False)
    return canvas, affine_invert(matrix)
