"""What the user sees of a training, and the tables it leaves: results.csv, results.jsonl, TensorBoard."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from poise.files.text import screen
from poise.files.writing import write_atomically

if TYPE_CHECKING:
    from poise.training.state import Training

# Seconds between two changes of the live line.
_PERIOD = 0.25


class Progress:
    """One live line an epoch on standard error.

    Args:
        quiet: Show nothing.
        console: Where to; standard error by default.
    """

    def __init__(self, *, quiet: bool, console: Console | None = None) -> None:
        self._console = console or screen(stderr=True)
        self._quiet = quiet
        self._live: Live | None = None
        self._shown = 0.0

    def due(self) -> bool:
        """Whether somebody watches, and the line is old enough to change."""
        return self._live is not None and time.monotonic() - self._shown > _PERIOD

    def say(self, text: str) -> None:
        """Show a line."""
        if not self._quiet:
            self._console.print(text, markup=False, soft_wrap=True)

    def begin(self) -> None:
        """Start an epoch's line."""
        if not self._quiet and self._console.is_terminal:
            self._live = Live(
                Text(),
                console=self._console,
                refresh_per_second=4,
                transient=True,
                # Lines that a terminal shows must pass above it; those that go to a file must not be caught for it.
                redirect_stdout=sys.stdout.isatty(),
            )
            self._live.start()

    def step(self, done: int, batches: int, line: str) -> None:
        """Change the epoch's line."""
        if self._live is not None:
            self._shown = time.monotonic()
            width = 12
            filled = width * done // max(batches, 1)
            bar = "━" * filled + "╺" * (filled < width) + " " * (width - filled - 1)
            # What a narrow window cuts off stands last.
            epoch, _, rest = line.partition("  ")
            words = f"{epoch}  {bar} {done}/{batches}  {rest}"
            self._live.update(Text(words, no_wrap=True, overflow="ellipsis"))

    def end(self, line: str) -> None:
        """Finish the epoch's line, which stays."""
        self.stop()
        self.say(line)

    def stop(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Tables:
    """The run's tables, written anew after every epoch so that a resumed run has each epoch once.

    Args:
        folder: The run's folder.
        rows: Lines of epochs that are finished.
    """

    def __init__(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        self._folder, self._rows = folder, rows
        self._board = _board(folder)

    def write(self) -> None:
        """Write ``results.csv`` and ``results.jsonl``.

        Raises:
            PoiseError: They cannot be written.
        """
        table = io.StringIO()
        writer = csv.DictWriter(table, fieldnames=list(self._rows[-1]), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: _short(value) for key, value in row.items()} for row in self._rows)
        lines = [json.dumps({k: _json(v) for k, v in row.items()}) + "\n" for row in self._rows]
        for name, text in (("results.csv", table.getvalue()), ("results.jsonl", "".join(lines))):
            write_atomically(self._folder / name, text)
        if self._board is not None:
            row = self._rows[-1]
            for key, value in row.items():
                if key != "epoch":
                    self._board.add_scalar(key, value, row["epoch"])

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._board is not None:
            self._board.close()


def _board(folder: Path) -> Any:
    """Open TensorBoard's writer where TensorBoard is installed; it is nobody's dependency."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    return SummaryWriter(str(folder))


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def duration(seconds: float) -> str:
    """Say a time span briefly.

    Example:
        >>> duration(42), duration(754), duration(7500)
        ('42s', '12:34', '2:05:00')
    """
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def epoch_line(training: Training, *, spent: float | None = None) -> str:
    """Say how an epoch goes, or with its time how it went."""
    items = " ".join(f"{name} {value:.3g}" for name, value in training.loss_items.items() if value)
    parts = [f"epoch {training.epoch + 1}/{training.epochs}"] + [items] * (spent is not None)
    if spent is not None:
        for kind, key in (("box", "metrics/mAP50-95(B)"), ("pose", "metrics/mAP50-95(P)")):
            if key in training.metrics:
                parts.append(f"{kind} mAP {training.metrics[key]:.3f}")
    parts += [f"{training.speed:.1f} img/s", memory(training.device)]
    if spent is not None:
        parts.append(duration(spent))
    done = len(training.rows)
    if done:
        left = training.seconds / done * (training.epochs - done)
        parts.append(f"ETA {duration(left)}")
    if spent is None:
        parts.append(items)
    return "  ".join(part for part in parts if part)


def memory(device: str) -> str:
    """Say the most memory that was used: of the GPU, else of this process."""
    if device.startswith("cuda"):
        import torch

        return f"{torch.cuda.max_memory_reserved(device) / 2**30:.1f} GiB GPU"
    try:
        import resource
    except ImportError:  # Windows
        return ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak * (1 if os.uname().sysname == 'Darwin' else 1024) / 2**30:.1f} GiB"
