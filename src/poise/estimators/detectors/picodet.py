"""Find people with PicoDet.

Source:
    Yu et al., "PP-PicoDet", arXiv:2111.00902 (PaddleDetection, Apache-2.0): strides 8 to 64, eight bins a side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.estimators.detectors.whole import Canvas, best_of, choose, distances
from poise.estimators.protocols import Outputs, People
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.runtime import Session

_OPTIONS = {"classes": list, "max_iou": float, "stretch": bool, "fill": int}
_STRIDES = (8, 16, 32, 64)
# Source: the makers' settings (PaddleDetection, picodet: nms_threshold 0.6).
_IOU = 0.6


class PicoDet:
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

    keypoints = 0

    def __init__(self, spec: Spec, session: Session) -> None:
        options = spec.checked(_OPTIONS)
        self.spec = spec
        self._canvas = Canvas(
            spec,
            session,
            stride=_STRIDES[-1],
            fill=options.get("fill", 114),
            stretch=options.get("stretch", True),
        )
        self._classes = [int(c) for c in options.get("classes", [0])]
        self._max_iou = float(options.get("max_iou", _IOU))
        names = {t.name for t in session.outputs}
        expected = {f"{kind}_s{stride}" for kind in ("cls", "reg") for stride in _STRIDES}
        if not names >= expected:
            raise FormatError(f"family 'picodet': expected outputs {sorted(expected)}, got {sorted(names)}")

    def prepare(self, image: Image, longer: int | None = None) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
        """Make the network's feeds of one picture; see :class:`poise.estimators.protocols.Detector`."""
        return self._canvas.lay(image, longer)

    def decode(self, outputs: Outputs, *, min_score: float) -> People:
        """Decode the boxes of one picture; see :class:`poise.estimators.protocols.Detector`."""
        boxes, scores = [], []
        for stride in _STRIDES:
            found, bins = outputs[f"cls_s{stride}"][0], outputs[f"reg_s{stride}"][0]
            score = best_of(found.reshape(len(found), -1).T, self._classes, "picodet")
            cell = np.nonzero(score >= min_score)[0]
            side = stride * distances(bins.reshape(4, len(bins) // 4, -1)[..., cell].transpose(2, 0, 1))
            y, x = np.divmod(cell, found.shape[2])
            centre = (np.stack([x, y], axis=-1) + np.float32(0.5)) * stride
            boxes.append(np.concatenate([centre - side[:, :2], centre + side[:, 2:]], axis=-1))
            scores.append(score[cell])
        box, best = np.concatenate(boxes), np.clip(np.concatenate(scores), 0, 1)
        keep = choose(box, best, min_score=min_score, max_iou=self._max_iou)
        return People.boxed(box[keep], best[keep], 0)
