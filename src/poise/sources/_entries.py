"""One entry of a source: a file, an address, an array …, and how each is read."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, ClassVar, Literal, Protocol
from urllib.parse import urlsplit

import numpy as np
import PIL.Image

from poise import files
from poise.errors import SourceError
from poise.frames import Frame, Media, as_image
from poise.sources import _camera, _web
from poise.sources._animation import frame_count, is_animated, may_be_animated, read_animation
from poise.sources._containers import TO_FILE, count_frames, index_at_end, open_bytes, open_file
from poise.sources._jpeg import Pictures, several_pages
from poise.sources._names import (
    ANIMATED,
    PICTURES,
    PLAYLISTS,
    VIDEOS,
    cannot_open,
    describe,
    is_document,
    is_still,
    suffix,
)
from poise.sources._options import Message, Note, ReadOptions, Report
from poise.sources._pictures import not_a_picture, open_picture, upright_bgr
from poise.sources._video import read_video

Kind = Literal["image", "video", "stream"]
_CHUNK = 2**16
_MOST_BYTES = 256 * 2**20  # of a video that must be held in memory
_MJPEG_FPS = 25.0  # of pictures one after another; what FFmpeg assumes of them too


class Entry(Protocol):
    """One entry of a source.

    Attributes:
        name: How results and errors call it.
        live: It has no end, and frames that wait grow old.
        slow: Reading takes long enough for a thread of its own.
    """

    @property
    def name(self) -> str: ...
    @property
    def live(self) -> bool: ...
    @property
    def slow(self) -> bool: ...
    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give its frames."""
        ...

    def count(self, options: ReadOptions) -> int | None:
        """Return the number of frames, None where it is not known without reading them."""
        ...

    def kind(self, options: ReadOptions) -> Kind:
        """Return ``"image"``, ``"video"`` or ``"stream"``, as well as it is known before reading."""
        ...


@dataclass(frozen=True)
class _Base:
    name: str
    live: ClassVar[bool] = False
    slow: ClassVar[bool] = True

    def count(self, options: ReadOptions) -> int | None:
        return 1

    def kind(self, options: ReadOptions) -> Kind:
        return "image"


@dataclass(frozen=True)
class Failed(_Base):
    """An entry that is known not to be there."""

    error: SourceError
    slow: ClassVar[bool] = False

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Raise its error."""
        raise self.error
        yield

    def count(self, options: ReadOptions) -> int | None:
        """Return 0."""
        return 0


@dataclass(frozen=True)
class Array(_Base):
    """A picture as an array.

    Attributes:
        array: The picture.
        lent: Whoever gave it writes the next picture into it, perhaps.
    """

    array: Any
    lent: bool = False
    slow: ClassVar[bool] = False

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give it as BGR."""
        image = as_image(self.array, name=self.name)
        yield Frame(image.copy() if self.lent and np.may_share_memory(image, self.array) else image, Media(self.name))


@dataclass(frozen=True)
class Given(_Base):
    """A frame that says itself where it is from and when it was taken."""

    frame: Frame
    slow: ClassVar[bool] = False

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give it as it is."""
        yield self.frame


@dataclass(frozen=True)
class PilImage(_Base):
    """A picture of Pillow."""

    picture: PIL.Image.Image
    slow: ClassVar[bool] = False

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give it upright as BGR."""
        yield Frame(upright_bgr(self.picture, self.name), Media(self.name))


