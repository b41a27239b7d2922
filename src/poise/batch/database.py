"""The file behind a batch's manifest: SQLite, written in whole steps, patient where the disk is full."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from poise.errors import FormatError, PoiseError
from poise.files.writing import writing

NAME = "manifest.sqlite"
SCHEMA = 1

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


class Database:
    """The open file.

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
