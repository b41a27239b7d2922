"""One H.264 file that browsers play, with its source's times and sound, whole whenever the process ends."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from poise.errors import PoiseError, require
from poise.files.writing import write_all, writing
from poise.frames import Image, Media
from poise.image import letterbox, resize
from poise.sinks._sink import contiguous, create
from poise.sinks._sound import Sound

# The customary clock of video: whole for 24, 25, 30, 50, 60 and 1001-based rates.
CLOCK = 90_000
# Level 5.2 of H.264, the most that players decode everywhere.
LARGEST = (4096, 2304)
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# Where the sound ends before the picture, pictures wait half a second for it and not ten.
_FLUSH = {"flush_packets": "1", "max_interleave_delta": "500000"}
# A fragment is closed when it holds a microsecond or more: every frame is a fragment of its own, so the file holds all
# of them whenever the process ends. (frag_every_frame would say so too, but gives sound packets wrong times.) The head
# is written with the first fragment (delay_moov), when the offset between sound and picture is known.
_JOURNAL = {"movflags": "delay_moov+default_base_moof", "frag_duration": "1", **_FLUSH}
# Best first: x264 by speed and size, then what a build without it may have.
_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "h264_nvenc", "h264_qsv", "h264_amf")


class VideoFile:
    """One video file that is being written. Everything happens in the caller's thread.

    Args:
        path: A file that does not exist yet.
        media: What the frames are from: its rate, duration and sound.
        overwrite: Replace an existing file.
        fps: Frames per second where ``media`` states none.
        audio: Keep the sound.
        crf: Constant quality.
        preset: Speed.
    """

    def __init__(
        self, path: Path, media: Media, *, overwrite: bool, fps: float, audio: bool, crf: int, preset: str
    ) -> None:
        self.path = path
        self.notes: list[str] = []
        self._av = require("av", extra="video", feature=f"writing {path.suffix}")
        self._kind = CONTAINERS[path.suffix.lower()]
        self._media = media
        self._step = round(CLOCK / (media.fps if media.fps > 0 else fps))
        self._crf, self._preset, self._audio = crf, preset, audio
        self._file = _Output(create(path, overwrite=overwrite), whole=self._kind != "matroska")
        self._convert = self._av.video.reformatter.VideoReformatter()
        self._container: Any = None
        self._stream: Any = None
        self._sound: Sound | None = None
        self._broken: Exception | None = None  # why no frame could be written
        self._size = (0, 0)
        self._pts = -1
        self._start: float | None = None
        self._waiting: Any = None  # a packet is written when the next one tells how long it lasts
        self._gap = 0

    def write(self, image: Image, time: float) -> None:
        """Encode one frame, shown at ``time`` seconds.

        Raises:
            PoiseError: The file cannot be written.
        """
        image = contiguous(image)
        with self._writing():
            if self._broken is not None:
                raise self._broken
            if self._container is None:
                try:
                    self._begin(image)
                except Exception as error:
                    self._container, self._broken = None, error
                    self._file.close()
                    self.path.unlink()
                    raise
            # The frame borrows the array's memory; a copy would take twice the time of the conversion itself.
            frame = self._av.VideoFrame.from_numpy_buffer(self._fit(image), format="bgr24")
            frame = self._convert.reformat(frame, format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts = self._pts = self._clock(time)
            frame.time_base = Fraction(1, CLOCK)
            self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write the last frame with its duration and the rest of the sound, and put the index in front."""
        if self._container is None:
            self._file.close()
            return
        with self._writing():
            try:
                self._mux(self._stream.encode(None))
                self._put_waiting(self._last_duration())
                if self._sound is not None and 0 < self._sound.picture_end < self._pts / CLOCK + 1.0:
                    # All frames came, so what sounds on after the last belongs to them.
                    self._copy_sound(math.inf)
            finally:
                if self._sound is not None:
                    self._sound.close()
                container, self._container = self._container, None
                try:
                    container.close()
                finally:
                    self._file.close()
            if self._file.failed is not None:
                raise self._file.failed
            if self._kind != "matroska":
                self._index_in_front()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with writing(self.path):
                yield
        except self._av.FFmpegError as error:
            raise PoiseError(f"{self.path}: cannot be written: {error.strerror or error}") from error

    def _begin(self, image: Image) -> None:
        height, width = image.shape[:2]
        limit = LARGEST if width >= height else LARGEST[::-1]
        scale = min(1.0, limit[0] / width, limit[1] / height)
        self._size = (_even(width * scale), _even(height * scale))
        options = _JOURNAL if self._kind != "matroska" else {"cluster_time_limit": "200", **_FLUSH}
        self._container = self._av.open(self._file, "w", format=self._kind, options=options)
        self._stream = self._add_video()
        if self._audio and self._media.audio and self._media.path:
            self._sound = Sound.open(self._av, self._media, self._container, self._kind, self.notes)

    def _add_video(self) -> Any:
        name = next((n for n in _ENCODERS if _has_encoder(self._av, n)), None)
        if name is None:
            raise PoiseError(
                f"{self.path}: this build of PyAV has no H.264 encoder; run: pip install --force-reinstall av"
            )
        stream = self._container.add_stream(name)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, CLOCK)
        codec = stream.codec_context
        codec.time_base = Fraction(1, CLOCK)
        codec.framerate = Fraction(CLOCK, self._step)
        # A key frame every two seconds or so: players can jump there, and a stream can be cut there.
        codec.gop_size = max(1, min(250, round(2 * CLOCK / self._step)))
        codec.color_range, codec.colorspace, codec.color_primaries, codec.color_trc = 1, 1, 1, 1  # BT.709, 16 to 235
        if name == "libx264":
            # zerolatency: a frame is in the file at once and not after the encoder's look-ahead; files grow by half.
            stream.options = {"preset": self._preset, "crf": str(self._crf), "tune": "zerolatency"}
        else:
            width, height = self._size
            codec.bit_rate = round(0.1 * width * height * CLOCK / self._step)  # 0.1 bit a pixel, near x264's crf 23
            codec.max_b_frames = 0
        codec.thread_count = min(4, os.cpu_count() or 1)
        return stream

    def _fit(self, image: Image) -> Image:
        height, width = image.shape[:2]
        if (width, height) == self._size:
            return image
        if (_even(width), _even(height)) == self._size:
            return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._pts < 0:
            return resize(image, self._size)
        return letterbox(image, self._size)[0]

    def _clock(self, time: float) -> int:
        if self._media.kind == "image":
            return self._pts + self._step if self._pts >= 0 else 0
        if self._start is None:
            self._start = 0.0 if self._media.kind == "video" else time
        ticks = round((time - self._start) * CLOCK) if math.isfinite(time) else -1
        # Times of two frames may not be equal or run backwards in a file.
        return max(ticks, self._pts + 1, 0)

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            if self._waiting is not None:
                self._gap = packet.pts - self._waiting.pts
                self._put_waiting(self._gap)
            self._waiting = packet

    def _put_waiting(self, duration: int) -> None:
        packet, self._waiting = self._waiting, None
        if packet is None:
            return
        packet.duration = duration
        end = (packet.pts + duration) / CLOCK
        self._container.mux_one(packet)
        self._copy_sound(end)
        if self._file.failed is not None:
            raise self._file.failed
        self._file.mark()

    def _copy_sound(self, end: float) -> None:
        if self._sound is None:
            return
        try:
            self._sound.copy_until(end)
        except self._av.FFmpegError as error:
            # A source may be damaged; its pictures are still worth having.
            self.notes.append(f"{self._media.path}: sound left out after {self._pts / CLOCK:.1f} s ({error.strerror})")
            self._sound.close()
            self._sound = None

    def _last_duration(self) -> int:
        """Return how long the last frame is shown: to the end of the picture track if near, else as usual."""
        usual = self._gap or self._step
        end = self._media.duration or 0.0
        if self._media.audio:
            # The container's duration may be that of the sound.
            end = self._sound.picture_end if self._sound is not None else 0.0
        rest = round(end * CLOCK) - self._pts
        return rest if self._media.kind == "video" and 0 < rest <= 2 * max(usual, self._step) else usual

    def _index_in_front(self) -> None:
        """Copy the fragments into a plain file with its index in front, and put that in their place."""
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            _remux(self._av, self.path, part, self._kind)
            part.replace(self.path)
        except BaseException as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            if not isinstance(error, (OSError, UnicodeError, ValueError)):
                raise
            # The fragments play as they are; this file only opens faster.
            self.notes.append(f"{self.path}: kept in fragments (it plays, but jumping in it is slower)")


