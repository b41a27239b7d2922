"""One picture, from its file or its bytes, for rooms that know which one they want."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL.Image

from poise import files
from poise.frames import Image
from poise.sources._names import cannot_open, printable
from poise.sources._options import MAX_PIXELS
from poise.sources._pictures import (
    damaged,
    exif_orientation,
    not_a_picture,
    open_picture,
    turn,
    upright_bgr,
    upright_size,
)


def read_picture(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture file as ``(H, W, 3)`` uint8 BGR, upright as its Exif orientation asks.

    Raises:
        SourceError: The file cannot be opened, is no picture, is damaged, or has more than ``max_pixels`` pixels.
    """
    with _opened(path, max_pixels) as picture:
        return upright_bgr(picture, printable(path))


def decode_picture(
    data: bytes, *, name: str = "picture", kinds: Collection[str] | None = None, max_pixels: int = MAX_PIXELS
) -> Image:
    """Decode the bytes of a picture file as ``(H, W, 3)`` uint8 BGR, upright as its Exif orientation asks.

    Args:
        data: The file's bytes.
        name: How an error calls it.
        kinds: Pillow's names of the formats that are read, such as ``("JPEG", "PNG")``; None: all that Poise reads.
        max_pixels: Refuse a picture with more pixels.

    Raises:
        SourceError: It is no picture of these formats, is damaged, or has too many pixels.
    """
    file = io.BytesIO(data)
    picture = open_picture(file, name, max_pixels, *(() if kinds is None else (kinds,)))
    if picture is None:
        raise not_a_picture(name, data[:32])
    with picture:
        return upright_bgr(picture, name)


def picture_size(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return width and height of the upright picture from the file's head, without decoding it.

    Raises:
        SourceError: As :func:`read_picture`, but for damage behind the head.
    """
    with _opened(path, max_pixels) as picture:
        return upright_size(picture)


@contextmanager
def _opened(path: str | Path, max_pixels: int) -> Iterator[Any]:
    name = printable(path)
    try:
        with files.open_plain(path, most=files.MOST_PICTURE) as file:
            picture = open_picture(file, name, max_pixels)
            if picture is None:
                file.seek(0)
                raise not_a_picture(name, file.read(32))
            yield picture
    except OSError as error:
        raise cannot_open(name, error) from error


@dataclass(frozen=True, slots=True)
class Preview:
    """What a cheap look shows.

    Attributes:
        stored: Width and height as stored.
        upright: Width and height of the upright picture.
        orientation: Exif orientation, 1 for none.
        grey: Upright grey copy; of a JPEG a smaller one.
    """

    stored: tuple[int, int]
    upright: tuple[int, int]
    orientation: int
    grey: PIL.Image.Image


def preview(data: bytes, name: str, *, smallest: int, max_pixels: int = MAX_PIXELS) -> Preview:
    """Decode a picture to grey; a JPEG at the least scale that leaves ``smallest`` pixels a side.

    Raises:
        SourceError: It is no picture, is damaged, or has more than ``max_pixels`` pixels.
    """
    picture = open_picture(io.BytesIO(data), name, max_pixels)
    if picture is None:
        raise not_a_picture(name, data[:32])
    stored, upright, orientation = picture.size, upright_size(picture), exif_orientation(picture)
    try:
        picture.draft("L", (smallest, smallest))  # all bytes are still read, so that damage shows
        picture.load()
        grey = picture.convert("L")
    except Exception as error:
        raise damaged(name, picture.format, error) from error
    return Preview(stored, upright, orientation, turn(grey, orientation))
