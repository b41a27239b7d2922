"""Several processes that train one network, as ``torchrun`` starts them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn


class PeerOutOfMemory(MemoryError):
    """Another process of the training had no more memory."""


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a training.

    What they do together begins with a word whether one has had no more memory, so that all of them begin the epoch
    again, and none waits for a number that never comes.

    Attributes:
        rank: The number of this one; 0 writes files and speaks.
        world: How many there are.
        local: The number of this one on its machine, which is that of its GPU.
        words: The group in which they exchange words: through the CPU, since one whose GPU is full can still speak, and
            nobody waits for a GPU. None: that of the numbers.
    """

    rank: int = 0
    world: int = 1
    local: int = 0
    words: Any = None

    def meet(self, *, crowded: bool = False) -> None:
        """Wait for all processes, and tell them whether this one had no more memory.

        Raises:
            PeerOutOfMemory: Another one had no more.
        """
        if self.world > 1:
            said = torch.tensor([float(crowded)])
            distributed.all_reduce(said, group=self.words)
            if said.item() and not crowded:
                raise PeerOutOfMemory("another process of this training had no more memory")

    def least(self, number: int) -> int:
        """Return the smallest number of all processes."""
        if self.world == 1:
            return number
        said = torch.tensor([number])
        distributed.all_reduce(said, distributed.ReduceOp.MIN, group=self.words)
        return int(said.item())

    def sum(self, numbers: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.world > 1:
            numbers = numbers.clone()
            self.meet()
            distributed.all_reduce(numbers)
        return numbers

    def add_gradients(self, network: nn.Module) -> None:
        """Give every process the sum of all processes' gradients, in one message."""
        if self.world == 1:
            return
        moved = [p for p in network.parameters() if p.requires_grad]
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in moved]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        self.meet()
        distributed.all_reduce(flat)
        for parameter, part, like in zip(
            moved, torch.split(flat, [g.numel() for g in gradients]), gradients, strict=True
        ):
            parameter.grad = part.view(like.shape)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the values of process 0, in place."""
        if self.world > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def given(self, state: Any) -> Any:
        """Return what process 0 gives: tensors and plain values, in any nesting."""
        if self.world == 1:
            return state
        file = io.BytesIO()
        if self.rank == 0:
            torch.save(state, file)
        sent = [file.getvalue()]
        distributed.broadcast_object_list(sent, 0, group=self.words)
        return torch.load(io.BytesIO(sent[0]), map_location="cpu", weights_only=True)

    def first(self, number: int) -> int:
        """Return what the first process says."""
        if self.world == 1:
            return number
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        said = torch.tensor([number], device=device)
        distributed.broadcast(said, 0)
        return int(said.item())

    def agree(self, stop: bool) -> bool:
        """Return whether any process wants to stop."""
        if self.world == 1:
            return stop
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        return bool(self.sum(torch.tensor([float(stop)], device=device)).item())


def join(device: str) -> Group:
    """Join the processes that ``torchrun`` started; without it, be alone.

    Args:
        device: ``"cpu"`` talks through gloo, ``"cuda"`` through nccl.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 or "RANK" not in os.environ:
        return Group()
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    words = distributed.new_group(backend="gloo") if distributed.get_backend() == "nccl" else None
    return Group(int(os.environ["RANK"]), world, int(os.environ.get("LOCAL_RANK", "0")), words)


def leave() -> None:
    """Leave the group, if there is one."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
