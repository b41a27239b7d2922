"""Hands of one person, live: each frame as it comes, from those before it."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np
from numpy.typing import NDArray

from poise.mocap import fingers
from poise.mocap import quaternions as quat
from poise.mocap.hand_motion import PALM_SOONER, RIGHT, SURE, Arms, SeenHands, eased, plausible, with_fingers
from poise.mocap.motion import MotionFrame
from poise.mocap.rig import Rig
from poise.mocap.sight import Camera

Floats = NDArray[np.float64]

# One-Euro's settings: cutoff at rest, its rise for each radian a second, cutoff of the speed's own low-pass, Hz.
_REST_HZ, _TURN_HZ, _SPEED_HZ = 1.2, 2.0, 3.0
# Seconds in which a hand that comes into sight is taken over.
_COMES_S = 0.12
_EVERY = fingers.NUMBERS + 4


class LiveHands:
    """Follows both hands of one person.

    Bones of fingers have common proportions: those of a hand are known only after it was seen from many sides.

    Args:
        smooth: How quiet it becomes; 1 as it is tuned.

    Attributes:
        lag_s: By how many seconds what moves comes late, as of the last frame.
    """

    def __init__(self, smooth: float) -> None:
        self.lag_s = 0.0
        self._smooth = smooth
        self._own = fingers.lengths()
        self._rest = fingers.rest()
        # Of each hand its numbers, then how it is turned seen from the forearm.
        self._state = np.tile(np.concatenate([self._rest, quat.IDENTITY]), (2, 1))
        self._speed = np.zeros((2, _EVERY))
        self._share, self._near, self._unseen = np.zeros(2), np.zeros(2), np.full(2, np.inf)
        self._time: float | None = None
        self._rigs: tuple[Rig, Rig] | None = None

    def add(self, frame: MotionFrame, turns: Floats, seen: SeenHands, camera: Camera, up: Floats) -> MotionFrame:
        """Return a moment with fingers, and with hands that lie as they were seen.

        Args:
            frame: Of the body.
            turns: ``(J, 3, 3)`` how its bones lie in the world.
            seen: Its hands.
            camera: What saw them.
            up: ``(3, 3)`` from the camera's axes into the movement's.
        """
        dt = 1 / 30 if self._time is None else max(frame.time - self._time, 1e-3)
        self._time = frame.time
        arms = Arms.of(frame.rig, frame.rotations, turns)
        there = seen.sure > 0
        sure = np.zeros(2)
        if there.any():
            points, rays = seen.points(camera, up)
            bones = fingers.vectors(points, self._own, rays)
            palms = fingers.palm(bones, RIGHT, self._own)
            found = np.concatenate([fingers.numbers(bones, palms, RIGHT), arms.seen_from(palms)], axis=1)
            sure = seen.sure * plausible(found[:, -4:])
            self._follow(found, there, sure > SURE, dt)
        self._unseen = np.where(there, 0.0, self._unseen + dt)
        # What comes into sight is taken over at once, but not from one frame to the next.
        near, comes = eased(self._unseen), 1 - np.exp(-dt / _COMES_S)
        self._near = np.minimum(near, self._near + comes * (near - self._near))
        left = eased(PALM_SOONER * self._unseen) * self._share
        self._share += comes * (np.where(there, sure, left) - self._share)
        numbers = self._rest + self._near[:, None] * (self._state[:, :-4] - self._rest)
        rotations = arms.turned(frame.rotations, self._state[:, -4:], self._share)
        rotations = np.concatenate([rotations, fingers.turns(numbers, RIGHT).reshape(30, 4)])
        trust = np.concatenate([frame.trust, np.repeat(seen.sure, 15)])
        for row, well in zip(arms.hands, sure.tolist(), strict=True):
            trust[row] = max(trust[row], well)
        return replace(frame, rig=self._rig(frame.rig), rotations=rotations, trust=trust)

    def _follow(self, found: Floats, there: NDArray[np.bool_], palms: NDArray[np.bool_], dt: float) -> None:
        """Go towards what is seen, of which each number takes the share that One-Euro gives it.

        Source:
            Casiez, Roussel and Vogel, 1€ Filter, CHI 2012.
        """
        found[:, -4:] *= np.where((found[:, -4:] * self._state[:, -4:]).sum(-1, keepdims=True) < 0, -1.0, 1.0)
        step = found - self._state
        taken = np.repeat(there[:, None], _EVERY, axis=1)
        taken[:, -4:] &= palms[:, None]
        step[~taken] = 0.0
        self._speed += (1 - np.exp(-2 * pi * _SPEED_HZ * dt)) * (step / dt - self._speed)
        hertz = (_REST_HZ + _TURN_HZ * np.abs(self._speed)) / self._smooth
        # A hand that comes into sight is where it is seen.
        new = self._unseen > 1.0
        share = np.where(new[:, None], 1.0, 1 - np.exp(-2 * pi * hertz * dt))
        self._speed[new] = 0.0
        self._state = self._state + share * step
        self._state[:, -4:] = quat.normalise(self._state[:, -4:])
        moving = np.abs(self._speed[:, :-4])
        self.lag_s = float((moving / (2 * pi * hertz[:, :-4])).sum() / max(moving.sum(), 1e-9))

    def _rig(self, body: Rig) -> Rig:
        """Return the person's bones with fingers, made anew only where the body's have changed."""
        if self._rigs is None or self._rigs[0] is not body:
            self._rigs = (body, with_fingers(body, self._own))
        return self._rigs[1]
