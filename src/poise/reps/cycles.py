"""From measures to repetitions: one curve of progress, its turning points, and the cycles among them.

Thresholds follow the signal's own range: an angle seen at a slant moves less, but it still moves as often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poise.bodies.angles import joint_angle, norms
from poise.filters.offline import runs
from poise.geometry import Floats
from poise.reps.exercise import Exercise, Signal
from poise.reps.measures import PersonMeasures
from poise.reps.series import correlation, fill_gaps, smooth
from poise.reps.signals import COLUMN, SIDED
from poise.reps.viewpoint import HEIGHTS, measure_turning

# A repetition must cover this share of the set's usual travel; less is a twitch, or the way into position.
SHARE = 0.45
# One that the clip's start or end cuts may lack a little of its way from or to rest.
EDGE_SHARE = 0.6


@dataclass(frozen=True, slots=True, eq=False)
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
    two = [COLUMN[f"left_{name}"], COLUMN[f"right_{name}"]]
    value, sure = person.values[:, two], person.sure[:, two]
    weight = np.where(np.isfinite(value), np.square(sure) + 1e-6, 0.0)
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean = np.where(total > 0, (weight * np.nan_to_num(value)).sum(axis=1) / total, np.nan)
    return mean, np.where(total > 0, (weight * sure).sum(axis=1) / np.maximum(total, 1e-9), 0.0)


def fuse_signals(
    person: PersonMeasures, exercise: Exercise, side: str, *, seconds: float = 0.08, within: Floats | None = None
) -> Curve:
    """Fuse an exercise's signals into one curve.

    Each signal is brought to its own range first, and weighs as much as it moves above its noise and is seen with
    confidence; one that runs against the others is left out. So a signal that the view foreshortens, or a hidden limb,
    gives way to the better ones.

    Args:
        person: The person's measures.
        exercise: What moves.
        side: ``"left"``, ``"right"`` or ``"both"``.
        seconds: Standard deviation of the smoothing.
        within: Two times between which the range is taken; None: all.
    """
    time = person.time
    inside = np.ones(len(time), dtype=bool) if within is None else (time >= within[0]) & (time <= within[1])
    sided = [s for s in exercise.signals if s.points or s.name in SIDED]
    parts: list[tuple[Signal, str]] = [(s, side) for s in exercise.signals]
    if side == "both" and sided:
        # Each limb is a signal of its own, so that a badly seen one does not spoil the other.
        parts = [
            (s, w) for s in exercise.signals for w in (("left", "right") if s in sided and not s.points else ("both",))
        ]
    value, sure, share = [], [], []
    for signal, which in parts:
        v, c = read_signal(person, signal, which)
        value.append((v - signal.rest) / (signal.effort - signal.rest))
        sure.append(np.where(np.isfinite(v), c, 0.0))
        twins = 2 if which != side else 1
        share.append(signal.weight / twins)
    raw, conf = np.stack(value, axis=1), np.stack(sure, axis=1)
    if exercise.thresholds is not None:
        line = smooth(time, fill_gaps(time, raw, max_gap_s=0.5), seconds=min(seconds, 0.05))[:, 0]
        return Curve(time, line, conf[:, 0], side, 1.0)
    filled = fill_gaps(time, raw, max_gap_s=0.5)
    steady = smooth(time, filled, seconds=seconds)
    low, high = _ends(steady, inside)
    reach = np.maximum(high - low, 1e-6)
    # Noise: what smoothing takes away. A travel of less than about six times it is mostly noise.
    noise = np.array([_spread(filled[:, j] - steady[:, j]) for j in range(raw.shape[1])])
    seen = np.isfinite(raw[inside]).mean(axis=0) if inside.any() else np.zeros(raw.shape[1])
    trust = np.where(
        seen > 0,
        (conf * np.isfinite(raw))[inside].sum(axis=0) / np.maximum(np.isfinite(raw)[inside].sum(axis=0), 1),
        0.0,
    )
    clear = np.square(reach) / (np.square(reach) + np.square(6 * noise) + 0.15**2)
    weight = np.asarray(share) * clear * np.square(trust) * seen
    level = np.array([signal.name in HEIGHTS for signal, _ in parts])
    if level.any() and not level.all():
        # Who turns changes angles and distances by turning; heights stay.
        weight = np.where(level, weight, weight * (1 - measure_turning(person, inside)) ** 2)
    weight = np.where(np.isfinite(weight) & (reach < 5), weight, 0.0)
    unit = (steady - low) / reach
    for _ in range(2):
        line = _mean(unit, weight)
        agree = np.array([correlation(unit[inside, j], line[inside]) for j in range(unit.shape[1])])
        weight = np.where(agree > 0.3, weight, 0.0) if (agree > 0.3).any() else weight
    line = _mean(unit, weight)
    total = weight.sum()
    travel = float((weight * reach).sum() / total) if total > 0 else 0.0
    # Confidence is that of what was seen; a frame without anything, near one with, is filled in well.
    used = weight * np.isfinite(raw)
    there = used.sum(axis=1)
    sure_t = np.divide((used * conf).sum(axis=1), there, out=np.zeros(len(time)), where=there > 0.1 * total)
    sure_t = _carry(time, np.where(there > 0.1 * total, sure_t, np.nan) if total > 0 else np.full(len(time), np.nan))
    return Curve(time, line * travel, sure_t, side, travel)


def _carry(time: Floats, sure: Floats, *, seconds: float = 0.2) -> Floats:
    """Give frames without a value that of the nearest frame within ``seconds``; 0 beyond."""
    good = np.flatnonzero(np.isfinite(sure))
    if not len(good):
        return np.zeros(len(time))
    after = np.clip(np.searchsorted(time[good], time), 0, len(good) - 1)
    before = np.clip(after - 1, 0, None)
    nearer = np.where(np.abs(time[good[after]] - time) < np.abs(time - time[good[before]]), after, before)
    out: Floats = np.where(np.abs(time[good[nearer]] - time) <= seconds, sure[good[nearer]], 0.0)
    return out


def _ends(values: Floats, inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return each column's 3rd and 97th percentile, without those of no value."""
    low, high = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for j in range(values.shape[1]):
        some = values[inside, j]
        some = some[np.isfinite(some)]
        if len(some) >= 2:
            low[j], high[j] = np.percentile(some, (3, 97))
    return low, high


