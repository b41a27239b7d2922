"""What ``show=True`` does: pictures open in the system's viewer, and everything that moves is seen in one window."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from poise.drawing import LiveWindow, Viewers, in_notebook
from poise.frames import Frame
from poise.model.run import Painter, Run
from poise.model.series import Series
from poise.model.settings import Settings
from poise.results import Results

# Endings of what a notebook plays.
_PLAYED = {".mp4", ".m4v", ".mov", ".webm", ".gif", ".webp"}


class Showing:
    """Shows the results of one call.

    A picture that is one of its own opens the viewer, or appears below the cell of a notebook. Videos, cameras and
    frames that belong together are seen in one window. Of pictures that come one by one, a call each, nobody knows
    whether they belong together: the first opens the viewer, unless ``persist``, ``fps`` or ``time`` says that more
    will come, and the second the window, which stays for those that follow.

    Args:
        settings: Of the call.
        series: What the call continues.
        source: What the user gave.
        alone: It is one thing.
        lazy: The frames come one by one from the user's code.
        run: Where the call is saved.
    """

    def __init__(
        self, settings: Settings, series: Series, source: Any, *, alone: bool, lazy: bool, run: Run | None
    ) -> None:
        self._settings, self._series = settings, series
        self._alone, self._frame = alone, isinstance(source, Frame)
        self._recorded = not (alone or lazy)
        self._told = settings.persist or settings.fps is not None or settings.time is not None
        self._run = run
        self._painter = Painter(settings)
        self._own: LiveWindow | None = None
        self._viewers = Viewers()

    def take(self, result: Results) -> bool:
        """Show a result; returns whether to go on."""
        kind = result.media.kind
        picture = kind in ("image", "frames")
        if kind == "image" and not self._series.scene:
            self._view(result)
            return True
        kept = self._alone and (picture or self._frame)
        first = kept and picture and result.frame == 0 and not self._told
        if first and not in_notebook():
            self._view(result)
            return True
        window, painter = self._kept() if kept else (self._window(), self._painter)
        painter.take(result)
        paint = partial(painter, result)
        # A list of pictures with times has no more hurry than a file.
        going = window.show(result, paint, wait=self._recorded if picture else None)
        return going or kept  # frames of a loop of one's own go on coming

    def close(self) -> None:
        """Close the window of this call, once what it wrote is finished; a notebook then plays the videos."""
        if self._own is not None:
            files = [] if self._run is None else self._run.files
            self._own.close([path for path in files if path.suffix.lower() in _PLAYED])

    def _window(self) -> LiveWindow:
        if self._own is None:
            self._own = LiveWindow(instead=self._instead())
        return self._own

    def _kept(self) -> tuple[LiveWindow, Painter]:
        """Return the window of the series, and what draws in it with the trails of the calls before."""
        series = self._series
        if series.window is None:
            series.window = LiveWindow(instead=self._instead())
        if series.painter is None:
            series.painter = self._painter
        series.painter.settings = self._settings
        return series.window, series.painter

    def _instead(self) -> str:
        if self._run is None or not self._settings.save:
            return "the frames are not shown; save=True writes what is drawn"
        return f"the frames are not shown, but written to {self._run.path}"

    def _view(self, result: Results) -> None:
        name = Path(result.path).stem or "picture"
        self._viewers.show(partial(result.plot, **self._settings.drawing), name)
