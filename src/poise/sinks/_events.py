"""Events as lines of JSON or rows of CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poise.errors import PoiseError
from poise.files.writing import PathLike, append, writing
from poise.sinks._sink import create, drop

EVENT_KEYS = ("time", "frame", "id", "event", "value", "conf")


class EventCsvSink:
    """Writes one row an event, flushed row by row.

    Args:
        path: The file to make.
        overwrite: Replace an existing file.

    Raises:
        PoiseError: It exists already, or cannot be made.
    """

    def __init__(self, path: PathLike, *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self._stream: Any = create(self.path, overwrite=overwrite)
        try:
            self._write(EVENT_KEYS)
        except PoiseError:
            drop(self._stream, self.path)
            raise

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write one event; what is None is an empty cell.

        Raises:
            PoiseError: It cannot be written.
        """
        self._write([record[key] for key in EVENT_KEYS])

    def close(self) -> None:
        """Close the file. Calling it again does nothing."""
        self._stream.close()

    def _write(self, row: Any) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        with writing(self.path):
            append(self._stream, text.getvalue().encode("utf-8", "backslashreplace"))
