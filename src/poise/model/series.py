"""Frames of the user's own, one after another: a running number, a time, and what goes on from call to call.

A frame that is handed over as an array says nothing of when it was taken. What is given counts first: ``time=``, then
``fps=``. Else frames that are waited for, as those of a camera, get the clock's time, and frames that come as fast as
they are taken, as those of a file, get 1/30 second each. :attr:`~poise.frames.Frame.time_from` says which it was.
"""

from __future__ import annotations

import os
import re
import threading
import time as clock
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from poise.estimators import Memories
from poise.frames import Frame, Media, TimeFrom
from poise.model.settings import Settings
from poise.sources import is_one

if TYPE_CHECKING:
    from poise.drawing import LiveWindow
    from poise.filters.smoothing import Smoother
    from poise.model.run import Painter, Run
    from poise.tracking import Tracker

FPS = 30.0  # what is assumed where nothing is known: most cameras and phones
# A frame was waited for if this process rested for this long, and for most of the time that the frame took to come.
# Decoding a frame of a file keeps it busy, also where other processes take half of the processor; a camera at 60 frames
# a second gives 16.7 ms for everything.
_REST, _MOST = 0.008, 0.75
# Whoever waits for a camera waits for a good part of the time: a third of the work on a frame, in most of the last nine
# frames. A pause beside long work is the machine's, when others use it.
_PART, _FRAMES, _LEAST = 1 / 3, 9, 3
# Times this far back are another source: timestamps of one file may run backwards by a few frames.
_BACK = 0.5
# How sources name what has no name of its own.
_NAMELESS = re.compile(r"(array|PIL image|bytes|file) [0-9]+")


class Pace:
    """Tells whether frames are waited for.

    The processor's rest is measured, not the time alone: drawing, decoding and writing between two frames take time
    too, but keep it busy.
    """

    def __init__(self) -> None:
        self._since: tuple[float, float] | None = None
        self._came: float | None = None
        self._work = 0.0
        self._waited: deque[bool] = deque(maxlen=_FRAMES)

    @property
    def waited(self) -> bool:
        """Whether most of the last frames were waited for."""
        return len(self._waited) >= _LEAST and 2 * sum(self._waited) > len(self._waited)

    def begin(self) -> None:
        """The next frame is being waited for from now on."""
        now = clock.perf_counter()
        self._work = 0.0 if self._came is None else now - self._came
        self._since = (now, clock.process_time())

    def end(self) -> None:
        """The frame is there."""
        self._came = clock.perf_counter()
        if self._since is None:
            return
        wall, busy = self._came - self._since[0], clock.process_time() - self._since[1]
        rest = wall - busy
        self._waited.append(rest >= _REST and rest >= _MOST * wall and wall >= _PART * self._work)
        self._since = None


