"""Calibration: what somebody who stands in a T- or an A-pose tells of their bones and of how the network sees them.

In such a pose the rotations of nearly all bones are known: the trunk is upright, arms and legs are straight and lie in
one plane with it. So bones are measured there, and where the network's points lie on them is seen, where else a common
place is taken: a network that sees somebody's elbows too far back does so in every pose.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from math import cos, radians, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.errors import suggest
from poise.mocap import quaternions as quat
from poise.mocap.body import Body, Pose
from poise.mocap.landmarks import Landmarks, point
from poise.mocap.measuring import measure
from poise.mocap.rig import Rig, forward

Floats = NDArray[np.float64]

# Degrees by which the upper arms hang below the T.
POSES = {"t-pose": 0.0, "a-pose": 45.0}
# So long it is held, seconds, and at most so much of it is looked at.
HELD_S, MOST_S = 1.0, 3.0
# Nobody's limbs are further from the pose, in degrees, nor turn faster, in degrees a second.
_NEAR, _STILL = 27.0, 30.0
# Over so long it is told how fast they turn: from frame to frame they tremble, seconds.
_OVER_S = 0.3
# Frames further apart than this are not of one stand, seconds.
_GAP_S = 0.3
# The limbs that make the pose: where they begin, and where the bone after them does.
_ENDS = (("UpperArm", "Hand"), ("UpperLeg", "Foot"))
_LIMBS = [(side + first, side + last) for first, last in _ENDS for side in ("left", "right")]
# Live, it is looked for in every so manieth frame.
_EVERY = 5
_PARTS = ("root", "rotations", "hinges", "depth")
# Points whose place on their bones is learnt. Which way palms and toes point is free, so that hands and feet tell none.
_LEARNT = [
    *range(11),
    *(
        point(f"{side}_{part}")
        for side in ("left", "right")
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ),
]
# How far points of a network lie from common places, metres, standard deviation; and never further.
_OFF, _MOST = 0.04, 0.10
# What lasts of a network's errors does so for about this long, seconds: so often what is seen is new.
_LASTS_S = 0.5


class Span(NamedTuple):
    """Frames in which a pose is held, from ``low`` up to ``high``, and how far they are from it, degrees."""

    low: int
    high: int
    off: float


class Calibrated(NamedTuple):
    """A body as a pose told it.

    Attributes:
        body: Of bones as they were measured, with points where they were seen.
        gain: Metres of the person in one metre of the network's xyz.
        span: Where the pose was held.
    """

    body: Body
    gain: float
    span: Span


def check_pose(name: str | None) -> None:
    """Refuse a pose that is not known.

    Raises:
        ValueError: It is none of :data:`POSES`.
    """
    if name is not None and name not in POSES:
        raise ValueError(f"calibrate is a pose, got {name!r}{suggest(name, POSES)}")


def calibrated(
    body: Body, gain: float, pose: Pose, points: Floats, sure: Floats, times: Floats, height: float, name: str
) -> Calibrated | None:
    """Return a body as it is seen where it holds a pose; None: it never does.

    Args:
        body: As it was taken to be.
        gain: Metres of the person in one metre of the network's xyz.
        pose: ``(T, …)`` as it was solved with that.
        points: ``(T, K, 3)`` where the points were seen, metres, in the camera's axes.
        sure: ``(T, K)`` how far they are to be believed, 0 to 1.
        times: ``(T,)`` seconds.
        height: How tall the person is, metres.
        name: The pose.
    """
    span = held(body.rig, pose.rotations, times, name)
    if span is None:
        return None
    hips = points[:, [point("left_hip"), point("right_hip")]].mean(axis=1, keepdims=True)
    flat, at = (points - hips) / gain, np.arange(span.low, span.high)
    # The pose weighs as much as all other frames together.
    weight = np.concatenate([np.arange(len(flat)), np.tile(at, max(1, round(len(flat) / len(at)) - 1))])
    found = measure(flat[weight], sure[weight], height)
    measured = body.stretched(found.rig, Landmarks.of(found.rig, height))
    seconds = float(times[span.high - 1] - times[span.low])
    marks = learnt(measured, pose[at], found.gain * flat[at], sure[at], seconds, name)
    return Calibrated(body.stretched(found.rig, marks), found.gain, span)


def limbs(rig: Rig, rotations: Floats) -> Floats:
    """Return ``(T, 4, 3)`` which way arms and legs point from shoulder to hand and hip to foot, seen from the hips.

    Args:
        rig: Whose.
        rotations: ``(T, J, 4)`` of the bones, each relative to its parent.
    """
    own = rotations.copy()
    own[:, 0] = quat.IDENTITY
    places = forward(rig, own, np.zeros((len(own), 3)))[0]
    way = np.stack([places[:, rig.row(last)] - places[:, rig.row(first)] for first, last in _LIMBS], axis=1)
    return np.asarray(way / np.linalg.norm(way, axis=-1, keepdims=True))


def _goals(name: str) -> Floats:
    """Return ``(4, 3)`` the same of a pose."""
    low = radians(POSES[name])
    arms = [(sign * cos(low), -sin(low), 0.0) for sign in (1.0, -1.0)]
    return np.array([*arms, (0.0, -1.0, 0.0), (0.0, -1.0, 0.0)])


def held(rig: Rig, rotations: Floats, times: Floats, name: str) -> Span | None:
    """Return where a pose is held for a second or longer: where limbs are nearest to it; None: nowhere.

    Args:
        rig: Whose.
        rotations: ``(T, J, 4)``.
        times: ``(T,)`` seconds.
        name: The pose.
    """
    if len(times) < 3:
        return None
    ways = limbs(rig, rotations)
    off = _degrees((ways * _goals(name)).sum(-1))
    step = float(np.median(np.diff(times)))
    lag = min(max(round(_OVER_S / step), 1), len(times) - 1)
    speed = _degrees((ways[lag:] * ways[:-lag]).sum(-1)) / (times[lag:] - times[:-lag])
    # The last frames are as still as those before them.
    speed = np.concatenate([speed, np.repeat(speed[-1:], lag)])
    there = (off < _NEAR) & (speed < _STILL) & (np.append(np.diff(times), 0.0) < _GAP_S)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    found: list[Span] = []
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        if times[high - 1] - times[low] < HELD_S - 1.5 * step:
            continue
        # Of a long stand the seconds nearest to the pose count.
        size = int(np.searchsorted(times[low:high], times[low] + MOST_S, side="right"))
        sums = np.convolve(off[low:high], np.ones(size) / size, mode="valid")
        best = int(low + sums.argmin())
        found.append(Span(best, best + size, float(sums.min())))
    return min(found, key=lambda span: span.off, default=None)


def _degrees(cosines: Floats) -> Floats:
    """Return the largest of the angles whose cosines are in the last axis."""
    return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).max(axis=-1))


def learnt(body: Body, pose: Pose, points: Floats, weights: Floats, seconds: float, name: str) -> Landmarks:
    """Return the points' places on the bones of somebody who holds a pose.

    Args:
        body: Whose; of bones that were measured.
        pose: ``(T, …)`` as it was solved.
        points: ``(T, K, 3)`` where the points are seen from the hips, metres.
        weights: ``(T, K)`` how far they are to be believed, 0 to 1.
        seconds: How long the pose was held.
        name: The pose.
    """
    marks = body.landmarks
    total = weights.sum(axis=0)
    mean = (points * weights[..., None]).sum(axis=0) / np.maximum(total, 1e-9)[:, None]
    placed = body.place(_true(body, pose))
    # Where the whole body is and which way it faces is what fits best; leaning and turning are not errors of points.
    use = np.zeros(len(mean))
    use[_LEARNT] = (total / len(points))[_LEARNT]
    turn, shift = _aligned(placed.points, mean, use)
    seen = (mean - shift) @ turn  # in the axes of the body
    carried = placed.turns[marks.bones]
    error = np.einsum("kij,ki->kj", carried, seen - placed.points)
    known = _OFF**2 / (_OFF**2 + _spread(marks, turn, carried) / max(seconds / _LASTS_S, 1.0))
    step = np.clip(known * error, -_MOST, _MOST)
    step[use < 0.3] = 0.0
    return replace(marks, offsets=marks.offsets + step)


def _true(body: Body, pose: Pose) -> Pose:
    """Return the pose that is held: how far arms and legs are spread is seen well and stays, all else is straight."""
    rotations = np.tile(quat.IDENTITY, (len(body.rig.bones), 1))
    spread = {bone: _about_z(pose.rotations[:, body.rig.row(bone)]) for bone, _ in _LIMBS}
    for part, _ in _ENDS:
        both = (spread[f"left{part}"] - spread[f"right{part}"]) / 2
        for side, sign in (("left", 1.0), ("right", -1.0)):
            rotations[body.rig.row(side + part)] = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), sign * both)
    return Pose(np.zeros(3), rotations, np.zeros((len(body.hinged), 2)), np.zeros(()))


def _about_z(rotations: Floats) -> float:
    turn = 2 * np.arctan2(rotations[..., 2], rotations[..., 3])
    return float(np.median((turn + np.pi) % (2 * np.pi) - np.pi))


def _aligned(body: Floats, seen: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the rotation and the shift that lay points of a body on those that are seen (Kabsch)."""
    share = weights[:, None] / weights.sum()
    a, b = (body * share).sum(axis=0), (seen * share).sum(axis=0)
    u, _, vt = np.linalg.svd((seen - b).T @ ((body - a) * share))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = u @ flip @ vt
    return np.asarray(turn), np.asarray(b - turn @ a)


