"""What the detectors of whole pictures share: the canvas that a picture is laid on, and the choice among candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.estimators.protocols import Floats
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.geometry import affine_invert, box_iou, nms
from poise.image import letterbox, resize
from poise.runtime import Session

# Candidates beyond the best so many are not compared; the comparison grows with their square.
_MOST = 1000


class Canvas:
    """How a picture is laid on the input of a detector.

    Args:
        spec: Of the network.
        session: The network.
        stride: Sides of a free input are multiples of it, pixels.
        fill: Grey value beside the picture.
        stretch: The picture fills the input, whatever its proportions; else it keeps them, in the top-left corner.

    Attributes:
        input: Name of the network's input.
        free: True where the network takes any size in whole strides.
    """

    def __init__(self, spec: Spec, session: Session, *, stride: int, fill: int = 114, stretch: bool = False) -> None:
        tensor = session.inputs[0]
        sides = tensor.shape[2:4] if spec.layout == "nchw" else tensor.shape[1:3]
        self.input = tensor.name
        self.free = not any(sides)
        self._spec, self._stride, self._fill, self._stretch = spec, stride, fill, stretch

    def size(self, image: Image, longer: int | None) -> tuple[int, int]:
        """Return width and height of the input that a picture is laid on.

        A free network gets the smallest input in whole strides that holds the picture: less to compute, and nothing to
        find beside it.
        """
        if not self.free or self._stretch:
            return self._spec.size
        longer = max(self._spec.size) if longer is None else max(self._stride, longer)
        scale = longer / max(image.shape[:2])
        width, height = (
            max(1, math.ceil(round(side * scale) / self._stride)) * self._stride for side in image.shape[1::-1]
        )
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


def choose(boxes: NDArray[Any], score: NDArray[Any], *, min_score: float, max_iou: float) -> NDArray[np.intp]:
    """Choose the candidates that are kept, best first.

    Args:
        boxes: ``(A, 4)`` xyxy.
        score: ``(A,)``.
        min_score: Worse ones are dropped.
        max_iou: Of two boxes that overlap more, the better stays.

    Returns:
        Indices of the kept candidates.
    """
    likely = np.nonzero(score >= min_score)[0]
    if len(likely) > _MOST:
        likely = likely[np.argsort(-score[likely], kind="stable")[:_MOST]]
    kept: NDArray[np.intp] = likely[nms(box_iou(boxes[likely], boxes[likely]), score[likely], max_similarity=max_iou)]
    return kept


def best_of(scores: NDArray[Any], classes: Sequence[int], family: str) -> Floats:
    """Return the ``(A,)`` best score of the wanted classes among ``(A, C)``.

    Raises:
        FormatError: The network has fewer classes.
    """
    if max(classes) >= scores.shape[1]:
        raise FormatError(
            f"family {family!r}: class {max(classes)} is wanted, but the network has {scores.shape[1]} classes, from 0"
        )
    wanted: Floats = scores[:, list(classes)].max(axis=1).astype(np.float32)
    return wanted


def distances(bins: NDArray[Any]) -> Floats:
    """Return the expected value of each ``(..., B)`` row of logits over 0 … B - 1.

    Source:
        Li et al., "Generalized focal loss", NeurIPS 2020, arXiv:2006.04388, equation 5.
    """
    power = np.exp(bins - bins.max(axis=-1, keepdims=True))
    mean: Floats = (power @ np.arange(bins.shape[-1], dtype=np.float32)) / power.sum(axis=-1)
    return mean


def sigmoid(values: NDArray[Any]) -> Floats:
    """Return the logistic function, without overflow."""
    small = np.exp(-np.abs(values))
    result: Floats = np.where(values >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)
    return result
