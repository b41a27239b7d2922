"""What is true of one picture, and what is wrong with a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from poise.geometry import BOX_AREA, box_area
from poise.results.columns import freeze_columns

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labelled instances of one picture, as read-only columns; row i of each belongs to instance i.

    Attributes:
        classes: ``(N,)`` int64 class numbers.
        boxes: ``(N, 4)`` float32 xyxy, pixels of the upright picture; not clipped to it.
        xy: ``(N, K, 2)`` float32, pixels of the upright picture; NaN where a keypoint is not labelled.
        visibility: ``(N, K)`` uint8: 0 not labelled, 1 labelled but hidden, 2 labelled and seen.
        area: ``(N,)`` float32 square pixels of the instance's segment; NaN where the format has none.
        crowd: ``(N,)`` True for a region that holds several instances (COCO's ``iscrowd``).
    """

    classes: NDArray[np.int64]
    boxes: NDArray[np.float32]
    xy: NDArray[np.float32]
    visibility: NDArray[np.uint8]
    area: NDArray[np.float32]
    crowd: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n, k = np.shape(self.xy)[:2]
        shapes = {
            "classes": (np.int64, (n,)),
            "boxes": (np.float32, (n, 4)),
            "xy": (np.float32, (n, k, 2)),
            "visibility": (np.uint8, (n, k)),
            "area": (np.float32, (n,)),
            "crowd": (np.bool_, (n,)),
        }
        freeze_columns(self, shapes, given=f" to match xy {np.shape(self.xy)}")

    @classmethod
    def of(
        cls, classes: Any, boxes: Any, xy: Any, visibility: Any = None, *, area: Any = None, crowd: Any = None
    ) -> Labels:
        """Build labels from plain arrays; keypoints without visibility are seen where their position is finite."""
        points = np.array(xy, dtype=np.float32)
        n = len(points)
        seen = np.where(np.isfinite(points).all(-1), 2, 0) if visibility is None else np.asarray(visibility)
        points[seen == 0] = np.nan
        return cls(
            np.asarray(classes, dtype=np.int64).reshape(n),
            np.asarray(boxes, dtype=np.float32).reshape(n, 4),
            points,
            seen.astype(np.uint8),
            np.full(n, np.nan, np.float32) if area is None else area,
            np.zeros(n, bool) if crowd is None else crowd,
        )

    @classmethod
    def empty(cls, keypoints: int) -> Labels:
        """Return the labels of a picture without instances."""
        return cls.of([], np.empty((0, 4)), np.empty((0, keypoints, 2)))

    @property
    def whole_area(self) -> NDArray[np.float64]:
        """``(N,)`` square pixels: of the instance's segment, or 0.53 of its box where that is not known."""
        return np.where(np.isnan(self.area), BOX_AREA * box_area(self.boxes.astype(np.float64)), self.area)

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, rows: Any) -> Labels:
        return Labels(*(np.asarray(getattr(self, f.name))[rows] for f in fields(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Labels, tuple(getattr(self, f.name) for f in fields(self)))  # copies are read-only too


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a data set, or worth knowing.

    Attributes:
        kind: Short fixed name of the check, such as ``"wrong-columns"``.
        severity: ``"error"``: the row or picture cannot be used; ``"warning"``: it is used but is likely wrong;
            ``"note"``: worth knowing.
        file: Where it is.
        line: Line in the file from 1; None for the whole file.
        message: What was found and what was expected.
        mend: The command or edit that mends it.
        row: Instance in the picture's labels, where there is one.
        picture: Picture that it is about, where ``file`` is not one.
    """

    kind: str
    severity: Severity
    file: Path
    line: int | None
    message: str
    mend: str = ""
    row: int | None = None
    picture: Path | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else str(self.file)
        return f"{where}: {self.message}" + (f"; {self.mend}" if self.mend else "")


def told_once(problems: Sequence[Problem], kind: str = "confidences") -> list[Problem]:
    """Return the problems with those of one kind, which every file of a data set has alike, as one."""
    same = [problem for problem in problems if problem.kind == kind]
    if len(same) < 2:
        return list(problems)
    first = replace(same[0], message=f"in this and {len(same) - 1} other files {same[0].message}")
    return [problem for problem in problems if problem.kind != kind] + [first]


def stack(labels: Sequence[Labels]) -> Labels:
    """Join the labels of several pictures into one table.

    Raises:
        ValueError: There are none.
    """
    if not labels:
        raise ValueError("nothing to join")
    return Labels(*(np.concatenate([getattr(part, f.name) for part in labels]) for f in fields(Labels)))
