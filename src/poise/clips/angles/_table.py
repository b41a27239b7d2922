"""A whole clip's angles as a tidy table: one row a frame, id and name."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poise.bodies.proportions import TRUNK
from poise.clips.angles._kinematics import velocity
from poise.clips.angles._measure import measure
from poise.clips.angles._names import AngleSet, angle_set
from poise.clips.angles._view import WARN_DEG, View, view
from poise.clips.clip import Clip
from poise.clips.packed import piece_of
from poise.errors import PoiseError, require
from poise.files.writing import check_writable, replacing, write_atomically
from poise.filters.uncertainty import point_sigma, sizes

Table = dict[str, np.ndarray[Any, Any]]

COLUMNS = ("frame", "time", "id", "name", "value", "unit", "sigma", "conf", "speed", "view", "view_error", "trusted")


def angle_rows(
    clip: Clip,
    angles: AngleSet | None = None,
    *,
    names: Sequence[str] | None = None,
    max_view_error: float = WARN_DEG,
) -> tuple[Table, list[str]]:
    """Measure every angle of a clip.

    Args:
        clip: The clip; repaired by :func:`poise.clips.fix` it gives steadier angles.
        angles: What to measure; the bundled angles of the clip's skeleton unless given.
        names: Only these; an unknown one is an error.
        max_view_error: An angle that the view may falsify by more is not trusted, degrees.

    Returns:
        Columns of one length: ``frame``, ``time`` (s), ``id``, ``name``, ``value``, ``unit`` (``deg``, or ``trunk`` for
        distances in lengths of the person's own trunk), ``sigma`` (one standard deviation, same unit), ``conf`` (lowest
        of its points), ``speed`` (unit a second), ``view`` (degrees out of the image plane), ``view_error`` (degrees),
        ``trusted`` (whether the view allows to believe it; False where it cannot be judged, as for distances). Rows of
        an id that is not in the frame are left out; a missing value is NaN. ``knee_flexion_difference`` and its like
        are left minus right. The second item holds a sentence for each angle that the view spoils.

    Raises:
        KeyError: No angles for this skeleton, or no angle of this name.
    """
    angles = angles or angle_set(clip.skeleton.name)
    found = [_one(*piece_of(clip, i), angles, max_view_error) for i in range(len(clip.ids))]
    warnings = [line for _, lines in found for line in lines]
    blocks = [block for block, _ in found]
    empty = {name: np.empty(0, dtype=object if name in ("name", "unit") else float) for name in COLUMNS}
    table = {name: np.concatenate([b[name] for b in blocks]) if blocks else empty[name] for name in COLUMNS}
    if names is not None:
        known = (*angles.names, *(f"{base}_difference" for _, _, base in angles.sides))
        for name in names:
            if name not in known:
                angles.index(name)
        keep = np.isin(table["name"].astype(str), list(names))
        table = {name: column[keep] for name, column in table.items()}
    order = np.lexsort((table["id"], table["frame"]))
    return {name: column[order] for name, column in table.items()}, warnings


def _one(clip: Clip, i: int, angles: AngleSet, max_view_error: float) -> tuple[dict[str, Any], list[str]]:
    xy, conf = clip.xy[i].astype(np.float64), np.nan_to_num(clip.conf[i].astype(np.float64), nan=0.5)
    size = sizes(clip.boxes[i].astype(np.float64))
    sigma = point_sigma(clip.conf[i], size, clip.skeleton.sigmas, sigma=clip.sigma[i])
    found = measure(xy, sigma, conf, angles)
    seen = view(xy, conf, clip.times, angles, found.value)
    value, deviation = found.value.copy(), found.sigma.copy()
    j, s = len(angles.joints), len(angles.segments)
    trunk = _trunk(seen)
    value[:, j + s :] /= trunk[:, None]
    deviation[:, j + s :] /= trunk[:, None]
    speed = velocity(value, clip.times)
    speed[:, j : j + s] = velocity(value[:, j : j + s], clip.times, circular=True)
    columns = [value, deviation, found.conf, speed, seen.off_plane, seen.error]
    columns = [
        np.concatenate([c, extra], axis=1) for c, extra in zip(columns, _differences(columns, angles), strict=True)
    ]
    every = (*angles.names, *(f"{base}_difference" for _, _, base in angles.sides))
    units = ["deg"] * (j + s) + ["trunk"] * len(angles.distances) + ["deg"] * len(angles.sides)
    at = np.flatnonzero(clip.present[i])
    shape = (len(at), len(every))
    block = {
        "frame": np.repeat(clip.frames[at], len(every)),
        "time": np.repeat(clip.times[at], len(every)),
        "id": np.full(shape, clip.ids[i]).reshape(-1),
        "name": np.tile(np.array(every, dtype=object), len(at)),
        "unit": np.tile(np.array(units, dtype=object), len(at)),
    }
    names = ("value", "sigma", "conf", "speed", "view", "view_error")
    block |= {name: column[at].reshape(-1) for name, column in zip(names, columns, strict=True)}
    with np.errstate(invalid="ignore"):
        block["trusted"] = np.isfinite(block["value"]) & (block["view_error"] <= max_view_error)
    lines = [f"id {clip.ids[i]}: {line}" for line in seen.warnings(angles.joints, max_error=max_view_error)]
    return block, lines


def _trunk(seen: View) -> Any:
    return TRUNK * seen.height


def _differences(columns: list[Any], angles: AngleSet) -> Iterator[Any]:
    """Yield what each column says of left minus right."""
    left = [angles.joints.index(a) for a, _, _ in angles.sides]
    right = [angles.joints.index(b) for _, b, _ in angles.sides]
    value, deviation, conf, speed, off, error = columns
    yield value[:, left] - value[:, right]
    yield np.hypot(deviation[:, left], deviation[:, right])
    yield np.minimum(conf[:, left], conf[:, right])
    yield speed[:, left] - speed[:, right]
    yield np.maximum(off[:, left], off[:, right])
    yield error[:, left] + error[:, right]


def check_table(path: str | Path, *, overwrite: bool = False) -> None:
    """Say before any work whether :func:`write_table` could write there.

    Raises:
        ValueError: The ending is neither ``.csv`` nor ``.parquet``.
        PoiseError: The file exists, or its folder cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ValueError(f"{path}: a table is written as .csv or .parquet, got {path.suffix or 'no ending'!r}")
    if path.exists() and not overwrite:
        raise PoiseError(f"{path}: exists already; choose another name, or overwrite it")
    check_writable(path)


