"""Validation while a training runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from poise.networks import PoseNetwork
from poise.training.config import TrainSettings
from poise.training.preparation import Data


@dataclass(frozen=True, slots=True)
class Score:
    """What a network is worth.

    Attributes:
        results: Name to value, as in ``results.csv``.
        fitness: Box mAP50-95 plus pose mAP50-95; NaN where nothing was measured.
        metrics: Everything that validation says; None where nothing was measured.
    """

    results: dict[str, float] = field(default_factory=dict)
    fitness: float = float("nan")
    metrics: Any = None


class Scorer:
    """Validates a network on the data set's val pictures.

    Args:
        settings: The training's settings.
        data: The data set.
        device: Where to run.
    """

    def __init__(self, settings: TrainSettings, data: Data, device: str) -> None:
        self._settings, self._data, self._device = settings, data, device

    def __call__(self, network: PoseNetwork) -> Score:
        """Measure a network; it is not changed."""
        return Score()
