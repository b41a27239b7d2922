"""Join, score and suppress people: pure functions on their columns, for :mod:`poise.estimators.body`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.movenet import People
from poise.geometry import affine_apply, box_area

Floats = NDArray[np.float32]

_FUSE_WITHIN = 2.5  # OKS spreads (sqrt(area) times twice sigma) between two predictions of the same keypoint


def tiles(width: int, height: int, share: float) -> list[tuple[int, int, int, int]]:
    """Return xyxy tiles of ``share`` of the longer side that cover a picture, overlapping by a quarter or more."""
    side = max(1, math.ceil(share * max(width, height)))

    def starts(length: int) -> list[int]:
        if length <= side:
            return [0]
        count = math.ceil((length - side) / (0.75 * side)) + 1
        return [round(i * (length - side) / (count - 1)) for i in range(count)]

    return [(x, y, min(x + side, width), min(y + side, height)) for y in starts(height) for x in starts(width)]


def to_picture(people: People, back: NDArray[np.float64]) -> People:
    """Carry people from network input pixels to the picture's by a ``(2, 3)`` map."""
    corners = affine_apply(back, people.boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    return people._replace(boxes=corners.astype(np.float32), xy=affine_apply(back, people.xy).astype(np.float32))


def join(found: Sequence[People]) -> People:
    """Put people of several proposers in one list."""
    return People(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def regions(boxes: Floats, size: tuple[int, int], expand: float) -> NDArray[np.float64]:
    """Return ``(N, 4)`` xyxy regions around boxes, ``expand`` times as large and of the proportions of ``size``."""
    side = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0).astype(np.float64)
    high = np.maximum(side[:, 1], side[:, 0] * size[1] / size[0]) * expand
    half = np.stack([high * size[0] / size[1], high], axis=-1) / 2
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([middle - half, middle + half], axis=-1)


def fuse(people: People, others: People, weight: Floats, sigmas: NDArray[Any]) -> People:
    """Average keypoints with other predictions of the same people, where the two are close.

    Args:
        people: N people.
        others: The same people, predicted otherwise; NaN for keypoints that were not.
        weight: ``(N,)`` weight of the others beside the keypoint scores.
        sigmas: ``(K,)`` COCO's spread of each keypoint over the person's size.
    """
    spread = np.sqrt(np.maximum(box_area(people.boxes), 1))[:, None] * (2 * sigmas)
    far = np.linalg.norm(people.xy - others.xy, axis=-1)
    share = np.where(far < _FUSE_WITHIN * spread, others.conf * weight[:, None], 0)
    share = share / np.maximum(share + people.conf, 1e-6)
    shift = np.where(share[..., None] > 0, (others.xy - people.xy) * share[..., None], 0)
    return people._replace(xy=(people.xy + shift).astype(np.float32))


def extent(xy: Floats, conf: Floats, boxes: Floats) -> Floats:
    """Widen ``(N, 4)`` boxes to hold every keypoint that is sure (raw score above 0.3)."""
    sure = (conf > 0.3)[..., None]
    low = np.minimum(np.where(sure, xy, np.inf).min(axis=1), boxes[:, :2])
    high = np.maximum(np.where(sure, xy, -np.inf).max(axis=1), boxes[:, 2:])
    return np.concatenate([low, high], axis=-1)


def move(boxes: Floats, before: Floats, after: Floats, weight: Floats) -> Floats:
    """Carry ``(N, 4)`` boxes along with their keypoints.

    The box shifts with the weighted mean of the keypoints and grows with their weighted spread, by a fifth at most.

    Args:
        boxes: Boxes around the keypoints ``before``.
        before: ``(N, K, 2)`` keypoints of the last frame.
        after: ``(N, K, 2)`` keypoints of this one.
        weight: ``(N, K)``, how sure both are.
    """
    share = (weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-6))[..., None]
    start, end = (before * share).sum(axis=1), (after * share).sum(axis=1)
    spread = [
        np.sqrt((np.square(points - middle[:, None]) * share).sum(axis=(1, 2)))
        for points, middle in ((before, start), (after, end))
    ]
    growth = np.clip(spread[1] / np.maximum(spread[0], 1e-6), 0.8, 1.2)[:, None]
    moved = [end + (boxes[:, i : i + 2] - start) * growth for i in (0, 2)]
    return np.concatenate(moved, axis=-1).astype(np.float32)


def calibrate(score: Floats, line: tuple[float, float]) -> Floats:
    """Turn raw scores into probabilities: sigmoid(slope * ln(score) + shift), 0 for a score of 0."""
    odds = math.exp(line[1]) * np.power(score, line[0])
    return np.asarray(odds / (1 + odds), dtype=np.float32)


def decay(
    similarity: NDArray[Any], scores: Floats, *, decay_from: float, max_similarity: float
) -> tuple[NDArray[np.intp], Floats]:
    """Lower the scores of people who are like a better one, and drop those that are the same.

    Args:
        similarity: ``(N, N)`` OKS.
        scores: ``(N,)``.
        decay_from: From this similarity s with a better person on, a score is multiplied by 1 - s.
        max_similarity: A person more alike than this to a better one is dropped.

    Returns:
        Indices of the kept people, best first, and their scores.

    Source:
        Bodla et al. 2017, Soft-NMS, arXiv:1704.04503, equation 2 (linear), with OKS for IoU.
    """
    score = scores.astype(np.float32)
    left = np.ones(len(score), dtype=bool)
    kept: list[int] = []
    while left.any():
        best = int(np.where(left, score, -1).argmax())
        kept.append(best)
        left[best] = False
        alike = similarity[best]
        left &= alike <= max_similarity
        score = np.where(left & (alike > decay_from), score * (1 - alike), score)
    keep = np.array(kept, dtype=np.intp)
    return keep, score[keep].astype(np.float32)
