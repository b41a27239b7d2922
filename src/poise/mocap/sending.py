"""What goes out live: one person's moments to avatars, everybody's points to programs that know plain OSC."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from poise.mocap.motion import MotionFrame
from poise.mocap.osc import PORT as POINTS_PORT
from poise.mocap.pacing import Glide
from poise.mocap.points import points_datagrams
from poise.mocap.receivers import Receivers, Target
from poise.mocap.rig import Rig
from poise.mocap.vmc import PORT, VmcEncoder

if TYPE_CHECKING:
    from poise.results import Results

_log = logging.getLogger("poise")

# Avatars are drawn at 30 to 120 frames a second; more often than this nothing is seen of it.
_RATES = (1.0, 240.0)


class LiveOutput:
    """Sends the moments of one person to avatars and the points of everybody as OSC; a context manager.

    Args:
        vmc: Receivers of the VMC protocol, ``host`` or ``host:port``, 39539 unless named.
        osc: Receivers of plain points, ``host`` or ``host:port``, 9000 unless named; see :mod:`poise.mocap.points`.
        rate: Send moments so often a second, between the frames of the camera too, each late by the time between two
            frames. None: send each frame at once.
        rig: The avatar's own bones; see :class:`~poise.mocap.vmc.VmcEncoder`.
        centred: Begin at the origin of the avatar's stage.
        tell: Is told when receivers come and go, a sentence each.
        now: Seconds that go on.

    Raises:
        ValueError: No address of this form, or a rate out of range.
        PoiseError: There is no such host.
    """

    def __init__(
        self,
        vmc: str | Iterable[str] = (),
        osc: str | Iterable[str] = (),
        *,
        rate: float | None = None,
        rig: Rig | None = None,
        centred: bool = True,
        tell: Callable[[str], None] = _log.warning,
        now: Callable[[], float] = clock.monotonic,
    ) -> None:
        if rate is not None and not _RATES[0] <= rate <= _RATES[1]:
            raise ValueError(f"rate must be from {_RATES[0]:g} to {_RATES[1]:g} moments a second, got {rate}")
        targets = Target.parse_all(vmc, port=PORT, option="--vmc") if vmc else ()
        plain = Target.parse_all(osc, port=POINTS_PORT, option="--osc") if osc else ()
        self._now, self._began = now, now()
        self._avatars = Receivers(targets, tell, now=now)
        self._points = Receivers(plain, tell, now=now)
        self._encoder = VmcEncoder(rig, centred=centred)
        self._glide = Glide() if rate is not None else None
        self._shown: int | None = None
        self._tracked = False
        self._lock = threading.Lock()
        self._ticker = _Ticker(1 / rate, self.tick, now) if rate is not None and targets else None

    def send(self, frame: MotionFrame | None, result: Results | None = None) -> None:
        """Send one frame.

        Args:
            frame: The moment of the person who is followed; None: not in sight, the avatar stays as it is.
            result: Everybody, for plain points.

        Raises:
            ValueError: Plain points were asked for, and the keypoints have no xyz.
        """
        now = self._now()
        if self._avatars:
            with self._lock:
                self._tracked = frame is not None
                if frame is not None and frame.id != self._shown:
                    self._encoder.recentre()
                    self._shown = frame.id
                if frame is not None and self._glide is not None:
                    self._glide.put(frame, now)
                if self._ticker is None:
                    self._avatars.send(self._datagrams(frame, now))
            if self._ticker is not None:
                self._ticker.check()
        if self._points and result is not None:
            self._points.send(points_datagrams(result))

    def tick(self, now: float) -> None:
        """Send what is to be seen now, between frames."""
        assert self._glide is not None
        with self._lock:
            self._avatars.send(self._datagrams(self._glide.at(now), now))

    def _datagrams(self, frame: MotionFrame | None, now: float) -> list[bytes]:
        if frame is None:
            return self._encoder.idle(now - self._began)
        return self._encoder.frame(frame, now - self._began, tracked=self._tracked)

    @property
    def sent(self) -> int:
        """Datagrams sent so far."""
        return self._avatars.sent + self._points.sent

    @property
    def lost(self) -> int:
        """Datagrams that the system did not take."""
        return self._avatars.lost + self._points.lost

    @property
    def lag_s(self) -> float:
        """Seconds that moments between frames are late; 0 where each frame is sent at once."""
        return 0.0 if self._glide is None else self._glide.lag_s

    def close(self) -> None:
        """Stop sending; calling it again does nothing."""
        if self._ticker is not None:
            self._ticker.close()
        self._avatars.close()
        self._points.close()

    def __enter__(self) -> LiveOutput:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Ticker:
    """Calls something so many times a second in a thread of its own; what it raises comes out of :meth:`check`."""

    def __init__(self, interval: float, call: Callable[[float], None], now: Callable[[], float]) -> None:
        self._interval, self._call, self._now = interval, call, now
        self._end = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="poise-vmc", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what the call raised."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def _work(self) -> None:
        due = self._now()
        while not self._end.is_set():
            due = max(due + self._interval, self._now())
            self._end.wait(max(0.0, due - self._now()))
            if self._end.is_set():
                return
            try:
                self._call(self._now())
            except Exception as error:  # noqa: BLE001 - handed on
                self._error = error
                return
