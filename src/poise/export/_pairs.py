"""Which detections of two networks are the same object, and how far apart they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.estimators import Estimate
from poise.export._bounds import Bounds
from poise.geometry import box_iou, oks

# Two detections less alike than this, by the mean of IoU and OKS, are not the same object.
_ALIKE = 0.5


def _limit(boxes: NDArray[np.float32], bounds: Bounds) -> NDArray[np.float32]:
    """Return ``(N,)`` how far off a row may be to be the same row still, pixels."""
    diagonal = np.linalg.norm(boxes[:, 2:4] - boxes[:, :2], axis=1)
    limit: NDArray[np.float32] = np.minimum(bounds.pixels, np.maximum(diagonal, 1.0) * bounds.tail)
    return limit


def _errors(a: Estimate, b: Estimate) -> NDArray[np.float32]:
    """Return ``(N,)`` the largest error of a corner or keypoint of each row of ``a`` against the same row of ``b``."""
    corner = np.abs(a.boxes[:, :4] - b.boxes[:, :4]).max(axis=1)
    worst: NDArray[np.float32] = np.maximum(corner, np.linalg.norm(a.xy - b.xy, axis=2).max(axis=1))
    return worst


def agree(a: Estimate, b: Estimate, conf: float, bounds: Bounds, spread: NDArray[np.float64]) -> bool:
    """Tell whether two networks found the same in a picture, so far as the bounds ask."""
    ours, theirs = match(a, b, spread)
    if len(np.setdiff1d(np.flatnonzero(a.boxes[:, 4] > conf + bounds.conf), ours)):
        return False
    if len(np.setdiff1d(np.flatnonzero(b.boxes[:, 4] > conf + bounds.conf), theirs)):
        return False
    some = (a.boxes[ours, 4] > conf) | (b.boxes[theirs, 4] > conf)
    pairs = _rows(a, ours[some]), _rows(b, theirs[some])
    return bool((_errors(*pairs) <= _limit(pairs[0].boxes, bounds)).all())


def without_swaps(
    a: Estimate,
    b: Estimate,
    pools: tuple[Estimate, Estimate],
    conf: float,
    bounds: Bounds,
    spread: NDArray[np.float64],
) -> tuple[Estimate, Estimate, int]:
    """Undo what suppression decided by the last bit: of rows with equal scores either may be kept.

    A row that only one network kept, or that the other kept elsewhere, is looked for among all rows of the other.

    Args:
        a: What the original kept.
        b: What the export kept.
        pools: All rows of both, before suppression.
        conf: Detections above this count.
        bounds: A row as near as this is the same row.
        spread: OKS spreads.

    Returns:
        Both with the rows made to agree, and how many were exchanged.
    """
    ours, theirs = match(a, b, spread)
    good = _errors(_rows(a, ours), _rows(b, theirs)) <= _limit(a.boxes[ours], bounds)
    ours, theirs = ours[good], theirs[good]
    rest_a = np.setdiff1d(np.arange(len(a.boxes)), ours)
    rest_b = np.setdiff1d(np.arange(len(b.boxes)), theirs)
    found_b, found_a = _find(_rows(a, rest_a), pools[1], bounds), _find(_rows(b, rest_b), pools[0], bounds)
    sure = int((a.boxes[rest_a[found_b >= 0], 4] > conf).sum())
    # Rows of b that a has too, though a kept another: neither gained nor lost.
    keep_b = np.concatenate([theirs, rest_b[found_a < 0]])
    return a, _join(_rows(b, keep_b), _rows(pools[1], found_b[found_b >= 0])), sure


def _find(rows: Estimate, pool: Estimate, bounds: Bounds) -> NDArray[np.intp]:
    """Return for each row its place in a pool, -1 where nothing there is the same within the bounds."""
    places = np.full(len(rows.boxes), -1, dtype=np.intp)
    limits = _limit(rows.boxes, bounds)
    for i, box in enumerate(rows.boxes):
        near = (np.abs(pool.boxes[:, :4] - box[:4]).max(axis=1) <= limits[i]) & (pool.boxes[:, 5] == box[5])
        near &= np.abs(pool.boxes[:, 4] - box[4]) <= bounds.conf
        index = np.flatnonzero(near)
        if len(index):
            off = np.linalg.norm(pool.xy[index] - rows.xy[i], axis=2).max(axis=1)
            if off.min() <= limits[i]:
                places[i] = index[int(off.argmin())]
    return places


def _rows(found: Estimate, index: NDArray[np.intp]) -> Estimate:
    """Return some rows."""
    conf, sigma = (None if v is None else v[index] for v in (found.conf, found.sigma))
    return Estimate(found.boxes[index], found.xy[index], conf, sigma, speed=found.speed)


def _join(a: Estimate, b: Estimate) -> Estimate:
    """Return the rows of both."""

    def both(x: NDArray[np.float32] | None, y: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        return None if x is None or y is None else np.concatenate([x, y])

    boxes, xy = np.concatenate([a.boxes, b.boxes]), np.concatenate([a.xy, b.xy])
    return Estimate(boxes, xy, both(a.conf, b.conf), both(a.sigma, b.sigma), speed=a.speed)


def match(a: Estimate, b: Estimate, spread: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair the detections of two networks: the most alike first, by the mean of IoU and OKS, of one class.

    Returns:
        Indices into ``a`` and into ``b``.
    """
    if not len(a.boxes) or not len(b.boxes):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    alike = box_iou(b.boxes[:, :4], a.boxes[:, :4])
    area = np.maximum((a.boxes[:, 2:4] - a.boxes[:, :2]).prod(axis=1), 1.0)
    there: NDArray[np.bool_] = np.asarray(np.isfinite(a.xy).all(axis=2))
    alike = (alike + oks(b.xy, a.xy, area=area, visible=there, sigmas=spread)) / 2
    # Boxes that were clipped to a line at the picture's edge have no area to overlap.
    same = np.abs(b.boxes[:, None, :4] - a.boxes[None, :, :4]).max(axis=2) < 1
    alike = np.maximum(alike, np.where(same, _ALIKE, 0)).T * (a.boxes[:, 5][:, None] == b.boxes[:, 5])
    # A network without suppression finds an object again with low confidence: prefer the like confidence.
    order = alike - np.abs(a.boxes[:, 4][:, None] - b.boxes[:, 4])
    order[alike < _ALIKE] = -np.inf
    pairs: list[tuple[int, int]] = []
    for _ in range(min(order.shape)):
        i, j = (int(v) for v in np.unravel_index(int(order.argmax()), order.shape))
        if order[i, j] == -np.inf:
            break
        pairs.append((i, j))
        order[i], order[:, j] = -np.inf, -np.inf
    found = np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)
    return found[:, 0], found[:, 1]
