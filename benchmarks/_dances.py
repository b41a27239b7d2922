"""Bodies that dance, freely or on a beat: nothing of it is an exercise; see _moving_bodies.py."""

from __future__ import annotations

import numpy as np
from _moving_bodies import ANKLE, HIP, SHANK, THIGH, Floats, Made, Random, body, point, turned, wander


def dance(time: Floats, w: Floats, random: Random, *, phrase: bool = False) -> Made:
    """Dance: knee bends, steps, turns and arms that go their own ways, on a beat or freely; nothing is an exercise."""
    n = len(time)
    beat = random.uniform(0.8, 1.6)
    seconds = beat * 4 if phrase else random.uniform(0.5, 1.2)

    def way(size: float, middle: float = 0.0, pace: float = 1.0) -> Floats:
        return middle + wander(random, time, size, seconds=pace * (beat if phrase else seconds))

    bends = np.clip(way(0.10, 0.06), 0, 0.42)
    sway = way(0.12)
    steps = [way(0.10, pace=1.0) for _ in range(4)]
    feet = []
    for k, side in enumerate((1.0, -1.0)):
        lift = np.clip(way(0.08, -0.06), 0, 0.4)
        feet.append(point(steps[2 * k], sway + side * (0.15 + np.abs(way(0.08))), ANKLE + lift, n=n))
    floor = np.minimum(feet[0][:, 2], feet[1][:, 2]) - ANKLE
    for foot in feet:
        foot[:, 2] -= floor
    middle = (feet[0] + feet[1]) / 2
    far = np.max([np.linalg.norm((f - middle)[:, :2], axis=-1) for f in feet], axis=0)
    tall = np.sqrt(np.maximum((THIGH + SHANK) ** 2 - np.maximum(far - HIP, 0) ** 2, 0.1)) + ANKLE
    pelvis = point(middle[:, 0], middle[:, 1], tall - bends, n=n)
    arms = tuple((way(60, 60), way(40, 30), way(60, 90), way(40, 20)) for _ in range(2))
    points = body(pelvis, (feet[0], feet[1]), lean=way(12, 4), arms=arms, knees_out=0.4)  # type: ignore[arg-type]
    return Made(time, turned(points, np.cumsum(np.clip(way(60), -150, 150)) * (time[1] - time[0]), pelvis), "", 0)


def beat_dance(time: Floats, w: Floats, random: Random) -> Made:
    """Dance on a beat: the knees give on every beat or two, the feet step from side to side, the arms swing."""
    n = len(time)
    beat = random.uniform(0.45, 0.8)
    phase = 2 * np.pi * time / beat
    deep = random.uniform(0.04, 0.22)
    # Bars differ: how deep, and on which beat.
    accent = np.clip(0.6 + wander(random, time, 0.4, seconds=4 * beat), 0, 1.6)
    every = random.choice([1.0, 2.0])
    bends = deep * accent * (0.5 - 0.5 * np.cos(phase / every))
    side_step = random.uniform(0.05, 0.3) * np.clip(0.5 + wander(random, time, 0.6, seconds=4 * beat), 0, 1)
    sway = side_step * np.sin(phase / 4)
    feet = []
    for k, side in enumerate((1.0, -1.0)):
        lift = np.clip(side * np.sin(phase / 4 + 0.7), 0, 1) * random.uniform(0.0, 0.15)
        feet.append(
            point(0.1 * wander(random, time, 1.0), side * 0.15 + sway + 0.1 * np.sin(phase / 4 + k), ANKLE + lift, n=n)
        )
    middle = (feet[0] + feet[1]) / 2
    pelvis = point(middle[:, 0], middle[:, 1], ANKLE + 0.83 - bends, n=n)
    arms = []
    for _ in range(2):
        a, b, c = random.uniform(0, 2 * np.pi, 3)
        size = np.clip(0.6 + wander(random, time, 0.5, seconds=6 * beat), 0, 1.5)
        arms.append(
            (
                40 + 50 * size * np.sin(phase / 2 + a),
                30 + 30 * np.sin(phase / 4 + b),
                90 + 60 * size * np.sin(phase / 2 + c),
                20.0,
            )
        )
    points = body(pelvis, (feet[0], feet[1]), lean=5 + 8 * np.sin(phase / 4), arms=(arms[0], arms[1]), knees_out=0.4)
    turn = wander(random, time, random.uniform(5, 60), seconds=4 * beat)
    return Made(time, turned(points, turn, pelvis), "", 0)
