"""Journals: the rows of items that are done, in records that a kill can cut off but not spoil.

A record is a head (mark, kind, item, length, checksum) and a body. The records of an item are BEGIN, any number of
ROWS, and END, which says that it is whole; the first record of a file, HEAD, says how rows are to be read.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from poise import files
from poise.files.writing import append

HEAD, BEGIN, ROWS, END = 1, 2, 3, 4
_MARK = b"PJ1\n"
_RECORD = struct.Struct("<4sBQQI")
_NAME = re.compile(r"[0-9]{6,18}\.[^.]+\.journal")
# No record is larger: rows are written as they come.
_MOST = 1 << 30


@dataclass(frozen=True, slots=True)
class Kept:
    """One item that is whole in a journal.

    Attributes:
        path: The journal.
        rows: Place and length of each body with rows.
        head: Place and length of the file's head.
        facts: What END says: ``rows``, ``frames``, ``seconds``, ``note``.
    """

    path: Path
    rows: tuple[tuple[int, int], ...]
    head: tuple[int, int]
    facts: dict[str, Any]

    def bodies(self) -> Iterator[bytes]:
        """Give the bodies of its rows."""
        with files.open_plain(self.path) as file:
            for place, length in self.rows:
                file.seek(place)
                yield file.read(length)

    def how(self) -> bytes:
        """Return the file's head."""
        with files.open_plain(self.path) as file:
            file.seek(self.head[0])
            return file.read(self.head[1])


class Journal:
    """Where one worker keeps the rows of its items; one file a shard.

    Args:
        folder: Of the journals.
        writer: Who writes, a name that no other process has.
        head: How rows are to be read.
    """

    def __init__(self, folder: Path, writer: str, head: bytes) -> None:
        self._folder, self._writer, self._head = folder, writer, head
        self._file: FileIO | None = None
        self._shard = -1
        self._item = 0

    def begin(self, shard: int, item: int) -> None:
        """Begin an item.

        Raises:
            OSError: It cannot be written; then nothing is.
        """
        if shard != self._shard:
            self.close()
            self._folder.mkdir(parents=True, exist_ok=True)
            file = FileIO(self._folder / name_of(shard, self._writer), "a")
            if file.tell() == 0:
                try:
                    append(file, _record(HEAD, 0, self._head))
                except OSError:
                    file.close()
                    raise
            self._file, self._shard = file, shard
        self._item = item
        self._add(BEGIN, b"")

    def rows(self, body: bytes) -> None:
        """Add rows of the item."""
        self._add(ROWS, body)

    def end(self, facts: dict[str, Any]) -> None:
        """Say that the item is whole."""
        self._add(END, json.dumps(facts).encode())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file, self._shard = None, -1

    def _add(self, kind: int, body: bytes) -> None:
        assert self._file is not None
        append(self._file, _record(kind, self._item, body))


def name_of(shard: int, writer: str) -> str:
    """Return the name of a journal."""
    return f"{shard:06d}.{writer}.journal"


def journals(folder: Path, shard: int | None = None) -> list[Path]:
    """Return the journals of a shard, or all, in an order that does not change."""
    found = folder.glob("*.journal" if shard is None else f"{shard:06d}.*.journal")
    # Something else may lie there by chance.
    return sorted(path for path in found if _NAME.fullmatch(path.name) and path.is_file())


def shard_of(path: Path) -> int:
    """Return the shard of a journal, from its name."""
    return int(path.name.partition(".")[0])


def read_journal(path: Path) -> dict[int, Kept]:
    """Return the items that are whole in a journal; what a kill cut off is passed over."""
    whole: dict[int, Kept] = {}
    head = (0, 0)
    rows: list[tuple[int, int]] = []
    item: int | None = None
    with files.open_plain(path) as file:
        for kind, number, place, body in _records(file):
            if kind == HEAD:
                head = (place, len(body))
            elif kind == BEGIN:
                rows, item = [], number
            elif number != item:
                break
            elif kind == ROWS:
                rows.append((place, len(body)))
            elif kind == END:
                whole.setdefault(number, Kept(path, tuple(rows), head, json.loads(body)))
                item = None
    return whole


def read_journals(folder: Path, shard: int) -> dict[int, Kept]:
    """Return the items of a shard that are whole in any of its journals; the first one of two counts."""
    found: dict[int, Kept] = {}
    for path in journals(folder, shard):
        for number, kept in read_journal(path).items():
            found.setdefault(number, kept)
    return found


def _record(kind: int, item: int, body: bytes) -> bytes:
    return _RECORD.pack(_MARK, kind, item, len(body), _checksum(kind, item, body)) + body


def _checksum(kind: int, item: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<BQ", kind, item)))


def _records(file: BinaryIO) -> Iterator[tuple[int, int, int, bytes]]:
    """Give kind, item, place of the body and body of each whole record, up to the first that is none."""
    place = 0
    while True:
        head = file.read(_RECORD.size)
        if len(head) < _RECORD.size:
            return
        mark, kind, item, length, checksum = _RECORD.unpack(head)
        if mark != _MARK or length > _MOST:
            return
        body = file.read(length)
        if len(body) < length or _checksum(kind, item, body) != checksum:
            return
        yield kind, item, place + _RECORD.size, body
        place += _RECORD.size + length
