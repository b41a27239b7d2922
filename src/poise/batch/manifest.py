"""The manifest: every item and every shard of a batch and what has become of it, in SQLite.

Only the process that runs the batch writes it; others may read it meanwhile.
"""

from __future__ import annotations

import json
import os
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from poise.batch.database import Database
from poise.errors import FormatError

PENDING, RUNNING, DONE, FAILED, SAME = "pending", "running", "done", "failed", "same"
# The shard of an item that was never to be worked on: a source that is not there, or one that is there twice.
NOWHERE = -1

# Points of the speed over time that are kept; of more, every second one is left out.
_MOST_POINTS = 2000
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to do.

    Attributes:
        number: From 0, in the order of the list.
        source: A path or an address.
        shard: Where its rows go.
        piece: Of a long video, from 0.
        first: Index of its first frame.
        begin: Presentation time at which the piece begins, in ticks of the video; None: at its start.
        until: Presentation time before which it ends; None: at the video's end.
        attempts: How often it has ended its worker.
        sample: Its first frame is to be drawn for the page.
    """

    number: int
    source: str
    shard: int
    piece: int = 0
    first: int = 0
    begin: int | None = None
    until: int | None = None
    attempts: int = 0
    sample: bool = False


class Manifest(Database):
    """An open manifest; see :class:`~poise.batch.database.Database` for what it takes and raises."""

    # What the batch is.

    def fact(self, name: str) -> Any:
        """Return one of the batch's facts, None where it is not known."""
        row = self._one("SELECT value FROM facts WHERE name=?", (name,))
        try:
            return None if row is None else json.loads(row[0])
        except (ValueError, TypeError):
            raise FormatError(
                f"{self.path}: its fact {name!r} is damaged; give another folder (--out) to begin anew"
            ) from None

    def set_fact(self, name: str, value: Any) -> None:
        """Remember a fact: plain values."""
        self._write("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value, sort_keys=True)))

    # Items.

    def known(self, source: str) -> tuple[int, str, int] | None:
        """Return number, state and shard of a source's first item, None where it is not entered."""
        found = self._one("SELECT number, state, shard FROM items WHERE source=? AND piece=0", (_stored(source),))
        return None if found is None else (found[0], found[1], found[2])

    def add(
        self,
        source: str,
        shard: int,
        *,
        piece: int = 0,
        first: int = 0,
        span: tuple[int | None, int | None] = (None, None),
        size: int | None = None,
        failed: str | None = None,
    ) -> None:
        """Enter a new item at the end of the list.

        Args:
            source: Path or address.
            shard: Where its rows go.
            piece: Of a long video.
            first: Index of its first frame.
            span: Where it begins and ends, ticks.
            size: Bytes.
            failed: Why it will not be worked on.
        """
        self._write(
            "INSERT INTO items (number, source, piece, first, begin, until, size, shard, state, said) "
            "VALUES ((SELECT ifnull(max(number), -1) + 1 FROM items), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_stored(source), piece, first, *span, size, shard, PENDING if failed is None else FAILED, failed),
        )

    def put_back(self, number: int, shard: int) -> None:
        """Let an item be worked on that had failed, in a new shard."""
        self._write(
            "UPDATE items SET state=?, shard=?, attempts=0, said=NULL, by=NULL, since=NULL WHERE number=?",
            (PENDING, shard, number),
        )

    def pending(self, after: int) -> list[Item]:
        """Return the next items that nobody works on, in order; none: there are no more.

        Args:
            after: Number of the last one that is known.
        """
        rows = self._read(
            "SELECT number, source, shard, piece, first, begin, until, attempts FROM items "
            "WHERE number > ? AND state = ? ORDER BY number LIMIT ?",
            (after, PENDING, _PAGE),
        )
        return [Item(row[0], _given(row[1]), *row[2:]) for row in rows]

    def item(self, number: int) -> Item:
        """Return one item."""
        row = self._one(
            "SELECT number, source, shard, piece, first, begin, until, attempts FROM items WHERE number=?", (number,)
        )
        return Item(row[0], _given(row[1]), *row[2:])

    def running(self, number: int, by: str) -> None:
        """Note who works on an item."""
        self._write("UPDATE items SET state=?, by=?, since=? WHERE number=?", (RUNNING, by, clock.time(), number))

    def waits(self, number: int) -> None:
        """Note that nobody works on an item any more."""
        self._write("UPDATE items SET state=?, by=NULL, since=NULL WHERE number=?", (PENDING, number))

    def suspected(self, number: int, said: str, attempts: int) -> None:
        """Note that an item ended its worker."""
        self._write(
            "UPDATE items SET state=?, by=NULL, since=NULL, said=?, attempts=? WHERE number=?",
            (PENDING, said, attempts, number),
        )

    def done(self, number: int, facts: dict[str, Any]) -> None:
        """Enter an item that is whole in a journal; ``facts`` are those of its last record."""
        self._write(
            "UPDATE items SET state=?, rows=?, frames=?, seconds=?, said=? WHERE number=?",
            (DONE, facts.get("rows"), facts.get("frames"), facts.get("seconds"), facts.get("note"), number),
        )

    def failed(self, number: int, said: str, seconds: float | None, attempts: int) -> None:
        """Set an item aside."""
        self._write(
            "UPDATE items SET state=?, said=?, seconds=?, attempts=?, rows=NULL, frames=NULL WHERE number=?",
            (FAILED, said, seconds, attempts, number),
        )

    def begin_anew(self) -> None:
        """Nobody works on anything: the batch begins, or begins again."""
        self._write("UPDATE items SET state=?, by=NULL, since=NULL WHERE state=?", (PENDING, RUNNING))

    def in_shard(self, shard: int, state: str) -> list[int]:
        """Return the numbers of a shard's items in one state."""
        rows = self._read("SELECT number FROM items WHERE shard=? AND state=? ORDER BY number", (shard, state))
        return [row[0] for row in rows]

    def failed_items(self) -> list[tuple[int, str, int | None, int, int]]:
        """Return number, source, size, shard and attempts of items that have failed."""
        rows = self._read(
            "SELECT number, source, size, shard, attempts FROM items WHERE state=? ORDER BY number", (FAILED,)
        )
        return [(row[0], _given(row[1]), *row[2:]) for row in rows]

    # Content.

    def alike_in_size(self) -> Iterator[tuple[int, str, bytes | None]]:
        """Give number, source and digest of whole items of whose size there are several, in order."""
        yield from [
            (row[0], _given(row[1]), row[2])
            for row in self._read(
                "SELECT number, source, digest FROM items WHERE begin IS NULL AND until IS NULL AND state != ? "
                "AND size IN (SELECT size FROM items WHERE size IS NOT NULL AND begin IS NULL AND until IS NULL "
                "GROUP BY size HAVING count(*) > 1) ORDER BY number",
                (SAME,),
            )
        ]

    def set_digest(self, number: int, digest: bytes) -> None:
        """Remember an item's content."""
        self._write("UPDATE items SET digest=? WHERE number=?", (digest, number))

    def leave_out_twins(self) -> None:
        """Leave out those that nobody has worked on and that an earlier item equals, byte for byte."""
        self._write(
            "UPDATE items SET state=?, shard=?, said=(SELECT number FROM items AS other WHERE "
            "other.digest=items.digest ORDER BY other.number LIMIT 1) WHERE state=? AND digest IS NOT NULL "
            "AND number > (SELECT min(number) FROM items AS other WHERE other.digest=items.digest)",
            (SAME, NOWHERE, PENDING),
        )

    # Shards.

    def next_shard(self) -> int:
        """Return the number of the next shard that has no items yet."""
        return int(self._one("SELECT ifnull(max(shard), -1) + 1 FROM items")[0])

    def open_shards(self) -> dict[int, int]:
        """Return the shards that are not written, with the number of their items that are neither done nor failed."""
        rows = self._read(
            "SELECT shard, sum(state IN (?, ?)) FROM items WHERE shard >= 0 AND shard NOT IN "
            "(SELECT number FROM shards) GROUP BY shard ORDER BY shard",
            (PENDING, RUNNING),
        )
        return {row[0]: row[1] for row in rows}

    def written(self, shard: int) -> bool:
        """Return whether a shard is entered as written."""
        return self._one("SELECT 1 FROM shards WHERE number=?", (shard,)) is not None

    def enter_shard(self, number: int, facts: dict[str, Any]) -> None:
        """Enter a shard that is written: ``items``, ``rows``, ``bytes``, ``file``, ``sha256``."""
        self._write(
            "INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?, ?, ?)",
            (number, *(facts[name] for name in ("items", "rows", "bytes", "file", "sha256"))),
        )

    def shards(self) -> list[dict[str, Any]]:
        """Return what is known of the shards that are written."""
        names = ("number", "items", "rows", "bytes", "file", "sha256")
        rows = self._read(f"SELECT {', '.join(names)} FROM shards ORDER BY number")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def forget_shard(self, number: int) -> None:
        """Let the items of a shard be done again."""
        self._write("DELETE FROM shards WHERE number=?", (number,))
        self._write(
            "UPDATE items SET state=?, rows=NULL, frames=NULL, seconds=NULL, said=NULL WHERE shard=? AND state=?",
            (PENDING, number, DONE),
        )

    # What came of it.

    def counts(self) -> dict[str, dict[str, float]]:
        """Return for each state ``items``, ``rows``, ``frames``, ``seconds``."""
        rows = self._read(
            "SELECT state, count(*), total(rows), total(frames), total(seconds) FROM items GROUP BY state"
        )
        return {row[0]: {"items": row[1], "rows": row[2], "frames": row[3], "seconds": row[4]} for row in rows}

    def failures(self) -> Iterator[tuple[str, str]]:
        """Give source and reason of each item that failed."""
        for source, said in self._stream("SELECT source, said FROM items WHERE state=? ORDER BY number", (FAILED,)):
            yield _given(source), said or ""

    def notes(self, most: int) -> list[tuple[str, str]]:
        """Return source and note of items that are done and with which something was wrong."""
        rows = self._read(
            "SELECT source, said FROM items WHERE state=? AND said IS NOT NULL ORDER BY number LIMIT ?", (DONE, most)
        )
        return [(_given(source), said) for source, said in rows]

    def source(self, number: int) -> str:
        """Return an item's source."""
        return _given(self._one("SELECT source FROM items WHERE number=?", (number,))[0])

    def total(self) -> int:
        """Return how many items there are."""
        return int(self._one("SELECT count(*) FROM items")[0])

    def add_pace(self, run: int, items: int, frames: int, failed: int) -> None:
        """Note how much this run has done until now."""
        self._write("INSERT INTO pace VALUES (?, ?, ?, ?, ?)", (clock.time(), run, items, frames, failed))
        if self._one("SELECT count(*) FROM pace")[0] > _MOST_POINTS:
            self._write("DELETE FROM pace WHERE rowid % 2 = 0 AND rowid < (SELECT max(rowid) FROM pace)")

    def pace(self) -> list[tuple[float, int, int, int, int]]:
        """Return time (seconds, Unix), run, and what the run had done by then: items, frames, failed."""
        return self._read("SELECT at, run, items, frames, failed FROM pace ORDER BY rowid")


def _stored(source: str) -> str | bytes:
    """Return a source as SQLite can hold it: text is UTF-8 there, and paths need not be."""
    try:
        source.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(source)
    return source


def _given(source: str | bytes) -> str:
    return os.fsdecode(source) if isinstance(source, bytes) else source
