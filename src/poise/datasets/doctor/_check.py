"""Everything that is wrong with a data set, in one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poise.datasets._dataset import Dataset, Scan
from poise.datasets._labels import Problem
from poise.datasets._spec import DataSpec
from poise.datasets.doctor._duplicates import find_likeness
from poise.datasets.doctor._limbs import check_limbs
from poise.datasets.doctor._look import check_bytes, check_likeness, check_turned
from poise.datasets.doctor._mirror import check_evidence, check_mirror, known_skeleton
from poise.datasets.doctor._open import open_splits
from poise.datasets.doctor._pictures import PictureFacts, examine, join
from poise.datasets.doctor._places import check_places
from poise.datasets.doctor._points import check_points
from poise.datasets.doctor._read import check_hidden, read_labels
from poise.datasets.doctor._sigmas import Sigmas, find_sigmas
from poise.datasets.doctor._splits import check_classes, check_splits
from poise.datasets.doctor._statistics import measure
from poise.datasets.doctor._swaps import check_swaps, find_swaps
from poise.datasets.doctor._table import Table, table_of, yaml_line
from poise.errors import FormatError
from poise.runtime import usable_cores

_ALIKE = 20  # pairs of pictures that are kept to be shown

Watch = Callable[[Iterable[int], str], Iterable[int]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Diagnosis:
    """What was found in a data set.

    Attributes:
        file: The description that was checked.
        problems: All that is wrong or worth knowing, errors first.
        statistics: Counts and distributions, ready for JSON.
        table: The usable instances; None where the description cannot be read.
        alike: Some pictures of one split that look like those of another, the most alike first.
    """

    file: Path
    problems: Sequence[Problem]
    statistics: Mapping[str, Any]
    table: Table | None = None
    alike: Sequence[tuple[Path, Path]] = ()

    def __repr__(self) -> str:
        return f"Diagnosis({str(self.file)!r}, {', '.join(f'{n} {name}s' for name, n in self.counts.items())})"

    @property
    def counts(self) -> dict[str, int]:
        """Number of problems by severity."""
        found = Counter(p.severity for p in self.problems)
        return {name: found[name] for name in ("error", "warning", "note")}

    @property
    def ok(self) -> bool:
        """There are no errors."""
        return not self.counts["error"]


def check(
    data: str | Path,
    *,
    splits: Sequence[str] = ("train", "val", "test"),
    images: str | Path | None = None,
    min_conf: float = 0.0,
    fast: bool = False,
    again: str | Path | None = None,
    workers: int | None = None,
    watch: Watch | None = None,
) -> Diagnosis:
    """Look for everything that is wrong with a data set.

    Args:
        data: A data YAML or a label file, as :func:`poise.datasets.open_dataset` takes it.
        splits: Which splits; those that the data set does not have are passed over.
        images: Folder of the pictures, as :func:`poise.datasets.open_dataset` takes it.
        min_conf: Of labels that are saved predictions, as :func:`poise.datasets.open_dataset` takes it.
        fast: Read only the heads of pictures: damage behind them and pictures that are alike are not found.
        again: The same pictures labelled a second time, for OKS sigmas.
        workers: Threads that decode pictures; None: one a core.
        watch: Wraps the indices of pictures, with what is done and their number, for a progress bar.

    Raises:
        FormatError: There is no such file, or ``again`` cannot be read.
        ValueError: There is no such split, or ``again`` has other keypoints.
    """
    opened = open_splits(data, splits, images=images, min_conf=min_conf)
    problems = list(opened.problems)
    if not opened.datasets:
        return Diagnosis(opened.file, sort(problems), {})
    datasets = opened.datasets
    told = dict.fromkeys(note for dataset in datasets for note in getattr(dataset, "notes", ()))
    problems += [_as_problem(opened.file, note) for note in told]
    seen = None if fast else look_at(datasets, workers=workers, watch=watch)
    scans = []
    for i, dataset in enumerate(datasets):
        indices = watch(range(len(dataset)), f"labels of {dataset.split}") if watch else range(len(dataset))
        found, hidden = read_labels(dataset, seen[i] if seen else None, indices)
        scans.append(found)
        problems += found.problems
        problems += check_hidden(hidden)
    table = table_of(datasets, scans)
    spec = table.spec
    skeleton, _ = known_skeleton(spec)
    problems += check_places(table)
    problems += check_points(table)
    problems += check_splits(table, scans)
    problems += check_limbs(table, skeleton)
    if not any(p.kind == "flip-map-invalid" for p in problems):
        problems += check_mirror(spec)
    problems += check_evidence(table, skeleton)
    swaps = find_swaps(table, skeleton)
    problems += check_swaps(table, swaps)
    alike: list[tuple[Path, Path]] = []
    statistics = measure(table, scans, skeleton)
    statistics["swaps"] = None if swaps is None else {"judged": swaps.judged, "told": round(swaps.told, 3)}
    if seen is not None:
        statistics["alike"], alike, more = _compare(datasets, seen)
        problems += more
    sigmas = find_sigmas(table, skeleton, _second(again, splits))
    problems.append(_on_sigmas(spec, sigmas))
    statistics["sigmas"] = {
        "values": [round(float(v), 5) for v in sigmas.values],
        "pairs": sigmas.pairs.tolist(),
        "source": sigmas.source,
        "line": sigmas.line,
    }
    return Diagnosis(opened.file, sort(problems), statistics, table, alike)


def _as_problem(file: Path, note: str) -> Problem:
    """Return what reading told: a key that is not known is likely a mistake, the rest is worth knowing."""
    if note.startswith("the key "):
        line = yaml_line(file, note.split("'")[1])
        return Problem("unknown-key", "warning", file, line, note, "correct the key")
    return Problem("as-read", "note", file, None, note)


def look_at(datasets: Sequence[Dataset], *, workers: int | None, watch: Watch | None) -> list[PictureFacts]:
    """Look into all pictures."""
    number = workers or usable_cores()
    return [
        examine(d.paths, workers=number, indices=watch(range(len(d)), f"pictures of {d.split}") if watch else None)
        for d in datasets
    ]


def _compare(
    datasets: Sequence[Dataset], seen: Sequence[PictureFacts]
) -> tuple[dict[str, Any], list[tuple[Path, Path]], list[Problem]]:
    split = np.repeat(np.arange(len(datasets)), [len(d) for d in datasets])
    offset = np.cumsum([0, *(len(d) for d in datasets)])[:-1]
    likeness = find_likeness(join(seen), split)
    problems = list(check_likeness(datasets, split, offset, likeness))
    problems += check_bytes(datasets, seen)
    for dataset, facts in zip(datasets, seen, strict=True):
        problems += check_turned(dataset, facts)
    counts = {
        d.split: {
            "like_another_split": int((likeness.other[split == s] >= 0).sum()),
            "like_an_earlier_one": int((likeness.earlier[split == s] >= 0).sum()),
        }
        for s, d in enumerate(datasets)
    }
    paths = [path for dataset in datasets for path in dataset.paths]
    rows = np.flatnonzero(likeness.other >= 0)
    rows = rows[np.argsort(likeness.bits[rows], kind="stable")]
    alike = [(paths[likeness.other[i]], paths[i]) for i in rows[:_ALIKE]]
    return counts, alike, problems


def _second(again: str | Path | None, splits: Sequence[str]) -> Table | None:
    if again is None:
        return None
    opened = open_splits(again, splits)
    if not opened.datasets:
        raise FormatError(str(opened.problems[0]) if opened.problems else f"{again}: has none of {', '.join(splits)}")
    scans = [read_labels(dataset, None, range(len(dataset)))[0] for dataset in opened.datasets]
    return table_of(opened.datasets, scans)


def _on_sigmas(spec: DataSpec, sigmas: Sigmas) -> Problem:
    if sigmas.line:
        text = f"OKS sigmas {sigmas.source}"
        return Problem("sigmas-estimated", "note", spec.file, yaml_line(spec.file, "kpt_oks_sigmas"), text,
                       f"write '{sigmas.line}'")  # fmt: skip
    mend = ""
    if sigmas.source.startswith("assumed"):
        mend = "label 50 instances twice and give the second labels with --again, or write kpt_oks_sigmas"
    return Problem("sigmas", "note", spec.file, yaml_line(spec.file, "kpt_oks_sigmas"), f"OKS sigmas: {sigmas.source}",
                   mend)  # fmt: skip


def quick(dataset: Dataset, found: Scan) -> list[Problem]:
    """Check the labels of one split that has been scanned, and its mirror map, in well under a second.

    Args:
        dataset: The split.
        found: What :func:`poise.datasets.scan` found in it; its own problems are not repeated.

    Returns:
        Further problems, errors first.
    """
    table = table_of([dataset], [found])
    never = [problem for problem in check_points(table) if problem.kind == "never-labelled"]
    return sort([*check_mirror(dataset.spec), *check_places(table), *check_classes(table), *never])


_ORDER = {"error": 0, "warning": 1, "note": 2}


def sort(problems: Iterable[Problem]) -> list[Problem]:
    """Order problems: errors, warnings, notes; each by kind, file and line."""
    return sorted(problems, key=lambda p: (_ORDER[p.severity], p.kind, str(p.file), p.line or 0))
