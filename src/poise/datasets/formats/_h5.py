"""Tables that pandas wrote to HDF5 in its fixed layout, without pandas and without a pickle.

Source: the files that pandas 3.1 with PyTables 3.11 writes: a group with ``block0_values``, the columns' levels as
``block0_items_level0`` … with one code a column in ``block0_items_label0`` …, and the rows as ``axis1``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.errors import FormatError, require

_COLUMN_AXES = ("axis0", "block0_items")
# A file of a few bytes may claim more. A table of 100,000 frames with 200 columns has 160 MB.
_MAX_BYTES = 1 << 28
# Rows and columns by name: each becomes a tuple of text.
_MAX_NAMES = 2_000_000
_MAX_GROUPS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One table.

    Attributes:
        names: Names of the columns' levels.
        columns: A name a level for each column.
        index: A name a level for each row.
        values: ``(rows, columns)`` float64.
    """

    names: tuple[str, ...]
    columns: list[tuple[str, ...]]
    index: list[tuple[str, ...]]
    values: NDArray[np.float64]


def read_frame(path: Path) -> Frame:
    """Read the one table of a file.

    Raises:
        FormatError: It is not an HDF5 file, has another layout, or would need a pickle to be read.
        MissingExtra: h5py is not installed.
    """
    h5py = require("h5py", extra="hdf5", feature="a DeepLabCut .h5 file")
    try:
        files.check_plain(path)
        with h5py.File(path, "r") as file:
            if len(file) > _MAX_GROUPS:
                raise FormatError(f"{path}: expected one table, found {len(file):,}")
            groups = [name for name in file if _kind(h5py, file, name) == "Group"]
            if len(groups) != 1:
                raise FormatError(f"{path}: expected one table, found {len(groups)}: {', '.join(groups)[:100]}")
            return _read(h5py, path, file[groups[0]])
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, IndexError, AttributeError) as error:
        raise FormatError(f"{path}: not a readable HDF5 table: {error}") from error


def _kind(h5py: Any, group: Any, name: str) -> str:
    """Return what is behind a name; a link to another file is nothing that is followed."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return "link"
    return str(group.get(name, getclass=True).__name__)


def _read(h5py: Any, path: Path, group: Any) -> Frame:
    kind = _text(group.attrs.get("pandas_type", b""))
    if kind == "frame_table":
        raise FormatError(
            f"{path}: pandas wrote this table with its columns as a pickle, which could run code when read; open the "
            f".csv file beside it"
        )
    if kind != "frame" or int(group.attrs.get("nblocks", 0)) != 1:
        raise FormatError(
            f"{path}: expected one table of numbers as pandas writes it, got {kind or 'something else'!r}"
        )
    names, columns = _levels(h5py, path, group, "block0_items")
    _, index = _levels(h5py, path, group, "axis1")
    values = np.asarray(_array(h5py, path, group, "block0_values"), dtype=np.float64)
    if values.shape != (len(index), len(columns)):
        raise FormatError(f"{path}: {values.shape} values for {len(index)} rows and {len(columns)} columns")
    return Frame(names, columns, index, values)


def _levels(h5py: Any, path: Path, group: Any, axis: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the levels' names, and for each row or column its name in each level."""
    if _text(group.attrs.get(f"{axis}_variety", b"")) == "regular":
        return ("",), [(word,) for word in _words(_array(h5py, path, group, axis))]
    count = int(group.attrs[f"{axis}_nlevels"])
    if not 1 <= count <= 8:
        raise FormatError(f"{path}: {axis} has {count} levels")
    names, parts = [], []
    for i in range(count):
        names.append(_text(group[f"{axis}_level{i}"].attrs.get("name", b"")))
        words = _words(_array(h5py, path, group, f"{axis}_level{i}"))
        codes = np.asarray(_array(h5py, path, group, f"{axis}_label{i}"))
        if codes.ndim != 1 or codes.dtype.kind not in "iu" or ((codes < 0) | (codes >= len(words))).any():
            raise FormatError(f"{path}: {axis}_label{i} does not number the names in {axis}_level{i}")
        parts.append([words[code] for code in codes.tolist()])
    return tuple(names), list(zip(*parts, strict=True))


