"""The sound of a written video: copied from its source, not encoded again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from poise.frames import Media

# Sound that the container can hold as it is.
_SOUND = {
    "mp4": {"aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "flac"},
    "mov": {"aac", "mp3", "mp2", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"},
    "matroska": None,
}


class Sound:
    """Copies the packets of a sound track in step with the picture.

    Attributes:
        picture_end: Seconds from the first frame of the source to the end of its last, as the container states it.
    """

    def __init__(self, source: Any, stream: Any, *, start: float, picture_end: float, negative: bool) -> None:
        self.picture_end = picture_end
        self._negative = negative
        self._source = source
        self._stream = stream
        self._start = start
        self._packets: Iterator[Any] = source.demux(source.streams.audio[0])
        self._ahead: deque[Any] = deque()

    @classmethod
    def open(cls, av: ModuleType, media: Media, container: Any, kind: str, notes: list[str]) -> Sound | None:
        """Open the sound of ``media`` and add its track, or say in ``notes`` why not."""
        try:
            source = av.open(f"file:{media.path}")  # so that a colon in the name makes no protocol
            track = source.streams.audio[0]
            codec = track.codec_context.name
            allowed = _SOUND[kind]
            if allowed is not None and codec.removesuffix("float") not in allowed:
                source.close()
                notes.append(f"{media.path}: sound ({codec}) left out, {kind} cannot hold it; write .mkv to keep it")
                return None
            stream = container.add_stream_from_template(track)
        except (OSError, IndexError, ValueError) as error:
            notes.append(f"{media.path}: sound left out ({error})")
            return None
        # Picture times count from the first frame, so sound does too.
        video = source.streams.video[0]
        start = float((video.start_time or 0) * video.time_base)
        length = float(video.duration * video.time_base) if video.duration else media.duration or 0.0
        # MP4 skips what sounds before the first frame; Matroska would move all pictures instead.
        return cls(source, stream, start=start, picture_end=length, negative=kind != "matroska")

    def copy_until(self, end: float) -> None:
        """Copy the packets that begin before ``end`` seconds."""
        while True:
            if not self._ahead:
                packet = next(self._packets, None)
                if packet is None or packet.dts is None:
                    return
                self._ahead.append(packet)
            packet = self._ahead[0]
            pts = packet.dts if packet.pts is None else packet.pts
            if float(pts * packet.time_base) - self._start >= end:
                return
            self._ahead.popleft()
            shift = round(self._start / packet.time_base)
            packet.pts = pts - shift
            packet.dts -= shift
            if packet.pts + (packet.duration or 0) <= 0 and not self._negative:
                continue
            packet.stream = self._stream
            self._stream.container.mux_one(packet)

    def close(self) -> None:
        """Close the source."""
        self._source.close()
