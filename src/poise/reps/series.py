"""Values over time: gaps filled, smoothed, and compared."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from poise.geometry import Floats

_FEW = 200


def fill_gaps(time: Floats, values: Floats, *, max_gap_s: float) -> Floats:
    """Fill NaN in ``(T, S)`` columns by straight lines, where the gap is not longer than ``max_gap_s``; ends stay.

    Without a gap it is ``values`` itself.
    """
    if np.isfinite(values).all():
        return values
    out = values.copy()
    for j in range(values.shape[1]):
        good = np.flatnonzero(np.isfinite(values[:, j]))
        if len(good) < 2 or len(good) == len(values):
            continue
        bad = np.flatnonzero(~np.isfinite(values[:, j]))
        after = np.searchsorted(good, bad)
        inside = (after > 0) & (after < len(good))
        bad, after = bad[inside], after[inside]
        bad = bad[time[good[after]] - time[good[after - 1]] <= max_gap_s]
        out[bad, j] = np.interp(time[bad], time[good], values[good, j])
    return out


def smooth(time: Floats, values: Floats, *, seconds: float) -> Floats:
    """Smooth ``(T,)`` or ``(T, S)`` without lag by a Gaussian in time; NaN stays NaN and spoils no neighbour.

    Args:
        time: ``(T,)`` seconds, increasing, unevenly spaced or not.
        values: ``(T,)`` or ``(T, S)``.
        seconds: Standard deviation of the Gaussian.
    """
    # Rows of unbroken memory, a column each: numpy is slow along short rows. Below the values are those that count.
    columns = values.reshape(len(time), -1).T
    good = np.isfinite(columns)
    whole = bool(good.all())
    # Where all is there, one row of weights is that of every column.
    both = np.concatenate([columns if whole else np.where(good, columns, 0.0), good[:1] if whole else good])
    total = np.zeros_like(both)
    reach = min(smoothing_reach(usual_step(time), seconds), len(time) - 1)
    # The weight of a neighbour is the same from both sides.
    falls = [np.exp(-0.5 * ((time[shift:] - time[: len(time) - shift]) / seconds) ** 2) for shift in range(reach + 1)]
    for shift in range(-reach, reach + 1):
        to, by = slice(max(0, -shift), len(time) - max(0, shift)), slice(max(0, shift), len(time) - max(0, -shift))
        total[:, to] += falls[abs(shift)] * both[:, by]
    with np.errstate(invalid="ignore", divide="ignore"):
        out = np.where(good, total[: len(columns)] / total[len(columns) :], np.nan)
    return np.ascontiguousarray(out.T).reshape(values.shape)


def usual_step(time: Floats) -> float:
    """Return the usual seconds from one of ``(T,)`` times to the next."""
    return max(median(time[1:] - time[:-1]) if len(time) > 1 else 1.0, 1e-3)


def smoothing_reach(step: float, seconds: float) -> int:
    """Return how many neighbours on each side count when values are smoothed: those within three deviations."""
    return math.ceil(3 * seconds / step)


def correlation(a: Floats, b: Floats) -> float:
    """Return the correlation of two ``(T,)`` series where both are there; 0 of fewer than three, or of a constant."""
    good = np.isfinite(a) & np.isfinite(b)
    count = int(np.count_nonzero(good))
    if count < 3:
        return 0.0
    if count < len(good):
        a, b = a[good], b[good]
    x, y = a - a.mean(), b - b.mean()
    norm = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / norm) if norm > 0 else 0.0


def correlations(rows: Floats, line: Floats) -> Floats:
    """Return :func:`correlation` of each of ``(S, T)`` rows with a ``(T,)`` line."""
    count = len(line)
    if count < 3 or not (np.isfinite(line).all() and np.isfinite(rows).all()):
        return np.array([correlation(row, line) for row in rows])
    x = rows - (rows.sum(axis=1) / count)[:, None]
    y = line - line.sum() / count
    norm = np.sqrt((x * x).sum(axis=1) * (y * y).sum())
    out: Floats = np.divide((x * y).sum(axis=1), norm, out=np.zeros(len(rows)), where=norm > 0)
    return out


def clamp(value: float, low: float, high: float) -> float:
    """Return what ``np.clip`` does of one number."""
    return low if value < low else high if value > high else value


def seen_of(values: Floats) -> Floats:
    """Return those of ``(T,)`` values that are no NaN."""
    good = np.isfinite(values)
    return values if good.all() else values[good]


def percentiles(values: Floats | list[float], shares: Sequence[float], *, ordered: bool = False) -> list[float]:
    """Return what ``np.percentile`` does of ``(T,)`` values without NaN, one or more: one look at them, no other work.

    Args:
        values: ``(T,)``.
        shares: In [0, 100].
        ordered: The values are sorted already.
    """
    last = len(values) - 1
    places = [last * (share / 100) for share in shares]
    if not ordered:
        values = _in_place(values, [at for place in places for at in (int(place), min(int(place) + 1, last))])
    out = []
    for place in places:
        below = int(place)
        low, high = float(values[below]), float(values[min(below + 1, last)])
        rest, way = place - below, high - low
        # From the nearer end, as numpy does, so that both give the same bits.
        out.append(high - way * (1 - rest) if rest >= 0.5 else low + way * rest)
    return out


def _in_place(values: Floats | list[float], places: list[int]) -> Floats:
    """Return values of which those at some places are where they were if all were sorted."""
    values = np.array(values)
    # Few are sorted before the places of some are found.
    if len(values) < _FEW:
        values.sort()
    else:
        values.partition(places)
    return values


def median(values: Floats | list[float], *, ordered: bool = False) -> float:
    """Return what ``np.median`` does of ``(T,)`` values without NaN, one or more."""
    half = len(values) // 2
    if not ordered:
        values = _in_place(values, [half - 1, half] if half else [0])
    return float(values[half]) if len(values) % 2 else (float(values[half - 1]) + float(values[half])) / 2


def row_percentiles(rows: Floats, shares: Sequence[float]) -> Floats:
    """Return the ``(S, P)`` percentiles of each of ``(S, T)`` rows, without NaN; 0 of fewer than two values."""
    count = rows.shape[1]
    if count < 2 or not np.isfinite(rows).all():
        some = (seen_of(row) for row in rows)
        return np.array([percentiles(row, shares) if len(row) > 1 else [0.0] * len(shares) for row in some])
    place = (count - 1) * (np.array(shares) / 100)
    below = place.astype(np.intp)
    above = np.minimum(below + 1, count - 1)
    ordered = np.partition(rows, [*below.tolist(), *above.tolist()], axis=1)
    low, high, rest = ordered[:, below], ordered[:, above], place - below
    way = high - low
    between: Floats = np.where(rest >= 0.5, high - way * (1 - rest), low + way * rest)
    return between


def row_medians(rows: Floats) -> Floats:
    """Return the ``(S,)`` median of each of ``(S, T)`` rows, without NaN; infinity of no value."""
    half = rows.shape[1] // 2
    if not half or not np.isfinite(rows).all():
        return np.array([median(row) if len(row) else np.inf for row in map(seen_of, rows)])
    ordered = np.partition(rows, [half - 1, half], axis=1)
    middle: Floats = ordered[:, half] if rows.shape[1] % 2 else (ordered[:, half - 1] + ordered[:, half]) / 2
    return middle


def spread(values: Floats, low: float, high: float) -> float:
    """Return how far apart two percentiles of ``(T,)`` values without NaN are."""
    below, above = percentiles(values, (low, high))
    return above - below
