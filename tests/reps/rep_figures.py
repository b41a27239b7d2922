"""Stick figures that move: people whose repetitions are known because we drew them."""

from __future__ import annotations

import numpy as np

from poise.frames import Frame, Media
from poise.reps import Person
from poise.results import Results

TORSO, UPPER, FORE, THIGH, SHANK, NECK, SHOULDERS, HIPS = 100.0, 65.0, 51.0, 85.0, 85.0, 45.0, 76.0, 50.0


def wave(time: np.ndarray, period: float, *, start: float = 0.0, reps: int | None = None) -> np.ndarray:
    """Go from 0 to 1 and back once a period, beginning at ``start``."""
    phase = (time - start) / period
    value = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    return np.where((phase < 0) | (phase > (np.inf if reps is None else reps)), 0.0, value)


def _towards(angle: np.ndarray | float, length: float) -> np.ndarray:
    """Return a vector at degrees from straight down, turning to the right of the picture."""
    radians = np.deg2rad(np.asarray(angle, dtype=float))
    return length * np.stack([np.sin(radians), np.cos(radians)], axis=-1)


def side_view(
    n: int,
    *,
    trunk: object = 0.0,
    thigh: object = 0.0,
    shank: object = 0.0,
    upper: object = 0.0,
    fore: object = 0.0,
    hands: tuple[float, float] | None = None,
    feet: bool = True,
) -> np.ndarray:
    """Draw a person from the right side, ``(n, 17, 2)`` pixels.

    Angles are degrees from straight down towards the front (the right of the picture); ``trunk`` is from straight up.
    With ``hands`` the wrists stay there; else the ankles stay on the floor, or with ``feet`` False the hips stay.
    """
    full = {
        k: np.broadcast_to(np.asarray(v, dtype=float), (n,))
        for k, v in {"trunk": trunk, "thigh": thigh, "shank": shank, "upper": upper, "fore": fore}.items()
    }
    hip = np.zeros((n, 2))
    up = np.deg2rad(full["trunk"])
    shoulder = hip + TORSO * np.stack([np.sin(up), -np.cos(up)], axis=-1)
    head = shoulder + NECK * np.stack([np.sin(up), -np.cos(up)], axis=-1)
    elbow = shoulder + _towards(full["upper"], UPPER)
    wrist = elbow + _towards(full["fore"], FORE)
    knee = hip + _towards(full["thigh"], THIGH)
    ankle = knee + _towards(full["shank"], SHANK)
    points = np.empty((n, 17, 2))
    points[:, :5] = head[:, None]
    for k, joint in zip((5, 7, 9, 11, 13, 15), (shoulder, elbow, wrist, hip, knee, ankle), strict=True):
        points[:, k], points[:, k + 1] = joint + [2, 1], joint - [2, 1]
    fixed = wrist if hands is not None else ankle if feet else hip
    place = np.array(hands if hands is not None else (300.0, 500.0))
    return points - fixed[:, None] + place


def front_view(
    n: int, *, raise_: object = 0.0, bend: object = 0.0, spread: object = 0.0, hands: bool = False, bounce: object = 0.0
) -> np.ndarray:
    """Draw a person from the front: arms ``raise_`` degrees out from the trunk, elbows bent, legs apart, all degrees.

    A bent elbow turns the forearm up. With ``hands`` the wrists stay where they are (a bar).
    """
    arm, bent, apart = (np.broadcast_to(np.asarray(v, dtype=float), (n,)) for v in (raise_, bend, spread))
    points = np.empty((n, 17, 2))
    points[:, :5] = [0, -TORSO - NECK]
    for side, first in ((1.0, 5), (-1.0, 6)):
        shoulder = np.tile([side * SHOULDERS / 2, -TORSO], (n, 1))
        elbow = shoulder + _towards(side * arm, UPPER)
        wrist = elbow + _towards(side * (arm + bent), FORE)
        hip = np.tile([side * HIPS / 2, 0.0], (n, 1))
        knee = hip + _towards(side * apart, THIGH)
        ankle = knee + _towards(side * apart, SHANK)
        for k, joint in zip(range(first, 17, 2), (shoulder, elbow, wrist, hip, knee, ankle), strict=True):
            points[:, k] = joint
    shift = np.tile([300.0, 330.0], (n, 1))
    if hands:
        shift[:, 1] += points[0, 9, 1] - points[:, 9, 1]
    shift[:, 1] -= np.broadcast_to(np.asarray(bounce, dtype=float), (n,))
    return points + shift[:, None]


