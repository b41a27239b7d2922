"""Time warping: how near what happens now comes to the end of any of several templates, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from poise.geometry import Bools, Floats

# What one side of a comparison sees of a hand and the other does not, in the unit of a column's spread: between equal
# and clearly different, because a hand model also loses hands that are there.
_ONE_SIDED = 1.0
# Beyond this many spreads a row is simply wrong: one bad frame must not spoil a movement.
_MOST = 4.0
# Share of the weight of a template's row that must be seen to compare with it at all.
_LEAST_SEEN = 0.4


class Warper:
    """Follows all templates at once through a stream of rows, whatever row each begins at.

    A template's row may last for half to twice as long as it was shown (slope limits of Sakoe and Chiba, P = 1), and
    what it costs is counted once a row of the template, so that a template's distance is a mean over its rows and does
    not depend on the tempo. The distance of the present row is that of the best stretch that ends in it.

    Args:
        templates: ``(T, D)`` each; NaN where nothing was seen. At least two rows.
        weights: ``(D,)`` of each template, how much its columns say.
        spread: ``(D,)`` how much each column varies between two who do the same.
        hand: ``(D,)`` which columns are of hands.

    Source:
        Sakoe, Chiba, Dynamic programming algorithm optimization for spoken word recognition (1978), the slope limits.
        Sakurai, Faloutsos, Yamamuro, Stream monitoring under the time warping distance (ICDE 2007), the open start.
    """

    def __init__(self, templates: Sequence[Floats], weights: Sequence[Floats], spread: Floats, hand: Bools) -> None:
        self._lengths = np.array([len(one) for one in templates])
        rows = np.concatenate(templates) / spread
        self._spread, self._hand = spread, hand
        weight = np.repeat(np.stack(weights), self._lengths, axis=0)
        seen = np.isfinite(rows)
        filled = np.where(seen, rows, 0.0)
        self._seen = weight * seen
        self._first = weight * seen * filled
        self._square = weight * seen * filled * filled
        self._blind = weight * ~seen * hand
        self._whole = (weight * seen).sum(axis=1)
        self._starts = np.cumsum([0, *self._lengths])[:-1]
        self.ends = np.cumsum(self._lengths) - 1
        # Rows that cannot be reached by a step of one or of two rows, because a template begins there.
        self._second = self._starts + 1
        self.reset()

    def fresh(self) -> Warper:
        """Return one for another stream that shares the templates."""
        other = copy(self)
        other.reset()
        return other

    def reset(self) -> None:
        """Forget the past."""
        n = len(self._seen)
        self._row = 0
        self._one, self._two = np.full(n, np.inf), np.full(n, np.inf)
        self._from_one, self._from_two = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        self._last = np.full(n, np.inf)

    def forget(self, row: int) -> None:
        """Let no stretch begin before ``row`` from now on, because what was there is told."""
        for cost, start in ((self._one, self._from_one), (self._two, self._from_two)):
            cost[start < row] = np.inf

    def step(self, row: Floats) -> tuple[Floats, np.ndarray]:
        """Take the next row.

        Args:
            row: ``(D,)``, NaN where nothing is seen.

        Returns:
            ``(N,)`` distance of each template from the best stretch that ends now, in spreads; inf where there is
            none yet. ``(N,)`` the row in which that stretch begins, counted from 0.
        """
        cost = self._costs(row)
        shifted = _shift(self._one, self._starts)
        wide = _shift(self._two, self._starts) + 0.5 * (self._last + cost)
        skip = _shift(_shift(self._one, self._starts), self._starts) + _shift(cost, self._starts) + cost
        # A template may begin now, with its first row or with its first two at once.
        begun = np.full(len(cost), np.inf)
        begun[self._starts] = cost[self._starts]
        begun[self._second] = cost[self._starts] + cost[self._second]
        ways = np.stack([shifted + cost, wide, skip, begun])
        best = ways.argmin(axis=0)
        at = np.arange(len(cost))
        now = np.full(len(cost), self._row, dtype=np.int64)
        froms = np.stack([np.roll(self._from_one, 1), np.roll(self._from_two, 1), np.roll(self._from_one, 2), now])[
            best, at
        ]
        self._two, self._from_two = self._one, self._from_one
        self._one, self._from_one = ways[best, at], froms
        self._last = cost
        self._row += 1
        return self._one[self.ends] / self._lengths, froms[self.ends]

    def _costs(self, row: Floats) -> Floats:
        """Return the ``(F,)`` distance of the row from every row of every template: root mean square of a column."""
        scaled = row / self._spread
        there = np.isfinite(scaled)
        filled = np.where(there, scaled, 0.0)
        both = self._seen @ there
        # (x - m)^2 = x^2 - 2 x m + m^2 over the columns that both see, as three products with the stacked templates.
        apart = self._seen @ (there * filled * filled) - 2.0 * (self._first @ filled) + self._square @ there
        lonely = self._seen @ (~there & self._hand) + self._blind @ there
        total = both + lonely
        with np.errstate(invalid="ignore", divide="ignore"):
            cost = np.sqrt(np.maximum(apart + _ONE_SIDED**2 * lonely, 0.0) / total)
        cost = np.minimum(np.nan_to_num(cost, nan=_MOST), _MOST)
        compared: Floats = np.where(both >= _LEAST_SEEN * self._whole, cost, _MOST)
        return compared


def _shift(values: Floats, starts: np.ndarray) -> Floats:
    """Return each row's predecessor in its template, inf where there is none."""
    moved = np.roll(values, 1)
    moved[starts] = np.inf
    return moved
