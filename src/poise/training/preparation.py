"""What has to be known before a training starts: the data and its problems, the device, what does not learn."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from poise.datasets import Dataset, DataSpec, Labels, Problem, Scan, open_dataset, scan
from poise.datasets.doctor import mend_mirror, quick
from poise.errors import FormatError, ModelError
from poise.networks import PoseNetwork
from poise.training.augment import Augmentation
from poise.training.config import TrainSettings

_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """The data set of a training.

    Attributes:
        spec: What it holds.
        train: Pictures to learn from.
        train_scan: Their labels.
        val: Pictures to validate on; None without.
        val_scan: Their labels.
        notes: What the user should know of, a line each.
    """

    spec: DataSpec
    train: Dataset
    train_scan: Scan
    val: Dataset | None
    val_scan: Scan | None
    notes: tuple[str, ...]


def open_data(settings: TrainSettings) -> Data:
    """Open both splits and read all labels.

    Raises:
        FormatError: There is nothing to learn from, with the first reason.
    """
    if not settings.data:
        raise ValueError("train() needs data: a YOLO-pose YAML file or a COCO keypoint JSON file")
    how: Any = {"images": settings.images, "min_conf": settings.min_conf}
    train = open_dataset(settings.data, "train", **how)
    notes = [note if note.startswith("train: ") else f"train: {note}" for note in getattr(train, "notes", ())]
    found = scan(train)
    rows = [labels.xy for labels in found.labels if len(labels)]
    xy = np.concatenate(rows) if rows else np.empty((0, train.spec.kpt_shape[0], 2), np.float32)
    train.spec, mended = mend_mirror(train.spec, xy, flip_idx=settings.flip_idx)
    notes += [mended] if mended else []
    notes += _problems(train, found)
    usable = sum(found.usable)
    if not usable:
        first = next((str(p) for p in found.problems if p.severity == "error"), "it has no pictures")
        raise FormatError(f"{settings.data}: none of its {len(train)} train pictures can be used: {first}")
    instances = sum(len(labels) for labels, use in zip(found.labels, found.usable, strict=True) if use)
    if not instances:
        raise FormatError(
            f"{settings.data}: its {usable} train pictures have no labels at all; label files are looked for in a "
            "folder 'labels' beside 'images', one .txt a picture"
        )
    boxes = np.concatenate([labels.boxes for labels in found.labels])
    if not (np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) > 0).any():
        raise FormatError(
            f"{settings.data}: the boxes of all {instances} instances are empty (0 pixels wide or high), and nothing "
            "can be learned from them; write boxes round the instances"
        )
    background = sum(use and not len(labels) for labels, use in zip(found.labels, found.usable, strict=True))
    notes.insert(
        0,
        f"train: {usable} pictures, {instances} instances"
        + (f", {background} without any (background)" if background else "")
        + (f"; {len(train) - usable} cannot be used" if usable < len(train) else ""),
    )
    val, val_scan = _open_val(settings, train.spec, notes)
    spec = train.spec
    if settings.single_cls:
        spec = replace(spec, names={0: "object"})
        train, found = _OneClass(train, spec), _one_class(found)
        if val is not None and val_scan is not None:
            val, val_scan = _OneClass(val, spec), _one_class(val_scan)
    return Data(spec, train, found, val, val_scan, tuple(notes))


def _open_val(settings: TrainSettings, spec: DataSpec, notes: list[str]) -> tuple[Dataset | None, Scan | None]:
    if not settings.val:
        return None, None
    if "val" not in spec.splits:
        notes.append("val: the data set names no val pictures; the last epoch is kept as the best")
        return None, None
    val = open_dataset(str(settings.data), "val", images=settings.images, min_conf=settings.min_conf)
    if val.spec.kpt_shape[0] != spec.kpt_shape[0]:
        raise FormatError(f"{settings.data}: train has {spec.kpt_shape[0]} keypoints, val has {val.spec.kpt_shape[0]}")
    found = scan(val)
    notes += _problems(val, found)
    instances = sum(map(len, found.labels))
    if not instances:
        notes.append(f"val: its {len(val)} pictures have no labels, so nothing can be measured; the last epoch is kept")
        return None, None
    notes.append(f"val: {sum(found.usable)} pictures, {instances} instances")
    return val, found


def _problems(dataset: Dataset, found: Scan) -> Iterator[str]:
    """Say what is wrong with labels and mirror map, a line a kind and the first few of each."""
    # The mirror map belongs to the whole data set and is spoken of once.
    more = [p for p in quick(dataset, found) if dataset.split == "train" or not p.kind.startswith("flip-map")]
    problems = [*found.problems, *more]
    kinds = Counter((p.severity, p.kind) for p in problems)
    for (severity, kind), count in sorted(kinds.items()):
        if severity == "note" and kind != "confidences":
            continue
        yield f"{dataset.split}: {severity}: {kind}, {count} times"
        several = [p for p in problems if (p.severity, p.kind) == (severity, kind)]
        yield from (f"  {problem}" for problem in several[:_SHOWN])
        if count > _SHOWN:
            yield f"  … {count - _SHOWN} more: poise data check lists all"


class _OneClass:
    """A data set whose classes are all one."""

    def __init__(self, inner: Dataset, spec: DataSpec) -> None:
        self._inner, self.spec, self.split, self.paths = inner, spec, inner.split, inner.paths
        self.name, self.size, self.image = inner.name, inner.size, inner.image

    def __len__(self) -> int:
        return len(self._inner)

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        labels, problems = self._inner.read(index)
        return _zero(labels), problems


def _zero(labels: Labels) -> Labels:
    return replace(labels, classes=np.zeros_like(labels.classes))


def _one_class(found: Scan) -> Scan:
    return replace(found, labels=[_zero(labels) for labels in found.labels])


def augmentation(settings: TrainSettings) -> Augmentation:
    """Return the settings' augmentation; rectangular batches cannot hold mosaics."""
    known = {f.name for f in fields(Augmentation)} & set(settings.table())
    chosen = {name: getattr(settings, name) for name in known}
    if settings.rect:
        chosen |= {"mosaic": 0.0, "mixup": 0.0, "cutmix": 0.0}
    return Augmentation(**chosen)


