"""A long video in pieces, each from one key frame up to another, with the numbers and times of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from poise.errors import PoiseError, SourceError
from poise.frames import Frame
from poise.sources._containers import describe_media, library, limit_codec, open_file, video_stream
from poise.sources._names import VIDEOS, printable, suffix
from poise.sources._options import ReadOptions
from poise.sources._upright import Upright

# Containers with one clock and an index by which a key frame is found.
_SEEKABLE = ("mp4", "matroska", "webm")


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames of a video that one reader can read.

    Attributes:
        begin: Presentation time of its first frame, ticks of the video; None: from the start.
        until: Presentation time of the first frame after it; None: to the end.
        first: Index of its first frame in the whole video.
    """

    begin: int | None
    until: int | None
    first: int


def video_pieces(path: str, *, seconds: float) -> list[Piece]:
    """Say where a video can be divided: at the first key frame after every so many seconds.

    All packets are read and none is decoded.

    Args:
        path: The file.
        seconds: The least length of a piece; a video shorter than twice that is one piece.

    Returns:
        The pieces, in order; empty where it is not to be divided: it is short, no video, or its container has no index.
    """
    if suffix(path) not in VIDEOS:
        return []
    try:
        container = open_file(path, printable(path))
    except (PoiseError, OSError):
        return []  # said when it is read
    try:
        if not any(name in container.format.name for name in _SEEKABLE):
            return []
        stream = video_stream(container, path)
        base = float(stream.time_base or 0.0)
        if not base or stream.start_time is None or (container.duration or 0) / 1e6 < 2 * seconds:
            return []
        times, keys = [], []
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            if packet.pts is None or packet.pts < stream.start_time:
                return []
            times.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
    except Exception:  # noqa: BLE001 - a damaged file, read whole: what is wrong with it is said then
        return []
    finally:
        container.close()
    return _pieces(sorted(times), sorted(keys), round(seconds / base))


def _pieces(times: list[int], keys: list[int], length: int) -> list[Piece]:
    """Divide presentation times at key frames that are ``length`` ticks apart or more."""
    if len(set(times)) < len(times) or not keys:
        return []
    cuts: list[int] = []
    for key in keys:
        if key - (cuts[-1] if cuts else times[0]) >= length and times[-1] - key >= length:
            cuts.append(key)
    if not cuts:
        return []
    place = {time: i for i, time in enumerate(times)}
    begins: list[int | None] = [None, *cuts]
    return [
        Piece(begin, until, 0 if begin is None else place[begin])
        for begin, until in zip(begins, [*cuts, None], strict=True)
    ]


def read_piece(
    path: str,
    piece: Piece,
    *,
    vid_stride: int = 1,
    on_error: Callable[[SourceError], None] | None = None,
) -> Iterator[Frame]:
    """Give the frames of one piece of a video, with their numbers and times in the whole.

    Args:
        path: The file.
        piece: One of :func:`video_pieces`.
        vid_stride: Give every n-th frame of the whole.
        on_error: Is told of what could not be decoded; without it that is an error.

    Raises:
        SourceError: It cannot be read, or has no such frames any more.
    """
    name, options = printable(path), ReadOptions(vid_stride)
    container = open_file(path, name)
    try:
        stream = video_stream(container, name)
        limit_codec(stream, name, options)
        stream.codec_context.thread_type = "AUTO"
        media = describe_media(container, stream, name, path)
        convert = Upright(library(), options, name, stream.sample_aspect_ratio)
        start, base = stream.start_time or 0, float(stream.time_base)
        if piece.begin is not None:
            container.seek(piece.begin, stream=stream)
        count, bad = 0, 0
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except Exception:  # noqa: BLE001 - the codecs of strangers' files; counted, and told at the end
                bad += 1
                continue
            for picture in pictures:
                if picture.pts is None or (piece.begin is not None and picture.pts < piece.begin):
                    continue  # shown before, and decoded after the key frame
                if piece.until is not None and picture.pts >= piece.until:
                    break
                index, count = piece.first + count, count + 1
                if index % vid_stride == 0:
                    yield Frame(convert(picture), media, index, (picture.pts - start) * base)
            else:
                continue
            break
    finally:
        container.close()
    if not count:
        raise SourceError(f"{name}: no frames between {piece.begin} and {piece.until} any more; has the file changed?")
    if bad:
        error = SourceError(f"{name}: damaged video: {bad} packets of a piece could not be decoded")
        if on_error is None:
            raise error
        on_error(error)
