"""When things happen live: recordings in their own time, movements between two frames, and how late all is."""

from __future__ import annotations

import time as clock
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from poise.frames import Frame
from poise.mocap import quaternions as quat
from poise.mocap.motion import MotionFrame

Clock = Callable[[], float]

# A recording that is behind by more than this goes on from where it is, as if it had been paused.
_LOST_S = 0.5
# A gap between two frames is waited for up to so many seconds.
_LONGEST_S = 10.0
# A camera's clock drifts against that of the machine: the freshest frame of so many seconds counts as new.
_DRIFT_S = 60.0
_MOST = 10_000
# Steps between frames that the usual one is taken from.
_STEPS = 9
_SLOWEST_S = 0.25


class FrameClock:
    """Hands frames on and remembers when each was born: when it was taken, or would have been, by the clock.

    A recording that is paced is born in its own time: a frame that comes too early waits, one that is late by more than
    a frame is left out, as a camera does. A camera's clock begins anywhere, so its freshest frame counts as new, and
    what waited is older by the difference; what the camera itself needs to expose and send a picture cannot be known
    here. A recording that is not paced is born when it is read.

    Args:
        frames: Of one source.
        paced: Give a recording in its own time.
        now: Seconds that go on.
        sleep: Waits for some seconds.

    Attributes:
        skipped: Frames that were left out because they were late.
    """

    def __init__(
        self,
        frames: Iterable[Frame],
        *,
        paced: bool = True,
        now: Clock = clock.monotonic,
        sleep: Callable[[float], None] = clock.sleep,
    ) -> None:
        self._frames, self._paced = frames, paced
        self._now, self._sleep = now, sleep
        self._born: deque[tuple[int, float]] = deque(maxlen=64)
        self._fresh = [float("inf"), float("inf")]  # of the last minute and the one before
        self._minute = float("-inf")
        self.skipped = 0

    def __iter__(self) -> Iterator[Frame]:
        began = last = None
        step = 1 / 30
        for frame in self._frames:
            now = self._now()
            if frame.media.kind == "stream":
                born = now - self._age(frame.time, now)
            elif not self._paced or frame.media.kind == "image":
                born = now
            else:
                if began is None or last is None or not 0 <= frame.time - last <= _LONGEST_S:
                    began = now - frame.time
                elif frame.time > last:
                    step = 0.9 * step + 0.1 * (frame.time - last)
                last = frame.time
                born = began + frame.time
                if now - born > _LOST_S:
                    began, born = now - frame.time, now
                elif now - born > step:
                    self.skipped += 1
                    continue
                elif born > now:
                    self._sleep(born - now)
            self._born.append((frame.index, born))
            yield frame

    def born(self, index: int) -> float:
        """Return when a frame that was handed on was born, and forget it and those before; now if it is not known."""
        while self._born:
            number, moment = self._born.popleft()
            if number == index:
                return moment
        return self._now()

    def _age(self, time: float, now: float) -> float:
        if now - self._minute > _DRIFT_S:
            self._minute = now
            self._fresh = [float("inf"), self._fresh[0]]
        self._fresh[0] = min(self._fresh[0], now - time)
        return now - time - min(self._fresh)


class Latency:
    """Milliseconds from the birth of a frame to its packet, of the last 10,000 frames.

    Attributes:
        count: Of all frames.
    """

    def __init__(self) -> None:
        self._kept = np.zeros(_MOST)
        self.count = 0

    def add(self, milliseconds: float) -> None:
        """Take that of one frame."""
        self._kept[self.count % _MOST] = milliseconds
        self.count += 1

    def quantile(self, share: float) -> float:
        """Return what a share of the frames keep; NaN before the first."""
        kept = self._kept[: self.count]
        return float(np.quantile(kept, share)) if len(kept) else float("nan")


class Glide:
    """Gives moments between the frames of a camera, for receivers that are sent to more often.

    Every new frame is glided to from what is shown when it comes, over the usual time between two frames: nothing
    jumps, nothing is guessed ahead, and what is shown is late by that time (:attr:`lag_s`). Another person is not
    glided to.
    """

    def __init__(self) -> None:
        self._from: MotionFrame | None = None
        self._to: MotionFrame | None = None
        self._began = 0.0
        self._steps: deque[float] = deque(maxlen=_STEPS)

    @property
    def lag_s(self) -> float:
        """Seconds by which the moments are late: the usual time between two frames, at most a quarter of a second."""
        return min(_SLOWEST_S, float(np.median(self._steps))) if self._steps else 0.0

    def put(self, frame: MotionFrame, now: float) -> None:
        """Take the next frame, which came now."""
        shown = self.at(now)
        if self._to is not None and now > self._began:
            self._steps.append(now - self._began)
        same = shown is not None and shown.id == frame.id and shown.rig.bones == frame.rig.bones
        self._from, self._to, self._began = shown if same else None, frame, now

    def at(self, now: float) -> MotionFrame | None:
        """Return what is to be shown now; None before the first frame."""
        to, start = self._to, self._from
        if to is None or start is None or not self.lag_s:
            return to
        share = (now - self._began) / self.lag_s
        if share >= 1:
            return to
        share = max(0.0, share)
        return replace(
            to,
            rotations=quat.slerp(start.rotations, to.rotations, np.full(len(to.rotations), share)),
            root=start.root + share * (to.root - start.root),
            time=start.time + share * (to.time - start.time),
        )
