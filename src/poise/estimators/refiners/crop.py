"""What the refiners share: the feeds of their crops, and keypoints of which nothing was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.protocols import Floats
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.runtime import Session


class CropNetwork:
    """A network that looks at one instance a crop.

    Args:
        spec: Of the network.
        session: The network.
    """

    def __init__(self, spec: Spec, session: Session) -> None:
        self.spec = spec
        self._input = session.inputs[0].name

    def prepare(self, crops: Image) -> dict[str, NDArray[Any]]:
        """Make the network's feeds; see :class:`poise.estimators.protocols.Refiner`."""
        return {self._input: self.spec.feed(crops)}

    def _count(self, session: Session, output: str, said: int | None) -> int:
        """Return how many keypoints there are: as the file or its spec says, or as it gives for an empty crop."""
        known = said or int(self.spec.options.get("keypoints", 0))
        if known:
            return known
        width, height = self.spec.size
        outputs = session.run(self.prepare(np.zeros((1, height, width, 3), np.uint8)))
        return int(outputs[output].shape[1])


def seen(xy: NDArray[np.float64], conf: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return keypoints and their scores, at most 1; where there is no score, there is no keypoint either."""
    nothing = conf <= 0
    xy[nothing] = np.nan
    return xy.astype(np.float32), np.where(nothing, 0, np.minimum(conf, 1)).astype(np.float32)
