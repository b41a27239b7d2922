"""Find people with YOLOX: its raw rows, or the makers' export with suppression inside.

Source:
    Ge et al., "YOLOX", arXiv:2107.08430 (Megvii, Apache-2.0): strides 8, 16, 32, one anchor a cell; read as rtmlib
    0.0.16 (Apache-2.0) does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.estimators.detectors.boxes import BoxDetector, best_of, is_ready
from poise.estimators.detectors.whole import Canvas
from poise.estimators.protocols import Outputs
from poise.estimators.spec import Spec
from poise.geometry import xywh_to_xyxy
from poise.runtime import Session

_OPTIONS = {"classes": list, "max_iou": float, "fill": int, "decoded": bool}
_STRIDES = (8, 16, 32)
# Source: the makers' demonstration and rtmlib.
_IOU = 0.45


class YoloX(BoxDetector):
    """YOLOX, loaded.

    Outputs: one ``(1, A, 5 + C)``: centre, size, objectness, class scores of every anchor, row by row, the finest
    stride first; centres are in cells from the cell's corner and sizes logarithms of strides. Or ``dets`` ``(1, N, 5)``
    and perhaps ``labels``.

    Options of its spec:
        classes: Class numbers that are wanted; ``[0]``, people, unless given.
        max_iou: Of two boxes that overlap more, the better stays; 0.45 unless given.
        fill: Grey value beside the picture; 114 unless given.
        decoded: The rows are in input pixels already (exports with ``--decode_in_inference``).

    Args:
        spec: Of the network.
        session: The network.

    Raises:
        FormatError: An option that is not known, or outputs that are neither of the two.
    """

    def __init__(self, spec: Spec, session: Session) -> None:
        options = spec.checked(_OPTIONS)
        canvas = Canvas(spec, session, stride=_STRIDES[-1], fill=options.get("fill", 114))
        # The raw rows do not say where they are from, so that the picture must have one size.
        canvas.free = canvas.free and is_ready(session)
        super().__init__(spec, session, canvas, options, max_iou=_IOU)
        self._decoded = bool(options.get("decoded", False))
        self._rows = session.outputs[0].name
        shape = session.outputs[0].shape
        if self._ready is None and not (
            len(session.outputs) == 1 and len(shape) == 3 and (shape[2] is None or shape[2] > 5)
        ):
            names = ", ".join(f"{t.name} {t.shape}" for t in session.outputs)
            raise FormatError(
                f"family 'yolox': expected one output (1, A, 5 + classes), or boxes (1, N, 5), got {names}"
            )

    def _candidates(self, outputs: Outputs, min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
        rows = outputs[self._rows][0]
        width, height = self.spec.size
        grids = [(height // stride, width // stride, stride) for stride in _STRIDES]
        if len(rows) != sum(h * w for h, w, _ in grids):
            raise FormatError(
                f"family 'yolox': {len(rows)} rows do not fit an input of {width} x {height} pixels; give the size "
                "that the network was exported with"
            )
        score = np.clip(rows[:, 4] * best_of(rows[:, 5:], self._classes, "yolox"), 0, 1)
        likely = np.nonzero(score >= min_score)[0]
        row = rows[likely, :4]
        if not self._decoded:
            cell = np.concatenate([np.stack(np.divmod(np.arange(h * w), w)[::-1], axis=-1) for h, w, _ in grids])
            stride = np.concatenate([np.full((h * w, 1), s, np.float32) for h, w, s in grids])[likely]
            row = np.concatenate([(row[:, :2] + cell[likely]) * stride, np.exp(row[:, 2:]) * stride], axis=-1)
        return xywh_to_xyxy(row), score[likely]
