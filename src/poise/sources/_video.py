"""Video files and streams, read with PyAV."""

from __future__ import annotations

import io
import itertools
import math
import os
import struct
import time as clock
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import IO, Any

from poise import files
from poise.errors import PoiseError, SourceError, require
from poise.frames import Frame, Image, Media
from poise.sources._how import How, Report
from poise.sources._names import below, describe, for_ffmpeg, printable
from poise.sources._pictures import check_size

# A damaged file is given up after so many errors of the container in a row.
_MOST_ERRORS = 100
# What a file on this machine may make FFmpeg open: a playlist in it must not reach for the network.
_FILE_ONLY = {"protocol_whitelist": "file,crypto,data"}
# What these make of text files is not what anyone means by a video; "concat" would open other files.
_NOT_VIDEO = frozenset(("tty", "ffmetadata", "concat", "vapoursynth", "avisynth"))


def library() -> Any:
    """Return PyAV.

    Raises:
        MissingExtra: It is not installed.
    """
    return require("av", extra="video", feature="reading video")


def open_container(av: Any, where: Any, **options: Any) -> Any:
    """Open what FFmpeg reads; text in it that is not UTF-8 is no reason to refuse it."""
    if int(av.__version__.partition(".")[0]) < 19:  # later versions always replace what they cannot decode
        options["metadata_errors"] = "replace"
    return av.open(where, **options)


def open_file(path: str, name: str, follow: bool = False) -> Any:
    """Open a video file.

    Args:
        path: The file.
        name: How errors call it.
        follow: A playlist may name files that are not below its own folder.

    Raises:
        SourceError: It is not a video; says what it looks like. Or it is a playlist that leads elsewhere.
    """
    av = library()
    more: dict[str, Any] = {}
    beside = None if follow else _beside(path)
    if beside is not None:
        more["io_open"] = beside.open
    try:
        path.encode("utf-8")
        where: Any = for_ffmpeg(path)
    except UnicodeEncodeError:
        where = files.open_plain(path)  # FFmpeg takes names in UTF-8 only; the container closes it
    try:
        container = open_container(av, where, options=_FILE_ONLY, buffer_size=2**18, **more)
    except Exception as error:
        if beside is not None and beside.refused:
            raise _elsewhere(name, beside.refused) from error
        with files.open_plain(path) as file:
            raise _not_video(name, file, error) from error
    if beside is not None and beside.refused:
        container.close()
        raise _elsewhere(name, beside.refused)
    return container


class _Beside:
    """Opens for FFmpeg what a playlist names, and only what lies below the playlist's own folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.refused = ""

    def open(self, address: str, flags: int, options: Any) -> IO[bytes]:
        path = address.removeprefix("file:")
        if not below(path, self._folder):
            self.refused = path
            raise OSError(f"{path} is not below {self._folder}")
        return files.open_plain(path)


def _beside(path: str) -> _Beside | None:
    """Return what opens the files that a playlist names; None where the file is none."""
    with files.open_plain(path) as file:
        head = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    listing = head.startswith((b"#ext", b"<", b"ffconcat", b"[playlist]", b"v=0", b"["))
    return _Beside(os.path.dirname(path) or ".") if listing else None


def _elsewhere(name: str, path: str) -> SourceError:
    where = f"a playlist that names {printable(path)}, which is not below its own folder"
    return SourceError(f"{name}: {where}; to allow it: follow=True, --follow on the command line")


def open_bytes(file: Any, name: str) -> Any:
    """Open a video in memory or from a pipe.

    Raises:
        SourceError: It is not a video.
    """
    av = library()
    try:
        return open_container(av, file, options={"protocol_whitelist": ""}, buffer_size=2**18)
    except Exception as error:
        if isinstance(file, io.BytesIO):
            raise _not_video(name, file, error) from error
        raise SourceError(
            f"{name}: not a video that can be read from a pipe ({reason(error)}); an MP4 with its index at the end "
            f"must be given as a file"
        ) from error


def reason(error: BaseException) -> str:
    """Return FFmpeg's words without the address, which may hold a password."""
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _not_video(name: str, file: IO[bytes], error: BaseException) -> SourceError:
    file.seek(0)
    head = file.read(64)
    if not head:
        return SourceError(f"{name}: the file is empty (0 bytes)")
    if head[4:8] == b"ftyp" and b"moov" not in _boxes(file):
        return SourceError(
            f"{name}: truncated video: its index (moov) is missing, as after an interrupted recording or copy"
        )
    return SourceError(f"{name}: not a video ({reason(error)}): {describe(head)}")


def _boxes(file: IO[bytes]) -> set[bytes]:
    """Return the names of an MP4 file's outermost boxes."""
    names: set[bytes] = set()
    place = 0
    while len(names) < 64:
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            break
        size = int.from_bytes(head[:4], "big")
        if size == 1 and len(head) == 16:
            size = int.from_bytes(head[8:], "big")
        names.add(head[4:8])
        if size < 8:
            break
        place += size
    return names


