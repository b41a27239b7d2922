"""Video files and streams, read with PyAV."""

from __future__ import annotations

import io
import time as clock
from collections.abc import Callable, Iterator
from typing import IO, Any

from poise import files
from poise.errors import PoiseError, SourceError, require
from poise.frames import Frame, Media
from poise.sources._clock import Clock
from poise.sources._names import describe, for_ffmpeg
from poise.sources._options import Message, Note, ReadOptions, Report, StreamLost, Waiting
from poise.sources._pictures import check_size
from poise.sources._playlist import beside_of, elsewhere
from poise.sources._upright import Upright

# A damaged file is given up after so many errors of the container in a row.
_MOST_ERRORS = 100
# What a file on this machine may make FFmpeg open: a playlist in it must not reach for the network.
_FILE_ONLY = {"protocol_whitelist": "file,crypto,data"}
# What these make of text files is not what anyone means by a video; "concat" would open other files.
_NOT_VIDEO = frozenset(("tty", "ffmetadata", "concat", "vapoursynth", "avisynth"))
# Containers whose clock may begin anew in the middle.
_LEAPING = frozenset(("mpegts", "mpeg", "hls"))
# A stream or address that sends, but no picture that can be decoded, is given up after so many seconds.
NO_PICTURE = 15.0
# What to do with an MP4 that cannot be read from its start to its end.
TO_FILE = (
    "its index stands at its end; save it as a file and give that, or have it written with the index in front "
    "(ffmpeg -i in.mp4 -c copy -movflags +faststart out.mp4)"
)
# Who streamed for so many seconds and breaks off has all attempts to come back again.
_STEADY = 60.0
_LONGEST_PAUSE = 30.0


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
    beside = None if follow else beside_of(path)
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
            raise elsewhere(name, beside.refused) from error
        with files.open_plain(path) as file:
            raise _not_video(name, file, error) from error
    if beside is not None and beside.refused:
        container.close()
        raise elsewhere(name, beside.refused)
    return container


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
        raise SourceError(f"{name}: not a video that can be read from a pipe ({reason(error)})") from error


def reason(error: BaseException) -> str:
    """Return FFmpeg's words without the address, which may hold a password."""
    if type(error).__name__ == "ExitError":  # FFmpeg was told to stop waiting
        return "nothing that can be read for ten seconds"
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


def index_at_end(head: bytes) -> bool:
    """Return whether a file that begins so is an MP4 or its relative with its pictures before its index.

    Source: ISO/IEC 14496-12, 4.2: a box begins with its size and its name.
    """
    if head[4:8] not in (b"ftyp", b"wide", b"mdat", b"free", b"skip"):
        return False
    place = 0
    while place + 8 <= len(head):
        name = head[place + 4 : place + 8]
        if name in (b"mdat", b"moov"):
            return name == b"mdat"
        size = int.from_bytes(head[place : place + 4], "big")
        if size < 8:
            return False
        place += size
    return False


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


def limit_codec(stream: Any, name: str, options: ReadOptions) -> None:
    """Let a stream's codec decode no larger frames than are allowed.

    Raises:
        SourceError: It states larger ones.
    """
    context = stream.codec_context
    check_size(name, context.width, context.height, options.max_frame)
    context.options = {"max_pixels": str(options.max_frame)}


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
    open_container: Callable[[], Any],
    name: str,
    path: str,
    options: ReadOptions,
    *,
    live: bool = False,
    remote: bool = False,
) -> Iterator[Frame | Message]:
    """Give the upright frames of a video or stream.

    A frame's time is its presentation time from the start of the video stream. What is damaged is left out; one
    report at the end says how much. A live source that breaks off or ends is opened again, with growing pauses; its
    frames go on with their numbers, and their times leave room for the gap.

    Args:
        open_container: Opens it; called at the first frame, and what it gives is closed at the end.
        name: How results and errors call it.
        path: The file, if there is one.
        options: Stride and limits.
        live: It is a camera or the like: it has no end, and low delay matters.
        remote: It comes over the network, and is live when it does not say how long it is.
    """
    reading = _Reading(open_container, name, path, options, live=live, remote=remote)
    yield from reading.once(open_container())
    if not reading.live:
        yield from reading.told()
        return
    attempts = 0
    while True:
        if not reading.frames:
            raise SourceError(f"{name}: no picture came: {reading.why}")
        if clock.monotonic() - reading.opened > _STEADY:
            attempts = 0
        if attempts >= options.reconnect:
            break
        pause = min(2.0**attempts, _LONGEST_PAUSE)
        attempts += 1
        yield Note(f"{name}: broke off after {reading.frames} frames ({reading.why}); trying again in {pause:.0f} s")
        yield from _pause(pause)
        try:
            container = open_container()
        except SourceError as error:
            reading.why = str(error).removeprefix(f"{name}: ")
            reading.opened = clock.monotonic()
            continue
        yield from reading.once(container)
        if not reading.live:  # it states its length: it has become a recording, whose frames were given before
            return
    tried = f", for good after {attempts} attempts to go on" if attempts else ""
    yield Report(
        StreamLost(f"{name}: the stream broke off after {reading.frames} frames{tried}: {reading.why}"), partly=True
    )


