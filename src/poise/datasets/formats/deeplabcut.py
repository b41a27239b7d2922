"""DeepLabCut's labels, ``CollectedData_….csv`` and ``.h5``: a row a picture, columns by scorer, individual, body part.

Positions are taken as they are. A picture whose row is empty has no instances. Tables that pandas wrote with
``format="table"`` keep their columns as pickles, which are never read: open the .csv that DeepLabCut writes beside.

Source: deeplabcut.github.io, "Standard DeepLabCut user guide", and the layout that pandas 3.1 gives fixed HDF5 tables.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.datasets._dataset import Dataset
from poise.datasets._find import any_case
from poise.datasets._pictures import find_pictures
from poise.datasets.formats import _h5
from poise.datasets.formats._build import MAX_KEYPOINTS, Declared, Found, Record, build
from poise.datasets.formats._capacity import FormatCapacity, Labelled
from poise.datasets.formats._describe import plain
from poise.datasets.formats._place import write_bytes, write_text
from poise.datasets.formats._registry import Reading
from poise.datasets.formats._xml import finite
from poise.errors import FormatError

HOLDS = FormatCapacity(boxes=False, classes=False, hidden=False, bare=False)
FILE = "{split}.csv"
ALSO = (".h5",)

_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
# The individual under which DeepLabCut keeps body parts that belong to none.
_UNIQUE = "single"


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A table as DeepLabCut has it.

    Attributes:
        columns: Individual, body part and coordinate of each column.
        pictures: Name of each row's picture.
        values: ``(rows, columns)`` float64; NaN where nothing is labelled.
    """

    columns: list[tuple[str, str, str]]
    pictures: list[str]
    values: NDArray[np.float64]


def read(path: Path, split: str, how: Reading) -> Dataset:
    """Read one table, or all ``CollectedData_….csv`` below a folder."""
    files = sorted(path.rglob(f"CollectedData_*{any_case('.csv')}")) if path.is_dir() else [path]
    if not files:
        raise FormatError(f"{path}: no CollectedData_….csv in it")
    records: list[Record] = []
    keypoints: dict[str, None] = {}
    unique = False
    moved: list[str] = []
    for file in files:
        table = _read_h5(file) if file.suffix.lower() in (".h5", ".hdf5") else _read_csv(file)
        keypoints |= dict.fromkeys(part for _, part, _ in table.columns)
        unique |= any(individual == _UNIQUE for individual, _, _ in table.columns)
        paths, told = find_pictures(file, table.pictures, how.images)
        moved += told
        records += _records(file, table, paths)
    notes = [
        *moved[:1],
        *([f"body parts of no individual ({_UNIQUE!r}) are read as an instance of their own"] if unique else []),
    ]
    return build(path, split, records, how, Declared(tuple(keypoints)), notes=notes)


def _records(file: Path, table: _Table, paths: Sequence[Path]) -> Iterator[Record]:
    index = {column: i for i, column in enumerate(table.columns)}
    if len(index) < len(table.columns):
        twice = next(c for i, c in enumerate(table.columns) if index[c] != i)
        raise FormatError(f"{file}: the column {' / '.join(filter(None, twice))} is there twice")
    individuals = list(dict.fromkeys(individual for individual, _, _ in table.columns))
    places: dict[str, list[tuple[str, int, int]]] = {individual: [] for individual in individuals}
    for (individual, part, coord), i in index.items():
        if coord == "x":
            if (individual, part, "y") not in index:
                raise FormatError(f"{file}: body part {part!r} has a column x and none for y")
            places[individual].append((part, i, index[individual, part, "y"]))
    for name, path, row in zip(table.pictures, paths, table.values.tolist(), strict=True):
        record = Record(name, path=path)
        for individual in individuals:
            spots = ((part, row[x], row[y]) for part, x, y in places[individual])
            points = {part: (x, y, 2) for part, x, y in spots if x == x and y == y}
            if points:
                record.found.append(Found(None, points, where=f"{name}, {individual}" if individual else name))
        yield record


