"""What a training is at a moment; callbacks read it, and may stop it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from poise.networks import PoseNetwork
from poise.training.config import TrainSettings
from poise.training.ema import Ema
from poise.training.preparation import Data
from poise.training.scoring import Score


@dataclass(slots=True, eq=False)
class Training:
    """A training that runs, or has ended. The attributes have the names that users' callbacks know.

    Attributes:
        args: The settings.
        save_dir: The run's folder.
        data: The data set.
        device: Where it runs.
        model: The network that learns.
        ema: Its running average, which is what is validated and kept.
        optimizer: The optimiser.
        epochs: Epochs of the whole training.
        batch_size: Pictures of a batch, in all processes together.
        rank: The number of this process among those that train together.
        epoch: The epoch that runs, from 0; after it, the last one that was finished.
        batch: Number of the batch in the epoch, from 0.
        components: Names of the loss's components.
        running: Their means over the epoch until now, a picture.
        metrics: What validation and the losses say, by the names of ``results.csv``.
        fitness: Box mAP50-95 plus pose mAP50-95 of the last validation.
        best_fitness: The best until now.
        best_epoch: Its epoch, from 1.
        pending: Batches whose gradients wait for a step.
        rows: Lines of ``results.csv``.
        kept: Epochs that ``last.pt`` holds.
        seconds: Time of the training until now.
        stop: Set it to end the training after this epoch.
        why: Why it ended.
        results: The measured metrics of the best network, once the training has ended.
        speed: Pictures a second in the last epoch.
        waiting: Share of the last epoch's time that was spent waiting for pictures.
    """

    args: TrainSettings
    save_dir: Path
    data: Data
    device: str
    model: PoseNetwork
    ema: Ema[PoseNetwork]
    optimizer: torch.optim.Optimizer
    epochs: int
    batch_size: int
    rank: int = 0
    epoch: int = 0
    batch: int = 0
    components: tuple[str, ...] = ()
    running: Tensor | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    fitness: float = float("nan")
    best_fitness: float = float("-inf")
    best_epoch: int = 0
    pending: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    kept: int = 0
    seconds: float = 0.0
    stop: bool = False
    why: str = ""
    results: Any = None
    speed: float = 0.0
    waiting: float = 0.0

    @property
    def wdir(self) -> Path:
        """Folder of the checkpoints."""
        return self.save_dir / "weights"

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.wdir / "last.pt"

    @property
    def best(self) -> Path:
        """The checkpoint with the best fitness."""
        return self.wdir / "best.pt"

    @property
    def loss_items(self) -> dict[str, float]:
        """Component to its mean over the epoch until now, a picture."""
        return dict(zip(self.components, self.running.tolist(), strict=True)) if self.running is not None else {}

    @property
    def start_epoch(self) -> int:
        """Epochs that were finished before."""
        return len(self.rows)

    def release(self) -> None:
        """Let go of what only further steps would need: gradients, and the optimiser's memory of them."""
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer.state.clear()

    def record(self, measured: Score | None) -> None:
        """Take down an epoch that is finished, and whether it was the best."""
        number = len(self.rows) + 1
        row: dict[str, Any] = {"epoch": number, "time": self.seconds}
        row |= {f"train/{name}_loss": value for name, value in self.loss_items.items()}
        if measured is not None:
            row |= measured.results
            self.metrics, self.fitness = dict(measured.results), measured.fitness
        row |= {f"lr/pg{i}": float(group["lr"]) for i, group in enumerate(self.optimizer.param_groups)}
        self.rows.append(row)
        if self.fitness >= self.best_fitness:
            self.best_fitness, self.best_epoch = self.fitness, number