@dataclass(frozen=True)
class File(_Base):
    """A picture or video file."""

    path: str

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give its frames; what it is decides its content, its ending only what is tried first."""
        if suffix(self.path) in VIDEOS | PLAYLISTS:
            _first_bytes(self.path, self.name)
            yield from self._video(options)
            return
        try:
            with files.open_plain(self.path) as file:
                head = file.read(64)
                if not head:
                    raise SourceError(f"{self.name}: the file is empty (0 bytes)")
                if (picture := open_picture(file, self.name, options.max_pixels)) is not None:
                    yield from _pages(picture, file, self.name, self.path, options)
                    return
        except OSError as error:
            raise cannot_open(self.name, error) from error
        if suffix(self.path) in PICTURES:
            raise not_a_picture(self.name, head)
        if is_document(head):
            raise SourceError(f"{self.name}: neither a picture nor a video: {describe(head)}")
        yield from self._video(options)

    def _video(self, options: ReadOptions) -> Iterator[Frame | Message]:
        return read_video(partial(open_file, self.path, self.name, options.follow), self.name, self.path, options)

    def count(self, options: ReadOptions) -> int | None:
        """Return the number of frames that the file states."""
        ending = suffix(self.path)
        if ending in ANIMATED:
            try:
                with files.open_plain(self.path) as file:
                    picture = None
                    if may_be_animated(file.read(1024)):
                        picture = open_picture(file, self.name, options.max_pixels)
                    frames = 1 if picture is None else frame_count(picture)
            except (OSError, SourceError):
                frames = None
        else:
            frames = 1 if ending in PICTURES else count_frames(self.path, self.name)
        return None if frames is None else -(-frames // options.vid_stride)

    def kind(self, options: ReadOptions) -> Kind:
        """Return what the ending says; animated pictures are looked into."""
        ending = suffix(self.path)
        if ending in ANIMATED:
            return "image" if (self.count(ReadOptions(1, options.max_pixels)) or 1) == 1 else "video"
        return "image" if ending in PICTURES else "video"


def _first_bytes(path: str, name: str) -> bytes:
    try:
        with files.open_plain(path) as file:
            head = file.read(64)
    except OSError as error:
        raise cannot_open(name, error) from error
    if not head:
        raise SourceError(f"{name}: the file is empty (0 bytes)")
    return head


def _pages(
    picture: PIL.Image.Image, file: IO[bytes], name: str, path: str, options: ReadOptions
) -> Iterator[Frame | Message]:
    if is_animated(picture):
        yield from read_animation(picture, file, name, path, options)
        return
    notes: list[str] = []
    try:
        image = upright_bgr(picture, name, notes)
    finally:
        picture.close()  # its memory too: the consumer may keep this generator waiting for long
    yield from map(Note, notes)
    yield Frame(image, Media(name, path=path))


@dataclass(frozen=True)
class Bytes(_Base):
    """The bytes of a picture or video file."""

    data: Any

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give its frames."""
        return _read_bytes(io.BytesIO(self.data), self.name, options)

    def count(self, options: ReadOptions) -> int | None:
        """Return the number of frames of a picture or animation, None for a video."""
        try:
            picture = open_picture(io.BytesIO(self.data), self.name, options.max_pixels)
        except SourceError:
            return None
        return None if picture is None else -(-frame_count(picture) // options.vid_stride)

    def kind(self, options: ReadOptions) -> Kind:
        """Return what the header says."""
        return "image" if self.count(ReadOptions(1, options.max_pixels)) == 1 else "video"


def _read_bytes(file: io.BytesIO, name: str, options: ReadOptions) -> Iterator[Frame | Message]:
    head = file.read(64)
    if not head:
        raise SourceError(f"{name}: nothing in it (0 bytes)")
    if (picture := open_picture(file, name, options.max_pixels)) is not None:
        yield from _pages(picture, file, name, "", options)
    elif is_document(head):
        raise SourceError(f"{name}: neither a picture nor a video: {describe(head)}")
    else:
        file.seek(0)
        yield from read_video(partial(open_bytes, file, name), name, "", options)


@dataclass(frozen=True)
class Reader(_Base):
    """An open binary file, or standard input."""

    file: IO[bytes] | None

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give its frames: a picture is read whole, a video as it comes."""
        file = self.file
        if file is None:
            file = getattr(sys.stdin, "buffer", None)
            if file is None:
                raise SourceError("-: standard input gives no bytes in this program")
        if file.seekable() and not getattr(file, "peek", None):
            yield from _read_bytes(io.BytesIO(file.read()), self.name, options)
            return
        some = getattr(file, "read1", file.read)  # what is there now: a pipe may be slow
        head = b""
        while len(head) < 64 and (more := some(_CHUNK)):
            head += more
        if head[:3] == b"\xff\xd8\xff":
            yield from self._jpegs(_Before(head, some), options)
        elif is_still(head) or is_document(head) or not head:
            yield from _read_bytes(io.BytesIO(head + file.read()), self.name, options)
        elif file.seekable():
            file.seek(-len(head), io.SEEK_CUR)
            yield from read_video(partial(open_bytes, _Seekable(file), self.name), self.name, "", options)
        else:
            while head[4:8] == b"ftyp" and len(head) < _CHUNK and (more := some(_CHUNK)):
                head += more
            if index_at_end(head):
                yield from _read_bytes(self._whole(head, some), self.name, options)
            else:
                yield from read_video(partial(open_bytes, _Before(head, some), self.name), self.name, "", options)

    def _whole(self, head: bytes, some: Callable[[int], bytes]) -> io.BytesIO:
        """Read an MP4 whose index stands at its end into memory."""
        data = bytearray(head)
        while more := some(2**20):
            data += more
            if len(data) > _MOST_BYTES:
                raise SourceError(f"{self.name}: more than {_MOST_BYTES // 2**20} MiB from a pipe, and {TO_FILE}")
        return io.BytesIO(data)

    def _jpegs(self, file: _Before, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give one picture, or the frames that a camera writes one after another, each as soon as it is there."""
        pictures = Pictures(file.read)
        media = Media(self.name, "video", _MJPEG_FPS)
        for index, data in enumerate(pictures):
            if index == 0 and (several_pages(data) or not pictures.more()):
                yield from _read_bytes(io.BytesIO(data), self.name, options)
                return
            if index == 0:
                fps = f"{_MJPEG_FPS:.0f} a second are assumed"
                yield Note(f"{self.name}: JPEG pictures one after another, which state no times; {fps}")
            if index % options.vid_stride:
                continue
            try:
                picture = open_picture(io.BytesIO(data), self.name, options.max_pixels)
                image = None if picture is None else upright_bgr(picture, self.name)
            except SourceError as error:
                yield Report(SourceError(f"{error}; frame {index}"), partly=True)
                continue
            if image is not None:
                yield Frame(image, media, index, index / _MJPEG_FPS)

    def count(self, options: ReadOptions) -> int | None:
        """Return None: it can be read once only."""
        return None

    def kind(self, options: ReadOptions) -> Kind:
        """Return ``"video"``: it may be one, and cannot be looked into without being used up."""
        return "video"


class _Seekable:
    """An open file, as far as PyAV asks of it."""

    def __init__(self, file: Any) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


class _Before:
    """A pipe of which some was read already; nothing may try to seek in it."""

    def __init__(self, head: bytes, some: Callable[[int], bytes]) -> None:
        self._head = head
        self._some = some

    def read(self, most: int = _CHUNK) -> bytes:
        """Return what is there now, at most so many bytes; none at the end."""
        if self._head:
            some, self._head = self._head[:most], self._head[most:]
            return some
        return self._some(most)


@dataclass(frozen=True)
class Camera(_Base):
    """A camera of this machine."""

    number: int
    live: ClassVar[bool] = True

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give its frames for ever."""
        return read_video(partial(_camera.open_camera, self.number), self.name, "", options, live=True)

    def count(self, options: ReadOptions) -> int | None:
        """Return None: it has no end."""
        return None

    def kind(self, options: ReadOptions) -> Kind:
        """Return ``"stream"``."""
        return "stream"


@dataclass(frozen=True)
class Address(_Base):
    """A picture, video or stream behind an address."""

    address: str

    @property
    def live(self) -> bool:  # type: ignore[override]
        """Whether the kind of address says that it is live."""
        return self.address.partition(":")[0].lower() in _web.LIVE

    def read(self, options: ReadOptions) -> Iterator[Frame | Message]:
        """Give its frames."""
        if not _web.is_video(self.address):
            data = _web.fetch(self.address)
            if data is not None:
                yield from _read_bytes(data, self.name, options)
                return
        given = 0
        first: SourceError | None = None
        try:
            opened = partial(_web.open_stream, self.address)
            for thing in read_video(opened, self.name, "", options, live=self.live, remote=True):
                if not given and isinstance(thing, Report) and not thing.partly:
                    first = thing.error
                    break
                given += isinstance(thing, Frame)
                yield thing
        except SourceError as error:
            if given or self.live:
                raise
            first = error
        if first is not None:
            data = None
            try:
                data = None if self.live else _web.fetch_recording(self.address)
            except SourceError as error:
                if TO_FILE in str(error):
                    raise
            if data is None:
                raise first
            yield from _read_bytes(data, self.name, options)

    def count(self, options: ReadOptions) -> int | None:
        """Return 1 for an address that ends like a picture, else None."""
        return 1 if suffix(urlsplit(self.address).path) in PICTURES else None

    def kind(self, options: ReadOptions) -> Kind:
        """Return ``"image"`` for an address that ends like a picture; what else it is shows when it is read."""
        if self.live:
            return "stream"
        return "image" if self.count(options) == 1 else "video"
