"""A journal beside a file that can only be written as a whole, so that a crash loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from poise.errors import FormatError, PoiseError
from poise.files.writing import append, writing
from poise.sinks._sink import create, drop

SUFFIX = ".journal"


def journal_of(path: Path) -> Path:
    """Return the journal's path: ``out.parquet.journal`` beside ``out.parquet``."""
    return path.with_name(path.name + SUFFIX)


def begin_journal(path: Path, *, overwrite: bool) -> BinaryIO:
    """Open a new journal for ``path``.

    Raises:
        PoiseError: One is left from a run that did not end; its content is not thrown away unless ``overwrite``.
    """
    journal = journal_of(path)
    if journal.exists() and not overwrite:
        raise PoiseError(
            f"{journal}: left by a run that did not end; save its rows with poise.sinks.recover({str(journal)!r}), "
            "or drop them: overwrite=True, on the command line --overwrite"
        )
    return create(journal, overwrite=overwrite)


class LineJournal:
    """A journal of JSON values, one a line: ``[kind, value]``.

    Args:
        path: The file that will be made of the journal.
        head: What is needed to make it, kept in the first line.
        overwrite: Drop the journal of a run that did not end.
    """

    def __init__(self, path: Path, head: dict[str, Any], *, overwrite: bool) -> None:
        self.path = path
        self._stream = begin_journal(path, overwrite=overwrite)
        try:
            self.add([("head", head)])
        except PoiseError:
            drop(self._stream, journal_of(path))
            raise

    def add(self, entries: list[tuple[str, Any]]) -> None:
        """Write entries; they are in the file when this returns."""
        text = "".join(json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n" for entry in entries)
        with writing(journal_of(self.path)):
            append(self._stream, text.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close the journal; it stays until what it is for has been made."""
        self._stream.close()


def read_lines(journal: Path) -> Iterator[tuple[str, Any]]:
    """Give the entries of a journal; a last line that a crash cut short is left out.

    Raises:
        FormatError: The file is no journal of this kind.
    """
    with journal.open("rb") as stream:
        for number, line in enumerate(stream):
            if not line.endswith(b"\n"):
                return
            try:
                kind, value = json.loads(line)
            except (ValueError, TypeError) as error:
                raise FormatError(f"{journal}: line {number + 1} is not a line of a journal ({error})") from None
            yield kind, value
