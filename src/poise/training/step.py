"""What a step is: forward, in which precision, the average that follows, the guard beside, and the memory it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from poise.errors import PoiseError
from poise.networks import PoseNetwork
from poise.training.devices import Group
from poise.training.examples import Batch, FeatureBatch, Targets
from poise.training.losses import Losses, PoseLoss
from poise.training.optimisers import clip_gradients, load_optimizer_state


def forward(network: PoseNetwork, batch: Batch | FeatureBatch, device: str) -> tuple[Any, tuple[int, int]]:
    """Run a network on a batch in training mode; return its outputs, and height and width of its input."""
    if isinstance(batch, FeatureBatch):
        maps = [level.to(device).contiguous(memory_format=torch.channels_last) for level in batch.maps]
        return network.head(maps), batch.size
    images = batch.images.to(device, non_blocking=True)
    images = images.to(torch.float32, memory_format=torch.channels_last).div_(255)
    return network(images), (images.shape[2], images.shape[3])


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
        clip_gradients(network)
        self._scaler.step(optimizer)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Return the gradient scale."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        if state:
            self._scaler.load_state_dict(dict(state))


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
        counters = [(mine, theirs) for mine, theirs in pairs if not mine.is_floating_point()]
        torch._foreach_copy_([mine for mine, _ in counters], [theirs for _, theirs in counters])

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on: ``updates`` and ``weights``."""
        return {"updates": self.updates, "weights": self.network.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.updates = int(state["updates"])
        self.network.load_state_dict(state["weights"])


def _tensors(network: nn.Module) -> list[Tensor]:
    return list(chain(network.parameters(), network.buffers()))


class LossGuard:
    """Watches the losses of an epoch.

    On a GPU it checks a loss one batch later, when the number is there anyway: asking at once would make the CPU wait
    for every step.

    Args:
        folder: Where the batch is written that gave no number.
        late: Look one batch later.
    """

    def __init__(self, folder: Path, *, late: bool) -> None:
        self._folder, self._late = folder, late
        self._waiting: tuple[Losses, Batch | FeatureBatch, int] | None = None

    def check(self, losses: Losses, batch: Batch | FeatureBatch, epoch: int) -> None:
        """Check a batch's losses.

        Raises:
            PoiseError: They are not numbers; the batch is kept in a file.
        """
        ready = self._waiting if self._late else (losses, batch, epoch)
        self._waiting = (losses, batch, epoch) if self._late else None
        if ready is not None:
            self._check(*ready)

    def check_last(self) -> None:
        """Check those of the last batch."""
        if self._waiting is not None:
            self._check(*self._waiting)
            self._waiting = None

    def _check(self, losses: Losses, batch: Batch | FeatureBatch, epoch: int) -> None:
        if bool(torch.isfinite(losses.total)):
            return
        file = self._folder / f"bad-batch-epoch{epoch + 1}.npz"
        items = {name: float(value) for name, value in losses.items.items()}
        targets = {name: getattr(batch.targets, name).cpu().numpy() for name in batch.targets.__slots__}
        np.savez_compressed(file, images=batch.images.cpu().numpy(), names=np.array(batch.names), **targets)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in items.items())
        raise PoiseError(
            f"epoch {epoch + 1}: the loss is not a number ({shown}); the batch ({', '.join(batch.names[:4])}, …) is "
            f"kept in {file}. Often a smaller lr0 or amp=False helps; the last good epoch is in weights/last.pt"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What the steps of a training work with.

    Attributes:
        network: What learns.
        frozen: Names of its batch norms that keep their statistics.
        loss: How wrong it is.
        optimizer: Moves its parameters.
        precision: How it is computed.
        guard: Stops what is no number.
    """

    network: PoseNetwork
    frozen: Sequence[str]
    loss: PoseLoss
    optimizer: torch.optim.Optimizer
    precision: Precision
    guard: LossGuard

    def train_mode(self) -> None:
        """Switch the network to training; what is frozen stays as it is."""
        self.network.train()
        for name in self.frozen:
            self.network.get_submodule(name).eval()

    def copy_from_first(self, group: Group) -> None:
        """Give every process the weights and the optimiser of the first one."""
        group.broadcast(self.network.state_dict().values())
        if group.world > 1:
            optimizer, scaler = group.broadcast_state((self.optimizer.state_dict(), self.precision.state_dict()))
            load_optimizer_state(self.optimizer, optimizer)
            self.precision.load_state_dict(scaler)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine, had no more memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "not enough memory" in str(error)
    )


# On a CPU memory is not what limits a batch.
CPU_BATCH = 16

# Share of the GPU's free memory that a batch may take; the rest is for larger validation batches and pictures with more
# instances than those of the trial. Source: the published recipes.
SHARE = 0.6

_TRIALS = (1, 2, 4, 8, 16)

_LARGEST = 1024


def find_batch_size(
    network: PoseNetwork, loss: PoseLoss, *, imgsz: int, device: str, amp: bool | str, log: Callable[[str], None]
) -> int:
    """Return how many pictures of a batch fit, by training on random pictures; the network is not changed.

    Args:
        network: What is to be trained, on its device.
        loss: The training's loss.
        imgsz: Side of the input, pixels.
        device: Where it is trained.
        amp: As the training's setting.
        log: Tells the user what was found.
    """
    if not device.startswith("cuda"):
        log(f"batch: {CPU_BATCH}, as on a CPU memory is not what limits it")
        return CPU_BATCH
    trial, precision = deepcopy(network).train(), Precision(device, amp=amp)
    free = torch.cuda.mem_get_info(device)[0]
    sizes: list[int] = []
    taken: list[int] = []
    for size in _TRIALS:
        try:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            images = torch.rand(size, 3, imgsz, imgsz, device=device).contiguous(memory_format=torch.channels_last)
            with precision():
                outputs = trial(images)
            losses = loss(outputs, _trial_targets(size, imgsz, network.kpt_shape[0], device), (imgsz, imgsz), 0)
            precision.backward(losses.total)
            trial.zero_grad(set_to_none=True)
            sizes.append(size)
            taken.append(torch.cuda.max_memory_allocated(device) - before)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            break
    del trial
    torch.cuda.empty_cache()
    fits = fit_batch_size(sizes, taken, free * SHARE)
    log(f"batch: {fits} of {imgsz} pixels fit {SHARE:.0%} of the {free / 2**30:.1f} GiB that are free")
    return fits


def fit_batch_size(sizes: Sequence[int], taken: Sequence[int], budget: float) -> int:
    """Return the largest batch within a budget, by a straight line through what smaller ones took.

    Args:
        sizes: Batches that were tried.
        taken: Bytes that each took.
        budget: Bytes that may be taken.

    Example:
        >>> fit_batch_size([1, 2, 4], [150, 200, 300], 1000)
        18
    """
    if len(sizes) < 2:
        return 1
    slope, start = np.polyfit(sizes, taken, 1)
    if slope <= 0:
        return max(sizes)
    return int(min(max((budget - start) / slope + 1e-6, 1), _LARGEST))


def _trial_targets(size: int, imgsz: int, keypoints: int, device: str) -> Targets:
    """Return eight instances a picture, in its middle."""
    count = 8 * size
    box = torch.tensor([0.25, 0.25, 0.75, 0.75], device=device) * imgsz
    return Targets(
        torch.arange(size, device=device).repeat_interleave(8),
        torch.zeros(count, dtype=torch.int64, device=device),
        box.expand(count, 4).contiguous(),
        torch.full((count, keypoints, 2), imgsz / 2, device=device),
        torch.ones(count, keypoints, dtype=torch.bool, device=device),
    )
