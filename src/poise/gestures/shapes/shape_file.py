"""Taught gestures as a file: readable TOML, the arrays as base64. Nothing in it is ever run."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np

from poise.files.writing import write_atomically
from poise.geometry import Floats
from poise.gestures.events import NONE
from poise.gestures.set_file import (
    check_keys,
    is_count,
    read_halves,
    read_limits,
    read_skeleton,
    table_lines,
    to_halves,
)
from poise.gestures.shapes.embedding import HAND, size
from poise.gestures.shapes.taught_shapes import TaughtShapes
from poise.skeletons import names
from poise.skeletons.tomlfile import TomlFile, quoted

_KEYS = ("name", "kind", "format", "skeleton", "upright", "limits", "spread", "examples", "vectors")
# Only where they are needed: of a skeleton that Poise does not know, and of gestures that a mirror does not change.
_MORE_KEYS = ("points", "flip_idx")
# Format 1 held other measures of hands and one limit for all.
_FORMAT = 2
_STRICTER = "From this distance, in spreads, it is unknown. Lower one to be stricter."
# More than this is no set of examples; it keeps a stranger's file from filling the memory.
_MOST_EXAMPLES, _MOST_POINTS = 20_000, 2_048


def write_shapes(taught: TaughtShapes, path: str | Path) -> Path:
    """Write a set.

    Args:
        taught: What was learned.
        path: The file, ending in .toml.

    Raises:
        ValueError: A name cannot be written as text.
    """
    order = np.argsort(taught.labels, kind="stable")
    counts = {name: int((taught.labels == c).sum()) for c, name in enumerate(taught.classes)}
    limits = {name: f"{limit:.3f}" for name, limit in zip(taught.classes, taught.limits.tolist(), strict=True)}
    limits.pop(NONE, None)
    lines = [
        "# Gestures taught with 'poise gestures teach'. Examples are listed by class, in the order of 'vectors'.",
        f"name = {quoted(taught.name)}",
        'kind = "taught"',
        f"format = {_FORMAT}",
        f"skeleton = {quoted(taught.skeleton)}",
        f"upright = {'true' if taught.upright else 'false'}",
    ]
    if taught.skeleton not in names():
        lines.append(f"points = {taught.vectors.shape[1] // 2}")
    if taught.flip_idx:
        lines += [
            "# A mirrored gesture is the same: the point that each one becomes in a mirror.",
            f"flip_idx = {list(taught.flip_idx)}",
        ]
    lines += [
        "# float16, little endian, base64: how much each component varies, and one row an example.",
        f'spread = "{_pack(taught.spread)}"',
        f'vectors = "{_pack(taught.vectors[order])}"',
        *table_lines("limits", limits, about=_STRICTER),
        *table_lines("examples", counts),
    ]
    path = Path(path)
    write_atomically(path, "\n".join([*lines, ""]))
    return path


def parse_shapes(file: TomlFile) -> TaughtShapes:
    """Turn the content of a TOML file into a set.

    Raises:
        FormatError: The file is wrong: its line, what was found, what was expected.
    """
    table = file.table
    version = table.get("format", _FORMAT)
    if version == 1:
        raise file.wrong("format", "format 1 holds the measures of an older Poise; teach it anew from its pictures")
    if version != _FORMAT or isinstance(version, bool):
        raise file.wrong("format", f"format {version!r} is not known here, expected {_FORMAT}; update poise")
    check_keys(file, _KEYS, kind="a taught set", again="poise gestures teach", optional=_MORE_KEYS)
    for key in ("name", "skeleton"):
        if not isinstance(table[key], str) or not table[key]:
            raise file.wrong(key, f"{key!r} must be text, got {table[key]!r}")
    if not isinstance(table["upright"], bool):
        raise file.wrong("upright", f"'upright' must be true or false, got {table['upright']!r}")
    skeleton, points = table["skeleton"], table.get("points")
    if points is None:
        components = size(read_skeleton(file), upright=table["upright"])
    elif not is_count(points, _MOST_POINTS) or skeleton in names():
        raise file.wrong(
            "points", f"'points' must be from 1 to {_MOST_POINTS}, of a skeleton of your own, got {points!r}"
        )
    else:
        components = 2 * points
    examples = table["examples"]
    if not isinstance(examples, dict) or not examples:
        raise file.wrong("examples", f"'examples' must be a table of class names and counts, got {examples!r}")
    for name, count in examples.items():
        if not is_count(count, _MOST_EXAMPLES):
            raise file.wrong("examples", f"class {name!r} must have from 1 to {_MOST_EXAMPLES} examples, got {count!r}")
    total = sum(examples.values())
    if total > _MOST_EXAMPLES:
        raise file.wrong("examples", f"a set must have at most {_MOST_EXAMPLES} examples, got {total}")
    spread, vectors = read_halves(file, "spread"), read_halves(file, "vectors")
    if len(spread) != components or not ((spread > 0) & np.isfinite(spread)).all():
        found = f"{len(spread)} numbers" if len(spread) != components else "others"
        raise file.wrong("spread", f"'spread' must be {components} numbers above 0, got {found}")
    if len(vectors) != total * components:
        raise file.wrong(
            "vectors", f"'vectors' must be {total} examples of {components} numbers, got {len(vectors)} numbers"
        )
    if np.isinf(vectors).any():
        raise file.wrong("vectors", "'vectors' must be finite numbers, or NaN where a point was not seen")
    limits = read_limits(file, [name for name in examples if name != NONE])
    return TaughtShapes(
        table["name"],
        skeleton,
        table["upright"],
        tuple(examples),
        vectors.reshape(total, components),
        np.repeat(np.arange(len(examples)), list(examples.values())),
        spread,
        # "none" has no limit of its own: what is nearest to it is unknown however near it is.
        np.array([limits.get(name, 1.0) for name in examples]),
        _flip_idx(table.get("flip_idx", []), components // 2, file) if skeleton != HAND else (),
    )


def _flip_idx(flips: Any, points: int, file: TomlFile) -> tuple[int, ...]:
    if flips == []:
        return ()
    right = isinstance(flips, list) and all(type(one) is int for one in flips) and sorted(flips) == list(range(points))
    if not right:
        raise file.wrong("flip_idx", f"'flip_idx' must be a list of each number from 0 to {points - 1} once")
    return tuple(flips)


def _pack(array: Floats) -> str:
    return base64.b64encode(to_halves(array)).decode()