def _remux(av: ModuleType, source: Path, target: Path, kind: str) -> None:
    # FFmpeg takes what stands before a colon for a protocol, unless one is named.
    options = {"movflags": "faststart"}
    with av.open(f"file:{source}") as read, av.open(f"file:{target}", "w", format=kind, options=options) as out:
        streams = {s.index: out.add_stream_from_template(s) for s in read.streams if s.type in ("video", "audio")}
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux_one(packet)


class _Output:
    """A file that ends after a whole fragment even if the disk fills up in the middle of one.

    Args:
        stream: Where the bytes go.
        whole: Cut off what does not end in a whole fragment; Matroska needs no such help.

    Attributes:
        failed: The first error; nothing is written after it.
    """

    def __init__(self, stream: BinaryIO, *, whole: bool) -> None:
        self._stream = stream
        self._whole = whole
        self._good = 0
        self.failed: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all bytes, or none any more after an error; the caller asks for ``failed``."""
        if self.failed is None:
            try:
                write_all(self._stream, data)
            except OSError as error:
                self.failed = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()

    def mark(self) -> None:
        """Say that what is written so far is whole."""
        self._good = self._stream.tell()

    def close(self) -> None:
        """Close the file, without the fragment that did not fit."""
        if self._stream.closed:
            return
        if self.failed is not None and self._whole:
            self._stream.truncate(self._good)
        self._stream.close()


def _has_encoder(av: ModuleType, name: str) -> bool:
    try:
        av.Codec(name, "w")
    except (ValueError, OSError):
        return False
    return True


def _even(size: float) -> int:
    return max(2, math.ceil(round(size) / 2) * 2)