def _read_csv(path: Path) -> _Table:
    try:
        with io.TextIOWrapper(files.open_plain(path, most=files.MOST_TEXT), encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            try:
                return _of_rows(path, rows)
            except csv.Error as error:
                raise FormatError(f"{path}:{rows.line_num}: not a readable CSV file: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a readable CSV file: {error}") from error


def _of_rows(path: Path, rows: Any) -> _Table:
    head: dict[str, list[str]] = {}
    for row in rows:
        if not head and {"annotation_id", "lead_time"} <= set(row):
            raise FormatError(f"{path}: Label Studio's export 'CSV'; export the project as 'JSON'")
        if not row or row[0] not in _LEVELS or row[0] in head:
            raise FormatError(
                f"{path}:{rows.line_num}: expected the rows scorer, (individuals,) bodyparts, coords, "
                f"got {str(row)[:60]}; this is not DeepLabCut's CollectedData table"
            )
        head[row[0]] = row
        if row[0] == "coords":
            break
    if "coords" not in head or "bodyparts" not in head:
        raise FormatError(f"{path}: no rows bodyparts and coords; this is not DeepLabCut's CollectedData table")
    coords = head["coords"]
    first = next((i for i, word in enumerate(coords) if word in ("x", "y", "likelihood")), len(coords))
    if any(len(row) != len(coords) for row in head.values()):
        raise FormatError(f"{path}: the header's rows have {sorted({len(row) for row in head.values()})} columns")
    individuals = head.get("individuals", [""] * len(coords))
    columns = list(zip(individuals[first:], head["bodyparts"][first:], coords[first:], strict=True))
    _check_columns(path, columns)
    pictures, values = [], []
    for row in rows:
        if not row:
            continue
        if len(row) != len(coords):
            raise FormatError(f"{path}:{rows.line_num}: {len(row)} columns, expected {len(coords)} as in the header")
        numbers = [np.nan if word in ("", "nan", "NaN") else finite(word) for word in row[first:]]
        if None in numbers:
            odd = row[first + numbers.index(None)]
            raise FormatError(f"{path}:{rows.line_num}: {odd[:40]!r} is not a number of pixels")
        pictures.append("/".join(row[:first]))
        values.append(numbers)
    return _Table(columns, pictures, np.array(values, dtype=np.float64).reshape(len(values), len(columns)))


def _check_columns(path: Path, columns: Sequence[tuple[str, str, str]]) -> None:
    coords = {coord for *_, coord in columns}
    if "likelihood" in coords:
        raise FormatError(f"{path}: has a column likelihood: predictions for a video, not labels")
    if not columns or coords != {"x", "y"}:
        raise FormatError(f"{path}: coords must be x and y, got {sorted(coords)[:10]}")
    parts = {part for _, part, _ in columns}
    if len(parts) > MAX_KEYPOINTS:
        raise FormatError(f"{path}: {len(parts)} body parts, the limit is {MAX_KEYPOINTS}")


def _read_h5(path: Path) -> _Table:
    frame = _h5.read_frame(path)
    unknown = [name for name in frame.names if name not in _LEVELS]
    if unknown or not {"bodyparts", "coords"} <= set(frame.names):
        raise FormatError(f"{path}: its columns are by {', '.join(frame.names)}; expected DeepLabCut's labels")
    part, coord = frame.names.index("bodyparts"), frame.names.index("coords")
    who = frame.names.index("individuals") if "individuals" in frame.names else None
    columns = [("" if who is None else c[who], c[part], c[coord]) for c in frame.columns]
    _check_columns(path, columns)
    values = frame.values
    if not (np.isnan(values) | (np.abs(values) <= 1e9)).all():
        raise FormatError(f"{path}: a value is infinite or too large for pixels")
    return _Table(columns, ["/".join(row) for row in frame.index], values)


def write(part: Labelled, file: Path) -> None:
    """Write one split as .csv or .h5, as the file's ending says."""
    columns, values = _columns(part)
    if file.suffix.lower() == ".h5":
        names = _LEVELS if len(columns[0]) == 4 else tuple(n for n in _LEVELS if n != "individuals")
        write_bytes(file, _h5.frame_bytes(columns, names, part.places, values, key="df_with_missing"))
        return
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = [n for n in _LEVELS if len(columns[0]) == 4 or n != "individuals"]
    for name, words in zip(heads, zip(*columns, strict=True), strict=True):
        writer.writerow([name, *words])
    for place, row in zip(part.places, plain(values), strict=True):
        writer.writerow([place, *("" if v != v else v for v in row)])
    write_text(file, out.getvalue())


def _columns(part: Labelled) -> tuple[list[tuple[str, ...]], NDArray[np.float32]]:
    """Return the columns' names and the table: individuals only where a picture has several."""
    k = len(part.spec.skeleton)
    posed = [labels[(labels.visibility > 0).any(axis=1)] for labels in part.labels]
    most = max([1, *map(len, posed)])
    values = np.full((len(posed), most, k, 2), np.nan, dtype=np.float32)
    for row, labels in zip(values, posed, strict=True):
        row[: len(labels)] = labels.xy
    who = [f"individual{i + 1}" for i in range(most)]
    names = [
        ("poise", *((person,) if most > 1 else ()), point, coord)
        for person in who
        for point in part.spec.skeleton.keypoints
        for coord in ("x", "y")
    ]
    return names, values.reshape(len(posed), most * k * 2)
