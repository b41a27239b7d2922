"""Movements that were taught: templates, what each column says, and the limits from which all is unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.gestures.events import NONE, UNKNOWN
from poise.gestures.movements.traces import Part, TraceColumns, trace_columns
from poise.gestures.movements.warper import Warper

# How much a column varies between two who make the same movement seen from the same side: places in trunks, their
# changes within a moment, and a hand's shape. Counted in these, exercises lie 0.2 from another repetition of the same
# clip (median), 0.5 to 0.95 from somebody else's seen from the same side, and 1.1 or more from another exercise
# (benchmarks/gestures_moving.py).
_PLACE, _CHANGE, _HAND = 0.20, 0.12, 0.35


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
        layout = trace_columns(self.part, self.skeleton)
        return Warper(self.templates, list(self.weights[self.labels]), spreads(layout), layout.hand)


def best_fit(moves: TaughtMoves, rows: Floats) -> str:
    """Return what the ``(T, D)`` rows show, the best fit of all; "unknown" when nothing fits."""
    warper, least = moves.warper(), np.full(len(moves.templates), np.inf)
    for row in rows:
        least = np.minimum(least, warper.step(row)[0])
    ratio = least / moves.limits[moves.labels]
    nearest = int(ratio.argmin())
    return moves.classes[moves.labels[nearest]] if ratio[nearest] <= 1.0 else UNKNOWN


def spreads(layout: TraceColumns) -> Floats:
    """Return the ``(D,)`` spreads of columns."""
    change = np.array(["moved" in name for name in layout.names])
    shape = layout.hand | np.array(["bend" in name or "points" in name or "faces" in name for name in layout.names])
    spread: Floats = np.where(change, _CHANGE, np.where(shape, _HAND, _PLACE))
    return spread