def write_table(table: Table, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write the columns of :func:`angle_rows` to a ``.csv`` or ``.parquet`` file.

    Raises:
        ValueError: Another ending.
        PoiseError: The file exists.
        MissingExtra: Parquet is wanted and pyarrow is not installed.
    """
    path = Path(path)
    check_table(path, overwrite=overwrite)
    if path.suffix.lower() == ".parquet":
        arrow = require("pyarrow", extra="tables", feature="writing Parquet")
        parquet = require("pyarrow.parquet", extra="tables", feature="writing Parquet")
        with replacing(path) as part:
            parquet.write_table(arrow.table({name: column.tolist() for name, column in table.items()}), part)
    else:
        write_atomically(path, csv_text(table))
    return path


def csv_text(table: Table) -> str:
    """Return the columns of :func:`angle_rows` as CSV; a missing value is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*(_cells(column) for column in table.values()), strict=True))
    return text.getvalue()


def _cells(column: np.ndarray[Any, Any]) -> list[Any]:
    """Return what stands in a CSV column: four digits are more than any keypoint knows, and NaN is an empty cell."""
    if column.dtype.kind != "f":
        return [str(v).lower() if isinstance(v, bool) else v for v in column.tolist()]
    return ["" if v != v else f"{v:.4f}" for v in column.tolist()]
