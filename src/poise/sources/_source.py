"""Everything that gives frames, behind one function."""

from __future__ import annotations

import glob
import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import PIL.Image

from poise.errors import SourceError
from poise.frames import Frame
from poise.sources import _items, _web
from poise.sources._ahead import Ahead
from poise.sources._how import How, Report
from poise.sources._items import Item
from poise.sources._names import PICTURES, VIDEOS, cannot_open, counted, natural, printable, suffix

Kind = Literal["image", "video", "stream", "mixed"]

_LIVE_PATIENCE = 15.0  # seconds without a frame after which a camera or stream counts as lost
_GIVE = "give a path, folder, glob, address, camera number, array, PIL image, bytes, or a list of those"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def open_source(
    source: Any,
    *,
    vid_stride: int = 1,
    stream_buffer: bool = False,
    prefetch: int = 4,
    max_pixels: int = 178_956_970,
    on_error: Callable[[SourceError], None] | None = None,
) -> Source:
    """Open anything that gives frames.

    Args:
        source: A path (picture, video, folder, glob, ``.txt`` file of paths), an http, rtsp or similar address, a camera
            number or ``"webcam"``, ``"-"`` for standard input, a ``(H, W[, C])`` or ``(N, H, W, C)`` uint8 BGR array, a
            PIL image, the bytes of a file, an open binary file, or any mixture of those in lists, tuples or iterators.
            Iterators are read as frames are asked for.
        vid_stride: Give every n-th frame of videos and streams; ``index`` and ``time`` stay those of the video.
        stream_buffer: Give every frame of a live source. Off: a consumer that is too slow gets the newest frame, and
            ``dropped`` counts those that it missed.
        prefetch: Most decoded frames that wait; 0 decodes in the caller's thread.
        max_pixels: Refuse pictures with more pixels than this.
        on_error: Called with what is wrong with one entry of several, and at the end of a damaged video; reading goes
            on with the next. Without it the error is raised, and damage to a video is a warning.

    Returns:
        An iterable of frames; close it, or use it in a ``with`` statement.

    Raises:
        SourceError: A path is not there, or a folder has no pictures.
        TypeError: No source of any kind.
        ValueError: An empty source, or a number out of range.
    """
    for name, value, least in (("vid_stride", vid_stride, 1), ("prefetch", prefetch, 0), ("max_pixels", max_pixels, 1)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}")
    return Source(
        source, How(vid_stride, max_pixels), stream_buffer=stream_buffer, prefetch=prefetch, on_error=on_error
    )


