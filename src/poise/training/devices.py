"""Where a training runs: the device, the processes that read pictures or train together, and the seeds."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from poise.errors import ModelError
from poise.runtime import usable_cores


def choose_device(text: str | None) -> str:
    """Return the device that is meant by what users write: None, ``"cpu"``, ``"0"``, ``"cuda:1"``, ``"0,1"``.

    Raises:
        ModelError: It is not there.
        ValueError: Several, without the processes that drive them.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    local = os.environ.get("LOCAL_RANK")
    word = (text or "").strip().lower().replace("cuda:", "")
    if "," in word:
        numbers = [int(part) for part in word.split(",")]
        if local is None:
            raise ValueError(
                f"device={text}: several GPUs are driven by one process each: "
                f"torchrun --nproc-per-node {len(numbers)} -m poise train … --device {word}"
            )
        word = str(numbers[int(local)])
    elif local is not None and word in ("", "cuda") and gpus:
        word = local
    if word in ("", "none"):
        word = "0" if gpus else "cpu"
    if word == "cuda":
        word = "0"
    if word.isdigit():
        if int(word) >= gpus:
            there = ", ".join(["cpu", *(f"cuda:{i}" for i in range(gpus))])
            raise ModelError(f"device {text!r} is not available in this torch; available: {there}")
        return f"cuda:{word}"
    if word == "mps" and torch.backends.mps.is_available():
        return "mps"
    if word != "cpu":
        raise ModelError(f"device {text!r} is not available; expected cpu, a GPU's number, or mps on a Mac")
    return "cpu"


def count_workers(requested: int | None, device: str) -> int:
    """Return how many processes read pictures: by default one beside a CPU that computes, up to eight beside a GPU."""
    if requested is not None:
        return max(requested, 0)
    cores = usable_cores()
    world = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(min(8, cores // world - 1), 1) if device.startswith("cuda") else min(1, cores - 1)


@contextmanager
def reproducible(*, seed: int, deterministic: bool) -> Iterator[None]:
    """Seed all generators, and prefer deterministic algorithms; the host's own come back afterwards."""
    import random

    child = getattr(signal, "SIGCHLD", None)
    handler = None if child is None else signal.getsignal(child)  # torch's readers of pictures set another
    environment = dict(os.environ)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    else:
        torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=True)
        torch.backends.cudnn.benchmark = before[1]
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        for number, state in enumerate(on_gpu):
            torch.cuda.set_rng_state(state, number)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        if child is not None and threading.current_thread() is threading.main_thread():
            signal.signal(child, signal.SIG_DFL if handler is None else handler)


class PeerOutOfMemory(MemoryError):
    """Another process of the training had no more memory."""


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a training.

    What they do together begins with a message whether one has had no more memory, so that all of them begin the
    epoch again, and none waits for a number that never comes.

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
    control: Any = None

    def synchronise(self, *, out_of_memory: bool = False) -> None:
        """Wait for all processes, and tell them whether this one had no more memory.

        Raises:
            PeerOutOfMemory: Another one had no more.
        """
        if self.world > 1:
            value = torch.tensor([float(out_of_memory)])
            distributed.all_reduce(value, group=self.control)
            if value.item() and not out_of_memory:
                raise PeerOutOfMemory("another process of this training had no more memory")

    def minimum(self, number: int) -> int:
        """Return the smallest number of all processes."""
        if self.world == 1:
            return number
        value = torch.tensor([number])
        distributed.all_reduce(value, distributed.ReduceOp.MIN, group=self.control)
        return int(value.item())

    def sum(self, numbers: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.world > 1:
            numbers = numbers.clone()
            self.synchronise()
            distributed.all_reduce(numbers)
        return numbers

    def sum_gradients(self, network: nn.Module) -> None:
        """Give every process the sum of all processes' gradients, in one message."""
        if self.world == 1:
            return
        moved = [p for p in network.parameters() if p.requires_grad]
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in moved]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        self.synchronise()
        distributed.all_reduce(flat)
        for parameter, part, like in zip(
            moved, torch.split(flat, [g.numel() for g in gradients]), gradients, strict=True
        ):
            parameter.grad = part.view(like.shape)

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the values of process 0, in place."""
        if self.world > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def broadcast_state(self, state: Any) -> Any:
        """Return the state of process 0: tensors and plain values, in any nesting."""
        if self.world == 1:
            return state
        file = io.BytesIO()
        if self.rank == 0:
            torch.save(state, file)
        sent = [file.getvalue()]
        distributed.broadcast_object_list(sent, 0, group=self.control)
        return torch.load(io.BytesIO(sent[0]), map_location="cpu", weights_only=True)

    def broadcast_number(self, number: int) -> int:
        """Return the number of process 0."""
        if self.world == 1:
            return number
        value = torch.tensor([number], device=_backend_device())
        distributed.broadcast(value, 0)
        return int(value.item())

    def any(self, stop: bool) -> bool:
        """Return whether any process wants to stop."""
        if self.world == 1:
            return stop
        return bool(self.sum(torch.tensor([float(stop)], device=_backend_device())).item())


def _backend_device() -> str:
    return "cuda" if distributed.get_backend() == "nccl" else "cpu"


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
    control = distributed.new_group(backend="gloo") if distributed.get_backend() == "nccl" else None
    return Group(int(os.environ["RANK"]), world, int(os.environ.get("LOCAL_RANK", "0")), control)


def leave() -> None:
    """Leave the group, if there is one."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
