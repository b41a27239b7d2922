"""What a batch writes of what it found: rows of a table, or lines of JSON, as they lie in a journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from poise.bodies.pose_embedding import embed, layout
from poise.errors import PoiseError, require
from poise.results import Results
from poise.sinks import printable, record, table_rows, table_schema
from poise.skeletons import Skeleton

# The version of the columns; a later one has more of them, or others.
SCHEMA = "1"
FORMATS = ("parquet", "jsonl", "coco")
# Rows that wait in memory before they go to the journal.
_MOST = 2000


class Rows(Protocol):
    """Collects what was found, and gives it as bytes for a journal.

    Attributes:
        head: How the bytes are to be read.
        count: Rows so far, since ``begin``.
    """

    head: bytes
    count: int

    def begin(self, item: int) -> None:
        """Begin an item, and forget what waits of another."""
        ...

    def add(self, found: Any) -> bytes | None:
        """Take what was found; returns bytes where enough is waiting."""
        ...

    def take(self) -> bytes | None:
        """Return what waits, None where nothing does."""
        ...


def rows_for(kind: str, form: str, unit: str, *, skeleton: Skeleton | None = None, spatial: bool = False) -> Rows:
    """Return what collects the rows of a batch.

    Args:
        kind: What is found: ``"results"``, or the name of records in ``RECORDS``.
        form: One of ``FORMATS``.
        unit: What a row of results is: ``"person"`` or ``"keypoint"``.
        skeleton: Of results.
        spatial: The network gives positions in metres.

    Raises:
        MissingExtra: Parquet needs pyarrow.
    """
    if form == "jsonl":
        return JsonRows((lambda result, item: [record(result)]) if kind == "results" else _record_line)
    if form == "coco":
        from poise.batch.coco import coco_lines

        return JsonRows(coco_lines)
    pa = pyarrow()
    if kind != "results":
        return Table(_record_schema(pa, kind), RECORDS[kind])
    assert skeleton is not None
    if unit == "keypoint":
        return Table(_described(pa, table_schema(pa), skeleton), lambda result, item: table_rows(result))
    return Table(person_schema(pa, skeleton, spatial=spatial), lambda result, item: _people(result, item, spatial))


def pyarrow() -> Any:
    """Return the module pyarrow.

    Raises:
        MissingExtra: It is not installed.
    """
    return require("pyarrow", extra="tables", feature="writing a batch as Parquet (--format jsonl does without)")


class JsonRows:
    """Lines of JSON.

    Args:
        lines: Gives the lines of one thing that was found.
    """

    head = b""

    def __init__(self, lines: Callable[[Any, int], list[Any]]) -> None:
        self._lines = lines
        self._item = 0
        self._waiting: list[str] = []
        self.count = 0

    def begin(self, item: int) -> None:
        """Begin an item."""
        self._item, self._waiting, self.count = item, [], 0

    def add(self, found: Any) -> bytes | None:
        """Take what was found."""
        lines = [json.dumps(line, ensure_ascii=False, allow_nan=False) for line in self._lines(found, self._item)]
        self._waiting += lines
        self.count += len(lines)
        return self.take() if len(self._waiting) >= _MOST else None

    def take(self) -> bytes | None:
        """Return the lines that wait."""
        if not self._waiting:
            return None
        text = "\n".join(self._waiting) + "\n"
        self._waiting = []
        return text.encode("utf-8", "backslashreplace")


class Table:
    """Rows of a table, as record batches of Arrow.

    Args:
        schema: Of the table.
        columns: Gives the columns of one thing that was found, one row or many; all of one length.
    """

    def __init__(self, schema: Any, columns: Callable[[Any, int], Mapping[str, Any]]) -> None:
        self._pa = pyarrow()
        self._schema = schema
        self._columns = columns
        self._item = 0
        self._waiting: list[Mapping[str, Any]] = []
        self._rows = 0
        self.head = schema.serialize().to_pybytes()
        self.count = 0

    def begin(self, item: int) -> None:
        """Begin an item."""
        self._item, self._waiting, self._rows, self.count = item, [], 0, 0

    def add(self, found: Any) -> bytes | None:
        """Take what was found."""
        columns = self._columns(found, self._item)
        rows = len(next(iter(columns.values())))
        if rows:
            self._waiting.append(columns)
            self._rows += rows
            self.count += rows
        return self.take() if self._rows >= _MOST else None

    def take(self) -> bytes | None:
        """Return the rows that wait."""
        if not self._waiting:
            return None
        parts, self._waiting, self._rows = self._waiting, [], 0
        arrays = [self._array(field, [part[field.name] for part in parts]) for field in self._schema]
        batch = self._pa.record_batch(arrays, schema=self._schema)
        body: bytes = batch.serialize().to_pybytes()
        return body

    def _array(self, field: Any, parts: list[Any]) -> Any:
        pa, kind = self._pa, field.type
        if isinstance(parts[0], np.ndarray):
            values = np.concatenate(parts) if len(parts) > 1 else parts[0]
            if pa.types.is_fixed_size_list(kind):
                flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1), type=pa.float32())
                return pa.FixedSizeListArray.from_arrays(flat, type=kind)
            # NaN is a number where pixels are meant, and none where an id is.
            return pa.array(values, type=kind, from_pandas=field.nullable)
        return pa.array([value for part in parts for value in part], type=kind)


# One row a person.


def person_schema(pa: Any, skeleton: Skeleton, *, spatial: bool) -> Any:
    """Return the schema of a table with one row a person: version 1.

    Args:
        pa: The module pyarrow.
        skeleton: What the K keypoints are.
        spatial: With ``xyz``.
    """
    k = len(skeleton)

    def points(of_each: int) -> Any:
        return pa.list_(pa.float32(), of_each * k)

    fields = [
        *(("source", pa.string()), ("item", pa.int64()), ("frame", pa.int64()), ("time", pa.float64())),
        *(("width", pa.int32()), ("height", pa.int32()), ("instance", pa.int32()), ("id", pa.int64())),
        *(("class", pa.int32()), ("name", pa.string()), ("conf", pa.float32())),
        *((corner, pa.float32()) for corner in ("x1", "y1", "x2", "y2")),
        *(("skeleton", pa.string()), ("xy", points(2)), ("keypoint_conf", points(1))),
        *([("xyz", points(3))] if spatial else []),
    ]
    used = layout(skeleton)
    fields += [
        ("embedding", pa.list_(pa.float32(), used.size)),
        ("embedding_weight", pa.list_(pa.float32(), len(used))),
    ]
    schema = pa.schema([pa.field(name, kind, nullable=name == "id") for name, kind in fields])
    return _described(pa, schema, skeleton)


def _described(pa: Any, schema: Any, skeleton: Skeleton) -> Any:
    about = {"name": skeleton.name, "keypoints": list(skeleton.keypoints), "edges": [list(e) for e in skeleton.edges]}
    return schema.with_metadata({"poise.schema": SCHEMA, "poise.skeleton": json.dumps(about)})


def _people(result: Results, item: int, spatial: bool) -> dict[str, Any]:
    boxes, points = result.boxes, result.keypoints
    n = len(result)
    if not n:
        return {"source": ()}
    height, width = result.orig_shape
    data = np.asarray(boxes.data)
    classes = np.asarray(boxes.cls).astype(int)
    k = points.xy.shape[1]

    def all_(value: Any, dtype: Any) -> NDArray[Any]:
        return np.full(n, value, dtype=dtype)

    columns = {
        "source": all_(printable(result.path), object),
        "item": all_(item, np.int64),
        "frame": all_(result.frame, np.int64),
        "time": all_(float(result.time), np.float64),
        "width": all_(width, np.int32),
        "height": all_(height, np.int32),
        "instance": np.arange(n, dtype=np.int32),
        "id": all_(np.nan, np.float64) if boxes.id is None else np.asarray(boxes.id, dtype=np.float64),
        "class": classes.astype(np.int32),
        "name": np.array([str(result.names.get(number, number)) for number in classes.tolist()], dtype=object),
        "conf": data[:, -2],
        **{corner: data[:, i] for i, corner in enumerate(("x1", "y1", "x2", "y2"))},
        "skeleton": all_(result.skeleton.name, object),
        "xy": np.asarray(points.xy).reshape(n, 2 * k),
        "keypoint_conf": np.full((n, k), np.nan, np.float32) if points.conf is None else np.asarray(points.conf),
    }
    if spatial:
        columns["xyz"] = np.asarray(points.xyz).reshape(n, 3 * k)
    columns["embedding"], columns["embedding_weight"] = embed(points.xy, points.conf, result.skeleton)
    return columns


# Other works: the records that their commands print.


@cache
def _fields() -> dict[str, dict[str, str]]:
    head = {"source": "string", "item": "int64"}
    at = {"frame": "int64", "time": "float64"}
    number = "float64"
    return {
        "gestures": {**head, **at, "id": "int64", "part": "string", "gesture": "string", "conf": number},
        "events": {
            **head,
            **{"time": number, "frame": "int64", "id": "int64", "event": "string", "value": "string"},
            **{"number": number, "conf": number},
        },
        "reps": {
            **head,
            **{"fps": number, "duration": number, "id": "int64", "exercise": "string", "exercise_conf": number},
            **{"count": "int64", "count_low": "int64", "count_high": "int64", "hold_s": number},
            **{"reps": "reps", "rejected": "rejected"},
        },
        "angles": {
            **head,
            **at,
            **{"id": "int64", "name": "string", "value": number, "unit": "string", "sigma": number, "conf": number},
            **{"speed": number, "view": number, "view_error": number, "trusted": "bool"},
        },
    }


def _record_schema(pa: Any, kind: str) -> Any:
    number, text = pa.float64(), pa.string()
    known = {
        **{"string": text, "int64": pa.int64(), "float64": number, "bool": pa.bool_()},
        "reps": pa.list_(
            pa.struct(
                [(name, number) for name in ("start", "peak", "end", "depth")] + [("side", text), ("conf", number)]
            )
        ),
        "rejected": pa.list_(pa.struct([("start", number), ("end", number), ("reason", text)])),
    }
    fields = [(name, known[told]) for name, told in _fields()[kind].items()]
    return pa.schema(fields).with_metadata({"poise.schema": SCHEMA, "poise.work": kind})


def _single(kind: str) -> Callable[[Any, int], Mapping[str, Any]]:
    """Return what makes one row of a record."""

    def columns(found: Mapping[str, Any], item: int) -> Mapping[str, Any]:
        row = {**found, "item": item}
        if kind == "events":
            value = found["value"]
            plain = isinstance(value, (int, float)) and not isinstance(value, bool)
            row["number"] = float(value) if plain else None
            row["value"] = value if value is None or isinstance(value, str) else json.dumps(value)
        return {name: (row.get(name),) for name in _fields()[kind]}

    return columns


def _angles(found: Mapping[str, Any], item: int) -> Mapping[str, Any]:
    length = len(found["frame"])
    source = np.full(length, found["source"], dtype=object)
    columns: dict[str, Any] = {"source": source, "item": np.full(length, item, dtype=np.int64)}
    for name, told in _fields()["angles"].items():
        if name not in columns:
            columns[name] = found[name].astype(told if told in ("int64", "float64", "bool") else object)
    return columns


RECORDS: dict[str, Callable[[Any, int], Mapping[str, Any]]] = {
    **{kind: _single(kind) for kind in ("gestures", "events", "reps")},
    "angles": _angles,
}


def _record_line(found: Mapping[str, Any], item: int) -> list[Any]:
    if not isinstance(found.get("frame"), np.ndarray):
        return [dict(found)]
    # A table: one line a row, and null for what is not known.
    names = [name for name in found if name != "source"]
    columns = [found[name].tolist() for name in names]
    return [
        {"source": found["source"], **{n: None if v != v else v for n, v in zip(names, row, strict=True)}}
        for row in zip(*columns, strict=True)
    ]


def check_skeleton(result: Results, skeleton: Skeleton) -> None:
    """Refuse results that do not fit the table.

    Raises:
        PoiseError: Another skeleton.
    """
    if len(result.skeleton) != len(skeleton):
        raise PoiseError(
            f"{result.path}: keypoints of {result.skeleton.name}, expected those of {skeleton.name} in every row"
        )
