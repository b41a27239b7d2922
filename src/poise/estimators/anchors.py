"""Single-shot detectors with fixed anchors (palms, faces): where the anchors lie, decoding, and blending.

Source: MediaPipe (Apache-2.0), ``ssd_anchors_calculator``, ``tensors_to_detections_calculator`` and
``non_max_suppression_calculator`` with the options of its palm and short-range face graphs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats, box_iou

Floats64 = NDArray[np.float64]

# MediaPipe clips logits here before the sigmoid, so that exp does not overflow.
_LOGIT_LIMIT = 100.0


def anchor_centres(size: int, layers: tuple[tuple[int, int], ...]) -> Floats64:
    """Return the anchors of a square network input, row by row.

    Args:
        size: Side of the input, pixels.
        layers: (stride in pixels, anchors a cell) of each grid, in the network's order.

    Returns:
        ``(A, 2)`` centres x, y, pixels of the input.
    """
    grids = []
    for stride, per_cell in layers:
        cells = -(-size // stride)
        axis = (np.arange(cells) + 0.5) * size / cells
        y, x = np.meshgrid(axis, axis, indexing="ij")
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], -1), per_cell, axis=0))
    return np.concatenate(grids)


def sigmoid(logits: Floats) -> Floats:
    """Turn logits into probabilities."""
    probabilities: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, -_LOGIT_LIMIT, _LOGIT_LIMIT)))
    return probabilities


def decode(raw: Floats, logits: Floats, centres: Floats64, *, min_score: float) -> tuple[Floats64, Floats64, Floats64]:
    """Decode the anchors that score enough.

    Args:
        raw: ``(A, 4 + 2P)`` offset of the box centre from the anchor, width, height, offsets of P points; pixels.
        logits: ``(A,)`` score logits.
        centres: ``(A, 2)`` anchors, pixels.
        min_score: Drop anchors below this probability.

    Returns:
        ``(M, 4)`` xyxy boxes, ``(M, P, 2)`` points, ``(M,)`` scores, in pixels of the network's input.
    """
    scores = sigmoid(logits.astype(np.float64))
    kept = np.flatnonzero(scores >= min_score)
    raw, centres = raw[kept].astype(np.float64), centres[kept]
    middle, half = raw[:, :2] + centres, raw[:, 2:4] / 2
    points = raw[:, 4:].reshape(len(kept), (raw.shape[1] - 4) // 2, 2) + centres[:, None]
    boxes = np.concatenate([middle - half, middle + half], axis=-1)
    good = (half > 0).all(axis=-1)  # MediaPipe drops boxes of negative size too
    return boxes[good], points[good], scores[kept][good]


def blend(
    boxes: Floats64, points: Floats64, scores: Floats64, *, min_overlap: float, sure: float = 0.0
) -> tuple[Floats64, Floats64, Floats64]:
    """Merge overlapping detections into their score-weighted mean.

    Each group is the best detection left and all left that overlap it by more than ``min_overlap`` (IoU).

    Args:
        boxes: ``(M, 4)`` xyxy.
        points: ``(M, P, 2)``.
        scores: ``(M,)``.
        min_overlap: IoU above which a detection joins the group.
        sure: Where the best of a group scores at least this, those that score less join it without weight.

    Returns:
        Boxes, points and scores of the groups, best first; a group's score is that of its best detection.

    Source:
        MediaPipe's WEIGHTED non-maximum suppression.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, points, scores = boxes[order], points[order], scores[order]
    alike = box_iou(boxes, boxes) > min_overlap
    np.fill_diagonal(alike, True)
    left = np.ones(len(boxes), dtype=bool)
    groups = []
    while left.any():
        best_left = int(left.argmax())
        group = left & alike[best_left]
        groups.append(np.where(group & (scores >= min(sure, scores[best_left])), scores, 0.0))
        left &= ~group
    weights = np.array(groups).reshape(len(groups), len(boxes))
    best = weights.max(axis=1, initial=0.0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return weights @ boxes, np.einsum("gm,mpd->gpd", weights, points), best
