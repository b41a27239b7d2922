"""Checks of whole splits: which pictures have labels, which classes are there, what training leaves out."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from poise import files
from poise.datasets._dataset import Dataset, Scan, YoloDataset
from poise.datasets._find import any_case
from poise.datasets._labels import Problem
from poise.datasets.doctor._table import Table, yaml_line

# A class with fewer instances than this part of the largest class's is worth a word.
_RARE = 0.1


def check_splits(table: Table, scans: Sequence[Scan]) -> Iterator[Problem]:
    """Check what the splits hold as a whole."""
    spec = table.spec
    have = {dataset.split: dataset for dataset in table.datasets}
    if spec.file.suffix.lower() in (".yaml", ".yml"):
        for split in ("train", "val"):
            if split not in spec.splits:
                text = f"no {split} split" + (": how good a network is cannot be measured" if split == "val" else "")
                yield Problem("missing-split", "warning", spec.file, None, text, f"add a line '{split}: …'")
    for a, b in combinations(have.values(), 2):
        yield from _same_pictures(a, b)
    for dataset, found in zip(table.datasets, scans, strict=True):
        yield from _left_out(dataset, found)
        if isinstance(dataset, YoloDataset):
            yield from _without_picture(dataset)
            yield from _without_labels(dataset)
            yield from _shared_labels(dataset)
    yield from check_classes(table)


def _same_pictures(a: Dataset, b: Dataset) -> Iterator[Problem]:
    first, second = ({path.resolve(): path for path in dataset.paths} for dataset in (a, b))
    both = [first[key] for key in first.keys() & second.keys()]
    if both:
        whole = len(both) == len(first) == len(second)
        what = "the same pictures" if whole else f"{len(both)} pictures in common, such as {min(both).name}"
        yield Problem(
            "same-pictures",
            "error",
            a.spec.file,
            yaml_line(a.spec.file, b.split),
            f"{a.split} and {b.split} have {what}: figures on {b.split} only say how well {a.split} was memorised",
            f"move pictures of their own to {b.split}",
        )


def _left_out(dataset: Dataset, found: Scan) -> Iterator[Problem]:
    usable = np.array(found.usable, dtype=bool)
    if not usable.all():
        n = int((~usable).sum())
        example = dataset.paths[int(np.argmin(usable))]
        yield Problem(
            "left-out",
            "error",
            dataset.spec.file,
            None,
            f"{dataset.split}: training leaves out {n} of {len(usable)} pictures, as they or a row of their labels "
            f"cannot be used ({example.name}{', …' if n > 1 else ''})",
            "mend the errors above",
        )
    if usable.any() and not sum(len(labels) for labels in found.labels):
        yield Problem(
            "no-labels",
            "error",
            dataset.spec.file,
            yaml_line(dataset.spec.file, dataset.split),
            f"{dataset.split}: none of {len(usable)} pictures has a label",
            _where_labels(dataset),
        )


def _where_labels(dataset: Dataset) -> str:
    if isinstance(dataset, YoloDataset):
        return f"labels are looked for in files such as {dataset.label_path(0)}"
    return "annotate them"


def _without_picture(dataset: YoloDataset) -> Iterator[Problem]:
    expected = {dataset.label_path(i) for i in range(len(dataset))}
    beside = {path.parent for path in dataset.paths}
    for folder in sorted({path.parent for path in expected}):
        if not folder.is_dir():
            continue
        for file in sorted(folder.glob(any_case("*.txt"))):
            # Beside pictures there are lists and notes, too.
            if file not in expected and not (folder in beside and not _looks_like_labels(file)):
                if file.name.lower() == "classes.txt":
                    continue
                yield Problem(
                    "label-without-picture",
                    "warning",
                    file,
                    None,
                    f"there is no picture {file.stem}.* in {dataset.split}; the labels are not used",
                    "add the picture, or move the file out of the folder",
                )


def _looks_like_labels(file: Path) -> bool:
    try:
        with io.TextIOWrapper(files.open_plain(file, most=files.MOST_TEXT), encoding="utf-8") as lines:
            words = next(lines, "").split()
        return len(words) >= 5 and all(np.isfinite([float(word) for word in words]))
    except (OSError, ValueError):
        return False


def _without_labels(dataset: YoloDataset) -> Iterator[Problem]:
    missing = [i for i in range(len(dataset)) if not dataset.label_path(i).is_file()]
    for i in missing:
        yield Problem(
            "picture-without-label",
            "note",
            dataset.paths[i],
            None,
            "has no label file: it is trained on as background",
            f"right if there is nothing to find; else label it in {dataset.label_path(i)}",
        )


def _shared_labels(dataset: YoloDataset) -> Iterator[Problem]:
    """Name pictures that differ in their endings only: their labels are in one file."""
    first: dict[Path, Path] = {}
    for i, path in enumerate(dataset.paths):
        file = dataset.label_path(i)
        other = first.setdefault(file, path)
        if other != path and file.is_file():
            yield Problem(
                "shared-labels",
                "warning",
                file,
                None,
                f"the labels of both {other.name} and {path.name}",
                "right if they are one picture, then keep one of them; else rename one, with labels of its own",
                picture=path,
            )


def check_classes(table: Table) -> Iterator[Problem]:
    """Say which classes are never used and which are rare."""
    spec = table.spec
    if not len(table):
        return
    number = np.bincount(table.labels.classes, minlength=len(spec.names))
    line = yaml_line(spec.file, "names")
    for i in np.flatnonzero(number == 0):
        yield Problem(
            "unused-class",
            "warning",
            spec.file,
            line,
            f"class {i} ({spec.names[int(i)]}) has no instance",
            "label some, or take it out of names",
        )
    rare = (number > 0) & (number < _RARE * number.max())
    for i in np.flatnonzero(rare):
        most = int(np.argmax(number))
        yield Problem(
            "rare-class",
            "note",
            spec.file,
            line,
            f"class {i} ({spec.names[int(i)]}) has {number[i]} instances, {spec.names[most]} {number[most]}",
            "label more of it",
        )
