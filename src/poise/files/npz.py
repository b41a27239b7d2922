"""The ``.npz`` files of others: bounded, and without objects."""

from __future__ import annotations

import struct
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise import files

# A clip of 6,000 frames with 200 ids takes half of it in memory; the file is packed, and may claim more than it has.
_MOST_BYTES = 1 << 29
_MOST_ARRAYS = 64
UNREADABLE = (
    *(OSError, KeyError, ValueError, TypeError, EOFError, SyntaxError, RecursionError, MemoryError, ArithmeticError),
    *(AttributeError, IndexError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error),
)


def read_arrays(path: str | Path, *, needed: set[str]) -> dict[str, NDArray[Any]]:
    """Read the arrays of an ``.npz`` file: numbers and text only, no more than its list of files says.

    Args:
        path: The file.
        needed: Names of arrays without which it is another file, and not unpacked.

    Raises:
        Exception: One of ``UNREADABLE``: a damaged or hostile file may fail in any of them.

    Source: NEP 1, the format of ``.npy``.
    """
    found: dict[str, NDArray[Any]] = {}
    with files.open_zip(path, most=_MOST_BYTES) as archive:
        entries = archive.infolist()
        total = sum(entry.file_size for entry in entries)
        if len(entries) > _MOST_ARRAYS or total > _MOST_BYTES:
            raise ValueError(f"{len(entries)} arrays of {total:,} bytes, at most {_MOST_ARRAYS} of {_MOST_BYTES:,}")
        names = [entry.filename.removesuffix(".npy") for entry in entries]
        if missing := needed - set(names):
            raise ValueError(f"it has no {', '.join(sorted(missing))}")
        for name, entry in zip(names, entries, strict=True):
            with archive.open(entry) as file:
                version = np.lib.format.read_magic(file)
                if version not in ((1, 0), (2, 0)):
                    raise ValueError(f"{entry.filename[:60]} is an array of format {version}")
                read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
                shape, by_column, kind = read(file)
                size = prod(shape) * kind.itemsize
                if kind.kind not in "biufU" or min(shape, default=0) < 0 or size > entry.file_size:
                    raise ValueError(f"{entry.filename[:60]} claims {kind} of shape {shape} in {entry.file_size} bytes")
                array = np.frombuffer(file.read(size), kind).reshape(shape, order="F" if by_column else "C")
                found[name] = array
    return found
