"""Find people with RTMDet: its raw maps, or the makers' export with suppression inside.

Source:
    Lyu et al., "RTMDet", arXiv:2212.07784; points at the cells' corners, distances in pixels. The export with outputs
    ``dets`` and ``labels`` is MMDeploy's, read as rtmlib 0.0.16 does (both Apache-2.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.estimators.detectors.boxes import BoxDetector, best_of, cell_boxes, sigmoid
from poise.estimators.detectors.whole import Canvas
from poise.estimators.protocols import Outputs
from poise.estimators.spec import Spec
from poise.runtime import Session

_OPTIONS = {"classes": list, "max_iou": float, "fill": int, "square": bool}
_STRIDES = (8, 16, 32)
# Source: the makers' test settings (MMDetection, rtmdet: nms iou_threshold 0.65).
_IOU = 0.65


class RtmDet(BoxDetector):
    """RTMDet, loaded.

    Outputs: ``map_s8``, ``map_s16``, ``map_s32`` ``(N, h, w, C + 4)``, C class logits, then the distances to the left,
    top, right and bottom in input pixels from the point ``(x * stride, y * stride)``; or ``dets`` ``(1, N, 5)`` and
    ``labels``.

    Options of its spec:
        classes: Class numbers that are wanted; ``[0]``, people, unless given.
        max_iou: Of two boxes that overlap more, the better stays; 0.65 unless given.
        fill: Grey value beside the picture; 114 unless given.
        square: A network of any size sees squares, as in training; else rectangles, which take a quarter less time and
            find a little less (benchmarks/zoo.py).

    Args:
        spec: Of the network.
        session: The network.

    Raises:
        FormatError: An option that is not known, or outputs that are neither of the two.
    """

    def __init__(self, spec: Spec, session: Session) -> None:
        options = spec.checked(_OPTIONS)
        fill, square = options.get("fill", 114), options.get("square", False)
        canvas = Canvas(spec, session, stride=_STRIDES[-1], fill=fill, square=square)
        super().__init__(spec, session, canvas, options, max_iou=_IOU)
        names = {t.name for t in session.outputs}
        if self._ready is None and not names >= {f"map_s{stride}" for stride in _STRIDES}:
            raise FormatError(
                "family 'rtmdet': expected outputs map_s8, map_s16 and map_s32, or boxes (1, N, 5), "
                f"got {sorted(names)}"
            )

    def _candidates(self, outputs: Outputs, min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
        boxes, scores = [], []
        for stride in _STRIDES:
            cells = outputs[f"map_s{stride}"][0]
            score = sigmoid(best_of(cells[..., :-4].reshape(-1, cells.shape[-1] - 4), self._classes, "rtmdet"))
            likely = np.nonzero(score >= min_score)[0]
            sides = cells[..., -4:].reshape(-1, 4)[likely]
            boxes.append(cell_boxes(likely, sides, width=cells.shape[1], stride=stride, offset=0))
            scores.append(score[likely])
        return np.concatenate(boxes), np.concatenate(scores)
