"""The learned density of keypoint errors, and what it says about a keypoint's standard deviation.

Source: residual log-likelihood estimation, Li et al. 2021, arXiv:2107.11291; RealNVP, Dinh et al. 2017,
arXiv:1605.08803.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn


class RealNVP(nn.Module):
    """An invertible map from errors in the plane to a standard normal, as six affine couplings."""

    loc: Tensor
    cov: Tensor
    mask: Tensor

    def __init__(self, couplings: int = 6, width: int = 64) -> None:
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

    def errors(self, normal: Tensor) -> Tensor:
        """Map ``(N, 2)`` draws of a standard normal to errors: the inverse of what ``forward`` does."""
        x = normal
        for mask, scale, shift in zip(self.mask, self.s, self.t, strict=True):
            kept = mask * x
            x = kept + (1 - mask) * (x * torch.exp(scale(kept)) + shift(kept))
        return x

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


@torch.no_grad()
def unit_std(flow: RealNVP, *, nodes: int = 20) -> Tensor:
    """Return ``(2,)`` the standard deviation of a keypoint's error along x and y where sigma is 1.

    Training divides an error (prediction minus truth, in cells) by the network's ``s = sigmoid(raw)`` to
    ``e = error / s``. Its loss, summed over both axes, is ``-2 log p(e) + |e_x| + |e_y| + 2 log s_x + 2 log s_y`` with
    the flow's density p. Only the first term reaches the flow, and it is smallest when p is the density of e itself:
    the flow is an estimate of how errors are distributed at s = 1. So the standard deviation of an error is s times
    that of p, computed here by Gauss-Hermite quadrature over the standard normal that the flow maps to errors.

    The Laplace factor of the loss belongs to how s is learned and not to this density. Multiplying it in gives values
    that are too small: on held-out pictures of the Tiger-Pose network e has deviations (1.05, 0.29), the flow says
    (1.00, 0.30), flow times Laplace (0.69, 0.27); ``benchmarks/sigma_calibration.py`` prints it.

    Source: Li et al. 2021 (arXiv:2107.11291), section 3; the derivation is ours.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    x, y = np.meshgrid(points, points)
    mass = torch.from_numpy(np.outer(weights, weights).ravel() / weights.sum() ** 2)
    errors = flow.errors(torch.from_numpy(np.stack((x.ravel(), y.ravel()), 1)).to(flow.mask.dtype)).double()
    mean = mass @ errors
    return (mass @ (errors - mean).square()).sqrt().float()
