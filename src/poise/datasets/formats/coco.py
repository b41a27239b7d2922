"""COCO keypoint annotations.

Source: cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from poise.datasets._dataset import CocoDataset, Dataset
from poise.datasets._labels import Labels
from poise.datasets.formats._capacity import FormatCapacity, Labelled
from poise.datasets.formats._describe import plain
from poise.datasets.formats._place import write_text
from poise.datasets.formats._registry import Reading

HOLDS = FormatCapacity(area=True, crowd=True, skeleton=("edges",))
FILE = "annotations/{split}.json"


def read(path: Path, split: str, how: Reading) -> Dataset:
    """Open a COCO file."""
    return CocoDataset(path, split, images=how.images, spec=how.spec)


def write(part: Labelled, file: Path) -> None:
    """Write one split as a COCO file; an instance whose area is not known gets that of its box."""
    skeleton = part.spec.skeleton
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, (labels, (width, height), place) in enumerate(
        zip(part.labels, part.sizes, part.places, strict=True), start=1
    ):
        images.append({"id": i, "file_name": place, "width": width, "height": height})
        for row in _rows(labels):
            annotations.append({"id": len(annotations) + 1, "image_id": i, **row})
    categories = [
        {
            "id": number + 1,
            "name": name,
            "supercategory": skeleton.instance,
            "keypoints": list(skeleton.keypoints),
            "skeleton": [[a + 1, b + 1] for a, b in skeleton.edges],  # COCO counts from 1 here
        }
        for number, name in part.spec.names.items()
    ]
    table = {
        "info": {"description": f"{part.spec.file.stem} {part.split}"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    write_text(file, json.dumps(table, ensure_ascii=False))


def notes(part: Labelled) -> list[str]:
    """Say how many instances get the area of their box."""
    unknown = sum(int((~np.isfinite(labels.area)).sum()) for labels in part.labels)
    return [f"area: {unknown} instances have none; COCO needs one, and gets that of the box"] if unknown else []


def _rows(labels: Labels) -> list[dict[str, Any]]:
    there = labels.visibility > 0
    xy = plain(np.where(there[..., None], labels.xy, 0))
    corners = np.array(plain(labels.boxes), dtype=np.float64).reshape(-1, 4)
    sizes = np.round(corners[:, 2:] - corners[:, :2], 7)
    areas = np.where(np.isfinite(labels.area), labels.area, sizes.prod(axis=1).astype(np.float32))
    return [
        {
            "category_id": number + 1,
            "bbox": [*corner, *size],
            "keypoints": [v for (x, y), seen in zip(points, visible, strict=True) for v in (x, y, seen)],
            "num_keypoints": sum(v > 0 for v in visible),
            "area": area,
            "iscrowd": int(crowd),
        }
        for number, corner, size, points, visible, area, crowd in zip(
            labels.classes.tolist(),
            corners[:, :2].tolist(),
            sizes.tolist(),
            xy,
            labels.visibility.tolist(),
            plain(areas),
            labels.crowd.tolist(),
            strict=True,
        )
    ]
