"""Filters that look both ways in time, so that nothing comes late: Savitzky-Golay and Butterworth.

Both work on unbroken runs and never across a missing point: NaN stays NaN, and what lies beyond a gap has no influence.
Both want even steps in time. A run whose steps differ by more than a tenth is resampled to its median step with
straight lines, filtered, and sampled back at its own times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from poise.geometry import Bools, Floats

_UNEVEN = 0.1  # of the median step


def savitzky_golay(
    x: Floats, times: Floats, *, window_s: float = 0.3, order: int = 2, breaks: Bools | None = None
) -> Floats:
    """Replace each value by that of a polynomial fitted to the values around it.

    At the ends of a run, the polynomial of its first or last window counts. A run shorter than the window is fitted as
    a whole where it has more values than ``order``, and otherwise left as it is.

    Args:
        x: ``(T, ...)`` values; NaN where missing.
        times: ``(T,)`` seconds.
        window_s: Width of the window, seconds: an odd number of frames, at least ``order + 2``. 0.3 s keeps
            movements of people up to about 3 Hz.
        order: Degree of the polynomial.
        breaks: ``(T,)`` True where a frame does not continue the one before it (a cut).

    Returns:
        ``(T, ...)`` with NaN where it was.

    Source:
        Savitzky and Golay, Analytical Chemistry 36 (1964) 1627; ends as scipy.signal.savgol_filter's ``mode="interp"``.
    """
    if order < 0 or window_s <= 0:
        raise ValueError(f"order must be from 0 and window_s positive, got order={order}, window_s={window_s}")

    def run(part: Floats, step: float) -> Floats:
        half = max(round(window_s / step / 2 - 1e-9), (order + 2) // 2)
        half = min(half, (len(part) - 1) // 2)
        if 2 * half + 1 <= order:
            return part
        fit = _fit(2 * half + 1, order)
        out = np.empty_like(part)
        windows = np.lib.stride_tricks.sliding_window_view(part, 2 * half + 1, axis=0)
        out[half : len(part) - half] = windows @ fit[half]
        out[:half] = fit[:half] @ part[: 2 * half + 1]
        out[len(part) - half :] = fit[half + 1 :] @ part[len(part) - 2 * half - 1 :]
        return out

    return _each_run(x, times, breaks, run)


def _fit(width: int, order: int) -> Floats:
    """Return ``(width, width)``: row i gives the fitted value at i from the values of the window."""
    powers = np.vander(np.linspace(-1, 1, width) if width > 1 else np.zeros(1), order + 1)
    hat: Floats = powers @ np.linalg.pinv(powers)
    return hat


def butterworth(x: Floats, times: Floats, *, cutoff_hz: float = 6.0, breaks: Bools | None = None) -> Floats:
    """Filter forwards and backwards with a low-pass of second order: fourth order in all, without delay.

    Args:
        x: ``(T, ...)`` values; NaN where missing.
        times: ``(T,)`` seconds.
        cutoff_hz: Where both passes together leave half of the power. 6 Hz is the usual choice for walking (Winter,
            Biomechanics and Motor Control of Human Movement, 4th edition, section 3.4.4). It must lie under half of
            the frame rate; a clip too slow for it is returned as it is, since it holds nothing faster.
        breaks: ``(T,)`` True where a frame does not continue the one before it (a cut).

    Returns:
        ``(T, ...)`` with NaN where it was. Runs of one frame are left as they are.

    Source:
        Winter, as above: the cutoff of a single pass is the wanted one divided by (√2 - 1)^(1/4) = 0.802. Ends are
        extended by odd reflection over up to nine frames and the filter starts settled, as in
        scipy.signal.filtfilt (Gustafsson, IEEE Trans. Signal Processing 44 (1996) 988, for why).
    """
    if cutoff_hz <= 0:
        raise ValueError(f"cutoff_hz must be positive, got {cutoff_hz}")

    def run(part: Floats, step: float) -> Floats:
        single = cutoff_hz / (np.sqrt(2.0) - 1.0) ** 0.25
        if len(part) < 2 or single >= 0.5 / step:
            return part
        b, a = _second_order(single * step)
        pad = min(9, len(part) - 1)
        long = np.concatenate([2 * part[:1] - part[pad:0:-1], part, 2 * part[-1:] - part[-2 : -pad - 2 : -1]])
        once = _pass(long, b, a)
        return _pass(once[::-1], b, a)[::-1][pad : pad + len(part)]

    return _each_run(x, times, breaks, run)


def _second_order(share: float) -> tuple[Floats, Floats]:
    """Return the coefficients of the low-pass by the bilinear transform; ``share`` is cutoff / sampling rate."""
    k = np.tan(np.pi * share)
    norm = 1.0 + np.sqrt(2.0) * k + k * k
    b = np.array([1.0, 2.0, 1.0]) * k * k / norm
    return b, np.array([1.0, 2.0 * (k * k - 1.0) / norm, (1.0 - np.sqrt(2.0) * k + k * k) / norm])


def _pass(x: Floats, b: Floats, a: Floats) -> Floats:
    """Run the filter once (direct form II transposed), as if the first value had been there for ever."""
    out = np.empty_like(x)
    second = (b[2] - a[2]) * x[0]
    first = (b[1] - a[1]) * x[0] + second
    for t, value in enumerate(x):
        y = b[0] * value + first
        first = b[1] * value - a[1] * y + second
        second = b[2] * value - a[2] * y
        out[t] = y
    return out


def runs(seen: Bools) -> Iterator[tuple[int, int]]:
    """Yield start and end (exclusive) of every unbroken run of True in ``(T,)``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _each_run(x: Floats, times: Floats, breaks: Bools | None, run: Callable[[Floats, float], Floats]) -> Floats:
    """Filter every unbroken run; runs of several columns with the same ends go together."""
    given = np.asarray(x, dtype=np.float64)
    if not given.size:
        return given.copy()
    flat = given.reshape(len(given), -1)
    out = flat.copy()
    cuts = np.flatnonzero(breaks).tolist() if breaks is not None else []
    alike: dict[tuple[int, int], list[int]] = {}
    seen = np.isfinite(flat)
    patterns, which = np.unique(seen, axis=1, return_inverse=True)
    which = which.reshape(-1)
    for p in range(patterns.shape[1]):
        columns = np.flatnonzero(which == p).tolist()
        for low, high in runs(patterns[:, p]):
            ends = [low, *(c for c in cuts if low < c < high), high]
            for a, b in pairwise(ends):
                alike.setdefault((a, b), []).extend(columns)
    for (low, high), columns in alike.items():
        out[low:high, columns] = _evenly(flat[low:high][:, columns], times[low:high], run)
    return out.reshape(given.shape)


def _evenly(part: Floats, times: Floats, run: Callable[[Floats, float], Floats]) -> Floats:
    if len(part) < 2:
        return part
    steps = np.diff(times)
    step = float(np.median(steps))
    if np.abs(steps - step).max() <= _UNEVEN * step:
        return run(part, float(steps.mean()))
    grid = np.linspace(times[0], times[-1], max(round((times[-1] - times[0]) / step), 1) + 1)
    even = np.stack([np.interp(grid, times, column) for column in part.T], axis=1)
    filtered = run(even, float(grid[1] - grid[0]))
    return np.stack([np.interp(times, grid, column) for column in filtered.T], axis=1)
