"""One item done: its frames read, what is found in them turned into rows, and what there is to say of it."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from poise.batch.given import open_item
from poise.batch.manifest import Item
from poise.batch.rows import Rows, check_skeleton, rows_for
from poise.batch.work import OpenWork, Work
from poise.errors import PoiseError
from poise.files.text import brief, one_line
from poise.results import Results

# Seconds between two signs of life.
_BEAT_S = 0.5


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
        unit = self._open
        self._stride = int(work.arguments.get("vid_stride", 1))
        self.rows: Rows = rows_for(work.kind, work.form, work.unit, skeleton=unit.skeleton, spatial=unit.spatial)

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
                sample(_thumbnail(shown))
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


def head_of(rows: Rows) -> bytes:
    """Return the head of a journal."""
    return rows.head or json.dumps({}).encode()


def _thumbnail(result: Results, width: int = 320) -> bytes:
    """Draw what was found, small."""
    import io

    import PIL.Image

    picture = PIL.Image.fromarray(result.plot()[..., ::-1].copy())
    picture.thumbnail((width, width))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()
