"""What there is to do: files, folders, patterns, lists, columns of a CSV, addresses, as one list in a stable order."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poise import files
from poise.errors import SourceError, require, suggest
from poise.files.text import one_line
from poise.sources import list_source

# "list.csv:column"
_COLUMN = re.compile(r"(?P<path>.+\.(?:csv|tsv)):(?P<column>[^/\\:]+)", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# Addresses that are read without fsspec.
_OURS = frozenset(("http", "https", "file", "rtsp", "rtsps", "rtmp", "rtmps", "udp", "srt", "tcp", "rtp", "mms"))
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Found:
    """One source.

    Attributes:
        source: Path or address.
        size: Bytes; None where it is not known.
        error: Why it cannot be read, one sentence; else None.
        local: It is a file of this machine.
    """

    source: str
    size: int | None = None
    error: str | None = None
    local: bool = True


def find_work(sources: Iterable[Any], *, follow: bool = False) -> Iterator[Found]:
    """List all sources of a batch, in the order in which they are given; those of a folder in the order of their names.

    Args:
        sources: Paths, folders, patterns, ``.txt`` files with a path a line, columns of a CSV (``list.csv:column``),
            addresses; those of storages (``s3://``, ``gs://`` …) where fsspec is installed.
        follow: Lists may name what is not below their own folder.

    Raises:
        SourceError: A CSV cannot be read, or has no such column.
        MissingExtra: An address needs fsspec.
        TypeError: Something is no path.
        ValueError: A source is an empty string.
    """
    for given in sources:
        if not isinstance(given, (str, os.PathLike)):
            raise TypeError(
                f"a batch works on paths and addresses, so that it can go on after a stop; got {type(given).__name__}"
            )
        text = os.fspath(given)
        scheme = _SCHEME.match(text)
        column = None if scheme or Path(text).exists() else _COLUMN.fullmatch(text)
        if column:
            for cell in _cells(column["path"], column["column"]):
                yield from _below(cell, column["path"], follow)
        elif scheme and scheme[1].lower() not in _OURS:
            yield from _remote(text, scheme[1])
        else:
            yield from _listed(text, follow)


def digest_of(path: str) -> bytes | None:
    """Return the sha256 of a file's content, None where it cannot be read."""
    try:
        with files.open_plain(path) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None


def fsspec() -> Any:
    """Return the module that reads storages.

    Raises:
        MissingExtra: It is not installed.
    """
    return require("fsspec", extra="storage", feature="reading from a storage (s3://, gs:// and their like)")


def is_remote(source: str) -> bool:
    """Return whether a source is read through fsspec."""
    scheme = _SCHEME.match(source)
    return scheme is not None and scheme[1].lower() not in _OURS


def _listed(text: str, follow: bool) -> Iterator[Found]:
    for one in list_source(text, follow=follow):
        if one.error is not None:
            yield Found(one.source, None, str(one.error))
        elif one.address:
            yield Found(one.source, None, local=False)
        else:
            yield Found(one.source, _size(one.source))


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - long lists, and names that are not UTF-8
    except OSError:
        return None


def _cells(path: str, column: str) -> Iterator[str]:
    """Give the cells of a column that are not empty."""
    try:
        with files.open_plain(path) as file:
            # Line by line: a list of a hundred million paths is no text to hold in memory.
            lines = (line.decode("utf-8-sig", "surrogateescape") for line in file)
            dialect = "excel-tab" if path.lower().endswith(".tsv") else "excel"
            rows = csv.DictReader(lines, dialect=dialect)
            names = [name for name in rows.fieldnames or () if name is not None]
            if column not in names:
                raise SourceError(
                    f"{path}: no column {one_line(column)!r} in its first line{suggest(column, names)}; "
                    "the first line must name the columns"
                )
            for row in rows:
                cell = (row.get(column) or "").strip()
                if cell:
                    yield cell
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from None
    except csv.Error as error:
        raise SourceError(f"{path}: not a table of comma-separated values ({error}); save it as CSV") from None


def _below(cell: str, path: str, follow: bool) -> Iterator[Found]:
    """Give what a cell names; a list from a stranger names files below its own folder only."""
    folder = os.path.dirname(path) or "."  # noqa: PTH120
    if is_remote(cell) and follow:
        yield from _remote(cell, cell.partition("://")[0])
        return
    scheme = _SCHEME.match(cell)
    full = cell if scheme else os.path.join(folder, os.path.expanduser(cell))  # noqa: PTH111, PTH118
    root = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118
    if not follow and (scheme or not os.path.realpath(full).startswith(root)):
        what = "an address" if scheme else "which is not below its own folder"
        yield Found(full, None, f"{path}: names {cell}, {what}; to allow it: follow=True, --follow on the command line")
        return
    yield from _listed(full, follow)


def _remote(text: str, scheme: str) -> Iterator[Found]:
    """Give the files of an address, a folder or a pattern of a storage."""
    library = fsspec()
    try:
        storage, path = library.core.url_to_fs(text)
        if _MAGIC.search(path):
            names = sorted(storage.glob(path))
        elif storage.isdir(path):
            names = sorted(entry["name"] for entry in storage.ls(path, detail=True) if entry["type"] == "file")
        else:
            names = [path]
        if not names:
            yield Found(text, None, f"{text}: no file matches", local=False)
        for name in names:
            yield Found(storage.unstrip_protocol(name), storage.info(name).get("size"), local=False)
    except (OSError, ValueError, ImportError) as error:
        yield Found(text, None, f"{text}: cannot be listed with {scheme}: {error}", local=False)
