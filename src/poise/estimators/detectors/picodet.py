"""Find people with PicoDet.

Source:
    Yu et al., "PP-PicoDet", arXiv:2111.00902 (PaddleDetection, Apache-2.0): strides 8 to 64, eight bins a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.detectors.boxes import BoxDetector, best_of, cell_boxes, distances, expect_maps
from poise.estimators.detectors.whole import Canvas
from poise.estimators.protocols import Outputs
from poise.estimators.spec import Spec
from poise.runtime import Session

_OPTIONS = {"classes": list, "max_iou": float, "stretch": bool, "fill": int}
_STRIDES = (8, 16, 32, 64)
# Source: the makers' settings (PaddleDetection, picodet: nms_threshold 0.6).
_IOU = 0.6


class PicoDet(BoxDetector):
    """PicoDet, loaded.

    Outputs for s in 8, 16, 32, 64: ``cls_s*`` ``(N, C, h, w)`` probabilities and ``reg_s*`` ``(N, 4 * bins, h, w)``:
    the distances to the left, top, right and bottom from the middle of the cell, in strides, as bins.

    Options of its spec:
        classes: Class numbers that are wanted; ``[0]``, people, unless given.
        max_iou: Of two boxes that overlap more, the better stays; 0.6 unless given.
        stretch: The picture fills the input, whatever its proportions, as in training; True unless given.
        fill: Grey value beside a picture that is not stretched; 114 unless given.

    Args:
        spec: Of the network.
        session: The network.

    Raises:
        FormatError: An option that is not known, or outputs of other names.
    """

    def __init__(self, spec: Spec, session: Session) -> None:
        options = spec.checked(_OPTIONS)
        fill, stretch = options.get("fill", 114), options.get("stretch", True)
        canvas = Canvas(spec, session, stride=_STRIDES[-1], fill=fill, stretch=stretch)
        super().__init__(spec, session, canvas, options, max_iou=_IOU)
        expect_maps(session, "picodet", ("cls", "reg"), _STRIDES)

    def _candidates(self, outputs: Outputs, min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
        return from_bins(outputs, self._classes, _STRIDES, min_score, "picodet")


def from_bins(
    outputs: Outputs, classes: Sequence[int], strides: Sequence[int], min_score: float, family: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ``(A, 4)`` xyxy boxes and their ``(A,)`` scores of maps ``cls_s8``, ``reg_s8`` … as above."""
    boxes, scores = [], []
    for stride in strides:
        found, bins = outputs[f"cls_s{stride}"][0], outputs[f"reg_s{stride}"][0]
        score = best_of(found.reshape(len(found), -1).T, classes, family)
        cells = np.nonzero(score >= min_score)[0]
        sides = stride * distances(bins.reshape(4, len(bins) // 4, -1)[..., cells].transpose(2, 0, 1))
        boxes.append(cell_boxes(cells, sides, width=found.shape[2], stride=stride, offset=0.5))
        scores.append(score[cells])
    return np.concatenate(boxes), np.clip(np.concatenate(scores), 0, 1)
