"""Training of the head alone, on feature maps that were computed once: quick on a CPU."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poise.networks import PoseNetwork
from poise.networks.network import Pose26Head
from poise.training.batch import Batch, Targets
from poise.training.loader import Loader
from poise.training.pictures import free_memory
from poise.training.progress import duration

# Features may take this share of the memory that is free; beyond it they lie in a file of the run.
_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBatch:
    """What the frozen layers say of pictures, and what is true of them.

    Attributes:
        maps: The three feature maps that the head reads, ``(B, C, H, W)`` float32, finest first.
        targets: Ground truth of all B pictures.
        names: Names of the pictures.
        size: Height and width of the network's input.
    """

    maps: list[Tensor]
    targets: Targets
    names: tuple[str, ...]
    size: tuple[int, int]

    @property
    def images(self) -> Tensor:
        """The finest map: what a message about this batch can show."""
        return self.maps[0]

    def __len__(self) -> int:
        return len(self.names)


class Batches(Protocol):
    """What gives the batches of a training: pictures, or feature maps."""

    def __len__(self) -> int: ...

    @property
    def pictures(self) -> int:
        """Pictures that are used."""
        ...

    def epoch(self, number: int, *, mosaic: bool = True) -> Iterator[Batch | FeatureBatch]:
        """Give the batches of an epoch."""
        ...

    def close(self) -> None:
        """Let go of processes and files."""
        ...


class FeatureLoader:
    """Batches of feature maps, epoch after epoch, with the pictures in another order each time.

    Every picture is there in a few fixed variants: plain, and as the augmentation changes it; an epoch sees one of
    them.

    Args:
        network: Its layers before the head are run once for each picture and variant.
        plain: Gives the pictures as they are.
        changed: Gives the pictures as the augmentation changes them.
        variants: Changed variants of each picture.
        batch: Pictures a batch.
        seed: Of the order.
        device: Where the network runs.
        file: Where features lie that do not fit the memory.
        note: Told how long it takes.
    """

    def __init__(
        self,
        network: PoseNetwork,
        plain: Loader,
        changed: Loader,
        *,
        variants: int,
        batch: int,
        seed: int,
        device: str,
        file: Path,
        note: Callable[[str], None],
    ) -> None:
        self._batch, self._seed = batch, seed
        self._variants = variants + 1
        self._file: Path | None = None
        self.notes: list[str] = []
        self._samples: list[list[tuple[Targets, str]]] = []
        self._maps: list[NDArray[np.float16]] = []
        self._compute(network.eval(), plain, changed, device, file, note)

    def __len__(self) -> int:
        return math.ceil(self.pictures / self._batch)

    @property
    def pictures(self) -> int:
        """Pictures that are used."""
        return len(self._samples[0])

    def epoch(self, number: int, *, mosaic: bool = True) -> Iterator[FeatureBatch]:
        """Give the batches of an epoch; ``mosaic`` changes nothing, since the variants are fixed."""
        del mosaic
        variant = number % self._variants
        order = np.random.default_rng((self._seed, number)).permutation(self.pictures)
        for first in range(0, len(order), self._batch):
            rows = order[first : first + self._batch]
            parts = [self._samples[variant][i] for i in rows]
            maps = [torch.from_numpy(level[variant, rows].astype(np.float32)) for level in self._maps]
            yield FeatureBatch(maps, _join([t for t, _ in parts]), tuple(name for _, name in parts), self._size)

    def seconds(self, network: PoseNetwork, device: str) -> float:
        """Return how long an epoch takes, by training a copy of the head on one batch."""
        head = deepcopy(network.head).train()
        batch = next(self.epoch(0))
        spent = []
        for _ in range(2):  # the first loads kernels
            began = time.monotonic()
            raw = head([level.to(device) for level in batch.maps])
            branches = raw.values() if isinstance(network.head, Pose26Head) else [raw]
            sum(part[key].float().mean() for part in branches for key in ("boxes", "scores", "kpts")).backward()
            spent.append(time.monotonic() - began)
        return spent[-1] * len(self)

    def close(self) -> None:
        """Forget the features."""
        self._maps = []
        if self._file is not None:
            for level in range(3):
                self._file.with_suffix(f".{level}").unlink(missing_ok=True)

    @torch.inference_mode()
    def _compute(
        self, network: PoseNetwork, plain: Loader, changed: Loader, device: str, file: Path, note: Callable[[str], None]
    ) -> None:
        count = plain.pictures
        began = time.monotonic()
        for variant in range(self._variants):
            done = 0
            self._samples.append([])
            source = plain.epoch(0, mosaic=False) if variant == 0 else changed.epoch(variant, mosaic=True)
            for batch in source:
                images = batch.images.to(device).float().div_(255).contiguous(memory_format=torch.channels_last)
                found = network.features(images)
                if not self._maps:
                    self._size = (images.shape[2], images.shape[3])
                    self._maps = self._allocate(found, count, file, note)
                for level, part in zip(self._maps, found, strict=True):
                    level[variant, done : done + len(batch)] = part.cpu().half().numpy()
                self._samples[variant] += [(_one(batch.targets, i), batch.names[i]) for i in range(len(batch))]
                done += len(batch)
                if variant == 0 and done == len(batch):
                    began = time.monotonic()  # the first batch also loads kernels
                elif variant == 0 and done <= 3 * len(batch) and done > 2 * len(batch):
                    each = (time.monotonic() - began) / (done - len(batch))
                    left = each * (count * self._variants - done)
                    note(f"features of {count} pictures in {self._variants} variants: about {duration(left)}")

    def _allocate(
        self, found: list[Tensor], count: int, file: Path, note: Callable[[str], None]
    ) -> list[NDArray[np.float16]]:
        shapes = [(self._variants, count, *level.shape[1:]) for level in found]
        need = sum(2 * math.prod(shape) for shape in shapes)
        if need <= free_memory() * _SHARE:
            return [np.empty(shape, np.float16) for shape in shapes]
        self._file = file
        note(f"features need {need / 1e9:.1f} GB, more than half of the free memory; they are kept in {file}.*")
        return [
            np.memmap(file.with_suffix(f".{level}"), np.float16, "w+", shape=shape)
            for level, shape in enumerate(shapes)
        ]


def _one(targets: Targets, picture: int) -> Targets:
    rows = targets.picture == picture
    return Targets(*(getattr(targets, name)[rows].clone() for name in targets.__slots__))


def _join(parts: list[Targets]) -> Targets:
    picture = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor([len(part) for part in parts]))
    rest: Any = [torch.cat([getattr(part, name) for part in parts]) for name in Targets.__slots__[1:]]
    return Targets(picture, *rest)


def see(network: PoseNetwork, batch: Batch | FeatureBatch, device: str) -> tuple[Any, tuple[int, int]]:
    """Run a network on a batch in training mode; return what it says, and height and width of its input."""
    if isinstance(batch, FeatureBatch):
        maps = [level.to(device).contiguous(memory_format=torch.channels_last) for level in batch.maps]
        return network.head(maps), batch.size
    images = batch.images.to(device, non_blocking=True)
    images = images.to(torch.float32, memory_format=torch.channels_last).div_(255)
    return network(images), (images.shape[2], images.shape[3])
