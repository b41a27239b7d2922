"""Which parameter is moved how: groups, the rule of ``"auto"``, and the optimiser itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import nn

from poise.errors import suggest
from poise.training.musgd import MuSGD

OPTIMISERS = ("AdamW", "Adam", "SGD", "MuSGD")

# Pictures that one step of the optimiser is tuned for; smaller batches add their gradients up.
# Source: the published recipes, which call it nbs.
NOMINAL_BATCH = 64

# Length of training and batch at which "auto" changes the optimiser. Source: the published recipes.
MANY_STEPS, _STEP = 10_000, 64

# Largest norm of the whole gradient in one step. Source: the published recipes.
MAX_NORM = 10.0

_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.SyncBatchNorm)

# The class branch of MuSGD learns three times as fast. Source: the published recipe of YOLO26.
_CLASS_BRANCHES = {"cv3", "one2one_cv3"}
_CLASS_SCALE = 3.0


@dataclass(frozen=True, slots=True)
class Choice:
    """An optimiser and its settings.

    Attributes:
        name: One of ``OPTIMISERS``.
        lr: Learning rate at the end of warm-up.
        momentum: Momentum of SGD and MuSGD, first beta of Adam and AdamW.
        warmup_bias_lr: Learning rate of biases at the start of warm-up.
    """

    name: str
    lr: float
    momentum: float
    warmup_bias_lr: float

    @property
    def warms_momentum(self) -> bool:
        """Whether momentum is part of warm-up: for the family of SGD only."""
        return self.name in ("SGD", "MuSGD")


def choose(
    name: str,
    *,
    pictures: int,
    batch: int,
    epochs: int,
    nc: int,
    lr0: float = 0.01,
    momentum: float = 0.937,
    warmup_bias_lr: float = 0.1,
) -> Choice:
    """Settle the optimiser; ``"auto"`` picks it by the length of the training and ignores the settings.

    Args:
        name: ``"auto"`` or one of ``OPTIMISERS``, in any case.
        pictures: Pictures of the train set.
        batch: Pictures of a batch.
        epochs: Epochs of the whole training.
        nc: Classes.
        lr0: Learning rate at the end of warm-up.
        momentum: Momentum, or first beta.
        warmup_bias_lr: Learning rate of biases at the start of warm-up.

    Raises:
        ValueError: An optimiser that there is not.

    Source:
        The published recipes: MuSGD beyond 10,000 steps of 64 pictures, else AdamW.
    """
    if name.lower() == "auto":
        steps = ceil(pictures / max(batch, _STEP)) * epochs
        if steps > MANY_STEPS:
            return Choice("MuSGD", 0.01, 0.9, 0.0)
        return Choice("AdamW", round(0.002 * 5 / (4 + nc), 6), 0.9, 0.0)
    known = {each.lower(): each for each in OPTIMISERS}
    if name.lower() not in known:
        raise ValueError(f"no optimiser named {name!r}{suggest(name, ('auto', *OPTIMISERS))}")
    return Choice(known[name.lower()], lr0, momentum, warmup_bias_lr)


def make(network: nn.Module, choice: Choice, *, weight_decay: float) -> torch.optim.Optimizer:
    """Make the optimiser of a network's parameters that require a gradient.

    Every group says, beside what torch needs, ``"bias"`` (it holds biases, which warm up from their own rate) and
    ``"scale"`` (its rate is so many times the others'); :func:`poise.training.schedules.set_rates` reads them.

    Args:
        network: The network; its class branches are known by name.
        choice: What to make.
        weight_decay: Of weights that are neither bias nor normalisation, see :func:`scaled_decay`.
    """
    groups = list(_groups(network, choice, weight_decay))
    fused = all(p.device.type in ("cpu", "cuda") for p in network.parameters())
    match choice.name:
        case "MuSGD":
            return MuSGD(groups, lr=choice.lr, momentum=choice.momentum)
        case "SGD":
            return torch.optim.SGD(groups, lr=choice.lr, momentum=choice.momentum, nesterov=True, fused=fused)
        case "Adam":
            return torch.optim.Adam(groups, lr=choice.lr, betas=(choice.momentum, 0.999), fused=fused)
        case _:
            return torch.optim.AdamW(groups, lr=choice.lr, betas=(choice.momentum, 0.999), fused=fused)


def scaled_decay(weight_decay: float, *, batch: int, nbs: int = NOMINAL_BATCH) -> float:
    """Return the decay for steps of ``batch`` times the accumulated batches, given the one for ``nbs`` pictures."""
    return weight_decay * batch * accumulation(batch, nbs=nbs) / nbs


def accumulation(batch: int, *, nbs: int = NOMINAL_BATCH) -> int:
    """Return how many batches of a size make one step after warm-up."""
    return max(round(nbs / batch), 1)


def clip(network: nn.Module) -> torch.Tensor:
    """Scale the gradient down to norm 10 where it is longer; return its norm before, which may be inf or NaN."""
    return torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)


def _groups(network: nn.Module, choice: Choice, weight_decay: float) -> Iterator[dict[str, Any]]:
    """Yield decayed weights, weights of normalisation, biases; of MuSGD each again for the class branch."""
    kinds: dict[tuple[str, float], list[nn.Parameter]] = {}
    for path, module in network.named_modules():
        scale = _CLASS_SCALE if choice.name == "MuSGD" and _CLASS_BRANCHES & set(path.split(".")) else 1.0
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            kind = "bias" if "bias" in name else "norm" if isinstance(module, _NORMS) else "decay"
            kinds.setdefault((kind, scale), []).append(parameter)
    for scale in (1.0, _CLASS_SCALE):
        for kind in ("decay", "norm", "bias"):
            if parameters := kinds.get((kind, scale)):
                group = {"params": parameters, "weight_decay": weight_decay if kind == "decay" else 0.0}
                if choice.name == "MuSGD":
                    # Weights are matrices, or four axes that are flattened to one.
                    group["orthogonal"] = kind == "decay"
                yield {**group, "lr": choice.lr * scale, "bias": kind == "bias", "scale": scale}
