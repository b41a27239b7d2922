"""Antialiased limbs, discs and ellipses, painted into a picture by their signed distance.

A shape is never rasterised into a mask of the whole picture. Each gives only the pixels near it (a strip along a limb,
a small square around a disc) together with the distance of every pixel's centre from the shape's edge; all shapes of
one call go through the same few array operations. Distance gives coverage: a pixel whose centre lies half a pixel
inside the edge is full, half a pixel outside is empty.

Convention: (0, 0) is the picture's outer top-left corner, so the centre of the first pixel is (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.frames import Image
from poise.geometry import Floats

# A point farther out than this is not drawn: 32-bit distances would no longer be exact to a hundredth of a pixel.
_FAR = 1e5
_CHANNELS = np.arange(3)[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The pixels near a set of shapes, in painting order; a pixel near two shapes is there twice.

    Attributes:
        pixel: ``(S,)`` flat index into the picture.
        edge: ``(S,)`` float32 distance from the shape's edge in pixels, negative inside.
        shape: ``(S,)`` which shape.
        opacity: ``(S,)`` float32 in [0, 1].
    """

    pixel: NDArray[np.intp]
    edge: NDArray[np.float32]
    shape: NDArray[np.intp]
    opacity: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pixel)


def renumber(samples: Samples, by: int) -> Samples:
    """Count the shapes on from a number."""
    return Samples(samples.pixel, samples.edge, samples.shape + by, samples.opacity)


def shrink(samples: Samples, by: Floats, shapes: NDArray[np.bool_], *, first: int) -> Samples:
    """Make smaller shapes of the same centres out of the samples of discs.

    Args:
        samples: Discs, numbered from 0.
        by: ``(M,)`` pixels that each radius loses.
        shapes: ``(M,)`` True for the discs that are wanted.
        first: Number of the first disc's smaller one.
    """
    edge = samples.edge + by.astype(np.float32).take(samples.shape)
    at = np.flatnonzero((edge < 0.5) & shapes.take(samples.shape))
    return Samples(samples.pixel.take(at), edge.take(at), samples.shape.take(at) + first, samples.opacity.take(at))


def join(parts: list[Samples]) -> Samples:
    """Put samples one after the other; their shapes keep their numbers."""
    if len(parts) == 1:
        return parts[0]
    empty = (np.empty(0, np.intp), np.empty(0, np.float32), np.empty(0, np.intp), np.empty(0, np.float32))
    columns = zip(*((p.pixel, p.edge, p.shape, p.opacity) for p in parts), strict=True) if parts else zip(empty)
    return Samples(*(np.concatenate(column) for column in columns))


def limb_samples(
    size: tuple[int, int], p0: Floats, p1: Floats, radii: Floats, opacity: Floats, *, reach: float
) -> Samples:
    """Find the pixels near tapered limbs with round ends.

    Args:
        size: Height and width of the picture.
        p0: ``(M, 2)`` starts, pixels.
        p1: ``(M, 2)`` ends, pixels.
        radii: ``(M, 2)`` half widths at start and end, pixels.
        opacity: ``(M, 2)`` at start and end, in [0, 1].
        reach: How far outside the edge pixels are wanted.
    """
    parts = []
    drawable = (np.abs(p0) < _FAR).all(axis=1) & (np.abs(p1) < _FAR).all(axis=1) & (radii > 0).any(axis=1)
    drawable &= (opacity > 0).any(axis=1)  # NaN compares false, so a point that is not there drops its limbs
    outer = radii.max(axis=1, initial=0) + reach
    rows = np.flatnonzero(drawable)
    step = np.abs(p1[rows] - p0[rows])
    # A strip that leans is higher than the limb is wide, by up to the square root of 2.
    height = np.zeros(len(p0))
    height[rows] = outer[rows] * np.hypot(step[:, 0], step[:, 1]) / np.maximum(step.max(axis=1), 1e-6)
    height[rows] = np.clip(height[rows], outer[rows], 1.5 * outer[rows])
    cells = 2 * step.max(axis=1).sum() * height.max(initial=0.0)
    for few in _alike(height, rows, cells, steps=2):
        parts.append(_strips(size, p0[few], p1[few], radii[few], opacity[few], reach, few))
    return join(parts)


