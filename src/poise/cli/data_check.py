"""``poise data check``: what is wrong with a data set, and how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.progress import track
from rich.text import Text

from poise.datasets import Problem
from poise.datasets.doctor import Diagnosis, write_sheet
from poise.datasets.doctor import check as check_
from poise.files.text import plain, say_json, screen
from poise.files.writing import check_writable

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def check(
    data: str,
    /,
    *,
    split: str | None = None,
    images: Path | None = None,
    min_conf: float = 0.0,
    fast: bool = False,
    again: str | None = None,
    workers: int | None = None,
    examples: int = 3,
    sheet: Path | None = None,
    json: bool = False,
) -> int:
    """Check the labelled pictures of DATA: labels, mirror map, pictures, splits.

    Exit code 1 means that there are errors: labels or pictures that training cannot use, or a mirror map that is wrong.

    Args:
        data: A data YAML, its folder, the name of one that comes with Poise, or a label file.
        split: Only train, val or test.
        images: Folder of the pictures, where they are not where the files say.
        min_conf: Of labels that are saved predictions: a keypoint counts as labelled above this confidence.
        fast: Do not decode pictures: damage and pictures that are alike are not found.
        again: The same pictures labelled a second time: a data YAML or label file, for OKS sigmas.
        workers: Threads that decode pictures; else one a core.
        examples: How many problems of a kind are shown; 0 shows all.
        sheet: Write a page (.html) or picture (.png) that shows samples, problems and distributions.
        json: Print JSON on standard output: all problems, and statistics.
    """
    if examples < 0:
        raise ValueError(f"--examples must be 0 or more, got {examples}")
    if sheet is not None and sheet.suffix.lower() not in (".html", ".htm", ".png"):
        raise ValueError(f"--sheet {sheet}: expected a name that ends in .html or .png")
    if sheet is not None:
        check_writable(sheet)
    console = screen(stderr=True)

    def watch(indices: Iterable[int], what: str) -> Iterable[int]:
        return track(indices, what, console=console, transient=True, disable=not console.is_terminal)

    splits = (split,) if split else ("train", "val", "test")
    found = check_(
        data, splits=splits, images=images, min_conf=min_conf, fast=fast, again=again, workers=workers, watch=watch
    )
    if json:
        say_json(_table(found), indent=2)
    else:
        _show(found, examples)
    if sheet is not None:
        console.print(f"saved to {write_sheet(found, sheet)}", soft_wrap=True)
    return 0 if found.ok else 1


def _show(found: Diagnosis, examples: int) -> None:
    console = screen(file=sys.stdout, soft_wrap=True)
    for line in _lines(found.problems, examples):
        console.print(line)
    for name, split in found.statistics.get("splits", {}).items():
        console.print(
            f"{name}: {split['pictures']} pictures, {split['left_out']} left out of training, {split['background']} "
            f"background, {split['instances']} instances",
            markup=False,
        )
    counts = found.counts
    console.print(
        f"{found.file}: " + ", ".join(f"{n} {word}{'s' if n != 1 else ''}" for word, n in counts.items()), markup=False
    )


def _lines(problems: Sequence[Problem], examples: int) -> Iterator[Text]:
    """Write one line a problem; of many of one kind the first ones and their number."""
    for (severity, kind), group in groupby(problems, key=lambda p: (p.severity, p.kind)):
        members = list(group)
        shown = members[: examples or None]
        for problem in shown:
            yield Text.assemble((severity, _COLOURS[severity]), plain(f" [{kind}] {problem}"))
        if len(members) > len(shown):
            yield Text(f"  … {len(members) - len(shown)} more of {kind} ({len(members)} in all; --json lists them)")


def _table(found: Diagnosis) -> dict[str, Any]:
    return {
        "file": str(found.file),
        "counts": found.counts,
        "problems": [
            {
                "severity": p.severity,
                "kind": p.kind,
                "file": str(p.file),
                "line": p.line,
                "message": p.message,
                "mend": p.mend,
                "row": p.row,
                "picture": str(p.picture) if p.picture is not None else None,
            }
            for p in found.problems
        ],
        "statistics": found.statistics,
    }
