"""Frames from the middle of a recording, without reading what lies before them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from poise.errors import SourceError
from poise.frames import Frame
from poise.sources._clock import Clock
from poise.sources._containers import describe_media, library, limit_codec, open_file, video_stream
from poise.sources._options import ReadOptions
from poise.sources._source import open_source
from poise.sources._upright import Upright
from poise.sources._video import decode_all

# Animations are short, and their readers begin at the beginning.
_ANIMATIONS = frozenset((".gif", ".webp", ".png", ".apng", ".avif"))


def frames_between(path: str | Path, start: float, end: float | None = None) -> Iterator[Frame]:
    """Give the frames of a video file from one time to another.

    The index of a frame is counted from its time and the average rate: exact where the rate is constant.

    Args:
        path: The file.
        start: Seconds from its start; the first frame is the one nearest to it.
        end: Seconds of the last frame; None: only the first one.

    Raises:
        SourceError: It cannot be read, is no recording, or has no frame there.
        ValueError: Times that are negative or in the wrong order.
    """
    if not start >= 0 or (end is not None and not end >= start):
        raise ValueError(f"{path}: frames are read from a time of 0 or more to a later one, got {start:g} to {end}")
    name, found, last = str(path), False, None
    several = _in_order(name) if Path(name).suffix.lower() in _ANIMATIONS else _sought(name, start)
    for frame in several:
        step = 0.0 if last is None else frame.time - last
        last = frame.time
        if frame.time < start - max(step, 1.0 / (frame.media.fps or 25.0)) / 2 - 1e-6:
            continue
        if end is not None and found and frame.time > end + 1e-6:
            return
        found = True
        yield frame
        if end is None:
            return
    if not found:
        until = "no frame" if last is None else f"its last frame is at {last:.2f} s"
        raise SourceError(f"{name}: nothing at {start:g} s: {until}")


def _in_order(name: str) -> Iterator[Frame]:
    with open_source(name, prefetch=0) as source:
        for frame in source:
            if frame.media.kind == "image":
                raise SourceError(f"{name}: a picture, which has no times; give it without @")
            yield frame


def _sought(name: str, start: float) -> Iterator[Frame]:
    options = ReadOptions()
    container = open_file(name, name)
    try:
        stream = video_stream(container, name)
        limit_codec(stream, name, options)
        base, begin = float(stream.time_base or 0.0), stream.start_time or 0
        media = describe_media(container, stream, name, name)
        rate = media.fps or 25.0
        if media.duration is not None and start > media.duration + 1.0 / rate:
            raise SourceError(f"{name}: nothing at {start:g} s: it lasts {media.duration:.2f} s")
        if start > 0 and base:
            try:
                container.seek(begin + int(max(0.0, start - 1.0 / rate) / base), stream=stream, backward=True)
            except Exception:  # noqa: BLE001 - a file without an index is read from its beginning
                container.seek(0)
        convert = Upright(library(), options, name, stream.sample_aspect_ratio)
        clock = Clock(base, stream.start_time, 1.0 / rate)
        for picture in decode_all(container, stream, media):
            time = clock.of(picture)
            # What comes before is decoded, as the codec needs it, and not turned into a picture.
            if time >= start - 2.0 / rate:
                yield Frame(convert(picture), media, round(time * rate), time)
    finally:
        container.close()