def _spread(residual: Floats) -> float:
    some = residual[np.isfinite(residual)]
    return float(1.4826 * np.median(np.abs(some))) if len(some) else np.inf


def _mean(unit: Floats, weight: Floats) -> Floats:
    """Average the columns that are there, after each was moved to agree with the rest."""
    there = np.isfinite(unit) * weight
    total = there.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Floats = np.where(
            total > 0.02 * weight.sum() + 1e-12, (there * np.nan_to_num(unit)).sum(axis=1) / total, np.nan
        )
    return out


def turning_points(values: Floats, swing: float) -> list[int]:
    """Return the indices where a curve turns, ignoring turns smaller than ``swing``; first and last are its ends.

    Lows and highs alternate.
    """
    curve_ = values.tolist()
    if not curve_:
        return []
    turns: list[int] = []
    low = high = 0
    rising: bool | None = None
    for i, v in enumerate(curve_):
        if v > curve_[high]:
            high = i
        if v < curve_[low]:
            low = i
        if rising is None:
            if curve_[high] - curve_[low] >= swing:
                rising = high > low
                turns.append(low if rising else high)
                if rising:
                    low = high
                else:
                    high = low
        elif rising and curve_[high] - v >= swing:
            turns.append(high)
            rising, low = False, i
        elif not rising and v - curve_[low] >= swing:
            turns.append(low)
            rising, high = True, i
        if rising is True:
            low = i if v < curve_[low] and low > high else low
    if rising is None:
        return []
    turns.append(high if rising else low)
    return turns


def find_cycles(line: Curve, exercise: Exercise, *, typical: float | None = None) -> list[Cycle]:
    """Find the movements from rest to effort and back in a curve, the shallow ones too.

    Args:
        line: The curve.
        exercise: Its depth and duration limits.
        typical: The travel of a usual repetition here; None: taken from the curve itself.
    """
    if exercise.thresholds is not None:
        return _fixed_cycles(line, exercise.thresholds)
    least = exercise.min_depth
    if typical is None:
        first = [c.depth for run in runs(np.isfinite(line.value)) for c in _cycles_in(line, run, 0.5 * least)]
        typical = usual_depth(first, least)
    swing = max(0.5 * least, 0.4 * typical)
    return [c for run in runs(np.isfinite(line.value)) for c in _cycles_in(line, run, swing)]


def usual_depth(depths: list[float], least: float) -> float:
    """Return the depth of a usual repetition: the median of those that are not small beside the greatest."""
    sizes = np.array([d for d in depths if d >= least])
    if not len(sizes):
        return least
    return float(np.median(sizes[sizes >= SHARE * np.percentile(sizes, 85)]))


def _cycles_in(line: Curve, run: tuple[int, int], swing: float) -> list[Cycle]:
    first, past = run
    if past - first < 3:
        return []
    time, value = line.time[first:past], line.value[first:past]
    turns = turning_points(value, swing)
    found = []
    for k in range(len(turns)):
        at = turns[k]
        before = turns[k - 1] if k > 0 else at
        after = turns[k + 1] if k + 1 < len(turns) else at
        is_high = (k > 0 and value[at] > value[before]) or (k + 1 < len(turns) and k == 0 and value[at] > value[after])
        if not is_high or before == at or after == at:
            continue
        found.append(
            _cycle(
                line, first, before, at, after, time, value, cut=(k == 1 and before == 0) or after == past - first - 1
            )
        )
    return found


def _cycle(
    line: Curve, first: int, before: int, at: int, after: int, time: Floats, value: Floats, *, cut: bool
) -> Cycle:
    rise, fall = float(value[at] - value[before]), float(value[at] - value[after])
    near = value[before : after + 1] >= value[at] - 0.06 * min(rise, fall)
    # The middle of the top, when a rep is held there.
    left = right = at - before
    while left > 0 and near[left - 1]:
        left -= 1
    while right + 1 < len(near) and near[right + 1]:
        right += 1
    peak = 0.5 * float(time[before + left] + time[before + right])
    begin = before + int(np.flatnonzero(value[before : at + 1] <= value[before] + 0.12 * rise)[-1])
    finish = at + int(np.flatnonzero(value[at : after + 1] <= value[after] + 0.12 * fall)[0])
    span = slice(first + begin, first + finish + 1)
    sure = line.sure[span]
    return Cycle(
        float(time[begin]), peak, float(time[finish]), rise, fall, line.side, float(sure.mean()),
        float((sure > 0.05).mean()), cut, (float(time[before]), float(time[after])),
    )  # fmt: skip


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