def _array(h5py: Any, path: Path, group: Any, name: str) -> NDArray[Any]:
    if name not in group or _kind(h5py, group, name) != "Dataset":
        raise FormatError(f"{path}: has no {name}")
    data = group[name]
    # Data that are in other files are not followed, and objects are pickles.
    if data.dtype.kind not in "iufSU" or data.is_virtual or data.external:
        raise FormatError(f"{path}: {name} is not plain numbers or text; open the .csv file beside it")
    size = int(data.size) * int(data.dtype.itemsize)
    if size > _MAX_BYTES or (name != "block0_values" and data.size > _MAX_NAMES):
        raise FormatError(
            f"{path}: {name} claims {data.size:,} values of {data.dtype.itemsize:,} bytes, the limit is "
            f"{_MAX_BYTES:,} bytes and {_MAX_NAMES:,} names"
        )
    return np.asarray(data[()])


def _words(array: NDArray[Any]) -> list[str]:
    return [_text(word) for word in array.ravel().tolist()]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def frame_bytes(
    columns: Sequence[tuple[str, ...]],
    names: Sequence[str],
    index: Sequence[str],
    values: NDArray[np.float32],
    *,
    key: str,
) -> bytes:
    """Return an HDF5 file that ``pandas.read_hdf`` reads.

    Args:
        columns: A name a level for each column.
        names: The levels' names.
        index: Name of each row.
        values: ``(rows, columns)``.
        key: Name of the table.

    Raises:
        MissingExtra: h5py is not installed.
    """
    h5py = require("h5py", extra="hdf5", feature="a DeepLabCut .h5 file")
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        _describe(h5py, file, b"GROUP", b"1.0", {"PYTABLES_FORMAT_VERSION": b"2.1"})
        group = file.create_group(key)
        about: dict[str, Any] = {"pandas_type": b"frame", "encoding": b"UTF-8", "errors": b"strict"}
        about |= {"ndim": np.int64(2), "nblocks": np.int64(1), "axis1_variety": b"regular"}
        for axis in _COLUMN_AXES:
            about |= {f"{axis}_variety": b"multi", f"{axis}_nlevels": np.int64(len(names))}
        _describe(h5py, group, b"GROUP", b"1.0", about)

        def put(where: str, array: NDArray[Any], about: Mapping[str, Any]) -> None:
            data = group.create_dataset(where, data=array)
            _describe(h5py, data, b"ARRAY", b"2.4", {"FLAVOR": b"numpy", "transposed": np.uint8(1), **about})

        text = {"kind": b"string", "nan_rep": b"nan"}
        for i, (name, words) in enumerate(zip(names, zip(*columns, strict=True), strict=True)):
            known = {word: n for n, word in enumerate(dict.fromkeys(words))}
            codes = np.array([known[word] for word in words], dtype=np.int32)
            for axis in _COLUMN_AXES:
                title = {"name": name.encode(), f"{axis}_name{name}": name.encode()}
                put(f"{axis}_level{i}", np.array([w.encode() for w in known]), {**text, **title})
                put(f"{axis}_label{i}", codes, {})
        put("axis1", np.array([name.encode() for name in index]), {**text, "name": b"N."})
        put("block0_values", values.astype(np.float64), {})
    return out.getvalue()


def _describe(h5py: Any, thing: Any, kind: bytes, version: bytes, about: Mapping[str, Any]) -> None:
    thing.attrs["TITLE"] = h5py.Empty("S1")
    for name, value in {"CLASS": kind, "VERSION": version, **about}.items():
        # As PyTables marks its text, or pandas gets bytes where it expects text.
        kind_ = h5py.string_dtype("utf-8", len(value)) if isinstance(value, bytes) else None
        thing.attrs.create(name, value, dtype=kind_)
