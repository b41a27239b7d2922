"""A skeleton as a plain table, as files hold it in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from poise.skeletons._skeleton import Skeleton


def as_table(skeleton: Skeleton) -> dict[str, Any]:
    """Return everything about a skeleton as lists, texts and numbers."""
    return {
        "name": skeleton.name,
        "instance": skeleton.instance,
        "keypoints": list(skeleton.keypoints),
        "edges": [list(edge) for edge in skeleton.edges],
        "flip_idx": list(skeleton.flip_idx),
        "pairs": [list(pair) for pair in skeleton.pairs],
        "sigmas": skeleton.sigmas.tolist(),
        "sigmas_source": skeleton.sigmas_source,
        "subsets": {name: list(points) for name, points in skeleton.subsets.items()},
        "source": skeleton.source,
    }


def part_of_table(skeleton: Skeleton, *keys: str) -> dict[str, Any]:
    """Return some entries of :func:`as_table`, in this order."""
    table = as_table(skeleton)
    return {key: table[key] for key in keys}


def of_table(table: Mapping[str, Any]) -> Skeleton:
    """Return the skeleton of a table that holds what :func:`as_table` gives; pairs follow from ``flip_idx``.

    Raises:
        KeyError, TypeError, ValueError: It is none. Who reads a stranger's file limits how long its lists may be.
    """
    return Skeleton(
        str(table["name"]),
        tuple(str(name) for name in table["keypoints"]),
        edges=tuple((int(a), int(b)) for a, b in table["edges"]),
        flip_idx=tuple(int(i) for i in table["flip_idx"]),
        sigmas=np.array(table["sigmas"], np.float64),
        subsets={str(name): tuple(int(i) for i in points) for name, points in table["subsets"].items()},
        sigmas_source=str(table["sigmas_source"]),
        source=str(table["source"]),
        instance=str(table["instance"]),
    )
