"""Text and labels in a font that every installation has, and in others for letters that it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from poise.drawing._fonts import face, find_font, own_font, runs
from poise.drawing._shapes import writable
from poise.frames import Image

Rect = tuple[int, int, int, int]  # x0, y0, x1, y1, pixels


def ink(text: str, size: float, font: str | None = None) -> NDArray[np.uint8]:
    """Set one line of text: ``(height, width)`` coverage, 0 to 255, with the same height for every text of a font.

    Letters that the font lacks are taken from one that this machine has.

    Args:
        text: One line.
        size: Font size, pixels.
        font: A font file, or the name of an installed font; None: that of POISE_FONT, else Pillow's own.
    """
    return _ink(text, size, find_font(font) if font is not None else own_font())


@lru_cache(maxsize=256)
def _ink(text: str, size: float, font: str | None) -> NDArray[np.uint8]:
    pieces = [(piece, face(size, path)) for piece, path in runs(text, font)]
    main = face(size, font)
    if len(pieces) == 1 and pieces[0][1] is main:
        left, _, right, _ = main.getbbox(text)
        top, bottom = main.getbbox("Ág|")[1::2]
        canvas = Pillow.new("L", (max(1, int(np.ceil(right - left))), max(1, int(np.ceil(bottom - top)))))
        ImageDraw.Draw(canvas).text((-left, -top), text, fill=255, font=main)
    else:
        # Pieces stand on one base line; their heights are measured from it.
        boxes = [main.getbbox("Ág|", anchor="ls"), *(one.getbbox(piece, anchor="ls") for piece, one in pieces)]
        top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
        widths = [max(one.getlength(piece), box[2]) for (piece, one), box in zip(pieces, boxes[1:], strict=True)]
        canvas = Pillow.new("L", (max(1, int(np.ceil(sum(widths)))), max(1, int(np.ceil(bottom - top)))))
        x = 0.0
        for (piece, one), width in zip(pieces, widths, strict=True):
            ImageDraw.Draw(canvas).text((x, -top), piece, fill=255, font=one, anchor="ls")
            x += width
    mask = np.asarray(canvas)
    mask.flags.writeable = False
    return mask


def _clipped(image: Image, rect: Rect) -> tuple[Image, slice, slice] | None:
    """Return what of a rectangle lies in a picture, and which of its own rows and columns that is; None: nothing."""
    x0, y0, x1, y1 = rect
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, image.shape[1]), min(y1, image.shape[0])
    if left >= right or top >= bottom:
        return None
    return image[top:bottom, left:right], slice(top - y0, bottom - y0), slice(left - x0, right - x0)


def fill(image: Image, rect: Rect, colour: ArrayLike, alpha: float | NDArray[np.uint8] = 1.0) -> None:
    """Blend a colour into a rectangle, clipped to the picture.

    Args:
        image: ``(H, W, 3)`` uint8, painted on in place.
        rect: x0, y0, x1, y1, pixels; x1 and y1 are outside.
        colour: Three values in the channel order of the picture.
        alpha: Opacity in [0, 1], or ``(y1 - y0, x1 - x0)`` coverage, 0 to 255.
    """
    found = _clipped(image, rect)
    if found is None:
        return
    part, rows, columns = found
    if isinstance(alpha, float) and alpha >= 1:
        part[:] = np.asarray(colour, dtype=np.uint8)
        return
    cover = alpha if isinstance(alpha, float) else alpha[rows, columns, None].astype(np.float32) / np.float32(255)
    below = part.astype(np.float32)
    below += (np.asarray(colour, dtype=np.float32) - below) * cover
    below += 0.5
    part[:] = below.astype(np.uint8)


def blend_lines(
    image: Image, rect: Rect, colours: NDArray[np.float32], alphas: NDArray[np.float32], *, upright: bool
) -> None:
    """Blend parallel lines of one pixel into a rectangle, clipped to the picture.

    Args:
        image: ``(H, W, 3)`` uint8, painted on in place.
        rect: x0, y0, x1, y1, pixels; n wide when upright, else n high.
        colours: ``(n, 3)`` from left to right or top to bottom, in the channel order of the picture.
        alphas: ``(n,)`` opacity in [0, 1].
        upright: The lines run from top to bottom; False: from left to right.
    """
    found = _clipped(image, rect)
    if found is None:
        return
    part, rows, columns = found
    some, shape = (columns, (1, -1, 3)) if upright else (rows, (-1, 1, 3))
    tint = (colours[some] * alphas[some, None] + 0.5).reshape(shape)
    rest = np.repeat(1 - alphas[some], 3).reshape(shape)
    part[:] = (part * rest + tint).astype(np.uint8)


def text(
    image: Image, at: tuple[float, float], words: str, colour: ArrayLike, size: float, *, font: str | None = None
) -> None:
    """Write one line of text.

    Args:
        image: ``(H, W, 3)`` uint8, painted on in place.
        at: Left and top of the line, pixels.
        words: One line.
        colour: Three values in the channel order of the picture.
        size: Font size, pixels.
        font: A font file or the name of an installed font; None: Pillow's own.
    """
    writable(image)
    if not words.strip():
        return
    mask = ink(words, size, font)
    x, y = round(at[0]), round(at[1])
    fill(image, (x, y, x + mask.shape[1], y + mask.shape[0]), colour, mask)


def label_size(words: str, size: float, *, font: str | None = None) -> tuple[int, int]:
    """Return width and height of a label in pixels, padding included."""
    height, width = ink(words, size, font).shape
    pad = max(1, round(size * 0.28))
    return width + 2 * pad, height + max(2, round(size * 0.2))


def draw_label(
    image: Image,
    at: tuple[float, float],
    words: str,
    colour: ArrayLike,
    size: float,
    *,
    font: str | None = None,
    alpha: float = 0.92,
) -> Rect:
    """Write a line of text on a filled plate, in black or white, whichever reads better.

    Args:
        image: ``(H, W, 3)`` uint8, painted on in place.
        at: Left and top of the plate, pixels.
        words: One line.
        colour: The plate's, three values in the channel order of the picture.
        size: Font size, pixels.
        font: A font file or the name of an installed font; None: Pillow's own.
        alpha: The plate's opacity in [0, 1].

    Returns:
        x0, y0, x1, y1 of the plate, pixels.
    """
    writable(image)
    width, height = label_size(words, size, font=font)
    x, y = round(at[0]), round(at[1])
    rect = (x, y, x + width, y + height)
    fill(image, rect, colour, _plate(width, height, max(1.0, size * 0.2), alpha))
    # The weights of green, red and blue in luminance (ITU-R BT.601), for BGR.
    light = float(np.dot(np.asarray(colour, dtype=np.float64), (0.114, 0.587, 0.299))) > 110
    mask = ink(words, size, font)
    left, top = x + (width - mask.shape[1]) // 2, y + (height - mask.shape[0]) // 2
    ground = (16, 14, 12) if light else (255, 255, 255)
    fill(image, (left, top, left + mask.shape[1], top + mask.shape[0]), ground, mask)
    return rect


@lru_cache(maxsize=64)
def _plate(width: int, height: int, radius: float, alpha: float) -> NDArray[np.uint8]:
    """Cover a rectangle with round corners, 0 to 255."""
    x = np.abs(np.arange(width) + 0.5 - width / 2) - (width / 2 - radius)
    y = np.abs(np.arange(height) + 0.5 - height / 2) - (height / 2 - radius)
    edge = np.hypot(np.maximum(x, 0)[None], np.maximum(y, 0)[:, None]) - radius
    return np.asarray(np.clip(0.5 - edge, 0, 1) * (255 * alpha), dtype=np.uint8)


def _hidden(rects: NDArray[np.float64], taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many square pixels of each of ``(m, 4)`` rectangles lie under the ``(n, 4)`` that are taken."""
    low = np.maximum(rects[:, None, :2], taken[None, :, :2])
    high = np.minimum(rects[:, None, 2:], taken[None, :, 2:])
    area: NDArray[np.float64] = np.prod(np.maximum(high - low, 0), axis=-1).sum(axis=1)
    return area


