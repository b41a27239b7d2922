"""What the detectors of boxes share: their options, the choice among candidates, exports with the choice inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.estimators.detectors.whole import Canvas, WholePicture
from poise.estimators.protocols import Floats, Outputs, People
from poise.estimators.spec import Spec
from poise.geometry import box_iou, nms
from poise.runtime import Session

# Candidates beyond the best so many are not compared; the comparison grows with their square.
_MOST = 1000


class BoxDetector(WholePicture):
    """A detector of boxes, from its raw outputs or those of an export that chooses among them itself.

    Options of its spec:
        classes: Class numbers that are wanted; ``[0]``, people, unless given.
        max_iou: Of two boxes that overlap more, the better stays.

    Args:
        spec: Of the network.
        session: The network.
        canvas: How the picture is laid.
        options: Of the spec, checked.
        max_iou: The makers' own.
    """

    most = _MOST

    def __init__(
        self, spec: Spec, session: Session, canvas: Canvas, options: Mapping[str, Any], *, max_iou: float
    ) -> None:
        super().__init__(spec, canvas)
        self._classes = [int(c) for c in options.get("classes", [0])]
        self._ready = Ready(session, self._classes, spec.family) if is_ready(session) else None
        self._max_iou = float(options.get("max_iou", max_iou))

    def decode(self, outputs: Outputs, *, min_score: float) -> People:
        """Decode the boxes of one picture; see :class:`poise.estimators.protocols.Detector`."""
        boxes, score = self._ready.read(outputs) if self._ready else self._candidates(outputs, min_score)
        keep = choose(boxes, score, min_score=min_score, max_iou=self._max_iou, most=self.most)
        return People.boxed(boxes[keep], score[keep], 0)

    def _candidates(self, outputs: Outputs, min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return ``(A, 4)`` xyxy boxes in input pixels and their ``(A,)`` scores, at least ``min_score``."""
        raise NotImplementedError


def cell_boxes(cells: NDArray[Any], sides: NDArray[Any], *, width: int, stride: int, offset: float) -> NDArray[Any]:
    """Return the boxes around points of cells.

    Args:
        cells: ``(A,)`` numbers of cells, row by row.
        sides: ``(A, 4)`` distances from the point to the left, top, right and bottom, pixels.
        width: Cells in a row.
        stride: Pixels between cells.
        offset: Where the point of a cell is: 0 in its corner, 0.5 in its middle.
    """
    y, x = np.divmod(cells, width)
    point = (np.stack([x, y], axis=-1) + offset) * stride
    return np.concatenate([point - sides[:, :2], point + sides[:, 2:]], axis=-1)


def expect_maps(session: Session, family: str, kinds: Sequence[str], strides: Sequence[int]) -> None:
    """Raise unless a network gives maps such as ``cls_s8``.

    Raises:
        FormatError: With what it gives instead.
    """
    names = {t.name for t in session.outputs}
    expected = {f"{kind}_s{stride}" for kind in kinds for stride in strides}
    if not names >= expected:
        raise FormatError(f"family {family!r}: expected outputs {sorted(expected)}, got {sorted(names)}")


def choose(
    boxes: NDArray[Any], score: NDArray[Any], *, min_score: float, max_iou: float, most: int = _MOST
) -> NDArray[np.intp]:
    """Choose the candidates that are kept, best first.

    Args:
        boxes: ``(A, 4)`` xyxy.
        score: ``(A,)``.
        min_score: Worse ones are dropped.
        max_iou: Of two boxes that overlap more, the better stays.
        most: Only the best so many are compared.

    Returns:
        Indices of the kept candidates.
    """
    likely = np.nonzero(score >= min_score)[0]
    if len(likely) > most:
        likely = likely[np.argsort(-score[likely], kind="stable")[:most]]
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


def is_ready(session: Session) -> bool:
    """Whether a network gives boxes with a score each, as MMDeploy (Apache-2.0) exports detectors."""
    return bool(_boxes(session))


def _boxes(session: Session) -> list[str]:
    """Return the outputs that may hold boxes; an export with free axes is known by its name."""
    return [t.name for t in session.outputs if len(t.shape) == 3 and (t.shape[2] == 5 or t.name == "dets")]


class Ready:
    """The outputs of such a network, by name.

    Args:
        session: The network.
        classes: Class numbers that are wanted, where it gives classes.
        family: How errors call it.
    """

    def __init__(self, session: Session, classes: Sequence[int], family: str) -> None:
        boxes = _boxes(session)
        if len(boxes) != 1:
            raise FormatError(f"family {family!r}: expected one output (1, N, 5) of boxes and scores, got {boxes}")
        labels = [t.name for t in session.outputs if t.name == "labels" or (len(t.shape) == 2 and t.dtype.kind == "i")]
        self._boxes, self._labels, self._classes = boxes[0], labels[0] if labels else None, list(classes)

    def read(self, outputs: Outputs) -> tuple[Floats, Floats]:
        """Return ``(N, 4)`` xyxy boxes in input pixels and their ``(N,)`` scores, of the wanted classes."""
        found = np.asarray(outputs[self._boxes], dtype=np.float32)[0]
        # Exports pad their list with boxes of class -1 and score 0.
        if self._labels is not None:
            found = found[np.isin(outputs[self._labels].reshape(-1)[: len(found)], self._classes)]
        return found[:, :4], np.clip(found[:, 4], 0, 1)
