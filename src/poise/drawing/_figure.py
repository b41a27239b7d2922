"""Draw one instance: uncertainty, outline, limbs, keypoints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.drawing._raster import disc_samples, halo, join, limb_samples, paint, renumber, shrink
from poise.drawing._shapes import ellipses
from poise.drawing._style import Appearance, Style, bgr
from poise.frames import Image
from poise.geometry import Floats


def draw_figure(
    picture: Image,
    xy: Floats,
    width: Floats,
    opacity: Floats,
    spread: Floats,
    parts: Appearance,
    style: Style,
    *,
    lines: bool,
    radius: float | None,
) -> None:
    """Draw one instance's keypoints and limbs.

    Args:
        picture: ``(H, W, 3)`` uint8 BGR, painted on.
        xy: ``(K, 2)`` pixels.
        width: ``(K,)`` limb width at each keypoint, pixels.
        opacity: ``(K,)`` in [0, 1]; 0 leaves a keypoint and its limbs out.
        spread: ``(K, 2)`` half axes of the uncertainty ellipses, pixels; NaN for none.
        parts: Colours and proportions of the skeleton.
        style: Everything else.
        lines: Draw limbs.
        radius: Radius of every dot, pixels; None: from the limb's width.
    """
    frame = sum(picture.shape[:2])
    seen = np.flatnonzero(opacity > 0)
    known = seen[np.isfinite(spread[seen]).all(axis=1) & (spread[seen] > 0).all(axis=1)]
    edges = parts.edges[(opacity[parts.edges] > 0).all(axis=1)] if lines else parts.edges[:0]
    tints = parts.edge_colours[(opacity[parts.edges] > 0).all(axis=1)] if lines else parts.edge_colours[:0]
    dots, radii = _dots(width, seen, parts, style, radius, lines=lines and len(parts.edges) > 0)
    rim = float(np.clip(0.3 * width[seen].max(), 0.8, 0.0015 * frame + 0.8)) * (0.6 if parts.fine else 1.0)
    margin = max(width[seen].max() / 2, radii.max(initial=0.0), spread[known].max(initial=0.0)) + rim + 2
    x0, y0, x1, y1 = _region(xy[seen], margin, picture)
    if x0 >= x1 or y0 >= y1:
        return
    # A small copy keeps the scattered reads and writes near one another, which is twice as fast as in the picture.
    part = np.ascontiguousarray(picture[y0:y1, x0:x1])
    xy = xy - (x0, y0)
    if len(known):
        # Ellipses lie below the limbs: a faint fill, then the line.
        ellipses(part, xy[known], spread[known], parts.point_colours[known], 0.22 * opacity[known])
        line = max(1.0, frame / 1800)
        ellipses(part, xy[known], spread[known], parts.point_colours[known], 0.8 * opacity[known], ring=line)
    reach, size = rim + 0.5, (y1 - y0, x1 - x0)
    limbs = limb_samples(size, xy[edges[:, 0]], xy[edges[:, 1]], width[edges] / 2, opacity[edges], reach=reach)
    discs = disc_samples(size, xy[dots], radii, opacity[dots], reach=reach)
    core = radii[:, 0] * style.core
    large = core > 0.8  # the light middle of a smaller dot would be a speck
    light = shrink(discs, radii[:, 0] - core, large, first=len(edges) + len(dots))
    samples = join([limbs, renumber(discs, len(edges))])
    halo(part, samples, bgr(style.outline), width=rim, opacity=style.outline_alpha)
    tint = parts.point_colours[dots]
    paint(part, join([samples, light]), np.concatenate([tints, tint, 0.25 * tint + 0.75 * 255]))
    picture[y0:y1, x0:x1] = part


def _region(points: Floats, margin: float, picture: Image) -> tuple[int, int, int, int]:
    """Bound what is drawn, clipped to the picture: x0, y0, x1, y1."""
    limit = np.array(picture.shape[1::-1], dtype=np.float64)
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, limit).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin), 0, limit).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _dots(
    width: Floats, seen: NDArray[np.intp], parts: Appearance, style: Style, radius: float | None, *, lines: bool
) -> tuple[NDArray[np.intp], Floats]:
    """Choose the keypoints that get a dot, and their ``(n, 2)`` radii in pixels."""
    dots = seen[parts.dots[seen]] if lines and radius is None else seen
    if radius is not None:
        size = np.full(len(dots), float(radius))
    elif parts.fine:
        size = width[dots] * 0.5
    else:
        size = width[dots] / 2 * style.joint * (1.0 if lines else 1.3)
    dots, size = dots[size > 0], size[size > 0]
    return dots, np.stack([size, size], axis=1)
