"""MoveNet Thunder: 17 keypoints of the person in the middle of a crop, or of the one that a hint points at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from poise.estimators import movenet
from poise.estimators.protocols import Floats, Outputs
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.runtime import Session


class Thunder:
    """Keypoints of crops.

    Args:
        spec: Of the network.
        session: The network, with the maps that :mod:`poise.estimators.movenet` describes.
    """

    keypoints = 17

    def __init__(self, spec: Spec, session: Session) -> None:
        self.spec = spec
        self._input = session.inputs[0].name

    def prepare(self, crops: Image) -> dict[str, NDArray[Any]]:
        """Make the feeds of crops; see :class:`~poise.estimators.protocols.Refiner`."""
        return {self._input: self.spec.feed(crops)}

    def decode(
        self, outputs: Outputs, hint: Floats | None = None, trust: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Decode crops; see :class:`~poise.estimators.protocols.Refiner`."""
        points, conf, _ = movenet.decode_thunder(outputs, hint, trust)
        return points, conf

    def average(self, outputs: Outputs, mirrored: Outputs, flip_idx: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Average with the mirrored crops; see :class:`~poise.estimators.protocols.Refiner`."""
        return movenet.average_mirrored(outputs, mirrored, flip_idx)
