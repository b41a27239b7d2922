"""From a curve of progress to repetitions: its turning points, and the cycles among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from poise.bodies.angles import joint_angle, norms
from poise.filters.offline import runs
from poise.geometry import Floats
from poise.reps.exercise import Exercise, Signal
from poise.reps.measures import PersonMeasures
from poise.reps.series import median, percentiles
from poise.reps.signals import COLUMN, SIDED

# A repetition must cover this share of the set's usual travel; less is a twitch, or the way into position.
SHARE = 0.45
# One that the clip's start or end cuts may lack a little of its way from or to rest.
EDGE_SHARE = 0.6


@dataclass(frozen=True, eq=False)
class Curve:
    """Progress of a movement over time: 0 at rest, rising towards the effort, in shares of the usual travel.

    Attributes:
        time: ``(T,)`` seconds.
        value: ``(T,)`` progress, smoothed; NaN where nothing was seen for long.
        sure: ``(T,)`` confidence of the points that it comes from; 0 where filled in.
        side: ``"left"``, ``"right"`` or ``"both"``.
        travel: Mean travel of its signals, 1 = the usual one.
    """

    time: Floats
    value: Floats
    sure: Floats
    side: str
    travel: float

    @cached_property
    def stretches(self) -> list[_Stretch]:
        """The unbroken stretches of the curve."""
        seen = np.isfinite(self.value)
        return [_Stretch(self, *run) for run in ([(0, len(seen))] if seen.all() else runs(seen))]


@dataclass(frozen=True, slots=True)
class Cycle:
    """One movement from rest to effort and back.

    Attributes:
        start: Seconds when it leaves rest.
        peak: Seconds of the effort.
        end: Seconds when it is back at rest.
        rise: Travel from rest to the peak, in shares of the usual one.
        fall: Travel back.
        side: ``"left"``, ``"right"`` or ``"both"``.
        sure: Mean confidence of the points.
        seen: Share of its frames in which something was seen.
        cut: Whether the stretch of video begins or ends inside it.
        cover: From the lowest point before to the lowest after: seconds.
        lead: Of a repetition with both limbs, the one that it was measured on; empty: both.
    """

    start: float
    peak: float
    end: float
    rise: float
    fall: float
    side: str
    sure: float
    seen: float
    cut: bool
    cover: tuple[float, float] = (0.0, 0.0)
    lead: str = ""

    @property
    def depth(self) -> float:
        """The smaller of the two ways."""
        return min(self.rise, self.fall)


def read_signal(person: PersonMeasures, signal: Signal, side: str) -> tuple[Floats, Floats]:
    """Return one measure and its confidence, each ``(T,)``.

    A sided measure of ``"both"`` is the mean of the sides that are seen, weighted by their confidence.
    """
    if signal.points:
        at = list(signal.points)
        p = np.where((person.conf >= 0.15)[..., None], person.xy, np.nan)[:, at]
        value = joint_angle(p[:, 0], p[:, 1], p[:, 2]) if len(at) == 3 else norms(p[:, 0] - p[:, 1]) / person.scale
        return value, person.conf[:, at].min(axis=1)
    return read_measure(person, signal.name, side)


def read_measure(person: PersonMeasures, name: str, side: str) -> tuple[Floats, Floats]:
    """Like :func:`read_signal`, of a measure's name."""
    if name not in SIDED:
        return person.values[:, COLUMN[name]], person.sure[:, COLUMN[name]]
    if side != "both":
        at = COLUMN[f"{side}_{name}"]
        return person.values[:, at], person.sure[:, at]
    return person.mean_of_sides(name)


def turning_points(values: Floats, swing: float) -> list[int]:
    """Return the indices where a curve turns, ignoring turns smaller than ``swing``; first and last are its ends.

    Lows and highs alternate.
    """
    corners = _corners(values)
    return _turns(corners, values[corners].tolist(), swing)


