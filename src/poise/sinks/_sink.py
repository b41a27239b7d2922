"""What every sink is, and what all of them share: paths, errors, a worker in the background."""

from __future__ import annotations

import io
import os
import queue
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Protocol, Self, TypeVar, cast, runtime_checkable
from urllib.parse import urlsplit

import numpy as np

from poise.errors import PoiseError
from poise.files.writing import held, writing
from poise.frames import Image, Media
from poise.results import Results

Render = Callable[[Results], Image]
T = TypeVar("T")


@runtime_checkable
class Bound(Protocol):
    """A render whose picture depends on more than the result, such as on the frames before."""

    def bound(self, result: Results) -> Render:
        """Return what draws this result later as it would be drawn now; called in the order of the frames."""
        ...


def ready(render: Render, result: Results) -> tuple[Render, Results]:
    """Return a render and a result that another thread can draw later as they would be drawn now.

    The picture is copied: its owner may write to it meanwhile, as a generator does that reuses its buffer, or somebody
    who draws on ``orig_img``.
    """
    drawn = render.bound(result) if isinstance(render, Bound) else render
    return drawn, result.replace(orig_img=result.orig_img.copy())


@runtime_checkable
class Sink(Protocol):
    """Takes results, frame by frame, and leaves files behind.

    ``close`` finishes them; leaving a ``with`` block does the same. After a crash, what was written before it is there.

    Attributes:
        paths: The files written so far.
    """

    paths: list[Path]

    def write(self, result: Results) -> None:
        """Take one frame."""
        ...

    def close(self) -> None:
        """Finish all files. Calling it again does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SinkBase:
    """A context manager with a list of paths and a list of notes; a sink adds ``write`` and ``close``.

    Attributes:
        paths: The files written so far.
        notes: What the user may want to know, one sentence each, such as sound that could not be kept.
    """

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.notes: list[str] = []

    def write(self, result: Results) -> None:
        """Take one frame."""
        raise NotImplementedError  # pragma: no cover

    def flush(self) -> None:
        """Wait until what was taken is in its file, where it can be: most sinks write at once."""

    def close(self) -> None:
        """Finish all files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        # The files are finished on the way out too, but the first error is the one the user must see.
        try:
            self.close()
        except PoiseError as second:
            if str(second) != str(error):
                error.add_note(f"and while closing: {second}")