def _alike(extent: Floats, rows: NDArray[np.intp], cells: float, steps: int) -> Iterator[NDArray[np.intp]]:
    """Split shapes into groups of similar size, largest first, so that one grid width wastes little in each.

    Args:
        extent: ``(M,)`` size of each shape, pixels.
        rows: Shapes to group.
        cells: Pixels of a grid that holds them all; a small one is not worth splitting.
        steps: Groups an octave.
    """
    if cells < 60_000:
        if len(rows):
            yield rows
        return
    octave = np.ceil(steps * np.log2(np.maximum(extent[rows], 1.0)))
    for step in np.unique(octave)[::-1]:
        yield rows[octave == step]


def _strips(
    size: tuple[int, int],
    p0: Floats,
    p1: Floats,
    radii: Floats,
    opacity: Floats,
    reach: float,
    number: NDArray[np.intp],
) -> Samples:
    """Sample limbs along their longer axis u: a column for every pixel in u, as high in v as the thickest needs."""
    step = p1 - p0
    length = np.hypot(step[:, 0], step[:, 1])
    unit = np.divide(step, length[:, None], out=np.tile([1.0, 0.0], (len(step), 1)), where=length[:, None] > 1e-6)
    steep = np.abs(unit[:, 1]) > np.abs(unit[:, 0])
    u, v = steep.astype(np.intp), 1 - steep.astype(np.intp)
    limb = np.arange(len(step))
    limits = np.array([size[1], size[0]])
    strides = np.array([1, size[1]])
    u0, u1, v0 = p0[limb, u], p1[limb, u], p0[limb, v]
    eu, ev = unit[limb, u], unit[limb, v]
    outer = radii.max(axis=1) + reach

    low = np.clip(np.floor(np.minimum(u0, u1) - outer), 0, limits[u]).astype(np.intp)
    high = np.clip(np.ceil(np.maximum(u0, u1) + outer), 0, limits[u]).astype(np.intp)
    count = np.maximum(high - low, 0)
    # A strip of half width w that leans by the slope is w / cos high; one pixel more for the floor.
    half = int(np.ceil((outer / np.abs(eu)).max(initial=0.0))) + 1

    of = np.repeat(limb, count)
    at = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count) + low[of]
    qu = at + 0.5 - u0[of]
    inside = np.clip(qu * np.sign(eu[of]), 0, np.abs(u1 - u0)[of]) * np.sign(eu[of])
    base = np.floor(v0[of] + inside * (ev / eu)[of]).astype(np.intp) - half
    qv = base + 0.5 - v0[of]

    offset = np.arange(2 * half + 1, dtype=np.float32)
    eu_of, ev_of = eu[of].astype(np.float32)[:, None], ev[of].astype(np.float32)[:, None]
    along = (qu * eu[of] + qv * ev[of]).astype(np.float32)[:, None] + ev_of * offset
    across = (qv * eu[of] - qu * ev[of]).astype(np.float32)[:, None] + eu_of * offset
    nearest = np.minimum(np.maximum(along, 0), length[of].astype(np.float32)[:, None])
    along -= nearest
    along *= along
    across *= across
    across += along
    edge = np.sqrt(across, out=across)
    # Width and opacity change little across a limb: one value a column.
    part = np.divide(np.abs(inside), np.abs(u1 - u0)[of], out=np.zeros(len(of)), where=length[of] > 1e-6)
    edge -= (radii[of, 0] + (radii[:, 1] - radii[:, 0])[of] * part).astype(np.float32)[:, None]
    shade = (opacity[of, 0] + (opacity[:, 1] - opacity[:, 0])[of] * part).astype(np.float32)

    keep = edge < reach
    limit = limits[v][of]
    if len(of) and (base.min() < 0 or (base + len(offset) - limit).max() > 0):
        rows = base[:, None] + np.arange(len(offset))
        keep &= (rows >= 0) & (rows < limit[:, None])
    kept = np.flatnonzero(keep)
    column = kept // len(offset)
    stride = strides[v][of]
    start = at * strides[u][of] + (base - np.arange(len(of)) * len(offset)) * stride
    pixel = start.take(column) + stride.take(column) * kept
    return Samples(pixel, edge.ravel().take(kept), number[of].take(column), shade.take(column))


