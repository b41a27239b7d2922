"""How a batch is shown while it runs: a table of all workers on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from poise.files.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from poise.batch import Progress

# Seconds between two lines where no table can be shown.
_EVERY_S = 10.0
# Workers that have a line of their own.
_MOST = 24


def duration(seconds: float | None) -> str:
    """Return a time for people.

    Example:
        >>> duration(42), duration(4000), duration(400_000), duration(None)
        ('42 s', '1 h 06 min', '4 d 15 h', '?')
    """
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


class BatchTable:
    """Shows how far a batch is.

    Args:
        console: Where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._said = monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.quiet:
            self._live = Live(console=self._console, transient=True, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def note(self, text: str) -> None:
        """Say one sentence."""
        self._console.print(f"poise: {one_line(text)}", soft_wrap=True)

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        if self._live is not None:
            self._live.update(table(progress))
        elif monotonic() - self._said > _EVERY_S:
            self._said = monotonic()
            self._console.print(line(progress), soft_wrap=True)


def line(progress: Progress) -> str:
    """Return all in one line."""
    frames = progress.frames / progress.seconds if progress.seconds > 0 else 0.0
    parts = [
        f"{progress.done} done",
        f"{progress.failed} failed",
        f"{progress.left} left",
        f"{progress.rate:.1f} items/s",
        f"{frames:.1f} frames/s",
        f"{duration(progress.left_s)} left",
    ]
    return "poise: " + ", ".join(parts) + (f"; the disk is full: {one_line(progress.full)}" if progress.full else "")


def table(progress: Progress) -> Any:
    """Return a table: a line a worker, and the sum."""
    made = Table(box=None, padding=(0, 2, 0, 0), expand=True)
    for name, more in (
        ("worker", {}),
        ("items", {"justify": "right"}),
        ("items/s", {"justify": "right"}),
        ("frames/s", {"justify": "right"}),
        ("at", {"ratio": 1, "no_wrap": True, "overflow": "ellipsis"}),
    ):
        made.add_column(name, **more)
    seconds = max(progress.seconds, 1e-9)
    for i, worker in enumerate(progress.workers[:_MOST]):
        what = one_line(Path(worker.source).name) if worker.source else "waits" if worker.open else "opens the model"
        at = f"{what}, frame {worker.frames}" if worker.frames else what
        made.add_row(str(i + 1), str(worker.done), f"{worker.done / seconds:.1f}", f"{worker.total / seconds:.1f}", at)
    if len(progress.workers) > _MOST:
        made.add_row("…", "", "", "", f"{len(progress.workers) - _MOST} more")
    over = progress.done + progress.failed
    bar = ProgressBar(total=max(over + progress.left, 1), completed=over)
    return Group(made, bar, line(progress).removeprefix("poise: "))
