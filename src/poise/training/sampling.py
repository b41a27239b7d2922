"""What is in a batch: it follows from the seed, the epoch and the batch's number, and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from poise.datasets import Dataset, Scan
from poise.errors import SourceError
from poise.training.augmentation import Augmentation, InputSize, augment
from poise.training.examples import Sample, collate, cut, from_labels
from poise.training.picture_cache import PictureCache
from poise.training.pixels import FILL

STRIDE = 32  # of a network's coarsest level: an input's sides are multiples of it

# Pictures that one may be joined with, at least, where none are cached.
_POOL = 32

# What a worker hands over: pictures, the columns of the targets, names, and what the user should know.
RawBatch = tuple[torch.Tensor, tuple[torch.Tensor, ...], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How batches are made: everything that a worker process needs.

    Attributes:
        dataset: The split.
        scan: Its labels.
        pictures: Its pictures at training size.
        usable: Numbers of the pictures that are used.
        imgsz: Side of the network's input, pixels.
        batch: Pictures a batch, of this process.
        augmentation: How pictures are changed; None only fits them into the input.
        flip_idx: The skeleton's mirror map; None switches mirroring off.
        seed: Of the order and of every change.
        rect: Sort by proportions and cut each batch's input to them.
        rank: Number of this process among ``world``, which share each batch among them.
        world: Processes that train together.
        length: Batches of an epoch.
    """

    dataset: Dataset
    scan: Scan
    pictures: PictureCache
    usable: NDArray[np.intp]
    imgsz: int
    batch: int
    augmentation: Augmentation | None
    flip_idx: Sequence[int] | None
    seed: int
    rect: bool
    rank: int
    world: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, job: tuple[int, bool, int]) -> RawBatch:
        epoch, mosaic, number = job
        step = self.batch * self.world
        members = self.order(epoch)[number * step : (number + 1) * step]
        width, height = self.size(epoch, number, members)
        count = math.ceil(len(members) / self.world)
        places = np.arange(self.rank * count, (self.rank + 1) * count) % len(members)
        others = self.others(epoch, number, members[places])
        builder = _BatchBuilder(self, others=others, size=(width, height), mosaic=mosaic)
        images = np.empty((count, 3, height, width), dtype=np.uint8)
        instances, names = [], []
        for i, place in enumerate(places):
            rng = np.random.default_rng((self.seed, epoch, number * step + int(place)))
            sample, name = builder.make_sample(int(members[place]), rng)
            images[i] = sample.image.transpose(2, 0, 1)
            instances.append(sample.instances)
            names.append(name)
        return torch.from_numpy(images), collate(instances), tuple(names), tuple(builder.notes)

    def order(self, epoch: int) -> NDArray[np.intp]:
        """Return the pictures of an epoch in the order in which they are seen."""
        if self.rect:
            shapes = np.array([self.scan.sizes[i] for i in self.usable], dtype=np.float64)
            return self.usable[np.argsort(shapes[:, 1] / shapes[:, 0], kind="stable")]
        return np.random.default_rng((self.seed, epoch)).permutation(self.usable)

    def size(self, epoch: int, number: int, members: NDArray[np.intp]) -> tuple[int, int]:
        """Return width and height of a batch's input."""
        side = self.imgsz
        if self.rect:
            sizes = np.array([self.pictures.size(int(i)) for i in members])
            width, height = (math.ceil(v / STRIDE) * STRIDE for v in sizes.max(0))
            return width, height
        spread = self.augmentation.multi_scale if self.augmentation else 0.0
        if spread:
            low, high = math.ceil(side * (1 - spread) / STRIDE), math.floor(side * (1 + spread) / STRIDE)
            rng = np.random.default_rng((self.seed, epoch, number, 1))
            side = int(rng.integers(max(low, 1), max(high, low, 1) + 1)) * STRIDE
        return side, side

    def others(self, epoch: int, number: int, members: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the pictures that those of a batch may be joined with.

        Any, when they are cached. Else each would be decoded for one use, four times the work of the epoch; so they
        are those of the batch itself, which are decoded anyway, and in a small batch some more.
        """
        if self.pictures.cached:
            return self.usable
        more = min(_POOL, len(self.usable)) - len(members)
        if more <= 0:
            return members
        rng = np.random.default_rng((self.seed, epoch, number, 2 + self.rank))
        return np.concatenate([members, rng.choice(self.usable, more, replace=False)])


class _BatchBuilder:
    """One batch in the making: each picture is decoded once for it."""

    def __init__(self, sampling: Sampling, *, others: NDArray[np.intp], size: tuple[int, int], mosaic: bool) -> None:
        self.notes: list[str] = []
        self._sampling = sampling
        self._others = others
        self._input = InputSize(size=size, nominal=size if sampling.rect else (sampling.imgsz, sampling.imgsz))
        augmentation = sampling.augmentation
        unmixed = augmentation and replace(augmentation, mosaic=0.0, mixup=0.0, cutmix=0.0)
        self._augmentation = augmentation if mosaic else unmixed
        self._decoded: dict[int, tuple[int, Sample]] = {}

    def make_sample(self, index: int, rng: np.random.Generator) -> tuple[Sample, str]:
        """Make one picture of the batch; return also the name of the picture that it is about."""
        used, plain = self._fetch(index)
        if self._augmentation is None:
            sample = letterbox(plain, self._input.size)
        else:
            sample = augment(
                index,
                self._others,
                lambda i: self._fetch(i)[1],
                rng,
                input_size=self._input,
                augmentation=self._augmentation,
                flip_idx=self._sampling.flip_idx,
            )
        return sample, self._sampling.dataset.name(used)

    def _fetch(self, index: int) -> tuple[int, Sample]:
        """Return a picture, or the next one that can be read, and which it is."""
        if index not in self._decoded:
            self._decoded[index] = self._load(index)
        return self._decoded[index]

    def _load(self, index: int) -> tuple[int, Sample]:
        sampling = self._sampling
        usable = sampling.usable
        first = int(np.searchsorted(usable, index))
        reason = ""
        for step in range(len(usable)):
            i = int(usable[(first + step) % len(usable)])
            try:
                image = sampling.pictures.read(i)
            except SourceError as error:
                self.notes.append(f"{error}; the next picture takes its place")
                reason = reason or str(error)
                continue
            size = sampling.scan.sizes[i]
            return i, Sample(image, from_labels(sampling.scan.labels[i], size, (image.shape[1], image.shape[0])))
        dataset = sampling.dataset
        raise SourceError(
            f"{dataset.spec.file}: none of the {len(usable)} pictures of {dataset.split} can be read; "
            f"the first: {reason}"
        )


def letterbox(sample: Sample, size: tuple[int, int]) -> Sample:
    """Put a picture into the middle of an input.

    Args:
        sample: The picture, not larger than the input.
        size: Width and height of the input, pixels.
    """
    h, w = sample.image.shape[:2]
    # An odd pixel goes to the right and to the bottom.
    left, top = (size[0] - w) // 2, (size[1] - h) // 2
    out = np.full((size[1], size[0], 3), FILL, dtype=np.uint8)
    out[top : top + h, left : left + w] = sample.image
    return Sample(out, cut(sample.instances, (left, top), (left, top, left + w, top + h)))
