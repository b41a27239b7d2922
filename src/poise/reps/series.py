"""Values over time: gaps filled, smoothed, and compared."""

from __future__ import annotations

import numpy as np

from poise.geometry import Floats


def fill_gaps(time: Floats, values: Floats, *, max_gap_s: float) -> Floats:
    """Fill NaN in ``(T, S)`` columns by straight lines, where the gap is not longer than ``max_gap_s``; ends stay."""
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
    columns = values.reshape(len(time), -1)
    good = np.isfinite(columns)
    filled = np.where(good, columns, 0.0)
    step = max(float(np.median(np.diff(time))) if len(time) > 1 else 1.0, 1e-3)
    reach = int(np.ceil(3 * seconds / step))
    total, weight = np.zeros_like(filled), np.zeros_like(filled)
    for shift in range(-reach, reach + 1):
        to, by = slice(max(0, -shift), len(time) - max(0, shift)), slice(max(0, shift), len(time) - max(0, -shift))
        if to.start >= to.stop:
            continue
        w = np.exp(-0.5 * ((time[by] - time[to]) / seconds) ** 2)[:, None]
        total[to] += w * filled[by]
        weight[to] += w * good[by]
    with np.errstate(invalid="ignore", divide="ignore"):
        out = np.where(good, total / weight, np.nan)
    return out.reshape(values.shape)


def correlation(a: Floats, b: Floats) -> float:
    """Return the correlation of two ``(T,)`` series where both are there; 0 of fewer than three, or of a constant."""
    good = np.isfinite(a) & np.isfinite(b)
    if good.sum() < 3:
        return 0.0
    x, y = a[good] - a[good].mean(), b[good] - b[good].mean()
    norm = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / norm) if norm > 0 else 0.0
