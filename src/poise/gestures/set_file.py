"""What the files of taught shapes and of taught movements have in common: names, limits, and numbers as base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

import numpy as np

from poise.errors import FormatError
from poise.geometry import Floats
from poise.skeletons import Skeleton, get
from poise.skeletons.tomlfile import TomlFile, quoted

# Half precision holds three digits: more than an embedding or a weight means.
_STORED = np.dtype("<f2")


def check_keys(file: TomlFile, needed: Sequence[str], *, kind: str, again: str, optional: Sequence[str] = ()) -> None:
    """Make sure that a file has the keys of its kind and no others.

    Args:
        file: The file.
        needed: Keys that must be there.
        kind: What it is called in errors, such as "a taught set".
        again: The command that writes one anew.
        optional: Keys that may be there.

    Raises:
        FormatError: Another key, or one that is missing.
    """
    file.check_keys(file.table, (*needed, *optional))
    for key in needed:
        if key not in file.table:
            raise FormatError(f"{file.path}: {kind} needs {key!r}; teach it anew: {again}")


def read_skeleton(file: TomlFile) -> Skeleton:
    """Return the skeleton that a file names.

    Raises:
        FormatError: There is none of this name; with the nearest.
    """
    try:
        return get(str(file.table["skeleton"]))
    except KeyError as error:
        raise file.wrong("skeleton", str(error.args[0])) from None


def read_limits(file: TomlFile, names: Sequence[str]) -> dict[str, float]:
    """Return the limit of each name.

    Raises:
        FormatError: The file holds those of other names, or what is no limit.
    """
    limits = file.table["limits"]
    if not isinstance(limits, dict) or sorted(limits) != sorted(names):
        raise file.wrong(
            "limits", f"'limits' must be a table of a number for each of {', '.join(names)}, got {limits!r}"
        )
    for name, limit in limits.items():
        if not isinstance(limit, (int, float)) or isinstance(limit, bool) or not 0 < limit < 1e300:
            raise file.wrong(name, f"the limit of {name!r} must be a number above 0, got {limit!r}", table="limits")
    return {name: float(limit) for name, limit in limits.items()}


def table_lines(title: str, rows: Mapping[str, object], *, about: str = "") -> list[str]:
    """Return the lines of a table of names, below what it is."""
    named = [f"{quoted(name)} = {value}" for name, value in rows.items()]
    return ["", *([f"# {about}"] if about else []), f"[{title}]", *named]


def is_count(value: object, most: int, *, least: int = 1) -> bool:
    """Return whether a value is a whole number in a range."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def to_halves(array: Floats) -> bytes:
    """Return numbers as float16, little endian."""
    return np.ascontiguousarray(array, dtype=_STORED).tobytes()


def read_halves(file: TomlFile, key: str) -> Floats:
    """Return the float16 numbers that a key holds as base64.

    Raises:
        FormatError: It holds something else.
    """
    try:
        return np.frombuffer(read_base64(file.table[key]), dtype=_STORED).astype(np.float64)
    except ValueError as error:
        raise file.wrong(key, f"{key!r} is not base64 of float16 numbers: {error}") from None


def read_base64(text: object) -> bytes:
    """Return the bytes of base64 on one line or many.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(text, str):
        raise ValueError(f"expected text, got {type(text).__name__}")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
