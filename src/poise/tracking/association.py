"""Who is who between two moments: pure functions on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Bools, Floats, assign, box_area, box_iou, nms


def match(cost: Floats, *, max_cost: float) -> NDArray[np.intp]:
    """Pair rows with columns so that the sum of the costs is least; a row without a cheap partner stays alone.

    Args:
        cost: ``(M, N)``; NaN or inf forbids a pair.
        max_cost: A pair that costs more is not made.

    Returns:
        ``(P, 2)`` rows and columns, by row.

    Source:
        :func:`poise.assignment.assign`. A pair is worth making when it costs less than leaving both alone, which costs
        ``max_cost``.
    """
    return assign(cost, max_cost=max_cost)


def pose_similarity(
    a: Floats,
    b: Floats,
    *,
    area: Floats,
    sigmas: Floats,
    weight_a: Floats,
    weight_b: Floats,
    spread: Floats | None = None,
    among: Bools | None = None,
) -> tuple[Floats, Floats]:
    """Compare M expected with N found poses by OKS that knows how unsure the expectation is.

    Args:
        a: ``(M, K, 2)`` expected keypoints, pixels; NaN where unknown.
        b: ``(N, K, 2)`` found keypoints.
        area: ``(M,)`` box areas, square pixels.
        sigmas: ``(K,)`` OKS sigmas.
        weight_a: ``(M, K)`` confidence of the expected keypoints; those of a NaN point do not count.
        weight_b: ``(N, K)`` of the found ones.
        spread: ``(M, K)`` variance of the expected positions, square pixels; None: they are exact.
        among: ``(M, N)`` pairs to compare; the others get 0. None: all.

    Returns:
        ``(M, N)`` similarity in [0, 1], and ``(M, N)`` the evidence: the number of keypoints that both have, each
        counted by the product of its confidences.

    Source:
        OKS: cocodataset.org/#keypoints-eval, with ``s² (2 sigma)²`` enlarged by the variance, and the height of the
        bell lowered as that of a normal density is when it widens: whoever may be anywhere is like nobody.
    """
    similarity, evidence = np.zeros((len(a), len(b))), np.zeros((len(a), len(b)))
    rows, columns = np.nonzero(np.ones(similarity.shape, dtype=bool) if among is None else among)
    if not len(rows):
        return similarity, evidence
    exact = np.maximum(area, 1.0)[:, None] * np.square(2.0 * sigmas)
    wide = exact if spread is None else exact + np.where(np.isnan(spread), 0.0, spread)
    step = a[rows] - b[columns]
    squared = step[..., 0] * step[..., 0] + step[..., 1] * step[..., 1]
    weight = weight_a[rows] * weight_b[columns]
    known = np.isfinite(squared)
    if not known.all():
        squared, weight = np.where(known, squared, 0.0), np.where(known, weight, 0.0)
    alike = np.exp(squared * (-0.5 / wide)[rows]) * weight
    if spread is not None:
        alike *= np.sqrt(exact / wide)[rows]
    counted = weight.sum(axis=-1)
    evidence[rows, columns] = counted
    similarity[rows, columns] = alike.sum(axis=-1) / np.maximum(counted, 1e-9)
    return similarity, evidence


def box_similarity(a: Floats, b: Floats, *, spread: Floats) -> Floats:
    """Compare M expected with N found boxes by IoU of boxes widened by how unsure the expectation is.

    Args:
        a: ``(M, 4)`` expected xyxy boxes, pixels.
        b: ``(N, 4)`` found ones.
        spread: ``(M,)`` standard deviation of the expected centre, pixels.

    Returns:
        ``(M, N)`` in [0, 1].

    Source:
        Yang et al. 2023, C-BIoU, arXiv:2211.14317, section 3.1 (buffered IoU); the buffer here is the standard
        deviation in place of a fixed share, and the result is lowered by how much it enlarged the expected box.
    """
    if not len(a) or not len(b):
        return np.zeros((len(a), len(b)))
    by = spread[:, None]
    low = np.maximum(a[:, None, :2] - by[..., None], b[None, :, :2] - by[..., None])
    high = np.minimum(a[:, None, 2:] + by[..., None], b[None, :, 2:] + by[..., None])
    size = np.maximum(high - low, 0.0)
    inter = size[..., 0] * size[..., 1]
    side_a = np.maximum(a[:, 2:] - a[:, :2], 0.0)
    side_b = np.maximum(b[:, 2:] - b[:, :2], 0.0)
    area_a = (side_a + 2 * by).prod(axis=-1)
    area_b = (side_b[None] + 2 * by[..., None]).prod(axis=-1)
    union = area_a[:, None] + area_b - inter
    iou = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    lowered: Floats = iou * np.sqrt(side_a.prod(axis=-1) / np.maximum(area_a, 1e-9))[:, None]
    return lowered


def duplicates(
    boxes: Floats, xy: Floats, weight: Floats, score: Floats, *, sigmas: Floats, max_oks: float, max_iou: float
) -> Bools:
    """Find instances that are a better one again.

    Where two instances have keypoints, OKS decides: two people who hug share a box, but not their joints.

    Args:
        boxes: ``(N, 4)`` xyxy, pixels.
        xy: ``(N, K, 2)`` keypoints, NaN where unknown.
        weight: ``(N, K)`` their confidence.
        score: ``(N,)`` confidence of the instance.
        sigmas: ``(K,)`` OKS sigmas.
        max_oks: Two that are more alike are one.
        max_iou: The same for the boxes of instances without keypoints.

    Returns:
        ``(N,)`` True for the worse one of a pair.
    """
    n = len(boxes)
    worse = np.zeros(n, dtype=bool)
    if n < 2:
        return worse
    iou = box_iou(boxes, boxes)
    np.fill_diagonal(iou, 0.0)
    similarity, evidence = pose_similarity(
        xy, xy, area=box_area(boxes), sigmas=sigmas, weight_a=weight, weight_b=weight
    )
    similarity = np.minimum(similarity, similarity.T)
    alike = np.where(evidence > 0.5, similarity > max_oks, iou > max_iou)
    kept = nms(alike.astype(np.float64), score, max_similarity=0.5)
    worse[:] = True
    worse[kept] = False
    return worse
