"""Counts and distributions of a data set, ready for JSON and for the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.datasets._dataset import Scan
from poise.datasets.doctor._table import Table
from poise.skeletons import Skeleton

# COCO's limits of small and large, square pixels. Source: pycocotools, Params.areaRng.
_SMALL, _LARGE = 32.0**2, 96.0**2


def measure(table: Table, scans: Sequence[Scan], skeleton: Skeleton) -> dict[str, Any]:
    """Describe what is in the data set."""
    labels = table.labels
    splits = {}
    for s, (dataset, found) in enumerate(zip(table.datasets, scans, strict=True)):
        counts = table.counts[s]
        usable = np.array(found.usable, dtype=bool)
        splits[dataset.split] = {
            "pictures": len(dataset),
            "used": int(usable.sum()),
            "left_out": int((~usable).sum()),
            "background": int((usable & (counts == 0)).sum()),
            "instances": int((table.split == s).sum()),
            "instances_a_picture": _spread(counts[usable]),
        }
    number = np.bincount(labels.classes, minlength=len(table.spec.names))
    side = np.sqrt(np.maximum(np.prod(labels.boxes[:, 2:] - labels.boxes[:, :2], axis=1), 0).astype(np.float64))
    posed = (labels.visibility > 0).any(1)
    points = labels.visibility[posed]
    return {
        "splits": splits,
        "classes": {table.spec.names[i]: int(n) for i, n in enumerate(number)},
        "crowd": int(labels.crowd.sum()),
        "without_points": int((~posed).sum()),
        "box_side": _spread(side),
        "box_sizes": {
            "small": int((side**2 < _SMALL).sum()),
            "medium": int(((side**2 >= _SMALL) & (side**2 < _LARGE)).sum()),
            "large": int((side**2 >= _LARGE).sum()),
        },
        "labelled_points": _spread((labels.visibility > 0).sum(1)[posed]),
        "keypoints": {
            name: {
                "seen": int((points[:, k] == 2).sum()),
                "hidden": int((points[:, k] == 1).sum()),
                "not_labelled": int((points[:, k] == 0).sum()),
            }
            for k, name in enumerate(skeleton.keypoints)
        },
    }


def _spread(values: NDArray[Any]) -> dict[str, float]:
    if not len(values):
        return {}
    low, middle, high = np.percentile(values, [5, 50, 95])
    return {
        "least": float(np.min(values)),
        "p5": float(low),
        "median": float(middle),
        "p95": float(high),
        "most": float(np.max(values)),
        "mean": round(float(np.mean(values)), 3),
    }
