"""Checks of keypoints over the whole set: never labelled, always at the same place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from poise.datasets._labels import Problem
from poise.datasets.doctor._table import Table, yaml_line

# Instances from which on, and the part of them, at which the same place to a ten-thousandth is no chance.
_LEAST, _SHARE = 20, 0.3
# What margins of boxes drawn round keypoints may differ by, as a part of the keypoints' extent, and how many boxes are.
_MARGIN, _MOST = 0.02, 0.6
# Part of instances that show a keypoint below which a network hardly learns it.
_RARE = 0.05


def check_points(table: Table) -> Iterator[Problem]:
    """Look at each keypoint over all instances."""
    spec, labels = table.spec, table.labels
    rows = np.flatnonzero((labels.visibility > 0).any(1) & ~labels.crowd)
    line = yaml_line(spec.file, "kpt_names") or yaml_line(spec.file, "kpt_shape")
    if not len(rows):
        if len(labels):
            text = f"none of {len(labels)} instances has a labelled keypoint: a network learns boxes only"
            yield Problem("never-labelled", "warning", spec.file, line, text, "label some (visibility 1 or 2)")
        return
    share = (labels.visibility[rows] > 0).mean(0)
    names = spec.skeleton.keypoints
    never = [names[k] for k in np.flatnonzero(share == 0)]
    if never:
        text = f"never labelled in {len(rows)} instances: {', '.join(never)}; a network cannot learn them"
        yield Problem("never-labelled", "warning", spec.file, line, text, "label some, or take them out of kpt_shape")
    rare = [f"{names[k]} ({share[k] * 100:.1f} %)" for k in np.flatnonzero((share > 0) & (share < _RARE))]
    if rare and len(rows) >= _LEAST:
        yield Problem("rarely-labelled", "note", spec.file, line, f"rarely labelled: {', '.join(rare)}", "label more")
    if spec.kpt_shape[1] == 3 and not (labels.visibility[rows] == 1).any() and (share < 1).any() and len(rows) >= 50:
        text = "visibility 1 (hidden) is never used: it is not told apart from not labelled"
        yield Problem("no-hidden-points", "note", spec.file, line, text, "right if hidden points were not labelled")
    yield from _constant(table, rows, line)


def _drawn_round(xy: np.ndarray, boxes: np.ndarray) -> bool:
    """Return whether most boxes are those round the keypoints, alone or with the same margin everywhere."""
    low, high = np.nanmin(xy, axis=1), np.nanmax(xy, axis=1)
    extent = np.maximum(high - low, 1e-6)
    margins = np.concatenate([low - boxes[:, :2], boxes[:, 2:] - high], axis=1)
    # A margin is the same number of pixels, or the same part of the extent; boxes are rounded, and cut by the picture.
    for values, near in ((margins, 1.0), (margins / np.tile(extent, 2), _MARGIN)):
        same = np.abs(values - np.median(values, axis=0)) <= near
        if same.all(axis=1).mean() > _MOST:
            return True
    return False


def _constant(table: Table, rows: np.ndarray, line: int | None) -> Iterator[Problem]:
    xy = table.labels.xy[rows].astype(np.float64)
    known = np.isfinite(xy).all(-1)
    boxes = table.labels.boxes[rows].astype(np.float64)
    inside = (xy - boxes[:, None, :2]) / np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)[:, None]
    picture = xy / np.maximum(table.sizes[rows], 1)[:, None]
    # The outermost keypoint of boxes that are drawn round the keypoints is always at their edge.
    drawn = _drawn_round(xy, boxes)
    for k in np.flatnonzero(known.sum(0) >= _LEAST):
        for place, what in ((picture, "of the picture"), *(() if drawn else ((inside, "of the box"),))):
            points = place[known[:, k], k]
            _, number = np.unique(points.round(4), axis=0, return_counts=True)
            if number.max() > _SHARE * len(points):
                x, y = np.median(points, axis=0)
                yield Problem(
                    "constant-point",
                    "warning",
                    table.spec.file,
                    line,
                    f"keypoint {table.spec.skeleton.keypoints[k]!r} is at the same place {what} ({x:.3f}, {y:.3f}) "
                    f"in {number.max()} of {len(points)} instances",
                    "if the labelling tool has put it there, label it or mark it as not labelled",
                )
                break
