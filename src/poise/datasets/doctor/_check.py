"""Everything that is wrong with a data set, in one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise.datasets._dataset import Dataset, Scan, scan
from poise.datasets._labels import Problem
from poise.datasets.doctor._open import open_splits
from poise.datasets.doctor._mirror import check_mirror
from poise.datasets.doctor._places import check_places
from poise.datasets.doctor._splits import check_classes, check_splits
from poise.datasets.doctor._table import Table, table_of


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """What was found in a data set.

    Attributes:
        file: The description that was checked.
        problems: All that is wrong or worth knowing, errors first.
        statistics: Counts and distributions, ready for JSON.
        table: The usable instances; None where the description cannot be read.
    """

    file: Path
    problems: Sequence[Problem]
    statistics: Mapping[str, Any]
    table: Table | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Number of problems by severity."""
        found = Counter(p.severity for p in self.problems)
        return {name: found[name] for name in ("error", "warning", "note")}

    @property
    def ok(self) -> bool:
        """There are no errors."""
        return not self.counts["error"]


def check(data: str | Path, *, splits: Sequence[str] = ("train", "val", "test")) -> Diagnosis:
    """Look for everything that is wrong with a data set.

    Args:
        data: A data YAML or a label file, as :func:`poise.datasets.open_dataset` takes it.
        splits: Which splits; those that the data set does not have are passed over.

    Raises:
        ValueError: There is no such split.
    """
    opened = open_splits(data, splits)
    problems = list(opened.problems)
    table = None
    if opened.datasets:
        scans = [scan(dataset) for dataset in opened.datasets]
        table = table_of(opened.datasets, scans)
        for found in scans:
            problems += found.problems
        problems += check_places(table)
        problems += check_mirror(table.spec)
        problems += check_splits(table, scans)
    return Diagnosis(opened.file, sort(problems), {}, table)


def quick(dataset: Dataset, found: Scan) -> list[Problem]:
    """Check the labels of one split that has been scanned, and its mirror map, in well under a second.

    Args:
        dataset: The split.
        found: What :func:`poise.datasets.scan` found in it; its own problems are not repeated.

    Returns:
        Further problems, errors first.
    """
    table = table_of([dataset], [found])
    return sort([*check_mirror(dataset.spec), *check_places(table), *check_classes(table)])


_ORDER = {"error": 0, "warning": 1, "note": 2}


def sort(problems: Iterable[Problem]) -> list[Problem]:
    """Order problems: errors, warnings, notes; each by kind, file and line."""
    return sorted(problems, key=lambda p: (_ORDER[p.severity], p.kind, str(p.file), p.line or 0))
