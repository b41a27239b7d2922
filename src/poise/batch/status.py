"""How far a batch is: for the one that runs, for the one that has ended, and for one that somebody else runs."""

from __future__ import annotations

import re
import time as clock
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from poise.batch.manifest import DONE, FAILED, PENDING, RUNNING, SAME, Manifest
from poise.files.writing import held

# Reasons that are listed, those of most items first; and items of each that are named.
_REASONS, _NAMED = 20, 5
# The speed of a batch that runs is that of the last seconds.
_RECENT_S = 120.0
_LIVELY_S = 60.0


@dataclass(frozen=True, slots=True)
class WorkerProgress:
    """What one worker is doing.

    Attributes:
        source: Of its item; empty: it waits.
        frames: Of this item, so far.
        done: Items of this run.
        total: Frames of this run.
        open: Its models are open.
    """

    source: str
    frames: int
    done: int
    total: int
    open: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        done: Items done in this run; and so are the others.
        failed: Items set aside.
        left: Items that are neither.
        frames: Looked at.
        seconds: Since it began.
        full: Where the disk is full; empty while there is room.
        workers: What each of them is doing.
    """

    done: int
    failed: int
    left: int
    frames: int
    seconds: float
    full: str
    workers: tuple[WorkerProgress, ...]

    @property
    def rate(self) -> float:
        """Items a second."""
        return (self.done + self.failed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds to the end, None where nothing is known yet."""
        return self.left / self.rate if self.rate > 0 else None


@dataclass(frozen=True, slots=True)
class Reason:
    """Items that failed alike.

    Attributes:
        said: Why, without the item's name.
        items: How many.
        sources: Some of them.
    """

    said: str
    items: int
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What came of a batch, all its runs together.

    Attributes:
        folder: Of the batch.
        items: Of the list.
        done: Done.
        failed: Set aside.
        left: To do.
        same: Left out, because they equal an earlier one.
        rows: Written.
        frames: Looked at.
        seconds: This call took; of a batch that is looked at, 0.
        work_s: All workers took together.
        shards: Files that are written, in order.
        reasons: Why items failed, the most frequent first.
        running: Somebody is at work on it.
        rate: Items a second, lately, where somebody is; else of the last run.
        settings: What the results were made with.
    """

    folder: Path
    items: int
    done: int
    failed: int
    left: int
    same: int
    rows: int
    frames: int
    seconds: float
    work_s: float
    shards: tuple[Path, ...]
    reasons: tuple[Reason, ...]
    running: bool = False
    rate: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def left_s(self) -> float | None:
        """Seconds to the end, None where nobody is at work on it."""
        return self.left / self.rate if self.running and self.rate > 0 else None

    def record(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        told = asdict(self)
        told.update(
            folder=str(self.folder),
            shards=[str(path) for path in self.shards],
            rate=round(self.rate, 3),
            seconds=round(self.seconds, 3),
            work_s=round(self.work_s, 3),
            left_s=None if self.left_s is None else round(self.left_s, 1),
        )
        return told


def read_status(folder: str | Path) -> BatchReport:
    """Look at a batch, also while somebody is at work on it.

    Args:
        folder: Of the batch.

    Raises:
        PoiseError: No batch is there.
        FormatError: Its manifest cannot be read.
    """
    folder = Path(folder)
    with Manifest(folder, readonly=True) as manifest:
        return report_of(manifest, folder, running=_at_work(folder))


def report_of(manifest: Manifest, folder: Path, *, seconds: float = 0.0, running: bool = False) -> BatchReport:
    """Return what a manifest says."""
    counts = manifest.counts()

    def of(*states: str, what: str = "items") -> int:
        return int(sum(counts[state][what] for state in states if state in counts))

    return BatchReport(
        folder=folder,
        items=of(*counts),
        done=of(DONE),
        failed=of(FAILED),
        left=of(PENDING, RUNNING),
        same=of(SAME),
        rows=of(DONE, what="rows"),
        frames=of(DONE, what="frames"),
        seconds=seconds,
        work_s=sum(one["seconds"] for one in counts.values()),
        shards=tuple(folder / "shards" / one["file"] for one in manifest.shards() if one["file"]),
        reasons=reasons_of(manifest),
        running=running,
        rate=_rate(manifest, running=running),
        settings=manifest.fact("settings") or {},
    )


def reasons_of(manifest: Manifest) -> tuple[Reason, ...]:
    """Return why items failed, the most frequent first."""
    counted: Counter[str] = Counter()
    named: dict[str, list[str]] = {}
    for source, said in manifest.failures():
        reason = _without(said, source)
        counted[reason] += 1
        some = named.setdefault(reason, [])
        if len(some) < _NAMED:
            some.append(source)
    return tuple(Reason(said, items, tuple(named[said])) for said, items in counted.most_common(_REASONS))


def _without(said: str, source: str) -> str:
    """Return a sentence without what is in it of one item only."""
    from poise.files.text import one_line

    for name in (source, one_line(source)):
        said = said.removeprefix(f"{name}: ").replace(name, "…")
    return re.sub(r"\bprocess \d+", "process", said)


def _rate(manifest: Manifest, *, running: bool) -> float:
    points = manifest.pace()
    if not points:
        return 0.0
    last = points[-1]
    if running and clock.time() - last[0] > _LIVELY_S:
        return 0.0
    first = next(p for p in points if p[1] == last[1] and (not running or last[0] - p[0] <= _RECENT_S))
    seconds = last[0] - first[0]
    return (last[2] + last[4] - first[2] - first[4]) / seconds if seconds > 0 else 0.0


def _at_work(folder: Path) -> bool:
    """Return whether somebody holds the folder."""
    try:
        with (folder / "lock").open("ab") as lock:
            return not held(lock)
    except OSError:
        return False