class Source:
    """Frames of pictures, videos and cameras, one after another. Made by :func:`open_source`; one consumer at a time.

    Iterating again starts again (where the source can: standard input and iterators give their frames once).
    """

    def __init__(
        self,
        source: Any,
        how: How,
        *,
        stream_buffer: bool,
        prefetch: int,
        on_error: Callable[[SourceError], None] | None,
    ) -> None:
        self._how = how
        self._newest = not stream_buffer
        self._prefetch = prefetch
        self._on_error = on_error
        self._ahead: Ahead | None = None
        self._running: Iterator[Frame] | None = None
        self._closed = False
        self._saw_live = False
        self._dropped = 0
        self._lazy: Iterator[Any] | None = None
        self._items: list[Item] = []
        self._alone = _is_one(source)
        if _is_lazy(source):
            self._lazy = iter(source)
            return
        self._items = list(_sort(source, deque([0])))
        if not self._items:
            raise ValueError("the source is an empty list: nothing to read")
        for item in self._items:
            if isinstance(item, _items.Failed) and (self._alone or on_error is None):
                raise item.error
        for item in self._items[:-1]:
            if item.live:
                raise ValueError(f"{item.name} never ends, so what follows it would never be read; open it on its own")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        what = self._items[0].name if len(self._items) == 1 else f"{len(self._items)} entries"
        return f"Source({'an iterator' if self._lazy is not None else what})"

    @property
    def live(self) -> bool:
        """Whether frames come in their own time: a camera or a live address (http: known from the first frame)."""
        return self._saw_live or any(item.live for item in self._items)

    @property
    def dropped(self) -> int:
        """Frames of a live source that were skipped so far to stay current."""
        return self._dropped

    @property
    def kind(self) -> Kind:
        """``"image"``, ``"video"``, ``"stream"``, or ``"mixed"`` (lists of several kinds, and iterators)."""
        kinds = {item.kind(self._how) for item in self._items}
        only = kinds.pop() if len(kinds) == 1 else "mixed"
        return only  # type: ignore[return-value]

    @property
    def total(self) -> int | None:
        """Number of frames to come, None where a source does not say. Opens the headers of videos and animations."""
        if self._lazy is not None:
            return None
        total = 0
        for item in self._items:
            count = item.count(self._how)
            if count is None:
                return None
            total += count
        return total

    def close(self) -> None:
        """Stop reading and let go of files and cameras."""
        self._closed = True
        self._stop()

    def _stop(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def __iter__(self) -> Iterator[Frame]:
        if self._closed:
            raise ValueError("the source is closed")
        self._stop()
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        try:
            if self._lazy is None:
                yield from self._read(self._items)
                return
            several = deque([0])
            for thing in self._lazy:
                yield from self._read(list(_sort(thing, several)))
        finally:
            self._stop()

    def _read(self, items: list[Item]) -> Iterator[Frame]:
        how, alone = self._how, self._alone

        def start() -> Iterator[Frame | Report]:
            return _read_all(items, how, alone)

        # One picture gains nothing from a thread, and arrays are there already.
        slow = any(item.slow for item in items) and (len(items) > 1 or items[0].kind(how) != "image" or items[0].live)
        if self._prefetch and slow:
            live = items[-1].live
            self._ahead = Ahead(
                start,
                room=self._prefetch,
                newest=self._newest,
                patience=_LIVE_PATIENCE if live else None,
                name=items[-1].name,
            )
            yield from self._sift(self._ahead)
            self._stop()
        else:
            yield from self._sift(start())

    def _sift(self, things: Iterator[Frame | Report]) -> Iterator[Frame]:
        before = self._dropped
        for thing in things:
            if isinstance(thing, Report):
                self._tell(thing)
                continue
            if thing.media.kind == "stream":
                self._saw_live = True
                if isinstance(things, Ahead) and things.dropped:
                    self._dropped = before + things.dropped
                    thing = Frame(thing.image, thing.media, thing.index, thing.time, self._dropped)
            yield thing

    def _tell(self, report: Report) -> None:
        if self._on_error is not None:
            self._on_error(report.error)
        elif report.partly:
            warnings.warn(str(report.error), RuntimeWarning, stacklevel=4)
        else:
            raise report.error


def _read_all(items: list[Item], how: How, alone: bool) -> Iterator[Frame | Report]:
    for item in items:
        try:
            yield from item.read(how)
        except SourceError as error:
            if alone:
                raise
            yield Report(error)


def _is_one(source: Any) -> bool:
    """Return whether the user named one thing, not a number of things of which one may fail."""
    if isinstance(source, (list, tuple)) or _is_lazy(source):
        return False
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        return not (
            os.path.isdir(text) or text.lower().endswith(".txt") or (_is_glob(text) and not os.path.exists(text))
        )
    return not (isinstance(source, np.ndarray) and source.ndim == 4)


def _is_lazy(source: Any) -> bool:
    return isinstance(source, Iterator) and not hasattr(source, "read")


def _is_glob(text: str) -> bool:
    return glob.has_magic(text) and _SCHEME.match(text) is None


def _sort(source: Any, number: deque[int]) -> Iterator[Item]:
    """Give the entries of whatever the user gave; ``number`` counts those without a name."""
    if isinstance(source, (list, tuple)):
        for one in source:
            yield from _sort(one, number)
        return
    if isinstance(source, (str, os.PathLike)):
        yield from _named(os.fspath(source))
        number[0] += 1
        return
    position = number[0]
    number[0] += 1
    if source is None:
        raise TypeError(f"the source is None; {_GIVE}")
    if isinstance(source, bool):
        raise TypeError(f"the source is {source}; {_GIVE}")
    if isinstance(source, (int, np.integer)):
        yield _camera(int(source))
    elif isinstance(source, PIL.Image.Image):
        name = getattr(source, "filename", "") or f"PIL image {position}"
        yield _items.PilImage(printable(os.fsdecode(name)), source)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield _items.Bytes(f"bytes {position}", source)
    elif hasattr(source, "read"):
        yield _items.Reader(printable(str(getattr(source, "name", f"file {position}"))), source)
    elif isinstance(source, np.ndarray) or hasattr(source, "__array__"):
        array = np.asarray(source)
        if array.ndim == 4:
            number[0] = position
            for one in array:
                yield _items.Array(f"array {number[0]}", one)
                number[0] += 1
        else:
            yield _items.Array(f"array {position}", array)
    elif isinstance(source, Iterable) and not isinstance(source, (dict, set, frozenset)):
        number[0] = position
        for one in source:
            yield from _sort(one, number)
    else:
        raise TypeError(f"cannot read frames from {type(source).__name__}; {_GIVE}")


def _camera(number: int) -> Item:
    if number < 0:
        raise ValueError(f"a camera number is 0 or more, got {number}")
    return _items.Camera(f"camera {number}", number)


def _named(text: str | bytes, base: str = "") -> Iterator[Item]:
    """Give the entries of a path, address or camera name; relative paths start at ``base``."""
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    if not text.strip():
        raise ValueError(f"the source is an empty string; {_GIVE}")
    path = os.path.join(base, text)  # noqa: PTH118
    name = printable(path)
    scheme = _SCHEME.match(text)
    if "\0" in text:
        yield _items.Failed(name, SourceError(f"{name!r}: not a path: it holds a zero byte"))
    elif scheme:
        yield from _address(text, scheme[1].lower())
    elif text == "-" and not base:
        yield _items.Reader("-", None)
    elif os.path.isdir(path):  # noqa: PTH112
        yield from _folder(path, name)
    elif os.path.exists(path):  # noqa: PTH110
        device = re.fullmatch(r"/dev/video([0-9]+)", text)
        if device:
            yield _camera(int(device[1]))
        elif suffix(path) == ".txt":
            yield from _list_file(path, name, inside=bool(base))
        else:
            yield _items.File(name, path)
    elif re.fullmatch(r"[0-9]{1,3}", text):
        yield _camera(int(text))
    elif text.lower() == "webcam":
        yield _camera(0)
    elif _is_glob(path):
        yield from _glob(path, name)
    else:
        yield _items.Failed(name, _missing(path, name))


def _address(text: str, scheme: str) -> Iterator[Item]:
    if scheme in _web.WEB | _web.LIVE:
        yield _items.address_item(text)
    elif scheme == "file":
        from urllib.request import url2pathname

        yield from _named(url2pathname(text[7:]))
    else:
        known = ", ".join(sorted(_web.WEB | _web.LIVE))
        name = printable(text)
        yield _items.Failed(name, SourceError(f"{name}: addresses of kind {scheme!r} are not read; known: {known}"))


def _missing(path: str, name: str) -> SourceError:
    try:
        os.stat(path)  # noqa: PTH116
    except OSError as error:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return cannot_open(name, error)
    parent = os.path.dirname(path) or "."  # noqa: PTH120
    if not os.path.isdir(parent):  # noqa: PTH112
        return SourceError(f"{name}: no such file or folder: the folder {printable(parent)} does not exist")
    from difflib import get_close_matches

    try:
        near = get_close_matches(os.path.basename(path), os.listdir(parent), n=1, cutoff=0.75)  # noqa: PTH119, PTH208
    except OSError:
        near = []
    return SourceError(f"{name}: no such file or folder" + (f"; did you mean {printable(near[0])!r}?" if near else ""))


def _folder(path: str, name: str) -> Iterator[Item]:
    try:
        with os.scandir(path) as entries:
            # Names with a leading dot are what systems hide beside the pictures (".DS_Store", "._photo.jpg").
            found = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        yield _items.Failed(name, cannot_open(name, error))
        return
    files = sorted((one for one, folder in found if not folder), key=natural)
    wanted = [one for one in files if suffix(one) in PICTURES | VIDEOS]
    if not wanted:
        folders = len(found) - len(files)
        inside = f" and {folders} folder{'s' if folders > 1 else ''}" if folders else ""
        deeper = f"; to look into them too give {os.path.join(name, '**', '*')!r}" if folders else ""  # noqa: PTH118
        yield _items.Failed(
            name,
            SourceError(
                f"{name}: no pictures or videos (looked for .jpg, .png, .webp, .gif, .tif, .bmp, .mp4, .mov, .avi, "
                f".mkv, .webm and their like; found {counted(files)}{inside}){deeper}"
            ),
        )
    for one in wanted:
        full = os.path.join(path, one)  # noqa: PTH118
        yield _items.File(printable(full), full)


def _glob(pattern: str, name: str) -> Iterator[Item]:
    files = sorted((one for one in glob.iglob(pattern, recursive=True) if os.path.isfile(one)), key=natural)  # noqa: PTH113, PTH207
    ending = suffix(pattern)
    # A pattern that names the ending ("*.dat") is taken at its word; "*" means what a folder would mean.
    wanted = files if ending and not glob.has_magic(ending) else [f for f in files if suffix(f) in PICTURES | VIDEOS]
    if not wanted:
        found = f"of {counted(files)} that match, none is a picture or video" if files else "no file matches"
        yield _items.Failed(name, SourceError(f"{name}: {found}"))
    for one in wanted:
        yield _items.File(printable(one), one)


def _list_file(path: str, name: str, *, inside: bool) -> Iterator[Item]:
    if inside:
        yield _items.Failed(name, SourceError(f"{name}: a list of paths inside a list of paths is not read"))
        return
    try:
        text = Path(path).read_text("utf-8-sig", "surrogateescape")
    except OSError as error:
        yield _items.Failed(name, cannot_open(name, error))
        return
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        yield _items.Failed(name, SourceError(f"{name}: no paths in it; expected one path or address a line"))
    base = os.path.dirname(path) or "."  # noqa: PTH120
    yield from chain.from_iterable(_named(line, base) for line in lines)
