"""Heat maps of points, and bars of shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.charts.palette import COLOURS, DIM, HEAT, INK
from poise.drawing import bgr, fill, label_size, text
from poise.frames import Image

_EMPTY = (238, 237, 235)
_STOPS = np.array([bgr(colour) for colour in HEAT], dtype=np.float64)


def heat(
    x: ArrayLike, y: ArrayLike, *, x_range: tuple[float, float], y_range: tuple[float, float], bins: int = 48
) -> Image:
    """Draw where points lie, one pixel a bin; the darkest bin holds most.

    Args:
        x: ``(n,)``, NaN is left out, and so is what lies outside the range.
        y: ``(n,)``, downwards, as in a picture.
        x_range: Left and right end.
        y_range: Upper and lower end; give the larger first for an axis that points up.
        bins: Of either axis.

    Returns:
        ``(bins, bins, 3)`` uint8 BGR; white where no point is.
    """
    points = np.stack([np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()], axis=1)
    low, high = np.array([x_range[0], y_range[0]]), np.array([x_range[1], y_range[1]])
    # A point on the far end belongs to the last bin.
    place = (points[np.isfinite(points).all(axis=1)] - low) / (high - low)
    place = place[((place >= 0) & (place <= 1)).all(axis=1)]
    cell = np.minimum((place * bins).astype(np.intp), bins - 1)
    counts = np.bincount(cell[:, 1] * bins + cell[:, 0], minlength=bins * bins).reshape(bins, bins)
    # The root keeps single points visible beside a crowd.
    return shade(np.sqrt(counts / max(counts.max(), 1)))


def shade(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the ``(..., 3)`` BGR colours of ``(...)`` levels from 0 (white) to 1."""
    steps = np.linspace(0, 1, len(_STOPS))
    return np.stack([np.interp(levels, steps, _STOPS[:, i]) for i in range(3)], axis=-1).round().astype(np.uint8)


def shares(
    names: Sequence[str],
    counts: ArrayLike,
    parts: Sequence[str],
    *,
    title: str = "",
    size: tuple[int, int] = (760, 540),
    colours: Sequence[str] = COLOURS,
) -> Image:
    """Draw one bar a name, divided into parts.

    Args:
        names: M of them, from the top.
        counts: ``(M, P)``; each bar is as long as its sum is of the largest sum.
        parts: P names, for the legend.
        title: Above the bars.
        size: Width and height, pixels.
        colours: ``"#rrggbb"`` of the parts.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    table = np.asarray(counts, dtype=np.float64).reshape(len(names), len(parts))
    width, height = size
    picture = np.full((height, width, 3), 255, dtype=np.uint8)
    if title:
        text(picture, (18, 8), title, INK, 19)
    at = 18.0
    for i, part in enumerate(parts):
        fill(picture, (round(at), 43, round(at) + 14, 57), bgr(colours[i % len(colours)]))
        text(picture, (at + 20, 41), part, INK, 13)
        at += label_size(part, 13)[0] + 34
    top, bottom, right = 68, height - 14, width - 70
    pitch = (bottom - top) / max(len(names), 1)
    wordy = pitch >= 11
    letters = min(13.0, pitch * 0.85)
    left = 18 + min(max((label_size(n, letters)[0] for n in names), default=0), width // 3) + 6 if wordy else 18
    longest = max(table.sum(axis=1).max(initial=0), 1)
    ends = left + np.cumsum(table, axis=1) / longest * (right - left)
    for row, name in enumerate(names):
        upper, lower = round(top + row * pitch), round(top + (row + (0.8 if wordy else 1)) * pitch)
        fill(picture, (left, upper, right, lower), _EMPTY)
        for i, (start, end) in enumerate(zip([left, *ends[row, :-1]], ends[row], strict=True)):
            fill(picture, (round(start), upper, round(end), lower), bgr(colours[i % len(colours)]))
        if wordy:
            middle = (upper + lower) / 2 - letters * 0.72
            text(picture, (left - label_size(name, letters)[0], middle), name, INK, letters)
            text(picture, (right + 6, middle), f"{table[row].sum():g}", DIM, letters)
    return picture
