"""One line of JSON a frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from poise.files.writing import PathLike, append, write_all, writing
from poise.results import Results
from poise.sinks._rows import record
from poise.sinks._sink import SinkBase, create, refuse_existing


class JsonLinesSink(SinkBase):
    """Writes one line of JSON a frame, flushed line by line, so a file cut short by a crash is whole up to its end.

    Args:
        path_or_stream: A file to make, or an open text or binary stream, which is left open.
        overwrite: Replace an existing file.
    """

    def __init__(self, path_or_stream: PathLike | IO[Any], *, overwrite: bool = False) -> None:
        super().__init__()
        self._overwrite = overwrite
        self._stream: Any = None
        self._path: Path | None = None
        self._name = "stream"
        if hasattr(path_or_stream, "write"):
            self._stream = path_or_stream
            self._name = str(getattr(path_or_stream, "name", "stream"))
        else:
            self._path = Path(path_or_stream)
            self._name = str(self._path)
            refuse_existing(self._path, overwrite=overwrite)

    def write(self, result: Results) -> None:
        """Write one line."""
        self.write_record(record(result))

    def write_record(self, line: dict[str, Any]) -> None:
        """Write one line from plain values, such as :func:`record` with more keys in it."""
        # A terminal may not know UTF-8; escapes say the same in ASCII.
        ascii_only = self._path is None and "utf" not in str(getattr(self._stream, "encoding", None) or "utf-8").lower()
        text = json.dumps(line, ensure_ascii=ascii_only, allow_nan=False) + "\n"
        if self._stream is None:
            self._open()
        with writing(self._name):
            if self._path is not None:
                append(self._stream, text.encode("utf-8", "backslashreplace"))
                return
            try:
                self._stream.write(text)
            except TypeError:  # a binary stream
                write_all(self._stream, text.encode("utf-8", "backslashreplace"))
            self._stream.flush()

    def close(self) -> None:
        """Close the file; one without frames is made empty."""
        if self._path is not None:
            if self._stream is None and not self.paths:
                self._open()
            if self._stream is not None:
                with writing(self._name):
                    self._stream.close()
                self._stream = None

    def _open(self) -> None:
        assert self._path is not None
        self._stream = create(self._path, overwrite=self._overwrite)
        self.paths.append(self._path)
