"""Which class is taken for which: the confusion matrix of the boxes of a validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.evaluation.instances import Expected, Found
from poise.geometry import box_iou

# Confidence from which a find counts. Source: the field's default for predictions.
CONF = 0.25
# Least overlap of a find and its instance: that of mAP50.
IOU = 0.5
# Name of the row of what was missed and of the column of false alarms. Source: the field's.
BACKGROUND = "background"


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often an instance of one class was found as another, at one confidence.

    Attributes:
        matrix: ``(C + 1, C + 1)`` counts: row the class that was found, column the true one, as users of this field
            know it. The last row holds instances that were missed, the last column finds where there is nothing.
        names: C class names, and ``"background"``.
        conf: Least confidence of a find.
        iou: Least overlap of the boxes of a find and its instance.
    """

    matrix: NDArray[np.int64]
    names: tuple[str, ...]
    conf: float
    iou: float

    @property
    def nc(self) -> int:
        """Number of classes."""
        return len(self.names) - 1

    @property
    def right(self) -> int:
        """Instances that were found as what they are."""
        return int(np.trace(self.matrix[:-1, :-1]))

    @property
    def confused(self) -> int:
        """Instances that were found as something else."""
        return int(self.matrix[:-1, :-1].sum()) - self.right

    @property
    def missed(self) -> int:
        """Instances that were not found."""
        return int(self.matrix[-1].sum())

    @property
    def false(self) -> int:
        """Finds where there is no instance, or only one that another find has."""
        return int(self.matrix[:, -1].sum())

    @property
    def shares(self) -> NDArray[np.float64]:
        """The counts as shares of the instances of their column, false alarms as shares of the finds of their row.

        NaN where there are none. (Of the column of false alarms shares would only tell how they divide among classes.)
        """
        whole = np.tile(self.matrix.sum(axis=0, dtype=np.float64), (len(self.matrix), 1))
        whole[:, -1] = self.matrix.sum(axis=1)
        shares: NDArray[np.float64] = np.divide(self.matrix, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
        return shares

    def record(self) -> dict[str, Any]:
        """Return what ``poise val --json`` prints."""
        return {"names": list(self.names), "matrix": self.matrix.tolist(), "conf": self.conf, "iou": self.iou}


def confuse(
    expected: Expected,
    found: Found,
    names: Mapping[int, str],
    *,
    conf: float = CONF,
    iou: float = IOU,
    ignore_crowds: bool = False,
) -> Confusion:
    """Count which class is found as which.

    Finds and instances of a picture are paired by the overlap of their boxes, whatever their classes: the pair that
    overlaps most first, and each in one pair only.

    Args:
        expected: True instances.
        found: Found instances, best first within a picture.
        names: Class number to class name, from 0.
        conf: Least confidence of a find.
        iou: Least overlap of a pair.
        ignore_crowds: Neither count regions of several instances, nor finds that lie in one by half or more.

    Raises:
        ValueError: A class that has no name.
    """
    nc = len(names)
    sure = found[found.conf >= conf]
    for classes in (expected.classes, sure.classes):
        if ((classes < 0) | (classes >= nc)).any():
            raise ValueError(f"classes must be from 0 to {nc - 1}, got {sorted(set(classes.tolist()))}")
    rows, columns, overlap = _near(sure, expected, iou)
    counted, kept = np.ones(len(expected), bool), np.ones(len(sure), bool)
    if ignore_crowds:
        counted = ~expected.crowd
        kept = ~_in_crowd(sure, expected)
        single = counted[columns]
        rows, columns, overlap = rows[single], columns[single], overlap[single]
    one, other = _pair(rows, columns, overlap, len(sure), len(expected))
    kept[one] = True  # what is an instance's own does not belong to the crowd behind it
    alone, missed = kept.copy(), counted.copy()
    alone[one], missed[other] = False, False
    cells = [
        (sure.classes[one], expected.classes[other]),
        (sure.classes[alone], np.full(alone.sum(), nc)),
        (np.full(missed.sum(), nc), expected.classes[missed]),
    ]
    place = np.concatenate([row * (nc + 1) + column for row, column in cells])
    matrix = np.bincount(place, minlength=(nc + 1) ** 2).reshape(nc + 1, nc + 1).astype(np.int64)
    return Confusion(matrix, (*(names[i] for i in range(nc)), BACKGROUND), conf, iou)


def _near(found: Found, expected: Expected, least: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return all pairs of one picture that overlap enough: find, instance, overlap."""
    parts = [(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))]
    for some, true in _pictures(found, expected):
        overlap = box_iou(found.boxes[some], expected.boxes[true])
        i, j = np.nonzero(overlap >= least)
        parts.append((i + some.start, j + true.start, overlap[i, j]))
    rows, columns, overlaps = (np.concatenate(column) for column in zip(*parts, strict=True))
    return rows, columns, overlaps


def _in_crowd(found: Found, expected: Expected) -> NDArray[np.bool_]:
    """Tell the finds that lie in a crowd's box with half of their area or more."""
    inside = np.zeros(len(found), bool)
    for some, true in _pictures(found, expected):
        boxes, crowds = found.boxes[some], expected.boxes[true][expected.crowd[true]]
        low = np.maximum(boxes[:, None, :2], crowds[None, :, :2])
        high = np.minimum(boxes[:, None, 2:], crowds[None, :, 2:])
        shared = np.maximum(high - low, 0).prod(axis=-1)
        own = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=-1)
        inside[some] = ((shared >= IOU * own[:, None]) & (own[:, None] > 0)).any(axis=1)
    return inside


def _pictures(found: Found, expected: Expected) -> list[tuple[slice, slice]]:
    """Return the rows of each picture that has finds and instances."""
    both = np.intersect1d(found.picture, expected.picture)
    bounds = [np.searchsorted(part.picture, both, side) for part in (found, expected) for side in ("left", "right")]
    return [(slice(a, b), slice(c, d)) for a, b, c, d in zip(*(bound.tolist() for bound in bounds), strict=True)]


def _pair(
    rows: NDArray[np.intp], columns: NDArray[np.intp], overlap: NDArray[Any], finds: int, instances: int
) -> tuple[list[int], list[int]]:
    """Choose pairs, most overlap first; of equal ones that of the surer find."""
    order = np.argsort(-overlap, kind="stable")
    free, left = [True] * finds, [True] * instances
    one: list[int] = []
    other: list[int] = []
    for i, j in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if free[i] and left[j]:
            free[i] = left[j] = False
            one.append(i)
            other.append(j)
    return one, other
