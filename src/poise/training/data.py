"""The data set of a training: opened, with all that is wrong with it told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from poise.datasets import Dataset, DataSpec, Labels, Problem, Scan, open_dataset, scan
from poise.datasets.doctor import mend_mirror, quick
from poise.errors import FormatError
from poise.training.settings import TrainSettings

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
    options: Any = {"images": settings.images, "min_conf": settings.min_conf}
    train = open_dataset(settings.data, "train", **options)
    notes = [note if note.startswith("train: ") else f"train: {note}" for note in getattr(train, "notes", ())]
    train_scan = scan(train)
    rows = [labels.xy for labels in train_scan.labels if len(labels)]
    xy = np.concatenate(rows) if rows else np.empty((0, train.spec.kpt_shape[0], 2), np.float32)
    train.spec, mended = mend_mirror(train.spec, xy, flip_idx=settings.flip_idx)
    notes += [mended] if mended else []
    notes += _describe_problems(train, train_scan)
    usable = sum(train_scan.usable)
    if not usable:
        first = next((str(p) for p in train_scan.problems if p.severity == "error"), "it has no pictures")
        raise FormatError(f"{settings.data}: none of its {len(train)} train pictures can be used: {first}")
    instances = sum(len(labels) for labels, use in zip(train_scan.labels, train_scan.usable, strict=True) if use)
    if not instances:
        raise FormatError(
            f"{settings.data}: its {usable} train pictures have no labels at all; label files are looked for in a "
            "folder 'labels' beside 'images', one .txt a picture"
        )
    boxes = np.concatenate([labels.boxes for labels in train_scan.labels])
    if not (np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) > 0).any():
        raise FormatError(
            f"{settings.data}: the boxes of all {instances} instances are empty (0 pixels wide or high), and nothing "
            "can be learned from them; write boxes round the instances"
        )
    background = sum(use and not len(labels) for labels, use in zip(train_scan.labels, train_scan.usable, strict=True))
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
        train, train_scan = _SingleClass(train, spec), _with_single_class(train_scan)
        if val is not None and val_scan is not None:
            val, val_scan = _SingleClass(val, spec), _with_single_class(val_scan)
    return Data(spec, train, train_scan, val, val_scan, tuple(notes))


def _open_val(settings: TrainSettings, spec: DataSpec, notes: list[str]) -> tuple[Dataset | None, Scan | None]:
    if not settings.val:
        return None, None
    if "val" not in spec.splits:
        notes.append("val: the data set names no val pictures; the last epoch is kept as the best")
        return None, None
    val = open_dataset(str(settings.data), "val", images=settings.images, min_conf=settings.min_conf)
    if val.spec.kpt_shape[0] != spec.kpt_shape[0]:
        raise FormatError(f"{settings.data}: train has {spec.kpt_shape[0]} keypoints, val has {val.spec.kpt_shape[0]}")
    val_scan = scan(val)
    notes += _describe_problems(val, val_scan)
    instances = sum(map(len, val_scan.labels))
    if not instances:
        notes.append(f"val: its {len(val)} pictures have no labels, so nothing can be measured; the last epoch is kept")
        return None, None
    notes.append(f"val: {sum(val_scan.usable)} pictures, {instances} instances")
    return val, val_scan


def _describe_problems(dataset: Dataset, labels: Scan) -> Iterator[str]:
    """Say what is wrong with labels and mirror map, a line a kind and the first few of each."""
    # The mirror map belongs to the whole data set and is spoken of once.
    more = [p for p in quick(dataset, labels) if dataset.split == "train" or not p.kind.startswith("flip-map")]
    problems = [*labels.problems, *more]
    kinds = Counter((p.severity, p.kind) for p in problems)
    for (severity, kind), count in sorted(kinds.items()):
        if severity == "note" and kind != "confidences":
            continue
        yield f"{dataset.split}: {severity}: {kind}, {count} times"
        several = [p for p in problems if (p.severity, p.kind) == (severity, kind)]
        yield from (f"  {problem}" for problem in several[:_SHOWN])
        if count > _SHOWN:
            yield f"  … {count - _SHOWN} more: poise data check lists all"


class _SingleClass:
    """A data set whose classes are all one."""

    def __init__(self, inner: Dataset, spec: DataSpec) -> None:
        self._inner, self.spec, self.split, self.paths = inner, spec, inner.split, inner.paths
        self.name, self.size, self.image = inner.name, inner.size, inner.image

    def __len__(self) -> int:
        return len(self._inner)

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        labels, problems = self._inner.read(index)
        return _with_class_zero(labels), problems


def _with_class_zero(labels: Labels) -> Labels:
    return replace(labels, classes=np.zeros_like(labels.classes))


def _with_single_class(scan: Scan) -> Scan:
    return replace(scan, labels=[_with_class_zero(labels) for labels in scan.labels])
