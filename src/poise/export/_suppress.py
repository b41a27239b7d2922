"""Non-maximum suppression inside a graph."""

from __future__ import annotations

import numpy as np

from poise.export._options import ExportOptions
from poise.networks.onnx_graph import GraphScope, Symbol


def suppress(at: GraphScope, outputs: tuple[Symbol, ...], classes: int, options: ExportOptions) -> tuple[Symbol, ...]:
    """Keep the best rows of each picture, as the estimator would outside.

    Args:
        at: Where it is added.
        outputs: ``(B, 4 + classes + K * D, A)``, and perhaps sigma ``(B, 2K, A)``.
        classes: Number of classes.
        options: With ``conf``, ``iou`` and ``max_det``.

    Returns:
        ``(B, max_det, 6 + K * D)`` x1, y1, x2, y2, score, class, keypoints, best first, zeros after the last; sigma
        likewise ``(B, max_det, 2K)``.
    """
    rows, spread = outputs[0], outputs[1:]
    batch, columns, _ = rows.shape
    assert columns is not None
    centre, size, scores, points = at.split(rows, (2, 2, classes, columns - 4 - classes))
    half = size * 0.5
    boxes = at.concat((centre - half, centre + half))
    zero = at.array(np.zeros((), np.float32))
    if classes > 1:
        # An anchor gives a row for its best class only.
        best = at.reshape(at.largest(scores), (0, 1, -1))
        own = at.made("Equal", [scores.name, best.name], scores.shape, scores)
        scores = at.made(
            "Where", [own.name, scores.name, at.array(np.zeros((), np.float32)).name], scores.shape, scores
        )
    limits = [at.array(np.array([n], kind)).name for n, kind in _limits(options)]
    turned = at.transpose(boxes, (0, 2, 1))
    chosen = at.made("NonMaxSuppression", [turned.name, scores.name, *limits], (None, 3), scores, whole=True)
    first = at.made("Gather", [chosen.name, at.array(np.array(0)).name], (None,), chosen, axis=1)
    none = scores * 0.0
    kept = at.made("ScatterND", [none.name, chosen.name, (at.single(first) * 0.0 + 1.0).name], scores.shape, scores)
    # Room for max_det rows even where there are fewer anchors.
    start = at.made("Gather", [none.name, at.array(np.array([0])).name], (batch, classes, 1), none, axis=2)
    room = at.largest(start) + at.array(np.zeros((1, options.max_det), np.float32))
    flat = at.concat((at.reshape(scores * kept, (0, -1)), room))
    score, place = at.top(flat, options.max_det)
    sizes = at.made("Shape", [scores.name], (3,), scores, whole=True)
    count = at.made("Gather", [sizes.name, at.array(np.array([2])).name], (1,), sizes)
    there = at.column(at.single(at.made("Greater", [score.name, zero.name], score.shape, score)))
    index = place % count
    kind = at.column(place // count) * there
    found = at.concat((at.rows(boxes, index) * there, at.column(score), kind, at.rows(points, index) * there), 2)
    return (found, *(at.rows(s, index) * there for s in spread))


def _limits(options: ExportOptions) -> list[tuple[float, type[np.generic]]]:
    return [(options.max_det, np.int64), (options.iou, np.float32), (options.conf, np.float32)]
