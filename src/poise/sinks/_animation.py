"""Animated GIF and WebP, written frame by frame through Pillow."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

import PIL.GifImagePlugin
import PIL.Image

from poise.errors import PoiseError
from poise.files.writing import PathLike, append, write_all, writing
from poise.frames import Image, continues
from poise.image import letterbox
from poise.results import Results
from poise.sinks._sink import Background, Render, SinkBase, contiguous, create, default_render, ready, refuse_existing


class AnimationSink(SinkBase):
    """Draws every result and writes it as a frame of an animated GIF or WebP, each with its own duration.

    GIF counts time in hundredths of a second and holds 256 colours a frame; WebP counts milliseconds. Both hold what
    was written if the process ends early. A GIF's frame has its own palette, and no frame builds on another, so files
    are several times as large as a video: write .mp4 where it will do.

    Args:
        path: Ends in .gif or .webp.
        render: Draws a result, ``(H, W, 3)`` uint8 BGR; ``result.plot()`` unless given.
        overwrite: Replace an existing file.
        fps: Frames per second of sources that state none, such as pictures.
    """

    def __init__(
        self, path: PathLike, render: Render | None = None, *, overwrite: bool = False, fps: float = 10.0
    ) -> None:
        super().__init__()
        self.path = Path(path)
        if self.path.suffix.lower() not in (".gif", ".webp"):
            raise ValueError(f"{self.path}: animations end in .gif or .webp, got {self.path.suffix!r}")
        refuse_existing(self.path, overwrite=overwrite)
        self._render = render or default_render
        self._overwrite = overwrite
        self._fps = fps
        self._worker: Background[tuple[Render, Results]] = Background(self._take)
        self._file: _Gif | _WebP | None = None
        self._waiting: tuple[Image, Results] | None = None  # a frame is written when the next tells how long it lasts
        self._clock = 0.0
        self._gap = 0.0

    def write(self, result: Results) -> None:
        """Take one frame; drawing and encoding happen in the background."""
        self._worker.put(ready(self._render, result))

    def close(self) -> None:
        """Write the last frame and close the file."""
        self._worker.close()
        if self._waiting is not None:
            self._put(self._gap or self._step(self._waiting[1]))
        if self._file is not None:
            with writing(self.path):
                self._file.close()
            self._file = None

    def _take(self, item: tuple[Render, Results]) -> None:
        render, result = item
        image = contiguous(render(result))
        if self._file is None:
            stream = create(self.path, overwrite=self._overwrite)
            self.paths.append(self.path)
            size = (image.shape[1], image.shape[0])
            with writing(self.path):
                self._file = _Gif(stream, size) if self.path.suffix.lower() == ".gif" else _WebP(stream, size)
        elif (image.shape[1], image.shape[0]) != self._file.size:
            image = letterbox(image, self._file.size)[0]
        if self._waiting is not None:
            before = self._waiting[1]
            same = continues(result.media, before.media) and result.media.kind != "image"
            gap = result.time - before.time if same else 0.0
            self._gap = gap if gap > 0 else self._step(before)
            self._put(self._gap)
        self._waiting = (image, result)

    def _put(self, duration: float) -> None:
        if self._waiting is None or self._file is None:
            return
        image, self._waiting = self._waiting[0], None
        start, self._clock = self._clock, self._clock + duration
        with writing(self.path):
            self._file.add(image, start, self._clock)

    def _step(self, result: Results) -> float:
        return 1.0 / (result.media.fps if result.media.fps > 0 else self._fps)


class _Gif:
    """GIF89a: each frame with its own palette."""

    def __init__(self, stream: BinaryIO, size: tuple[int, int]) -> None:
        if max(size) > 65_535:
            raise PoiseError(f"{size[0]}x{size[1]} is more than GIF can hold (65535 a side)")
        self.size = size
        self._stream = stream
        # Loop for ever: the application extension that every browser knows.
        loop = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
        write_all(stream, b"GIF89a" + struct.pack("<HHBBB", *size, 0, 0, 0) + loop)

    def add(self, image: Image, start: float, end: float) -> None:
        picture = PIL.Image.fromarray(image[:, :, ::-1].copy()).quantize(256, PIL.Image.Quantize.FASTOCTREE)
        # Rounded on the clock and not a frame, so that errors do not add up; browsers slow down below 2.
        ticks = max(2, round(end * 100) - round(start * 100))
        blocks: list[bytes] = PIL.GifImagePlugin.getdata(picture, duration=ticks * 10, include_color_table=True)
        append(self._stream, b"".join(blocks))

    def close(self) -> None:
        write_all(self._stream, b";")
        self._stream.close()


class _WebP:
    """Animated WebP: single pictures in ANMF chunks.

    Source:
        WebP container specification, developers.google.com/speed/webp/docs/riff_container.
    """

    def __init__(self, stream: BinaryIO, size: tuple[int, int]) -> None:
        if max(size) > 16_383:
            raise PoiseError(f"{size[0]}x{size[1]} is more than WebP can hold (16383 a side)")
        self.size = size
        self._stream = stream
        animated = 0x02
        head = _chunk(b"VP8X", bytes([animated, 0, 0, 0]) + _uint24(size[0] - 1) + _uint24(size[1] - 1))
        head += _chunk(b"ANIM", struct.pack("<IH", 0xFF000000, 0))
        self._length = 4 + len(head)
        write_all(stream, b"RIFF" + struct.pack("<I", self._length) + b"WEBP" + head)

    def add(self, image: Image, start: float, end: float) -> None:
        still = io.BytesIO()
        PIL.Image.fromarray(image[:, :, ::-1].copy()).save(still, "WEBP", quality=80, method=0)
        duration = max(1, round(end * 1000) - round(start * 1000))
        width, height = self.size
        # x, y, size, duration, flags: do not blend with the frame before.
        head = _uint24(0) * 2 + _uint24(width - 1) + _uint24(height - 1) + _uint24(duration) + bytes([0x02])
        chunk = _chunk(b"ANMF", head + _bitstream(still.getvalue()))
        append(self._stream, chunk)
        # The length in the file's head is kept up to date, so that a file cut short is whole up to its last frame.
        self._length += len(chunk)
        self._stream.seek(4)
        write_all(self._stream, struct.pack("<I", self._length))
        self._stream.seek(0, io.SEEK_END)

    def close(self) -> None:
        self._stream.close()


def _bitstream(still: bytes) -> bytes:
    """Return the picture's own chunk out of a still WebP."""
    at = 12
    while at + 8 <= len(still):
        kind, size = struct.unpack_from("<4sI", still, at)
        if kind in (b"VP8 ", b"VP8L"):
            return still[at : at + 8 + size + size % 2]
        at += 8 + size + size % 2
    raise PoiseError("Pillow gave a WebP picture without a bitstream")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _uint24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]
