"""Networks that find instances in a whole picture: one family a file."""

from __future__ import annotations

from poise.estimators.protocols import Detector
from poise.estimators.spec import Spec
from poise.runtime import Session

# Family -> "module:class"; the class is called with (spec, session).
FAMILIES = {
    "multipose": "poise.estimators.detectors.multipose:MultiPose",
    "nanodet": "poise.estimators.detectors.nanodet:NanoDet",
    "picodet": "poise.estimators.detectors.picodet:PicoDet",
    "rtmdet": "poise.estimators.detectors.rtmdet:RtmDet",
    "rtmo": "poise.estimators.detectors.rtmo:Rtmo",
    "yolox": "poise.estimators.detectors.yolox:YoloX",
}


def detector(spec: Spec, session: Session) -> Detector:
    """Make the detector that a spec names.

    Raises:
        FormatError: There is no such family.
    """
    made: Detector = spec.family_class(FAMILIES, "detector")(spec, session)
    return made
