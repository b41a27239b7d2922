"""Poses as a batch writes them, one row a person in Parquet, and bodies to fill such tables with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from poise.skeletons import Skeleton, get


def person_table(
    xy: Any, conf: Any = None, *, skeleton: Skeleton | None = None, metadata: bool = True, **columns: Any
) -> Any:
    """Return a table of ``(N, K, 2)`` points in the batch's schema; other columns by name, with defaults."""
    import pyarrow as pa

    skeleton = skeleton or get("coco17")
    xy = np.asarray(xy, dtype=np.float32)
    n, k = xy.shape[:2]
    conf = np.ones((n, k), np.float32) if conf is None else np.asarray(conf, np.float32)
    low, high = np.nanmin(xy, axis=1), np.nanmax(xy, axis=1)
    given: dict[str, Any] = {
        "source": [f"{i}.jpg" for i in range(n)],
        "item": np.arange(n),
        "frame": np.zeros(n, np.int64),
        "time": np.zeros(n),
        "width": np.full(n, 640, np.int32),
        "height": np.full(n, 480, np.int32),
        "instance": np.zeros(n, np.int32),
        "id": pa.nulls(n, pa.int64()),
        "class": np.zeros(n, np.int32),
        "name": ["person"] * n,
        "conf": np.ones(n, np.float32),
        **dict(zip(("x1", "y1", "x2", "y2"), (*low.T, *high.T), strict=True)),
        "skeleton": [skeleton.name] * n,
        "xy": pa.FixedSizeListArray.from_arrays(pa.array(xy.reshape(-1)), 2 * k),
        "keypoint_conf": pa.FixedSizeListArray.from_arrays(pa.array(conf.reshape(-1)), k),
        **columns,
    }
    table = pa.table(given)
    about = {"name": skeleton.name, "keypoints": list(skeleton.keypoints), "edges": [list(e) for e in skeleton.edges]}
    told = {"poise.schema": "1", "poise.skeleton": json.dumps(about)}
    return table.replace_schema_metadata(told) if metadata else table


def write_people(path: Path, xy: Any, conf: Any = None, **more: Any) -> Path:
    """Write :func:`person_table`."""
    import pyarrow.parquet as parquet

    parquet.write_table(person_table(xy, conf, **more), path)
    return path


def bodies(n: int, seed: int = 0) -> np.ndarray:
    """Return ``(n, 17, 2)`` bodies of limbs of usual lengths at any angles, pixels, in any place and size."""
    rng = np.random.default_rng(seed)
    out = np.zeros((n, 17, 2))

    def along(angle: Any, length: float) -> np.ndarray:
        # Angles from straight down, to the left of the picture where positive.
        return np.stack([-np.sin(angle), np.cos(angle)], axis=-1) * length

    lean = rng.normal(0, 0.35, n)
    width = rng.uniform(0.1, 1.0, n)[:, None]
    neck = -along(lean, 1.0)
    across = np.stack([np.cos(lean), np.sin(lean)], axis=-1) * width
    for side, (shoulder, elbow, wrist, hip, knee, ankle) in ((-1, (6, 8, 10, 12, 14, 16)), (1, (5, 7, 9, 11, 13, 15))):
        out[:, shoulder] = neck + side * 0.38 * across
        out[:, hip] = side * 0.25 * across
        arm, forearm = rng.normal(0, 1.0, n), rng.normal(0, 1.3, n)
        out[:, elbow] = out[:, shoulder] + along(lean - side * arm, 0.62)
        out[:, wrist] = out[:, elbow] + along(lean - side * (arm + forearm), 0.52)
        thigh, shank = rng.normal(0, 0.6, n), np.abs(rng.normal(0, 0.7, n))
        out[:, knee] = out[:, hip] + along(lean - side * thigh, 0.85)
        out[:, ankle] = out[:, knee] + along(lean - side * thigh + shank, 0.85)
    head = neck - along(lean + rng.normal(0, 0.3, n), 0.5)
    out[:, 0] = head + rng.normal(0, 0.05, (n, 2))
    for i, (x, y) in enumerate(((0.08, -0.08), (-0.08, -0.08), (0.16, -0.04), (-0.16, -0.04)), start=1):
        out[:, i] = head + (x, y)
    size = rng.uniform(20, 200, (n, 1, 1))
    return (out * size + rng.uniform(200, 1800, (n, 1, 2))).astype(np.float32)
