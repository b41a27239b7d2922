"""The largest batch that fits a GPU's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
import torch

from poise.networks import PoseNetwork
from poise.training.batch import Targets
from poise.training.guard import is_out_of_memory
from poise.training.losses import PoseLoss
from poise.training.precision import Precision

# On a CPU memory is not what limits a batch.
CPU_BATCH = 16

# Share of the GPU's free memory that a batch may take; the rest is for larger validation batches and pictures with more
# instances than those of the trial. Source: the published recipes.
SHARE = 0.6

_TRIALS = (1, 2, 4, 8, 16)
_LARGEST = 1024


def find_batch(
    network: PoseNetwork, loss: PoseLoss, *, imgsz: int, device: str, amp: bool | str, note: Callable[[str], None]
) -> int:
    """Return how many pictures of a batch fit, by training on random pictures; the network is not changed.

    Args:
        network: What is to be trained, on its device.
        loss: The training's loss.
        imgsz: Side of the input, pixels.
        device: Where it is trained.
        amp: As the training's setting.
        note: Told what was found.
    """
    if not device.startswith("cuda"):
        note(f"batch: {CPU_BATCH}, as on a CPU memory is not what limits it")
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
                raw = trial(images)
            found = loss(raw, _targets(size, imgsz, network.kpt_shape[0], device), (imgsz, imgsz), 0)
            precision.backward(found.total)
            trial.zero_grad(set_to_none=True)
            sizes.append(size)
            taken.append(torch.cuda.max_memory_allocated(device) - before)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            break
    del trial
    torch.cuda.empty_cache()
    fits = fitting(sizes, taken, free * SHARE)
    note(f"batch: {fits} of {imgsz} pixels fit {SHARE:.0%} of the {free / 2**30:.1f} GiB that are free")
    return fits


def fitting(sizes: Sequence[int], taken: Sequence[int], budget: float) -> int:
    """Return the largest batch within a budget, by a straight line through what smaller ones took.

    Args:
        sizes: Batches that were tried.
        taken: Bytes that each took.
        budget: Bytes that may be taken.

    Example:
        >>> fitting([1, 2, 4], [150, 200, 300], 1000)
        18
    """
    if len(sizes) < 2:
        return 1
    slope, start = np.polyfit(sizes, taken, 1)
    if slope <= 0:
        return max(sizes)
    return int(min(max((budget - start) / slope + 1e-6, 1), _LARGEST))


def _targets(size: int, imgsz: int, keypoints: int, device: str) -> Targets:
    """Eight instances a picture in its middle."""
    count = 8 * size
    box = torch.tensor([0.25, 0.25, 0.75, 0.75], device=device) * imgsz
    return Targets(
        torch.arange(size, device=device).repeat_interleave(8),
        torch.zeros(count, dtype=torch.int64, device=device),
        box.expand(count, 4).contiguous(),
        torch.full((count, keypoints, 2), imgsz / 2, device=device),
        torch.ones(count, keypoints, dtype=torch.bool, device=device),
    )