def video_stream(container: Any, name: str) -> Any:
    """Return the container's main video stream.

    Raises:
        SourceError: There is none, or its codec is unknown.
    """
    attached = library().stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & attached]
    if container.format.name in _NOT_VIDEO:
        raise SourceError(f"{name}: not a video, but what FFmpeg calls {container.format.long_name!r}")
    if not streams:
        kinds = [(s, "cover picture" if s.disposition & attached else s.type) for s in container.streams]
        found = [f"{kind} {s.codec_context.name}" if s.codec_context else kind for s, kind in kinds]
        raise SourceError(f"{name}: no video stream (found: {', '.join(found) or 'nothing'})")
    stream = next((s for s in streams if s.codec_context is not None), None)
    if stream is None:
        raise SourceError(f"{name}: its video codec is not one that the installed FFmpeg decodes")
    return stream


def count_frames(path: str, name: str) -> int | None:
    """Return the number of frames that a file states, None where it states none or cannot be opened."""
    try:
        container = open_file(path, name)
    except PoiseError:
        return None
    try:
        return video_stream(container, name).frames or None
    except SourceError:
        return None
    finally:
        container.close()


def read_video(
    open_container: Callable[[], Any], name: str, path: str, how: How, *, live: bool = False, remote: bool = False
) -> Iterator[Frame | Report]:
    """Give the upright frames of a video or stream.

    A frame's time is its presentation time from the start of the video stream. What is damaged is left out; one
    report at the end says how much.

    Args:
        open_container: Opens it; called at the first frame, and what it gives is closed at the end.
        name: How results and errors call it.
        path: The file, if there is one.
        how: Stride and limits.
        live: It is a camera or the like: it has no end, and low delay matters.
        remote: It comes over the network, and is live when it does not say how long it is.
    """
    container = open_container()
    try:
        stream = video_stream(container, name)
        live = live or container.format.name == "mpjpeg" or (remote and not container.duration)
        context = stream.codec_context
        check_size(name, context.width, context.height, how.max_frame)
        context.options = {"max_pixels": str(how.max_frame)}
        # Frame threads hold several frames back; slices of one frame do not.
        context.thread_type = "SLICE" if live else "AUTO"
        yield from _frames(container, stream, _media(container, stream, name, path, live), how)
    finally:
        container.close()


def _media(container: Any, stream: Any, name: str, path: str, live: bool) -> Media:
    duration = None
    if stream.duration is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / 1e6
    fps = float(stream.average_rate or stream.guessed_rate or 0.0)
    audio = bool(container.streams.audio)
    if live:
        return Media(name, "stream", fps, None, None, path, audio)
    return Media(name, "video", fps, stream.frames or None, duration, path, audio)


def _frames(container: Any, stream: Any, media: Media, how: How) -> Iterator[Frame | Report]:
    tally = _Tally(media)
    convert = _Upright(how, media.name)
    times = _Times(stream, media, by_arrival=container.format.name == "mpjpeg")
    index = -1
    for index, picture in enumerate(_decoded(container, stream, tally)):
        time = times.of(picture, index)
        if index % how.vid_stride:
            continue
        try:
            image = convert(picture)
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001 - a damaged frame that claims to be of some other kind
            tally.note(reason(error))
            continue
        yield Frame(image, media, index, time)
    if tally.broke_off:
        why = SourceError(f"{media.name}: the stream broke off after {index + 1} frames: {tally.broke_off}")
        yield Report(why, partly=index >= 0)
    elif index < 0:
        raise SourceError(f"{media.name}: no frame could be decoded{tally.detail()}")
    elif tally.damaged(container.format.name):
        why = SourceError(f"{media.name}: damaged video: {index + 1} frames were read{tally.detail()}")
        yield Report(why, partly=True)


class _Tally:
    """What of a video could not be read."""

    def __init__(self, media: Media) -> None:
        self.stated = media.frames
        self.live = media.kind == "stream"
        self.packets = 0
        self.bad = 0
        self.why = ""
        self.broke_off = ""

    def note(self, why: str) -> None:
        self.bad += 1
        self.why = self.why or why

    def missing(self) -> int:
        return max(0, (self.stated or 0) - self.packets)

    def damaged(self, container: str) -> bool:
        # Only MP4 and its relatives state exactly how many packets there are.
        return self.bad > 0 or (self.missing() > 0 and "mp4" in container)

    def detail(self) -> str:
        parts = []
        if self.bad:
            parts.append(f"{self.bad} of {max(self.packets, self.bad)} packets could not be decoded ({self.why})")
        if self.missing():
            parts.append(f"{self.missing()} of {self.stated} stated frames are not in the file")
        return "; " + ", ".join(parts) if parts else ""


