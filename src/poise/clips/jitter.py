"""Measures of what a filter does: how much a point trembles, and how late it comes."""

from __future__ import annotations

import numpy as np

from poise.geometry import Floats


def jitter_index(xy: Floats, size: Floats) -> Floats:
    """Return how much each point trembles from frame to frame, in percent of the instance's size.

    It is the standard deviation of the white noise that would give the same second differences in time: the mean of
    (x[t-1] - 2 x[t] + x[t+1])² over frames and both axes, divided by 6, and its root. Even motion counts nothing; a
    swing counts little. The index depends on the frame rate, so it compares filters on one clip, not clips.

    Args:
        xy: ``(T, ..., K, 2)`` pixels, evenly spaced in time.
        size: ``(T, ...)`` the square root of the box's area, pixels.

    Returns:
        ``(..., K)`` percent; NaN for a point never seen in three frames in a row.

    Source:
        The acceleration error that the smoothing literature reports (Zeng et al., SmoothNet, ECCV 2022, section 4.1),
        without a ground truth, and divided so that it reads as a distance.
    """
    bend = np.diff(np.asarray(xy, dtype=np.float64), n=2, axis=0) / np.asarray(size)[1:-1, ..., None, None]
    seen = np.isfinite(bend)
    count = seen.sum(axis=(0, -1))
    total = np.where(seen, np.square(bend), 0.0).sum(axis=(0, -1))
    return np.asarray(100.0 * np.sqrt(np.where(count > 0, total / np.maximum(count, 1), np.nan) / 6.0))


def wobble_index(xy: Floats, times: Floats, size: Floats, *, window_s: float = 1.0) -> Floats:
    """Return how far each point strays from its own mean of one second, in percent of the instance's size.

    Slow trembling counts here too, which :func:`jitter_index` does not see; so does real motion: for people who stand.

    Args:
        xy: ``(T, ..., K, 2)`` pixels.
        times: ``(T,)`` seconds.
        size: ``(T, ...)`` pixels.
        window_s: Width of the moving mean, seconds.

    Returns:
        ``(..., K)`` percent.
    """
    points = np.asarray(xy, dtype=np.float64)
    near = np.abs(times[:, None] - times[None]) <= window_s / 2
    seen = np.isfinite(points)
    total = np.tensordot(near.astype(np.float64), np.where(seen, points, 0.0), axes=1)
    count = np.tensordot(near.astype(np.float64), seen.astype(np.float64), axes=1)
    stray = (points - total / np.where(count > 0, count, np.nan)) / np.asarray(size)[..., None, None]
    known = np.isfinite(stray)
    mean = np.where(known, np.square(stray), 0.0).sum(axis=(0, -1)) / np.maximum(known.sum(axis=(0, -1)), 1)
    return np.asarray(100.0 * np.sqrt(np.where(known.any(axis=(0, -1)), mean, np.nan)))


def lag_s(raw: Floats, filtered: Floats, times: Floats, size: Floats, *, min_speed: float = 0.3) -> float:
    """Return by how many seconds the filtered points come late while they move.

    It is the shift of time for which the filtered points lie nearest to the raw ones, over the frames and points that
    move. Negative: early.

    Args:
        raw: ``(T, K, 2)`` pixels.
        filtered: ``(T, K, 2)`` pixels.
        times: ``(T,)`` seconds.
        size: ``(T,)`` pixels.
        min_speed: Slowest motion that counts, in instance sizes a second, over a quarter of a second.

    Returns:
        Seconds; NaN where nothing moves.
    """
    step = float(np.median(np.diff(times)))
    half = max(1, round(0.125 / step))
    speed = np.full(raw.shape[:2], np.nan)
    run = np.linalg.norm(raw[2 * half :] - raw[: -2 * half], axis=-1)
    speed[half:-half] = run / (times[2 * half :] - times[: -2 * half])[:, None] / size[half:-half, None]
    moves = (np.nan_to_num(speed) > min_speed) & np.isfinite(raw).all(-1)
    if not moves.any():
        return float("nan")
    shifts = np.arange(-0.1, 0.4, 0.005)
    cost = np.zeros(len(shifts))
    for k in range(raw.shape[1]):
        seen = np.isfinite(filtered[:, k]).all(-1)
        at = np.flatnonzero(moves[:, k] & (times > times[0] + 0.1) & (times < times[-1] - 0.4))
        if not len(at) or not seen.any():
            continue
        for j, shift in enumerate(shifts):
            late = [np.interp(times[at] + shift, times[seen], filtered[seen, k, axis]) for axis in (0, 1)]
            cost[j] += np.square(np.stack(late, -1) - raw[at, k]).sum()
    return float(shifts[int(np.argmin(cost))]) if cost.any() else float("nan")
