"""The soles of somebody who is followed live: when they stand, where they are held, and how high the ground is."""

from __future__ import annotations

from collections import deque
from math import exp as e_to
from math import pi

import numpy as np
from numpy.typing import NDArray

from poise.mocap.body import ROOT, Body
from poise.mocap.fitting import Pins
from poise.mocap.ground import FLOOR, MARKS, SINKING, SUPPORTS, THICKNESS, Standing
from poise.mocap.sight import Sight

Floats = NDArray[np.float64]

# Seconds after which what was seen of the ground counts a third, the same for a sole that is below it, and at least.
_GROUND_S, _SINK_S, _LEAST_S = 4.0, 2.0, 0.2
# Seconds of the straight line that tells how fast a sole is; those over which a hold comes and goes; the cutoff with
# which the place where it is held follows what is seen, Hz.
_SPEED_S, _HOLD_S, _CREEP_HZ = 0.1, 0.06, 0.02
# Seconds after which a sole that is still above the ground or below it counts a third of where the ground seems to be.
_NEAR_S = 0.3
# Seconds after which a sole that moves on is told from one that trembles.
_SLIDE_S = 0.3
# How much more readily a leg gives way than the hips do, in radians for a metre.
_HIPS = 0.05
# How softly soles are put where they are held, square metres.
_SOFT = 1e-4 * np.eye(3 * len(MARKS))
# Below this a point of the sole is not believed.
_USABLE = 0.2


def resting(body: Body, height: float) -> Floats:
    """Return ``(P,)`` how high the soles, and then what else must not sink, are above the ground where they rest."""
    out = _RESTING * height
    out[: len(MARKS)] = body.rest_heights[MARKS]
    return out


def giving_way(body: Body) -> Floats:
    """Return ``(D - 1,)`` how readily a body's numbers give way so that soles are held: legs, and a little the hips."""
    free = np.zeros(body.size - 1)
    free[:ROOT] = _HIPS
    for side in ("left", "right"):
        for part in ("UpperLeg", "LowerLeg", "Foot"):
            free[body.columns(body.rig.row(side + part))] = 1.0
    return free


def low_pass(hertz: float, dt: float) -> float:
    """Return the share of a step that a first-order low-pass takes."""
    return 1 - e_to(-2 * pi * hertz * dt)


_GROUNDED = np.concatenate([SUPPORTS, FLOOR])
_RESTING = np.array([THICKNESS.get(int(p), 0.0) for p in _GROUNDED])


