"""Join, score and suppress people: pure functions on their columns, for top-down models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.protocols import People
from poise.geometry import affine_apply, box_area, oks

Floats = NDArray[np.float32]

AGREE = 0.5  # IoU above which proposals vouch for each other
_INSIDE = 0.5  # share of a box in a larger one from which it may be a part of the same person
_SAME_PLACE = 1.0  # spreads of the smaller of two instances within which keypoints are at one place
_MUCH_LARGER = 3.0  # ratio of box areas from which a keypoint at one place is the smaller instance's
_LEAST_SPREAD = 0.1  # of the longer side's spread
_SURE_PART = 0.2  # raw score of the keypoints that show whether it is


def tiles(width: int, height: int, share: float) -> list[tuple[int, int, int, int]]:
    """Return xyxy tiles of ``share`` of the longer side that cover a picture, overlapping by a quarter or more."""
    side = max(1, math.ceil(share * max(width, height)))

    def starts(length: int) -> list[int]:
        if length <= side:
            return [0]
        count = math.ceil((length - side) / (0.75 * side)) + 1
        return [round(i * (length - side) / (count - 1)) for i in range(count)]

    return [(x, y, min(x + side, width), min(y + side, height)) for y in starts(height) for x in starts(width)]


def boxes_to_picture(boxes: NDArray[Any], back: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry ``(N, 4)`` xyxy boxes from network input pixels to the picture's by a ``(2, 3)`` map that does not turn."""
    corners: NDArray[np.float64] = affine_apply(back, boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    return corners


def to_picture(people: People, back: NDArray[np.float64]) -> People:
    """Carry people from network input pixels to the picture's by a ``(2, 3)`` map."""
    corners = boxes_to_picture(people.boxes, back)
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


def spreads(boxes: Floats, sigmas: NDArray[Any]) -> Floats:
    """Return ``(N, K)`` pixels of one spread of COCO's of each keypoint, for instances with ``(N, 4)`` boxes."""
    spread: Floats = (np.sqrt(np.maximum(box_area(boxes), 1))[:, None] * (2 * sigmas)).astype(np.float32)
    return spread


def extent(xy: Floats, conf: Floats, boxes: Floats, *, least: float = 0.3) -> Floats:
    """Widen ``(N, 4)`` boxes to hold every keypoint whose score is above ``least``."""
    sure = (conf > least)[..., None]
    low = np.minimum(np.where(sure, xy, np.inf).min(axis=1), boxes[:, :2])
    high = np.maximum(np.where(sure, xy, -np.inf).max(axis=1), boxes[:, 2:])
    return np.concatenate([low, high], axis=-1)


def move(boxes: Floats, before: Floats, after: Floats, weight: Floats) -> Floats:
    """Carry ``(N, 4)`` boxes along with their keypoints.

    The box shifts with the weighted mean of the keypoints and grows with their weighted spread, each side with its own:
    who stands up becomes higher and not wider. By a fifth a frame at most.

    Args:
        boxes: Boxes around the keypoints ``before``.
        before: ``(N, K, 2)`` keypoints of the last frame.
        after: ``(N, K, 2)`` keypoints of this one.
        weight: ``(N, K)``, how sure both are.
    """
    share = (weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-6))[..., None]
    start, end = (before * share).sum(axis=1), (after * share).sum(axis=1)
    spread = [
        np.sqrt((np.square(points - middle[:, None]) * share).sum(axis=1))
        for points, middle in ((before, start), (after, end))
    ]
    whole = np.linalg.norm(spread[1], axis=-1) / np.maximum(np.linalg.norm(spread[0], axis=-1), 1e-6)
    # Keypoints in one line say little of the side across it.
    line = spread[0] < _LEAST_SPREAD * spread[0].max(axis=-1, keepdims=True)
    growth = np.clip(np.where(line, whole[:, None], spread[1] / np.maximum(spread[0], 1e-6)), 0.8, 1.2)
    moved = [end + (boxes[:, i : i + 2] - start) * growth for i in (0, 2)]
    return np.concatenate(moved, axis=-1).astype(np.float32)


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
        near = similarity[best]
        left &= near <= max_similarity
        score = np.where(left & (near > decay_from), score * (1 - near), score)
    keep = np.array(kept, dtype=np.intp)
    return keep, score[keep].astype(np.float32)


