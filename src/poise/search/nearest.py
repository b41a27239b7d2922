"""The nearest poses, and the moments that they are of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.bodies.pose_embedding import Vectors
from poise.search.fitting import fit
from poise.search.hits import Hit, hit_of
from poise.search.index import PoseIndex
from poise.search.likes import Like

# Seconds without the pose after which a person who shows it again is another moment.
GAP_S = 1.0
# A moment lasts while the distance stays within this of its least.
SLACK = 0.08
# Rows that are compared again, and how many times more are looked at where these are of too few moments.
_FINE, _MORE = 4096, 16
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
        like: The poses that are looked for; of several people, a hit is like the one that it is nearest to.
        top: Most hits.
        mirror: Look for the mirrored poses too.
        upright: Up in the picture matters, but for a tilt of 15 degrees: who lies is not like who stands. Otherwise
            poses that are turned in the picture are the same.
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
    coarse, which = index.nearest(question, upright=upright)
    finer = _Finer(index, like, coarse, which, mirror=mirror, upright=upright)
    limit = np.inf if max_distance is None else max_distance
    if not moments:
        rows = finer.order(_best(coarse, max(_FINE, _MORE * top)))[:top]
        spans = [(float(index.time[row]),) * 2 for row in rows.tolist()]
    else:
        rows, spans = _moments(index, finer, top, limit)
    return [
        hit_of(
            index,
            row,
            distance=finer.distance(row),
            start=start,
            end=end,
            like=int(like.person[which[row] % len(like)]),
            mirrored=bool(which[row] >= len(like)),
        )
        for row, (start, end) in zip(rows.tolist(), spans, strict=True)
        if finer.distance(row) <= limit
    ]


def check_numbers(*, top: int, max_distance: float | None) -> None:
    """Refuse numbers that are out of range.

    Raises:
        ValueError: With the number and the range.
    """
    if top < 1:
        raise ValueError(f"top must be 1 or more, got {top}")
    if max_distance is not None and not 0 <= max_distance <= 1:
        raise ValueError(f"max_distance must be from 0 (the same pose) to 1, got {max_distance}")


class _Finer:
    """Distances that a misplaced point does not spoil, of the rows that are nearest."""

    def __init__(
        self, index: PoseIndex, like: Like, coarse: Vectors, which: NDArray[np.int16], *, mirror: bool, upright: bool
    ) -> None:
        self.index, self.coarse, self.which = index, coarse, which
        self._embedding, self._weight = like.poses(mirror=mirror)
        # Looks at one person on one side of the mirror belong together.
        self._side = np.concatenate([like.person * 2, like.person * 2 + 1])[: len(self._weight)]
        self._upright = upright
        self._known: dict[int, float] = {}

    def distance(self, row: int) -> float:
        return self._known.get(row, float(self.coarse[row]))

    def order(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return rows, which come by coarse distance, nearest first; the nearest of them are compared again."""
        near, rest = rows[:_FINE], rows[_FINE:]
        apart = np.full(len(near), np.inf, dtype=np.float32)
        products, turns = self.index.products(near), self.index.turn[near]
        side = self._side[self.which[near]]
        for number in np.unique(side).tolist():
            here = np.flatnonzero(side == number)
            for pose in np.flatnonzero(self._side == number).tolist():
                found = fit(
                    products[here],
                    turns[here],
                    self._embedding[pose],
                    self._weight[pose],
                    self.index.layout.importance,
                    upright=self._upright,
                )
                apart[here] = np.minimum(apart[here], found)
        # What fits by squares fits no worse otherwise, but for rounding.
        apart = np.minimum(apart, self.coarse[near])
        self._known = dict(zip(near.tolist(), apart.tolist(), strict=True))
        again = np.concatenate([apart, self.coarse[rest]])
        ordered: NDArray[np.int64] = rows[np.lexsort((rows, again))]
        return ordered


def _best(apart: Vectors, count: int) -> NDArray[np.int64]:
    """Return the rows of the ``count`` least distances, least first; equal ones in the order of rows."""
    count = min(count, len(apart))
    rows = np.argpartition(apart, count - 1)[:count] if count < len(apart) else np.arange(len(apart))
    rows = rows[np.lexsort((rows, apart[rows]))]
    chosen: NDArray[np.int64] = rows[np.isfinite(apart[rows])]
    return chosen


def _moments(
    index: PoseIndex, finer: _Finer, top: int, limit: float
) -> tuple[NDArray[np.int64], list[tuple[float, float]]]:
    """Return the best row of each of the nearest moments, and from when to when it lasts."""
    count = max(_FINE, _MORE * top)
    while True:
        near = _best(finer.coarse, count)
        taken: dict[int, list[tuple[float, float]]] = {}
        rows, spans = [], []
        for row in finer.order(near).tolist():
            if finer.distance(row) > limit:
                break
            at, mine = float(index.time[row]), taken.setdefault(int(index.person[row]), [])
            if any(start - GAP_S <= at <= end + GAP_S for start, end in mine):
                continue
            span = moment(index, finer.coarse, row)
            # What leads into a moment that was found is part of it.
            known = any(start <= span[1] and span[0] <= end for start, end in mine)
            mine.append(span)
            if known:
                continue
            rows.append(row)
            spans.append(span)
            if len(rows) == top:
                break
        # All that can count was looked at, or there are enough.
        if len(rows) == top or len(near) < count or finer.coarse[near[-1]] > limit:
            return np.array(rows, dtype=np.int64), spans
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
