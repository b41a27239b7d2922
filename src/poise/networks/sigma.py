"""What the learned density of keypoint errors says about a keypoint's standard deviation. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def errors(flow: Mapping[str, NDArray[Any]], normal: Floats) -> Floats:
    """Map ``(N, 2)`` draws of a standard normal to errors: the inverse of what the flow's density does.

    Args:
        flow: The flow's weights by name, such as ``"s.0.0.weight"``.
        normal: The draws.
    """

    def perceptron(name: str, x: Floats) -> Floats:
        for layer in (0, 2, 4):
            x = x @ flow[f"{name}.{layer}.weight"].astype(np.float64).T + flow[f"{name}.{layer}.bias"]
            x = x / (1 + np.exp(-x)) if layer < 4 else x
        return x

    x = normal
    for i, mask in enumerate(flow["mask"].astype(np.float64)):
        kept = mask * x
        x = kept + (1 - mask) * (x * np.exp(np.tanh(perceptron(f"s.{i}", kept))) + perceptron(f"t.{i}", kept))
    return x


def unit_std(flow: Mapping[str, NDArray[Any]], *, nodes: int = 20) -> tuple[float, float]:
    """Return the standard deviation of a keypoint's error along x and y where sigma is 1.

    Training divides an error (prediction minus truth, in cells) by the network's ``s = sigmoid(raw)`` to
    ``e = error / s``. Its loss, summed over both axes, is ``-2 log p(e) + |e_x| + |e_y| + 2 log s_x + 2 log s_y`` with
    the flow's density p. Only the first term reaches the flow, and it is smallest when p is the density of e itself:
    the flow is an estimate of how errors are distributed at s = 1. So the standard deviation of an error is s times
    that of p, computed here by Gauss-Hermite quadrature over the standard normal that the flow maps to errors.

    The Laplace factor of the loss belongs to how s is learned and not to this density. Multiplying it in gives values
    that are too small: on held-out pictures of the Tiger-Pose network e has deviations (1.05, 0.29), the flow says
    (1.00, 0.30), flow times Laplace (0.69, 0.27); ``benchmarks/sigma_calibration.py`` prints it.

    Args:
        flow: The flow's weights by name, such as ``"s.0.0.weight"``.
        nodes: Nodes of the quadrature along each axis.

    Source: Li et al. 2021 (arXiv:2107.11291), section 3; the derivation is ours.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    x, y = np.meshgrid(points, points)
    mass = np.outer(weights, weights).ravel() / weights.sum() ** 2
    found = errors(flow, np.stack((x.ravel(), y.ravel()), 1))
    spread = np.sqrt(mass @ np.square(found - mass @ found))
    return float(spread[0]), float(spread[1])
