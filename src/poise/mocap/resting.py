"""Whether somebody who is followed live is at rest: told from the picture, where points are exact."""

from __future__ import annotations

from math import exp

import numpy as np
from numpy.typing import NDArray

from poise.mocap.landmarks import point
from poise.mocap.live_feet import low_pass
from poise.mocap.sight import Sight

Floats = NDArray[np.float64]

# Parts of the body, each as fast as its points together; at rest all of them are.
_PARTS = [
    [point(f"{side}_{name}") for side in ("left", "right") for name in ("shoulder", "hip")],
    [point("nose"), point("left_ear"), point("right_ear")],
    *(
        [point(f"{side}_{name}") for name in limb]
        for limb in (("elbow", "wrist"), ("knee", "ankle"))
        for side in ("left", "right")
    ),
]
# Cutoff of the points' speeds, Hz; the speed across the view at which somebody is as much at rest as not, metres a
# second; and how long they must be below it before they are taken to be at rest, seconds.
_HZ, _SLOW, _AFTER_S = 1.0, 0.06, 1.5


class Rest:
    """Follows how much at rest somebody is: it begins after a while and ends at once.

    Args:
        count: Number of points.

    Attributes:
        share: From 0, moving, to 1, at rest for long.
    """

    def __init__(self, count: int) -> None:
        self.share = 0.0
        self._speed, self._last = np.zeros((count, 3)), np.zeros((count, 3))
        self._there = np.zeros(count, dtype=bool)
        self._mean = np.zeros((len(_PARTS), count))
        for row, part in zip(self._mean, _PARTS, strict=True):
            row[part] = 1 / len(part)

    def look(self, sight: Sight, dt: float) -> None:
        """Look at the next frame.

        Args:
            sight: ``(K, …)`` what is seen.
            dt: Seconds since the last.
        """
        there = sight.across > 0
        moved = (sight.points - self._last) * ((there & self._there) / dt)[:, None]
        moved -= (moved * sight.rays).sum(-1, keepdims=True) * sight.rays
        self._speed += low_pass(_HZ, dt) * (moved - self._speed)
        self._last, self._there = sight.points, there
        fastest = float((self._mean @ np.square(self._speed)).sum(-1).max())
        now = 1 / (1 + (fastest / _SLOW**2) ** 2)
        self.share = min(now, self.share + (1 - exp(-dt / _AFTER_S)) * (now - self.share))
