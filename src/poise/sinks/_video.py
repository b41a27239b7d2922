"""Video out: H.264 that browsers play, with the times and the sound of its source."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from poise.errors import PoiseError, require
from poise.frames import Image, Media
from poise.image import letterbox, resize
from poise.results import Results
from poise.sinks._sink import (
    Background,
    Names,
    PathLike,
    Render,
    SinkBase,
    Stems,
    contiguous,
    create,
    default_render,
    refuse_existing,
    write_all,
    writing,
)

# The customary clock of video: whole for 24, 25, 30, 50, 60 and 1001-based rates.
CLOCK = 90_000
# Level 5.2 of H.264, the most that players decode everywhere.
LARGEST = (4096, 2304)
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# A fragment is closed when it holds a microsecond or more: every frame is a fragment of its own, so the file holds all
# of them whenever the process ends. (frag_every_frame would say so too, but gives sound packets wrong times.) The head
# is written with the first fragment (delay_moov), when the offset between sound and picture is known.
_JOURNAL = {"movflags": "delay_moov+default_base_moof", "frag_duration": "1", "flush_packets": "1"}
# Best first: x264 by speed and size, then what a build without it may have.
_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "h264_nvenc", "h264_qsv", "h264_amf")
# Sound that the container can hold as it is.
_SOUND = {
    "mp4": {"aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "flac"},
    "mov": {"aac", "mp3", "mp2", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"},
    "matroska": None,
}


class _Videos(SinkBase):
    """Draws results and encodes them in a thread, one file a source."""

    def __init__(
        self,
        suffix: str,
        render: Render | None,
        *,
        overwrite: bool,
        fps: float = 25.0,
        audio: bool = True,
        crf: int = 23,
        preset: str = "veryfast",
    ) -> None:
        super().__init__()
        if suffix.lower() not in CONTAINERS:
            raise ValueError(f"videos end in {', '.join(CONTAINERS)}, got {suffix!r}")
        require("av", extra="video", feature=f"writing {suffix.lower()}")
        self._render = render or default_render
        self._overwrite = overwrite
        self._options: dict[str, Any] = {"fps": fps, "audio": audio, "crf": crf, "preset": preset}
        self._names = Names(overwrite=overwrite)
        self._open: list[tuple[Media, VideoFile]] = []
        self._worker: Background[Results] = Background(self._encode)

    def write(self, result: Results) -> None:
        """Take one frame; drawing and encoding happen in the background.

        Raises:
            PoiseError: An earlier frame could not be written.
        """
        self._worker.put(result)

    def close(self) -> None:
        """Encode what is waiting and finish the files."""
        try:
            self._worker.close()
        finally:
            while self._open:
                self._finish(0)

    def _target(self, media: Media) -> Path:
        raise NotImplementedError  # pragma: no cover

    def _encode(self, result: Results) -> None:
        self._file(result.media).write(self._render(result), result.time)

    def _file(self, media: Media) -> VideoFile:
        for i, (other, file) in enumerate(self._open):
            if other is media or (media.kind == other.kind == "image"):
                return file
            if other.kind == "video" and media.kind == "video":
                self._finish(i)  # the next video has begun; live streams run side by side and stay open
                break
        path = self._target(media)
        file = VideoFile(path, media, overwrite=self._overwrite, **self._options)
        self._open.append((media, file))
        self.paths.append(path)
        return file

    def _finish(self, i: int) -> None:
        file = self._open.pop(i)[1]
        file.close()
        self.notes += file.notes


class VideoSink(_Videos):
    """Draws every result and writes it as a frame of an H.264 video.

    Frames keep their own times, so a variable rate stays variable and a video read with ``vid_stride`` keeps its
    duration; sound is copied without encoding it again. A second video goes to ``name-2.mp4``; pictures follow each
    other at ``fps``. A live stream starts at time 0 with its first frame. An odd width or height gets one more column
    or row (a copy of the last); a frame of another size than the first is fitted into the first with black beside it;
    a picture larger than 4096 x 2304 (or 2304 x 4096) is made smaller, because players stop there.

    Drawing and encoding run in a thread of their own with at most four frames waiting. Whenever the process ends, even
    by SIGKILL, the file opens and holds all frames but those waiting (four) and in the encoder (three).
    On ``close`` it is rewritten once, without encoding, as a plain file with its index in front.

    Args:
        path: Ends in .mp4, .m4v, .mov or .mkv.
        render: Draws a result, ``(H, W, 3)`` uint8 BGR; ``result.plot()`` unless given.
        overwrite: Replace an existing file.
        fps: Frames per second of sources that state none, such as pictures.
        audio: Keep the sound of the source.
        crf: Constant quality of x264, 0 (best) to 51; 23 is x264's own default.
        preset: Speed of x264: ``veryfast`` takes about 8 ms a frame of 1280 x 720 on two cores.

    Raises:
        MissingExtra: PyAV is not installed.
        PoiseError: The file exists.
    """

    def __init__(
        self,
        path: PathLike,
        render: Render | None = None,
        *,
        overwrite: bool = False,
        fps: float = 25.0,
        audio: bool = True,
        crf: int = 23,
        preset: str = "veryfast",
    ) -> None:
        self.path = Path(path)
        super().__init__(self.path.suffix, render, overwrite=overwrite, fps=fps, audio=audio, crf=crf, preset=preset)
        refuse_existing(self.path, overwrite=overwrite)

    def _target(self, media: Media) -> Path:
        return self._names.take(self.path.parent, self.path.stem, self.path.suffix)


class VideoFolderSink(_Videos):
    """Draws results and writes each source's as ``NAME.mp4`` into a folder; everything else as :class:`VideoSink` does.

    Args:
        folder: Made when the first frame is written.
        render: Draws a result, ``(H, W, 3)`` uint8 BGR; ``result.plot()`` unless given.
        overwrite: Replace videos from before this run instead of choosing another name.
        stems: Names of the sources, shared with other sinks of the same run.
    """

    def __init__(
        self, folder: PathLike, render: Render | None = None, *, overwrite: bool = False, stems: Stems | None = None
    ) -> None:
        super().__init__(".mp4", render, overwrite=overwrite)
        self.folder = Path(folder)
        self._stems = stems or Stems()

    def _target(self, media: Media) -> Path:
        return self._names.take(self.folder, self._stems.source(media), ".mp4")


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
        self._container: Any = None
        self._stream: Any = None
        self._sound: _Sound | None = None
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
            if self._container is None:
                self._begin(image)
            frame = self._av.VideoFrame.from_ndarray(self._fit(image), format="bgr24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
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
                if self._sound is not None and self._sound.picture_end - self._pts / CLOCK < 1.0:
                    # All frames came, so what sounds on after the last belongs to them.
                    self._sound.copy_until(math.inf)
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
        options = _JOURNAL if self._kind != "matroska" else {"cluster_time_limit": "200", "flush_packets": "1"}
        self._container = self._av.open(self._file, "w", format=self._kind, options=options)
        self._stream = self._add_video()
        if self._audio and self._media.audio and self._media.path:
            self._sound = _Sound.open(self._av, self._media, self._container, self._kind, self.notes)

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
            self._start = time if self._media.kind == "stream" else 0.0
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
        if self._sound is not None:
            self._sound.copy_until(end)
        if self._file.failed is not None:
            raise self._file.failed
        self._file.mark()

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
        except (OSError, UnicodeError, ValueError):
            # The fragments play as they are; this file only opens faster.
            part.unlink(missing_ok=True)
            self.notes.append(f"{self.path}: kept in fragments (it plays, but jumping in it is slower)")


def _remux(av: ModuleType, source: Path, target: Path, kind: str) -> None:
    with av.open(str(source)) as read, av.open(str(target), "w", format=kind, options={"movflags": "faststart"}) as out:
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


class _Sound:
    """Copies the packets of a sound track in step with the picture.

    Attributes:
        picture_end: Seconds from the first frame of the source to the end of its last, as the container states it.
    """

    def __init__(self, source: Any, stream: Any, start: float, picture_end: float) -> None:
        self.picture_end = picture_end
        self._source = source
        self._stream = stream
        self._start = start
        self._packets: Iterator[Any] = source.demux(source.streams.audio[0])
        self._ahead: deque[Any] = deque()

    @classmethod
    def open(cls, av: ModuleType, media: Media, container: Any, kind: str, notes: list[str]) -> _Sound | None:
        """Open the sound of ``media`` and add its track, or say in ``notes`` why not."""
        try:
            source = av.open(media.path)
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
        return cls(source, stream, start, length)

    def copy_until(self, end: float) -> None:
        """Copy the packets that begin before ``end`` seconds."""
        while True:
            if not self._ahead:
                packet = next(self._packets, None)
                if packet is None or packet.dts is None:
                    return
                self._ahead.append(packet)
            packet = self._ahead[0]
            if float(packet.pts * packet.time_base) - self._start >= end:
                return
            self._ahead.popleft()
            shift = round(self._start / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = self._stream
            self._stream.container.mux_one(packet)

    def close(self) -> None:
        """Close the source."""
        self._source.close()


def _has_encoder(av: ModuleType, name: str) -> bool:
    try:
        av.Codec(name, "w")
    except (ValueError, OSError):
        return False
    return True


def _even(size: float) -> int:
    return max(2, math.ceil(round(size) / 2) * 2)
