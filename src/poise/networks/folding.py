"""A batch norm folded into the convolution before it, for arrays and tensors alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def with_norm(weight: Any, norm: Iterable[Any], eps: float) -> tuple[Any, Any]:
    """Return the weights and bias of a convolution that does what it and its batch norm do.

    ``W' = W g / sqrt(var + eps)`` and ``b' = beta - mean g / sqrt(var + eps)`` for each output channel. Give double
    precision: the variance of a dead channel is tiny, and the folding is done once.

    Args:
        weight: Of the convolution.
        norm: The norm's weight, bias, running mean and running variance.
        eps: Its epsilon.
    """
    gain, shift, mean, variance = norm
    factor = gain / (variance + eps) ** 0.5
    return weight * factor.reshape(-1, 1, 1, 1), shift - mean * factor
