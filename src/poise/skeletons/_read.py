"""Named skeletons from the TOML files in this folder, and a user's own from a path."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import FormatError, suggest
from poise.skeletons._skeleton import Skeleton
from poise.skeletons.tomlfile import TomlFile, read_toml

_FOLDER = Path(__file__).parent
_KEYS = (
    (("name", "instance", "source", "sigmas_source"), str, "text"),
    (("keypoints", "edges", "flip_idx", "sigmas"), list, "a list"),
    (("subsets", "colours", "aliases", "derived"), dict, "a table"),
)


def names() -> list[str]:
    """Return the names of the bundled skeletons."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def get(name: str | Path) -> Skeleton:
    """Return a bundled skeleton by its name, or a user's own by its path.

    Args:
        name: A name from :func:`names`, the path of a skeleton ``.toml``, or that of a data set's ``.yaml``.

    Raises:
        KeyError: No bundled skeleton has this name; with the nearest one that there is.
        FormatError: The file is not a skeleton; naming the line, what was found and what was expected.
    """
    ending = Path(name).suffix.lower()
    if ending == ".toml":
        return from_toml(name)
    if ending in (".yaml", ".yml"):
        from poise.skeletons._dataset import from_yaml

        return from_yaml(name)
    return _bundled(str(name))


@lru_cache(maxsize=64)
def _bundled(name: str) -> Skeleton:
    if name not in names():
        raise KeyError(f"no skeleton named {name!r}{suggest(name, names())}; or give the path of a .toml or .yaml file")
    return from_toml(_FOLDER / f"{name}.toml")


def from_toml(path: str | Path) -> Skeleton:
    """Read a skeleton from a TOML file.

    Raises:
        FormatError: Naming the file and line, what was found and what was expected.
    """
    return _build(read_toml(path))


def _build(file: TomlFile) -> Skeleton:
    table = file.table
    file.check_keys(table, (name for group, *_ in _KEYS for name in group))
    for key, value in table.items():
        kind, what = next((k, w) for known, k, w in _KEYS if key in known)
        if not isinstance(value, kind):
            raise file.wrong(key, f"{key!r} must be {what}, got {value!r}")
    keypoints = table.get("keypoints", [])
    if not keypoints or not all(isinstance(n, str) for n in keypoints):
        raise file.wrong("keypoints", f"'keypoints' must be a list of names, got {keypoints!r}")
    index: dict[str, int] = {}
    for i, name in enumerate(keypoints):
        if index.setdefault(name, i) != i:
            raise FormatError(f"{file.at('keypoints', word=name, again=1)}: keypoint {name!r} is there twice")

    def point(item: Any, key: str) -> int:
        if isinstance(item, int) and 0 <= item < len(keypoints):
            return item
        if isinstance(item, str) and item in index:
            return index[item]
        if isinstance(item, str):
            raise FormatError(f"{file.at(key, word=item)}: {key}: no keypoint named {item!r}{suggest(item, index)}")
        raise FormatError(
            f"{file.at(key)}: {key}: {item!r} is not a keypoint; expected a name or an index from 0 to {len(index) - 1}"
        )

    def points(items: Any, key: str) -> tuple[int, ...]:
        if not isinstance(items, list):
            raise file.wrong(key, f"{key} must be a list of keypoints, got {items!r}")
        return tuple(point(item, key) for item in items)

    edges = [points(edge, "edges") for edge in table.get("edges", ())]
    for edge in edges:
        if len(edge) != 2:
            raise FormatError(
                f"{file.at('edges')}: an edge must join two keypoints, got {[keypoints[i] for i in edge]}"
            )
    try:
        return Skeleton(
            name=table.get("name", file.path.stem),
            keypoints=tuple(keypoints),
            edges=tuple((a, b) for a, b in edges),
            flip_idx=points(table.get("flip_idx", []), "flip_idx"),
            sigmas=np.array(table.get("sigmas", ()), dtype=np.float64),
            subsets={key: points(members, key) for key, members in table.get("subsets", {}).items()},
            sigmas_source=table.get("sigmas_source", Skeleton.sigmas_source),
            source=table.get("source", ""),
            instance=table.get("instance", "object"),
            colours={side: tuple(colour) for side, colour in table.get("colours", {}).items()},
            aliases=table.get("aliases", {}),
            derived={name: tuple(parts) for name, parts in table.get("derived", {}).items()},
        )
    except (TypeError, ValueError) as error:
        raise FormatError(f"{file.path}: {error}") from error
