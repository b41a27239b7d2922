"""COCO keypoint annotation files of any skeleton.

Source: cocodataset.org/#format-data. Keypoints are ``x, y, v`` in pixels, with (0, 0) at the picture's outer corner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from poise.datasets._labels import Labels
from poise.datasets._spec import DataSpec
from poise.errors import FormatError, suggest
from poise.skeletons import Skeleton, get, names


def read_json(path: Path) -> dict[str, Any]:
    """Read the file and check its three tables.

    Raises:
        FormatError: What it lacks.
    """
    try:
        table: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not a readable JSON file: {error}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(table, dict) or not isinstance(table.get(key), list):
            near = suggest(key, map(str, table)) if isinstance(table, dict) else ""
            raise FormatError(f"{path}: not a COCO annotation file: it has no list {key!r}{near}")
        for i, entry in enumerate(table[key]):
            if not isinstance(entry, dict) or (key != "annotations" and "id" not in entry):
                raise FormatError(f"{path}: {key}[{i}] must be an object with an 'id', got {str(entry)[:60]}")
    return table


def spec_of(path: Path, table: Mapping[str, Any], *, root: Path, split: str) -> DataSpec:
    """Return what the file's categories say: classes in the order of their ids, and the first skeleton.

    Raises:
        FormatError: There is no category with keypoints, or they differ in their number.
    """
    posed = [c for c in table["categories"] if c.get("keypoints")]
    points = _points(path, table, posed)
    categories = sorted(posed or table["categories"], key=lambda c: c["id"])
    name = str(categories[0].get("name", "object")) if len(categories) == 1 else "object"
    edges = _edges(posed[0].get("skeleton") or []) if posed else ()
    known = next((get(n) for n in names() if get(n).keypoints == points), None)
    try:
        skeleton = known or Skeleton(path.stem, points, edges=edges, source=str(path), instance=name)
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: categories: {error}") from error
    return DataSpec(
        file=path,
        root=root,
        splits={split: (str(path),)},
        names={i: str(c.get("name", c["id"])) for i, c in enumerate(categories)},
        kpt_shape=(len(points), 3),
        skeleton=skeleton,
        flip_known=bool(posed),
        kpt_names=bool(posed),
    )


def class_numbers(table: Mapping[str, Any]) -> dict[Any, int]:
    """Return category id to class number, as :func:`spec_of` counts them."""
    posed = [c for c in table["categories"] if c.get("keypoints")]
    return {c["id"]: i for i, c in enumerate(sorted(posed or table["categories"], key=lambda c: c["id"]))}


def labels_of(path: Path, annotations: list[Mapping[str, Any]], numbers: Mapping[Any, int], keypoints: int) -> Labels:
    """Turn the annotations of one picture into labels; those of categories without keypoints are left out.

    Raises:
        FormatError: An annotation is not what it should be, by its id.
    """
    rows = [a for a in annotations if a.get("category_id") in numbers]
    boxes, points, areas = [], [], []
    for a in rows:
        where = f"{path}: annotation {a.get('id')}"
        flat = a.get("keypoints") or [0] * (3 * keypoints)
        if not isinstance(flat, list) or len(flat) != 3 * keypoints:
            got = len(flat) if isinstance(flat, list) else type(flat).__name__
            raise FormatError(f"{where}: keypoints must hold {3 * keypoints} numbers ({keypoints} x 3), got {got}")
        box = a.get("bbox")
        if box is None:
            box = _around(flat)
        if not isinstance(box, list) or len(box) != 4:
            raise FormatError(f"{where}: bbox must be [x, y, width, height], got {str(box)[:60]}")
        boxes.append(box)
        points.append(flat)
        areas.append(a["area"] if a.get("area") is not None else np.nan)
    try:
        box = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        table = np.array(points, dtype=np.float64).reshape(-1, keypoints, 3)
        area = np.array(areas, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: annotations {[a.get('id') for a in rows][:5]}: {error}") from error
    visibility = np.where(np.isin(table[..., 2], (0, 1, 2)), table[..., 2], 2)
    return Labels.of(
        [numbers[a["category_id"]] for a in rows],
        np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1),
        table[..., :2],
        visibility,
        area=area,
        crowd=np.array([bool(a.get("iscrowd", 0)) for a in rows], dtype=bool),
    )


def _edges(pairs: Any) -> tuple[tuple[int, int], ...]:
    """Read limbs, which COCO counts from 1; a file with a 0 in them counts from 0."""
    numbers = [(int(a), int(b)) for a, b in pairs]
    first = 0 if any(0 in pair for pair in numbers) else 1
    return tuple((a - first, b - first) for a, b in numbers)


def _points(path: Path, table: Mapping[str, Any], posed: list[Mapping[str, Any]]) -> tuple[str, ...]:
    lists = [tuple(str(n) for n in c["keypoints"]) for c in posed]
    if any(len(other) != len(lists[0]) for other in lists):
        counts = ", ".join(f"{c.get('name')}: {len(c['keypoints'])}" for c in posed)
        raise FormatError(
            f"{path}: categories with different numbers of keypoints ({counts}); split the file by category"
        )
    if lists:
        return lists[0]
    for a in table["annotations"]:
        if isinstance(a.get("keypoints"), list) and a["keypoints"]:
            k = len(a["keypoints"]) // 3
            return get("coco17").keypoints if k == 17 else tuple(f"point_{i}" for i in range(k))
    raise FormatError(f"{path}: neither categories nor annotations have keypoints; expected a keypoint annotation file")


def _around(flat: list[Any]) -> list[float]:
    """Return the box around labelled keypoints, where a file gives none."""
    xy = np.array(flat, dtype=np.float64).reshape(-1, 3)
    xy = xy[xy[:, 2] > 0, :2]
    if not len(xy):
        return [0.0, 0.0, 0.0, 0.0]
    return [*xy.min(0).tolist(), *(xy.max(0) - xy.min(0)).tolist()]
