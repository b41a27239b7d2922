"""NanoDet: boxes of the 80 classes of COCO.

Source:
    RangiLyu/nanodet, shufflenet 416: strides 8, 16, 32, eleven bins a side (generalised focal loss, arXiv:2006.04388).
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from poise.estimators.detectors.boxes import BoxDetector, expect_maps
from poise.estimators.detectors.picodet import from_bins
from poise.estimators.detectors.whole import STEP, Canvas
from poise.estimators.protocols import Outputs
from poise.estimators.spec import Spec
from poise.runtime import Session

_STRIDES = (8, 16, 32)
_MAX_IOU = 0.6  # Source: the published configuration


class NanoDet(BoxDetector):
    """Boxes of a picture, letterboxed into its top-left corner.

    Args:
        spec: Of the network. ``options["classes"]``: numbers of the classes that are wanted, 0 (person) unless given.
        session: The network: ``cls_s8`` … ``(1, 80, h, w)`` probabilities, ``reg_s8`` … ``(1, 44, h, w)`` bins: left,
            top, right and bottom, eleven each.
    """

    most = 300

    def __init__(self, spec: Spec, session: Session) -> None:
        # Most exports take one size only; what takes any sees the smallest canvas that holds the picture.
        canvas = Canvas(spec, session, stride=STEP, fill=0, grown=True)
        super().__init__(spec, session, canvas, spec.options, max_iou=_MAX_IOU)
        expect_maps(session, "nanodet", ("cls", "reg"), _STRIDES)

    def _candidates(self, outputs: Outputs, min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
        return from_bins(outputs, self._classes, _STRIDES, min_score, "nanodet")
