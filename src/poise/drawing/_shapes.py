"""Limbs, ellipses and discs to paint into any picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from poise.drawing._raster import Samples, disc_samples, halo, limb_samples, paint
from poise.frames import Image
from poise.geometry import Floats


def writable(image: Image) -> Image:
    """Check that a picture can be painted on.

    Raises:
        ValueError: It is read-only, not contiguous, or no ``(H, W, 3)`` uint8 array.
    """
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        found = f"{getattr(image, 'shape', type(image).__name__)} {getattr(image, 'dtype', '')}".strip()
        raise ValueError(f"a picture to paint on must be (H, W, 3) uint8, got {found}")
    if not image.flags.writeable or not image.flags.c_contiguous:
        raise ValueError("a picture to paint on must be writable and contiguous; pass image.copy()")
    return image


def _per_end(values: ArrayLike, count: int) -> Floats:
    """Bring one value, one a limb, or two a limb to ``(M, 2)``."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    return np.broadcast_to(array, (count, 2))


def limbs(
    image: Image,
    p0: ArrayLike,
    p1: ArrayLike,
    colours: ArrayLike,
    widths: ArrayLike,
    alphas: ArrayLike = 1.0,
    *,
    outline: float = 0.0,
    outline_colour: ArrayLike = (0, 0, 0),
    outline_alpha: float = 0.6,
) -> None:
    """Paint tapered lines with round ends into a picture.

    Args:
        image: ``(H, W, 3)`` uint8, painted on in place.
        p0: ``(M, 2)`` starts, pixels; a limb with a NaN end is left out.
        p1: ``(M, 2)`` ends, pixels.
        colours: ``(M, 3)`` or one colour, in the channel order of the picture.
        widths: Pixels: one, ``(M,)``, or ``(M, 2)`` at start and end.
        alphas: Opacity in [0, 1]: one, ``(M,)``, or ``(M, 2)`` at start and end.
        outline: Width of the outline around all limbs together, pixels.
        outline_colour: One colour.
        outline_alpha: Opacity of the outline.
    """
    writable(image)
    start, end = (np.asarray(p, dtype=np.float64).reshape(-1, 2) for p in (p0, p1))
    count = len(start)
    samples = limb_samples(
        image.shape[:2], start, end, _per_end(widths, count) / 2, _per_end(alphas, count), reach=outline + 1
    )
    halo(image, samples, outline_colour, width=outline, opacity=outline_alpha)
    paint(image, samples, np.broadcast_to(np.asarray(colours, dtype=np.float32), (count, 3)))


def ellipses(
    image: Image,
    centres: ArrayLike,
    radii: ArrayLike,
    colours: ArrayLike,
    alphas: ArrayLike = 1.0,
    *,
    ring: float = 0.0,
) -> None:
    """Paint upright ellipses, filled, or as rings.

    Args:
        image: ``(H, W, 3)`` uint8, painted on in place.
        centres: ``(M, 2)`` pixels; NaN is left out.
        radii: ``(M, 2)`` half axes in x and y, pixels.
        colours: ``(M, 3)`` or one colour, in the channel order of the picture.
        alphas: Opacity in [0, 1]: one or ``(M,)``.
        ring: Width of the line that is painted instead of the filled shape, pixels; 0: filled.
    """
    writable(image)
    points = np.asarray(centres, dtype=np.float64).reshape(-1, 2)
    count = len(points)
    half = np.broadcast_to(np.asarray(radii, dtype=np.float64), (count, 2))
    opacity = np.broadcast_to(np.asarray(alphas, dtype=np.float64), (count,))
    samples = disc_samples(image.shape[:2], points, half, opacity, reach=ring / 2 + 1)
    if ring > 0:
        edge = np.abs(samples.edge) - np.float32(ring / 2)
        samples = Samples(samples.pixel, edge, samples.shape, samples.opacity)
    paint(image, samples, np.broadcast_to(np.asarray(colours, dtype=np.float32), (count, 3)))


def discs(image: Image, centres: ArrayLike, radii: ArrayLike, colours: ArrayLike, alphas: ArrayLike = 1.0) -> None:
    """Paint filled circles: like :func:`ellipses` with one radius, or ``(M,)``, in pixels."""
    half = np.asarray(radii, dtype=np.float64)
    ellipses(image, centres, np.stack([half, half], axis=-1), colours, alphas)
