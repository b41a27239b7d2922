"""Validation while a training runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from poise.datasets import Scan
from poise.estimators.letterbox import place
from poise.evaluation.metrics import PoseMetrics
from poise.networks import Checkpoint, PoseNetwork, fold, metadata, open_session
from poise.networks.network import Pose26Head
from poise.runtime import Session
from poise.runtime.torch import TorchSession
from poise.training.assignment import grid
from poise.training.data import Data
from poise.training.examples import Targets, collate, cut, from_labels
from poise.training.losses import PoseLoss
from poise.training.settings import TrainSettings
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
        log: Tells the user something.
    """

    def __init__(
        self,
        settings: TrainSettings,
        data: Data,
        loss: PoseLoss,
        device: str,
        log: Callable[[str], None],
    ) -> None:
        self._settings, self._data, self._device = settings, data, device
        self._log = log
        # What could be known before was told at the start.
        self._reported = {str(problem) for problem in data.val_scan.problems} if data.val_scan else set()
        self._loss = loss.alone()  # one process validates

    def __call__(self, network: PoseNetwork, checkpoint: Checkpoint) -> Score:
        """Measure a network as it would be used, with folded batch norms, and its loss; it is not changed.

        Args:
            network: The averaged network.
            checkpoint: What it is.
        """
        if self._data.val is None or self._data.val_scan is None:
            return Score()
        session = LossSession(
            network,
            checkpoint,
            loss=self._loss,
            labels=self._data.val_scan,
            imgsz=self._settings.imgsz,
            device=self._device,
        )
        score = self._measure(session, session.watch)
        return replace(score, results=score.results | {f"val/{k}_loss": v for k, v in session.losses.items()})

    def score_file(self, path: Path) -> Score:
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
            if text not in self._reported:
                self._reported.add(text)
                self._log(f"val: {text}; it is left out")
        # Nothing found is worth nothing.
        results = {k: 0.0 if math.isnan(v) else float(v) for k, v in metrics.results_dict.items() if k != "fitness"}
        return Score(results, metrics.fitness, metrics)


class LossSession(TorchSession):
    """A session of a network that also adds up its loss.

    The feature maps are computed once for both; of YOLO26 the loss is that of the one-to-one branch, as in the log of
    the training.

    Args:
        network: The network; it is copied.
        checkpoint: What it is.
        loss: The training's loss.
        labels: Those of all pictures.
        imgsz: Longer side of the pictures before they are placed in the input, pixels.
        device: Where to run.
    """

    def __init__(
        self, network: PoseNetwork, checkpoint: Checkpoint, *, loss: PoseLoss, labels: Scan, imgsz: int, device: str
    ) -> None:
        folded = deepcopy(network).eval().requires_grad_(False)
        fold(folded)
        self._loss, self._labels, self._imgsz = loss, labels, imgsz
        self._group: Any = None
        self._sums: dict[str, torch.Tensor] = {}
        self._batches = 0
        super().__init__(folded, metadata(checkpoint, end2end=False), device)

    @property
    def losses(self) -> dict[str, float]:
        """Component to its mean over the batches."""
        return {name: float(value) / self._batches for name, value in self._sums.items()}

    def watch(self, groups: Iterable[Any]) -> Iterator[Any]:
        """Take note of which pictures a run is about."""
        for group in groups:
            self._group = group
            yield group
        self._group = None

    def _run(self, images: Any) -> tuple[Any, ...]:
        with torch.inference_mode():
            images = images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
            maps = self._module.features(images)
            outputs: tuple[Any, ...] = self._module.head(maps)
            if self._group is not None:
                self._add_losses(maps, (images.shape[2], images.shape[3]))
        return outputs

    def _add_losses(self, maps: list[Any], size: tuple[int, int]) -> None:
        head = self._module.head
        branch = "one2one" if isinstance(head, Pose26Head) else "one2many"
        raw = head.raw(maps, branch, sigma=False) if isinstance(head, Pose26Head) else head.raw(maps)
        targets = self._targets(self._group.indices, (size[1], size[0])).to(self.device)
        for name, value in self._loss.branch(branch, raw, targets, grid(maps), size).items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=self.device)) + value
        self._batches += 1

    def _targets(self, indices: NDArray[np.intp], size: tuple[int, int]) -> Targets:
        """Carry the labels of pictures to where validation places them in the input."""
        instances = []
        for i in indices:
            width, height = self._labels.sizes[i]
            ratio = self._imgsz / max(width, height)
            first = (min(ceil(width * ratio), self._imgsz), min(ceil(height * ratio), self._imgsz))
            placed = place(first, size, scaleup=False)
            labels = from_labels(self._labels.labels[i], (width, height), placed.inner)
            instances.append(cut(labels, (placed.left, placed.top), (0, 0, *size)))
        return Targets(*collate(instances))