def _corners(values: Floats) -> list[int]:
    """Return where a curve changes its direction, its first and its last value: of equal ones the first."""
    if len(values) < 2:
        return list(range(len(values)))
    step = values[1:] - values[:-1]
    moves = step.nonzero()[0]
    rises = step[moves] > 0
    turn = (rises[1:] != rises[:-1]).nonzero()[0]
    # A turn lies where the move before it ended.
    return [0, *(moves[turn] + 1).tolist(), *(moves[-1:] + 1).tolist()]


def _turns(corners: list[int], values: list[float], swing: float) -> list[int]:
    """Return which of the corners, with the values there, are turning points."""
    turns: list[int] = []
    if not corners:
        return turns
    low = high = corners[0]
    lowest = highest = values[0]
    rising: bool | None = None
    for i, v in zip(corners, values, strict=True):
        if v > highest:
            high, highest = i, v
        if v < lowest:
            low, lowest = i, v
        if rising is None:
            if highest - lowest >= swing:
                rising = high > low
                turns.append(low if rising else high)
                if rising:
                    low, lowest = high, highest
                else:
                    high, highest = low, lowest
        elif rising and highest - v >= swing:
            turns.append(high)
            rising, low, lowest = False, i, v
        elif not rising and v - lowest >= swing:
            turns.append(low)
            rising, high, highest = True, i, v
    if rising is None:
        return []
    turns.append(high if rising else low)
    return turns


class _Stretch:
    """An unbroken stretch of a curve, in which cycles are looked for."""

    def __init__(self, line: Curve, first: int, past: int) -> None:
        self._line, self._first = line, first
        self._values: list[float] = line.value[first:past].tolist()
        # Where it changes its direction: only there it can turn.
        self._corners = _corners(line.value[first:past])
        self._heights = [self._values[at] for at in self._corners]
        self._highs: dict[float, list[tuple[int, int, int]]] = {}

    def highs(self, swing: float) -> list[tuple[int, int, int]]:
        """Return the low before, the high, and the low after of each movement of ``swing`` or more both ways."""
        if len(self._values) < 3:
            return []
        # The same swing is often asked for again: a usual movement is a usual one at the second look too.
        if swing not in self._highs:
            turns = _turns(self._corners, self._heights, swing)
            begins_low = len(turns) > 1 and self._values[turns[1]] > self._values[turns[0]]
            starts = range(0 if begins_low else 1, len(turns) - 2, 2)
            self._highs[swing] = [(turns[k], turns[k + 1], turns[k + 2]) for k in starts]
        return self._highs[swing]

    def depths(self, swing: float) -> list[float]:
        """Return the smaller of the two ways of each movement."""
        value = self._values
        return [min(value[at] - value[before], value[at] - value[after]) for before, at, after in self.highs(swing)]

    def cycles(self, swing: float) -> list[Cycle]:
        """Return the movements."""
        time = self._line.time[self._first : self._first + len(self._values)].tolist()
        return [self._cycle(time, self._values, *high) for high in self.highs(swing)]

    def _cycle(self, time: list[float], value: list[float], before: int, at: int, after: int) -> Cycle:
        rise, fall = value[at] - value[before], value[at] - value[after]
        # The middle of the top, when a rep is held there.
        top = value[at] - 0.06 * min(rise, fall)
        left = right = at
        while left > before and value[left - 1] >= top:
            left -= 1
        while right < after and value[right + 1] >= top:
            right += 1
        begin, gone = at, value[before] + 0.12 * rise
        while value[begin] > gone:
            begin -= 1
        finish, back = at, value[after] + 0.12 * fall
        while value[finish] > back:
            finish += 1
        sure = self._line.sure[self._first + begin : self._first + finish + 1]
        # A movement that the stretch begins or ends with may go on beyond it.
        cut = before == 0 or after == len(value) - 1
        return Cycle(
            time[begin], 0.5 * (time[left] + time[right]), time[finish], rise, fall, self._line.side,
            float(sure.sum()) / len(sure), np.count_nonzero(sure > 0.05) / len(sure), cut, (time[before], time[after]),
        )  # fmt: skip


