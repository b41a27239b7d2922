"""The soles of somebody who is followed live: when they stand, where they are held, and how high the ground is."""

from __future__ import annotations

from math import exp as e_to
from math import pi

import numpy as np
from numpy.typing import NDArray

from poise.mocap.fitting import Pins
from poise.mocap.ground import MARKS, SINKING, Standing
from poise.mocap.sight import Sight

Floats = NDArray[np.float64]

# Seconds after which what was seen of the ground counts a third, and the same for a sole that is below it.
_GROUND_S, _SINK_S = 1.0, 2.0
# Cutoffs of where a sole is, of its speed, and with which the place where it is held follows, Hz; a held sole comes and
# goes over so many seconds.
_PLACE_HZ, _SPEED_HZ, _CREEP_HZ, _HOLD_S = 3.0, 2.0, 0.1, 0.2
# Below this a point of the sole is not believed.
_USABLE = 0.2


def low_pass(hertz: float, dt: float) -> float:
    """Return the share of a step that a first-order low-pass takes."""
    return 1 - e_to(-2 * pi * hertz * dt)


class Feet:
    """The four points of two soles, over time.

    Args:
        places: ``(4, 3)`` where they are seen at first, metres, y up.
        standing: When a sole stands.

    Attributes:
        level: Height of the ground, metres; NaN before :meth:`settle`.
        stands: ``(4,)`` whether each point stands.
    """

    def __init__(self, places: Floats, standing: Standing) -> None:
        self._standing = standing
        self.places, self._anchors = places.copy(), places.copy()
        self._speeds, self._holds = np.ones(len(places)), np.zeros(len(places))
        self.stands, self._anchored = np.zeros((2, len(places)), dtype=bool)
        self.level = float("nan")

    def pins(self, sight: Sight, depth: Floats, soles: Floats, heights: Floats, sure: Floats, dt: float) -> Pins:
        """Find out which points stand, from where they are seen, and return what holds them.

        Args:
            sight: What is seen.
            depth: The error of depth that the pose has, metres.
            soles: ``(4, 3)`` where the solved body has them.
            heights: ``(4,)`` how high they are above the ground when they stand.
            sure: ``(K,)``.
            dt: Seconds since the frame before.
        """
        s = self._standing
        rays = sight.rays[MARKS]
        usable = sure[MARKS] > _USABLE
        # The lower foot may stand wherever it is; the other one, where that one is or the ground was.
        bottom = float((self.places[:, 1] - heights).min())
        bottom = max(bottom, self.level) if self.level == self.level else bottom
        moved = (sight.points[MARKS] + rays * depth - self.places) * (low_pass(_PLACE_HZ, dt) * usable[:, None])
        self.places += moved
        self._speeds += low_pass(_SPEED_HZ, dt) * (_length(moved, rays, s.along) / dt - self._speeds)
        low = self.places[:, 1] - heights < bottom + 1.5 * s.low
        away = _length(self.places - self._anchors, rays, s.along)
        self.stands = usable & low & (self._speeds < np.where(self.stands, s.fast, s.slow))
        self.stands &= ~self._anchored | (away < s.drift)
        begun = self.stands & ~self._anchored
        if begun.any():
            self._anchors[begun] = soles[begun]
        self._holds = np.minimum(np.maximum(self._holds + np.where(self.stands, dt, -dt) / _HOLD_S, 0.0), 1.0)
        self._anchored = (self._anchored | begun) & (self._holds > 0)
        # It creeps to where the foot is seen: nothing pops when it is let go.
        self._anchors += low_pass(_CREEP_HZ, dt) * (self.places - self._anchors)
        firm = np.where(self._anchored, 10.0 ** (-3 * (1 - self._holds)) / s.firm**2, 0.0)
        floor = self.level + heights - SINKING if self.level == self.level else None
        return Pins(MARKS, self._anchors, firm[:, None] * np.ones(3), floor)

    def settle(self, soles: Floats, heights: Floats, sure: Floats, dt: float) -> None:
        """Follow the height of the ground: quickly down to a sole that is below it, slowly up to those that stand."""
        low = soles[:, 1] - heights
        usable = sure[MARKS] > _USABLE
        if self.level != self.level:
            self.level = float(low.min())
        if not usable.any():
            return
        lowest = float(low[usable].min())
        if lowest < self.level:
            self.level += (1 - e_to(-dt / _SINK_S)) * (lowest - self.level)
        stands = self.stands & usable
        if stands.any():
            self.level += (1 - e_to(-dt / _GROUND_S)) * (float(low[stands].mean()) - self.level)

    def turned(self, matrix: Floats) -> Floats:
        """Turn the soles about the camera; returns by how much that moves them, ``(3,)`` metres."""
        before = self.places.sum(axis=0) / len(self.places)
        self.places, self._anchors = self.places @ matrix.T, self._anchors @ matrix.T
        shift = matrix @ before - before
        self.level += float(shift[1])
        return np.asarray(shift)


def _length(moved: Floats, rays: Floats, along: float) -> Floats:
    """Return lengths of ``(4, 3)`` of which only a share counts along the rays."""
    deep = (moved * rays).sum(-1)
    return np.asarray(np.sqrt(np.maximum((moved * moved).sum(-1) - (1 - along**2) * deep * deep, 0.0)))
