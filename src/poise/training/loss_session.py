"""A network that is validated, and whose loss on the same pictures is taken beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from poise.datasets import Scan
from poise.estimators.letterbox import place
from poise.networks import Checkpoint, PoseNetwork, fold, metadata
from poise.networks.network import Pose26Head
from poise.runtime.torch import TorchSession
from poise.training.assignment import grid
from poise.training.batch import Targets
from poise.training.instances import cut, from_labels
from poise.training.losses import PoseLoss
from poise.training.recipe import columns


class LossSession(TorchSession):
    """A session of a network that also adds up its loss.

    The feature maps are computed once for both; of YOLO26 the loss is that of the one-to-one branch, as in the log of
    the training.

    Args:
        network: The network; it is copied.
        about: What it is.
        loss: The training's loss.
        labels: Those of all pictures.
        imgsz: Longer side of the pictures before they are placed in the input, pixels.
        device: Where to run.
    """

    def __init__(
        self, network: PoseNetwork, about: Checkpoint, *, loss: PoseLoss, labels: Scan, imgsz: int, device: str
    ) -> None:
        folded = deepcopy(network).eval().requires_grad_(False)
        fold(folded)
        self._loss, self._labels, self._imgsz = loss, labels, imgsz
        self._group: Any = None
        self._sums: dict[str, torch.Tensor] = {}
        self._batches = 0
        super().__init__(folded, metadata(about, end2end=False), device)

    @property
    def losses(self) -> dict[str, float]:
        """Component to its mean over the batches."""
        return {name: float(value) / self._batches for name, value in self._sums.items()}

    def watch(self, groups: Iterable[Any]) -> Iterator[Any]:
        """Take note of which pictures a run is about."""
        for group in groups:
            self._group = group
            yield group
        self._group = None

    def _run(self, images: Any) -> tuple[Any, ...]:
        with torch.inference_mode():
            images = images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
            maps = self._module.features(images)
            found: tuple[Any, ...] = self._module.head(maps)
            if self._group is not None:
                self._add(maps, (images.shape[2], images.shape[3]))
        return found

    def _add(self, maps: list[Any], size: tuple[int, int]) -> None:
        head = self._module.head
        branch = "one2one" if isinstance(head, Pose26Head) else "one2many"
        raw = head.raw(maps, branch, sigma=False) if isinstance(head, Pose26Head) else head.raw(maps)
        targets = self._targets(self._group.indices, (size[1], size[0])).to(self.device)
        for name, value in self._loss.branch(branch, raw, targets, grid(maps), size).items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=self.device)) + value
        self._batches += 1

    def _targets(self, indices: NDArray[np.intp], size: tuple[int, int]) -> Targets:
        """Carry the labels of pictures to where validation places them in the input."""
        found = []
        for i in indices:
            width, height = self._labels.sizes[i]
            ratio = self._imgsz / max(width, height)
            first = (min(ceil(width * ratio), self._imgsz), min(ceil(height * ratio), self._imgsz))
            placed = place(first, size, scaleup=False)
            instances = from_labels(self._labels.labels[i], (width, height), placed.inner)
            found.append(cut(instances, (placed.left, placed.top), (0, 0, *size)))
        return Targets(*columns(found))
