"""Batches for training: which pictures, in which order, changed how; in worker processes if asked.

What is in a batch follows from the seed, the epoch and the batch's number alone, so it is the same for any number of
workers, and a run that goes on after a break sees the pictures that it would have seen.
"""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from poise.datasets import Dataset, Scan
from poise.errors import FormatError, SourceError
from poise.training import _warp
from poise.training._warp import FILL
from poise.training.augment import Augmentation, Sample, augment
from poise.training.batch import Batch, Targets
from poise.training.instances import Instances, from_labels, transform
from poise.training.pictures import Cache, Pictures

_STRIDE = 32  # of the coarsest level: an input's sides are multiples of it
# What a worker hands over: pictures, the columns of the targets, names, notes.
_Made = tuple[torch.Tensor, tuple[torch.Tensor, ...], tuple[str, ...], tuple[str, ...]]


class Loader:
    """Batches of a data set's split, epoch after epoch.

    Pictures that the scan found unusable are left out, COCO's crowd regions too; pictures without labels are
    background. A picture that turns out to be damaged is replaced by the next one, and noted once.

    Args:
        dataset: The split.
        found: What :func:`poise.datasets.scan` found in it.
        imgsz: Side of the network's input, pixels.
        batch: Pictures a batch, of this process.
        augmentation: How pictures are changed; None only fits them into the input.
        seed: Of the order and of every change.
        workers: Processes that prepare batches; 0 prepares them in this one.
        cache: ``"ram"`` keeps the decoded pictures in memory; False reads them anew each time.
        fraction: Share of the data set to use, from the start of its list.
        rect: Sort by proportions and cut each batch's input to them; without mosaic, mixing and shuffling.
        drop_last: Leave out the last batch where it is not full.
        rank: Number of this process among ``world``, which share each batch among them.
        world: Processes that train together; ``batch * world`` pictures are a step.
        note: Told in one sentence what the user should know; the sentences are kept in ``notes`` too.

    Raises:
        FormatError: There is no usable picture.
    """

    def __init__(
        self,
        dataset: Dataset,
        found: Scan,
        *,
        imgsz: int,
        batch: int,
        augmentation: Augmentation | None,
        seed: int = 0,
        workers: int = 0,
        cache: Cache = False,
        fraction: float = 1.0,
        rect: bool = False,
        drop_last: bool = False,
        rank: int = 0,
        world: int = 1,
        note: Callable[[str], None] | None = None,
    ) -> None:
        _check(imgsz=imgsz, batch=batch, workers=workers, cache=cache, fraction=fraction, rank=rank, world=world)
        self.notes: list[str] = []
        self._note = note
        first = max(1, round(len(dataset) * fraction))
        usable = [i for i in range(min(first, len(dataset))) if found.usable[i]]
        if not usable:
            raise FormatError(
                f"{dataset.spec.file}: {dataset.split}: none of its {len(dataset)} pictures can be used"
                + (f"; the first problem: {found.problems[0]}" if found.problems else "")
            )
        flip_idx: tuple[int, ...] | None = tuple(dataset.spec.skeleton.flip_idx)
        if augmentation and (augmentation.flipud or augmentation.fliplr) and not dataset.spec.flip_known:
            flip_idx = None
            self._tell(
                f"{dataset.spec.file}: has no flip_idx, so pictures are not mirrored; add it to gain from mirroring"
            )
        if augmentation and rect:
            augmentation = replace(augmentation, mosaic=0.0, mixup=0.0, cutmix=0.0, multi_scale=0.0)
        pictures = Pictures(dataset, usable, found.sizes, side=imgsz, cache=cache, note=self._tell)
        self._recipe = _Recipe(
            dataset=dataset,
            found=found,
            pictures=pictures,
            usable=np.array(usable, dtype=np.intp),
            imgsz=imgsz,
            batch=batch,
            augmentation=augmentation,
            flip_idx=flip_idx,
            seed=seed,
            rect=rect,
            rank=rank,
            world=world,
            length=_length(len(usable), batch * world, drop_last),
        )
        self._pin = torch.cuda.is_available()
        self._tickets = _Tickets()
        self._workers: DataLoader[Any] | None = None
        if workers:
            self._workers = DataLoader(
                self._recipe,  # type: ignore[arg-type]
                batch_size=None,
                sampler=self._tickets,
                num_workers=workers,
                collate_fn=_as_is,
                pin_memory=self._pin,
                persistent_workers=True,
                worker_init_fn=_start_worker,
                # A forked worker shares the picture cache with this process.
                multiprocessing_context="fork" if sys.platform == "linux" else None,
            )

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return self._recipe.length

    @property
    def pictures(self) -> int:
        """Pictures that are used."""
        return len(self._recipe.usable)

    def epoch(self, number: int, *, mosaic: bool = True) -> Iterator[Batch]:
        """Give the batches of an epoch.

        Args:
            number: The epoch, from 0.
            mosaic: Join pictures as the augmentation says; False for the last epochs, which see whole pictures only.
        """
        self._tickets.jobs = [(number, mosaic, i) for i in range(len(self))]
        made: Any = self._workers if self._workers is not None else map(self._recipe.__getitem__, self._tickets.jobs)
        for images, columns, names, notes in made:
            for text in notes:
                self._tell(text)
            if self._pin and self._workers is None:
                images, columns = images.pin_memory(), tuple(column.pin_memory() for column in columns)
            yield Batch(images, Targets(*columns), tuple(names))

    def close(self) -> None:
        """End the worker processes."""
        if self._workers is not None:
            iterator = getattr(self._workers, "_iterator", None)
            if iterator is not None:
                iterator._shutdown_workers()
            self._workers = None

    def _tell(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            if self._note:
                self._note(text)


class _Tickets:
    """The batches that the workers are to make in this epoch."""

    def __init__(self) -> None:
        self.jobs: list[tuple[int, bool, int]] = []

    def __iter__(self) -> Iterator[tuple[int, bool, int]]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """How a batch is made: everything that a worker process needs."""

    dataset: Dataset
    found: Scan
    pictures: Pictures
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
    told: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, job: tuple[int, bool, int]) -> _Made:
        epoch, mosaic, number = job
        augmentation = self.augmentation
        if augmentation and not mosaic:
            augmentation = replace(augmentation, mosaic=0.0)
        step = self.batch * self.world
        order = self.order(epoch)
        whole = order[number * step : (number + 1) * step]
        size = self.size(epoch, number, whole)
        each = math.ceil(len(whole) / self.world)
        places = np.arange(self.rank * each, (self.rank + 1) * each) % len(whole)
        width, height = size
        images = np.empty((each, 3, height, width), dtype=np.uint8)
        found: list[Instances] = []
        names: list[str] = []
        notes: list[str] = []
        for i, place in enumerate(places):
            rng = np.random.default_rng((self.seed, epoch, number * step + int(place)))
            sample, name = self.sample(int(whole[place]), size, augmentation, rng, notes)
            images[i] = sample.image.transpose(2, 0, 1)
            found.append(sample.instances)
            names.append(name)
        return torch.from_numpy(images), _columns(found), tuple(names), tuple(notes)

    def order(self, epoch: int) -> NDArray[np.intp]:
        """Return the pictures of an epoch in the order in which they are seen."""
        if self.rect:
            shapes = np.array([self.found.sizes[i] for i in self.usable], dtype=np.float64)
            return self.usable[np.argsort(shapes[:, 1] / shapes[:, 0], kind="stable")]
        return np.random.default_rng((self.seed, epoch)).permutation(self.usable)

    def size(self, epoch: int, number: int, members: NDArray[np.intp]) -> tuple[int, int]:
        """Return width and height of a batch's input."""
        side = self.imgsz
        if self.rect:
            sizes = np.array([self.pictures.size(int(i)) for i in members])
            width, height = (math.ceil(v / _STRIDE) * _STRIDE for v in sizes.max(0))
            return width, height
        spread = self.augmentation.multi_scale if self.augmentation else 0.0
        if spread:
            low, high = math.ceil(side * (1 - spread) / _STRIDE), math.floor(side * (1 + spread) / _STRIDE)
            rng = np.random.default_rng((self.seed, epoch, number, 1))
            side = int(rng.integers(max(low, 1), max(high, low, 1) + 1)) * _STRIDE
        return side, side

    def sample(
        self,
        index: int,
        size: tuple[int, int],
        augmentation: Augmentation | None,
        rng: np.random.Generator,
        notes: list[str],
    ) -> tuple[Sample, str]:
        """Make one picture of a batch; return its name too."""
        used: list[int] = []

        def fetch(i: int) -> Sample:
            found, sample = self.read(i, notes)
            used.append(found)
            return sample

        if augmentation is None:
            sample = letterbox(fetch(index), size)
        else:
            sample = augment(
                index,
                self.usable,
                fetch,
                rng,
                size=size,
                base=self.imgsz,
                augmentation=augmentation,
                flip_idx=self.flip_idx,
            )
        return sample, self.dataset.name(used[0])

    def read(self, index: int, notes: list[str]) -> tuple[int, Sample]:
        """Return a picture, or the next one that can be read."""
        at = int(np.searchsorted(self.usable, index))
        for i in np.roll(self.usable, -at):
            try:
                image = self.pictures.read(int(i))
            except SourceError as error:
                if int(i) not in self.told:
                    self.told.add(int(i))
                    notes.append(f"{error}; the next picture takes its place")
                continue
            labels = self.found.labels[i]
            scaled = (image.shape[1], image.shape[0])
            return int(i), Sample(image, from_labels(labels, self.found.sizes[i], scaled))
        raise SourceError(f"{self.dataset.spec.file}: no picture of {self.dataset.split} can be read any more")


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
    matrix = np.array([[1.0, 0, left], [0, 1.0, top], [0, 0, 1]])
    return Sample(out, transform(sample.instances, matrix, size, scale=1.0))


