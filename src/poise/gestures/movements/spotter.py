"""Moving gestures that were taught, spotted in a stream: each said once, when it is over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.geometry import Floats
from poise.gestures.movements.observations import Observation
from poise.gestures.movements.taught_moves import TaughtMoves
from poise.gestures.movements.traces import RATE, Tracer, mirrored
from poise.gestures.movements.warper import Warper

# A fit is said when nothing better came for this long; a movement that ends and begins anew has a better fit no later.
_SETTLE_ROWS = 3


@dataclass(frozen=True, slots=True)
class SpottedMove:
    """A movement that was made.

    Attributes:
        gesture: Its name.
        conf: How sure: 1 for an example, one half at the limit.
        start: Seconds.
        end: Seconds.
    """

    gesture: str
    conf: float
    start: float
    end: float


class Spotter:
    """Spots the movements of one set in one hand or person's stream.

    A movement is said once, when its best fit is 0.15 s old: never twice for one stretch of time, and never later than
    that after the end of the fit.

    Args:
        moves: The set.
        warper: One of this set whose templates are shared.
        mirrored: The pictures are mirrored.
    """

    def __init__(self, moves: TaughtMoves, warper: Warper | None = None, *, mirrored: bool = False) -> None:
        self._moves, self._mirrored = moves, mirrored
        self._warper = moves.warper() if warper is None else warper.fresh()
        self._tracer = Tracer(moves.part, moves.skeleton)
        # Rows come at a fixed rate, so the first one's time and their number say when each was.
        self._begin, self._rows = 0.0, 0
        self._best: tuple[float, int, int, int] | None = None
        self._limits = moves.limits[moves.labels]

    def update(self, time: float, observation: Observation) -> SpottedMove | None:
        """Take the next observation; returns what was made, once it is sure."""
        times, rows = self._tracer.add(time, observation)
        if self._mirrored:
            rows = mirrored(rows, self._tracer.columns)
        said = None
        for when, row in zip(times.tolist(), rows, strict=True):
            if not self._rows or abs(when - self._time(self._rows)) > 0.5 / RATE:
                # Another stretch: the tracer began anew. What was made before is not lost.
                said = self.finish() or said
                self._warper.reset()
                self._begin, self._rows = when, 0
            self._rows += 1
            said = self._step(row) or said
        return said

    def finish(self) -> SpottedMove | None:
        """Say what was made last, because the stream ends."""
        return None if self._best is None else self._say()

    def _time(self, row: int) -> float:
        return self._begin + row / RATE

    def _step(self, row: Floats) -> SpottedMove | None:
        distances, starts = self._warper.step(row)
        ratio = distances / self._limits
        nearest = int(ratio.argmin())
        now = self._rows - 1
        if ratio[nearest] <= 1.0 and (self._best is None or ratio[nearest] < self._best[0]):
            self._best = (float(ratio[nearest]), nearest, int(starts[nearest]), now)
        if self._best is not None and now - self._best[3] >= _SETTLE_ROWS:
            return self._say()
        return None

    def _say(self) -> SpottedMove:
        assert self._best is not None  # asked for only then
        ratio, nearest, start, end = self._best
        self._best = None
        # What lies in the told stretch belongs to it.
        self._warper.forget(end + 1)
        name = self._moves.classes[self._moves.labels[nearest]]
        return SpottedMove(name, sureness(ratio), self._time(start), self._time(end))


def sureness(ratio: float) -> float:
    """Return how sure a distance is, in limits: near 1 for an example, one half at the limit, as still gestures."""
    return float(1.0 / (1.0 + np.exp(8.0 * (ratio - 1.0))))
