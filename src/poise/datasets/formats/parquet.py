"""Parquet: one row an instance, with everything that Poise knows about a data set.

Columns: picture, width, height, instance (its number in the picture), class, name, box (xyxy), x, y, visibility (a list
of K each), area, crowd. A picture without instances has one row whose instance is null. What is not labelled is null in
x and y. The description of the data set is JSON under the key ``poise`` of the file's metadata.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from poise.datasets._dataset import Dataset
from poise.datasets._labels import Labels
from poise.datasets._pictures import find_pictures
from poise.datasets._spec import DataSpec
from poise.datasets.formats._build import MAX_KEYPOINTS, TableDataset
from poise.datasets.formats._capacity import FormatCapacity, Labelled
from poise.datasets.formats._place import write_bytes
from poise.datasets.formats._registry import Reading
from poise.errors import FormatError, require
from poise.skeletons.table import of_table, part_of_table

HOLDS = FormatCapacity(area=True, crowd=True, skeleton=("edges", "flip_idx", "sigmas"))
FILE = "{split}.parquet"

_COLUMNS = (
    *("picture", "width", "height", "instance", "class", "name"),
    *("box", "x", "y", "visibility", "area", "crowd"),
)
_MAX_ROWS = 20_000_000


def write(part: Labelled, file: Path) -> None:
    """Write one split."""
    pa = require("pyarrow", extra="tables", feature="a Parquet file")
    parquet = require("pyarrow.parquet", extra="tables", feature="a Parquet file")
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for labels, (width, height), place in zip(part.labels, part.sizes, part.places, strict=True):
        picture = {"picture": place, "width": width, "height": height}
        for i, row in enumerate(_rows(part, labels)):
            _add(columns, {**picture, "instance": i, **row})
        if not len(labels):
            _add(columns, picture)
    floats = pa.list_(pa.float32())
    kinds = {"picture": pa.string(), "width": pa.int32(), "height": pa.int32(), "instance": pa.int32()}
    kinds |= {"class": pa.int32(), "name": pa.string(), "box": floats, "x": floats, "y": floats}
    kinds |= {"visibility": pa.list_(pa.uint8()), "area": pa.float32(), "crowd": pa.bool_()}
    schema = pa.schema(list(kinds.items()), metadata={"poise": json.dumps(_description(part.spec))})
    out = io.BytesIO()
    parquet.write_table(pa.table(columns, schema=schema), out, compression="zstd")
    write_bytes(file, out.getvalue())


def _rows(part: Labelled, labels: Labels) -> list[dict[str, Any]]:
    return [
        {
            "class": number,
            "name": part.spec.names[number],
            "box": box,
            "x": [None if v != v else v for v in x],
            "y": [None if v != v else v for v in y],
            "visibility": visibility,
            "area": None if area != area else area,
            "crowd": crowd,
        }
        for number, box, x, y, visibility, area, crowd in zip(
            labels.classes.tolist(),
            labels.boxes.tolist(),
            labels.xy[..., 0].tolist(),
            labels.xy[..., 1].tolist(),
            labels.visibility.tolist(),
            labels.area.tolist(),
            labels.crowd.tolist(),
            strict=True,
        )
    ]


def _add(columns: dict[str, list[Any]], row: dict[str, Any]) -> None:
    for name, values in columns.items():
        values.append(row.get(name))


def _description(spec: DataSpec) -> dict[str, Any]:
    skeleton = spec.skeleton
    bones = part_of_table(skeleton, "keypoints", "edges", "flip_idx", "sigmas", "sigmas_source", "instance")
    known = {"flip_known": spec.flip_known, "kpt_names": spec.kpt_names}
    return {"version": 1, "names": list(spec.names.values()), "skeleton": skeleton.name} | bones | known


def read(path: Path, split: str, how: Reading) -> Dataset:
    """Read a file that Poise wrote."""
    pa = require("pyarrow", extra="tables", feature="a Parquet file")
    parquet = require("pyarrow.parquet", extra="tables", feature="a Parquet file")
    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > _MAX_ROWS:
                raise FormatError(f"{path}: {file.metadata.num_rows:,} rows, the limit is {_MAX_ROWS:,}; split it")
            schema = file.schema_arrow
            missing = [name for name in _COLUMNS if name not in schema.names]
            if missing or b"poise" not in (schema.metadata or {}):
                raise FormatError(f"{path}: not a data set that Poise wrote: lacks {', '.join(missing) or 'metadata'}")
            spec = how.spec or _spec(path, split, how, schema.metadata[b"poise"])
            rows = file.read(columns=list(_COLUMNS)).to_pylist()
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        raise FormatError(f"{path}: not a readable Parquet file: {error}") from error
    pictures: dict[str, list[dict[str, Any]]] = {}
    for i, row in enumerate(rows):
        if not isinstance(row["picture"], str) or not row["picture"]:
            raise FormatError(f"{path}: row {i}: picture must be text, got {row['picture']!r}")
        pictures.setdefault(row["picture"], []).append(row)
    paths, moved = find_pictures(path, list(pictures), how.images)
    return TableDataset(
        spec,
        split,
        paths,
        [_size(rows[0]) for rows in pictures.values()],
        [(_labels(path, name, rows, spec), []) for name, rows in pictures.items()],
        moved,
    )


def _size(row: dict[str, Any]) -> tuple[int, int] | None:
    width, height = row["width"], row["height"]
    return (width, height) if type(width) is int and type(height) is int and width > 0 and height > 0 else None


def _labels(path: Path, name: str, rows: list[dict[str, Any]], spec: DataSpec) -> Labels:
    k, rows = spec.kpt_shape[0], [row for row in rows if row["instance"] is not None]

    def column(key: str, width: int) -> np.ndarray[Any, Any]:
        values = np.array([row[key] for row in rows], dtype=np.float64)
        if values.size != len(rows) * width:
            raise ValueError(f"{key} must have {width} values a row")
        return values.reshape(len(rows), width)

    try:
        visibility, classes, boxes = column("visibility", k), column("class", 1)[:, 0], column("box", 4)
        xy = np.stack([column("x", k), column("y", k)], axis=-1)
        if not np.isin(visibility, (0, 1, 2)).all() or not np.isfinite(xy[visibility > 0]).all():
            raise ValueError("visibility must be 0, 1 or 2, and a labelled keypoint have a position")
        if not np.isfinite(boxes).all() or not np.isin(classes, list(spec.names)).all():
            raise ValueError(f"boxes must be numbers, and classes from 0 to {len(spec.names) - 1}")
        crowd = column("crowd", 1)[:, 0] == 1
        return Labels.of(classes, boxes, xy, visibility, area=column("area", 1)[:, 0], crowd=crowd)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{path}: picture {name[:200]!r}: {error}") from error


def _spec(path: Path, split: str, how: Reading, text: bytes) -> DataSpec:
    try:
        given = json.loads(text)
        keypoints = tuple(str(name) for name in given["keypoints"])
        if not 0 < len(keypoints) <= MAX_KEYPOINTS:
            raise ValueError(f"{len(keypoints)} keypoints, the limit is {MAX_KEYPOINTS}")
        skeleton = how.skeleton or of_table({**given, "name": given["skeleton"], "subsets": {}, "source": str(path)})
        return DataSpec(
            file=path,
            root=how.images or path.parent,
            splits={split: (str(path),)},
            names={i: str(name) for i, name in enumerate(given["names"])},
            kpt_shape=(len(skeleton), 3),
            skeleton=skeleton,
            flip_known=bool(given["flip_known"]),
            kpt_names=bool(given["kpt_names"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: its metadata 'poise' is not a data set's description: {error!r}") from error
