"""Zones, lines with their direction, counters and a list of events that fade, painted into a picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from poise.drawing._shapes import limbs, writable
from poise.drawing._text import draw_label, fill, label_size
from poise.frames import Image

# One colour a zone, BGR, in turn, and one for lines; they stay apart for every kind of colour vision (Okabe and Ito).
_ZONES = ((115, 158, 0), (0, 159, 230), (233, 180, 86), (167, 121, 204), (178, 114, 0), (0, 94, 213))
_LINE = (66, 228, 240)
_PLATE = (40, 40, 40)
# Coverage of a zone's area, 0 to 255: nobody in it, somebody in it.
_FAINT, _STRONG = 36, 96


def draw_zones(
    image: Image,
    zones: Mapping[str, NDArray[np.float64]],
    lines: Mapping[str, NDArray[np.float64]],
    *,
    active: Collection[str] = (),
) -> None:
    """Paint zones and lines; before the people, who stand on them.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, painted on in place.
        zones: ``(V, 2)`` corners by name, pixels; each has a colour of its own, by its place in the order.
        lines: ``(2, 2)`` ends by name, pixels; an arrow points "in".
        active: Zones that somebody is in; they are filled more and have a thicker edge.
    """
    writable(image)
    height, width = image.shape[:2]
    stroke = max(2.0, min(height, width) / 240)
    font = _font(image)
    colours = _colours(zones, lines)
    for name, polygon in zones.items():
        busy = name in active
        mask = _cover(tuple(map(tuple, polygon.tolist())), (height, width), _STRONG if busy else _FAINT)
        fill(image, (0, 0, width, height), colours[name], mask)
        limbs(image, polygon, np.roll(polygon, -1, axis=0), colours[name], stroke * (2 if busy else 1), outline=1.0)
    for ends in lines.values():
        a, b = ends
        along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
        inwards = np.array([-along[1], along[0]])
        middle, tip = (a + b) / 2, (a + b) / 2 + inwards * font * 2
        barb = tip - inwards * font * 0.6
        starts = np.array([a, middle, tip, tip])
        stops = np.array([b, tip, barb + along * font * 0.5, barb - along * font * 0.5])
        limbs(image, starts, stops, _LINE, stroke, outline=1.0)


def draw_zone_labels(
    image: Image,
    zones: Mapping[str, NDArray[np.float64]],
    lines: Mapping[str, NDArray[np.float64]],
    *,
    labels: Mapping[str, str] | None = None,
    said: Sequence[tuple[str, float]] = (),
    font: str | None = None,
) -> None:
    """Write the names of zones and lines, and what happened; after the people.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, painted on in place.
        zones: As in :func:`draw_zones`.
        lines: As in :func:`draw_zones`.
        labels: What is written at each, by name; the name unless given.
        said: Lines of text and how visible each is, 0 to 1, written at the bottom left, the last one lowest.
        font: A font file or the name of an installed font; None: Pillow's own.
    """
    writable(image)
    height, width = image.shape[:2]
    letter, words, colours = _font(image), labels or {}, _colours(zones, lines)
    taken: list[tuple[float, float, float, float]] = []
    for name, shape in (*zones.items(), *lines.items()):
        text = words.get(name, name)
        w, h = label_size(text, letter, font=font)
        # At the highest corner that is in the picture; below what stands there already.
        corners = np.clip(shape, 0, (width, height))
        x, y = corners[np.lexsort((corners[:, 0], corners[:, 1]))[0]]
        x, y = float(np.clip(x, 0, max(width - w, 0))), float(np.clip(y, 0, max(height - h, 0)))
        while clash := [t for t in taken if x < t[2] and t[0] < x + w and y < t[3] and t[1] < y + h]:
            y = max(t[3] for t in clash)
        taken.append((x, y, x + w, y + h))
        draw_label(image, (x, y), text, colours[name], letter, font=font)
    y = height - letter * 0.5
    for text, visible in reversed(said):
        w, h = label_size(text, letter, font=font)
        y -= h * 1.1
        left, top = round(letter * 0.5), round(y)
        part = image[max(top, 0) : top + h + 1, left : left + w + 1]
        before = part.astype(np.float32)
        draw_label(image, (left, top), text, _PLATE, letter, font=font)
        share = float(np.clip(visible, 0, 1))
        part[:] = (part * share + before * (1 - share) + 0.5).astype(np.uint8)


def _font(image: Image) -> float:
    return max(12.0, float(min(image.shape[:2])) / 34)


def _colours(zones: Collection[str], lines: Collection[str]) -> dict[str, tuple[int, int, int]]:
    return {name: _ZONES[n % len(_ZONES)] for n, name in enumerate(zones)} | dict.fromkeys(lines, _LINE)


def paint_heat(image: Image, seconds: NDArray[np.float64]) -> None:
    """Paint time spent as a film of colour, blue through yellow to red.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, painted on in place.
        seconds: ``(rows, columns)`` on a grid over the picture.
    """
    writable(image)
    height, width = image.shape[:2]
    if not seconds.size:
        return
    share = np.sqrt(seconds / max(float(seconds.max()), 1e-9)).astype(np.float32)  # the root shows short stays too
    from PIL import Image as Pictures

    share = np.asarray(Pictures.fromarray(share).resize((width, height), Pictures.Resampling.BILINEAR))
    stops = [0.0, 0.5, 1.0]
    colour = np.stack(
        [np.interp(share, stops, tone) for tone in ((178, 66, 0), (114, 228, 94), (0, 240, 213))], axis=-1
    )
    cover = 0.75 * np.clip(share * 2, 0, 1)[..., None]
    image[:] = (image * (1 - cover) + colour * cover + 0.5).astype(np.uint8)


@lru_cache(maxsize=16)
def _cover(polygon: tuple[tuple[float, ...], ...], size: tuple[int, int], cover: int) -> NDArray[np.uint8]:
    """Return the ``(H, W)`` faint coverage of a polygon, 0 to 255."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    canvas = Pictures.new("L", (size[1], size[0]))
    ImageDraw.Draw(canvas).polygon([(x, y) for x, y in polygon], fill=cover)
    mask = np.asarray(canvas)
    mask.flags.writeable = False
    return mask
