"""Half precision on a GPU: what runs in it, and gradients that do not vanish in it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from poise.training.optimisers import clip


class Precision:
    """How a step is computed.

    On a GPU that is built for it in bfloat16, which has float32's range; on others in float16 with scaled gradients; on
    a CPU in float32, unless bfloat16 is asked for: it is quicker where the CPU has instructions for it (AMX) only.

    Args:
        device: Where the training runs.
        amp: Half precision on a GPU; ``"bf16"``: bfloat16 on any device.
    """

    def __init__(self, device: str, *, amp: bool | str) -> None:
        self.kind: torch.dtype | None = None
        if amp == "bf16":
            self.kind = torch.bfloat16
        elif amp and device.startswith("cuda"):
            self.kind = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        self._device = device.partition(":")[0]
        self._scaler = torch.amp.GradScaler(self._device, enabled=self.kind is torch.float16)

    def __call__(self) -> AbstractContextManager[Any]:
        """Run what is inside in this precision."""
        return torch.autocast(self._device, self.kind) if self.kind is not None else nullcontext()

    def backward(self, total: Tensor) -> None:
        """Add up gradients."""
        self._scaler.scale(total).backward()  # type: ignore[no-untyped-call]

    def step(self, optimizer: torch.optim.Optimizer, network: nn.Module) -> None:
        """Clip the gradients and move the parameters; a float16 gradient that overflowed moves nothing."""
        self._scaler.unscale_(optimizer)
        clip(network)
        self._scaler.step(optimizer)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Return the gradient scale."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        if state:
            self._scaler.load_state_dict(dict(state))
