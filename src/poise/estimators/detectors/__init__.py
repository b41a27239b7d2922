"""Networks that find instances in a whole picture: one family a file."""

from __future__ import annotations

from importlib import import_module

from poise.errors import FormatError, suggest
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
    if spec.family not in FAMILIES:
        raise FormatError(f"no detector family named {spec.family!r}{suggest(spec.family, FAMILIES)}")
    module, _, kind = FAMILIES[spec.family].partition(":")
    made: Detector = getattr(import_module(module), kind)(spec, session)
    return made
