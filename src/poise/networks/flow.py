"""The learned density of keypoint errors; what it says about a keypoint's standard deviation is in ``sigma.py``.

Source: residual log-likelihood estimation, Li et al. 2021, arXiv:2107.11291; RealNVP, Dinh et al. 2017,
arXiv:1605.08803.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from poise.networks.leaves import COUPLINGS, WIDTH


class RealNVP(nn.Module):
    """An invertible map from errors in the plane to a standard normal, as six affine couplings."""

    loc: Tensor
    cov: Tensor
    mask: Tensor

    def __init__(self, couplings: int = COUPLINGS, width: int = WIDTH) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(2))
        # Not torch.eye: on the meta device it imports torch's compiler, half of the time to the first prediction.
        self.register_buffer("cov", torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        self.register_buffer("mask", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (couplings // 2)))
        self.s = nn.ModuleList(_perceptron(width, nn.Tanh()) for _ in range(couplings))
        self.t = nn.ModuleList(_perceptron(width) for _ in range(couplings))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, gain=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N,)`` log density of ``(N, 2)`` errors."""
        z, log_volume = x, x.new_zeros(x.shape[0])
        for i in reversed(range(len(self.s))):
            mask = self.mask[i]
            kept = mask * z
            s = (1 - mask) * self.s[i](kept)
            t = (1 - mask) * self.t[i](kept)
            z = (1 - mask) * (z - t) * torch.exp(-s) + kept
            log_volume = log_volume - s.sum(1)
        return log_volume - 0.5 * z.square().sum(1) - math.log(2 * math.pi)


def _perceptron(width: int, *last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2), *last)
