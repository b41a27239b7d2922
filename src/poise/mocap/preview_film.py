"""The video of a preview, made small enough to lie inside of a page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import SourceError
from poise.files.writing import PathLike
from poise.frames import Frame, Image
from poise.image import encode, resize
from poise.sources import open_source

_WIDTH, _HEIGHT = 640, 640
_CLOCK = 90_000
# As the sinks have them: what builds of PyAV may bring.
_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
# A still every so often where no H.264 can be written.
_PICTURES = 60
# A browser seeks from one of these to the next.
_KEY_EVERY = 12


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A small video, or stills of it.

    Attributes:
        size: Width and height of the original, pixels.
        start: Seconds of its first frame, in the original.
        mp4: The video; empty where only stills could be made.
        pictures: Seconds and JPEG of each still.
    """

    size: tuple[int, int]
    start: float
    mp4: bytes = b""
    pictures: tuple[tuple[float, bytes], ...] = ()


def shrink(video: PathLike, start: float, end: float) -> Film:
    """Read a video again and return what of it lies between two times, small.

    Raises:
        SourceError: It cannot be read, or nothing of it lies between them.
        MissingExtra: PyAV, which reads videos, is not installed.
    """
    file: _Writer | None = None
    first, size = None, (0, 0)
    stills: list[tuple[float, bytes]] = []
    every = max((end - start) / _PICTURES, 1e-3)
    with open_source(str(Path(video)), on_error=_ignore, on_note=_ignore) as frames:
        for frame in frames:
            if frame.time < start - 1e-3:
                continue
            if frame.time > end + 1e-3:
                break
            small = _small(frame)
            if first is None:
                first, size = frame.time, (frame.image.shape[1], frame.image.shape[0])
                file = _Writer.open(small)
            if file is not None:
                file.add(small, frame.time - first)
            elif not stills or frame.time - stills[-1][0] >= every:
                stills.append((frame.time, encode(small, ".jpg")))
    if first is None:
        raise SourceError(f"{video}: no frame of it is from {start:.2f} to {end:.2f} s, where the movement is")
    return Film(size, first, b"" if file is None else file.close(), tuple(stills))


def _small(frame: Frame) -> Image:
    height, width = frame.image.shape[:2]
    scale = min(1.0, _WIDTH / width, _HEIGHT / height)
    even = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    return frame.image if even == (width, height) else resize(frame.image, even)


class _Writer:
    """An MP4 in memory."""

    def __init__(self, av: Any, encoder: str, image: Image) -> None:
        self._av, self._file = av, io.BytesIO()
        self._container = av.open(self._file, "w", format="mp4")
        stream = self._stream = self._container.add_stream(encoder)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, _CLOCK)
        stream.codec_context.time_base, stream.codec_context.gop_size = Fraction(1, _CLOCK), _KEY_EVERY
        if encoder == "libx264":
            stream.options = {"crf": "27", "preset": "veryfast", "tune": "fastdecode"}
        # The same bytes whatever the machine has.
        stream.codec_context.thread_count = 1
        self._last = -1

    @classmethod
    def open(cls, image: Image) -> _Writer | None:
        """Return a writer, or None where no encoder is there."""
        try:
            import av
        except ImportError:
            return None
        name = next((n for n in _ENCODERS if n in av.codecs_available and av.codec.Codec(n, "w").is_encoder), None)
        return None if name is None else cls(av, name, image)

    def add(self, image: Image, time: float) -> None:
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24").reformat(format="yuv420p")
        frame.pts = self._last = max(self._last + 1, round(time * _CLOCK))
        frame.time_base = Fraction(1, _CLOCK)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.getvalue()


def _ignore(*_: object, **__: object) -> None:
    """What is wrong with a video was told when it was read first."""
