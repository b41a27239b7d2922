"""What the user sees of a training."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from poise.files.text import screen

if TYPE_CHECKING:
    from poise.training.callbacks import Training


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

    def is_due(self) -> bool:
        """Whether somebody watches, and the line is old enough to change."""
        return self._live is not None and time.monotonic() - self._shown > _PERIOD

    def print_line(self, text: str) -> None:
        """Show a line."""
        if not self._quiet:
            self._console.print(text, markup=False, soft_wrap=True)

    def start_epoch(self) -> None:
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

    def update(self, done: int, batches: int, line: str) -> None:
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

    def finish_epoch(self, line: str) -> None:
        """Finish the epoch's line, which stays."""
        self.stop()
        self.print_line(line)

    def stop(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def format_duration(seconds: float) -> str:
    """Say a time span briefly.

    Example:
        >>> format_duration(42), format_duration(754), format_duration(7500)
        ('42s', '12:34', '2:05:00')
    """
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def format_epoch(training: Training, *, spent: float | None = None) -> str:
    """Say how an epoch goes, or with its time how it went."""
    items = " ".join(f"{name} {value:.3g}" for name, value in training.loss_items.items() if value)
    parts = [f"epoch {training.epoch + 1}/{training.epochs}"] + [items] * (spent is not None)
    if spent is not None:
        for kind, key in (("box", "metrics/mAP50-95(B)"), ("pose", "metrics/mAP50-95(P)")):
            if key in training.metrics:
                parts.append(f"{kind} mAP {training.metrics[key]:.3f}")
    parts += [f"{training.speed:.1f} img/s", format_memory(training.device)]
    if spent is not None:
        parts.append(format_duration(spent))
    done = len(training.rows)
    if done:
        left = training.seconds / done * (training.epochs - done)
        parts.append(f"ETA {format_duration(left)}")
    if spent is None:
        parts.append(items)
    return "  ".join(part for part in parts if part)


def format_memory(device: str) -> str:
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
