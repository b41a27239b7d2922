"""What the commands show while they run: progress on standard error, one line a source, the errors at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from poise.cli._notes import hush
from poise.files.addresses import masked
from poise.files.text import brief, one_line, plain, say, screen
from poise.frames import Media, continues
from poise.results import Results

if TYPE_CHECKING:
    from poise.drawing import LiveWindow
    from poise.weights import Network


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} frames/s" if task.speed else "", style="cyan")


class Reporter:
    """Counts what passes, and shows it on standard error.

    Attributes:
        errors: Messages of the files that could not be read.
        frames: Frames done.
        instances: Instances found.
        folder: Where the run was saved, if it was.
    """

    def __init__(self, *, quiet: bool, lines: bool) -> None:
        self.console = screen(stderr=True, quiet=quiet)
        self.errors: list[str] = []
        self.frames = 0
        self.instances = 0
        self.folder: Path | None = None
        self._lines = lines and not quiet
        self._quiet = quiet
        if quiet:
            hush()

    def say(self, text: str) -> None:
        """Print a line for people, unless the user wants quiet; a terminal folds it, nothing else does."""
        self.console.print(text, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print what the user should know."""
        self.say(f"poise: {text}")

    def error(self, error: Exception) -> None:
        """Report one file that could not be read; the run goes on."""
        self.errors.append(brief(one_line(error)))
        # Errors are shown even when quiet: silence must not mean success.
        say(f"poise: {masked(self.errors[-1])}", file=sys.stderr)

    def saved(self, folder: Path) -> None:
        """Remember where the run is written."""
        self.folder = folder

    @property
    def code(self) -> int:
        """The exit code so far: 1 if something could not be read."""
        return 1 if self.errors else 0

    def finish(self) -> int:
        """Print the summary; returns the exit code."""
        if self.frames > 1 or self.errors:
            failed = f", {len(self.errors)} could not be read" if self.errors else ""
            self.console.print(f"{self.frames} frames, {self.instances} instances{failed}")
        if self.folder is not None and self.folder.exists():  # a run of which nothing came leaves no folder
            self.say(f"saved to {self.folder}")
        return self.code

    def _video(self, media: Media, frames: int, most: int, seconds: float) -> None:
        """Say one line about a video that has ended."""
        if self._lines:
            rate = frames / seconds if seconds > 0 else 0.0
            self.say(f"{one_line(media.name)}  {frames} frames, at most {most} in one, {rate:.1f} frames/s")

    def watch(self, results: Iterable[Results], total: int | None = None) -> Iterator[Results]:
        """Pass results through, with a progress bar when a person is watching."""
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=self._quiet or not self.console.is_terminal,
            # Lines that a terminal shows must pass above the bar; those that go to a file must not be caught for it.
            redirect_stdout=sys.stdout.isatty(),
        )
        video: Media | None = None
        frames = most = 0
        start = time.perf_counter()
        with bar:
            task = bar.add_task("starting", total=total)
            for result in results:
                media = result.media
                if not continues(media, video, scene=False):
                    if video is not None:
                        self._video(video, frames, most, time.perf_counter() - start)
                    video = media if media.kind != "image" else None
                    frames, most, start = 0, 0, time.perf_counter()
                    if video is not None and total is None:
                        bar.reset(task, total=video.frames)
                self.frames += 1
                frames += 1
                self.instances += len(result)
                most = max(most, len(result))
                bar.update(task, advance=1, description=one_line(Path(result.path).name))
                if media.kind == "image" and self._lines:
                    self._line(result)
                yield result
            if video is not None:
                self._video(video, frames, most, time.perf_counter() - start)

    def _line(self, result: Results) -> None:
        height, width = result.orig_shape
        milliseconds = sum(result.speed.values())
        found = result.verbose().rstrip(", ")
        words = f"{one_line(result.path)}  {width}x{height}  {found}  {milliseconds:.0f} ms"
        self.say(words)


def window_for(instead: str, *, show: bool) -> LiveWindow | None:
    """Return the window of --show, None without it.

    Args:
        instead: How the frames can be seen where no window opens.
        show: Whether it is wanted.
    """
    if not show:
        return None
    from poise.drawing import LiveWindow

    return LiveWindow(instead=f"the frames are not shown; {instead}")


def fetch(name: str | Path) -> Path:
    """Return the path of a weight file; a download is announced and shown on standard error."""
    from poise.weights import find

    with _shown(Path(name).name) as (step, notice):
        return find(name, progress=step, notice=notice)


def fetch_network(entry: Network) -> Path:
    """Return the path of a network of the zoo; a download is announced and shown on standard error."""
    from poise import weights

    with _shown(entry.name) as (step, notice):
        return weights.fetch(entry, progress=step, notice=notice)


def ready(model: str) -> str | Path:
    """Fetch what a model needs that is not on this machine, where its progress can be shown; returns what to open."""
    from poise import weights

    if Path(model).suffix:
        return fetch(model)
    if model in [card.name for card in weights.zoo_models()]:
        for entry in weights.wanted(model):
            if not entry.path.is_file():
                fetch_network(entry)
    return model


@contextmanager
def _shown(name: str) -> Iterator[tuple[Callable[[int, int | None], None], Callable[[str], None]]]:
    """Show one download: gives who is told of its steps, and who is told before it begins."""
    from rich.progress import DownloadColumn, TransferSpeedColumn

    console = screen(stderr=True)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(plain(name), total=None, visible=False)

        def step(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield step, lambda text: console.print(text, soft_wrap=True)
