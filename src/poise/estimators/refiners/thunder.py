"""MoveNet Thunder: 17 keypoints of the person in the middle of a crop, or of the one that a hint points at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from poise.estimators import movenet
from poise.estimators.protocols import Floats, Outputs
from poise.estimators.refiners.crop import CropNetwork


class Thunder(CropNetwork):
    """Keypoints of crops.

    Args:
        spec: Of the network.
        session: The network, with the maps that :mod:`poise.estimators.movenet` describes.
    """

    keypoints = 17

    def decode(
        self, outputs: Outputs, hint: Floats | None = None, trust: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Decode crops; see :class:`~poise.estimators.protocols.Refiner`."""
        points, conf, _ = movenet.decode_thunder(outputs, hint, trust)
        return points, conf

    def average(self, outputs: Outputs, mirrored: Outputs, flip_idx: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Average with the mirrored crops; see :class:`~poise.estimators.protocols.Refiner`."""
        return movenet.average_mirrored(outputs, mirrored, flip_idx)
