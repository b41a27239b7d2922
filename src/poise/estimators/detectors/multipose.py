"""MoveNet MultiPose: boxes and 17 keypoints of everybody in a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators import movenet
from poise.estimators.detectors.letterboxed import STEP, whole_picture
from poise.estimators.detectors.whole import Canvas
from poise.estimators.protocols import Outputs, People
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.runtime import Session


class MultiPose:
    """Boxes and keypoints of a picture, letterboxed into its top-left corner.

    A person may be found twice: whoever uses it suppresses by OKS, or lets the duplicates vouch for each other.

    Args:
        spec: Of the network.
        session: The network, with the maps that :mod:`poise.estimators.movenet` describes.
    """

    keypoints = 17

    def __init__(self, spec: Spec, session: Session) -> None:
        self.spec = spec
        self._input = session.inputs[0].name
        canvas = Canvas(spec, session, stride=STEP, fill=0)
        self._fixed = None if canvas.free else canvas

    def prepare(self, image: Image, longer: int | None = None) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
        """Make the feed of one picture; see :class:`~poise.estimators.protocols.Detector`."""
        if self._fixed is not None:
            return self._fixed.lay(image, longer)
        canvas, back = whole_picture(image, longer or max(self.spec.size))
        return {self._input: self.spec.feed(canvas[None])}, back

    def decode(self, outputs: Outputs, *, min_score: float) -> People:
        """Decode one picture; duplicates stay. See :class:`~poise.estimators.protocols.Detector`."""
        people = movenet.decode_multipose(outputs)
        return people.take(np.asarray(people.score >= min_score))
