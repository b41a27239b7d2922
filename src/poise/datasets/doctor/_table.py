"""All labelled instances of a data set as one table that remembers where each row is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.datasets._dataset import CocoDataset, Dataset, Scan, YoloDataset, label_file
from poise.datasets._labels import Labels, Problem, Severity, stack
from poise.datasets._spec import DataSpec
from poise.errors import FormatError, SourceError


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table:
    """The usable instances of some splits, row by row, and the pictures that they are in.

    Attributes:
        spec: What the data set holds.
        datasets: The splits.
        labels: All instances.
        sizes: ``(N, 2)`` width and height of each instance's picture, pixels.
        split: ``(N,)`` index into ``datasets``.
        picture: ``(N,)`` index of the picture in its split.
        row: ``(N,)`` index of the instance among the usable ones of its picture.
        counts: For each split, ``(P,)`` usable instances a picture.
    """

    spec: DataSpec
    datasets: Sequence[Dataset]
    labels: Labels
    sizes: NDArray[np.float64]
    split: NDArray[np.intp]
    picture: NDArray[np.intp]
    row: NDArray[np.intp]
    counts: Sequence[NDArray[np.intp]]
    _lines: dict[tuple[int, int], NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: NDArray[np.intp]) -> Table:
        return Table(
            self.spec, self.datasets, self.labels[rows], self.sizes[rows], self.split[rows], self.picture[rows],
            self.row[rows], self.counts, self._lines,
        )  # fmt: skip

    def together(self) -> Iterator[tuple[int, int]]:
        """Yield the first row of each picture with several instances, and the row after its last."""
        change = (np.diff(self.picture) != 0) | (np.diff(self.split) != 0)
        edges = [0, *(np.flatnonzero(change) + 1).tolist(), len(self)]
        yield from ((a, b) for a, b in pairwise(edges) if b - a > 1)

    def path(self, i: int) -> Path:
        """Return the picture of instance ``i``."""
        path: Path = self.datasets[self.split[i]].paths[self.picture[i]]
        return path

    def where(self, i: int) -> tuple[Path, int | None, str]:
        """Return file and line of instance ``i``, and how a message names it where the line does not."""
        dataset, picture = self.datasets[self.split[i]], int(self.picture[i])
        if isinstance(dataset, YoloDataset):
            key = (int(self.split[i]), picture)
            if key not in self._lines:
                try:
                    self._lines[key] = dataset.read_lines(picture)[2]
                except (FormatError, SourceError):  # gone since it was read
                    self._lines[key] = np.empty(0, np.int64)
            lines = self._lines[key]
            row = int(self.row[i])
            return dataset.label_path(picture), int(lines[row]) if row < len(lines) else None, ""
        file = label_file(dataset, picture)
        name = f"{dataset.name(picture)}: " if file != dataset.paths[picture] else ""
        if isinstance(dataset, CocoDataset):
            number = dataset.annotation_ids(picture)
            if len(number) == self.counts[self.split[i]][picture]:
                return file, None, f"{name}annotation {number[self.row[i]]}: "
        return file, None, f"{name}instance {int(self.row[i])}: "

    def problem(self, kind: str, severity: Severity, i: int | np.integer[Any], message: str, mend: str = "") -> Problem:
        """Write one problem about instance ``i``."""
        file, line, name = self.where(int(i))
        return Problem(kind, severity, file, line, name + message, mend, int(self.row[i]), self.path(int(i)))


def table_of(datasets: Sequence[Dataset], scans: Sequence[Scan]) -> Table:
    """Join the labels of some splits; those of pictures that cannot be used are not in it."""
    spec = datasets[0].spec
    parts: list[Labels] = [Labels.empty(spec.kpt_shape[0])]
    columns: list[NDArray[np.intp]] = []
    sizes: list[NDArray[np.float64]] = []
    counts = []
    for s, found in enumerate(scans):
        number = np.array([len(labels) for labels in found.labels], dtype=np.intp)
        counts.append(number)
        parts += found.labels
        picture = np.repeat(np.arange(len(number)), number)
        row = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        columns.append(np.stack([np.full(len(picture), s), picture, row], 1))
        sizes.append(np.array(found.sizes, dtype=np.float64).reshape(-1, 2)[picture])
    joined = np.concatenate(columns) if columns else np.empty((0, 3), np.intp)
    split, picture, row = joined.T
    return Table(spec, datasets, stack(parts), np.concatenate(sizes), split, picture, row, counts)


def yaml_line(file: Path, key: str) -> int | None:
    """Return the line of a key at the left margin of a YAML file, from 1."""
    try:
        lines = files.read_text(file, most=files.MOST_SETTINGS).splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((i for i, line in enumerate(lines, 1) if line.startswith(f"{key}:")), None)