def shaken(points: np.ndarray, *, pixels: float = 1.0, seed: int = 0) -> np.ndarray:
    """Add the jitter of a network."""
    return points + np.random.default_rng(seed).normal(0, pixels, points.shape)


def person(points: np.ndarray, *, fps: float = 30.0, conf: float = 0.9) -> Person:
    """Make a person of ``(T, 17, 2)`` points."""
    n = len(points)
    box = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    return Person(1, np.arange(n, dtype=float), np.arange(n) / fps, points, np.full((n, 17), conf), box)


def results(people: list[Person], *, tracked: bool = True, size: tuple[int, int] = (600, 600)) -> list[Results]:
    """Make a clip's results of people with the same times."""
    blank = np.broadcast_to(np.uint8(0), (*size, 3))
    media = Media("drawn.mp4", "video", fps=30.0)
    out = []
    for i in range(len(people[0])):
        rows = [np.concatenate([p.box[i], [p.id] if tracked else [], [0.9, 0.0]]) for p in people]
        xy, conf = np.array([p.xy[i] for p in people]), np.array([p.conf[i] for p in people])
        out.append(Results.of(Frame(blank, media, i, float(people[0].time[i])), np.array(rows), xy, conf))
    return out


def drawn(name: str, *, reps: int = 4, period: float = 2.0, fps: float = 30.0, lead: float = 1.0) -> Person:
    """Draw somebody who stands (hangs, lies) for ``lead`` seconds, does ``reps``, and stands again."""
    n = round((2 * lead + reps * period) * fps)
    w = wave(np.arange(n) / fps, period, start=lead, reps=reps)
    moves = {
        "squat": lambda: side_view(n, trunk=35 * w, thigh=95 * w, shank=-35 * w, upper=80 * w, fore=90 * w),
        "deadlift": lambda: side_view(n, trunk=75 * w, thigh=12 * w, shank=-5 * w, upper=0.0, fore=2.0),
        "push-up": lambda: side_view(n, trunk=75 + 10 * w, thigh=-75 - 10 * w, shank=-75 - 10 * w, upper=-60 * w,
                                     fore=45 * w, hands=(400.0, 500.0)),
        "biceps curl": lambda: side_view(n, upper=5 * w, fore=10 + 130 * w),
        "front raise": lambda: side_view(n, upper=5 + 85 * w, fore=8 + 85 * w),
        "lateral raise": lambda: front_view(n, raise_=8 + 82 * w, bend=5.0),
        "jumping jack": lambda: front_view(n, raise_=10 + 145 * w, bend=10.0, spread=4 + 20 * w, bounce=10 * w),
        "shoulder press": lambda: front_view(n, raise_=55 + 105 * w, bend=120 - 105 * w),
        "pull-down": lambda: front_view(n, raise_=150 - 95 * w, bend=15 + 105 * w),
        "pull-up": lambda: front_view(n, raise_=150 - 95 * w, bend=15 + 105 * w, hands=True),
        "leg raise": lambda: side_view(n, trunk=-88.0, thigh=88 + 80 * w, shank=88 + 80 * w, upper=80.0, fore=85.0,
                                       feet=False),
        "sit-up": lambda: side_view(n, trunk=-85 + 65 * w, thigh=135.0, shank=20.0, upper=-150 + 60 * w,
                                    fore=-10.0 + 60 * w, feet=False),
        "burpee": lambda: side_view(n, trunk=80 * w, thigh=-80 * w, shank=-85 * w, upper=0.0, fore=0.0),
    }  # fmt: skip
    return person(shaken(moves[name]()), fps=fps)


NAMES = (
    "squat", "deadlift", "push-up", "biceps curl", "front raise", "lateral raise", "jumping jack", "shoulder press",
    "pull-down", "pull-up", "leg raise", "sit-up", "burpee",
)  # fmt: skip