def disc_samples(size: tuple[int, int], centres: Floats, radii: Floats, opacity: Floats, *, reach: float) -> Samples:
    """Find the pixels near discs and upright ellipses.

    Args:
        size: Height and width of the picture.
        centres: ``(M, 2)`` pixels.
        radii: ``(M, 2)`` half axes in x and y, pixels.
        opacity: ``(M,)`` in [0, 1].
        reach: How far outside the edge pixels are wanted.
    """
    with np.errstate(invalid="ignore"):
        drawable = (np.abs(centres) < _FAR).all(axis=1) & ((radii > 0) & (radii < _FAR)).all(axis=1) & (opacity > 0)
    rows = np.flatnonzero(drawable)
    limits = np.array([size[1], size[0]])
    low = np.clip(np.floor(centres[rows] - radii[rows] - reach), 0, limits).astype(np.intp)
    high = np.clip(np.ceil(centres[rows] + radii[rows] + reach), 0, limits).astype(np.intp)
    extent = high - low
    seen = np.flatnonzero((extent > 0).all(axis=1))
    parts = []
    extents = extent.max(axis=1, initial=0).astype(np.float64)
    for group in _alike(extents, seen, len(seen) * extents.max(initial=0.0) ** 2, steps=1):
        chosen = rows[group]
        parts.append(
            _squares(size, centres[chosen], radii[chosen], opacity[chosen], low[group], high[group], reach, chosen)
        )
    return join(parts)


def _squares(
    size: tuple[int, int],
    centres: Floats,
    radii: Floats,
    opacity: Floats,
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    reach: float,
    number: NDArray[np.intp],
) -> Samples:
    """Sample discs on a grid as large as the largest of their boxes."""
    columns, rows = (high - low).max(axis=0)
    x = low[:, :1] + np.arange(columns)  # (M, columns)
    y = low[:, 1:] + np.arange(rows)
    dx = (x + 0.5 - centres[:, :1]).astype(np.float32)[:, None, :]
    dy = (y + 0.5 - centres[:, 1:]).astype(np.float32)[:, :, None]
    if np.array_equal(radii[:, 0], radii[:, 1]):
        edge = np.sqrt(dx * dx + dy * dy)
        edge -= radii[:, 0].astype(np.float32)[:, None, None]
    else:
        # First-order distance from an ellipse: f / |grad f| with f = |q / r| - 1, exact on the edge and for circles.
        rx, ry = (radii[:, i].astype(np.float32)[:, None, None] for i in (0, 1))
        ratio = np.sqrt((dx / rx) ** 2 + (dy / ry) ** 2)
        slope = np.sqrt((dx / rx**2) ** 2 + (dy / ry**2) ** 2)
        floor = -np.minimum(rx, ry) * np.ones_like(ratio)
        edge = np.divide(ratio * (ratio - 1), slope, out=floor, where=slope > 1e-6)
    keep = edge < reach
    keep &= (x < high[:, :1])[:, None, :]
    keep &= (y < high[:, 1:])[:, :, None]
    kept = np.flatnonzero(keep)
    pixel = (y[:, :, None] * size[1] + x[:, None, :]).ravel().take(kept)
    disc = kept // (rows * columns)
    return Samples(pixel, edge.ravel().take(kept), number.take(disc), opacity.astype(np.float32).take(disc))


