"""Named measures of bodies: a table says what each is between which points, and all are taken at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from poise.bodies.angles import angle_between, norms
from poise.bodies.points import ADDED
from poise.geometry import Bools, Floats
from poise.skeletons import get

# Points that a measure can be between.
POINTS = (*get("coco17").keypoints, *ADDED)
# In this order they are computed.
KINDS = ("angle", "distance", "above", "right", "across", "level", "tilt", "lean")
_DEGREES = ("angle", "tilt", "lean")


class MeasureTable:
    """Measures of bodies of 17 points, by name.

    Args:
        rows: What each name is, as a kind and its points: ``"angle A B C"``: degrees at B, 180 is straight;
            ``"distance A B"``; ``"above A B"``: how far A is above B; ``"right A B"``: how far A is on the picture's
            right of B; ``"across A B"`` and ``"level A B"``: their horizontal and vertical distance; ``"tilt A B"``:
            degrees of the line up from B to A from upright, 0 to 180; ``"lean A B"``: the same with its sign, above 0
            to the picture's right. Points are those of :data:`POINTS`; lengths are in pixels. Of a point with ``?``
            behind it the confidence does not count: it only says against what the others are measured.

    Attributes:
        names: In the order of the columns.
        lengths: ``(M,)`` which measures are lengths; the others are degrees.
    """

    def __init__(self, rows: Mapping[str, str]) -> None:
        told = [row.replace("?", "").split() for row in rows.values()]
        self.names = tuple(rows)
        self.lengths: Bools = np.array([kind not in _DEGREES for kind, *_ in told])
        by_kind = {kind: [i for i, one in enumerate(told) if one[0] == kind] for kind in KINDS}
        order = [i for kind in KINDS for i in by_kind[kind]]
        # Lines are vectors between points: of an angle from its middle to both ends, so there are two of each.
        lines = [(told[i][end], told[i][2]) for end in (1, 3) for i in by_kind["angle"]]
        lines += [(told[i][1], told[i][2]) for i in order[len(by_kind["angle"]) :]]
        self._ends, self._starts = (np.array([POINTS.index(line[i]) for line in lines]) for i in (0, 1))
        counted = [[point for point in row.split()[1:] if not point.endswith("?")] for row in rows.values()]
        self._uses = np.array([([POINTS.index(point) for point in points] * 3)[:3] for points in counted])
        counts = np.cumsum([2 * len(by_kind["angle"]), *(len(by_kind[kind]) for kind in KINDS[1:])])
        self._lines = dict(zip(KINDS, map(slice, [0, *counts[:-1].tolist()], counts.tolist()), strict=True))
        self._columns = np.argsort(order)

    def __len__(self) -> int:
        return len(self.names)

    def measure(self, points: Floats) -> Floats:
        """Return the ``(N, M)`` measures of ``(N, 27, 2)`` points; NaN where one is not seen, or has no direction."""
        lines = points.take(self._ends, axis=1) - points.take(self._starts, axis=1)
        of = {kind: lines[:, part] for kind, part in self._lines.items()}
        half = of["angle"].shape[1] // 2
        turned = np.concatenate([of["tilt"], of["lean"]], axis=1)
        leans = np.where(turned.any(axis=-1), np.degrees(np.arctan2(turned[..., 0], -turned[..., 1])), np.nan)
        tilts = of["tilt"].shape[1]
        parts = [
            angle_between(of["angle"][:, :half], of["angle"][:, half:]), norms(of["distance"]), -of["above"][..., 1],
            of["right"][..., 0], np.abs(of["across"][..., 0]), np.abs(of["level"][..., 1]), np.abs(leans[:, :tilts]),
            leans[:, tilts:],
        ]  # fmt: skip
        values: Floats = np.concatenate(parts, axis=1).take(self._columns, axis=1)
        return values

    def confidence(self, conf: Floats) -> Floats:
        """Return the ``(N, M)`` least confidence of the points that each measure needs, from ``(N, 27)``."""
        least: Floats = np.minimum.reduce(conf.take(self._uses, axis=1), axis=-1)
        return least


def both_sides(rows: Mapping[str, str], sides: Sequence[str] = ("left", "right")) -> Iterable[tuple[str, str]]:
    """Yield each measure for the left and for the right: a point ``*wrist`` is the own one, ``~wrist`` the other's."""
    for name, row in rows.items():
        for side, other in (sides, sides[::-1]):
            yield f"{side}_{name}", row.replace("*", f"{side}_").replace("~", f"{other}_")