class Series:
    """One series of frames, and the state that belongs to it.

    Args:
        scene: The frames show one scene, so that what was found in one helps with the next.
        tracker: Who is who in it.

    Attributes:
        tracker: Who is who; None: nobody asks.
        memories: What the estimator keeps from frame to frame.
        last: The source of the latest result.
        run: The run in which frames passed one by one are saved.
        window: The window in which they are shown.
        painter: What draws them for it.
        resumed: The last call continued the one before.
    """

    def __init__(self, *, scene: bool = False, tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        self.scene = scene
        self.memories = Memories(scene=scene)
        self.last: Media | None = None
        self.run: Run | None = None
        self.window: LiveWindow | None = None
        self.painter: Painter | None = None
        self.resumed = False
        self._end: weakref.finalize[..., Series] | None = None
        self._smoother: Smoother | None = None
        self._pace = Pace()
        self._media: Media | None = None
        self._size: tuple[int, ...] = ()
        self._index = -1
        self._time = 0.0
        self._came = 0.0

    def begin(self) -> None:
        """Forget who was seen; the number and the time go on."""
        self.memories = Memories(scene=self.scene)
        self._smoother = None
        if self.tracker is not None:
            self.tracker.reset()

    def smoother(self, method: Any) -> Smoother:
        """Return what steadies the points: that of the last call where it was of the same kind."""
        from poise.filters.smoothing import Smoother, filter_named

        if self._smoother is None or self._smoother.method != filter_named(method):
            self._smoother = Smoother(method)
        return self._smoother

    def keep(self, run: Run) -> None:
        """Save further frames in this run too; it is finished with the series, at the latest when Python ends."""
        self._finish()
        self.run = run
        self._end = weakref.finalize(self, run.close)

    def inherit(self, other: Series) -> None:
        """Take over the run and the window of a series that is over."""
        if other.window is not None:
            self.window, other.window = other.window, None
        if other.run is not None and other._end is not None:
            run, other.run = other.run, None
            other._end.detach()
            self.keep(run)

    def close(self) -> None:
        """Finish the run, and close the window."""
        if self.window is not None:
            self.window.close()
            self.window = None
        self._finish()

    def _finish(self) -> None:
        if self.run is not None:
            self.run.close()
            self.run = None

    def number(self, frames: Iterable[Frame], settings: Settings, *, alone: bool, lazy: bool) -> Iterator[Frame]:
        """Give pictures of the user's own a number and a time; frames of videos and streams pass as they are.

        Args:
            frames: Of one call.
            settings: What is said of their times: ``fps`` and ``time``.
            alone: One frame a call: it continues the one of the last call.
            lazy: The frames come one by one from the user's code.

        Raises:
            ValueError: A video or stream has times of its own, or there are fewer times than frames.
        """
        fps, times = settings.fps, settings.time
        given = None if times is None or isinstance(times, str) else iter(times)
        told = fps is not None or times is not None
        joined = alone or lazy or self.scene or told
        waiting = iter(frames)
        if alone:
            self._pace.end()
        while True:
            if lazy:
                self._pace.begin()
            frame = next(waiting, None)
            if lazy:
                self._pace.end()
            if frame is None:
                return
            if frame.media.kind != "image":  # of a video or stream, or a Frame that somebody numbered before
                if told:
                    raise ValueError(
                        f"{frame.media.name}: has times of its own; fps= and time= are for frames passed as pictures"
                    )
                yield frame
                continue
            nameless = _NAMELESS.fullmatch(frame.media.name) is not None
            if not (nameless or self.scene or told):
                yield frame  # a file of its own
                continue
            moment = None if given is None else _next(given, frame)
            yield self._numbered(
                frame, fps, moment, tick=times == "clock", measured=alone or lazy, shared=joined and nameless
            )

    def rest(self) -> None:
        """The call is over: the next frame is being waited for."""
        self._pace.begin()

    def _numbered(
        self, frame: Frame, fps: float | None, moment: float | None, *, tick: bool, measured: bool, shared: bool
    ) -> Frame:
        now = clock.monotonic()
        size = frame.image.shape[:2] if shared and measured else ()
        back = moment is not None and self._index >= 0 and moment < self._time - _BACK
        if self._index >= 0 and (back or (size and self._size and size != self._size)):
            self._index, self._media = -1, None  # frames of another size are another source
        time_from: TimeFrom = "assumed"
        if moment is not None:
            time_from = "given"
        elif tick or (fps is None and measured and self._pace.waited):
            time_from = "clock"
            moment = self._time + now - self._came
        else:
            time_from = "assumed" if fps is None else "fps"
            moment = self._time + 1.0 / (fps or FPS)
        if self._index < 0 and time_from != "given":
            moment = 0.0
        self._index, self._time, self._came = self._index + 1, moment, now
        self._size = size or self._size
        media = frame.media
        if shared:
            if self._media is None:
                self._media = Media(media.name.rpartition(" ")[0], kind="frames", fps=fps or 0.0)
            media = self._media
        return replace(frame, media=media, index=self._index, time=moment, time_from=time_from)


class SeriesStore:
    """The series that a model continues from call to call: that of ``track``, and each thread's of ``predict``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tracked: Series | None = None
        self._own = threading.local()

    def predicted(self, source: Any, settings: Settings) -> Series:
        """Return the series that a call of ``predict`` continues, or a new one."""
        scene = settings.smooth is not False
        if not is_one(source):
            return Series(scene=scene)
        # Frames passed one by one: each goes on from the one before, but unless they are to be steadied nothing that
        # was seen helps with the next, since they may as well be pictures of different things.
        own = self._series()
        if scene not in own:
            own[scene] = Series(scene=scene)
        return own[scene]

    def tracked(self, source: Any, settings: Settings) -> Series:
        """Return the series that a call of ``track`` continues, or a new one."""
        from poise.tracking import Tracker  # not for predictions: it takes as long as reading a picture

        tracker = Tracker(settings.tracker)
        with self._lock:
            kept = self._tracked
            if kept is not None and kept.tracker is not None and kept.tracker.settings == tracker.settings:
                if settings.persist:
                    kept.resumed = True
                    return kept
                if is_frame(source) and not kept.resumed:
                    # Nobody asked to be remembered, call after call: the frames are still those of one recording.
                    kept.begin()
                    return kept
            series = Series(scene=True, tracker=tracker)
            if kept is not None and is_frame(source):
                series.inherit(kept)
            if settings.persist or is_frame(source):
                self._tracked = series
            return series

    def reset(self) -> None:
        """Forget all series of this thread, and that of ``track``."""
        own = self._series()
        with self._lock:
            several = [*own.values(), *([self._tracked] if self._tracked else [])]
            self._tracked = None
        own.clear()
        for series in several:
            series.close()

    def _series(self) -> dict[bool, Series]:
        found: dict[bool, Series] = self._own.__dict__.setdefault("series", {})
        return found


def is_frame(source: Any) -> bool:
    """Return whether a source is one picture in memory: an array, a Frame, a PIL image, the bytes of a file."""
    named = isinstance(source, (str, os.PathLike, int, np.integer)) or hasattr(source, "read")
    return is_one(source) and source is not None and not named


def _next(given: Iterator[float], frame: Frame) -> float:
    moment = next(given, None)
    if moment is None:
        raise ValueError(f"time= has fewer values than there are frames; none is left for {frame.media.name}")
    return float(moment)
