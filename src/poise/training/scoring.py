"""Validation while a training runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from poise.evaluation.metrics import PoseMetrics
from poise.networks import Checkpoint, PoseNetwork, open_session
from poise.runtime import Session
from poise.training.config import TrainSettings
from poise.training.loss_session import LossSession
from poise.training.losses import PoseLoss
from poise.training.preparation import Data
from poise.validation import validate

Watch = Callable[[Iterable[Any]], Iterable[Any]]


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
        loss: The training's loss.
        device: Where to run.
        note: Tells the user something.
    """

    def __init__(
        self,
        settings: TrainSettings,
        data: Data,
        loss: PoseLoss,
        device: str,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self._settings, self._data, self._device = settings, data, device
        # What could be known before was told at the start.
        self._note, self._told = note, {str(problem) for problem in data.val_scan.problems} if data.val_scan else set()
        # Alone, whoever else trains: one process validates.
        self._loss = copy(loss)
        self._loss.add = lambda numbers: numbers

    def __call__(self, network: PoseNetwork, about: Checkpoint) -> Score:
        """Measure a network as it would be used, with folded batch norms, and its loss; it is not changed.

        Args:
            network: The averaged network.
            about: What it is.
        """
        if self._data.val is None or self._data.val_scan is None:
            return Score()
        session = LossSession(
            network,
            about,
            loss=self._loss,
            labels=self._data.val_scan,
            imgsz=self._settings.imgsz,
            device=self._device,
        )
        score = self._measure(session, session.watch)
        return replace(score, results=score.results | {f"val/{k}_loss": v for k, v in session.losses.items()})

    def of_file(self, path: Path) -> Score:
        """Measure a checkpoint as it lies on the disk."""
        if self._data.val is None:
            return Score()
        return self._measure(open_session(path, device=self._device, end2end=False))

    def _measure(self, session: Session, watch: Watch | None = None) -> Score:
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
                watch=watch,
            )
        finally:
            session.close()
        for text in metrics.skipped:
            if self._note is not None and text not in self._told:
                self._told.add(text)
                self._note(f"val: {text}; it is left out")
        # Nothing found is worth nothing.
        results = {k: 0.0 if math.isnan(v) else float(v) for k, v in metrics.results_dict.items() if k != "fitness"}
        return Score(results, metrics.fitness, metrics)
