"""One item done: its frames read, what is found in them turned into rows, and what there is to say of it."""

from __future__ import annotations

import json
import tempfile
import time as clock
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from poise.batch.manifest import Item
from poise.batch.rows import Rows, check_skeleton, rows_for
from poise.batch.work import OpenWork, Work
from poise.batch.worklist import fsspec, is_remote
from poise.errors import PoiseError, SourceError
from poise.files.addresses import masked
from poise.files.text import brief, one_line
from poise.frames import Frame, Media
from poise.image import small_jpeg
from poise.results import Results
from poise.sources import Piece, open_source, read_piece

# Seconds between two signs of life.
_BEAT_S = 0.5
# Pixels of the longer side of a sample.
_SAMPLE = 320


class KeepingError(Exception):
    """What was found could not be kept: no fault of the item."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item.

    Attributes:
        rows: Written.
        frames: Looked at.
        seconds: It took.
        note: What was wrong, where it was not all; else None.
        error: Why it failed, one sentence; else None.
    """

    rows: int
    frames: int
    seconds: float
    note: str | None = None
    error: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the journal says of an item that is done."""
        return {"rows": self.rows, "frames": self.frames, "seconds": round(self.seconds, 4), "note": self.note}


class Doer:
    """Does one item after the other with models that stay open.

    Args:
        work: What is done.

    Raises:
        PoiseError: A model cannot be used.
    """

    def __init__(self, work: Work) -> None:
        self._open = OpenWork(work)
        self._stride = int(work.arguments.get("vid_stride", 1))
        self.rows: Rows = rows_for(
            work.kind, work.form, work.unit, skeleton=self._open.skeleton, spatial=self._open.spatial
        )

    def do(
        self,
        item: Item,
        keep: Callable[[bytes], None],
        beat: Callable[[int], None],
        sample: Callable[[bytes], None] | None = None,
    ) -> Outcome:
        """Do one item; what is wrong with it is said in what comes back.

        Args:
            item: What to do.
            keep: Takes rows.
            beat: Is told now and then how many frames are done.
            sample: Takes a small picture of the item, a JPEG file, with what was found drawn on.

        Raises:
            KeepingError: Rows could not be kept.
        """
        started = clock.perf_counter()
        frames = 0
        last = started
        notes: list[str] = []
        shown: Results | None = None

        def tap(results: Iterable[Results]) -> Iterator[Results]:
            nonlocal frames, last, shown
            for result in results:
                frames += 1
                now = clock.perf_counter()
                if now - last > _BEAT_S:
                    last = now
                    beat(frames)
                if sample is not None and (shown is None or (len(result) and not len(shown))):
                    shown = result
                yield result

        def kept(body: bytes | None) -> None:
            if body is not None:
                try:
                    keep(body)
                except OSError as error:
                    raise KeepingError(str(error)) from error

        def note(error: Exception) -> None:
            notes.append(brief(one_line(error)))

        error: str | None = None
        self.rows.begin(item.number)
        try:
            with ExitStack() as stack:
                source = open_item(item, stack, note, vid_stride=self._stride)
                for found in self._open.do(source, tap, note):
                    if isinstance(found, Results) and self._open.skeleton is not None:
                        check_skeleton(found, self._open.skeleton)
                    kept(self.rows.add(found))
            kept(self.rows.take())
            if sample is not None and shown is not None:
                sample(small_jpeg(shown.plot(), _SAMPLE))
        except KeepingError:
            raise
        except (PoiseError, OSError, ValueError, TypeError) as wrong:
            error = str(wrong) or type(wrong).__name__
        except MemoryError:
            error = f"{item.source}: not enough memory for it"
        except Exception as wrong:  # noqa: BLE001 - one item's trouble is no other's
            error = f"{item.source}: {type(wrong).__name__}: {wrong}"
        return Outcome(
            self.rows.count if error is None else 0,
            frames,
            clock.perf_counter() - started,
            "; ".join(notes) or None,
            None if error is None else brief(one_line(error)),
        )


def open_item(item: Item, stack: ExitStack, note: Callable[[Exception], None], *, vid_stride: int = 1) -> Any:
    """Return what the model is given: a path, an address, or an iterator of frames.

    Args:
        item: The item.
        stack: What is opened here is closed with it.
        note: Is told of damage to a video whose other frames are read.
        vid_stride: Every n-th frame of a video is read.

    Raises:
        SourceError: It cannot be fetched.
    """
    if is_remote(item.source):
        path = _fetched(item.source, stack)
        source = stack.enter_context(open_source(path, vid_stride=vid_stride, on_error=note))
        return _renamed(iter(source), masked(item.source))
    if item.begin is not None or item.until is not None:
        piece = Piece(item.begin, item.until, item.first)
        return read_piece(item.source, piece, vid_stride=vid_stride, on_error=note)
    return item.source


def _fetched(address: str, stack: ExitStack) -> str:
    """Copy a file of a storage to this machine, for as long as the item is worked on."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="poise-"))
    path = Path(folder, "file" + Path(urlsplit(address).path).suffix)
    try:
        storage, name = fsspec().core.url_to_fs(address)
        storage.get_file(name, str(path))
    except Exception as error:
        # Every storage has errors of its own kind.
        raise SourceError(f"{masked(address)}: cannot be fetched: {error or type(error).__name__}") from error
    return str(path)


def _renamed(frames: Iterator[Frame], name: str) -> Iterator[Frame]:
    """Give frames the name of where they are from; one source stays one."""
    media: Media | None = None
    for frame in frames:
        if media is None or media.kind != frame.media.kind:
            media = replace(frame.media, name=name, path="")
        yield replace(frame, media=media)


def head_of(rows: Rows) -> bytes:
    """Return the head of a journal."""
    return rows.head or json.dumps({}).encode()
