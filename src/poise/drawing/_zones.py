"""Zones, lines with their direction, counters and a list of events, painted into a picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from poise.drawing._shapes import limbs, writable
from poise.drawing._text import draw_label, fill, label_size
from poise.frames import Image

# BGR; blue-green and vermilion stay apart for every kind of colour vision (Okabe and Ito).
_REST, _ACTIVE, _LINE = (167, 158, 0), (0, 94, 213), (66, 228, 240)


def draw_zones(
    image: Image,
    zones: Mapping[str, NDArray[np.float64]],
    lines: Mapping[str, NDArray[np.float64]],
    *,
    labels: Mapping[str, str] | None = None,
    active: Collection[str] = (),
    lines_of_text: Sequence[str] = (),
) -> None:
    """Paint zones and lines.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, painted on in place.
        zones: ``(V, 2)`` corners by name, pixels.
        lines: ``(2, 2)`` ends by name, pixels; an arrow points "in".
        labels: What is written at each, by name; the name unless given.
        active: Zones that somebody is in.
        lines_of_text: Written at the bottom left, the last one lowest.
    """
    writable(image)
    height, width = image.shape[:2]
    stroke = max(2.0, min(height, width) / 240)
    font = max(12.0, min(height, width) / 34)
    words = labels or {}
    for name, polygon in zones.items():
        colour = _ACTIVE if name in active else _REST
        mask = _cover(tuple(map(tuple, polygon.tolist())), (height, width))
        fill(image, (0, 0, width, height), colour, mask)
        limbs(image, polygon, np.roll(polygon, -1, axis=0), colour, stroke, outline=1.0)
    for ends in lines.values():
        a, b = ends
        along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
        inwards = np.array([-along[1], along[0]])
        middle, tip = (a + b) / 2, (a + b) / 2 + inwards * font * 2
        barb = tip - inwards * font * 0.6
        starts = np.array([a, middle, tip, tip])
        stops = np.array([b, tip, barb + along * font * 0.5, barb - along * font * 0.5])
        limbs(image, starts, stops, _LINE, stroke, outline=1.0)
    for name, shape in (*zones.items(), *lines.items()):
        text = words.get(name, name)
        w, h = label_size(text, font)
        x, y = np.clip(shape.min(axis=0), (0, 0), (max(width - w, 0), max(height - h, 0)))
        plate = _LINE if name in lines else _ACTIVE if name in active else _REST
        draw_label(image, (float(x), float(y)), text, plate, font)
    y = height - font * 0.5
    for text in reversed(lines_of_text):
        y -= label_size(text, font)[1] * 1.1
        draw_label(image, (font * 0.5, y), text, (40, 40, 40), font)


def paint_heat(image: Image, seconds: NDArray[np.float64]) -> None:
    """Paint time spent as a film of colour, blue through yellow to red.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, painted on in place.
        seconds: ``(rows, columns)`` on a grid over the picture.
    """
    writable(image)
    height, width = image.shape[:2]
    share = np.sqrt(seconds / max(float(seconds.max(initial=0.0)), 1e-9))  # the root shows short stays too
    rows = np.arange(height) * seconds.shape[0] // height
    columns = np.arange(width) * seconds.shape[1] // width
    share = share[rows[:, None], columns]
    stops = [0.0, 0.5, 1.0]
    colour = np.stack(
        [np.interp(share, stops, tone) for tone in ((178, 66, 0), (114, 228, 94), (0, 240, 213))], axis=-1
    )
    cover = 0.75 * np.clip(share * 2, 0, 1)[..., None]
    image[:] = (image * (1 - cover) + colour * cover + 0.5).astype(np.uint8)


@lru_cache(maxsize=16)
def _cover(polygon: tuple[tuple[float, ...], ...], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the ``(H, W)`` faint coverage of a polygon, 0 to 255."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    canvas = Pictures.new("L", (size[1], size[0]))
    ImageDraw.Draw(canvas).polygon([(x, y) for x, y in polygon], fill=56)
    mask = np.asarray(canvas)
    mask.flags.writeable = False
    return mask
