"""Boxes, overlap, similarity and affine maps: pure functions on arrays.

Convention: x to the right, y down, pixels of the picture, (0, 0) at its outer top-left corner, so the centre of the
first pixel is (0.5, 0.5). Boxes are ``xyxy`` unless the name says otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]  # any float width
Bools = NDArray[np.bool_]

# COCO measures instances by their segment; this is how much of its box a person fills on average, for instances whose
# segment is not known. Source: the pose metric of the field's most used package ("area = box area x 0.53"), and the
# published recipe of YOLO26-pose, which assigns by it too.
BOX_AREA = 0.53


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
