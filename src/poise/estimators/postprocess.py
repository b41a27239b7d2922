"""Rows of a YOLO pose network's output: which to keep.

Works on one picture's output in network-input pixels and touches only rows above the confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.geometry import box_area, xywh_to_xyxy

# Candidates beyond this many, best first, are not compared. Source: the YOLO pose specification, section 5.2.
MAX_CANDIDATES = 30_000
# Boxes of different classes are moved apart by this much, so that they do not overlap.
_CLASS_OFFSET = np.float32(7680)
# Candidates compared with each other at a time.
_CHUNK = 128
# The same for keypoints, where comparing costs more than going through the candidates.
_CHUNK_OKS = 32

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
# Compares candidates (P,) with better candidates (G,), both by index: (P, G) in [0, 1].
Likeness = Callable[[Indices, Indices], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of an output are.

    Attributes:
        classes: Number of classes.
        keypoints: Number of keypoints K.
        values: Values a keypoint: 2, or 3 with a confidence.
        selected: True where the network has chosen its rows itself: ``(B, n, 6 + K * values)`` with x1, y1, x2, y2,
            score, class; False for ``(B, 4 + classes + K * values, A)`` with centre x, centre y, width, height, scores.
    """

    classes: int
    keypoints: int
    values: int
    selected: bool

    @property
    def columns(self) -> int:
        """Number of columns of a row."""
        return (6 if self.selected else 4 + self.classes) + self.keypoints * self.values


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The instances kept of one picture, best first.

    Attributes:
        boxes: ``(N, 4)`` x1, y1, x2, y2 in pixels of the network's input.
        conf: ``(N,)``.
        classes: ``(N,)`` class numbers.
        points: ``(N, K, D)`` x, y and perhaps a confidence.
        index: ``(N,)`` place of each in the output.
    """

    boxes: Floats
    conf: Floats
    classes: Indices
    points: Floats
    index: Indices


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows to keep.

    Attributes:
        conf: Scores must be above this.
        iou: Of two instances more alike than this the better stays.
        max_det: Most rows.
        classes: Class numbers to keep; None keeps all.
        agnostic: Instances of different classes suppress each other.
        multi_label: An anchor gives a row for each class above ``conf``, not only for its best.
        sigmas: ``(K,)`` OKS spreads; compare keypoints by OKS instead of boxes by IoU. None: IoU.
    """

    conf: float = 0.25
    iou: float = 0.7
    max_det: int = 300
    classes: Sequence[int] | None = None
    agnostic: bool = False
    multi_label: bool = False
    sigmas: NDArray[np.float64] | None = None


def choose(output: NDArray[Any], layout: Layout, choice: Choice) -> Rows:
    """Choose the rows of one picture.

    Args:
        output: ``(columns, A)``, or ``(n, columns)`` where the network has selected.
        layout: What the columns are.
        choice: Which to keep.
    """
    return _of_selected(output, layout, choice) if layout.selected else _of_anchors(output, layout, choice)


def _of_selected(output: NDArray[Any], layout: Layout, choice: Choice) -> Rows:
    keep = output[:, 4] > choice.conf
    if choice.classes is not None:
        keep &= np.isin(output[:, 5], np.asarray(choice.classes))
    index = np.flatnonzero(keep)[: choice.max_det]
    rows = output[index].astype(np.float32, copy=False)
    return Rows(
        boxes=rows[:, :4],
        conf=rows[:, 4],
        classes=rows[:, 5].astype(np.intp),
        points=rows[:, 6:].reshape(len(rows), layout.keypoints, layout.values),
        index=index,
    )


def _of_anchors(output: NDArray[Any], layout: Layout, choice: Choice) -> Rows:
    scores = output[4 : 4 + layout.classes]
    index, classes, conf = _candidates(scores, choice)
    best = np.argsort(-conf, kind="stable")[:MAX_CANDIDATES]
    index, classes, conf = index[best], classes[best], conf[best]
    boxes = xywh_to_xyxy(output[:4, index].astype(np.float32, copy=False).T)
    if choice.sigmas is None:
        apart = boxes if choice.agnostic else boxes + (classes.astype(np.float32) * _CLASS_OFFSET)[:, None]
        alike, chunk = _iou_of(apart), _CHUNK
    else:
        xy = _points(output, index, layout)[:, :, :2]
        alike, chunk = _oks_of(xy, boxes, classes, choice.sigmas, choice.agnostic), _CHUNK_OKS
    kept = greedy(len(boxes), alike, choice.iou, choice.max_det, chunk=chunk)
    return Rows(boxes[kept], conf[kept], classes[kept], _points(output, index[kept], layout), index[kept])


def _points(output: NDArray[Any], index: Indices, layout: Layout) -> Floats:
    """Return the ``(N, K, D)`` keypoints of some anchors."""
    flat = output[4 + layout.classes :, index].astype(np.float32, copy=False).T
    return np.ascontiguousarray(flat).reshape(len(index), layout.keypoints, layout.values)


