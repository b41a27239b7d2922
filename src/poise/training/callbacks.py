"""Functions of the user that are called while a training runs, by the names of this field, and what they are given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.errors import suggest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from poise.networks import PoseNetwork
    from poise.training.data import Data
    from poise.training.scoring import Score
    from poise.training.settings import TrainSettings
    from poise.training.step import Ema

EVENTS = (
    "on_pretrain_routine_end",
    "on_train_start",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_train_batch_end",
    "on_train_epoch_end",
    "on_val_start",
    "on_val_end",
    "on_fit_epoch_end",
    "on_model_save",
    "on_train_end",
    "teardown",
)

Callback = Callable[[Any], object]


class Callbacks:
    """What is to be called when; each function gets the :class:`~poise.training.callbacks.Training`.

    Args:
        functions: Event to functions.
    """

    def __init__(self, functions: Mapping[str, Sequence[Callback]] | None = None) -> None:
        self._functions: dict[str, list[Callback]] = {event: [] for event in EVENTS}
        for event, several in (functions or {}).items():
            for function in several:
                self.add(event, function)

    def add(self, event: str, function: Callback) -> None:
        """Call a function at every event of a name.

        Raises:
            ValueError: There is no such event, with the nearest name.
        """
        if event not in self._functions:
            raise ValueError(f"no callback event named {event!r}{suggest(event, EVENTS)}")
        self._functions[event].append(function)

    def clear(self, event: str) -> None:
        """Forget the functions of an event."""
        self._functions[event].clear()

    def __call__(self, event: str, training: Any) -> None:
        """Call the functions of an event in the order in which they were added."""
        for function in self._functions[event]:
            function(training)


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

    def record(self, score: Score | None) -> None:
        """Take down an epoch that is finished, and whether it was the best."""
        number = len(self.rows) + 1
        row: dict[str, Any] = {"epoch": number, "time": self.seconds}
        row |= {f"train/{name}_loss": value for name, value in self.loss_items.items()}
        if score is not None:
            row |= score.results
            self.metrics, self.fitness = dict(score.results), score.fitness
        row |= {f"lr/pg{i}": float(group["lr"]) for i, group in enumerate(self.optimizer.param_groups)}
        self.rows.append(row)
        if self.fitness >= self.best_fitness:
            self.best_fitness, self.best_epoch = self.fitness, number

    def conclude(self, final: Score) -> None:
        """Take down what the best checkpoint is worth as it lies on the disk."""
        self.results = final.metrics
        if not math.isnan(final.fitness):
            self.metrics, self.fitness = final.results, final.fitness
