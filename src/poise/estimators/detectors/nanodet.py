"""NanoDet: boxes of the 80 classes of COCO.

Source:
    RangiLyu/nanodet, shufflenet 416: strides 8, 16, 32, eleven bins a side (generalised focal loss, arXiv:2006.04388).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.estimators.detectors.letterboxed import STEP, whole_picture
from poise.estimators.detectors.whole import Canvas
from poise.estimators.protocols import Outputs, People
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.geometry import box_iou, nms
from poise.runtime import Session

_STRIDES = (8, 16, 32)
_MOST = 300  # boxes that are compared with each other
_MAX_IOU = 0.6  # Source: the published configuration


class NanoDet:
    """Boxes of a picture, letterboxed into its top-left corner.

    Args:
        spec: Of the network. ``options["classes"]``: numbers of the classes that are wanted, 0 (person) unless given.
        session: The network: ``cls_s8`` … ``(1, 80, h, w)`` probabilities, ``reg_s8`` … ``(1, 44, h, w)`` bins: left,
            top, right and bottom, eleven each.
    """

    keypoints = 0

    def __init__(self, spec: Spec, session: Session) -> None:
        self.spec = spec
        self._input = session.inputs[0].name
        # Most exports take one size only; what takes any sees the smallest canvas that holds the picture.
        canvas = Canvas(spec, session, stride=STEP, fill=0)
        self._fixed = None if canvas.free else canvas
        self._classes = list(spec.options.get("classes", (0,)))
        names = {t.name for t in session.outputs}
        expected = {f"{kind}_s{stride}" for kind in ("cls", "reg") for stride in _STRIDES}
        if not names >= expected:
            raise FormatError(f"family 'nanodet': expected outputs {sorted(expected)}, got {sorted(names)}")

    def prepare(self, image: Image, longer: int | None = None) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
        """Make the feed of one picture; see :class:`~poise.estimators.protocols.Detector`."""
        if self._fixed is not None:
            return self._fixed.lay(image, longer)
        canvas, back = whole_picture(image, longer or max(self.spec.size))
        return {self._input: self.spec.feed(canvas[None])}, back

    def decode(self, outputs: Outputs, *, min_score: float) -> People:
        """Decode one picture; see :class:`~poise.estimators.protocols.Detector`."""
        boxes, scores = [], []
        for stride in _STRIDES:
            every = outputs[f"cls_s{stride}"][0, self._classes].max(axis=0)
            y, x = np.nonzero(every >= min_score)
            distance = outputs[f"reg_s{stride}"][0]
            bins = distance[:, y, x].T.reshape(len(y), 4, len(distance) // 4)
            power = np.exp(bins - bins.max(axis=-1, keepdims=True))
            side = stride * (power @ np.arange(bins.shape[-1], dtype=np.float32)) / power.sum(axis=-1)
            centre = (np.stack([x, y], -1) + 0.5) * stride
            boxes.append(np.concatenate([centre - side[:, :2], centre + side[:, 2:]], -1))
            scores.append(every[y, x])
        box, score = np.concatenate(boxes), np.concatenate(scores)
        best = np.argsort(-score, kind="stable")[:_MOST]
        box, score = box[best], score[best]
        keep = nms(box_iou(box, box), score, max_similarity=_MAX_IOU)
        return People.boxed(box[keep], score[keep], self.keypoints)
