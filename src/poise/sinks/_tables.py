"""Tables out: one row a keypoint, as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError, PoiseError, require
from poise.files.writing import PathLike, append, replacing, writing
from poise.results import Results
from poise.sinks._journal import begin_journal, journal_of
from poise.sinks._rows import table_rows
from poise.sinks._sink import SinkBase, create, drop, refuse_existing

COLUMNS = (
    *("source", "frame", "time", "instance", "id", "class", "name", "box_conf", "keypoint"),
    *("x", "y", "conf", "sigma_x", "sigma_y", "X", "Y", "Z"),
)
# Decimals in text; Parquet keeps all digits.
_DECIMALS = {
    **{"time": 6, "box_conf": 4, "conf": 4},
    **{"x": 3, "y": 3, "sigma_x": 3, "sigma_y": 3, "X": 5, "Y": 5, "Z": 5},
}
_ROW_GROUP = 50_000


def csv_text(columns: dict[str, NDArray[Any]], *, header: bool = False) -> str:
    """Return columns from :func:`table_rows` as CSV; what was not predicted is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows(zip(*(_texts(name, values) for name, values in columns.items()), strict=True))
    return out.getvalue()


def _texts(name: str, values: NDArray[Any]) -> list[Any]:
    if values.dtype.kind != "f":
        listed: list[Any] = values.tolist()
        return listed
    # In float64, so that 0.1 prints as 0.1.
    numbers = np.round(values.astype(np.float64), _DECIMALS.get(name, 0))
    if name == "id":
        return [int(v) if v == v else "" for v in numbers.tolist()]
    return [v if v == v else "" for v in numbers.tolist()]


class CsvSink(SinkBase):
    """Writes one row a keypoint as CSV, flushed frame by frame; what was not predicted is an empty field.

    Args:
        path: A file to make; the columns are those of :func:`table_rows`.
        overwrite: Replace an existing file.
    """

    def __init__(self, path: PathLike, *, overwrite: bool = False) -> None:
        super().__init__()
        self.path = Path(path)
        self._overwrite = overwrite
        self._stream: BinaryIO | None = None
        refuse_existing(self.path, overwrite=overwrite)

    def write(self, result: Results) -> None:
        """Write the rows of one frame."""
        stream = self._begin()
        with writing(self.path):
            append(stream, csv_text(table_rows(result)).encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close the file; one without frames holds the header."""
        stream = self._begin()
        with writing(self.path):
            stream.close()

    def _begin(self) -> BinaryIO:
        if self._stream is None:
            stream = create(self.path, overwrite=self._overwrite)
            try:
                with writing(self.path):
                    append(stream, (",".join(COLUMNS) + "\n").encode())
            except PoiseError:
                drop(stream, self.path)
                raise
            self._stream = stream
            self.paths.append(self.path)
        return self._stream


class ParquetSink(SinkBase):
    """Writes one row a keypoint as Parquet, in row groups of about 50,000 rows.

    A Parquet file can be read only when it is finished, so each frame first goes to ``PATH.journal`` (an Arrow IPC
    stream). ``close`` makes the Parquet file of it and removes it; after a crash, :func:`recover` does.

    Args:
        path: A file to make; the columns are those of :func:`table_rows`, null where nothing was predicted.
        overwrite: Replace an existing file, and drop the journal of a run that did not end.

    Raises:
        MissingExtra: pyarrow is not installed.
    """

    def __init__(self, path: PathLike, *, overwrite: bool = False) -> None:
        super().__init__()
        self.path = Path(path)
        self._pa = require("pyarrow", extra="tables", feature="writing .parquet")
        refuse_existing(self.path, overwrite=overwrite)
        self._stream = begin_journal(self.path, overwrite=overwrite)
        self._schema = table_schema(self._pa)
        self._closed = False
        with writing(journal_of(self.path)):
            self._writer = self._pa.ipc.new_stream(self._stream, self._schema)

    def write(self, result: Results) -> None:
        """Take one frame; its rows are in the journal when this returns."""
        columns = table_rows(result)
        pa = self._pa
        arrays = [pa.array(columns[f.name], type=f.type, from_pandas=True) for f in self._schema]
        with writing(journal_of(self.path)):
            self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))

    def close(self) -> None:
        """Make the Parquet file of the journal."""
        if self._closed:
            return
        self._closed = True
        journal = journal_of(self.path)
        with writing(journal):
            self._writer.close()
            self._stream.close()
        recover_parquet(journal, self.path)
        self.paths.append(self.path)


def recover_parquet(journal: Path, path: Path) -> None:
    """Make a Parquet file of a journal, whole or cut short by a crash, and remove the journal."""
    pa = require("pyarrow", extra="tables", feature="writing .parquet")
    pq = require("pyarrow.parquet", extra="tables", feature="writing .parquet")
    with replacing(path) as part, journal.open("rb") as stream, pq.ParquetWriter(part, table_schema(pa)) as out:
        waiting: list[Any] = []
        for batch in _batches(pa, stream, journal):
            waiting.append(batch)
            if sum(len(b) for b in waiting) >= _ROW_GROUP:
                out.write_table(pa.Table.from_batches(waiting), row_group_size=2 * _ROW_GROUP)
                waiting = []
        if waiting:
            out.write_table(pa.Table.from_batches(waiting), row_group_size=2 * _ROW_GROUP)
    journal.unlink()


def _batches(pa: Any, stream: BinaryIO, journal: Path) -> Any:
    try:
        reader = pa.ipc.open_stream(stream)
    except pa.ArrowInvalid as error:
        if journal.stat().st_size == 0:
            return
        raise FormatError(f"{journal}: is not an Arrow IPC stream ({error})") from None
    while True:
        try:
            yield reader.read_next_batch()
        except (StopIteration, pa.ArrowInvalid, OSError):
            return  # the end, or the place where a crash cut the journal short


def table_schema(pa: Any) -> Any:
    """Return the Arrow schema of the columns of :func:`table_rows`; ``pa`` is the module pyarrow."""
    types = {"frame": pa.int64(), "time": pa.float64(), "instance": pa.int32(), "id": pa.int64(), "class": pa.int32()}
    text = {name: pa.string() for name in ("source", "name", "keypoint")}
    return pa.schema([(name, {**types, **text}.get(name, pa.float32())) for name in COLUMNS])
