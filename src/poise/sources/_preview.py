"""A cheap look into a picture's bytes: whether they decode, how they are turned, and a small grey copy."""

from __future__ import annotations

import io
from dataclasses import dataclass

import PIL.Image

from poise.sources._options import MAX_PIXELS
from poise.sources._pictures import damaged, exif_orientation, not_a_picture, open_picture, turn, upright_size


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
