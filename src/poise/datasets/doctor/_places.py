"""Checks of single instances: boxes and points against the picture and against each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from poise.datasets._labels import Problem
from poise.datasets.doctor._table import Table
from poise.geometry import box_iou

# What a point may leave its picture or box by, as a part of its size: labels are rounded.
_SLACK = 0.005
# Pixels of a box's shorter side below which a network of stride 8 at the usual 640 pixels cannot place points.
_TINY = 4.0
# What a seen and a hidden keypoint may be outside their box by, as a part of its size.
_SEEN_OUT, _HIDDEN_OUT = 0.15, 0.6
# Two instances whose boxes overlap this much and whose points lie this near (as a part of the box's size) are one.
_SAME_BOX, _SAME_POINTS = 0.9, 0.03


def check_places(table: Table) -> Iterator[Problem]:
    """Compare boxes and points with the picture and with each other."""
    if not len(table):
        return
    yield from _points_outside(table)
    yield from _boxes_outside(table)
    yield from _points_beside_box(table)
    yield from _small_boxes(table)
    yield from _same_twice(table)
    yield from _at_origin(table)
    yield from _no_points(table)


def _points_outside(table: Table) -> Iterator[Problem]:
    xy, size = table.labels.xy.astype(np.float64), table.sizes[:, None, :]
    with np.errstate(invalid="ignore"):
        out = np.maximum(-xy, xy - size) / np.maximum(size, 1)
        bad: NDArray[np.bool_] = np.any(out > _SLACK, axis=-1)
    for i in np.flatnonzero(bad.any(1)):
        k = int(np.flatnonzero(bad[i])[0])
        name = table.spec.skeleton.keypoints[k]
        n = int(bad[i].sum())
        yield table.problem(
            "point-outside-picture",
            "warning",
            i,
            f"keypoint {name!r} at ({xy[i, k, 0]:.0f}, {xy[i, k, 1]:.0f}) is outside the picture "
            f"({table.sizes[i, 0]:.0f} x {table.sizes[i, 1]:.0f})" + (f", as {n - 1} more" if n > 1 else ""),
            "correct it, or mark it as not labelled (visibility 0)",
        )


def _boxes_outside(table: Table) -> Iterator[Problem]:
    boxes, size = table.labels.boxes.astype(np.float64), np.tile(table.sizes, 2)
    with np.errstate(invalid="ignore"):
        out = np.maximum(-boxes, boxes - size) / np.maximum(size, 1)
    for i in np.flatnonzero((out > _SLACK).any(1)):
        yield table.problem(
            "box-outside-picture",
            "warning",
            i,
            f"the box reaches {_reach(out[i]) * 100:.0f} % beyond the picture; it is clipped in training",
            "clip the box to the picture",
        )


def _reach(out: NDArray[np.float64]) -> float:
    return float(np.nanmax(out))


def _points_beside_box(table: Table) -> Iterator[Problem]:
    xy, boxes = table.labels.xy.astype(np.float64), table.labels.boxes.astype(np.float64)
    extent = np.maximum(boxes[:, 2:] - boxes[:, :2], 1)
    with np.errstate(invalid="ignore"):
        out = np.maximum(boxes[:, None, :2] - xy, xy - boxes[:, None, 2:]) / extent[:, None]
    far = np.nan_to_num(out, nan=-1).max(-1)
    labelled: NDArray[np.bool_] = np.all(np.isfinite(xy), axis=-1)
    # Boxes of COCO go round what is seen of an instance: a hidden hip may be far outside, a seen toe by a little.
    bad = labelled & (far > np.where(table.labels.visibility == 1, _HIDDEN_OUT, _SEEN_OUT))
    for i in np.flatnonzero(bad.any(1) & ~table.labels.crowd):
        n, total = int(bad[i].sum()), int(labelled[i].sum())
        k = int(np.argmax(far[i]))
        yield table.problem(
            "box-not-around-points",
            "warning",
            i,
            f"{n} of {total} labelled keypoints are outside the instance's box, {table.spec.skeleton.keypoints[k]!r} "
            f"by {far[i, k] * 100:.0f} % of its size",
            "correct the box or the points; maybe they belong to different instances",
        )


def _small_boxes(table: Table) -> Iterator[Problem]:
    boxes = table.labels.boxes.astype(np.float64)
    short = (boxes[:, 2:] - boxes[:, :2]).min(1)
    for i in np.flatnonzero(short < _TINY):
        empty = short[i] <= 0
        yield table.problem(
            "empty-box" if empty else "tiny-box",
            "warning",
            i,
            f"the box is {boxes[i, 2] - boxes[i, 0]:.1f} x {boxes[i, 3] - boxes[i, 1]:.1f} pixels"
            + ("; no network can learn from it" if empty else ""),
            "write a box round the instance" if empty else "right if it is that small; else correct the box",
        )


def _same_twice(table: Table) -> Iterator[Problem]:
    labels = table.labels
    for first, end in table.together():
        boxes = labels.boxes[first:end]
        overlap = np.triu(box_iou(boxes, boxes), 1)
        for a, b in np.argwhere(overlap > _SAME_BOX):
            i, j = first + int(a), first + int(b)
            if labels.classes[i] != labels.classes[j] or labels.crowd[i] or labels.crowd[j]:
                continue
            scale = float(np.sqrt(np.prod(np.maximum(labels.boxes[i, 2:] - labels.boxes[i, :2], 1))))
            gap = np.linalg.norm(labels.xy[i] - labels.xy[j], axis=-1)
            both = np.isfinite(gap)
            if both.any() and float(np.median(gap[both])) > _SAME_POINTS * scale:
                continue
            file, line, _ = table.where(i)
            other = f"line {line}" if line is not None else f"instance {int(table.row[i])} of {file.name}"
            yield table.problem(
                "same-instance-twice",
                "warning",
                j,
                f"nearly the same instance as {other} (boxes overlap by {overlap[a, b] * 100:.0f} %)",
                "keep the better of the two rows",
            )


def _at_origin(table: Table) -> Iterator[Problem]:
    if table.spec.kpt_shape[1] != 2:
        return
    zero = (table.labels.xy == 0).all(-1)
    for i in np.flatnonzero(zero.any(1)):
        yield table.problem(
            "point-at-origin",
            "warning",
            i,
            f"{int(zero[i].sum())} keypoints are at (0, 0); without a column for visibility they count as "
            "labelled there",
            "add visibility (kpt_shape: [K, 3], '0 0 0' for what is not labelled), or write a negative position",
        )


def _no_points(table: Table) -> Iterator[Problem]:
    none = ~(table.labels.visibility > 0).any(1) & ~table.labels.crowd
    for i in np.flatnonzero(none):
        yield table.problem(
            "no-points", "note", i, "no keypoint is labelled: only the box is learned", "label it, or leave it so"
        )
