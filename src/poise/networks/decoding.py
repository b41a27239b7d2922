"""From what a head says a cell to boxes and keypoints in pixels of the network's input. No torch here."""

from __future__ import annotations

from poise.networks.scope import Scope, Value


def expectation(at: Scope, boxes: Value, bins: int) -> Value:
    """Turn ``(B, 4 * bins, A)`` distributions over 0 … bins-1 into their means, ``(B, 4, A)``.

    The bins are the weights of a convolution, for its name in checkpoints.
    """
    each = at.softmax(at.transpose(at.reshape(boxes, (0, 4, bins, -1)), (0, 2, 1, 3)), 1)
    return at.reshape(at.bare("dfl.conv", each, 1, bias=False), (0, 4, -1))


def corners(at: Scope, distances: Value, points: Value, strides: Value) -> Value:
    """Turn ``(B, 4, A)`` distances left, top, right, bottom in cells into x1, y1, x2, y2 in pixels."""
    near, far = at.split(distances, (2, 2))
    return at.concat((points - near, points + far)) * strides


def centres(at: Scope, distances: Value, points: Value, strides: Value) -> Value:
    """Turn ``(B, 4, A)`` distances left, top, right, bottom in cells into centre, width, height in pixels."""
    near, far = at.split(distances, (2, 2))
    first, second = points - near, points + far
    return at.concat(((first + second) * 0.5, second - first)) * strides


def keypoints(
    at: Scope, raw: Value, points: Value, strides: Value, shape: tuple[int, int], *, factor: float, offset: float
) -> Value:
    """Turn ``(B, K * D, A)`` raw numbers into pixels, and the third of three into a confidence.

    ``pixel = (factor * raw + point + offset) * stride``.
    """
    k, values = shape
    parts = at.reshape(raw, (0, k, values, -1))
    xy, *conf = at.split(parts, (2, 1), 2) if values == 3 else (parts,)
    scaled = xy if factor == 1 else xy * factor
    places = (scaled + (points if offset == 0 else points + offset)) * strides
    return at.reshape(at.concat((places, at.sigmoid(conf[0])), 2) if conf else places, (0, k * values, -1))


def select(
    at: Scope, boxes: Value, scores: Value, points: Value, sigma: Value | None, classes: int, limit: int
) -> tuple[Value, ...]:
    """Keep the best (anchor, class) pairs of a head that gives one anchor an instance.

    The best ``limit`` anchors by their best class are taken first, then the best ``limit`` pairs among these anchors:
    one anchor may appear with several classes.

    Args:
        at: Where it is computed.
        boxes: ``(B, 4, A)`` corners.
        scores: ``(B, C, A)`` in [0, 1].
        points: ``(B, K * D, A)``.
        sigma: ``(B, 2K, A)`` or None.
        classes: C.
        limit: Most rows.

    Returns:
        ``(B, n, 6 + K * D)`` x1, y1, x2, y2, score, class, keypoints, best first, and ``(B, n, 2K)`` sigma if given;
        n is the smaller of ``limit`` and A.
    """
    count = at.fewer(scores, limit)
    _, best = at.top(at.largest(scores), count)
    score, pair = at.top(at.reshape(at.rows(scores, best), (0, -1)), count)
    anchor = at.pick(best, pair // classes)
    found = at.concat((at.rows(boxes, anchor), at.column(score), at.column(pair % classes), at.rows(points, anchor)), 2)
    return (found,) if sigma is None else (found, at.rows(sigma, anchor))