def _decoded(container: Any, stream: Any, tally: _Tally) -> Iterator[Any]:
    """Give decoded frames; pass over what cannot be decoded, and count it."""
    whole = "mp4" in container.format.name
    for packet in _packets(container, stream, tally):
        if packet.is_corrupt and whole:
            # The end of a file that was cut: told as missing. Its error would take frames of other threads along.
            continue
        tally.packets += bool(packet.size)
        try:
            yield from packet.decode()
        except Exception as error:  # noqa: BLE001 - the codecs of strangers' files; counted, and told at the end
            tally.note(reason(error))


def _packets(container: Any, stream: Any, tally: _Tally) -> Iterator[Any]:
    """Give the packets of a stream; go on after errors of the container."""
    errors = 0
    while errors < _MOST_ERRORS:
        try:
            for packet in container.demux(stream):
                errors = 0
                yield packet
            return
        except BlockingIOError:
            clock.sleep(0.002)  # a camera without a new frame yet (AVFoundation)
        except Exception as error:  # noqa: BLE001 - told at the end
            if tally.live:
                tally.broke_off = reason(error)
                return
            tally.note(reason(error))
            errors += 1


class _Times:
    """Seconds from the start of the stream for every frame; never running backwards."""

    def __init__(self, stream: Any, media: Media, *, by_arrival: bool) -> None:
        self.base = float(stream.time_base or 0.0)
        self.start: int | None = stream.start_time
        self.step = 1.0 / media.fps if media.fps else 0.04
        self.by_arrival = by_arrival
        self.began = 0.0
        self.last = -math.inf

    def of(self, picture: Any, index: int) -> float:
        if self.by_arrival:
            now = clock.monotonic()
            self.began = self.began or now
            time = now - self.began
        elif picture.pts is None or not self.base:
            time = 0.0 if index == 0 else self.last + self.step
        else:
            if index == 0 and (self.start is None or self.start > picture.pts):
                self.start = picture.pts
            time = (picture.pts - (self.start or 0)) * self.base
        if time <= self.last:
            time = self.last + min(self.step, 0.001)
        self.last = time
        return time


# Display matrix (signs of its a, b, c, d) -> filters that turn the frame upright.
# Source: ISO/IEC 14496-12, 6.2.2: x' = a x + c y, y' = b x + d y.
_FILTERS: dict[tuple[int, int, int, int], tuple[tuple[str, str], ...]] = {
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", "")),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}


class _Upright:
    """Turns decoded frames into upright BGR arrays."""

    def __init__(self, how: How, name: str) -> None:
        self.av = library()
        self.how = how
        self.name = name
        self.reformatter = self.av.video.reformatter.VideoReformatter()
        self.shape: tuple[int, int, str] | None = None
        self.graph: Any = None

    def __call__(self, picture: Any) -> Image:
        shape = (picture.width, picture.height, picture.format.name)
        if shape != self.shape:
            check_size(self.name, picture.width, picture.height, self.how.max_frame)
            self.graph = self._graph(picture)
            self.shape = shape
        if self.graph is not None:
            # Turning the planes before they become BGR moves half the bytes, with the filter's vector code.
            self.graph.push(picture)
            picture = self.graph.pull()
        image: Image = self.reformatter.reformat(picture, format="bgr24").to_ndarray()
        return image

    def _graph(self, picture: Any) -> Any:
        # PyAV ties a frame whose side data was asked for to itself, which keeps it until the garbage collector comes
        # by; so the question goes to a thumbnail.
        thumbnail = self._chain(picture, (("scale", "16:16"),))
        thumbnail.push(picture)
        steps = _FILTERS.get(_turn(thumbnail.pull()))
        return None if steps is None else self._chain(picture, steps)

    def _chain(self, picture: Any, steps: tuple[tuple[str, str], ...]) -> Any:
        """Return a filter graph for frames like ``picture``."""
        graph = self.av.filter.Graph()
        base = picture.time_base or Fraction(1, 1_000_000)
        chain = [graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=base)]
        chain += [graph.add(name, argument or None) for name, argument in steps]
        chain.append(graph.add("buffersink"))
        for left, right in itertools.pairwise(chain):
            left.link_to(right)
        graph.configure()
        return graph


def _turn(picture: Any) -> tuple[int, int, int, int]:
    """Return the signs of a frame's display matrix; a matrix that turns by less than a quarter is none."""
    for entry in picture.side_data:
        # PyAV 19 gives the kinds, earlier versions the data.
        if getattr(entry, "type", entry).name == "DISPLAYMATRIX":
            data = entry if hasattr(entry, "type") else picture.side_data[entry]
            a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
            most = max(abs(a), abs(b), abs(c), abs(d), 1)
            signs = tuple(round(value / most) for value in (a, b, c, d))
            return (signs[0], signs[1], signs[2], signs[3])
    return (1, 0, 0, 1)
