"""Each true instance with the find that took it, and how far its keypoints are off.

A find belongs to an instance by their boxes (IoU of at least 0.5, the most confident first), so that the error of the
keypoints does not decide which finds are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.bodies.angles import joint_angle
from poise.evaluation.instances import Expected, Found, match_boxes
from poise.geometry import Bools
from poise.skeletons import Skeleton

# Sizes of instances, square pixels. Source: COCO.
_SIZES = (("small", 0.0, 32.0**2), ("medium", 32.0**2, 96.0**2), ("large", 96.0**2, np.inf))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """G true instances (no crowds) and their finds.

    Attributes:
        expected: The true instances.
        taken: ``(G,)`` True where a find took the instance.
        xy: ``(G, K, 2)`` found keypoints, pixels; NaN where there are none.
        conf: ``(G,)`` confidence of the find; NaN where there is none.
        point_conf: ``(G, K)`` confidence of each keypoint; NaN where there is none.
        sigma: ``(G, K, 2)`` standard deviation, pixels; NaN where there is none.
        error: ``(G, K)`` distance in pixels; NaN where the keypoint is not labelled or not found.
    """

    expected: Expected
    taken: NDArray[np.bool_]
    xy: NDArray[np.float64]
    conf: NDArray[np.float64]
    point_conf: NDArray[np.float64]
    sigma: NDArray[np.float64]
    error: NDArray[np.float64]

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """``(G, K)`` True where the keypoint is labelled."""
        return self.expected.visibility > 0


def pair_up(expected: Expected, found: Found, *, pictures: int) -> Pairs:
    """Give each true instance its find."""
    some = expected[~expected.crowd]
    matches = match_boxes(some, found, pictures=pictures).pair[:, 0]
    find = np.full(len(some), -1, dtype=np.intp)
    rows = np.flatnonzero(matches >= 0)
    find[matches[rows]] = rows
    taken = find >= 0

    def gather(column: NDArray[Any]) -> NDArray[np.float64]:
        out = np.full((len(some), *column.shape[1:]), np.nan)
        out[taken] = column[find[taken]]
        return out

    xy = gather(found.xy)
    error = np.linalg.norm(xy - some.xy, axis=-1)
    return Pairs(some, taken, xy, gather(found.conf), gather(found.point_conf), gather(found.sigma), error)


def similarity(pairs: Pairs, sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ``(G, K)`` share of each keypoint in OKS, 0 to 1; 0 where it was missed, NaN where not labelled."""
    area = np.maximum(pairs.expected.area, np.spacing(1.0))[:, None]
    near = np.exp(-np.square(pairs.error) / (2 * area * np.square(2 * sigmas)))
    return np.where(pairs.labelled, np.nan_to_num(near, nan=0.0), np.nan)


def reference_length(expected: Expected, skeleton: Skeleton, by: str) -> NDArray[np.float64]:
    """Return the ``(G,)`` length in pixels that PCK divides errors by; NaN where it cannot be measured.

    Args:
        expected: True instances.
        skeleton: What the keypoints are.
        by: ``"bbox"``: the longer side of the box. ``"torso"``: from the left shoulder to the right hip. ``"head"``:
            from the top of the head to the neck.

    Source:
        bbox: Yang and Ramanan, "Articulated human detection with flexible mixtures of parts", PAMI 2013. torso: Sapp
        and Taskar, "MODEC", CVPR 2013. head: after Andriluka et al., "2D human pose estimation", CVPR 2014, who take
        0.6 of the diagonal of a labelled head box; without one, the head's segment stands for it.
    """
    if by == "bbox":
        size: NDArray[np.float64] = (expected.boxes[:, 2:] - expected.boxes[:, :2]).max(axis=1)
        return size
    ends = {"torso": (("left_shoulder",), ("right_hip",)), "head": (("head_top", "head"), ("upper_neck", "neck"))}[by]
    places = [next((skeleton.keypoints.index(n) for n in names if n in skeleton.keypoints), None) for names in ends]
    if None in places:
        return np.full(len(expected), np.nan)
    length: NDArray[np.float64] = np.linalg.norm(expected.xy[:, places[0]] - expected.xy[:, places[1]], axis=-1)
    usable: NDArray[np.float64] = np.where(length > 0, length, np.nan)
    return usable


