"""Line charts and sheets of pictures, drawn with what every installation has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.charts.palette import COLOURS, DIM, GRID, INK
from poise.drawing import bgr, fill, label_size, limbs, text
from poise.errors import PoiseError
from poise.frames import Image
from poise.image import resize

# More curves than these are drawn without a legend.
_LEGEND = 12


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line of a chart.

    Attributes:
        name: In the legend; empty: not there.
        x: ``(n,)`` ascending.
        y: ``(n,)``; NaN leaves a gap.
        colour: ``"#rrggbb"``; None: the next of the palette.
        width: Pixels.
        dashed: Draw dashes.
        dots: Mark every point.
        bars: Draw an upright bar a point in place of a line, as wide as the points are apart.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    colour: str | None = None
    width: float = 2.2
    dashed: bool = False
    dots: bool = False
    bars: bool = False


def chart(
    curves: Sequence[Curve],
    *,
    title: str = "",
    x: str = "",
    y: str = "",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    size: tuple[int, int] = (760, 540),
    ground: Image | None = None,
    whole: bool = False,
) -> Image:
    """Draw curves into a picture with axes, a grid and a legend.

    Args:
        curves: What to draw, the first at the bottom.
        title: Above the chart.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        x_range: Ends of the horizontal axis; None: those of the values.
        y_range: Ends of the vertical axis; None: those of the values.
        size: Width and height, pixels.
        ground: ``(h, w, 3)`` uint8 BGR picture that fills the axes, below the curves; its bins stay sharp.
        whole: Mark whole numbers only on the horizontal axis.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    width, height = size
    picture = np.full((height, width, 3), 255, dtype=np.uint8)
    points = [(np.asarray(c.x, dtype=np.float64), np.asarray(c.y, dtype=np.float64)) for c in curves]
    low_x, high_x = x_range or _ends([px for px, _ in points])
    low_y, high_y = y_range or _ends([py for _, py in points])
    left, top, right, bottom = 66, 58 if title else 40, width - 22, height - 52
    scale = np.array([(right - left) / (high_x - low_x), (top - bottom) / (high_y - low_y)])
    origin = np.array([left - low_x * scale[0], bottom - low_y * scale[1]])
    for value in ticks(low_x, high_x, whole=whole):
        at = round(value * scale[0] + origin[0])
        fill(picture, (at, top, at + 1, bottom), GRID)
        words = f"{value:g}"
        text(picture, (at - label_size(words, 13)[0] / 2 + 3, bottom + 6), words, DIM, 13)
    for value in ticks(low_y, high_y):
        at = round(value * scale[1] + origin[1])
        fill(picture, (left, at, right, at + 1), GRID)
        words = f"{value:g}"
        text(picture, (left - label_size(words, 13)[0] - 1, at - 9), words, DIM, 13)
    if ground is not None:
        rows = np.arange(bottom - top) * ground.shape[0] // (bottom - top)
        columns = np.arange(right - left) * ground.shape[1] // (right - left)
        picture[top:bottom, left:right] = ground[rows[:, None], columns]
    inner = picture[top - 3 : bottom + 3, left - 3 : right + 3].copy()
    for i, (curve, (px, py)) in enumerate(zip(curves, points, strict=True)):
        places = np.stack([px, py], axis=1) * scale + origin - (left - 3, top - 3)
        _curve(inner, curve, places, _colour(curve, i), bottom - top + 3)
    picture[top - 3 : bottom + 3, left - 3 : right + 3] = inner
    fill(picture, (left, bottom, right, bottom + 1), DIM)
    fill(picture, (left, top, left + 1, bottom), DIM)
    if title:
        text(picture, (left, 8), title, INK, 19)
    text(picture, (left, top - 21), y, INK, 14)
    text(picture, (right - label_size(x, 14)[0] + 6, height - 25), x, INK, 14)
    along = [p * scale + origin for p in map(_rows, points)]
    _legend(picture, curves, (left, top, right, bottom), places=along, beside=left + label_size(y, 14)[0])
    return picture


def sheet(
    pictures: Sequence[Image], captions: Sequence[str] = (), *, columns: int = 4, cell: tuple[int, int] = (360, 270)
) -> Image:
    """Lay pictures out in rows, each shrunk into its cell, with a line of text below it.

    Args:
        pictures: ``(H, W, 3)`` uint8 BGR.
        captions: A line each; none: no lines.
        columns: Pictures in a row.
        cell: Width and height that each may take, pixels.

    Raises:
        PoiseError: There are no pictures.
    """
    if not len(pictures):
        raise PoiseError("a sheet needs at least one picture")
    gap, line = 10, 22 if captions else 0
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    width, height = cell
    out = np.full((rows * (height + line + gap) + gap, columns * (width + gap) + gap, 3), 245, dtype=np.uint8)
    for i, picture in enumerate(pictures):
        y, x = gap + i // columns * (height + line + gap), gap + i % columns * (width + gap)
        ratio = min(width / picture.shape[1], height / picture.shape[0])
        small = (max(1, round(picture.shape[1] * ratio)), max(1, round(picture.shape[0] * ratio)))
        shrunk = resize(picture, small)
        up, along = y + (height - small[1]) // 2, x + (width - small[0]) // 2
        out[up : up + small[1], along : along + small[0]] = shrunk
        if captions:
            text(out, (x + 2, y + height + 2), _short(captions[i], width), INK, 13)
    return out


