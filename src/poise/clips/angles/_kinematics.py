"""Rates of change over time."""

from __future__ import annotations

import numpy as np

from poise.filters.offline import runs
from poise.geometry import Floats


def velocity(x: Floats, times: Floats, *, circular: bool = False) -> Floats:
    """Return the rate of change by central differences, one-sided at the ends of each unbroken run.

    Differences make trembling worse, so smooth first: :func:`poise.clips.fix` or :class:`poise.filters.Smoother`.

    Args:
        x: ``(T, ...)`` pixels or degrees; NaN where missing.
        times: ``(T,)`` seconds, spaced as they may be.
        circular: The values are directions in degrees: from 179 to -179 is 2, not -358.

    Returns:
        ``(T, ...)`` per second; NaN where missing, and for a run of one frame.
    """
    given = np.asarray(x, dtype=np.float64)
    if not given.size:
        return given.copy()
    flat = given.reshape(len(given), -1)
    out = np.full(flat.shape, np.nan)
    patterns, which = np.unique(np.isfinite(flat), axis=1, return_inverse=True)
    for p in range(patterns.shape[1]):
        columns = np.flatnonzero(which.reshape(-1) == p)
        for low, high in runs(patterns[:, p]):
            if high - low < 2:
                continue
            part = flat[low:high][:, columns]
            part = np.unwrap(part, period=360.0, axis=0) if circular else part
            out[low:high, columns] = np.gradient(part, times[low:high], axis=0)
    return out.reshape(given.shape)
