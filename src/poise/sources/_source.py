"""Everything that gives frames, behind one function."""

from __future__ import annotations

import logging
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from poise.errors import MissingExtra, SourceError
from poise.frames import Frame
from poise.sources._ahead import Ahead
from poise.sources._entries import Array, Entry, Failed
from poise.sources._options import RECONNECT, Message, Note, ReadOptions, Report, Waiting
from poise.sources._resolve import is_lazy, is_one, resolve_entries

Kind = Literal["image", "video", "stream", "mixed"]

_log = logging.getLogger("poise")

# Seconds without a frame or a word of the reader after which a camera or stream counts as lost: its driver hangs.
_LIVE_PATIENCE = 30.0


def open_source(
    source: Any,
    *,
    vid_stride: int = 1,
    stream_buffer: bool = False,
    prefetch: int = 4,
    max_pixels: int = 178_956_970,
    follow: bool = False,
    reconnect: int = RECONNECT,
    on_error: Callable[[SourceError], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Source:
    """Open anything that gives frames.

    Args:
        source: A path (picture, video, folder, glob, ``.txt`` file of paths), an http, rtsp or similar address, a
            camera number or ``"webcam"``, ``"-"`` for standard input, a ``(H, W[, C])`` or ``(N, H, W, C)`` uint8 BGR
            array, a PIL image, a :class:`poise.frames.Frame` (given on as it is), the bytes of a file, an open binary
            file, or any mixture of those in lists, tuples or iterators. Iterators are read as frames are asked for.
        vid_stride: Give every n-th frame of videos and streams; ``index`` and ``time`` stay those of the video.
        stream_buffer: Give every frame of a live source. Off: a consumer that is too slow gets the newest frame, and
            ``dropped`` counts those that it missed.
        prefetch: Most decoded frames that wait; 0 decodes in the caller's thread.
        max_pixels: Refuse pictures with more pixels than this.
        follow: Let lists of paths (``.txt``) and playlists name files outside their own folder, addresses and cameras.
            A list from a stranger could make a camera or private files part of the results.
        reconnect: Open a live source that breaks off again, at most so often in a row, after 1, 2, 4, … 30 seconds;
            0: never. Who has streamed for a minute has all attempts again.
        on_error: Called with what is wrong with one entry of several, and at the end of a damaged video; reading goes
            on with the next. Without it the error is raised, and damage to a video is a warning. A live source that
            broke off for good is a :class:`StreamLost`.
        on_note: Called with what was assumed or mended, one sentence each; without it the logger ``poise`` warns.

    Returns:
        An iterable of frames; close it, or use it in a ``with`` statement.

    Raises:
        SourceError: A path is not there, or a folder has no pictures.
        TypeError: No source of any kind.
        ValueError: An empty source, or a number out of range.
    """
    least = {"vid_stride": (vid_stride, 1), "prefetch": (prefetch, 0), "max_pixels": (max_pixels, 1)}
    for name, (value, low) in (least | {"reconnect": (reconnect, 0)}).items():
        if value < low:
            raise ValueError(f"{name} must be {low} or more, got {value}")
    return Source(
        source,
        ReadOptions(vid_stride, max_pixels, reconnect, follow),
        stream_buffer=stream_buffer,
        prefetch=prefetch,
        on_error=on_error,
        on_note=on_note,
    )


class Source:
    """Frames of pictures, videos and cameras, one after another. Made by :func:`open_source`; one consumer at a time.

    Iterating again starts again (where the source can: standard input and iterators give their frames once).
    """

    def __init__(
        self,
        source: Any,
        options: ReadOptions,
        *,
        stream_buffer: bool,
        prefetch: int,
        on_error: Callable[[SourceError], None] | None,
        on_note: Callable[[str], None] | None = None,
    ) -> None:
        self._options = options
        self._newest = not stream_buffer
        self._prefetch = prefetch
        self._on_error = on_error
        self._on_note = on_note or _log.warning
        self._ahead: Ahead | None = None
        self._closed = False
        self._saw_live = False
        self._dropped = 0
        self._lazy: Iterator[Any] | None = None
        self._entries: list[Entry] = []
        self._alone = is_one(source)
        given_several = isinstance(source, (list, tuple))
        if is_lazy(source):
            self._lazy = iter(source)
            return
        self._entries = list(resolve_entries(source, deque([0]), options.follow))
        if not self._entries:
            raise ValueError("the source is an empty list: nothing to read")
        for entry in self._entries:
            if isinstance(entry, Failed) and (on_error is None or (len(self._entries) == 1 and not given_several)):
                raise entry.error
        for entry in self._entries[:-1]:
            if entry.live:
                raise ValueError(f"{entry.name} never ends, so what follows it would never be read; open it on its own")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        what = self._entries[0].name if len(self._entries) == 1 else f"{len(self._entries)} entries"
        return f"Source({'an iterator' if self._lazy is not None else what})"

    @property
    def live(self) -> bool:
        """Whether frames come in their own time: a camera or a live address (http: known from the first frame)."""
        return self._saw_live or any(entry.live for entry in self._entries)

    @property
    def dropped(self) -> int:
        """Frames of a live source that were skipped so far to stay current."""
        return self._dropped

    @property
    def kind(self) -> Kind:
        """``"image"``, ``"video"``, ``"stream"``, or ``"mixed"`` (lists of several kinds, and iterators)."""
        kinds = {entry.kind(self._options) for entry in self._entries}
        return kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def total(self) -> int | None:
        """Number of frames to come, None where a source does not say. Opens the headers of videos and animations."""
        if self._lazy is not None:
            return None
        total = 0
        for entry in self._entries:
            count = entry.count(self._options)
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
                yield from self._read(self._entries)
                return
            several = deque([0])
            for thing in self._lazy:
                # A generator may fill one buffer again and again.
                entries = list(resolve_entries(thing, several))
                yield from self._read([replace(i, lent=True) if isinstance(i, Array) else i for i in entries])
        finally:
            self._stop()

    def _read(self, entries: list[Entry]) -> Iterator[Frame]:
        options, alone = self._options, self._alone

        def start() -> Iterator[Frame | Message]:
            return _read_all(entries, options, alone)

        # One picture gains nothing from a thread, and arrays are there already.
        slow = self._prefetch > 0 and any(entry.slow for entry in entries)
        if slow and (len(entries) > 1 or entries[0].kind(options) != "image"):
            live = entries[-1].live
            self._ahead = Ahead(
                start,
                room=self._prefetch,
                newest=self._newest,
                patience=_LIVE_PATIENCE if live else None,
                name=entries[-1].name,
            )
            yield from self._sift(self._ahead)
            self._stop()
        else:
            yield from self._sift(start())

    def _sift(self, things: Iterator[Frame | Message]) -> Iterator[Frame]:
        before = self._dropped
        for thing in things:
            if isinstance(thing, Note):
                self._on_note(thing.text)
                continue
            if isinstance(thing, Report):
                self._tell(thing)
                continue
            if isinstance(thing, Waiting):
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


def _read_all(entries: list[Entry], options: ReadOptions, alone: bool) -> Iterator[Frame | Message]:
    for entry in entries:
        try:
            yield from entry.read(options)
        except SourceError as error:
            if alone:
                raise
            yield Report(error)
        except MissingExtra as error:
            # A video among pictures costs one line too, where videos cannot be read.
            if alone:
                raise
            yield Report(SourceError(f"{entry.name}: {error}"))


def open_again(path: str | Path) -> Source:
    """Open a video that was read before; what is wrong with it was told then, and is not told again."""

    def silent(_: object) -> None:
        return None

    return open_source(str(path), on_error=silent, on_note=silent)
