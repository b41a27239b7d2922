"""A table of numbers as shaded cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from poise.charts.heat import shade
from poise.charts.palette import DIM, INK
from poise.drawing import fill, ink, label_size, text
from poise.frames import Image

_EMPTY, _WHITE = (247, 246, 245), (255, 255, 255)
# Side of a cell, pixels: of few names large enough for a count, of many small enough for a screen.
_LARGEST, _SMALLEST = 96, 9
# Level of the lightest cell that has a number: darker than one that has none.
_LIGHTEST = 0.12
# Longest name beside the cells, pixels.
_NAME = 190


def matrix(
    values: ArrayLike,
    names: Sequence[str],
    *,
    levels: ArrayLike | None = None,
    title: str = "",
    x: str = "",
    y: str = "",
    side: int = 640,
) -> Image:
    """Draw a square table: each cell is the darker the higher its level, with its number in it where there is room.

    Args:
        values: ``(n, n)``; zero and NaN leave a cell without a number.
        names: n, of rows from the top and of columns from the left.
        levels: ``(n, n)`` from 0 to 1; None: the values by the largest. NaN is light.
        title: Above the table.
        x: What the columns are.
        y: What the rows are.
        side: Of all cells together, pixels, where they are neither few nor many.

    Returns:
        ``(H, W, 3)`` uint8 BGR, as large as it needs to be.

    Raises:
        ValueError: There are no names, or not as many as rows and columns.
    """
    table = np.asarray(values, dtype=np.float64)
    n = len(names)
    if not n or table.shape != (n, n):
        raise ValueError(f"values must have shape {(n, n)} to match {n} names, and at least one, got {table.shape}")
    given = table / max(np.nanmax(np.nan_to_num(table)), 1e-12) if levels is None else np.asarray(levels)
    colours = shade(_LIGHTEST + (1 - _LIGHTEST) * np.clip(np.nan_to_num(given), 0, 1))
    cell = int(np.clip(side // n, _SMALLEST, _LARGEST))
    letters = float(np.clip(cell * 0.7, 7, 14))
    words = [_short(name, letters) for name in names]
    widths = [label_size(word, letters)[0] for word in words]
    upright = max(widths) > cell
    left, top = 44 + max(widths), 72 if title else 40
    right, bottom = left + n * cell, top + n * cell
    below = (max(widths) if upright else 24) + 12
    wide = max(right + 24, *(left + label_size(word, size)[0] + 8 for word, size in ((title, 19), (x, 14), (y, 14))))
    picture = np.full((bottom + below + 32, wide, 3), 255, dtype=np.uint8)
    text(picture, (left, 10), title, INK, 19)
    text(picture, (left, top - 24), y, DIM, 14)
    text(picture, (left, bottom + below), x, DIM, 14)
    gap = 1 if cell >= 12 else 0
    for i in range(n):
        middle = top + i * cell + cell / 2 - letters * 0.72
        text(picture, (left - widths[i] - 2, middle), words[i], INK, letters)
        _below(picture, left + i * cell + cell / 2, bottom + 6, words[i], letters, upright=upright)
        for j in range(n):
            at = (left + j * cell, top + i * cell)
            empty = not table[i, j] > 0  # NaN too
            fill(picture, (*at, at[0] + cell - gap, at[1] + cell - gap), _EMPTY if empty else colours[i, j])
            if not empty:
                dark = colours[i, j].mean() < 130
                _number(picture, at, cell, float(table[i, j]), _WHITE if dark else INK)
    return picture


def _number(picture: Image, at: tuple[int, int], cell: int, value: float, colour: tuple[int, int, int]) -> None:
    """Write a number into a cell, as large as fits; nothing where it could not be read."""
    words = f"{value:.0f}" if value == round(value) else f"{value:.2f}"
    size = min(20.0, cell * 0.4)
    while size >= 8:
        mask = ink(words, size)
        if mask.shape[1] <= cell - 3 and mask.shape[0] <= cell:
            corner = (at[0] + (cell - mask.shape[1]) / 2, at[1] + (cell - mask.shape[0]) / 2)
            text(picture, corner, words, colour, size)
            return
        size -= 1


def _below(picture: Image, middle: float, top: int, words: str, size: float, *, upright: bool) -> None:
    """Write a name below its column, from bottom to top where it is wider than the column."""
    if not words.strip():
        return
    mask = ink(words, size)
    mask = np.rot90(mask) if upright else mask
    x = round(middle - mask.shape[1] / 2)
    fill(picture, (x, top, x + mask.shape[1], top + mask.shape[0]), INK, mask)


def _short(name: str, size: float) -> str:
    """Cut a name that is too long, and what is no line."""
    words = "".join(c if c.isprintable() else " " for c in name)[:200]
    while len(words) > 2 and label_size(words, size)[0] > _NAME:
        words = words[: -2 if words.endswith("…") else -1].rstrip() + "…"
    return words