def alike(people: People, sigmas: NDArray[Any]) -> NDArray[Any]:
    """Return the ``(N, N)`` OKS of every person with every other; ``sigmas`` ``(K,)`` of the skeleton."""
    visible = np.ones(people.conf.shape, dtype=bool)
    # A sliver of a box whose keypoints are a whole person's is that person.
    area = np.maximum(box_area(extent(people.xy, people.conf, people.boxes)), 1)
    similarity = oks(people.xy, people.xy, area=area, visible=visible, sigmas=sigmas)
    # Of either person's area the smaller counts: beside a large person everything small looks close.
    return np.minimum(similarity, similarity.T)


def alike_or_part(people: People, sigmas: NDArray[Any], flip_idx: Sequence[int] | None = None) -> NDArray[Any]:
    """Return the same, raised where one person is a part of another: a face found beside its body.

    That is a box mostly inside of a larger one whose sure keypoints are the larger one's, or those of its other side:
    of somebody seen in part it is hard to say whether this is the back.

    Args:
        people: N of them.
        sigmas: ``(K,)`` of the skeleton.
        flip_idx: The keypoint that each one becomes in a mirror; None: sides are taken as they are.
    """
    similarity, area = alike(people, sigmas), box_area(people.boxes)
    low = np.maximum(people.boxes[:, None, :2], people.boxes[None, :, :2])
    high = np.minimum(people.boxes[:, None, 2:], people.boxes[None, :, 2:])
    inside = np.maximum(high - low, 0).prod(axis=-1) > _INSIDE * area
    sure = people.conf > _SURE_PART
    part = inside & (area[:, None] > area) & (sure.sum(axis=-1) >= 3)
    if not part.any():
        return similarity
    shared = oks(people.xy, people.xy, area=area, visible=sure, sigmas=sigmas)
    if flip_idx:
        other = oks(people.xy[:, list(flip_idx)], people.xy, area=area, visible=sure, sigmas=sigmas)
        shared = np.maximum(shared, other)
    similarity = np.where(part, np.maximum(similarity, shared), similarity)
    # A part may be like the whole by way of a larger part that is like both.
    chained = (similarity[:, :, None] * similarity[None]).max(axis=1)
    return np.where(part, np.maximum(similarity, chained), similarity)


def contested(boxes: Floats, xy: Floats, conf: Floats, sigmas: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which keypoints are another instance's: limbs that run to a neighbour.

    Two instances cannot have the same keypoint at one place. It belongs to the smaller one, whose spread is the finer
    measure, unless the larger one is surer of it.

    Args:
        boxes: ``(N, 4)`` xyxy.
        xy: ``(N, K, 2)`` keypoints.
        conf: ``(N, K)`` confidences.
        sigmas: ``(K,)`` spreads of the skeleton.

    Returns:
        ``(N, K)`` True where the keypoint is somebody else's.
    """
    apart = np.square(xy[:, None] - xy[None]).sum(axis=-1)  # (N, N, K)
    spread = spreads(boxes, sigmas)
    near = apart < np.square(_SAME_PLACE * np.minimum(spread[:, None], spread[None]))
    area = box_area(boxes)
    theirs = (conf[None] > conf[:, None]) | (area[:, None] > _MUCH_LARGER * area[None])[..., None]
    theirs &= ~((area[None] > _MUCH_LARGER * area[:, None])[..., None])
    theirs &= ~np.eye(len(boxes), dtype=bool)[..., None]
    return np.asarray((near & theirs).any(axis=1))
