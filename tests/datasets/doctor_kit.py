"""Copies of real data sets that faults are put into."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from poise.datasets.doctor import Diagnosis


def copy(source: Path, to: Path, *, pictures: int | None = None) -> Path:
    """Copy a data set, or the first pictures of each split with their labels; returns its YAML file."""
    names = sorted(p for p in source.rglob("*") if p.is_file())
    seen: dict[Path, int] = {}
    for path in names:
        number = seen[path.parent] = seen.get(path.parent, 0) + 1
        if pictures is None or path.suffix == ".yaml" or number <= pictures:
            target = to / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return next(to.glob("*.yaml"))


def kinds(found: Diagnosis) -> set[str]:
    """Return the kinds of errors and warnings."""
    return {p.kind for p in found.problems if p.severity != "note"}


def edit(file: Path, line: int, change: Callable[[list[str]], list[str]]) -> None:
    """Change the words of one line, from 1, of a label file."""
    lines = file.read_text().splitlines()
    lines[line - 1] = " ".join(change(lines[line - 1].split()))
    file.write_text("\n".join(lines) + "\n")


def swap_words(old: int, new: str) -> Callable[[list[str]], list[str]]:
    """Return a change that replaces one word."""
    return lambda words: [*words[:old], new, *words[old + 1 :]]