def device_of(text: str | None) -> str:
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


def freeze(network: PoseNetwork, what: int | str | tuple[int | str, ...] | None) -> list[str]:
    """Switch off the gradients of layers.

    Args:
        network: Changed in place.
        what: The first n layers; a list of layers' numbers or of parts of parameters' names; or ``"backbone"``: all
            but the head.

    Returns:
        The names of the modules that do not learn: their batch norms keep their statistics too.

    Raises:
        ValueError: Nothing is left to learn, or nothing is meant.
    """
    last = len(network.model) - 1
    if what is None or what == () or what == 0:
        return []
    if what == "backbone":
        what = last
    parts = [f"model.{i}." for i in range(what)] if isinstance(what, int) else []
    if not isinstance(what, int):
        listed: Iterable[int | str] = (what,) if isinstance(what, str) else what
        parts = [f"model.{part}." if isinstance(part, int) else part for part in listed]
    hit = 0
    for name, parameter in network.named_parameters():
        if any(part in name for part in parts):
            parameter.requires_grad_(False)
            hit += 1
    if not hit:
        raise ValueError(f"freeze={what!r} means no parameter; layers are numbered from 0 to {last}")
    if not any(p.requires_grad for p in network.parameters()):
        raise ValueError(f"freeze={what!r} leaves nothing to learn; the head is layer {last}")
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d) and any(part in f"{name}." for part in parts)
    ]


def workers(asked: int | None, device: str) -> int:
    """Return how many processes read pictures: by default one beside a CPU that computes, up to eight beside a GPU."""
    if asked is not None:
        return max(asked, 0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
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
