"""Average precision of keypoints and boxes over labelled pictures, as the field's validation counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from poise.estimators import Estimate
from poise.evaluation import Expected, Found, Scores, match_boxes, match_keypoints


def average_precision(
    found: Sequence[Estimate], truths: Sequence[Expected], sigmas: NDArray[np.float64]
) -> tuple[float, float]:
    """Return mAP50-95 of boxes (IoU) and of keypoints (OKS); NaN where nothing is labelled.

    Args:
        found: What was found in each picture, with a low confidence limit.
        truths: What is there.
        sigmas: ``(K,)`` OKS spreads.
    """
    pictures = np.arange(len(truths))
    columns = [np.concatenate([getattr(one, f.name) for one in truths]) for f in fields(Expected)]
    expected = Expected(np.repeat(pictures, list(map(len, truths))), *columns[1:])
    best_first = [np.argsort(-one.boxes[:, 4], kind="stable") for one in found]
    boxes = np.concatenate([one.boxes[order] for one, order in zip(found, best_first, strict=True)])
    xy = np.concatenate([one.xy[order] for one, order in zip(found, best_first, strict=True)])
    unknown = np.full(xy.shape, np.nan, np.float32)
    number = np.repeat(pictures, list(map(len, best_first)))
    rows = Found(number, boxes[:, 5].astype(np.int64), boxes[:, :4], boxes[:, 4], xy, unknown[..., 0], unknown)
    classes = int(max(expected.classes.max(initial=0), rows.classes.max(initial=0))) + 1
    by_boxes = match_boxes(expected, rows, pictures=len(truths))
    by_points = match_keypoints(expected, rows, pictures=len(truths), sigmas=sigmas)
    return Scores.of(by_boxes, classes).map, Scores.of(by_points, classes).map
