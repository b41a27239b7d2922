"""Small pictures and videos with known content, drawn by the tests."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from poise.errors import SourceError
from poise.frames import Frame
from poise.sources import open_source

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "white": (255, 255, 255)}  # BGR


def quarters(width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Return a BGR picture: red top left, green top right, blue bottom left, white bottom right."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = COLOURS["red"]
    picture[: height // 2, width // 2 :] = COLOURS["green"]
    picture[height // 2 :, : width // 2] = COLOURS["blue"]
    picture[height // 2 :, width // 2 :] = COLOURS["white"]
    return picture


def corners(image: NDArray[np.uint8]) -> list[str]:
    """Return the colour names of a picture's four quarters: top left, top right, bottom left, bottom right."""
    height, width = image.shape[:2]
    names = list(COLOURS)
    table = np.array([COLOURS[name] for name in names])
    found = []
    for y, x in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)):
        pixel = image[int(y * height), int(x * width)].astype(int)
        found.append(names[int(np.abs(table - pixel).sum(axis=1).argmin())])
    return found


def encode(picture: NDArray[np.uint8], kind: str = "JPEG", **options: object) -> bytes:
    """Return a BGR picture as the bytes of a file."""
    out = io.BytesIO()
    PIL.Image.fromarray(picture[:, :, ::-1]).save(out, kind, **options)
    return out.getvalue()


def write_video(
    path: Path | str,
    *,
    frames: int = 30,
    size: tuple[int, int] = (64, 48),
    times_ms: Sequence[int] | None = None,
    rotation: int | None = None,
    sound: bool = False,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> None:
    """Write a video whose frame i has the quarters, and a white bar as wide as i in its middle rows."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 10
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            if not hasattr(stream.codec_context, "set_display_rotation"):
                pytest.skip("this PyAV reads rotated videos, but cannot write one to test it with")
            stream.set_display_rotation(rotation)
        tone = container.add_stream("aac", rate=8000) if sound else None
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(bar(index, size), format="bgr24")
            picture.pts = times_ms[index] if times_ms else index * 40
            picture.time_base = Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if tone is not None:
            write_tone(container, tone)


def bar(index: int, size: tuple[int, int] = (64, 48)) -> NDArray[np.uint8]:
    """Return frame ``index`` of the videos that :func:`write_video` makes."""
    picture = quarters(*size)
    middle = size[1] // 2
    picture[middle - 4 : middle + 4] = 0
    picture[middle - 4 : middle + 4, :index] = 255
    return picture


def write_tone(container: av.container.OutputContainer, stream: av.AudioStream) -> None:
    samples = (np.sin(np.arange(8000) / 5) * 0.3).astype(np.float32)[None]
    sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    sound.sample_rate = 8000
    container.mux(stream.encode(sound))
    container.mux(stream.encode())


def bars(frames: Sequence[Frame]) -> list[int]:
    """Return which frame of :func:`write_video` each frame is, read from its picture."""
    middle = [frame.image[frame.image.shape[0] // 2, :, 1].astype(int) for frame in frames]
    return [int((row > 127).sum()) for row in middle]


def read(source: object, **options: object) -> tuple[list[Frame], list[str]]:
    """Return all frames of a source given in a list, and what went wrong."""
    errors: list[SourceError] = []
    with open_source([source], on_error=errors.append, **options) as frames:
        found = list(frames)
    return found, [str(error) for error in errors]
