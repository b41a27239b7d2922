"""Animated GIF, WebP, PNG and AVIF as video, read with Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import PIL.Image

from poise.errors import SourceError
from poise.frames import Frame, Media
from poise.sources._options import Message, ReadOptions, Report
from poise.sources._pictures import check_size, damaged, upright_bgr

# Browsers and FFmpeg's GIF reader show a frame that asks for less than 20 ms for 100 ms.
_SHORTEST = 0.02
_USUAL = 0.1


def is_animated(picture: PIL.Image.Image) -> bool:
    """Return whether the pages of a picture file are frames in time (those of TIFF and MPO are not)."""
    return picture.format in ("GIF", "WEBP", "PNG", "AVIF") and _pages(picture) > 1


def may_be_animated(head: bytes) -> bool:
    """Return False where the first kilobyte of a PNG or WebP file says that it is a still picture."""
    if head.startswith(b"\x89PNG"):
        return b"acTL" in head
    if head.startswith(b"RIFF"):
        return head[12:16] == b"VP8X" and bool(head[20] & 2)
    return True


def _pages(picture: PIL.Image.Image) -> int:
    try:
        pages = int(getattr(picture, "n_frames", 1))
        # A PNG may hold a still picture for programs that do not animate; it is no frame.
        return pages - 1 if picture.format == "PNG" and picture.info.get("default_image") else pages
    except Exception:  # noqa: BLE001 - a damaged tail: the first page decides what can be read
        return 1


def frame_count(picture: PIL.Image.Image) -> int:
    """Return the number of frames of an animated picture; 1 for a still one."""
    return _pages(picture) if is_animated(picture) else 1


def read_animation(
    picture: PIL.Image.Image, file: IO[bytes], name: str, path: str, options: ReadOptions
) -> Iterator[Frame | Message]:
    """Give the frames of an animated picture, each at its own time.

    Args:
        picture: As opened from ``file``.
        file: Its bytes, seekable.
        name: How results and errors call it.
        path: The file, if there is one.
        options: Stride and limits.
    """
    kind = picture.format or "animation"
    check_size(name, *picture.size, options.max_frame)
    count = _pages(picture)
    delays = _delays(file, kind)
    if len(delays) != count:
        delays = []
    total = sum(delays)
    media = Media(name, "video", count / total if total else 0.0, count, total or None, path)
    first = 1 if kind == "PNG" and picture.info.get("default_image") else 0
    time = 0.0
    for index in range(count):
        try:
            picture.seek(first + index)
            wanted = index % options.vid_stride == 0
            if wanted:
                image = upright_bgr(picture, name)
            else:
                picture.load()
        except Exception as error:
            if not isinstance(error, SourceError):
                error = damaged(name, kind, error)
            if index == 0:
                raise error from error.__cause__
            yield Report(SourceError(f"{error}; {index} of {count} frames were read"), partly=True)
            return
        if wanted:
            yield Frame(image, media, index, time)
        time += delays[index] if delays else _shown(float(picture.info.get("duration") or 0.0) / 1000)


def _shown(delay: float) -> float:
    return _USUAL if delay < _SHORTEST else delay


def _delays(file: IO[bytes], kind: str) -> list[float]:
    """Return how long each frame is shown, seconds, without decoding any; empty when the file does not say."""
    readers: dict[str, Any] = {"GIF": _gif_delays, "PNG": _png_delays, "WEBP": _webp_delays}
    if kind not in readers:
        return []
    place = file.tell()
    try:
        file.seek(0)
        return [_shown(delay) for delay in readers[kind](file)]
    finally:
        file.seek(place)


def _gif_delays(file: IO[bytes]) -> Iterator[float]:
    """Source: GIF89a specification, sections 17 to 26."""

    def skip_table(flags: int) -> None:
        if flags & 0x80:
            file.seek(3 << ((flags & 7) + 1), 1)

    def skip_blocks() -> None:
        while size := file.read(1):
            if size == b"\0":
                return
            file.seek(size[0], 1)

    head = file.read(13)
    if len(head) < 13:
        return
    skip_table(head[10])
    delay = 0.0
    while mark := file.read(1):
        if mark == b"!":
            label = file.read(1)
            if label == b"\xf9":
                block = file.read(5)
                if len(block) < 5:
                    return
                delay = int.from_bytes(block[2:4], "little") / 100
            skip_blocks()
        elif mark == b",":
            block = file.read(9)
            if len(block) < 9:
                return
            skip_table(block[8])
            file.seek(1, 1)
            skip_blocks()
            yield delay
            delay = 0.0
        else:
            return


def _png_delays(file: IO[bytes]) -> Iterator[float]:
    """Source: PNG specification, third edition, 11.3.6.2 fcTL."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[:4], "big")
        if head[4:] == b"fcTL" and size == 26:
            block = file.read(26)
            if len(block) < 26:
                return
            above, below = int.from_bytes(block[20:22], "big"), int.from_bytes(block[22:24], "big")
            yield above / (below or 100)
            size = 0
        file.seek(size + 4, 1)


def _webp_delays(file: IO[bytes]) -> Iterator[float]:
    """Source: RFC 9649, 2.7.1.1 animation."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        size += size & 1
        if head[:4] == b"ANMF" and size >= 16:
            block = file.read(16)
            if len(block) < 16:
                return
            yield int.from_bytes(block[12:15], "little") / 1000
            size -= 16
        file.seek(size, 1)
