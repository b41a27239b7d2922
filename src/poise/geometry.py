"""Boxes, overlap, similarity, affine maps and pairs at the least cost: pure functions on arrays.

Convention: x to the right, y down, pixels of the picture, (0, 0) at its outer top-left corner, so the centre of the
first pixel is (0.5, 0.5). Boxes are ``xyxy`` unless the name says otherwise.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]  # any float width
Bools = NDArray[np.bool_]

# COCO measures instances by their segment; this is how much of its box a person fills on average, for instances whose
# segment is not known. Source: the pose metric of the field's most used package ("area = box area x 0.53"), and the
# published recipe of YOLO26-pose, which assigns by it too.
BOX_AREA = 0.53
_NO = 1e6  # a cost that no assignment pays


def xyxy_to_xywh(boxes: Floats) -> Floats:
    """Turn ``(..., 4)`` corners into centre x, centre y, width, height."""
    low, high = boxes[..., :2], boxes[..., 2:4]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def xywh_to_xyxy(boxes: Floats) -> Floats:
    """Turn ``(..., 4)`` centre x, centre y, width, height into corners."""
    half = boxes[..., 2:4] / 2
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def box_area(boxes: Floats) -> Floats:
    """Return ``(...)`` areas of ``(..., 4)`` xyxy boxes in square pixels; an inverted box has area 0."""
    size = np.maximum(boxes[..., 2:4] - boxes[..., :2], 0)
    area: Floats = size[..., 0] * size[..., 1]
    return area


def box_iou(a: Floats, b: Floats) -> Floats:
    """Compare ``(P, 4)`` with ``(G, 4)`` xyxy boxes by intersection over union, ``(P, G)`` in [0, 1].

    A box without area, or with a NaN corner, is like none.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    size = np.maximum(high - low, 0)
    inter = size[..., 0] * size[..., 1]
    union = box_area(a)[:, None] + box_area(b)[None] - inter
    iou: Floats = np.divide(inter, union, out=np.zeros(inter.shape, dtype=np.result_type(inter, 0.0)), where=union > 0)
    return np.minimum(iou, 1.0)  # rounding in the union can lift equal boxes just over 1


def oks(pred: Floats, target: Floats, *, area: Floats, visible: Bools, sigmas: Floats) -> Floats:
    """Compare predicted with true keypoints by object keypoint similarity.

    Args:
        pred: ``(P, K, 2)`` predicted keypoints, pixels. A NaN point matches nothing.
        target: ``(G, K, 2)`` true keypoints, pixels.
        area: ``(G,)`` segment area of each true instance, square pixels (COCO's ``area``, not the box).
        visible: ``(G, K)`` True where the true keypoint is labelled (COCO visibility 1 or 2).
        sigmas: ``(K,)`` per-keypoint spread, as published by COCO (nose 0.026).

    Returns:
        ``(P, G)`` similarity in ``[0, 1]``; a target without labelled keypoints gives 0.

    Source:
        COCO keypoint evaluation: OKS = mean over labelled k of exp(-d² / (2 s² κ²)), with s² = area and κ = 2σ. The
        reference adds one machine epsilon to the area; so do we. It scores a target without labels by distance to
        its doubled box (an ignore region); that is a different question and has its own function.
    """
    squared = np.square(pred[:, None] - target[None]).sum(axis=-1)
    exponent = squared / (2.0 * (area[None, :, None] + np.spacing(1.0)) * np.square(2.0 * sigmas))
    similarity = np.where(visible[None] & np.isfinite(exponent), np.exp(-exponent), 0.0)
    mean: Floats = similarity.sum(axis=-1) / np.maximum(visible[None].sum(axis=-1), 1)
    return mean


def nms(similarity: Floats, scores: Floats, *, max_similarity: float) -> NDArray[np.intp]:
    """Keep the best of each group of alike instances (greedy non-maximum suppression).

    Args:
        similarity: ``(N, N)`` IoU, OKS or any other likeness in [0, 1].
        scores: ``(N,)`` higher is better; equal scores keep their order.
        max_similarity: An instance more alike than this to a better one that was kept is dropped.

    Returns:
        Indices of the kept instances, best first.
    """
    order = np.argsort(-scores, kind="stable")
    alike = similarity > max_similarity
    dropped = np.zeros(len(order), dtype=bool)
    kept = []
    for i in order:
        if not dropped[i]:
            kept.append(i)
            dropped |= alike[i]
    return np.array(kept, dtype=np.intp)


def roi_to_crop(centre: Floats, size: Floats, angle: Floats, out_size: tuple[int, int]) -> Floats:
    """Return the affine maps from picture to crop for rotated regions of interest.

    Args:
        centre: ``(N, 2)`` region centres, pixels.
        size: ``(N, 2)`` region width and height, pixels.
        angle: ``(N,)`` degrees that the region's up direction is turned clockwise on the screen from the picture's.
        out_size: Width and height of the crop, pixels.

    Returns:
        ``(N, 2, 3)`` matrices M with ``crop = M[:, :2] @ point + M[:, 2]``, outer-corner convention on both sides.
    """
    radians = np.deg2rad(np.asarray(angle, dtype=np.float64))
    cos, sin = np.cos(radians), np.sin(radians)
    scale = np.asarray(out_size, dtype=np.float64) / np.asarray(size, dtype=np.float64)
    turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)
    linear = scale[:, :, None] * turn
    shift = np.asarray(out_size) / 2 - np.einsum("nij,nj->ni", linear, np.asarray(centre, dtype=np.float64))
    return np.concatenate([linear, shift[:, :, None]], axis=-1)