def _spread(marks: Landmarks, turn: Floats, carried: Floats) -> Floats:
    """Return ``(K, 3)`` the variance of what is seen along the axes of the bones; the camera looks along its own z."""
    deep = np.square(np.einsum("kij,i->kj", carried, turn[2]))
    across, along = np.square(marks.across)[:, None], np.square(marks.along)[:, None]
    return np.asarray(across * (1 - deep) + along * deep)


class Waiting:
    """Waits, live, for somebody to hold a pose.

    Args:
        name: The pose.
        height: How tall the person is, metres.
    """

    def __init__(self, name: str, height: float) -> None:
        self._name, self._height = name, height
        self._kept: deque[tuple[Pose, Floats, Floats, float]] = deque()
        self._count = 0

    def add(self, body: Body, pose: Pose, points: Floats, sure: Floats, time: float) -> Calibrated | None:
        """Add a frame; returns what the pose told as soon as it was held for long enough.

        Args:
            body: Whose.
            pose: As it was solved.
            points: ``(K, 3)`` where the points are seen, the network's metres, in the camera's axes.
            sure: ``(K,)`` how far they are to be believed, 0 to 1.
            time: Seconds.
        """
        self._kept.append((pose, points, sure, time))
        while time - self._kept[0][3] > HELD_S + 1.0:
            self._kept.popleft()
        self._count += 1
        if self._count % _EVERY or time - self._kept[0][3] < HELD_S:
            return None
        poses, seen, certain, times = zip(*self._kept, strict=True)
        every = Pose(*(np.stack([getattr(one, part) for one in poses]) for part in _PARTS))
        return calibrated(
            body, 1.0, every, np.array(seen), np.array(certain), np.array(times), self._height, self._name
        )
