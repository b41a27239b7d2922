"""Named skeletons from the TOML files in this folder, and a user's own from a path."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import FormatError, suggest
from poise.skeletons._skeleton import Skeleton

_FOLDER = Path(__file__).parent
_KEYS = {"name", "instance", "source", "keypoints", "edges", "flip_idx", "sigmas", "sigmas_source", "subsets"}


def names() -> list[str]:
    """Return the names of the bundled skeletons."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


@lru_cache(maxsize=64)
def get(name: str) -> Skeleton:
    """Return a bundled skeleton by its name.

    Raises:
        KeyError: With the nearest name that there is.
    """
    path = _FOLDER / f"{name}.toml"
    if name not in names():
        raise KeyError(f"no skeleton named {name!r}{suggest(name, names())}")
    return from_toml(path)


def from_toml(path: str | Path) -> Skeleton:
    """Read a skeleton from a TOML file.

    Raises:
        FormatError: Naming the file, the key, what was found and what was expected.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError(f"{path}: not a readable TOML file: {error}") from error
    return _build(table, path)


def _build(table: dict[str, Any], path: Path) -> Skeleton:
    for key in table:
        if key not in _KEYS:
            raise FormatError(f"{path}: unknown key {key!r}{suggest(key, _KEYS)}")
    keypoints = tuple(table.get("keypoints", ()))
    if not keypoints or not all(isinstance(n, str) for n in keypoints):
        raise FormatError(f"{path}: 'keypoints' must be a list of names, got {table.get('keypoints')!r}")
    index = {n: i for i, n in enumerate(keypoints)}

    def resolve(item: Any, key: str) -> int:
        if isinstance(item, int):
            return item
        if item in index:
            return index[item]
        raise FormatError(f"{path}: {key}: no keypoint named {item!r}{suggest(str(item), index)}")

    try:
        return Skeleton(
            name=table.get("name", path.stem),
            keypoints=keypoints,
            edges=tuple((resolve(a, "edges"), resolve(b, "edges")) for a, b in table.get("edges", ())),
            flip_idx=tuple(resolve(i, "flip_idx") for i in table.get("flip_idx", ())),
            sigmas=np.array(table.get("sigmas", ()), dtype=np.float64),
            subsets={k: tuple(resolve(i, f"subsets.{k}") for i in v) for k, v in table.get("subsets", {}).items()},
            sigmas_source=table.get("sigmas_source", Skeleton.sigmas_source),
            source=table.get("source", ""),
            instance=table.get("instance", "object"),
        )
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}") from error