def ticks(low: float, high: float, *, most: int = 10, whole: bool = False) -> list[float]:
    """Return round values between two ends: steps of 1, 2 or 5 times a power of ten."""
    low, high = min(low, high), max(low, high)
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _curve(image: Image, curve: Curve, places: NDArray[np.float64], colour: tuple[int, int, int], floor: float) -> None:
    known = np.isfinite(places).all(axis=1)
    if curve.bars:
        if len(places) > 1:
            half = (places[1, 0] - places[0, 0]) / 2 * 0.86
            for px, py in places[known]:
                fill(image, (round(px - half), round(py), round(px + half), round(floor)), colour, 0.55)
        return
    starts, ends = places[:-1], places[1:]
    if curve.dashed:
        starts, ends = _dashes(places[known])
    limbs(image, starts, ends, colour, curve.width)
    if curve.dots:
        limbs(image, places[known], places[known] + (0.01, 0), colour, 3 * curve.width)


def _dashes(places: NDArray[np.float64], dash: float = 7.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cut a path into pieces, every second one left out."""
    if len(places) < 2:
        return places[:0], places[:0]
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    cuts = np.arange(0, along[-1], dash)
    at = np.stack([np.interp(cuts, along, places[:, i]) for i in range(2)], axis=1)
    return at[:-1:2], at[1::2]


def _legend(
    image: Image,
    curves: Sequence[Curve],
    frame: tuple[int, int, int, int],
    *,
    places: Sequence[NDArray[np.float64]],
    beside: int,
) -> None:
    """Write the names into a corner without a curve, else into a row above the axes, else where they hide least.

    Args:
        image: Is drawn on.
        curves: Those that have names.
        frame: The axes: left, top, right, bottom.
        places: ``(n, 2)`` pixels along each curve.
        beside: Where the name of the vertical axis ends, to the left of the row.
    """
    named = [(i, c) for i, c in enumerate(curves) if c.name]
    if not named or len(named) > _LEGEND:
        return
    left, top, right, bottom = frame
    wides = [label_size(c.name, 13)[0] + 34 for _, c in named]
    wide, tall = max(wides), 20 * len(named) + 8
    corners = [
        (right - wide - 8, top + 8),
        (right - wide - 8, bottom - tall - 8),
        (left + 10, bottom - tall - 8),
        (left + 10, top + 8),
    ]
    every = np.concatenate([*places, np.empty((0, 2))])
    hidden = [
        int(((every >= (x - 4, y - 4)) & (every <= (x + wide + 4, y + tall + 4))).all(axis=1).sum()) for x, y in corners
    ]
    x, y = corners[int(np.argmin(hidden))]
    row = right - sum(wides)
    if min(hidden) and row > beside + 20:
        spots = [(row + sum(wides[:n]), top - 13) for n in range(len(named))]
    else:
        fill(image, (x, y, x + wide, y + tall), (255, 255, 255), 0.85)
        spots = [(x, y + 14 + 20 * n) for n in range(len(named))]
    for (x, middle), (i, curve) in zip(spots, named, strict=True):
        stroke = np.array([[x + 6.0, middle], [x + 26.0, middle]])
        if curve.dashed:
            limbs(image, *_dashes(stroke, 5.0), _colour(curve, i), curve.width)
        else:
            limbs(image, stroke[:1], stroke[1:], _colour(curve, i), 8 if curve.bars else curve.width)
        text(image, (x + 32, middle - 9), curve.name, INK, 13)


def _colour(curve: Curve, i: int) -> tuple[int, int, int]:
    return bgr(curve.colour or COLOURS[i % len(COLOURS)])


def _rows(point: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return points along a curve, close enough together that none of it passes a corner unseen."""
    stacked = np.stack(point, axis=1)
    known: NDArray[np.float64] = stacked[np.isfinite(stacked).all(axis=1)]
    if len(known) < 2:
        return known
    fine = np.linspace(0, len(known) - 1, max(3000, 10 * len(known)))
    return np.stack([np.interp(fine, np.arange(len(known)), known[:, i]) for i in range(2)], axis=1)


def _ends(values: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    known = np.concatenate([*values, np.empty(0)])
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _short(words: str, width: int) -> str:
    while len(words) > 4 and label_size(words, 13)[0] > width:
        words = "…" + words[2:]
    return words