def paint(image: Image, samples: Samples, colours: Floats) -> None:
    """Lay shapes over the picture in their order, each blended with what lies below it.

    Args:
        image: ``(H, W, 3)`` uint8, painted on.
        samples: Shapes; the later lies on top.
        colours: ``(number of shapes, 3)`` in the channel order of the picture.
    """
    # Reversed, so that of several writes to one place the lowest sample's is the last and stays.
    inside = np.flatnonzero(samples.edge < 0.5)[::-1]
    pixel, shape = samples.pixel.take(inside), samples.shape.take(inside)
    alpha = np.clip(0.5 - samples.edge.take(inside), 0, 1)
    alpha *= samples.opacity.take(inside)
    palette = np.ascontiguousarray(np.asarray(colours, dtype=np.float32).T)
    order = np.empty(image.shape[0] * image.shape[1], dtype=np.int32)
    while len(pixel):
        # Of all samples of one pixel the lowest is blended now, the next one in the following round.
        turn = np.arange(len(pixel), dtype=np.int32)
        order[pixel] = turn
        lowest = order.take(pixel) == turn
        now = np.flatnonzero(lowest)
        _blend(image, pixel.take(now), palette.take(shape.take(now), axis=1), alpha.take(now))
        later = np.flatnonzero(~lowest)
        pixel, shape, alpha = pixel.take(later), shape.take(later), alpha.take(later)


def halo(
    image: Image,
    samples: Samples,
    colour: ArrayLike,
    *,
    width: float,
    opacity: float,
) -> None:
    """Lay one soft-edged outline around the union of all shapes, and nothing inside them.

    Args:
        image: ``(H, W, 3)`` uint8, painted on.
        samples: Shapes, sampled with a reach of at least ``width + 0.5``.
        colour: Three values in the channel order of the picture.
        width: Pixels.
        opacity: In [0, 1], multiplied by that of the nearest shape.
    """
    if not len(samples) or width <= 0 or opacity <= 0:
        return
    # The least distance of every pixel: where a sample finds a greater one than its own, it writes again.
    least = np.empty(image.shape[0] * image.shape[1], dtype=np.float32)
    pixel, edge = samples.pixel, samples.edge
    while len(pixel):
        least[pixel] = edge
        nearer = np.flatnonzero(edge < least.take(pixel))
        pixel, edge = pixel.take(nearer), edge.take(nearer)
    at = np.flatnonzero((least.take(samples.pixel) == samples.edge) & (samples.edge > -0.5))
    edge = samples.edge.take(at)
    alpha = np.clip(width + 0.5 - edge, 0, 1)
    alpha -= np.clip(0.5 - edge, 0, 1)
    alpha *= samples.opacity.take(at)
    alpha *= np.float32(opacity)
    _blend(image, samples.pixel.take(at), np.asarray(colour, dtype=np.float32)[:, None], alpha)


def _blend(image: Image, pixel: NDArray[np.intp], colours: NDArray[np.float32], alpha: NDArray[np.float32]) -> None:
    """Move pixels towards their colours; of several samples of one pixel one counts.

    Args:
        image: ``(H, W, 3)`` uint8, painted on.
        pixel: ``(S,)`` flat index.
        colours: ``(3, S)`` or ``(3, 1)``.
        alpha: ``(S,)`` in [0, 1].
    """
    # Channel by channel, not row by row: numpy is several times slower on rows of three.
    values = image.reshape(-1)
    # All three at once saves calls for few pixels, but falls out of the cache for many.
    step = 3 if len(pixel) < 4096 else 1
    for first in range(0, 3, step):
        some = slice(first, first + step)
        place = pixel * 3 + _CHANNELS[some]
        below = values.take(place).astype(np.float32)
        change = colours[some] - below
        change *= alpha
        below += change
        below += 0.5
        values[place] = below.astype(np.uint8)