def default_render(result: Results) -> Image:
    """Draw a result as ``result.plot()`` does."""
    return cast(Image, cast(Any, result).plot())


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise unless ``path`` is free or may be replaced.

    Raises:
        PoiseError: The file exists and ``overwrite`` is False, or a folder is in its place.
    """
    if path.is_dir():
        raise PoiseError(f"{path}: is a folder, expected the name of a file")
    if path.exists() and not overwrite:
        raise PoiseError(
            f"{path}: exists already; choose another name, or allow it to be replaced: overwrite=True, "
            "on the command line --overwrite"
        )


def create(path: Path, *, overwrite: bool) -> BinaryIO:
    """Open a new file for unbuffered writing, making its folder where needed.

    Raises:
        PoiseError: It exists already, or cannot be made.
    """
    refuse_existing(path, overwrite=overwrite)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not overwrite:
            stream = io.FileIO(path, "x+")
        else:
            # Not emptied before it is known that nobody else is writing it.
            stream = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+")
        if not held(stream):
            stream.close()
            raise PoiseError(f"{path}: another process is writing it; choose another name")
        stream.truncate(0)
        return cast(BinaryIO, stream)


def drop(stream: BinaryIO, path: Path) -> None:
    """Close and remove a file into which nothing could be written."""
    with suppress(OSError):
        stream.close()
        path.unlink(missing_ok=True)


class Names:
    """Gives every file of one run a name of its own: ``name.jpg``, ``name-2.jpg``, ``name-3.jpg``.

    Args:
        overwrite: Whether a file from before this run may be replaced.
    """

    def __init__(self, *, overwrite: bool = False) -> None:
        self._overwrite = overwrite
        self._next: dict[tuple[str, str, str], int] = {}

    def take(self, folder: Path, stem: str, suffix: str) -> Path:
        """Return a free path and keep it."""
        # Lower case, because many file systems take Name.jpg and name.jpg for one file.
        key = (str(folder), stem.casefold(), suffix.casefold())
        while True:
            number = self._next.get(key, 1)
            self._next[key] = number + 1
            name = stem if number == 1 else f"{stem}-{number}"
            other = (key[0], name.casefold(), key[2])
            path = folder / f"{name}{suffix}"
            if (number == 1 or other not in self._next) and (self._overwrite or not path.exists()):
                self._next.setdefault(other, 2)
                return path


def media_stem(media: Media) -> str:
    """Return a file name, without ending, for what is written about a source.

    A file gives its own name; an address its host and path, never its user, password or query.

    Example:
        >>> media_stem(Media("rtsp://me:secret@10.0.0.2:554/live/1?key=5", kind="stream"))
        '10.0.0.2_554_live_1'
        >>> media_stem(Media("camera 0", kind="stream"))
        'camera_0'
    """
    name = media.path or media.name
    if not media.path and "://" in name:
        parts = urlsplit(name)
        name = parts.netloc.rpartition("@")[2] + parts.path
        stem = str(Path(name).with_suffix("")) if media.kind == "image" and parts.path else name
    else:
        stem = Path(name).stem
    # The user's own file name stays as it is; only what no file system takes is replaced.
    stem = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", stem) if media.path else folder_name(stem)
    while len(os.fsencode(stem)) > 180:  # most file systems take 255 bytes; endings and numbers need some
        stem = stem[:-1]
    return stem or "result"


def folder_name(text: str) -> str:
    """Return text as the name of a file or folder: letters, digits, dots and dashes stay, the rest becomes ``_``."""
    return re.sub(r"[^\w.-]+", "_", text).strip("_.") or "_"


# So many sources that share names are listed in a manifest.
_MOST_TWINS = 10_000


class Stems:
    """Gives every source of one run a name of its own, so that its picture, labels and crops are called alike.

    A file that a list holds twice is two sources.
    """

    def __init__(self) -> None:
        self._names = Names(overwrite=True)
        # Stem to source, of those that share a name; bounded, as it is for people.
        self.twins: dict[str, str] = {}
        # The sources in use, latest last. Bounded, so that a folder of a million pictures is not kept in memory.
        self._latest: OrderedDict[str, str] = OrderedDict()

    def source(self, media: Media) -> str:
        """Return the name of a source: ``clip``, and ``clip-2`` for another one with that name."""
        known = self._latest.get(media.key)
        if known is None:
            plain = media_stem(media)
            known = self._names.take(Path(), plain, "").name
            if known != plain and len(self.twins) < _MOST_TWINS:
                self.twins[known] = media.path or media.name
            self._latest[media.key] = known
            if len(self._latest) > 256:
                self._latest.popitem(last=False)
        self._latest.move_to_end(media.key)
        return known

    def frame(self, result: Results) -> str:
        """Return the name for one frame: the source's for a picture, with the frame's number for a video or stream."""
        stem = self.source(result.media)
        return stem if result.media.kind == "image" else f"{stem}_{result.frame}"


class Background(Generic[T]):
    """Calls ``work`` with one item after the other in a thread, so that writing overlaps with inference.

    Args:
        work: What is done with an item.
        depth: How many items may wait; ``put`` blocks while the queue is full, which bounds the memory.
    """

    def __init__(self, work: Callable[[T], None], *, depth: int = 4) -> None:
        self._work = work
        self._queue: queue.Queue[tuple[T] | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, item: T) -> None:
        """Hand over an item.

        Raises:
            Exception: What an earlier item raised in the thread; once, and the work goes on with the next item.
        """
        self._raise()
        if self._thread is None:
            # A daemon, so that a sink which nobody closed cannot hold the interpreter open.
            self._thread = threading.Thread(target=self._run, name="poise-sink", daemon=True)
            self._thread.start()
        self._queue.put((item,))

    def flush(self) -> None:
        """Wait until all items are done.

        Raises:
            Exception: What an item raised in the thread, unless it was raised before.
        """
        if self._thread is not None:
            self._queue.join()
        self._raise()

    def close(self) -> None:
        """Wait until all items are done and end the thread.

        Raises:
            Exception: What an item raised in the thread, unless it was raised before.
        """
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        self._raise()

    def _raise(self) -> None:
        with self._guard:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self) -> None:
        while (entry := self._queue.get()) is not None:
            try:
                # An error ends no more than its own item: whoever catches it and goes on has the rest in the file.
                self._work(entry[0])
            except BaseException as error:  # noqa: BLE001 - kept, and raised in the caller's thread
                with self._guard:
                    self._error = self._error or error
            finally:
                self._queue.task_done()


def contiguous(image: Image) -> Image:
    """Return an ``(H, W, 3)`` uint8 picture without gaps between its rows."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise TypeError(f"render must return (H, W, 3) uint8 BGR, got {image.shape} {image.dtype}")
    return np.ascontiguousarray(image)
