"""Taught gestures as a file: readable TOML, the arrays as base64. Nothing in it is ever run."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import FormatError, suggest
from poise.geometry import Floats
from poise.motion.gestures.taught import Taught
from poise.skeletons import get

_KEYS = ("name", "kind", "format", "skeleton", "upright", "limit", "spread", "examples", "vectors")
_FORMAT = 1
# Half precision holds four digits: more than an embedding means.
_STORED = np.dtype("<f2")
# More than this is no set of examples; it keeps a stranger's file from filling the memory.
_MOST_EXAMPLES, _MOST_COMPONENTS = 20_000, 4_096


def write_taught(taught: Taught, path: str | Path) -> Path:
    """Write a set.

    Args:
        taught: What was learned.
        path: The file, ending in .toml.
    """
    counts = [f"{json.dumps(name)} = {int((taught.labels == c).sum())}" for c, name in enumerate(taught.classes)]
    order = np.argsort(taught.labels, kind="stable")
    lines = [
        "# Gestures taught with 'poise gestures teach'. Examples are listed by class, in the order of 'vectors'.",
        f"name = {json.dumps(taught.name)}",
        'kind = "taught"',
        f"format = {_FORMAT}",
        f"skeleton = {json.dumps(taught.skeleton)}",
        f"upright = {'true' if taught.upright else 'false'}",
        "# From this distance, in spreads, a hand or body is unknown. Lower it to be stricter.",
        f"limit = {taught.limit:.4f}",
        "# float16, little endian, base64: how much each component varies, and one row an example.",
        f'spread = "{_pack(taught.spread)}"',
        f'vectors = "{_pack(taught.vectors[order])}"',
        "",
        "[examples]",
        *counts,
        "",
    ]
    path = Path(path)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def parse_taught(table: dict[str, Any], text: str, path: Path) -> Taught:
    """Turn the content of a TOML file into a set.

    Raises:
        FormatError: The file is wrong: its line, what was found, what was expected.
    """

    def fail(key: str, message: str) -> FormatError:
        lines = text.splitlines()
        number = next((n for n, line in enumerate(lines, 1) if line.lstrip().startswith((key, f"[{key}"))), 1)
        return FormatError(f"{path}:{number}: {message}")

    for key in table:
        if key not in _KEYS:
            raise fail(key, f"unknown key {key!r}{suggest(key, _KEYS)}")
    for key in _KEYS:
        if key not in table:
            raise FormatError(f"{path}: a taught set needs {key!r}; teach it anew: poise gestures teach")
    if table["format"] != _FORMAT:
        raise fail("format", f"format {table['format']!r} is not known here, expected {_FORMAT}; update poise")
    try:
        get(str(table["skeleton"]))
    except KeyError as error:
        raise fail("skeleton", str(error.args[0])) from None
    limit = table["limit"]
    if not isinstance(limit, (int, float)) or isinstance(limit, bool) or not 0 < limit < np.inf:
        raise fail("limit", f"'limit' must be a number above 0, got {limit!r}")
    examples = table["examples"]
    if not isinstance(examples, dict) or not examples:
        raise fail("examples", f"'examples' must be a table of class names and counts, got {examples!r}")
    for name, count in examples.items():
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST_EXAMPLES:
            raise fail("examples", f"class {name!r} must have from 1 to {_MOST_EXAMPLES} examples, got {count!r}")
    total = sum(examples.values())
    unpacked: dict[str, Floats] = {}
    for key in ("spread", "vectors"):
        try:
            raw = base64.b64decode(table[key], validate=True)
            unpacked[key] = np.frombuffer(raw, dtype=_STORED).astype(np.float64)
        except (binascii.Error, TypeError, ValueError) as error:
            raise fail(key, f"{key!r} is not base64 of float16 numbers: {error}") from None
    size = len(unpacked["spread"])
    if not 1 <= size <= _MOST_COMPONENTS or not (unpacked["spread"] > 0).all():
        raise fail("spread", f"'spread' must be from 1 to {_MOST_COMPONENTS} numbers above 0, got {size}")
    if len(unpacked["vectors"]) != total * size:
        found = len(unpacked["vectors"])
        raise fail("vectors", f"'vectors' must be {total} examples of {size} numbers, got {found} numbers")
    labels = np.repeat(np.arange(len(examples)), list(examples.values()))
    return Taught(
        str(table["name"]),
        str(table["skeleton"]),
        bool(table["upright"]),
        tuple(examples),
        unpacked["vectors"].reshape(total, size),
        labels,
        unpacked["spread"],
        float(limit),
    )


def _pack(array: Floats) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=_STORED).tobytes()).decode()
