"""Bodies on the floor: push-ups, clapping or not, sit-ups, and how people get down to them; see _moving_bodies.py."""

from __future__ import annotations

import numpy as np
from _moving_bodies import ANKLE, FORE, SHANK, THIGH, TRUNK, UPPER, Arm, Floats, Made, Random, body, point


def push_up(time: Floats, w: Floats, random: Random, *, clap: bool = False) -> Made:
    """Press the level body up; with ``clap`` the hands leave the floor at the top and meet under the chest."""
    n = len(time)
    reach = UPPER + FORE - 0.01
    toes = 0.10
    low = random.uniform(0.16, 0.26)
    high = np.sqrt(max(reach**2 - 0.08**2, 0.0))
    # With a clap the turn at the top is a flight: progress 0 is the top, and what is near 0 goes above it.
    flight = np.clip(1 - w / 0.35, 0, 1) if clap else np.zeros(n)
    moving = _moving(w)
    fly = flight * moving * random.uniform(0.12, 0.25) if clap else flight
    shoulder_z = high - (high - low) * w + fly
    length = TRUNK + THIGH + SHANK
    pitch = np.arcsin(np.clip((shoulder_z - toes) / length, -1, 1))
    # The body is a straight line from the feet (or knees) to the shoulders; the feet stay.
    far = length * np.cos(pitch)
    hips = point(far * (1 - TRUNK / length), 0.0, toes + (shoulder_z - toes) * (1 - TRUNK / length), n=n)
    lean = 90 - np.degrees(pitch)
    grip = np.asarray(length * np.cos(np.arcsin((high - toes) / length)) + 0.03)
    half = random.uniform(0.2, 0.3)
    meet = np.clip(fly / 0.10, 0, 1) if clap else fly
    y = half * (1 - 0.85 * meet)
    z = 0.03 + np.where(meet > 0, np.maximum(shoulder_z - 0.38, 0.0), 0.0) * meet
    hands = (point(grip, y, z, n=n), point(grip, -y, z, n=n))
    feet = (point(0.0, 0.07, toes, n=n), point(0.0, -0.07, toes, n=n))
    points = body(hips, feet, lean=lean, wrists=hands, elbow=(-0.8, 0.8, 0.0), knees_out=0.0, nod=-25.0)
    return Made(time, points, "push-up", 0, lies=True)


def _moving(w: Floats) -> Floats:
    """Return 1 between two repetitions, 0 before the first and after the last."""
    busy = np.flatnonzero(w > 0.05)
    out = np.zeros(len(w))
    if len(busy):
        out[busy[0] + int(0.5 * (busy[-1] - busy[0]) / 20) : busy[-1]] = 1.0
    return out


def sit_up(time: Floats, w: Floats, random: Random) -> Made:
    """Lie on the back with bent knees; the trunk comes up."""
    n = len(time)
    feet = (point(0.55, 0.1, ANKLE, n=n), point(0.55, -0.1, ANKLE, n=n))
    lean = -82 + random.uniform(60, 85) * w
    arm: Arm = (-60 + 60 * w, 10.0, 20.0 + 80 * w, 0.0)
    return Made(time, body(point(0.0, 0.0, 0.12, n=n), feet, lean=lean, arms=(arm, arm)), "sit-up", 0, lies=True)


def lying(n: int) -> Floats:
    """Return ``(n, 17, 3)`` of somebody face down on the floor, head towards +x, feet at 0, arms beside the head."""
    pelvis = point(THIGH + SHANK, 0.0, 0.12, n=n)
    feet = (point(0.0, 0.1, 0.08, n=n), point(0.0, -0.1, 0.08, n=n))
    hands = tuple(point(THIGH + SHANK + TRUNK + 0.15, side * 0.3, 0.05, n=n) for side in (1.0, -1.0))
    return body(pelvis, feet, lean=88.0, wrists=(hands[0], hands[1]), elbow=(0.0, 1.0, 0.0), nod=-20.0)


def kneeling(n: int) -> Floats:
    """Return ``(n, 17, 3)`` of somebody on both knees, upright, who faces +x; the feet are at 0."""
    knees = point(SHANK, 0.0, 0.05, n=n)
    pelvis = knees + point(0.0, 0.0, 0.98 * THIGH, n=n)
    feet = (point(0.0, 0.1, 0.08, n=n), point(0.0, -0.1, 0.08, n=n))
    arm: Arm = (5.0, 6.0, 10.0, 4.0)
    return body(pelvis, feet, lean=3.0, arms=(arm, arm), knees_out=0.0)


def standing(n: int) -> Floats:
    """Return ``(n, 17, 3)`` of somebody who stands at (0.3, 0) and faces +x."""
    feet = (point(0.3, 0.1, ANKLE, n=n), point(0.3, -0.1, ANKLE, n=n))
    arm: Arm = (5.0, 6.0, 10.0, 4.0)
    return body(point(0.3, 0.0, ANKLE + 0.85, n=n), feet, arms=(arm, arm))


def with_ways(made: Made, random: Random, *, begin: str, end: str) -> Made:
    """Let somebody get down to push-ups from standing or kneeling, and stay, lie or kneel afterwards.

    The ways between are straight lines of every point, so limbs shorten a little on them.
    """
    step = float(made.time[1] - made.time[0])
    poses = {"standing": standing, "kneeling": kneeling, "lying": lying}
    parts = [made.points]
    if begin != "plank":
        first = poses[begin](round(random.uniform(0.8, 2.0) / step))
        parts = [first, _way(first[-1], made.points[0], random.uniform(0.6, 1.5), step), *parts]
    stay = round(random.uniform(1.5, 3.0) / step)
    if end == "plank":
        parts.append(np.repeat(made.points[-1:], stay, axis=0))
    else:
        last = poses[end](stay)
        parts += [_way(made.points[-1], last[0], random.uniform(0.3, 1.2), step), last]
    points = np.concatenate(parts)
    return Made(np.arange(len(points)) * step, points, made.exercise, made.reps, made.seated, made.lies)


def _way(first: Floats, last: Floats, seconds: float, step: float) -> Floats:
    share = (np.arange(round(seconds / step)) + 1) / round(seconds / step)
    share = (share * share * (3 - 2 * share))[:, None, None]
    return first * (1 - share) + last * share
