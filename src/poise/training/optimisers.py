"""Which parameter is moved, how, and how far: the optimisers, the rule of ``"auto"``, and the rates of every step."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn

from poise.errors import suggest

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
class OptimiserChoice:
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


def choose_optimiser(
    name: str,
    *,
    pictures: int,
    batch: int,
    epochs: int,
    nc: int,
    lr0: float = 0.01,
    momentum: float = 0.937,
    warmup_bias_lr: float = 0.1,
) -> OptimiserChoice:
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
            return OptimiserChoice("MuSGD", 0.01, 0.9, 0.0)
        return OptimiserChoice("AdamW", round(0.002 * 5 / (4 + nc), 6), 0.9, 0.0)
    names = {optimiser_name.lower(): optimiser_name for optimiser_name in OPTIMISERS}
    if name.lower() not in names:
        raise ValueError(f"no optimiser named {name!r}{suggest(name, ('auto', *OPTIMISERS))}")
    return OptimiserChoice(names[name.lower()], lr0, momentum, warmup_bias_lr)


def make_optimiser(network: nn.Module, choice: OptimiserChoice, *, weight_decay: float) -> torch.optim.Optimizer:
    """Make the optimiser of a network's parameters that require a gradient.

    Every group says, beside what torch needs, ``"bias"`` (it holds biases, which warm up from their own rate) and
    ``"scale"`` (its rate is so many times the others'); :func:`poise.training.optimisers.set_rates` reads them.

    Args:
        network: The network; its class branches are known by name.
        choice: What to make.
        weight_decay: Of weights that are neither bias nor normalisation, see :func:`scaled_decay`.
    """
    groups = list(_parameter_groups(network, choice, weight_decay))
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


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Give an optimiser its state back; each tensor in its parameter's layout, which fused kernels take for granted."""
    optimizer.load_state_dict(dict(state))
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter).copy_(value)


def scaled_decay(weight_decay: float, *, batch: int, nbs: int = NOMINAL_BATCH) -> float:
    """Return the decay for steps of ``batch`` times the accumulated batches, given the one for ``nbs`` pictures."""
    return weight_decay * batch * accumulation(batch, nbs=nbs) / nbs


def accumulation(batch: int, *, nbs: int = NOMINAL_BATCH) -> int:
    """Return how many batches of a size make one step after warm-up."""
    return max(round(nbs / batch), 1)


def clip_gradients(network: nn.Module) -> torch.Tensor:
    """Scale the gradient down to norm 10 where it is longer; return its norm before, which may be inf or NaN."""
    return torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)


def _parameter_groups(network: nn.Module, choice: OptimiserChoice, weight_decay: float) -> Iterator[dict[str, Any]]:
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

    choice: OptimiserChoice
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


# Source: Jordan et al. 2024; the quintic's coefficients for steep convergence at small singular values.
_QUINTIC = (3.4445, -4.7750, 2.0315)

_ITERATIONS = 5

# How much of the learning rate goes to the orthogonalised and to the plain step. Source: the published recipe.
_ORTHOGONAL, _PLAIN = 0.2, 1.0


def orthogonalise(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices near 1 by five Newton-Schulz steps in bfloat16.

    Args:
        matrices: ``(N, rows, columns)``.

    Returns:
        The same shape, bfloat16.

    Source:
        Jordan et al. 2024, which adds 1e-7 to the norm.
    """
    a, b, c = _QUINTIC
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        # Each sum is rounded to bfloat16 once: closer than product by product, and faster.
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class MuSGD(torch.optim.Optimizer):
    """Nesterov SGD on every parameter, and Muon beside it on those of groups with ``orthogonal``.

    Args:
        groups: Parameters, or groups that may set ``lr``, ``momentum``, ``weight_decay`` and ``orthogonal``.
        lr: Learning rate.
        momentum: Of both parts.
        weight_decay: L2 penalty in the plain part.
    """

    def __init__(
        self, groups: Iterable[Any], *, lr: float = 0.01, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "orthogonal": False}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            if not moved:
                continue
            gradients = [p.grad for p in moved]
            if group["orthogonal"]:
                self._orthogonal(moved, gradients, group["lr"], group["momentum"])
            self._plain(moved, gradients, group["lr"], group["momentum"], group["weight_decay"])
        return loss

    def _buffers(self, moved: list[Tensor], name: str) -> list[Tensor]:
        for parameter in moved:
            if name not in self.state[parameter]:
                self.state[parameter][name] = torch.zeros_like(parameter)
        return [self.state[parameter][name] for parameter in moved]

    def _orthogonal(self, moved: list[Tensor], gradients: list[Tensor], lr: float, momentum: float) -> None:
        buffers = self._buffers(moved, "orthogonal_momentum")
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(buffers, gradients, 1 - momentum)
        alike: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i, update in enumerate(ahead):
            alike[(update.shape[0], update[0].numel())].append(i)
        # Matrices of one shape go through the products together.
        for places in alike.values():
            flat = orthogonalise(torch.stack([ahead[i].flatten(1) for i in places]))
            for i, update in zip(places, flat.unbind(), strict=True):
                # Of the gradient's last two axes: 1 for square kernels, and for wide matrices.
                scale = max(1.0, moved[i].shape[-2] / moved[i].shape[-1]) ** 0.5
                moved[i].sub_(update.view_as(moved[i]).to(moved[i].dtype), alpha=_ORTHOGONAL * lr * scale)

    def _plain(
        self, moved: list[Tensor], gradients: list[Tensor], lr: float, momentum: float, weight_decay: float
    ) -> None:
        if weight_decay:
            gradients = list(torch._foreach_add(gradients, moved, alpha=weight_decay))
        buffers = self._buffers(moved, "momentum")
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, gradients)
        torch._foreach_add_(moved, gradients, alpha=-_PLAIN * lr)
        torch._foreach_add_(moved, buffers, alpha=-_PLAIN * lr * momentum)
