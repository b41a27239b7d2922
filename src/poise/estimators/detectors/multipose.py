"""MoveNet MultiPose: boxes and 17 keypoints of everybody in a picture."""

from __future__ import annotations

import numpy as np

from poise.estimators import movenet
from poise.estimators.detectors.whole import STEP, Canvas, WholePicture
from poise.estimators.protocols import Outputs, People
from poise.estimators.spec import Spec
from poise.runtime import Session


class MultiPose(WholePicture):
    """Boxes and keypoints of a picture, letterboxed into its top-left corner.

    A person may be found twice: whoever uses it suppresses by OKS, or lets the duplicates vouch for each other.

    Args:
        spec: Of the network.
        session: The network, with the maps that :mod:`poise.estimators.movenet` describes.
    """

    keypoints = 17

    def __init__(self, spec: Spec, session: Session) -> None:
        super().__init__(spec, Canvas(spec, session, stride=STEP, fill=0, grown=True))

    def decode(self, outputs: Outputs, *, min_score: float) -> People:
        """Decode one picture; duplicates stay. See :class:`~poise.estimators.protocols.Detector`."""
        people = movenet.decode_multipose(outputs)
        return people.take(np.asarray(people.score >= min_score))
