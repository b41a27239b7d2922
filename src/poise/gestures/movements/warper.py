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
        # Each row's predecessor and the one before it; where a template begins there is none, and index n says inf.
        n = len(rows)
        self._back = np.arange(-1, n - 1)
        self._back[self._starts] = n
        self._further = np.append(self._back, n)[self._back]
        # Rows that can be the second of two rows with which a template begins at once.
        self._second = self._starts + 1
        self.reset()

    def fresh(self) -> Warper:
        """Return one for another stream that shares the templates."""
        other = copy(self)
        other.reset()
        return other

    def reset(self) -> None:
        """Forget the past."""
        n = len(self._seen) + 1
        self._row = 0
        self._one, self._two, self._last = np.full((3, n), np.inf)
        self._from_one, self._from_two = np.zeros((2, n), dtype=np.int64)

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
        back, further = self._back, self._further
        last, before = self._last[:-1], np.append(cost, np.inf)[back]
        ways = np.empty((4, len(cost)))
        ways[0] = self._one[back] + cost
        ways[1] = self._two[back] + 0.5 * (last + cost)
        ways[2] = self._one[further] + before + cost
        # A template may begin now, with its first row or with its first two at once.
        ways[3] = np.inf
        ways[3, self._starts] = cost[self._starts]
        ways[3, self._second] = before[self._second] + cost[self._second]
        best = ways.argmin(axis=0)
        froms = np.choose(best, [self._from_one[back], self._from_two[back], self._from_one[further], self._row])
        self._two, self._from_two = self._one, self._from_one
        self._one, self._from_one = np.append(ways.min(axis=0), np.inf), np.append(froms, 0)
        self._last = np.append(cost, np.inf)
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
