"""From tables with a row a keypoint to instances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.search.rows import MOST_POINTS, PoseRows, Rows, skeleton_named, wrong
from poise.skeletons import Skeleton


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Table(Rows):
    """A row a keypoint.

    Attributes:
        keypoint: ``(N,)`` objects, the name of the point.
        x: ``(N,)`` float32 pixels, NaN where not predicted.
        y: ``(N,)`` float32 pixels.
        conf: ``(N,)`` float32.
    """

    keypoint: NDArray[Any]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    conf: NDArray[np.float32]


def instances_of(tables: Iterable[Table], path: Path, skeleton: Skeleton | None) -> Iterator[PoseRows]:
    """Put the rows of keypoints together to instances.

    Args:
        tables: The rows, in the order of the file: the K points of an instance follow each other.
        path: The file, for errors.
        skeleton: What the points are; None: what the names of the first instance say.

    Raises:
        FormatError: The points of an instance are not those of the skeleton, in its order.
    """
    rest: Table | None = None
    done = 0
    for table in tables:
        part = table if rest is None else _joined(rest, table)
        if not len(part):
            continue
        if skeleton is None:
            skeleton = _skeleton_of_first(part, path)
            if skeleton is None:  # the first instance goes on in the next table
                rest = part
                continue
        k = len(skeleton)
        whole = len(part) // k * k
        if whole:
            yield _rows(part[slice(0, whole)], skeleton, path, done)
            done += whole
        rest = part[slice(whole, len(part))]
    if rest is not None and len(rest):
        if skeleton is None:
            skeleton = _named(rest.keypoint, path)
            if len(skeleton) == len(rest):
                yield _rows(rest, skeleton, path, done)
                return
        raise wrong(path, f"ends in the middle of an instance, after {done + len(rest):,} rows")


def _skeleton_of_first(part: Table, path: Path) -> Skeleton | None:
    """Return the skeleton that the first instance's names say; None while it is not known where it ends."""
    first = str(part.keypoint[0])
    again = np.flatnonzero(part.keypoint[1 : MOST_POINTS + 1] == first)
    if not len(again):
        if len(part) > MOST_POINTS:
            raise wrong(path, f"the first {MOST_POINTS:,} rows are of different keypoints")
        return None
    return _named(part.keypoint[: again[0] + 1], path)


def _named(words: NDArray[Any], path: Path) -> Skeleton:
    try:
        return skeleton_named("", [str(word) for word in words])
    except ValueError as error:
        raise wrong(path, error) from None


def _rows(part: Table, skeleton: Skeleton, path: Path, done: int) -> PoseRows:
    k = len(skeleton)
    names = np.array(skeleton.keypoints, dtype=object)
    odd = np.flatnonzero((part.keypoint.reshape(-1, k) != names).ravel())
    if len(odd):
        raise wrong(
            path,
            f"row {done + int(odd[0]) + 1:,} is of the keypoint {str(part.keypoint[odd[0]])[:60]!r}, expected "
            f"{names[odd[0] % k]!r}: the {k} points of {skeleton.name!r} follow each other",
        )
    points = np.stack([part.x, part.y], axis=-1).reshape(-1, k, 2).astype(np.float32)
    low, high = (_extreme(points, least=least) for least in (True, False))
    head = slice(None, None, k)
    return PoseRows(
        **{name: getattr(part, name)[head] for name in ("source", "frame", "time", "instance", "id")},
        skeleton=skeleton,
        box=np.concatenate([low, high], axis=1),
        xy=points,
        conf=part.conf.reshape(-1, k),
    )


def _extreme(points: NDArray[np.float32], *, least: bool) -> NDArray[np.float32]:
    """Return the ``(N, 2)`` least or greatest x and y of ``(N, K, 2)`` points; NaN without any."""
    beyond = np.float32(np.inf if least else -np.inf)
    known = np.where(np.isfinite(points), points, beyond)
    found = known.min(axis=1) if least else known.max(axis=1)
    return np.where(np.isfinite(found), found, np.float32(np.nan))


def _joined(a: Table, b: Table) -> Table:
    columns = [field.name for field in fields(a)]
    return Table(**{name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in columns})
