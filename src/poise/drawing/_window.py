"""One window in which a stream is seen, frame after frame."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from poise.drawing._display import file_stem, write_somewhere
from poise.drawing._lost import Lost
from poise.drawing._playback import Playback
from poise.drawing._surfaces import Surface, open_surface
from poise.files.addresses import masked
from poise.files.text import one_line, say
from poise.frames import Frame, Image, Media
from poise.results import Results

_log = logging.getLogger("poise")

Paint = Callable[[], Image]

_NAP = 0.01  # seconds between two looks for keys while nothing else goes on
_TITLE_S = 0.5  # the title is written anew so often, seconds
_SAID_S = 2.0  # what was said in the title stays so long
_RATE = 30  # frames over which the rate is taken
_STOP = frozenset({"q", "escape"})


class LiveWindow:
    """Shows a stream in one window, or in a notebook in one output that changes; a context manager.

    In the window ``q``, Escape and closing it end the stream, space pauses and goes on, ``f`` fills the screen and
    stops filling it, and ``s`` saves the frame. A recording (a video file) is seen in its own time: a frame that comes
    too early waits. A camera, and frames of one's own code, are seen as they come. A frame that comes too late for the
    screen is not seen, nor drawn. The window does what is to be done when :meth:`show` is called, which is to be in
    the main thread. Where no window can open, :meth:`show` says so once, as a warning of the logger ``poise``, and then
    does nothing.

    Args:
        title: Name in the title; None: that of the source.
        instead: What the warning says of another way to see the frames.
        surface: What shows the pictures; None: what there is.
        clock: Seconds that go on.
        sleep: Waits for some seconds.

    Attributes:
        closed: The user has closed it, or :meth:`close` was called.

    Example:
        >>> from poise import Pose, samples
        >>> with LiveWindow() as window:  # doctest: +SKIP
        ...     for result in Pose("body-fast").track(samples.clip, stream=True):
        ...         if not window.show(result):
        ...             break
    """

    def __init__(
        self,
        title: str | None = None,
        *,
        instead: str = "",
        surface: Surface | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._title, self._instead = title, instead
        self._clock, self._sleep = clock, sleep
        self._surface = surface
        self._tried = surface is not None
        self._playback = Playback(surface.interval if surface is not None else 0.0)
        self._came: deque[float] = deque(maxlen=_RATE)
        self._titled = self._said_until = float("-inf")
        self._paused = False
        self._picture: Image | None = None  # what is seen, whole
        self._missed: Paint | None = None  # draws the last frame, where it is not seen
        self._media: Media | None = None
        self._number = 0  # of the frame that is seen, for the name of its file
        self.closed = False

    def show(self, shown: Results | Frame | Image, paint: Paint | None = None, *, wait: bool | None = None) -> bool:
        """Show the next frame.

        Args:
            shown: A result, a frame, or an ``(H, W, 3)`` uint8 BGR picture.
            paint: Draws it; called only where the frame is seen. None: a result as ``plot()`` does, others as they
                are.
            wait: The source is a recording, which is seen in its own time; None: as the source says, which of
                pictures and frames of one's own is no.

        Returns:
            Whether to go on; False once the user has closed the window.

        Raises:
            KeyboardInterrupt: Ctrl-C came while it waited.
        """
        if self.closed:
            return False
        surface = self._ready()
        if surface is None:
            return True
        if paint is None:
            paint = _painting(shown)
        now = self._clock()
        if isinstance(shown, (Results, Frame)):
            media, number = shown.media, shown.frame if isinstance(shown, Results) else shown.index
            waits = _recorded(media) if wait is None else wait
            turn = self._playback.turn(media.key, shown.time, now, wait=waits)
        else:
            media, number = None, self._number + 1
            turn = self._playback.turn("", 0.0, now, wait=False)
        try:
            self._pump(surface, now + turn.wait)
            self._came.append(self._clock())
            if turn.seen and not self.closed:
                self._picture, self._missed = paint(), None
                self._media, self._number = media, number
                surface.draw(self._picture)
                self._write_title(surface)
                self._pump(surface, 0.0)
            elif not turn.seen:
                self._missed = paint
        except Lost as error:
            self._surface = None
            self._warn(f"the window is gone ({one_line(error)})")
        return not self.closed

    def close(self, videos: Sequence[str | Path] = ()) -> None:
        """Close the window; calling it again does nothing.

        Args:
            videos: In a notebook they are played where the last picture was, if browsers can.
        """
        surface, self._surface = self._surface, None
        self._tried = self.closed = True
        if surface is None:
            return
        if not surface.asks and self._missed is not None:
            surface.draw(self._missed())  # a cell keeps what it shows last: let it be the last frame
        self._picture = self._missed = None
        surface.close([Path(video) for video in videos])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ready(self) -> Surface | None:
        if not self._tried:
            self._tried = True
            found = open_surface()
            if isinstance(found, str):
                self._warn(f"no window can open here: {found}")
            else:
                self._surface, self._playback = found, Playback(found.interval)
        return self._surface

    def _warn(self, why: str) -> None:
        _log.warning("%s", f"{why}; {self._instead}" if self._instead else why)

    def _pump(self, surface: Surface, until: float) -> None:
        """Deal with keys until a moment of the clock, and for as long as it is paused."""
        while True:
            for key in surface.pressed():
                self._press(surface, key)
            if self.closed:
                return
            now = self._clock()
            if self._paused:
                self._sleep(_NAP)
                rested = self._clock() - now
                self._playback.paused(rested)
                until += rested
            elif now < until:
                self._sleep(min(until - now, _NAP) if surface.asks else until - now)
            else:
                return

    def _press(self, surface: Surface, key: str) -> None:
        if key in _STOP:
            surface.close()
            self._surface, self.closed = None, True
        elif key == "space":
            self._paused = not self._paused
            self._came.clear()
            self._say(surface, f"{self._source()} – paused" if self._paused else self._source(), 0.0)
        elif key == "f":
            surface.fill_screen()
        elif key == "s":
            self._save(surface)

    def _save(self, surface: Surface) -> None:
        if self._picture is None:
            return
        try:
            path = write_somewhere(self._picture, self._stem())
        except OSError as error:
            _log.warning("the frame cannot be saved: %s", error.strerror or error)
            return
        say(f"poise: saved {path}", file=sys.stderr)
        self._say(surface, f"{self._source()} – saved {one_line(Path(path).name)}", _SAID_S)

    def _say(self, surface: Surface, words: str, seconds: float) -> None:
        surface.title(words)
        self._said_until = self._clock() + seconds

    def _write_title(self, surface: Surface) -> None:
        now = self._clock()
        if now < self._said_until or now - self._titled < _TITLE_S:
            return
        self._titled = now
        spent = self._came[-1] - self._came[0]
        rate = f" – {(len(self._came) - 1) / spent:.0f} frames/s" if spent > 0 else ""
        surface.title(self._source() + rate)

    def _source(self) -> str:
        """Return what the title calls the source: a file by its name, without its folders."""
        if self._title is not None or self._media is None:
            return self._title or "Poise"
        name = masked(self._media.name)
        return one_line(Path(name).name if self._media.path else name)

    def _stem(self) -> str:
        """Return how the file of the frame is called, without its ending."""
        name = "frame" if self._media is None else masked(self._media.name)
        return f"{file_stem(name)}_{self._number}"


def _painting(shown: Results | Frame | Image) -> Paint:
    if isinstance(shown, Results):
        return shown.plot
    picture = shown.image if isinstance(shown, Frame) else shown
    return lambda: picture


def _recorded(media: Media | None) -> bool:
    """Return whether a source is a recording: a file here, or what states how long it is."""
    return media is not None and media.kind == "video" and bool(media.path or media.duration or media.frames)
