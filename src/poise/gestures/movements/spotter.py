"""Moving gestures that were taught, spotted in a stream: each said once, when it is over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.gestures.movements.observations import Look
from poise.gestures.movements.traces import RATE, Columns, Part, Tracer, columns, mirrored
from poise.gestures.movements.warper import Warper
from poise.gestures.shapes.taught_shapes import NONE, UNKNOWN

# How much a column varies between two who make the same movement seen from the same side: places in trunks, their
# changes within a moment, and a hand's shape. Counted in these, exercises lie 0.2 from another repetition of the same
# clip (median), 0.5 to 0.95 from somebody else's seen from the same side, and 1.1 or more from another exercise
# (benchmarks/gestures_moving.py).
_PLACE, _CHANGE, _HAND = 0.20, 0.12, 0.35
# A fit is said when nothing better came for this long; a movement that ends and begins anew has a better fit no later.
_SETTLE_ROWS = 3


@dataclass(frozen=True, slots=True, eq=False)
class TaughtMoves:
    """Examples of movements and what follows from them.

    Attributes:
        name: Of the set.
        part: What is looked at: a ``"hand"``, a ``"body"``, or ``"both"``, a body and its hands.
        skeleton: Name of the skeleton.
        classes: The gestures; "none" may be among them, without templates.
        templates: ``(T, D)`` each, rows of :class:`Tracer`.
        labels: ``(N,)`` class of each template.
        weights: ``(C, D)`` how much each column says of a class.
        limits: ``(C,)`` distance, in spreads, from which it is not the gesture.
    """

    name: str
    part: Part
    skeleton: str
    classes: tuple[str, ...]
    templates: tuple[Floats, ...]
    labels: NDArray[np.intp]
    weights: Floats
    limits: Floats

    @property
    def names(self) -> list[str]:
        """The gestures, without "none"."""
        return [name for name in self.classes if name != NONE]

    def warper(self) -> Warper:
        """Return what follows all templates."""
        what = columns(self.part, self.skeleton)
        return Warper(self.templates, list(self.weights[self.labels]), spreads(what), what.hand)


@dataclass(frozen=True, slots=True)
class Spotted:
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

    def update(self, time: float, look: Look) -> Spotted | None:
        """Take the next look; returns what was made, once it is sure."""
        times, rows = self._tracer.add(time, look)
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

    def finish(self) -> Spotted | None:
        """Say what was made last, because the stream ends."""
        return None if self._best is None else self._say()

    def _time(self, row: int) -> float:
        return self._begin + row / RATE

    def _step(self, row: Floats) -> Spotted | None:
        distances, starts = self._warper.step(row)
        ratio = distances / self._limits
        nearest = int(ratio.argmin())
        now = self._rows - 1
        if ratio[nearest] <= 1.0 and (self._best is None or ratio[nearest] < self._best[0]):
            self._best = (float(ratio[nearest]), nearest, int(starts[nearest]), now)
        if self._best is not None and now - self._best[3] >= _SETTLE_ROWS:
            return self._say()
        return None

    def _say(self) -> Spotted:
        assert self._best is not None  # asked for only then
        ratio, nearest, start, end = self._best
        self._best = None
        # What lies in the told stretch belongs to it.
        self._warper.forget(end + 1)
        name = self._moves.classes[self._moves.labels[nearest]]
        return Spotted(name, sureness(ratio), self._time(start), self._time(end))


def sureness(ratio: float) -> float:
    """Return how sure a distance is, in limits: near 1 for an example, one half at the limit, as still gestures."""
    return float(1.0 / (1.0 + np.exp(8.0 * (ratio - 1.0))))


def best_fit(moves: TaughtMoves, rows: Floats) -> str:
    """Return what the ``(T, D)`` rows show, the best fit of all; "unknown" when nothing fits."""
    warper, least = moves.warper(), np.full(len(moves.templates), np.inf)
    for row in rows:
        least = np.minimum(least, warper.step(row)[0])
    ratio = least / moves.limits[moves.labels]
    nearest = int(ratio.argmin())
    return moves.classes[moves.labels[nearest]] if ratio[nearest] <= 1.0 else UNKNOWN


def spreads(what: Columns) -> Floats:
    """Return the ``(D,)`` spreads of columns."""
    change = np.array(["moved" in name for name in what.names])
    shape = what.hand | np.array(["bend" in name or "points" in name or "faces" in name for name in what.names])
    spread: Floats = np.where(change, _CHANGE, np.where(shape, _HAND, _PLACE))
    return spread
