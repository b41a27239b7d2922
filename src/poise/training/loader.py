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
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from poise.datasets import Dataset, Scan
from poise.errors import FormatError
from poise.networks import PoseNetwork
from poise.networks.network import Pose26Head
from poise.skeletons import lone_sides
from poise.training import pixels
from poise.training.augmentation import Augmentation
from poise.training.examples import Batch, FeatureBatch, Targets
from poise.training.picture_cache import Cache, PictureCache, Watch, free_memory
from poise.training.progress import format_duration
from poise.training.sampling import STRIDE, Sampling

# How worker processes begin: a forked one shares the picture cache; other systems have their own way.
START = "fork" if sys.platform == "linux" else None


class Loader:
    """Batches of a data set's split, epoch after epoch.

    Pictures that the scan found unusable are left out, COCO's crowd regions too; pictures without labels are
    background. A picture that turns out to be damaged is replaced by the next one, and noted once.

    Args:
        dataset: The split.
        scan: What :func:`poise.datasets.scan` found in it.
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
        log: Told in one sentence what the user should know; the sentences are kept in ``notes`` too.
        watch: Wraps the pictures that are decoded into a cache, for a progress bar.

    Raises:
        FormatError: There is no usable picture.
    """

    def __init__(
        self,
        dataset: Dataset,
        scan: Scan,
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
        log: Callable[[str], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        _check(imgsz=imgsz, batch=batch, workers=workers, seed=seed, cache=cache, fraction=fraction)
        if not 0 <= rank < world:
            raise ValueError(f"rank must be from 0 to {world - 1}, got {rank}")
        self.notes: list[str] = []
        self._log = log
        first = max(1, round(len(dataset) * fraction))
        usable = [i for i in range(min(first, len(dataset))) if scan.usable[i]]
        if not usable:
            raise FormatError(
                f"{dataset.spec.file}: {dataset.split}: none of its {len(dataset)} pictures can be used"
                + (f"; the first problem: {scan.problems[0]}" if scan.problems else "")
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
                self._report(
                    f"{dataset.spec.file}: has {why}, so pictures are not mirrored; add it to gain from mirroring"
                )
        if augmentation and rect:
            augmentation = replace(augmentation, mosaic=0.0, mixup=0.0, cutmix=0.0, multi_scale=0.0)
        pictures = PictureCache(
            dataset, usable, scan.sizes, side=imgsz, cache=cache, log=self._report, watch=watch, shares=world
        )
        self._sampling = Sampling(
            dataset=dataset,
            scan=scan,
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
        self._jobs = _JobList()
        self._workers: DataLoader[Any] | None = None
        self._threads = pixels.set_threads(1) if workers else 0
        if workers:
            self._workers = DataLoader(
                self._sampling,  # type: ignore[arg-type]
                batch_size=None,
                sampler=self._jobs,
                num_workers=min(workers, len(self)),
                generator=torch.Generator(),  # else each epoch would draw from the global one, but only with workers
                collate_fn=_identity,
                pin_memory=self._pin,
                persistent_workers=True,
                worker_init_fn=partial(_start_worker, os.getpid()),
                multiprocessing_context=START,
            )

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return self._sampling.length

    @property
    def pictures(self) -> int:
        """Pictures that are used."""
        return len(self._sampling.usable)

    def epoch(self, number: int, *, mosaic: bool = True) -> Iterator[Batch]:
        """Give the batches of an epoch.

        Args:
            number: The epoch, from 0.
            mosaic: Join and mix pictures as the augmentation says; False for the last epochs, which see single ones.
        """
        self._jobs.jobs = [(number, mosaic, i) for i in range(len(self))]
        batches: Any = self._workers if self._workers is not None else map(self._sampling.__getitem__, self._jobs.jobs)
        for images, columns, names, notes in batches:
            for text in notes:
                self._report(text)
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
            pixels.set_threads(self._threads)

    def _report(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            if self._log:
                self._log(text)


class _JobList:
    """The batches that the workers are to make in this epoch."""

    def __init__(self) -> None:
        self.jobs: list[tuple[int, bool, int]] = []

    def __iter__(self) -> Iterator[tuple[int, bool, int]]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


def _length(pictures: int, step: int, drop_last: bool) -> int:
    return max(1, pictures // step if drop_last else math.ceil(pictures / step))


def _identity(batch: Any) -> Any:
    return batch


def _start_worker(parent: int, _: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # with this it does
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if sys.platform != "win32":
        threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    pixels.set_threads(1)


def _exit_with_parent(parent: int) -> None:
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


# Features may take this share of the memory that is free; beyond it they lie in a file of the run.
_SHARE = 0.5


class FeatureLoader:
    """Batches of feature maps, epoch after epoch, with the pictures in another order each time.

    Every picture is there in a few fixed variants: plain, and as the augmentation changes it; an epoch sees one of
    them.

    Args:
        network: Its layers before the head are run once for each picture and variant.
        plain: Gives the pictures as they are.
        augmented: Gives the pictures as the augmentation changes them.
        variants: Changed variants of each picture.
        batch: Pictures a batch.
        seed: Of the order.
        device: Where the network runs.
        file: Where features lie that do not fit the memory.
        log: Told how long it takes.
    """

    def __init__(
        self,
        network: PoseNetwork,
        plain: Loader,
        augmented: Loader,
        *,
        variants: int,
        batch: int,
        seed: int,
        device: str,
        file: Path,
        log: Callable[[str], None],
    ) -> None:
        self._batch, self._seed = batch, seed
        self._variants = variants + 1
        self._file: Path | None = None
        self.notes: list[str] = []
        self._samples: list[list[tuple[Targets, str]]] = []
        self._maps: list[NDArray[np.float16]] = []
        self._compute(network.eval(), plain, augmented, device, file, log)

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
            yield FeatureBatch(maps, _join_targets([t for t, _ in parts]), tuple(name for _, name in parts), self._size)

    def seconds_an_epoch(self, network: PoseNetwork, device: str) -> float:
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
        self,
        network: PoseNetwork,
        plain: Loader,
        augmented: Loader,
        device: str,
        file: Path,
        log: Callable[[str], None],
    ) -> None:
        count = plain.pictures
        began = time.monotonic()
        for variant in range(self._variants):
            done = 0
            self._samples.append([])
            source = plain.epoch(0, mosaic=False) if variant == 0 else augmented.epoch(variant, mosaic=True)
            for batch in source:
                images = batch.images.to(device).float().div_(255).contiguous(memory_format=torch.channels_last)
                features = network.features(images)
                if not self._maps:
                    self._size = (images.shape[2], images.shape[3])
                    self._maps = self._allocate(features, count, file, log)
                for level, part in zip(self._maps, features, strict=True):
                    level[variant, done : done + len(batch)] = part.cpu().half().numpy()
                self._samples[variant] += [(_targets_of(batch.targets, i), batch.names[i]) for i in range(len(batch))]
                done += len(batch)
                if variant == 0 and done == len(batch):
                    began = time.monotonic()  # the first batch also loads kernels
                elif variant == 0 and done <= 3 * len(batch) and done > 2 * len(batch):
                    each = (time.monotonic() - began) / (done - len(batch))
                    left = each * (count * self._variants - done)
                    log(f"features of {count} pictures in {self._variants} variants: about {format_duration(left)}")

    def _allocate(
        self, features: list[Tensor], count: int, file: Path, log: Callable[[str], None]
    ) -> list[NDArray[np.float16]]:
        shapes = [(self._variants, count, *level.shape[1:]) for level in features]
        need = sum(2 * math.prod(shape) for shape in shapes)
        if need <= free_memory() * _SHARE:
            return [np.empty(shape, np.float16) for shape in shapes]
        self._file = file
        log(f"features need {need / 1e9:.1f} GB, more than half of the free memory; they are kept in {file}.*")
        return [
            np.memmap(file.with_suffix(f".{level}"), np.float16, "w+", shape=shape)
            for level, shape in enumerate(shapes)
        ]


def _targets_of(targets: Targets, picture: int) -> Targets:
    rows = targets.picture == picture
    return Targets(*(getattr(targets, name)[rows].clone() for name in targets.__slots__))


def _join_targets(parts: list[Targets]) -> Targets:
    picture = torch.repeat_interleave(torch.arange(len(parts)), torch.tensor([len(part) for part in parts]))
    rest: Any = [torch.cat([getattr(part, name) for part in parts]) for name in Targets.__slots__[1:]]
    return Targets(picture, *rest)
