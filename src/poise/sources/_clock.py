"""The time of every frame, from clocks that begin anew, jump and are missing."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from typing import Any

# A frame that comes so many usual steps before the one shown last belongs to another clock; fewer may be decoders that
# put out frames in the wrong order.
_STEPS_BACK = 2.5
# A step forwards by more than this is taken for another clock where containers and cameras have such. Source: FFmpeg's
# default for its own mending of such clocks (dts_delta_threshold, 10 s).
_LEAP = 10.0


class Clock:
    """Seconds from the start of the stream for every frame; never running backwards.

    Recordings that were joined without a new index begin their clock anew in the middle. From there on frames follow
    the last one by their own steps.

    Args:
        base: Seconds a tick of the container's clock; 0 where it has none.
        start: Ticks at which the stream begins; None where it is not stated.
        step: Usual seconds between two frames.
        by_arrival: The container has no clock: the time is that at which a frame arrived.
        live: Frames arrive in their own time, so a leap forwards that the arrival does not show is another clock.
        leaps: The container's clock may leap forwards in the middle of a file (MPEG).
    """

    def __init__(
        self,
        base: float,
        start: int | None,
        step: float,
        *,
        by_arrival: bool = False,
        live: bool = False,
        leaps: bool = False,
    ) -> None:
        self.base, self.start, self.step = base, start, step
        self.by_arrival, self.live, self.leaps = by_arrival, live, leaps
        self.now: Callable[[], float] = clock.monotonic
        self.began: float | None = None
        self.arrived = 0.0
        self.last = -math.inf
        self.shift = 0.0
        self.before: float | None = None  # the shift of the clock that the last frame left
        self.jump = 0.0  # seconds of the first jump, with its sign; 0: none so far

    def of(self, picture: Any) -> float:
        """Return the time of the next frame, seconds.

        Args:
            picture: A decoded frame: its ``pts`` counts.
        """
        now = self.now()
        first = self.last == -math.inf
        if self.by_arrival:
            self.began = now if self.began is None else self.began
            time = now - self.began
        elif picture.pts is None or not self.base:
            time = 0.0 if first else self.last + self.step
        else:
            if first and (self.start is None or self.start > picture.pts):
                self.start = picture.pts
            time = (picture.pts - (self.start or 0)) * self.base + self.shift
            if not first:
                time = self._mended(time, now)
        if time <= self.last:
            time = self.last + min(self.step, 0.001)
        self.last, self.arrived = time, now
        return time

    def _mended(self, time: float, now: float) -> float:
        expected = self.last + self.step
        before, self.before = self.before, None
        if before is not None:
            # One frame with a wild time is no new clock: the old one goes on where it would have been.
            old = time - self.shift + before
            if abs(old - expected) < abs(time - expected):
                self.shift, time = before, old
        step = time - self.last
        back = step < -_STEPS_BACK * min(self.step, 1.0)
        passed = now - self.arrived if self.live else 0.0
        if back or ((self.live or self.leaps) and step - passed > _LEAP):
            self.before = self.shift
            self.jump = self.jump or step
            self.shift += expected - time
            time = expected
        return time
