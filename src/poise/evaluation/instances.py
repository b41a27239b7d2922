"""What is true of a set of pictures, and what was found in them, as columns; and which find is which instance."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from poise.evaluation.average_precision import THRESHOLDS, match, yolo_oks
from poise.geometry import BOX_AREA, box_area, box_iou
from poise.results.columns import freeze_columns


class _Columns:
    """Rows that belong to pictures: checked, read-only, and taken by index."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.picture)  # type: ignore[attr-defined]

    def __getitem__(self, rows: Any) -> Self:
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class Expected(_Columns):
    """True instances of all pictures, one row an instance, G rows.

    Attributes:
        picture: ``(G,)`` number of the picture, ascending.
        classes: ``(G,)`` class numbers.
        boxes: ``(G, 4)`` xyxy, pixels of the picture.
        xy: ``(G, K, 2)`` pixels of the picture; NaN where a keypoint is not labelled.
        visibility: ``(G, K)`` 0 not labelled, 1 labelled but hidden, 2 labelled and seen.
        area: ``(G,)`` square pixels of the segment, or 0.53 of the box where the format has none.
        crowd: ``(G,)`` True for a region that holds several instances.
    """

    picture: NDArray[np.int64]
    classes: NDArray[np.int64]
    boxes: NDArray[np.float64]
    xy: NDArray[np.float64]
    visibility: NDArray[np.uint8]
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]

    def __post_init__(self) -> None:
        g, k = np.shape(self.xy)[:2]
        freeze_columns(
            self,
            {
                "picture": (np.int64, (g,)),
                "classes": (np.int64, (g,)),
                "boxes": (np.float64, (g, 4)),
                "xy": (np.float64, (g, k, 2)),
                "visibility": (np.uint8, (g, k)),
                "area": (np.float64, (g,)),
                "crowd": (np.bool_, (g,)),
            },
        )


@dataclass(frozen=True, slots=True, eq=False)
class Found(_Columns):
    """Found instances of all pictures, one row an instance, M rows; best first within a picture.

    Attributes:
        picture: ``(M,)`` number of the picture, ascending.
        classes: ``(M,)`` class numbers.
        boxes: ``(M, 4)`` xyxy, pixels of the picture, not clipped to it.
        conf: ``(M,)`` confidence.
        xy: ``(M, K, 2)`` pixels of the picture; NaN where a keypoint was not predicted.
        point_conf: ``(M, K)`` confidence of each keypoint; NaN where the network gives none.
        sigma: ``(M, K, 2)`` standard deviation in pixels; NaN where the network gives none.
    """

    picture: NDArray[np.int64]
    classes: NDArray[np.int64]
    boxes: NDArray[np.float64]
    conf: NDArray[np.float64]
    xy: NDArray[np.float32]
    point_conf: NDArray[np.float32]
    sigma: NDArray[np.float32]

    def __post_init__(self) -> None:
        m, k = np.shape(self.xy)[:2]
        freeze_columns(
            self,
            {
                "picture": (np.int64, (m,)),
                "classes": (np.int64, (m,)),
                "boxes": (np.float64, (m, 4)),
                "conf": (np.float64, (m,)),
                # Single precision: there are up to 300 finds a picture.
                "xy": (np.float32, (m, k, 2)),
                "point_conf": (np.float32, (m, k)),
                "sigma": (np.float32, (m, k, 2)),
            },
        )

    @classmethod
    def empty(cls, keypoints: int) -> Found:
        """Return no instances."""
        none: Any = np.empty(0)
        points = np.empty((0, keypoints, 2), dtype=np.float32)
        return cls(none, none, np.empty((0, 4)), none, points, points[..., 0], points)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Which find is which true instance, at each of T thresholds.

    Attributes:
        pictures: Number of pictures.
        picture: ``(M,)`` picture of each find, ascending.
        classes: ``(M,)`` class of each find.
        conf: ``(M,)`` confidence of each find.
        pair: ``(M, T)`` row of the true instance, -1 for a false alarm.
        ignored: ``(M, T)`` True for a find that counts neither as right nor as wrong (in a crowd, for example).
        target_picture: ``(G,)`` picture of each true instance that counts.
        target_classes: ``(G,)`` its class.
    """

    pictures: int
    picture: NDArray[np.int64]
    classes: NDArray[np.int64]
    conf: NDArray[np.float64]
    pair: NDArray[np.intp]
    ignored: NDArray[np.bool_]
    target_picture: NDArray[np.int64]
    target_classes: NDArray[np.int64]


def match_boxes(
    expected: Expected, found: Found, *, pictures: int, scale: NDArray[np.float64] | None = None
) -> Matches:
    """Match by the IoU of boxes, by the protocol of the original package.

    Args:
        expected: True instances.
        found: Found instances.
        pictures: Number of pictures.
        scale: ``(pictures, 2)`` from pixels of the picture to those in which overlap is measured, x and y.
    """
    return _match(expected, found, pictures, scale, None)


def match_keypoints(
    expected: Expected,
    found: Found,
    *,
    pictures: int,
    sigmas: NDArray[np.float64],
    scale: NDArray[np.float64] | None = None,
) -> Matches:
    """Match by the OKS of keypoints, by the protocol of the original package.

    Args:
        expected: True instances.
        found: Found instances.
        pictures: Number of pictures.
        sigmas: ``(K,)`` OKS spreads.
        scale: ``(pictures, 2)`` from pixels of the picture to those in which distance is measured, x and y.
    """
    return _match(expected, found, pictures, scale, sigmas)


def _match(
    expected: Expected,
    found: Found,
    pictures: int,
    scale: NDArray[np.float64] | None,
    sigmas: NDArray[np.float64] | None,
) -> Matches:
    pair = np.full((len(found), len(THRESHOLDS)), -1, dtype=np.intp)
    bounds = np.arange(pictures + 1)
    rows, targets = np.searchsorted(found.picture, bounds), np.searchsorted(expected.picture, bounds)
    gain = np.ones((pictures, 2)) if scale is None else np.asarray(scale, dtype=np.float64)
    for i in range(pictures):
        some, true = slice(rows[i], rows[i + 1]), slice(targets[i], targets[i + 1])
        if some.start == some.stop or true.start == true.stop:
            continue
        boxes = expected.boxes[true] * np.tile(gain[i], 2)
        if sigmas is None:
            likeness = box_iou(found.boxes[some] * np.tile(gain[i], 2), boxes)
        else:
            likeness = yolo_oks(
                found.xy[some] * gain[i],
                expected.xy[true] * gain[i],
                area=BOX_AREA * box_area(boxes),
                visible=expected.visibility[true] > 0,
                sigmas=sigmas,
            )
        same = found.classes[some, None] == expected.classes[None, true]
        pairs = match(np.where(same, likeness, -1.0))
        pair[some] = np.where(pairs >= 0, pairs + true.start, -1)
    return Matches(
        pictures,
        found.picture,
        found.classes,
        found.conf,
        pair,
        np.zeros(pair.shape, dtype=bool),
        expected.picture,
        expected.classes,
    )
