"""Taught movements as a file: readable TOML, the templates as compressed base64. Nothing in it is ever run."""

from __future__ import annotations

import base64
import textwrap
import zlib
from pathlib import Path

import numpy as np

from poise.files.writing import write_atomically
from poise.geometry import Floats
from poise.gestures.events import NONE
from poise.gestures.movements.examples import MAX_ROWS
from poise.gestures.movements.taught_moves import TaughtMoves
from poise.gestures.movements.traces import PARTS, RATE, trace_columns
from poise.gestures.set_file import (
    check_keys,
    is_count,
    read_base64,
    read_halves,
    read_limits,
    read_skeleton,
    table_lines,
    to_halves,
)
from poise.skeletons.tomlfile import TomlFile, quoted

_KEYS = ("name", "kind", "format", "part", "skeleton", "rate", "limits", "examples", "weights", "templates")
_FORMAT = 1
_STRICTER = "From this distance, in spreads, a movement is not the gesture. Lower it to be stricter."
# Values are stored in these steps as one byte: a tenth of what a place varies by, up to 2.5 trunks or palms.
_STEP, _UNSEEN = 0.02, -128
# More is no set of a few tries; it keeps a stranger's file from filling the memory.
_MOST_BYTES = 8_000_000


def write_moves(moves: TaughtMoves, path: str | Path) -> Path:
    """Write a set.

    Args:
        moves: What was learned.
        path: The file, ending in .toml.

    Raises:
        ValueError: A name cannot be written as text.
    """
    shown = [(c, name) for c, name in enumerate(moves.classes) if name != NONE]
    lengths = {name: [len(moves.templates[i]) for i in np.flatnonzero(moves.labels == c)] for c, name in shown}
    limits = {name: f"{moves.limits[c]:.4f}" for c, name in shown}
    order = [i for c, _ in shown for i in np.flatnonzero(moves.labels == c)]
    rows = [c for c, _ in shown]
    lines = [
        "# Movements taught with 'poise gestures teach --moving'.",
        f"name = {quoted(moves.name)}",
        'kind = "moves"',
        f"format = {_FORMAT}",
        f'part = "{moves.part}"',
        f"skeleton = {quoted(moves.skeleton)}",
        "# Rows a second of the templates.",
        f"rate = {RATE:g}",
        "# float16, little endian, base64: how much each column says, one row a gesture.",
        f"weights = {_wrapped(to_halves(moves.weights[rows]))}",
        f"# Bytes, zlib, base64: every template's changes from row to row, in steps of {_STEP}; {_UNSEEN} is not seen.",
        f"templates = {_wrapped(zlib.compress(_packed([moves.templates[i] for i in order]), 9))}",
        *table_lines("limits", limits, about=_STRICTER),
        *table_lines("examples", lengths, about="Rows of each template."),
    ]
    path = Path(path)
    write_atomically(path, "\n".join([*lines, ""]))
    return path


def parse_moves(file: TomlFile) -> TaughtMoves:
    """Turn the content of a TOML file into a set.

    Raises:
        FormatError: The file is wrong: its line, what was found, what was expected.
    """
    table = file.table
    check_keys(file, _KEYS, kind="a set of movements", again="poise gestures teach --moving")
    for key, known in (("format", _FORMAT), ("rate", RATE)):
        if table[key] != known:
            raise file.wrong(key, f"{key} {table[key]!r} is not known here, expected {known:g}; update poise")
    part = table["part"]
    if part not in PARTS:
        raise file.wrong("part", f"'part' must be one of {', '.join(PARTS)}, got {part!r}")
    skeleton = read_skeleton(file).name
    if {"both": "coco17", "hand": "hand21"}.get(part, skeleton) != skeleton:
        raise file.wrong("skeleton", f"part {part!r} does not go with skeleton {skeleton!r}")
    width = len(trace_columns(part, skeleton).names)
    examples = table["examples"]
    if not isinstance(examples, dict) or not examples or NONE in examples:
        raise file.wrong("examples", f"'examples' must be a table of gestures, got {examples!r}")
    for name, rows in examples.items():
        if not isinstance(rows, list) or not rows or not all(is_count(n, MAX_ROWS, least=2) for n in rows):
            raise file.wrong(
                name,
                f"gesture {name!r} must list the rows of its templates, from 2 to {MAX_ROWS} each; got {rows!r}",
                table="examples",
            )
    limits = read_limits(file, list(examples))
    lengths = [n for rows in examples.values() for n in rows]
    size = sum(lengths) * width
    if size > _MOST_BYTES:
        raise file.wrong(
            "examples", f"{sum(lengths)} rows of templates are too many, expected at most {_MOST_BYTES // width}"
        )
    weights = read_halves(file, "weights")
    if len(weights) != len(examples) * width or not (np.isfinite(weights) & (weights > 0)).all():
        raise file.wrong(
            "weights", f"'weights' must be {len(examples)} rows of {width} numbers above 0, got {len(weights)}"
        )
    try:
        packed = read_base64(table["templates"])
        # Never more than is announced, whatever the bytes would grow to.
        data = zlib.decompressobj().decompress(packed, size + 1)
    except (ValueError, zlib.error) as error:
        raise file.wrong("templates", f"'templates' is not compressed base64: {error}") from None
    if len(data) != size:
        raise file.wrong(
            "templates", f"'templates' must be {sum(lengths)} rows of {width} bytes, got {len(data)} bytes"
        )
    counts = [len(rows) for rows in examples.values()]
    return TaughtMoves(
        str(table["name"]),
        part,
        skeleton,
        tuple(examples),
        tuple(_unpacked(data, lengths, width)),
        np.repeat(np.arange(len(counts)), counts),
        weights.reshape(len(examples), width),
        np.array([limits[name] for name in examples]),
    )


def _packed(templates: list[Floats]) -> bytes:
    parts = []
    for rows in templates:
        steps = np.clip(np.rint(np.nan_to_num(rows) / _STEP), -127, 127).astype(np.int64)
        # Each row less the one before, modulo 256: small numbers compress well, and the sum gives them back exactly.
        steps[~np.isfinite(rows)] = _UNSEEN
        parts.append(np.diff(steps, axis=0, prepend=0).astype(np.uint8).tobytes())
    return b"".join(parts)


def _unpacked(data: bytes, lengths: list[int], width: int) -> list[Floats]:
    changes = np.frombuffer(data, dtype=np.uint8).reshape(-1, width)
    templates: list[Floats] = []
    for part in np.split(changes, np.cumsum(lengths)[:-1]):
        steps = np.cumsum(part, axis=0, dtype=np.uint8).astype(np.int8)
        templates.append(np.where(steps == _UNSEEN, np.nan, steps * _STEP))
    return templates


def _wrapped(data: bytes) -> str:
    """Return base64 as a TOML text of many lines, so that no line is too long to look at."""
    return '"""\n' + "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 116)) + '\n"""'
