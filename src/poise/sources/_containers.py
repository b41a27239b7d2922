"""Videos opened with PyAV: files, bytes, pipes; what is in them, and why one cannot be opened."""

from __future__ import annotations

import io
import os
from typing import IO, Any

from poise import files
from poise.errors import PoiseError, SourceError, require
from poise.frames import Media
from poise.sources._names import below, describe, for_ffmpeg, printable
from poise.sources._options import ReadOptions
from poise.sources._pictures import check_size

# What a file on this machine may make FFmpeg open: a playlist in it must not reach for the network.
_FILE_ONLY = {"protocol_whitelist": "file,crypto,data"}
# What these make of text files is not what anyone means by a video; "concat" would open other files.
_NOT_VIDEO = frozenset(("tty", "ffmetadata", "concat", "vapoursynth", "avisynth"))
# What to do with an MP4 that cannot be read from its start to its end.
TO_FILE = (
    "its index stands at its end; save it as a file and give that, or have it written with the index in front "
    "(ffmpeg -i in.mp4 -c copy -movflags +faststart out.mp4)"
)


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
    beside = None if follow else _beside_of(path)
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
        """Open one of its entries.

        Raises:
            OSError: It lies elsewhere; FFmpeg is told no more.
        """
        path = address.removeprefix("file:")
        if not below(path, self._folder):
            self.refused = path
            raise OSError(f"{path} is not below {self._folder}")
        return files.open_plain(path)


def _beside_of(path: str) -> _Beside | None:
    """Return what opens the files that a playlist names; None where the file is none."""
    with files.open_plain(path) as file:
        head = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    listing = head.startswith((b"#ext", b"<", b"ffconcat", b"[playlist]", b"v=0", b"["))
    return _Beside(os.path.dirname(path) or ".") if listing else None


def _elsewhere(name: str, path: str) -> SourceError:
    """Return what to say of a playlist that leads elsewhere."""
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