def find_cycles(line: Curve, exercise: Exercise, *, typical: float | None = None) -> list[Cycle]:
    """Find the movements from rest to effort and back in a curve, the shallow ones too.

    Args:
        line: The curve.
        exercise: Its depth and duration limits.
        typical: The travel of a usual repetition here; None: taken from the curve itself.
    """
    if exercise.thresholds is not None:
        return _fixed_cycles(line, exercise.thresholds)
    swing = _least_swing(line, exercise, typical)
    return [cycle for stretch in line.stretches for cycle in stretch.cycles(swing)]


def find_depths(line: Curve, exercise: Exercise) -> list[float]:
    """Return the depths of what :func:`find_cycles` finds, in a fraction of its time."""
    if exercise.thresholds is not None:
        return [cycle.depth for cycle in _fixed_cycles(line, exercise.thresholds)]
    swing = _least_swing(line, exercise, None)
    return [depth for stretch in line.stretches for depth in stretch.depths(swing)]


def _least_swing(line: Curve, exercise: Exercise, typical: float | None) -> float:
    """Return how far a curve must go up and down that it counts as a movement."""
    least = exercise.min_depth
    if typical is None:
        typical = usual_depth([depth for one in line.stretches for depth in one.depths(0.5 * least)], least)
    return max(0.5 * least, 0.4 * typical)


def usual_depth(depths: list[float], least: float) -> float:
    """Return the depth of a usual repetition: the median of those that are not small beside the greatest."""
    sizes = sorted(d for d in depths if d >= least)
    if not sizes:
        return least
    large = SHARE * percentiles(sizes, [85], ordered=True)[0]
    return median([size for size in sizes if size >= large], ordered=True)


def _fixed_cycles(line: Curve, thresholds: tuple[float, float]) -> list[Cycle]:
    """Count as the plain angle counters do: beyond the second threshold, then back beyond the first."""
    rest, effort = thresholds
    found, start, down = [], -1, -1
    value = line.value
    for i, v in enumerate(value.tolist()):
        if v >= effort and down < 0:
            down = i
        elif v <= rest:
            if down >= 0:
                top = down + int(np.nanargmax(value[down : i + 1]))
                begin = max(start, 0)
                depth = float(value[top])
                sure = line.sure[begin : i + 1]
                found.append(
                    Cycle(
                        float(line.time[begin]),
                        float(line.time[top]),
                        float(line.time[i]),
                        depth,
                        depth,
                        line.side,
                        float(sure.mean()),
                        float((sure > 0.05).mean()),
                        False,
                        (float(line.time[begin]), float(line.time[i])),
                    )
                )
                down = -1
            start = i
    return found


def merge_sides(left: list[Cycle], right: list[Cycle]) -> list[Cycle]:
    """Join the cycles of two limbs as people count them.

    Two cycles are one repetition of both limbs when their peaks lie close beside their lengths, or one lies mostly
    within the other; the rest are repetitions of one side. Limbs in turn overlap by less than half.
    """
    taken: set[int] = set()
    out = []
    for a in left:
        near = []
        for k, b in enumerate(right):
            shorter = min(a.end - a.start, b.end - b.start)
            overlap = min(a.end, b.end) - max(a.start, b.start)
            if k not in taken and (abs(a.peak - b.peak) < 0.35 * shorter or overlap > 0.7 * shorter):
                near.append((abs(a.peak - b.peak), k))
        if near:
            k = min(near)[1]
            taken.add(k)
            best = a if a.sure * a.depth >= right[k].sure * right[k].depth else right[k]
            out.append(replace(best, side="both", lead=best.side))
        else:
            out.append(a)
    out += [b for k, b in enumerate(right) if k not in taken]
    return sorted(out, key=lambda c: c.peak)
