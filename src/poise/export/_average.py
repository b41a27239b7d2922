"""Average precision of keypoints and boxes over labelled pictures, as the field's validation counts it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poise.estimators import Estimate
from poise.export._pictures import Truth
from poise.geometry import BOX_AREA, box_area, box_iou

THRESHOLDS = np.arange(0.5, 0.96, 0.05)


def average_precision(
    found: Sequence[Estimate], truths: Sequence[Truth], sigmas: NDArray[np.float64]
) -> tuple[float, float]:
    """Return mAP50-95 of boxes (IoU) and of keypoints (OKS); NaN where nothing is labelled.

    Args:
        found: What was found in each picture, with a low confidence limit.
        truths: What is there.
        sigmas: ``(K,)`` OKS spreads.

    Source:
        The field's validation: at each threshold, predictions in the order of their score take the free object that is
        most alike; AP is the area under the precision envelope, on 101 points, integrated by trapezoids.
    """
    return _mean(found, truths, None), _mean(found, truths, sigmas)


def _mean(found: Sequence[Estimate], truths: Sequence[Truth], sigmas: NDArray[np.float64] | None) -> float:
    hits, scores, kinds = [], [], []
    for estimate, truth in zip(found, truths, strict=True):
        order = np.argsort(-estimate.boxes[:, 4], kind="stable")
        boxes, xy = estimate.boxes[order], estimate.xy[order]
        alike = box_iou(truth.boxes, boxes[:, :4].astype(np.float64)) if sigmas is None else _oks(truth, xy, sigmas)
        alike = alike * (truth.classes[:, None] == boxes[:, 5])
        hits.append(_taken(alike))
        scores.append(boxes[:, 4])
        kinds.append(boxes[:, 5])
    hit, score, kind = np.concatenate(hits), np.concatenate(scores), np.concatenate(kinds)
    labelled = np.concatenate([truth.classes for truth in truths])
    order = np.argsort(-score, kind="stable")
    hit, kind = hit[order], kind[order]
    each = [
        _area(hit[kind == label, column], int((labelled == label).sum()))
        for label in np.unique(labelled)
        for column in range(len(THRESHOLDS))
    ]
    return float(np.mean(each)) if each else float("nan")


def _oks(truth: Truth, xy: NDArray[np.float32], sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    squared = np.square(truth.xy[:, None] - xy[None]).sum(axis=-1)
    area = box_area(truth.boxes) * BOX_AREA + 1e-7
    similar = np.exp(-squared / (np.square(2 * sigmas) * area[:, None, None] * 2)) * truth.visible[:, None]
    made: NDArray[np.float64] = np.nan_to_num(similar).sum(axis=2) / (truth.visible.sum(axis=1)[:, None] + 1e-7)
    return made


def _taken(alike: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each prediction, best first, and each threshold whether it takes an object."""
    hit = np.zeros((alike.shape[1], len(THRESHOLDS)), dtype=bool)
    for column, least in enumerate(THRESHOLDS):
        free = alike.copy()
        for i in range(alike.shape[1]):
            if len(free) and free[:, i].max() >= least:
                free[int(free[:, i].argmax())] = -1.0
                hit[i, column] = True
    return hit


def _area(hit: NDArray[np.bool_], count: int) -> float:
    if not len(hit):
        return 0.0
    right = np.cumsum(hit)
    recall = np.concatenate([[0.0], right / (count + 1e-16), [right[-1] / (count + 1e-16), 1.0]])
    precision = np.concatenate([[1.0], right / np.arange(1, len(hit) + 1), [0.0, 0.0]])
    envelope = np.flip(np.maximum.accumulate(np.flip(precision)))
    at = np.linspace(0, 1, 101)
    heights = np.interp(at, recall, envelope)
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(at)).sum())
