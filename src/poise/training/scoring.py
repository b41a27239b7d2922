"""Validation while a training runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from poise.evaluation.metrics import PoseMetrics
from poise.networks import Checkpoint, PoseNetwork, deploy, metadata, open_session
from poise.runtime import Session
from poise.runtime.torch import TorchSession
from poise.training.config import TrainSettings
from poise.training.preparation import Data
from poise.validation import validate


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
    metrics: PoseMetrics | None = None


class Scorer:
    """Validates networks on the data set's val pictures by the protocol ``"yolo"``.

    Args:
        settings: The training's settings.
        data: The data set.
        device: Where to run.
    """

    def __init__(self, settings: TrainSettings, data: Data, device: str) -> None:
        self._settings, self._data, self._device = settings, data, device

    def __call__(self, network: PoseNetwork, about: Checkpoint) -> Score:
        """Measure a network as it would be used, with folded batch norms; it is not changed.

        Args:
            network: The averaged network.
            about: What it is.
        """
        if self._data.val is None:
            return Score()
        return self._measure(TorchSession(deploy(network), metadata(about, end2end=False), self._device))

    def of_file(self, path: Path) -> Score:
        """Measure a checkpoint as it lies on the disk."""
        if self._data.val is None:
            return Score()
        return self._measure(open_session(path, device=self._device, end2end=False))

    def _measure(self, session: Session) -> Score:
        settings, data = self._settings, self._data
        assert data.val is not None
        try:
            metrics = validate(
                session,
                data.val,
                imgsz=settings.imgsz,
                batch=2 * max(settings.batch, 1),
                iou=settings.iou,
                max_det=settings.max_det,
                labels=data.val_scan,
            )
        finally:
            session.close()
        # Nothing found is worth nothing.
        results = {k: 0.0 if math.isnan(v) else float(v) for k, v in metrics.results_dict.items() if k != "fitness"}
        return Score(results, metrics.fitness, metrics)
