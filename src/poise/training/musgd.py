"""MuSGD: momentum SGD, with an orthogonalised step added for weights.

Source: Muon, Jordan et al. 2024, kellerjordan.github.io/posts/muon; its sum with SGD is the published recipe of YOLO26.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

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
