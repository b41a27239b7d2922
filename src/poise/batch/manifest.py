"""The manifest: every item and every shard of a batch and what has become of it, in SQLite.

Only the process that runs the batch writes it; others may read it meanwhile.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time as clock
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from poise.errors import FormatError, PoiseError
from poise.files.writing import writing

NAME = "manifest.sqlite"
SCHEMA = 1
PENDING, RUNNING, DONE, FAILED, SAME = "pending", "running", "done", "failed", "same"
# The shard of an item that was never to be worked on: a source that is not there, or one that is there twice.
NOWHERE = -1

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE items (
    number INTEGER PRIMARY KEY,
    source NOT NULL,                    -- a path or an address; bytes where a path is not UTF-8
    piece INTEGER NOT NULL DEFAULT 0,   -- of a long video, from 0
    first INTEGER NOT NULL DEFAULT 0,   -- index of its first frame
    begin INTEGER,                      -- first and last presentation time, ticks of the video; null: the whole
    until INTEGER,
    size INTEGER,                       -- bytes
    digest BLOB,                        -- sha256, where items are compared by content
    shard INTEGER NOT NULL,
    state TEXT NOT NULL,                -- pending, running, done, failed, same
    attempts INTEGER NOT NULL DEFAULT 0,
    by TEXT,                            -- the worker, and since when (seconds, Unix)
    since REAL,
    rows INTEGER,
    frames INTEGER,
    seconds REAL,
    said TEXT                           -- why it failed; of one that is done, what was wrong with it
);
CREATE UNIQUE INDEX items_source ON items (source, piece);
CREATE TABLE shards (
    number INTEGER PRIMARY KEY, items INTEGER, rows INTEGER, bytes INTEGER, file TEXT, sha256 TEXT
);
CREATE TABLE pace (at REAL NOT NULL, run INTEGER NOT NULL, items INTEGER, frames INTEGER, failed INTEGER);
"""
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


class Manifest:
    """An open manifest.

    Args:
        folder: Of the batch.
        readonly: Look at it and change nothing.

    Attributes:
        path: The file.
        patient: Called as long as the disk is full; it waits, or raises. None: that is an error.

    Raises:
        FormatError: It is not one, or of a later version.
        PoiseError: It cannot be opened.
    """

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        self.path = folder / NAME
        self.patient: Callable[[], None] | None = None
        self._waiting: list[tuple[str, tuple[Any, ...]]] = []
        self._direct = False
        new = not self.path.exists()
        with writing(self.path):
            if new and readonly:
                raise PoiseError(f"{folder}: no batch is here ({NAME} is missing); give the folder that --out named")
            try:
                if readonly:
                    uri = self.path.absolute().as_uri() + "?mode=ro"
                    self._db = sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None)
                else:
                    folder.mkdir(parents=True, exist_ok=True)
                    self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
                    self._db.execute("PRAGMA journal_mode=WAL")
                    # After a loss of power the last entries may be missing, never wrong: see the room's docstring.
                    self._db.execute("PRAGMA synchronous=NORMAL")
                self._check(readonly)
            except sqlite3.Error as error:
                raise FormatError(f"{self.path}: is not the manifest of a batch ({error})") from None

    def _check(self, readonly: bool) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and not readonly:
            # In one step: a kill in the middle leaves no half of it.
            self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA}; COMMIT;")
        elif not tables:
            raise PoiseError(f"{self.path}: holds nothing yet: a batch is about to begin, or was stopped before")
        elif version != SCHEMA:
            raise FormatError(
                f"{self.path}: a manifest of version {version}, expected {SCHEMA}; use the Poise that began this batch"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Enter what waits, and close it."""
        try:
            self.commit()
        finally:
            self._db.close()

    def commit(self) -> None:
        """Enter for good what was changed, all of it in one step.

        Raises:
            PoiseError: The disk is full and nobody is patient, or the manifest cannot be written.
        """
        while self._waiting or self._db.in_transaction:
            try:
                if not self._db.in_transaction:
                    self._db.execute("BEGIN IMMEDIATE")
                for statement, values in self._waiting:
                    self._db.execute(statement, values)
                self._db.execute("COMMIT")
                self._waiting.clear()
            except sqlite3.Error as error:
                # Where the disk is full, SQLite may have taken back what was changed before: all is changed again.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if "full" not in str(error) or self.patient is None or not self._waiting:
                    raise PoiseError(f"{self.path}: cannot be written: {error}") from None
                self.patient()

    def give_up(self) -> None:
        """Forget what waits to be entered: the journals know what is done."""
        self._waiting.clear()

    def _write(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Change something with the next :meth:`commit`."""
        if self._direct:
            self._db.execute(statement, values)
        else:
            self._waiting.append((statement, tuple(values)))

    def _read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows that are there, with all that was changed.

        Raises:
            FormatError: The manifest is damaged.
        """
        return list(self._stream(statement, values))

    def _one(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row, None where there is none."""
        return next(iter(self._read(statement, values)), None)

    def _stream(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Give row after row; nothing is to be changed meanwhile."""
        if self._waiting:
            self.commit()
        try:
            yield from self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise FormatError(
                f"{self.path}: cannot be read ({error}): it is damaged; give another folder (--out) to begin anew"
            ) from None

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

    def at_once(self, change: Callable[[], object]) -> None:
        """Make several changes in one step, or none of them; each is seen by what is read after it.

        Raises:
            PoiseError: They cannot be written.
        """
        self.commit()
        self._direct = True
        try:
            self._db.execute("BEGIN IMMEDIATE")
            change()
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise PoiseError(f"{self.path}: cannot be written: {error}; free some space and start again") from None
        finally:
            self._direct = False
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _stored(source: str) -> str | bytes:
    """Return a source as SQLite can hold it: text is UTF-8 there, and paths need not be."""
    try:
        source.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(source)
    return source


def _given(source: str | bytes) -> str:
    return os.fsdecode(source) if isinstance(source, bytes) else source
