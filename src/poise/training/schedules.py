"""Learning rate, momentum and accumulation as pure functions of the iteration.

Source: the published recipes of YOLOv8, YOLO11 and YOLO26.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from poise.training.optimisers import NOMINAL_BATCH, Choice


def linear(epoch: int, epochs: int, final: float = 0.01) -> float:
    """Return the factor of the learning rate: evenly from 1 in epoch 0 to ``final`` after the last."""
    return max(1 - epoch / epochs, 0) * (1 - final) + final


def cosine(epoch: int, epochs: int, final: float = 0.01) -> float:
    """Return the factor of the learning rate: along half a cosine from 1 in epoch 0 to ``final`` after the last.

    Source:
        Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, without restarts.
    """
    return final + (1 - final) * (1 + math.cos(math.pi * min(epoch / epochs, 1))) / 2


def warmup_length(batches: int, epochs: int, warmup_epochs: float = 3.0) -> int:
    """Return the iterations of warm-up; at least one epoch is left for the rest.

    Args:
        batches: Batches of an epoch.
        epochs: Epochs of the whole training.
        warmup_epochs: Epochs of warm-up asked for; may be a fraction.
    """
    return min(round(warmup_epochs * batches), (epochs - 1) * batches)


@dataclass(frozen=True, slots=True)
class Rates:
    """What holds in one iteration.

    Attributes:
        lr: Learning rate that warm-up goes to.
        share: How far warm-up has come, 0 to 1.
        bias_start: Learning rate of biases where warm-up starts; that of others is 0.
        momentum: Momentum of SGD and MuSGD, first beta of Adam and AdamW.
        accumulate: Batches whose gradients make one step.
    """

    lr: float
    share: float
    bias_start: float
    momentum: float
    accumulate: int

    def of(self, *, bias: bool = False, scale: float = 1.0) -> float:
        """Return the learning rate of a group of parameters."""
        start = self.bias_start if bias else 0.0
        return start + (self.lr * scale - start) * self.share


@dataclass(frozen=True, slots=True)
class Schedule:
    """The whole training's rates.

    Attributes:
        choice: The optimiser's settings.
        batches: Batches of an epoch.
        batch: Pictures of a batch.
        epochs: Epochs of the whole training.
        lrf: Learning rate after the last epoch, as a share of the first.
        cos_lr: Fall along a cosine and not evenly.
        warmup_epochs: Epochs of warm-up.
        warmup_momentum: Momentum where warm-up starts, of SGD and MuSGD.
        nbs: Pictures that make one step after warm-up, as near as batches allow.
    """

    choice: Choice
    batches: int
    batch: int
    epochs: int
    lrf: float = 0.01
    cos_lr: bool = False
    warmup_epochs: float = 3.0
    warmup_momentum: float = 0.8
    nbs: int = NOMINAL_BATCH

    def at(self, iteration: int) -> Rates:
        """Return what holds in an iteration, counted from 0 over all epochs."""
        epoch = iteration // self.batches
        falling = cosine if self.cos_lr else linear
        lr = self.choice.lr * falling(epoch, self.epochs, self.lrf)
        length = warmup_length(self.batches, self.epochs, self.warmup_epochs)
        share = min(iteration / length, 1.0) if length > 0 else 1.0
        momentum = self.choice.momentum
        if self.choice.warms_momentum:
            momentum = self.warmup_momentum + (momentum - self.warmup_momentum) * share
        accumulate = max(round(1 + (self.nbs / self.batch - 1) * share), 1)
        return Rates(lr, share, self.choice.warmup_bias_lr, momentum, accumulate)


def set_rates(optimiser: torch.optim.Optimizer, rates: Rates) -> None:
    """Give every group of an optimiser, made by :func:`poise.training.optimisers.make`, its rate and momentum."""
    for group in optimiser.param_groups:
        group["lr"] = rates.of(bias=group["bias"], scale=group["scale"])
        if "momentum" in group:
            group["momentum"] = rates.momentum
