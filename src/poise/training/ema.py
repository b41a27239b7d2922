"""A network whose weights are the running average of another's.

Source: Polyak averaging as in Tarvainen and Valpola 2017, arXiv:1703.01780; decay and ramp: the published recipes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from itertools import chain
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

_Network = TypeVar("_Network", bound=nn.Module)


def decay(updates: int, *, limit: float = 0.9999, ramp: float = 2000.0) -> float:
    """Return how much of the average is kept at the given update, counted from 1; little at first."""
    return limit * (1 - math.exp(-updates / ramp))


class Ema(Generic[_Network]):
    """The average of a network that is trained.

    Attributes:
        network: The average, in evaluation mode and without gradients.
        updates: How many there were.
    """

    def __init__(self, network: _Network) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self.updates = 0

    @torch.no_grad()
    def update(self, network: _Network) -> None:
        """Move the average towards a network: parameters and the statistics of normalisation; counters are copied."""
        self.updates += 1
        pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))
        floats = [(mine, theirs) for mine, theirs in pairs if mine.is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in floats], [theirs for _, theirs in floats], 1 - decay(self.updates))
        whole = [(mine, theirs) for mine, theirs in pairs if not mine.is_floating_point()]
        torch._foreach_copy_([mine for mine, _ in whole], [theirs for _, theirs in whole])

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on: ``updates`` and ``weights``."""
        return {"updates": self.updates, "weights": self.network.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.updates = int(state["updates"])
        self.network.load_state_dict(state["weights"])


def _tensors(network: nn.Module) -> list[Tensor]:
    return list(chain(network.parameters(), network.buffers()))