class Feet:
    """The four points of two soles, over time.

    Args:
        places: ``(4, 3)`` where they are seen at first, metres, y up.
        standing: When a sole stands.

    Attributes:
        level: Height of the ground, metres; NaN before :meth:`settle`.
        stands: ``(4,)`` whether each point stands.
        holds: ``(4,)`` how firmly each is held, from 0 to 1.
    """

    def __init__(self, places: Floats, standing: Standing) -> None:
        self._standing = standing
        # Where they slid from, and where they are held.
        self.places, self._left = places.copy(), np.array([places, places])
        self._moments: deque[float] = deque()
        self._seen = np.zeros((0, *places.shape))
        self._grip = np.zeros((0, 0))
        self.holds, self._rested = np.zeros((2, len(places)))
        self.stands, self._anchored, self._slides = np.zeros((3, len(places)), dtype=bool)
        self._now = self._stood = 0.0
        self.level = self._ground = float("nan")

    def pins(self, sight: Sight, depth: Floats, soles: Floats, heights: Floats, sure: Floats, dt: float) -> Pins:
        """Find out which points stand, from where they are seen, and return what holds them.

        Args:
            sight: What is seen.
            depth: The error of depth that the pose has, metres.
            soles: ``(4, 3)`` where the solved body has them.
            heights: ``(P,)`` how high :func:`resting` says that points are.
            sure: ``(K,)``.
            dt: Seconds since the frame before.
        """
        s = self._standing
        rays, flat = sight.rays.take(MARKS, axis=0), heights[: len(MARKS)]
        usable = sure.take(MARKS) > _USABLE
        seen = np.where(usable[:, None], sight.points.take(MARKS, axis=0) + rays * depth, self.places)
        speed = self._speed(seen, rays, dt)
        slow = usable & (speed < s.slow + (s.fast - s.slow) * self.stands)
        low = self.places[:, 1] - flat
        slow &= low < self._near(low, slow, dt) + 1.5 * s.low
        self._rested = (self._rested + dt) * slow
        # Who slides leaves the place behind where the foot was until now, and the faster, the further; and goes on
        # sliding until the foot rests or is lifted.
        first, anchors = self._left
        begins = (self._rested <= dt) & ~self._slides
        np.copyto(first, self.places, where=begins[:, None])
        first += (1 - e_to(-dt / _SLIDE_S)) * (self.places - first)
        behind, away = _length(self.places - self._left, rays, s.along)
        behind /= _SLIDE_S
        begins = (self._rested > _SLIDE_S) & (behind > s.slide)
        self._slides = (self._slides | begins) & (behind > s.slide / 2) & (speed < 2 * s.fast)
        self.stands = slow & ~self._slides & (~self._anchored | (away < s.drift))
        begun = self.stands & ~self._anchored
        np.copyto(anchors, soles, where=begun[:, None])
        self.holds = np.minimum(np.maximum(self.holds + (2 * self.stands - 1) * (dt / _HOLD_S), 0.0), 1.0)
        self._anchored = (self._anchored | begun) & (self.holds > 0)
        # It creeps to where the foot is seen: nothing pops when it is let go.
        anchors += low_pass(_CREEP_HZ, dt) * (self.places - anchors)
        weights, places = np.zeros((2, len(_GROUNDED), 3))
        weights[: len(MARKS)] = (self._anchored * 10.0 ** (-3 * (1 - self.holds)) / s.firm**2)[:, None]
        places[: len(MARKS)] = anchors
        floor = self.level + heights - SINKING if self.level == self.level else None
        return Pins(_GROUNDED, places, weights, floor)

    def _near(self, low: Floats, slow: NDArray[np.bool_], dt: float) -> float:
        """Return how high the ground seems just now: it follows soles that are still, wherever they are."""
        heights = low.tolist()
        if self._ground != self._ground:
            self._ground = min(heights)
        if still := [high for high, is_slow in zip(heights, slow.tolist(), strict=True) if is_slow]:
            lowest = min(still)
            self._ground += (1 - e_to(-dt / _NEAR_S)) * (lowest - self._ground)
        return self._ground

    def _speed(self, seen: Floats, rays: Floats, dt: float) -> Floats:
        """Return ``(4,)`` how fast the soles are across the view, metres a second: the slope of the last moments."""
        self._now += dt
        self._moments.append(self._now)
        while len(self._moments) > 3 and self._now - self._moments[0] > _SPEED_S:
            self._moments.popleft()
        count = len(self._moments)
        self._seen = np.concatenate([self._seen[len(self._seen) + 1 - count :], seen[None]])
        if count < 3:
            self.places = seen
            return np.ones(len(seen))
        middle = sum(self._moments) / count
        times = [moment - middle for moment in self._moments]
        whole = sum(t * t for t in times)
        # The end of the line is where the sole is, as far as its speed is sure.
        line = np.array([[t / whole for t in times], [1 / count + times[-1] * t / whole for t in times]])
        slope, self.places = (line @ self._seen.reshape(count, -1)).reshape(2, *seen.shape)
        return _length(slope, rays, self._standing.along)

    def missed(self, soles: Floats) -> Floats:
        """Return ``(4, 3)`` how far ``(4, 3)`` soles are from where they are held, as far as they are, metres."""
        return np.asarray((self._left[1] - soles) * (self.holds * self._anchored)[:, None])

    def grip(self, moves: Floats, free: Floats) -> None:
        """Find out how :meth:`held` steps, until the next time.

        Args:
            moves: ``(4, 3, D)`` how the soles move with each of a body's numbers.
            free: ``(D,)`` how readily each number gives way.
        """
        rows = (moves * self._anchored[:, None, None]).reshape(-1, moves.shape[-1])
        loose = rows * free
        # Two points of a foot cannot always have both places: a little softness decides.
        self._grip = loose.T @ np.linalg.inv(loose @ rows.T + _SOFT)

    def held(self, missed: Floats) -> Floats:
        """Return ``(D,)`` the least step that moves the soles by ``(4, 3)`` metres."""
        return np.asarray(self._grip @ missed.reshape(-1))

    def settle(self, soles: Floats, heights: Floats, sure: Floats, dt: float) -> None:
        """Follow the height of the ground: quickly down to a sole that is below it, slowly up to those that stand."""
        low = (soles[:, 1] - heights[: len(MARKS)]).tolist()
        if self.level != self.level:
            self.level = min(low)
        usable = [at for at, share in enumerate(sure.take(MARKS).tolist()) if share > _USABLE]
        if not usable:
            return
        # As long as little was seen of the ground, what is seen counts much.
        patience = max(self._stood, _LEAST_S)
        lowest = min(low[at] for at in usable)
        if lowest < self.level:
            self.level += (1 - e_to(-dt / min(_SINK_S, patience))) * (lowest - self.level)
        stands = [low[at] for at in usable if self.stands[at]]
        if stands:
            self._stood += dt
            self.level += (1 - e_to(-dt / min(_GROUND_S, patience))) * (sum(stands) / len(stands) - self.level)

    def turned(self, matrix: Floats) -> Floats:
        """Turn the soles about the camera; returns by how much that moves them, ``(3,)`` metres."""
        before = self.places.sum(axis=0) / len(self.places)
        self.places, self._left, self._seen = (x @ matrix.T for x in (self.places, self._left, self._seen))
        shift = matrix @ before - before
        self.level += float(shift[1])
        self._ground += float(shift[1])
        return np.asarray(shift)


def _length(moved: Floats, rays: Floats, along: float) -> Floats:
    """Return lengths of ``(…, 4, 3)`` of which only a share counts along the rays."""
    deep = (moved * rays).sum(-1)
    return np.asarray(np.sqrt(np.maximum((moved * moved).sum(-1) - (1 - along**2) * deep * deep, 0.0)))