def affine_invert(matrices: Floats) -> Floats:
    """Invert ``(..., 2, 3)`` affine maps."""
    linear = np.linalg.inv(matrices[..., :2])
    return np.concatenate([linear, -linear @ matrices[..., 2:]], axis=-1)


def affine_apply(matrices: Floats, points: Floats) -> Floats:
    """Map ``(..., K, 2)`` points by ``(..., 2, 3)`` affine maps."""
    return points @ np.swapaxes(matrices[..., :2], -1, -2) + matrices[..., None, :, 2]


def assign(cost: Floats, *, max_cost: float = np.inf) -> NDArray[np.intp]:
    """Pair rows with columns so that the sum of the costs is least.

    ``lap`` does it where it is installed (the extra ``track``), because it is faster; else the same is done in numpy.
    Both are exact, so they differ only between solutions of the same cost.

    Args:
        cost: ``(M, N)``; NaN or inf forbids a pair.
        max_cost: A pair that costs more is not made, and leaving a row and a column alone costs as much. Infinite: as
            many pairs as can be made.

    Returns:
        ``(P, 2)`` rows and columns, by row.

    Source:
        Jonker and Volgenant 1987, through lap; without it Crouse 2016, On implementing 2D rectangular assignment
        algorithms, IEEE TAES 52(4).
    """
    if not cost.size:
        return np.empty((0, 2), dtype=np.intp)
    allowed = np.isfinite(cost) & (cost <= max_cost)
    if allowed.sum(axis=0).max() <= 1 and allowed.sum(axis=1).max() <= 1:
        return np.argwhere(allowed)  # nobody has a choice
    finite = np.where(allowed, cost, _NO).astype(np.float64)
    limit = min(float(max_cost), _NO / 2)
    lap = _lap()
    if lap is not None:
        columns = lap.lapjv(np.ascontiguousarray(finite), extend_cost=True, cost_limit=limit)[1]
    else:
        # A partner that costs nothing for everybody who stays alone; a pair is worth what it costs below the limit.
        alone = np.zeros((len(finite), len(finite)))
        columns = least_cost(np.concatenate([finite - limit, alone], axis=1))
        columns = np.where(columns < finite.shape[1], columns, -1)
    rows = np.flatnonzero(columns >= 0)
    pairs = np.stack([rows, columns[rows]], axis=1).astype(np.intp)
    return pairs[allowed[pairs[:, 0], pairs[:, 1]]]


def least_cost(cost: Floats) -> NDArray[np.intp]:
    """Give every row a column of its own, at the least total cost.

    Args:
        cost: ``(M, N)``, finite, M at most N.

    Returns:
        ``(M,)`` the column of each row.

    Raises:
        ValueError: There are more rows than columns.

    Source:
        Crouse 2016: rows are taken in one after another, each along the shortest augmenting path in reduced costs.

    Example:
        >>> least_cost(np.array([[4.0, 1.0, 2.0], [2.0, 0.0, 5.0]])).tolist()
        [2, 1]
        >>> least_cost(np.array([[4.0, 1.0, 6.0], [2.0, 0.0, 5.0]])).tolist()
        [1, 0]
    """
    count, width = cost.shape
    if count > width:
        raise ValueError(f"every row needs a column of its own, got {count} rows and {width} columns")
    price_row, price_column = np.zeros(count), np.zeros(width)
    column_of, row_of = np.full(count, -1, dtype=np.intp), np.full(width, -1, dtype=np.intp)
    for start in range(count):
        distance = np.full(width, np.inf)
        before = np.full(width, start, dtype=np.intp)
        settled = np.zeros(width, dtype=bool)
        rows, row, far = [start], start, 0.0
        while True:
            along = cost[row] - price_row[row] - price_column + far
            nearer = ~settled & (along < distance)
            distance[nearer], before[nearer] = along[nearer], row
            open_distance = np.where(settled, np.inf, distance)
            column = int(open_distance.argmin())
            free = row_of < 0
            if not free[column]:
                # Of columns that are equally near, a free one ends the path.
                equal = np.flatnonzero(free & (open_distance <= open_distance[column]))
                column = int(equal[0]) if len(equal) else column
            far = float(distance[column])
            settled[column] = True
            if row_of[column] < 0:
                break
            row = int(row_of[column])
            rows.append(row)
        price_row[start] += far
        others = np.array(rows[1:], dtype=np.intp)
        price_row[others] += far - distance[column_of[others]]
        price_column[settled] -= far - distance[settled]
        while True:
            row = int(before[column])
            row_of[column] = row
            column_of[row], column = column, int(column_of[row])
            if row == start:
                break
    return column_of


@cache
def _lap() -> ModuleType | None:
    try:
        return import_module("lap")
    except ModuleNotFoundError:
        return None
