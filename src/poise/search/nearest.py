"""The nearest poses, and the moments that they are of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.bodies.pose_embedding import Vectors
from poise.search.hits import Hit, hit_of
from poise.search.index import PoseIndex
from poise.search.likes import Like

# Seconds without the pose after which a person who shows it again is another moment.
GAP_S = 1.0
# A moment lasts while the distance stays within this of its least.
SLACK = 0.08
# Rows that are looked at first, and how many times more where they are of too few moments.
_FIRST, _MORE = 512, 8
# Rows that are looked at together where a moment may go on.
_STRETCH = 4096


def search(
    index: PoseIndex,
    like: Like,
    *,
    top: int = 20,
    mirror: bool = False,
    upright: bool = False,
    max_distance: float | None = None,
    moments: bool = True,
) -> list[Hit]:
    """Find who stands, sits or lies like this.

    Args:
        index: What is searched.
        like: The poses that are looked for; of several, a hit is like the one that it is nearest to.
        top: Most hits.
        mirror: Look for the mirrored poses too.
        upright: Up in the picture matters: who lies is not like who stands. Otherwise poses that are turned in the
            picture are the same.
        max_distance: Leave out hits that are farther, 0 to 1; about 0.1 is the same pose to the eye, 0.3 another one.
        moments: Take neighbouring frames of one person together as one hit, the nearest of them. False: each frame
            counts.

    Returns:
        Hits by distance, the nearest first.

    Raises:
        ValueError: The poses are of another kind than those of the index, or a number is out of range.
    """
    check_numbers(top=top, max_distance=max_distance)
    question = like.question(index.layout, mirror=mirror)
    apart, which = index.nearest(question, upright=upright)
    limit = np.inf if max_distance is None else max_distance
    found = _rows(index, apart, top, limit) if moments else [(int(row), None) for row in _best(apart, top, limit)]
    hits = []
    for row, span in found:
        start, end = span or (float(index.time[row]),) * 2
        hits.append(
            hit_of(
                index,
                row,
                distance=float(apart[row]),
                start=start,
                end=end,
                variant=int(which[row]),
                poses=len(like),
            )
        )
    return hits


def check_numbers(*, top: int, max_distance: float | None) -> None:
    """Refuse numbers that are out of range.

    Raises:
        ValueError: With the number and the range.
    """
    if top < 1:
        raise ValueError(f"top must be 1 or more, got {top}")
    if max_distance is not None and not 0 <= max_distance <= 1:
        raise ValueError(f"max_distance must be from 0 (the same pose) to 1, got {max_distance}")


def _best(apart: Vectors, count: int, limit: float) -> NDArray[np.int64]:
    """Return the rows of the ``count`` least distances, least first; equal ones in the order of rows."""
    count = min(count, len(apart))
    rows = np.argpartition(apart, count - 1)[:count] if count < len(apart) else np.arange(len(apart))
    rows = rows[np.lexsort((rows, apart[rows]))]
    chosen: NDArray[np.int64] = rows[np.isfinite(apart[rows]) & (apart[rows] <= limit)]
    return chosen


def _rows(index: PoseIndex, apart: Vectors, top: int, limit: float) -> list[tuple[int, tuple[float, float] | None]]:
    """Return the best row of each of the nearest moments, and from when to when it lasts."""
    person, time = index.person, index.time
    count = max(_FIRST, 16 * top)
    while True:
        rows = _best(apart, count, limit)
        taken: dict[int, list[tuple[float, float]]] = {}
        out: list[tuple[int, tuple[float, float] | None]] = []
        for row in rows.tolist():
            at, spans = float(time[row]), taken.setdefault(int(person[row]), [])
            if any(start - GAP_S <= at <= end + GAP_S for start, end in spans):
                continue
            span = moment(index, apart, row)
            spans.append(span)
            out.append((row, span))
            if len(out) == top:
                return out
        if len(rows) < min(count, len(apart)):  # the rest is too far
            return out
        if count >= len(apart):
            return out
        count *= _MORE


def moment(index: PoseIndex, apart: Vectors, row: int) -> tuple[float, float]:
    """Return from when to when, in seconds, a person stays in the pose that a row shows best."""
    order, at = index.order, int(index.place[row])
    limit = apart[row] + SLACK
    ends = []
    for step in (-1, 1):
        last = at
        while True:
            # In growing stretches: most moments are short, and some last for hours.
            stretch = order[last + step : last + step + _STRETCH] if step > 0 else order[max(0, last - _STRETCH) : last]
            stretch = stretch if step > 0 else stretch[::-1]
            if not len(stretch):
                break
            times = np.abs(index.time[stretch] - index.time[order[last]])
            fits = (index.person[stretch] == index.person[row]) & (apart[stretch] <= limit)
            reach = _reach(times, fits, index.person[stretch] == index.person[row])
            if reach == 0:
                break
            last += step * reach
        ends.append(float(index.time[order[last]]))
    return ends[0], ends[1]


def _reach(times: NDArray[np.float64], fits: NDArray[np.bool_], same: NDArray[np.bool_]) -> int:
    """Return how many rows further a moment goes: to the last fit before a gap, or before another person's rows."""
    until = len(same) if same.all() else int(np.argmin(same))
    good = np.flatnonzero(fits[:until])
    if not len(good):
        return 0
    gaps = np.diff(times[good], prepend=0.0) > GAP_S
    kept = good if not gaps.any() else good[: int(np.argmax(gaps))]
    return int(kept[-1]) + 1 if len(kept) else 0