def pck(pairs: Pairs, skeleton: Skeleton, *, by: str = "bbox", within: float = 0.2) -> NDArray[np.float64]:
    """Return the ``(K,)`` share of labelled keypoints that are found near enough; NaN where none can be judged.

    A keypoint of an instance that was missed counts as wrong.

    Args:
        pairs: True instances and their finds.
        skeleton: What the keypoints are.
        by: What the distance is measured in; see :func:`reference_length`.
        within: Largest distance, as a share of that length. Usual: 0.2 of a box or torso, 0.5 of a head.
    """
    length = reference_length(pairs.expected, skeleton, by)[:, None]
    judged = pairs.labelled & np.isfinite(length)
    right = judged & (np.nan_to_num(pairs.error, nan=np.inf) <= within * np.nan_to_num(length))
    count = judged.sum(axis=0)
    share: NDArray[np.float64] = np.divide(right.sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
    return share


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How well some of the labelled keypoints are found.

    Attributes:
        name: Which.
        labelled: How many are labelled.
        found: Share of them whose instance was found, 0 to 1.
        median: Median distance of those in pixels of the picture.
        p90: What nine in ten stay below, pixels.
        pck: Share of all labelled that lie within 0.2 of the box's longer side.
        oks: Mean similarity of all labelled, 0 to 1.
    """

    name: str
    labelled: int
    found: float
    median: float
    p90: float
    pck: float
    oks: float


def error_tables(pairs: Pairs, skeleton: Skeleton, sigmas: NDArray[np.float64]) -> Mapping[str, tuple[ErrorRow, ...]]:
    """Return tables of errors: of all keypoints, and by keypoint, size of the instance, and occlusion."""
    labelled = pairs.labelled
    near = similarity(pairs, sigmas)
    area, visibility = pairs.expected.area, pairs.expected.visibility
    tables: dict[str, tuple[Sequence[str], Sequence[Bools]]] = {
        "all": (["all"], [labelled]),
        "keypoint": (skeleton.keypoints, [labelled & (np.arange(len(skeleton)) == k) for k in range(len(skeleton))]),
        "size": (
            [name for name, _, _ in _SIZES],
            [labelled & ((area >= low) & (area < high))[:, None] for _, low, high in _SIZES],
        ),
        "occlusion": (["hidden", "seen"], [visibility == 1, visibility == 2]),
    }
    length = reference_length(pairs.expected, skeleton, "bbox")[:, None]
    right = np.nan_to_num(pairs.error, nan=np.inf) <= 0.2 * length
    return {
        title: tuple(_row(name, rows, pairs.error, right, near) for name, rows in zip(names, masks, strict=True))
        for title, (names, masks) in tables.items()
    }


def _row(name: str, rows: Bools, error: NDArray[np.float64], right: Bools, near: NDArray[np.float64]) -> ErrorRow:
    count = int(rows.sum())
    known = error[rows & np.isfinite(error)]
    nan = float("nan")
    median, p90 = np.quantile(known, [0.5, 0.9]) if len(known) else (nan, nan)
    if not count:
        return ErrorRow(name, 0, nan, nan, nan, nan, nan)
    return ErrorRow(
        name,
        count,
        len(known) / count,
        float(median),
        float(p90),
        float(right[rows].mean()),
        float(near[rows].mean()),
    )


@dataclass(frozen=True, slots=True)
class AngleRow:
    """How far an angle between two limbs is off.

    Attributes:
        name: The keypoint at the corner and those at the ends.
        count: Instances in which all three are labelled and found.
        median: Median difference between predicted and true angle, degrees.
        p90: What nine in ten stay below.
        bias: Median of predicted less true.
    """

    name: str
    count: int
    median: float
    p90: float
    bias: float


def triples(skeleton: Skeleton) -> list[tuple[int, int, int]]:
    """Return end, corner, end of every two limbs that meet."""
    near: dict[int, list[int]] = {}
    for a, b in skeleton.edges:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    return [
        (a, corner, c)
        for corner, ends in sorted(near.items())
        for i, a in enumerate(sorted(set(ends)))
        for c in sorted(set(ends))[i + 1 :]
    ]


def angles(xy: NDArray[np.float64], corners: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the ``(..., A)`` angles in degrees, 0 to 180, of ``(A, 3)`` triples of ``(..., K, 2)`` points."""
    a, b, c = (xy[..., corners[:, i], :] for i in range(3))
    return joint_angle(a, b, c)


def angle_errors(pairs: Pairs, skeleton: Skeleton) -> tuple[AngleRow, ...]:
    """Return how far the angles between limbs that meet are off; nothing for a skeleton without limbs."""
    corners = np.array(triples(skeleton), dtype=np.intp).reshape(-1, 3)
    change = angles(pairs.xy, corners) - angles(pairs.expected.xy, corners)
    rows = []
    for column, (a, b, c) in zip(change.T, corners, strict=True):
        known = column[np.isfinite(column)]
        if len(known):
            median, p90 = np.quantile(np.abs(known), [0.5, 0.9])
            name = f"{skeleton.keypoints[b]} ({skeleton.keypoints[a]}, {skeleton.keypoints[c]})"
            rows.append(AngleRow(name, len(known), float(median), float(p90), float(np.median(known))))
    return tuple(rows)


def picture_scores(pairs: Pairs, sigmas: NDArray[np.float64], *, pictures: int) -> NDArray[np.float64]:
    """Return how well each picture is read: the mean OKS of its labelled instances, 0 for a missed one.

    Returns:
        ``(pictures,)`` 0 to 1; NaN for a picture without labelled keypoints.
    """
    near = similarity(pairs, sigmas)
    with np.errstate(invalid="ignore"):
        each = np.nansum(near, axis=1) / pairs.labelled.sum(axis=1)
    known = np.isfinite(each)
    number = pairs.expected.picture[known]
    total = np.bincount(number, weights=each[known], minlength=pictures)
    count = np.bincount(number, minlength=pictures)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full(pictures, np.nan), where=count > 0)
    return mean