def _columns(found: Sequence[Instances]) -> tuple[torch.Tensor, ...]:
    """Join the instances of a batch into the columns of ``Targets``."""
    counts = [len(instances) for instances in found]
    return (
        torch.from_numpy(np.repeat(np.arange(len(found)), counts)),
        torch.from_numpy(np.concatenate([instances.classes for instances in found])),
        torch.from_numpy(np.concatenate([instances.boxes for instances in found]).astype(np.float32)),
        torch.from_numpy(np.concatenate([instances.points for instances in found]).astype(np.float32)),
        torch.from_numpy(np.concatenate([instances.visible for instances in found])),
    )


def _length(pictures: int, step: int, drop_last: bool) -> int:
    return max(1, pictures // step if drop_last else math.ceil(pictures / step))


def _as_is(made: Any) -> Any:
    return made


def _start_worker(_: int) -> None:
    # Ctrl-C reaches every process of a terminal; the one that trains ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _warp.use_one_thread()


def _check(*, imgsz: int, batch: int, workers: int, cache: object, fraction: float, rank: int, world: int) -> None:
    for name, value, least in (("imgsz", imgsz, _STRIDE), ("batch", batch, 1), ("workers", workers, 0)):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    if cache not in (False, "ram", "disk"):
        raise ValueError(f"cache must be False, 'ram' or 'disk', got {cache!r}")
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, got {fraction!r}")
    if not 0 <= rank < world:
        raise ValueError(f"rank must be from 0 to {world - 1}, got {rank}")
