"""When the frames of a stream are to be seen: in their own time, as they come, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

# Seconds behind its time from which a frame is late, and from which a video gives up catching up and goes on from here.
_LATE, _LOST = 0.02, 0.5
# A gap between two frames is waited for up to so many seconds: a slide of a talk stays, a broken clock does not.
_LONGEST = 10.0
# While frames are late one is seen so often, seconds: showing costs time too, which the work on the next then has.
_HURRY = 1 / 25


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done with a frame.

    Attributes:
        wait: Seconds until it is to be seen.
        seen: Whether it is to be seen at all.
    """

    wait: float
    seen: bool


class Playback:
    """The pace of one source after the other. Knows no clock: whoever asks says what time it is.

    Args:
        interval: The shortest time between two pictures that what shows them keeps up with, seconds.
    """

    def __init__(self, interval: float = 0.0) -> None:
        self._interval = interval
        self._key: str | None = None
        self._began = 0.0  # on the clock, of time 0 of the source
        self._last = 0.0
        self._seen = float("-inf")

    def turn(self, key: str, time: float, now: float, *, wait: bool) -> Turn:
        """Take the next frame.

        Args:
            key: Its source.
            time: Of the frame in its source, seconds.
            now: The clock, seconds.
            wait: The source is a recording, which is seen in its own time; a frame that comes too early waits.
        """
        fresh = key != self._key
        if fresh or time < self._last or time - self._last > _LONGEST or now - self._began - time > _LOST:
            self._began = now - time
        self._key, self._last = key, time
        ahead = self._began + time - now
        pause = max(0.0, ahead) if wait else 0.0
        least = max(self._interval, _HURRY) if wait and ahead < -_LATE else self._interval
        seen = fresh or now + pause - self._seen >= least
        if seen:
            self._seen = now + pause
        return Turn(pause, seen)

    def paused(self, seconds: float) -> None:
        """Leave out the time for which nothing went on."""
        self._began += seconds