def _pause(seconds: float) -> Iterator[Waiting]:
    """Wait, in steps in which the consumer may end the waiting."""
    until = clock.monotonic() + seconds
    while (left := until - clock.monotonic()) > 0:
        yield Waiting()
        clock.sleep(min(left, 0.25))


class _Reading:
    """One video or stream, which may be opened several times.

    Attributes:
        frames: Given or passed over by the stride so far.
        live: Known when it was opened.
        why: How the last connection ended.
        opened: When the last connection began, monotonic seconds.
    """

    def __init__(
        self, open_container: Callable[[], Any], name: str, path: str, options: ReadOptions, *, live: bool, remote: bool
    ) -> None:
        self.name, self.path, self.options = name, path, options
        self.given_live, self.remote = live, remote
        self.live = live
        self.frames = 0
        self.why = ""
        self.opened = clock.monotonic()
        self._began = 0.0  # when the first frame came, monotonic seconds
        self._media: Media | None = None
        self._tally: _Tally | None = None
        self._container = ""

    def once(self, container: Any) -> Iterator[Frame | Message]:
        """Give the frames of one connection, and close it."""
        try:
            again = self._media is not None
            self.opened = clock.monotonic()
            stream = video_stream(container, self.name)
            self._container = container.format.name
            stated = container.duration
            live = self.given_live or self._container == "mpjpeg" or (self.remote and not stated)
            if again and stated:
                self.live = False
                return
            self.live = live
            limit_codec(stream, self.name, self.options)
            # Frame threads hold several frames back; slices of one frame do not.
            stream.codec_context.thread_type = "SLICE" if self.live else "AUTO"
            if self._media is None:
                self._media = describe_media(container, stream, self.name, self.path, self.live)
            yield from self._frames(container, stream, self._media, bool(stated))
        finally:
            container.close()

    def _frames(self, container: Any, stream: Any, media: Media, stated: bool) -> Iterator[Frame | Message]:
        tally = self._tally = _Tally(media, impatient=self.live or self.remote)
        convert = Upright(library(), self.options, media.name, stream.sample_aspect_ratio)
        times = Clock(
            float(stream.time_base or 0.0),
            stream.start_time,
            1.0 / media.fps if media.fps else 0.04,
            by_arrival=self._container == "mpjpeg",
            live=self.live,
            leaps=self._container in _LEAPING,
        )
        later: float | None = None  # what the gap before this connection adds
        jump = 0.0
        for picture in _decoded(container, stream, tally):
            index, self.frames = self.frames, self.frames + 1
            time = times.of(picture)
            if later is None:
                now = clock.monotonic()
                self._began = self._began or now
                later = now - self._began - time if index else 0.0
            if times.jump and not jump and not self.live:
                jump = times.jump
                yield Note(
                    f"{media.name}: its clock jumps by {jump:+.2f} s at frame {index}, as in recordings that were "
                    "joined; times go on from the frame before"
                )
            if index % self.options.vid_stride:
                continue
            told = len(convert.notes)
            try:
                image = convert(picture)
            except SourceError:
                raise
            except Exception as error:  # noqa: BLE001 - a damaged frame that claims to be of some other kind
                tally.note(reason(error))
                continue
            yield from map(Note, convert.notes[told:])
            yield Frame(image, media, index, time + later)
        self.why = tally.broke_off or "the other side ended it"
        if stated and not tally.broke_off:
            self.live = False  # a recording that a streaming server plays, whole

    def told(self) -> Iterator[Report]:
        """Say how a video with an end ended.

        Raises:
            SourceError: There was no frame in it.
        """
        tally, name = self._tally, self.name
        assert tally is not None
        if tally.broke_off:
            why = SourceError(f"{name}: broke off after {self.frames} frames: {tally.broke_off}")
            yield Report(why, partly=self.frames > 0)
        elif not self.frames:
            raise SourceError(f"{name}: no frame could be decoded{tally.detail()}")
        elif tally.damaged(self._container):
            yield Report(SourceError(f"{name}: damaged video: {self.frames} frames were read{tally.detail()}"), True)


def describe_media(container: Any, stream: Any, name: str, path: str, live: bool = False) -> Media:
    """Return what is known of an open video or stream."""
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


class _Tally:
    """What of a video could not be read."""

    def __init__(self, media: Media, *, impatient: bool) -> None:
        self.stated = media.frames
        self.impatient = impatient
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
    last = clock.monotonic()
    for packet in _packets(container, stream, tally):
        if tally.impatient and clock.monotonic() - last > NO_PICTURE:
            tally.broke_off = f"no picture that can be decoded for {NO_PICTURE:.0f} seconds"
            return
        if packet.is_corrupt and whole:
            # The end of a file that was cut: told as missing. Its error would take frames of other threads along.
            continue
        tally.packets += bool(packet.size)
        try:
            for picture in packet.decode():
                yield picture
                last = clock.monotonic()
        except Exception as error:  # noqa: BLE001 - the codecs of strangers' files; counted, and told at the end
            tally.note(reason(error))


def decode_all(container: Any, stream: Any, media: Media) -> Iterator[Any]:
    """Give decoded frames from where the container stands; what cannot be decoded is passed over."""
    yield from _decoded(container, stream, _Tally(media, impatient=False))


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
            if tally.impatient:
                tally.broke_off = reason(error)
                return
            tally.note(reason(error))
            errors += 1
