"""How a whole picture is laid on the input of a detector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.spec import Spec
from poise.frames import Image
from poise.geometry import affine_invert
from poise.image import letterbox, resize
from poise.runtime import Session

STEP = 32  # the coarsest stride of most networks


class WholePicture:
    """A detector that sees the picture on one canvas. What it finds there, each family decodes.

    Args:
        spec: Of the network.
        canvas: How the picture is laid.
    """

    keypoints = 0

    def __init__(self, spec: Spec, canvas: Canvas) -> None:
        self.spec = spec
        self._canvas = canvas

    def prepare(self, image: Image, longer: int | None = None) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
        """Make the network's feeds of one picture; see :class:`poise.estimators.protocols.Detector`."""
        return self._canvas.lay(image, longer)


class Canvas:
    """How a picture is laid on the input of a detector.

    Args:
        spec: Of the network.
        session: The network.
        stride: Sides of a free input are multiples of it, pixels.
        fill: Grey value beside the picture.
        stretch: The picture fills the input, whatever its proportions; else it keeps them, in the top-left corner.
        square: A free input is square; else the smallest rectangle in whole strides that holds the picture, so that
            less is computed.
        grown: The longer side of a free input is in whole strides before the picture is scaled to it.

    Attributes:
        input: Name of the network's input.
        free: True where the network takes any size in whole strides.
    """

    def __init__(
        self,
        spec: Spec,
        session: Session,
        *,
        stride: int,
        fill: int = 114,
        stretch: bool = False,
        square: bool = False,
        grown: bool = False,
    ) -> None:
        tensor = session.inputs[0]
        sides = tensor.shape[2:4] if spec.layout == "nchw" else tensor.shape[1:3]
        self.input = tensor.name
        self.free = not any(sides)
        self._spec, self._stride, self._fill, self._stretch = spec, stride, fill, stretch
        self._square, self._grown = square, grown

    def size(self, image: Image, longer: int | None) -> tuple[int, int]:
        """Return width and height of the input that a picture is laid on."""
        if not self.free or self._stretch:
            return self._spec.size
        if self._grown:
            return canvas_size(image, longer or max(self._spec.size), step=self._stride)
        longer = max(self._spec.size) if longer is None else max(self._stride, longer)
        scale = longer / max(image.shape[:2])
        sides = [longer, longer] if self._square else [round(side * scale) for side in image.shape[1::-1]]
        width, height = (max(1, math.ceil(side / self._stride)) * self._stride for side in sides)
        return width, height

    def lay(self, image: Image, longer: int | None) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
        """Make the network's feeds of one picture; see :class:`poise.estimators.protocols.Detector`."""
        size = self.size(image, longer)
        if self._stretch:
            canvas = resize(image, size)
            matrix = np.array([[size[0] / image.shape[1], 0, 0], [0, size[1] / image.shape[0], 0]])
        else:
            canvas, matrix = letterbox(image, size, fill=self._fill, centre=False)
        return {self.input: self._spec.feed(canvas[None])}, affine_invert(matrix)


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
