"""Poses from Parquet: a row a person, as a batch writes them, or a row a keypoint, as ``--out poses.parquet`` does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.errors import FormatError, require
from poise.search.keypoints import Table, instances_of
from poise.search.rows import MOST_POINTS, PoseRows, described, rows_at_a_time, skeleton_named, wrong
from poise.skeletons import Skeleton

_PERSON = ("source", "frame", "time", "instance", "xy", "keypoint_conf")
_KEYPOINT = ("source", "frame", "time", "instance", "keypoint", "x", "y", "conf")
_MORE = ("id", "skeleton", "x1", "y1", "x2", "y2")
# More rows than this are those of several searches, and a group of rows is read as a whole.
_MOST_ROWS, _MOST_GROUP = 2_000_000_000, 2 << 30
_LONGEST_NAME = 8192
_READ_ROWS = 200_000  # of keypoints


def read_parquet(path: Path) -> Iterator[PoseRows]:
    """Give the instances of a Parquet file, some at a time.

    Raises:
        FormatError: It is damaged, or holds something else.
        MissingExtra: pyarrow is not installed.
        OSError: It cannot be read.
    """
    pa = require("pyarrow", extra="tables", feature="reading .parquet")
    parquet = require("pyarrow.parquet", extra="tables", feature="reading .parquet")
    files.check_plain(path)
    try:
        with parquet.ParquetFile(path, thrift_string_size_limit=1 << 26) as file:
            yield from _read(pa, file, path)
    except FormatError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, RecursionError) as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise wrong(path, f"cannot be read as Parquet ({said})") from error


def _read(pa: Any, file: Any, path: Path) -> Iterator[PoseRows]:
    schema, about = file.schema_arrow, file.metadata
    if about.num_rows > _MOST_ROWS:
        raise wrong(path, f"{about.num_rows:,} rows, the limit is {_MOST_ROWS:,}")
    for group in range(about.num_row_groups):
        size = about.row_group(group).total_byte_size
        if size > _MOST_GROUP:
            raise wrong(path, f"row group {group} has {size:,} bytes, the limit is {_MOST_GROUP:,}")
    there = set(schema.names)
    told = (schema.metadata or {}).get(b"poise.skeleton")
    skeleton = None
    if told is not None:
        try:
            skeleton = described(told)
        except ValueError as error:
            raise wrong(path, f"'poise.skeleton' of its metadata: {error}") from None
    if there >= set(_PERSON):
        yield from _people(pa, file, path, skeleton)
    elif there >= set(_KEYPOINT):
        yield from _points(pa, file, path, skeleton)
    else:
        lacks = sorted(set(_PERSON) - there)
        raise wrong(path, f"the columns {', '.join(lacks)} are missing")


def _people(pa: Any, file: Any, path: Path, skeleton: Skeleton | None) -> Iterator[PoseRows]:
    schema = file.schema_arrow
    kind = schema.field("xy").type
    k = kind.list_size // 2 if pa.types.is_fixed_size_list(kind) else 0
    if not 0 < k <= MOST_POINTS or kind.list_size != 2 * k:
        raise wrong(path, f"the column xy must be a fixed_size_list of x and y, got {kind}")
    other = schema.field("keypoint_conf").type
    if not pa.types.is_fixed_size_list(other) or other.list_size != k:
        raise wrong(path, f"the column keypoint_conf must be a fixed_size_list of {k}, got {other}")
    columns = [name for name in (*_PERSON, *_MORE) if name in schema.names]
    for batch in file.iter_batches(batch_size=rows_at_a_time(k), columns=columns):
        if not len(batch):
            continue
        if skeleton is None:
            skeleton = skeleton_named(_one_name(pa, batch, path), ())
        if len(skeleton) != k:
            raise wrong(path, f"xy has {k} points a row, and the skeleton {skeleton.name!r} has {len(skeleton)}")
        table = _common(pa, batch, path)
        yield PoseRows(
            **table,
            skeleton=skeleton,
            xy=_lists(pa, batch, "xy", 2 * k, path).reshape(-1, k, 2),
            conf=_lists(pa, batch, "keypoint_conf", k, path),
        )


def _points(pa: Any, file: Any, path: Path, skeleton: Skeleton | None) -> Iterator[PoseRows]:
    columns = [name for name in (*_KEYPOINT, "id") if name in file.schema_arrow.names]

    def tables() -> Iterator[Table]:
        for batch in file.iter_batches(batch_size=_READ_ROWS, columns=columns):
            named = _texts(pa, batch, "keypoint", path)
            places = {name: _numbers(pa, batch, name, np.float32, path) for name in ("x", "y", "conf")}
            head = _common(pa, batch, path)
            del head["box"]
            yield Table(**head, keypoint=named, **places)

    yield from instances_of(tables(), path, skeleton)


def _common(pa: Any, batch: Any, path: Path) -> dict[str, Any]:
    n, there = len(batch), batch.schema.names
    box = np.full((n, 4), np.nan, dtype=np.float32)
    for i, name in enumerate(("x1", "y1", "x2", "y2")):
        if name in there:
            box[:, i] = _numbers(pa, batch, name, np.float32, path)
    ids = _numbers(pa, batch, "id", np.int64, path, null=-1) if "id" in there else np.full(n, -1, dtype=np.int64)
    return {
        "source": _texts(pa, batch, "source", path),
        "frame": _numbers(pa, batch, "frame", np.int64, path, null=0),
        "time": _numbers(pa, batch, "time", np.float64, path),
        "instance": _numbers(pa, batch, "instance", np.int32, path, null=0),
        "id": ids,
        "box": box,
    }


def _numbers(pa: Any, batch: Any, name: str, dtype: Any, path: Path, *, null: float | None = None) -> NDArray[Any]:
    """Return a column as numbers; null is NaN unless said otherwise."""
    column = batch.column(name)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type)):
        raise wrong(path, f"the column {name} must hold numbers, got {column.type}")
    values = np.asarray(column.to_numpy(zero_copy_only=False))
    if null is None:
        return values.astype(dtype)
    if column.null_count or values.dtype.kind != "i":
        values = np.where(np.isfinite(values.astype(np.float64)), values.astype(np.float64), null)
        values = np.clip(values, -(2.0**31), 2.0**53)
    return values.astype(dtype)


def _texts(pa: Any, batch: Any, name: str, path: Path) -> NDArray[Any]:
    """Return a column of text as objects, one for each name however often it is there."""
    column = batch.column(name)
    if pa.types.is_dictionary(column.type):
        kind = column.type.value_type
    else:
        kind, column = column.type, column.dictionary_encode()
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise wrong(path, f"the column {name} must hold text, got {kind}")
    words = np.array([*column.dictionary.to_pylist(), None], dtype=object)
    for word in words[:-1]:
        if word is None or len(word) > _LONGEST_NAME:
            raise wrong(path, f"a {name} of {'nothing' if word is None else f'{len(word):,} characters'}")
    if column.null_count:
        raise wrong(path, f"the column {name} must say something in each row, got null")
    chosen: NDArray[Any] = words[np.asarray(column.indices.to_numpy(zero_copy_only=False)).astype(np.int64)]
    return chosen


def _lists(pa: Any, batch: Any, name: str, width: int, path: Path) -> NDArray[np.float32]:
    column = batch.column(name)
    values = column.flatten()  # leaves out lists that are null
    if column.null_count or len(values) != len(batch) * width:
        raise wrong(path, f"the column {name} must have {width} numbers in each row, got null")
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        raise wrong(path, f"the column {name} must hold numbers, got {values.type}")
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(-1, width)


def _one_name(pa: Any, batch: Any, path: Path) -> str:
    if "skeleton" not in batch.schema.names:
        raise wrong(path, "says neither in its metadata nor in a column 'skeleton' what its points are")
    names = set(_texts(pa, batch, "skeleton", path).tolist())
    if len(names) > 1:
        raise wrong(path, f"several skeletons in one file: {', '.join(sorted(names)[:5])}")
    return str(names.pop())
