"""What stays of a person who is out of sight: how long the limbs are and what colours they wear. Pure functions.

Both are compared only between candidates that motion allows; neither is an identity.
"""

from __future__ import annotations

import numpy as np

from poise.frames import Image
from poise.geometry import Floats

# Where colours are read, as shares of the box's width and height from its top left corner: the middle of the upper
# part (a shirt) and of the lower (trousers), away from the edges, where the background shows.
_GRID = np.stack(np.meshgrid([0.36, 0.43, 0.5, 0.57, 0.64], [0.24, 0.31, 0.38, 0.45], indexing="xy"), axis=-1).reshape(
    -1, 2
)
_LOWER = np.stack(np.meshgrid([0.4, 0.5, 0.6], [0.56, 0.64, 0.72], indexing="xy"), axis=-1).reshape(-1, 2)


def limb_distance(a: Floats, b: Floats, *, spread: float = 0.35) -> Floats:
    """Compare limb lengths: ``(M, N)`` mean square difference over ``spread``²; NaN where no limb is shared.

    Args:
        a: ``(M, E)`` from :func:`poise.bodies.limbs.relative_lengths`.
        b: ``(N, E)``.
        spread: Standard deviation of one person's logarithmic length from view to view; foreshortening makes it
            large, so that only long observation of a pose tells people apart.
    """
    known_a, known_b = (~np.isnan(a)).astype(float), (~np.isnan(b)).astype(float)
    za, zb = np.where(np.isnan(a), 0.0, a), np.where(np.isnan(b), 0.0, b)
    shared = known_a @ known_b.T
    total = (za * za) @ known_b.T + known_a @ (zb * zb).T - 2.0 * za @ zb.T
    mean: Floats = np.divide(total, shared * spread**2, out=np.full_like(total, np.nan), where=shared > 0)
    return mean


def colours(image: Image, boxes: Floats) -> Floats:
    """Read the colours of the upper and lower body.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        boxes: ``(N, 4)`` xyxy, pixels.

    Returns:
        ``(N, 6)`` mean B, G, R of each part in [0, 1]; NaN where the part lies outside the picture.
    """
    height, width = image.shape[:2]
    corner, side = boxes[:, None, :2], (boxes[:, 2:4] - boxes[:, :2])[:, None]
    grid = np.concatenate([_GRID, _LOWER])
    at = corner + side * grid
    x, y = at[..., 0], at[..., 1]
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    columns, rows = np.where(inside, x, 0).astype(np.intp), np.where(inside, y, 0).astype(np.intp)
    # One index into the picture as a list of pixels is twice as fast as a row and a column.
    at_once = image.flags.c_contiguous
    read = image.reshape(-1, 3).take(rows * width + columns, axis=0) if at_once else image[rows, columns]
    pixels = read * (inside / 255.0)[..., None]
    n = len(_GRID)
    parts = []
    for part in (slice(0, n), slice(n, None)):
        count = inside[:, part].sum(axis=1)[:, None]
        parts.append(
            np.divide(pixels[:, part].sum(axis=1), count, out=np.full((len(boxes), 3), np.nan), where=count > 0)
        )
    return np.concatenate(parts, axis=1)


def colour_distance(a: Floats, b: Floats, *, spread: float = 0.08) -> Floats:
    """Compare colours: ``(M, N)`` mean square difference over ``spread``²; NaN where nothing is shared.

    Args:
        a: ``(M, 6)`` from :func:`colours`.
        b: ``(N, 6)``.
        spread: Standard deviation of one person's mean colour from frame to frame, by light, pose and background.
    """
    return limb_distance(a, b, spread=spread)


def follow(mean: Floats, new: Floats, rate: float) -> Floats:
    """Mix a new observation into a running mean; NaN on either side leaves the other."""
    mixed = mean + rate * (new - mean)
    return np.where(np.isnan(new), mean, np.where(np.isnan(mean), new, mixed))
