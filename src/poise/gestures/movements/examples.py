"""Examples of movements: what one person did in one video, without the rest before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.gestures.events import NONE
from poise.gestures.movements.observations import Observation
from poise.gestures.movements.traces import BACK, RATE, Part, TraceColumns, Tracer

# Ends of an example are cut where everything moves less than this share of its quick moments, or than this many trunks
# (palms) in 0.15 s, which is what the networks' noise makes of somebody who stands still.
_STILL_SHARE, _STILL = 0.15, 0.05
# A bend counts as this much of a way: a finger that folds by 90 degrees in 0.15 s moves as a hand that goes 0.3 trunks.
_BEND_SHARE = 0.3
# The shortest movement, rows; shorter ones are a twitch.
MIN_ROWS = 5
# The longest: 10 s. What takes longer is an activity, and following it costs.
MAX_ROWS = int(10 * RATE)


@dataclass(frozen=True, slots=True, eq=False)
class MoveExample:
    """One example.

    Attributes:
        label: Its class; ``"none"`` is what is no gesture.
        source: Where it comes from; examples of one source never judge each other.
        rows: ``(T, D)`` of :class:`Tracer`.
    """

    label: str
    source: str
    rows: Floats


def trace(part: Part, observations: Sequence[tuple[float, Observation]], *, skeleton: str = "coco17") -> Floats:
    """Return the ``(T, D)`` rows of observations at given seconds."""
    tracer = Tracer(part, skeleton)
    rows = [tracer.add(time, observation)[1] for time, observation in observations]
    return np.concatenate(rows) if rows else np.empty((0, len(tracer.columns.names)))


def trim_movement(rows: Floats, layout: TraceColumns) -> Floats:
    """Return the ``(T, D)`` rows without the rest before and after the movement."""
    busy = _busy(rows, layout)
    return rows[max(busy[0] - 2, 0) : busy[-1] + 1] if len(busy) else rows[:0]


def split_movements(rows: Floats, layout: TraceColumns, *, rest_s: float = 0.6) -> list[Floats]:
    """Return the movements in ``(T, D)`` rows, parted by rests of at least ``rest_s`` seconds and without them."""
    busy = _busy(rows, layout)
    if not len(busy):
        return []
    gaps = np.flatnonzero(np.diff(busy) > rest_s * RATE)
    begins, ends = busy[np.concatenate([[0], gaps + 1])], busy[np.concatenate([gaps, [len(busy) - 1]])]
    parts = [rows[max(a - 2, 0) : b + 1] for a, b in zip(begins, ends, strict=True)]
    return [part for part in parts if len(part) >= MIN_ROWS]


def select_usable(examples: Sequence[MoveExample]) -> tuple[list[MoveExample], list[str]]:
    """Return the examples that can be learned from, and one sentence for each thing that the user should know."""
    used, said = [], []
    for one in examples:
        seconds = len(one.rows) / RATE
        if one.label == NONE or MIN_ROWS <= len(one.rows) <= MAX_ROWS:
            used.append(one)
        elif not len(one.rows):
            said.append(f"{one.label}: nothing that moves was found in {one.source}; it is left out")
        elif len(one.rows) < MIN_ROWS:
            said.append(f"{one.label}: the movement in {one.source} takes {seconds:.1f} s, too short; it is left out")
        else:
            said.append(
                f"{one.label}: the movement in {one.source} takes {seconds:.0f} s, longer than {MAX_ROWS / RATE:g}; it "
                "is left out: give one try a video, or --split where there are rests between several"
            )
    counts = Counter(one.label for one in used if one.label != NONE)
    if gone := [label for label in dict.fromkeys(one.label for one in examples) if label != NONE and not counts[label]]:
        said.append(f"no example is left of {', '.join(gone)}: not in the set")
    if single := [label for label, count in counts.items() if count == 1]:
        said.append(
            f"{', '.join(single)}: one example each; how others make it is a guess, and the table can only show what "
            "it is mistaken for; give 5 or more, best by several people"
        )
    if few := [f"{label} ({count})" for label, count in counts.items() if 1 < count < 5]:
        said.append(f"few examples: {', '.join(few)}; give 5 or more, best by several people")
    if not any(one.label == NONE for one in used):
        said.append("there is no folder 'none': give some videos of what is no gesture, and less will be taken for one")
    return used, said


def _busy(rows: Floats, layout: TraceColumns) -> NDArray[np.intp]:
    """Return the rows in which something moves."""
    if not len(rows):
        return np.empty(0, dtype=np.intp)
    moved = np.array(["moved" in name for name in layout.names])
    bends = np.array([name.endswith("_bend") for name in layout.names])
    bent = rows[:, bends]
    turned = bent - np.concatenate([bent[:1].repeat(min(BACK, len(bent)), axis=0), bent[:-BACK]])
    changes = np.abs(np.concatenate([rows[:, moved], _BEND_SHARE * turned], axis=1))
    quick = np.nan_to_num(changes).max(axis=1)
    return np.flatnonzero(quick > max(_STILL_SHARE * float(np.quantile(quick, 0.9)), _STILL))