def place_label(
    size: tuple[int, int], box: Sequence[float], label: tuple[int, int], taken: NDArray[np.float64]
) -> Rect:
    """Find a place for a box's label inside the picture, where possible on no other label.

    Args:
        size: Height and width of the picture.
        box: x0, y0, x1, y1 of the instance, pixels.
        label: Width and height of the label, pixels.
        taken: ``(n, 4)`` rectangles of the labels so far.

    Returns:
        x0, y0, x1, y1, pixels.
    """
    width, height = label
    x0, y0, x1, y1 = box
    x, y = round(x0), round(y0 - height)
    if 0 <= x <= size[1] - width and 0 <= y <= size[0] - height:
        crossing = (taken[:, :2] < (x + width, y + height)).all(axis=1) & (taken[:, 2:] > (x, y)).all(axis=1)
        if not crossing.any():
            return x, y, x + width, y + height
    # Best on top of the box, then inside it, below it, and in steps away from it; left before right.
    rows = [y0 - height, y0, y1, y1 - height, y0 - 2 * height, y0 + height, y0 + 2 * height, y0 - 3 * height]
    spots = np.array([(x, y) for y in rows for x in (x0, x1 - width, x1, x0 - width)], dtype=np.float64)
    moved = np.clip(np.round(spots), 0, np.maximum((size[1] - width, size[0] - height), 0))
    rects = np.concatenate([moved, moved + label], axis=1)
    hidden = _hidden(rects, taken)
    # Overlap first, then how far the picture's edge pushed the label from its spot, then the order above.
    pushed = np.abs(moved - spots).sum(axis=1)
    best = rects[np.lexsort((np.arange(len(rects)), pushed > 1, hidden))[0]]
    return int(best[0]), int(best[1]), int(best[2]), int(best[3])


def place_beside(
    size: tuple[int, int],
    point: Sequence[float],
    toward: float,
    gap: float,
    label: tuple[int, int],
    taken: NDArray[np.float64],
) -> Rect:
    """Find a place for a point's label inside the picture, where possible on no other label.

    Args:
        size: Height and width of the picture.
        point: x and y, pixels.
        toward: The direction in which it stands best, radians clockwise from right.
        gap: From the point to the label, pixels.
        label: Width and height of the label, pixels.
        taken: ``(n, 4)`` rectangles of the labels so far.

    Returns:
        x0, y0, x1, y1, pixels.
    """
    half = np.array(label) / 2
    # In the direction asked for, then ever further round the point, then further off.
    turns = np.radians([0, 30, -30, 60, -60, 90, -90, 135, -135, 180])
    ways = np.array([[np.cos(toward + turn), np.sin(toward + turn)] for turn in turns])
    reach = np.abs(ways) @ half
    middles = [np.asarray(point) + ways * (reach + far * gap)[:, None] for far in (1.0, 2.5, 4.0)]
    spots = np.clip(np.round(np.concatenate(middles) - half), 0, np.maximum(np.array(size[::-1]) - label, 0))
    rects = np.concatenate([spots, spots + label], axis=1)
    best = rects[int(np.argmin(_hidden(rects, taken)))]
    return int(best[0]), int(best[1]), int(best[2]), int(best[3])
