"""Instances as columns, as they are read from the files of a batch or of ``poise predict --out``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError
from poise.skeletons import Skeleton, get, names

# More keypoints than this has no skeleton; it keeps a stranger's file from filling the memory.
MOST_POINTS = 2048
# Values of keypoints that are read at a time.
_VALUES = 2_000_000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """Some rows of one file, in its order; N rows, each about an instance.

    Attributes:
        source: ``(N,)`` objects, each the name of the source.
        frame: ``(N,)`` int64 index in the source.
        time: ``(N,)`` float64 seconds.
        instance: ``(N,)`` int32 row in its frame.
        id: ``(N,)`` int64 track id, -1 where untracked.
    """

    source: NDArray[Any]
    frame: NDArray[np.int64]
    time: NDArray[np.float64]
    instance: NDArray[np.int32]
    id: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Self:
        columns = [field.name for field in fields(self) if field.name != "skeleton"]
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PoseRows(Rows):
    """A row an instance.

    Attributes:
        skeleton: What the K points are.
        box: ``(N, 4)`` float32 x1, y1, x2, y2, pixels; NaN where not known.
        xy: ``(N, K, 2)`` float32 pixels.
        conf: ``(N, K)`` float32; NaN where the network gives none.
    """

    skeleton: Skeleton
    box: NDArray[np.float32]
    xy: NDArray[np.float32]
    conf: NDArray[np.float32]


def rows_at_a_time(points: int) -> int:
    """Return how many instances of so many points are read at a time."""
    return max(16, min(65_536, _VALUES // max(points, 1)))


def skeleton_named(name: str, keypoints: Sequence[str], edges: Sequence[tuple[int, int]] = ()) -> Skeleton:
    """Return the skeleton of a file: the known one of this name, if it has these points, else one made of them.

    Args:
        name: Its name; empty where the file says none.
        keypoints: Its points; none: those that the known one has.
        edges: Its limbs.

    Raises:
        ValueError: The points do not make a skeleton, or there are none and the name is not known.
    """
    words = tuple(keypoints)
    if len(words) > MOST_POINTS:
        raise ValueError(f"{len(words)} keypoints, a skeleton has {MOST_POINTS} at most")
    known = [get(name)] if name in names() else []
    if not words:
        if not known:
            raise ValueError(
                f"the skeleton {name!r} is not one of {', '.join(names())}, and its keypoints are not named"
            )
        return known[0]
    if not name:
        known = [one for one in map(get, names()) if one.keypoints == words]
    if known and known[0].keypoints == words:
        return known[0]
    return Skeleton(name or f"object-{len(words)}", words, edges=tuple(edges))


def described(about: str | bytes) -> Skeleton:
    """Return the skeleton that the metadata of a table describe as JSON.

    Raises:
        ValueError: They do not.
    """
    table = json.loads(about)
    if not isinstance(table, dict):
        raise ValueError(f"expected a table, got {type(table).__name__}")
    words, edges = table.get("keypoints"), table.get("edges", [])
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError(f"'keypoints' must be a list of names, got {str(words)[:80]!r}")
    right = isinstance(edges, list) and all(
        isinstance(edge, list) and len(edge) == 2 and all(type(end) is int for end in edge) for edge in edges
    )
    if not right:
        raise ValueError(f"'edges' must be pairs of numbers of keypoints, got {str(edges)[:80]!r}")
    return skeleton_named(str(table.get("name", "")), words, [(a, b) for a, b in edges])


def wrong(path: object, what: object, *, line: int | None = None) -> FormatError:
    """Return the error of a file that holds no poses, with what it should hold."""
    at = f"{path}" if line is None else f"{path}:{line}"
    return FormatError(
        f"{at}: {str(what)[:300]}; expected what 'poise batch' or 'poise predict --out' wrote (.parquet, .jsonl, .csv)"
    )
