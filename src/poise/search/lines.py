"""Poses from text: JSON lines with a line a frame, and CSV with a row a keypoint."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from poise import files
from poise.errors import FormatError
from poise.search.keypoints import Table, instances_of
from poise.search.rows import PoseRows, rows_at_a_time, skeleton_named, wrong
from poise.skeletons import Skeleton

# A line of JSON is a frame: a thousand people of 133 points have 4 MB.
_LONGEST_LINE = 64 << 20
_READ_ROWS = 100_000
_COLUMNS = ("source", "frame", "time", "instance", "keypoint", "x", "y", "conf")


def read_json_lines(path: Path) -> Iterator[PoseRows]:
    """Give the instances of a file of JSON lines, some at a time.

    Raises:
        FormatError: A line is no frame; with its number.
        OSError: It cannot be read.
    """
    waiting: list[tuple[Any, ...]] = []
    skeleton: Skeleton | None = None
    for number, text in _numbered(path):
        try:
            line = json.loads(text)
            found = _instances(line)
            if not found:
                continue
            here = skeleton_named(str(line.get("skeleton", "")), ())
            if skeleton is not None and here != skeleton:
                yield _stacked(skeleton, waiting)
                waiting = []
            skeleton = here
            waiting += [_row(line, i, one, skeleton) for i, one in enumerate(found)]
        except FormatError:
            raise
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise wrong(path, f"is not a frame of poses ({error})", line=number) from None
        if len(waiting) >= rows_at_a_time(len(skeleton)):
            yield _stacked(skeleton, waiting)
            waiting = []
    if skeleton is not None and waiting:
        yield _stacked(skeleton, waiting)


def _instances(line: Any) -> list[Any]:
    found = line["instances"] if isinstance(line, dict) and "instances" in line else None
    if not isinstance(found, list):
        raise ValueError("expected a table with 'source', 'skeleton' and 'instances'")
    return found


def _row(line: dict[str, Any], i: int, one: dict[str, Any], skeleton: Skeleton) -> tuple[Any, ...]:
    points = np.array(one["keypoints"], dtype=np.float64)  # null becomes NaN
    if points.shape != (len(skeleton), 3):
        raise ValueError(f"'keypoints' must be {len(skeleton)} rows of x, y, conf, got {points.shape}")
    box = np.array(one.get("box") or [np.nan] * 4, dtype=np.float64)
    if box.shape != (4,):
        raise ValueError(f"'box' must be four numbers, got {one['box']!r}")
    track = one.get("id")
    time = line.get("time")
    return (
        str(line["source"]),
        int(line.get("frame") or 0),
        float("nan") if time is None else float(time),
        i,
        -1 if track is None else int(track),
        box,
        points,
    )


def _stacked(skeleton: Skeleton, rows: list[tuple[Any, ...]]) -> PoseRows:
    source, frame, time, instance, ids, box, points = zip(*rows, strict=True)
    stacked = np.stack(points).astype(np.float32)
    return PoseRows(
        source=np.array(source, dtype=object),
        frame=np.array(frame, dtype=np.int64),
        time=np.array(time, dtype=np.float64),
        instance=np.array(instance, dtype=np.int32),
        id=np.array(ids, dtype=np.int64),
        skeleton=skeleton,
        box=np.stack(box).astype(np.float32),
        xy=stacked[..., :2],
        conf=stacked[..., 2],
    )


def read_csv(path: Path) -> Iterator[PoseRows]:
    """Give the instances of a CSV table with a row a keypoint, some at a time.

    Raises:
        FormatError: It holds something else; with the line.
        OSError: It cannot be read.
    """
    lines = (text for _, text in _numbered(path))
    reader = csv.reader(lines)
    try:
        head = next(reader, [])
    except csv.Error as error:
        raise wrong(path, error, line=1) from None
    lacks = [name for name in _COLUMNS if name not in head]
    if lacks:
        raise wrong(path, f"the columns {', '.join(lacks)} are missing", line=1)
    where = {name: head.index(name) for name in (*_COLUMNS, "id") if name in head}

    def tables() -> Iterator[Table]:
        while True:
            begin = reader.line_num + 1
            try:
                rows = list(islice(reader, _READ_ROWS))
            except csv.Error as error:
                raise wrong(path, error, line=reader.line_num) from None
            if not rows:
                return
            yield _table(path, rows, where, begin)

    yield from instances_of(tables(), path, None)


def _table(path: Path, rows: list[list[str]], where: dict[str, int], begin: int) -> Table:
    most = max(where.values())
    for i, row in enumerate(rows):
        if len(row) <= most:
            raise wrong(path, f"{len(row)} fields, expected {most + 1} or more", line=begin + i)

    def numbers(name: str, dtype: Any, empty: float = float("nan")) -> Any:
        at = where[name]
        try:
            values = np.array([float(row[at]) if row[at] else empty for row in rows], dtype=np.float64)
        except ValueError as error:
            raise wrong(path, f"in the column {name}: {error}", line=_line_of(rows, at, begin)) from None
        if np.dtype(dtype).kind == "i":
            values = np.clip(np.where(np.isfinite(values), values, empty), -(2.0**31), 2.0**53)
        return values.astype(dtype)

    def texts(name: str) -> Any:
        return np.array([row[where[name]] for row in rows], dtype=object)

    return Table(
        source=texts("source"),
        frame=numbers("frame", np.int64, 0),
        time=numbers("time", np.float64),
        instance=numbers("instance", np.int32, 0),
        id=numbers("id", np.int64, -1) if "id" in where else np.full(len(rows), -1, dtype=np.int64),
        keypoint=texts("keypoint"),
        x=numbers("x", np.float32),
        y=numbers("y", np.float32),
        conf=numbers("conf", np.float32),
    )


def _line_of(rows: list[list[str]], at: int, begin: int) -> int:
    for i, row in enumerate(rows):
        try:
            float(row[at] or 0)
        except ValueError:
            return begin + i
    return begin


def _numbered(path: Path) -> Iterator[tuple[int, str]]:
    """Give the lines that are not empty, with their numbers from 1."""
    with files.open_plain(path) as file:
        yield from _lines(file, path)


def _lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    while data := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(data) > _LONGEST_LINE:
            raise wrong(path, f"a line of more than {_LONGEST_LINE >> 20} MB", line=number)
        try:
            text = data.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise wrong(path, "is not text in UTF-8", line=number) from None
        if text.strip():
            yield number, text
