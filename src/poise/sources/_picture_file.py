"""One picture file, for rooms that know which file they want."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from poise import files
from poise.frames import Image
from poise.sources._names import cannot_open, printable
from poise.sources._options import MAX_PIXELS
from poise.sources._pictures import not_a_picture, open_picture, upright_bgr, upright_size


def read_picture(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture file as ``(H, W, 3)`` uint8 BGR, upright as its Exif orientation asks.

    Raises:
        SourceError: The file cannot be opened, is no picture, is damaged, or has more than ``max_pixels`` pixels.
    """
    with _opened(path, max_pixels) as picture:
        return upright_bgr(picture, printable(path))


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
