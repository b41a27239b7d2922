"""Batches for training: which pictures, in which order, changed how; in worker processes if asked.

What is in a batch follows from the seed, the epoch and the batch's number alone, so it is the same for any number of
workers, and a run that goes on after a break sees the pictures that it would have seen.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from poise.datasets import Dataset, Scan
from poise.errors import FormatError
from poise.skeletons import lone_sides
from poise.training import _warp
from poise.training.augment import Augmentation
from poise.training.batch import Batch, Targets
from poise.training.pictures import Cache, Pictures, Watch
from poise.training.recipe import STRIDE, Recipe

# How worker processes begin: a forked one shares the picture cache; other systems have their own way.
START = "fork" if sys.platform == "linux" else None


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
        cache: ``"ram"`` keeps the decoded pictures in memory, ``"disk"`` in a file below ``POISE_HOME``; False reads
            them anew each time where they need more than 256 MB, and then joins a picture only with those of its batch
            and a few more.
        fraction: Share of the data set to use, from the start of its list.
        rect: Sort by proportions and cut each batch's input to them; without mosaic, mixing and shuffling.
        drop_last: Leave out the last batch where it is not full.
        rank: Number of this process among ``world``, which share each batch among them.
        world: Processes that train together; ``batch * world`` pictures are a step.
        note: Told in one sentence what the user should know; the sentences are kept in ``notes`` too.
        watch: Wraps the pictures that are decoded into a cache, for a progress bar.

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
        watch: Watch | None = None,
    ) -> None:
        _check(imgsz=imgsz, batch=batch, workers=workers, seed=seed, cache=cache, fraction=fraction)
        if not 0 <= rank < world:
            raise ValueError(f"rank must be from 0 to {world - 1}, got {rank}")
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
        if augmentation and augmentation.flipud_idx is not None:
            k = dataset.spec.kpt_shape[0]
            if sorted(augmentation.flipud_idx) != list(range(k)):
                raise ValueError(
                    f"flipud_idx must hold each index from 0 to {k - 1} once, got {augmentation.flipud_idx}"
                )
        if augmentation and not dataset.spec.flip_known:
            flip_idx = None
            if augmentation.fliplr or (augmentation.flipud and augmentation.flipud_idx is None):
                lone = lone_sides(dataset.spec.skeleton.keypoints)
                why = f"no flip_idx, and no keypoint is the other side of {lone[0]!r}" if lone else "no flip_idx"
                self._tell(
                    f"{dataset.spec.file}: has {why}, so pictures are not mirrored; add it to gain from mirroring"
                )
        if augmentation and rect:
            augmentation = replace(augmentation, mosaic=0.0, mixup=0.0, cutmix=0.0, multi_scale=0.0)
        pictures = Pictures(
            dataset, usable, found.sizes, side=imgsz, cache=cache, note=self._tell, watch=watch, shares=world
        )
        self._recipe = Recipe(
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
        self._threads = _warp.set_threads(1) if workers else 0
        if workers:
            self._workers = DataLoader(
                self._recipe,  # type: ignore[arg-type]
                batch_size=None,
                sampler=self._tickets,
                num_workers=min(workers, len(self)),
                generator=torch.Generator(),  # else each epoch would draw from the global one, but only with workers
                collate_fn=_as_is,
                pin_memory=self._pin,
                persistent_workers=True,
                worker_init_fn=partial(_start_worker, os.getpid()),
                multiprocessing_context=START,
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
            mosaic: Join and mix pictures as the augmentation says; False for the last epochs, which see single ones.
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
            _warp.set_threads(self._threads)

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


def _length(pictures: int, step: int, drop_last: bool) -> int:
    return max(1, pictures // step if drop_last else math.ceil(pictures / step))


def _as_is(made: Any) -> Any:
    return made


def _start_worker(parent: int, _: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # with this it does
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if sys.platform != "win32":
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    _warp.set_threads(1)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended.

    Torch watches too, but for the parent that there is when a worker has started: a worker whose parent was killed
    before that would stay for ever.
    """
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _check(*, imgsz: int, batch: int, workers: int, seed: int, cache: object, fraction: float) -> None:
    least = {"imgsz": (imgsz, STRIDE), "batch": (batch, 1), "workers": (workers, 0), "seed": (seed, 0)}
    for name, (value, lowest) in least.items():
        if not isinstance(value, int) or value < lowest:
            raise ValueError(f"{name} must be a whole number of at least {lowest}, got {value!r}")
    if cache not in (False, "ram", "disk"):
        raise ValueError(f"cache must be False, 'ram' or 'disk', got {cache!r}")
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, got {fraction!r}")
