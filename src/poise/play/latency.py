"""How long a movement takes from the frame that shows it to the action that a game is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# Of so many actions the latency is remembered: hours of play, and some kilobytes.
_MOST = 10_000


@dataclass(slots=True)
class LatencyMeter:
    """Collects latencies.

    Attributes:
        milliseconds: Of the last actions, at most :data:`_MOST`.
        count: Of all actions.
    """

    milliseconds: list[float] = field(default_factory=list)
    count: int = 0

    def add(self, milliseconds: float) -> None:
        """Take the latency of one action."""
        if len(self.milliseconds) < _MOST:
            self.milliseconds.append(milliseconds)
        else:
            self.milliseconds[self.count % _MOST] = milliseconds
        self.count += 1

    @property
    def median(self) -> float:
        """Milliseconds; NaN before the first action."""
        return float(np.median(self.milliseconds)) if self.milliseconds else float("nan")

    @property
    def p95(self) -> float:
        """Milliseconds that 95 of 100 actions keep; NaN before the first action."""
        return float(np.percentile(self.milliseconds, 95)) if self.milliseconds else float("nan")


class FrameAge:
    """Says how old a live frame is when it is handed over, from its own time and the clock.

    A camera's clock begins anywhere, so the youngest frame so far counts as new; what waited in a queue is older by
    the difference. What the camera itself needs to expose and send a picture cannot be known here.
    """

    def __init__(self) -> None:
        self._least = float("inf")

    def of(self, time: float, now: float) -> float:
        """Return seconds.

        Args:
            time: Of the frame.
            now: Of the clock.
        """
        self._least = min(self._least, now - time)
        return now - time - self._least
