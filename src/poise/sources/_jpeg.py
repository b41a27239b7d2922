"""JPEG as a stream of bytes: where a picture ends, pictures one after another, and one that lacks its end marker."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

import PIL.Image

from poise.frames import Image

# A picture in a stream may take this many bytes; more is no picture.
_MOST_BYTES = 256 * 2**20
_CHUNK = 2**16
_END = b"\xff\xd9"


class Pictures:
    """Splits a stream of JPEG pictures, as cameras write them to a pipe, and gives each as soon as it is there.

    Args:
        read: Returns some of the next bytes, at most as many as asked for; none at the end.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._data = bytearray()
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        while (picture := self._next()) is not None:
            yield picture

    @property
    def rest(self) -> bytes:
        """What is read and belongs to no picture so far."""
        return bytes(self._data)

    def more(self) -> bool:
        """Return whether another picture begins; waits for its first bytes."""
        while len(self._data) < 2 and self._fill():
            pass
        return self._data[:2] == b"\xff\xd8"

    def _fill(self) -> bool:
        if not self._ended and len(self._data) < _MOST_BYTES:
            some = self._read(_CHUNK)
            self._data += some
            self._ended = not some
            return bool(some)
        return False

    def _next(self) -> bytes | None:
        if not self.more():
            return None
        end = self._end()
        picture = bytes(self._data[:end])
        del self._data[:end]
        return picture

    def _end(self) -> int:
        """Return where the first picture ends: behind its end marker, or behind all there is.

        Source: ITU-T T.81, B.1.1: segments have a length, so an end marker in one (a thumbnail's) is none; in coded
        data a byte FF stands before 00 or is a restart marker.
        """
        at = 2
        while True:
            while len(self._data) < at + 4 and self._fill():
                pass
            if len(self._data) < at + 2:
                return len(self._data)
            marker = self._data[at + 1]
            if self._data[at] != 0xFF or marker == 0xFF:
                at += 1  # padding, or bytes that belong nowhere
            elif marker == 0xD9:
                return at + 2
            elif marker == 0 or 0xD0 <= marker <= 0xD8 or marker == 1:
                at += 2
            else:
                at += 2 + max(2, int.from_bytes(self._data[at + 2 : at + 4], "big"))
                if marker == 0xDA:
                    at = self._after_scan(at)

    def _after_scan(self, at: int) -> int:
        """Return where the next marker after coded data stands, or the end."""
        while True:
            place = self._data.find(b"\xff", at)
            if place < 0 or place + 1 >= len(self._data):
                at = max(at, len(self._data) - 1 if place >= 0 else len(self._data))
                if not self._fill():
                    return len(self._data)
            elif self._data[place + 1] == 0 or 0xD0 <= self._data[place + 1] <= 0xD7:
                at = place + 2
            else:
                return place


def several_pages(picture: bytes) -> bool:
    """Return whether a JPEG says that further pictures of the same moment follow it (MPO).

    Source: CIPA DC-007, 5.2.
    """
    return b"MPF\0" in picture[:_CHUNK]


def without_end(data: bytes) -> PIL.Image.Image | None:
    """Decode a JPEG that lacks its end marker, if all of its picture is there; else return None.

    A decoder fills up what is missing: whatever stands behind a complete picture changes nothing, and behind one that
    was cut off it changes the rest. So it is decoded with two different fillings.
    """
    pictures = []
    for filling in (b"\x55", b"\xaa"):
        picture = PIL.Image.open(io.BytesIO(data + filling * 4096 + _END), formats=("JPEG",))
        try:
            picture.load()
        except (OSError, SyntaxError, ValueError):
            return None
        pictures.append(picture)
    same = pictures[0].size == pictures[1].size and pictures[0].tobytes() == pictures[1].tobytes()
    return pictures[0] if same else None


def decoded(picture: PIL.Image.Image) -> Image | None:
    """Decode a JPEG in colour straight to BGR where ``simplejpeg`` is installed, in 0.6 of Pillow's time.

    Both use libjpeg-turbo with its exact transform, so the pixels are Pillow's, bit for bit. Whatever is not quite
    right about the file is left to Pillow.

    Returns:
        ``(H, W, 3)`` uint8 BGR, or None where Pillow has to do it.
    """
    file: Any = getattr(picture, "fp", None)
    if picture.format != "JPEG" or picture.mode != "RGB" or not getattr(picture, "tile", None) or file is None:
        return None
    library = _library()
    if library is None:
        return None
    file.seek(0)
    data = file.read()
    try:
        # A header that two readers read differently is not believed: the size was checked as Pillow reads it.
        if library.decode_jpeg_header(data)[:2] != picture.size[::-1]:
            return None
        image: Image = library.decode_jpeg(data, "BGR")
    except (ValueError, MemoryError):
        return None  # it calls warnings errors; nothing of the picture was changed, so Pillow begins from the start
    return image


@cache
def _library() -> Any:
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None
