"""Limbs that are far longer than those of the other instances: points that were put elsewhere or exchanged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from poise.datasets._labels import Problem
from poise.datasets.doctor._table import Table
from poise.geometry import Floats
from poise.skeletons import Skeleton

# A limb is only judged where this many instances show it, and an instance only by this many limbs.
_LEAST, _LIMBS = 20, 3
# Robust standard deviations, and times the usual length, above which a limb is not believed.
_DEVIATIONS, _TIMES = 4.5, 2.5
# Least spread of the logarithm of a length that is assumed: labels are not more exact.
_SPREAD = 0.15
# Pixels below which a limb's length is mostly the error of its ends.
_SHORT = 8.0


def excess(xy: Floats, edges: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure how much longer limbs are than they should be, given the instance's other limbs.

    Args:
        xy: ``(N, K, 2)`` keypoints, pixels, NaN where there is none.
        edges: ``(E, 2)`` limbs.

    Returns:
        ``(N, E)`` logarithm of length by expected length, and the same in robust standard deviations; NaN where it
        cannot be told. Perspective shortens limbs and never lengthens them, so that only high values mean anything.
    """
    length = np.linalg.norm(xy[:, edges[:, 0]] - xy[:, edges[:, 1]], axis=-1).astype(np.float64)
    log = np.log(np.where(length > 0.5, length, np.nan))
    few = np.isfinite(log).sum(0) < _LEAST
    log[:, few] = np.nan
    log[np.isfinite(log).sum(1) < _LIMBS] = np.nan
    # Sizes of instances and usual lengths of limbs, in turns, by medians.
    size = _median(log, 1)[:, None]
    for _ in range(5):
        usual = _median(log - size, 0)[None]
        size = _median(log - usual, 1)[:, None]
    left = log - size - usual
    spread = np.maximum(1.4826 * _median(np.abs(left), 0), _SPREAD)
    return left, left / spread


def check_limbs(table: Table, skeleton: Skeleton) -> Iterator[Problem]:
    """Name the limbs that are too long."""
    edges = np.array(skeleton.edges, dtype=np.intp).reshape(-1, 2)
    rows = np.flatnonzero(~table.labels.crowd)
    if not len(edges) or len(rows) < _LEAST:
        return
    xy = table.labels.xy[rows].astype(np.float64)
    left, deviations = excess(xy, edges)
    length = np.linalg.norm(xy[:, edges[:, 0]] - xy[:, edges[:, 1]], axis=-1)
    with np.errstate(invalid="ignore"):
        bad = (deviations > _DEVIATIONS) & (left > np.log(_TIMES)) & (length > _SHORT)
    for i in np.flatnonzero(bad.any(1)):
        e = int(np.nanargmax(np.where(bad[i], left[i], np.nan)))
        a, b = (skeleton.keypoints[j] for j in edges[e])
        others = f", and {int(bad[i].sum()) - 1} limbs more" if bad[i].sum() > 1 else ""
        yield table.problem(
            "long-limb",
            "warning",
            int(rows[i]),
            f"{a!r} and {b!r} are {np.exp(left[i, e]):.1f} times as far apart as in other instances of this size "
            f"({deviations[i, e]:.0f} robust standard deviations){others}",
            "look at the picture; correct the point that is elsewhere",
        )


def _median(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Median without NaN; 0 where all are NaN."""
    known = np.isfinite(values)
    number = known.sum(axis)
    ordered = np.sort(np.where(known, values, np.inf), axis=axis)
    low, high = np.maximum((number - 1) // 2, 0), np.maximum(number // 2, 0)
    high = np.minimum(high, values.shape[axis] - 1)
    middle = [np.take_along_axis(ordered, np.expand_dims(at, axis), axis).squeeze(axis) for at in (low, high)]
    with np.errstate(invalid="ignore"):
        return np.where(number > 0, (middle[0] + middle[1]) / 2, 0.0)