def _candidates(scores: NDArray[Any], choice: Choice) -> tuple[Indices, Indices, Floats]:
    """Return anchor, class and score of each pair above the confidence, in the order of the anchors."""
    if choice.multi_label and len(scores) > 1:
        index, classes = np.nonzero((scores > choice.conf).T)
        conf = scores[classes, index]
    elif len(scores) == 1:
        index = np.flatnonzero(scores[0] > choice.conf)
        classes, conf = np.zeros(len(index), dtype=np.intp), scores[0, index]
    else:
        index = np.flatnonzero((scores > choice.conf).any(axis=0))
        some = scores[:, index]
        classes = some.argmax(axis=0)
        conf = some.max(axis=0)
    if choice.classes is not None:
        wanted = np.isin(classes, np.asarray(choice.classes))
        index, classes, conf = index[wanted], classes[wanted], conf[wanted]
    return index, classes, conf.astype(np.float32, copy=False)


def _iou_of(boxes: Floats) -> Likeness:
    """Return what compares boxes with boxes by intersection over union, as columns: twice as fast as rows of four."""
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    area = (x2 - x1) * (y2 - y1)

    def compare(a: Indices, b: Indices) -> NDArray[Any]:
        width = np.minimum(x2[a, None], x2[b])
        width -= np.maximum(x1[a, None], x1[b])
        height = np.minimum(y2[a, None], y2[b])
        height -= np.maximum(y1[a, None], y1[b])
        np.maximum(width, 0, out=width)
        np.maximum(height, 0, out=height)
        width *= height
        union = area[a, None] + area[b]
        union -= width
        # Boxes without area overlap with nothing.
        overlap: Floats = np.divide(width, union, out=np.zeros_like(width), where=union > 0)
        return overlap

    return compare


def _oks_of(xy: Floats, boxes: Floats, classes: Indices, sigmas: NDArray[np.float64], agnostic: bool) -> Likeness:
    """Return what compares keypoints with keypoints by OKS; the better instance's box stands for its area.

    Source: as :func:`poise.geometry.oks`, with every keypoint counted.
    """
    # Distances in units of each keypoint's spread: what is left to do for a pair is to divide by the area.
    unit = np.float32(np.sqrt(8.0)) * sigmas.astype(np.float32)
    x, y = np.ascontiguousarray((xy / unit[:, None]).transpose(2, 0, 1))
    area = box_area(boxes) + np.finfo(np.float32).eps

    def compare(a: Indices, b: Indices) -> NDArray[Any]:
        squared = x[a][:, None] - x[b]
        squared *= squared
        along = y[a][:, None] - y[b]
        along *= along
        squared += along
        squared /= -area[b, None]
        similarity: Floats = np.exp(squared, out=squared).mean(axis=2)
        return similarity if agnostic else np.where(classes[a][:, None] == classes[b], similarity, np.float32(0))

    return compare


def greedy(
    count: int,
    alike: Likeness,
    limit: float,
    most: int,
    *,
    chunk: int = _CHUNK,
) -> Indices:
    """Go through candidates, best first, and keep each that is not too alike to one already kept.

    Args:
        count: Number of candidates, sorted best first.
        alike: Likeness of candidates, ``(P,)`` against ``(G,)`` indices, the latter the better ones.
        limit: More alike than this is dropped.
        most: Stop when this many are kept.
        chunk: Candidates compared with each other at a time.

    Returns:
        Indices of the kept candidates.
    """
    kept: list[int] = []
    for first in range(0, count, chunk):
        some = np.arange(first, min(first + chunk, count))
        if kept:
            some = some[~(alike(some, np.array(kept)) > limit).any(axis=1)]
        close = (alike(some, some) > limit).T  # row: the better one; column: who it drops
        gone = np.zeros(len(some), dtype=bool)
        for i in range(len(some)):
            if not gone[i]:
                kept.append(int(some[i]))
                if len(kept) >= most:
                    return np.array(kept[:most], dtype=np.intp)
                gone |= close[i]
    return np.array(kept, dtype=np.intp)


def select(output: NDArray[Any], layout: Layout, most: int, *, agnostic: bool = False) -> tuple[NDArray[Any], Indices]:
    """Turn the anchors of a network without duplicates into selected rows, as its own graph would.

    Args:
        output: ``(4 + classes + K * values, A)`` with x1, y1, x2, y2, scores, keypoints.
        layout: What the columns are.
        most: Most rows.
        agnostic: An anchor gives a row for its best class only.

    Returns:
        ``(min(most, A), 6 + K * values)`` rows, best first, and the anchor of each; an anchor may come twice, with
        different classes.
    """
    scores = output[4 : 4 + layout.classes]
    best = scores.max(axis=0)
    anchors = np.argsort(-best, kind="stable")[:most]
    if agnostic:
        classes = scores[:, anchors].argmax(axis=0)
        conf = best[anchors]
    else:
        pairs = scores[:, anchors].T.ravel()
        first = np.argsort(-pairs, kind="stable")[: len(anchors)]
        anchors, classes, conf = anchors[first // layout.classes], first % layout.classes, pairs[first]
    rows = output[:, anchors].T
    parts = [rows[:, :4], conf[:, None], classes[:, None].astype(rows.dtype), rows[:, 4 + layout.classes :]]
    return np.concatenate(parts, axis=1), anchors
