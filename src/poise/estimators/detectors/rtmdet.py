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
from poise.estimators.detectors.ready import Ready, is_ready
from poise.estimators.detectors.whole import Canvas, best_of, choose, sigmoid
from poise.estimators.protocols import Outputs, People
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.runtime import Session

_OPTIONS = {"classes": list, "max_iou": float, "fill": int}
_STRIDES = (8, 16, 32)
# Source: the makers' test settings (MMDetection, rtmdet: nms iou_threshold 0.65).
_IOU = 0.65


class RtmDet:
    """RTMDet, loaded.

    Outputs: ``map_s8``, ``map_s16``, ``map_s32`` ``(N, h, w, C + 4)``, C class logits, then the distances to the left,
    top, right and bottom in input pixels from the point ``(x * stride, y * stride)``; or ``dets`` ``(1, N, 5)`` and
    ``labels``.

    Options of its spec:
        classes: Class numbers that are wanted; ``[0]``, people, unless given.
        max_iou: Of two boxes that overlap more, the better stays; 0.65 unless given.
        fill: Grey value beside the picture; 114 unless given.

    Args:
        spec: Of the network.
        session: The network.

    Raises:
        FormatError: An option that is not known, or outputs that are neither of the two.
    """

    keypoints = 0

    def __init__(self, spec: Spec, session: Session) -> None:
        options = spec.checked(_OPTIONS)
        self.spec = spec
        self._canvas = Canvas(spec, session, stride=_STRIDES[-1], fill=options.get("fill", 114))
        self._classes = [int(c) for c in options.get("classes", [0])]
        self._max_iou = float(options.get("max_iou", _IOU))
        names = {t.name for t in session.outputs}
        self._ready = Ready(session, self._classes, spec.family) if is_ready(session) else None
        if self._ready is None and not names >= {f"map_s{stride}" for stride in _STRIDES}:
            raise FormatError(
                "family 'rtmdet': expected outputs map_s8, map_s16 and map_s32, or boxes (1, N, 5), "
                f"got {sorted(names)}"
            )

    def prepare(self, image: Image, longer: int | None = None) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
        """Make the network's feeds of one picture; see :class:`poise.estimators.protocols.Detector`."""
        return self._canvas.lay(image, longer)

    def decode(self, outputs: Outputs, *, min_score: float) -> People:
        """Decode the boxes of one picture; see :class:`poise.estimators.protocols.Detector`."""
        boxes, score = self._ready.read(outputs) if self._ready else self._read(outputs, min_score)
        keep = choose(boxes, score, min_score=min_score, max_iou=self._max_iou)
        return People.boxed(boxes[keep], score[keep], 0)

    def _read(self, outputs: Outputs, min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
        boxes, scores = [], []
        for stride in _STRIDES:
            cells = outputs[f"map_s{stride}"][0]
            score = sigmoid(best_of(cells[..., :-4].reshape(-1, cells.shape[-1] - 4), self._classes, "rtmdet"))
            likely = np.nonzero(score >= min_score)[0]
            side = cells[..., -4:].reshape(-1, 4)[likely]
            y, x = np.divmod(likely, cells.shape[1])
            point = np.stack([x, y], axis=-1) * np.float32(stride)
            boxes.append(np.concatenate([point - side[:, :2], point + side[:, 2:]], axis=-1))
            scores.append(score[likely])
        return np.concatenate(boxes), np.concatenate(scores)
