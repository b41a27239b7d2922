"""What is missing or cannot be true in a clip: cuts, points off the body, gaps."""

from __future__ import annotations

import numpy as np

from poise.bodies.limbs import lengths, limbs
from poise.clips.clip import Clip
from poise.filters.uncertainty import sizes
from poise.geometry import Bools, Floats

# Most points move further than this share of the instance's size between two frames: a cut, or another person.
_CUT = 0.8

# Shortest stretch whose median a point is held against, seconds and frames.
_WINDOW_S = 0.5


def cuts(clip: Clip) -> Bools:
    """Find where an id's frame does not continue the one before it, as at a cut of the video.

    Returns:
        ``(I, T)`` True in the first frame after a cut: more than half of the id's points lie further than 0.8 of its
        size from where they were one frame before.
    """
    broken = np.zeros(clip.xy.shape[:2], dtype=bool)
    if len(clip) < 2:
        return broken
    moved = np.linalg.norm(np.diff(clip.xy.astype(np.float64), axis=1), axis=-1)
    size = sizes(clip.boxes.astype(np.float64))
    both = np.isfinite(moved)
    far = both & (np.nan_to_num(moved) > _CUT * np.fmax(size[:, 1:], size[:, :-1])[..., None])
    broken[:, 1:] = (2 * far.sum(axis=-1) > both.sum(axis=-1)) & both.any(axis=-1)
    return broken


def rolling_median(x: Floats, frames: int) -> Floats:
    """Return the median over ``frames`` (odd) values around each along the first axis, NaN left out."""
    half = frames // 2
    pad = np.full((half, *x.shape[1:]), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([pad, x, pad]), 2 * half + 1, axis=0)
    ordered = np.sort(windows, axis=-1)  # NaN last
    count = np.isfinite(windows).sum(axis=-1)[..., None]
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)[..., 0]
    high = np.take_along_axis(ordered, count // 2, axis=-1)[..., 0]
    return np.asarray(np.where(count[..., 0] > 0, (low + np.where(count[..., 0] % 2, low, high)) / 2, np.nan))


def outliers(clip: Clip, *, max_stretch: float = 1.5, max_jump: float = 0.15) -> Bools:
    """Find keypoints that left the body: a limb far longer than it is around that time.

    A limb seen from the front shortens when it points at the camera, so a short one proves nothing. A long one does:
    one of its ends is wrong, and it is the one that left its own path, which is the median of half a second around.

    Args:
        clip: The clip.
        max_stretch: Longest a limb may be, as a multiple of the 90th percentile of its length over the id's frames
            (each divided by the instance's size).
        max_jump: Furthest an end of such a limb may lie from its path, in instance sizes; nearer ones stay.

    Returns:
        ``(I, T, K)`` True for keypoints to be left out.
    """
    edges = limbs(clip.skeleton)
    wild = np.zeros(clip.conf.shape, dtype=bool)
    if not edges or not len(clip):
        return wild
    step = float(np.median(np.diff(clip.times))) if len(clip) > 1 else 1.0
    window = 2 * max(2, round(_WINDOW_S / step / 2)) + 1
    ends = np.array(edges)
    size = sizes(clip.boxes.astype(np.float64))
    for i in range(len(clip.ids)):
        xy = clip.xy[i].astype(np.float64)
        scale = _steadied(size[i])
        long = lengths(xy, edges) / scale[:, None]
        usual = np.array([np.percentile(e[np.isfinite(e)], 90) if np.isfinite(e).any() else np.nan for e in long.T])
        stretched = np.nan_to_num(long) > max_stretch * usual
        if not stretched.any():
            continue
        astray = np.linalg.norm(xy - rolling_median(xy, window), axis=-1) / scale[:, None]
        astray = np.nan_to_num(astray)
        first, second = astray[:, ends[:, 0]], astray[:, ends[:, 1]]
        worse = np.where(second >= first, ends[:, 1], ends[:, 0])
        guilty = stretched & (np.maximum(first, second) > max_jump)
        t, e = np.nonzero(guilty)
        wild[i, t, worse[t, e]] = True
    return wild


def _steadied(size: Floats) -> Floats:
    """Return sizes kept within a third of their median: a box narrows when the arms are down, people do not."""
    known = size[np.isfinite(size)]
    usual = float(np.median(known)) if len(known) else np.nan
    return np.asarray(np.clip(size, usual / 1.33, usual * 1.33))


def fill_gaps(x: Floats, times: Floats, *, max_gap_s: float = 0.5, breaks: Bools | None = None) -> tuple[Floats, Bools]:
    """Fill short gaps with straight lines; the ends of a clip and longer gaps stay NaN.

    Args:
        x: ``(T, ...)`` values; NaN where missing.
        times: ``(T,)`` seconds.
        max_gap_s: Longest time between the values on both sides of a gap that is filled, seconds.
        breaks: ``(T,)`` True where a frame does not continue the one before it: no gap is filled across it.

    Returns:
        The filled values, and ``(T, ...)`` True where one was filled in.
    """
    given = np.asarray(x, dtype=np.float64)
    flat = given.reshape(len(given), -1)
    seen = np.isfinite(flat)
    frames = np.arange(len(flat))[:, None]
    before = np.maximum.accumulate(np.where(seen, frames, -1), axis=0)
    after = np.minimum.accumulate(np.where(seen, frames, len(flat))[::-1], axis=0)[::-1]
    inside = ~seen & (before >= 0) & (after < len(flat))
    low, high = np.maximum(before, 0), np.minimum(after, len(flat) - 1)
    inside &= times[high] - times[low] <= max_gap_s + 1e-9
    if breaks is not None:
        part = np.cumsum(breaks)
        inside &= part[high] == part[low]
    columns = np.arange(flat.shape[1])[None]
    span = np.where(inside, times[high] - times[low], 1.0)
    share = (times[frames] - times[low]) / span
    line = flat[low, columns] + share * (flat[high, columns] - flat[low, columns])
    return np.where(inside, line, flat).reshape(given.shape), inside.reshape(given.shape)
