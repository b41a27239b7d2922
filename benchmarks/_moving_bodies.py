"""Bodies in space that exercise, sit, dance or walk: 17 points in metres over time, whose repetitions are known.

x points where the person faces, y to the person's left, z up; the floor is at 0. Feet that stand do not slide and
hands that hold stay where they are, because knees and elbows are found from hips and ankles, shoulders and wrists.
Every move takes ``(T,)`` seconds and a random generator, which draws proportions, depth, tempo and style.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Random = np.random.Generator

# Metres for a body of 1.75 m. Source: Drillis and Contini (1966), shares of height as in Winter's figure 4.1; the
# joints of shoulders and hips lie further in than the body is wide.
TRUNK, UPPER, FORE, THIGH, SHANK = 0.50, 0.32, 0.26, 0.43, 0.43
SHOULDER, HIP, NECK, ANKLE = 0.18, 0.10, 0.22, 0.08


@dataclass(frozen=True)
class Made:
    """A movement in space.

    Attributes:
        time: ``(T,)`` seconds.
        points: ``(T, 17, 3)`` metres, COCO's order.
        exercise: Its bundled name; empty: none.
        reps: How many repetitions it has.
        seated: Whether the person sits.
        lies: Whether the trunk is level.
    """

    time: Floats
    points: Floats
    exercise: str
    reps: int
    seated: bool = False
    lies: bool = False


def bend(start: Floats, end: Floats, first: float, second: float, pole: Floats) -> Floats:
    """Return ``(T, 3)`` the joint between two limbs of given lengths, on the side that ``pole`` points to."""
    way = end - start
    far = np.linalg.norm(way, axis=-1, keepdims=True)
    reach = np.clip(far, 1e-6, 0.999 * (first + second))
    along = (first**2 - second**2 + reach**2) / (2 * reach)
    off = np.sqrt(np.maximum(first**2 - along**2, 0.0))
    unit = way / np.maximum(far, 1e-6)
    side = pole - (pole * unit).sum(axis=-1, keepdims=True) * unit
    side /= np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-6)
    return start + along * unit + off * side


def towards(flex: Floats | float, out: Floats | float, side: float, n: int) -> Floats:
    """Return ``(T, 3)`` directions: degrees forward from straight down, and outwards."""
    a, b = (np.radians(np.broadcast_to(np.asarray(v, dtype=float), (n,))) for v in (flex, out))
    return np.stack([np.sin(a) * np.cos(b), side * np.sin(b), -np.cos(a) * np.cos(b)], axis=-1)


def point(*xyz: Floats | float, n: int) -> Floats:
    """Return ``(T, 3)`` of numbers and ``(T,)`` columns."""
    return np.stack([np.broadcast_to(np.asarray(v, dtype=float), (n,)) for v in xyz], axis=-1)


def turned(points: Floats, degrees: Floats | float, about: Floats | None = None) -> Floats:
    """Turn ``(T, K, 3)`` about a vertical line by ``(T,)`` degrees."""
    angle = np.radians(np.broadcast_to(np.asarray(degrees, dtype=float), (len(points),)))[:, None]
    base = np.zeros((len(points), 1, 3)) if about is None else about[:, None]
    p = points - base
    x, y = p[..., 0] * np.cos(angle) - p[..., 1] * np.sin(angle), p[..., 0] * np.sin(angle) + p[..., 1] * np.cos(angle)
    return np.stack([x, y, p[..., 2]], axis=-1) + base


Arm = tuple[Floats | float, Floats | float, Floats | float, Floats | float]


def body(
    pelvis: Floats,
    ankles: tuple[Floats, Floats],
    *,
    lean: Floats | float = 0.0,
    arms: tuple[Arm, Arm] | None = None,
    wrists: tuple[Floats, Floats] | None = None,
    elbow: tuple[float, float, float] = (-0.6, 1.0, -0.6),
    knees_out: float = 0.3,
    nod: float = 0.0,
) -> Floats:
    """Return ``(T, 17, 3)`` of hips, feet, the trunk's lean (degrees forward) and arms.

    Args:
        pelvis: ``(T, 3)`` middle of the hips.
        ankles: Left and right, ``(T, 3)``.
        lean: Of the trunk.
        arms: Left and right: flex and out of the upper arm, flex and out of the forearm, degrees.
        wrists: Instead of ``arms``, where the hands are.
        elbow: With ``wrists``: forward, outwards, up: where elbows point.
        knees_out: How far knees point outwards beside forward.
        nod: Degrees by which the head leans further than the trunk.
    """
    n = len(pelvis)
    rad = np.radians(np.broadcast_to(np.asarray(lean, dtype=float), (n,)))
    up = np.stack([np.sin(rad), np.zeros(n), np.cos(rad)], axis=-1)
    ahead = np.stack([np.cos(rad), np.zeros(n), -np.sin(rad)], axis=-1)
    tip = np.radians(nod)
    head_up, face = np.cos(tip) * up + np.sin(tip) * ahead, np.cos(tip) * ahead - np.sin(tip) * up
    left = point(0.0, 1.0, 0.0, n=n)
    out = np.empty((n, 17, 3))
    neck = pelvis + TRUNK * up
    head = neck + NECK * head_up
    out[:, 0] = head + 0.12 * face
    for k, side in ((1, 1.0), (2, -1.0)):
        out[:, k] = head + 0.10 * face + 0.03 * side * left + 0.03 * head_up
        out[:, k + 2] = head + 0.08 * side * left + 0.01 * head_up
    for k, side in ((0, 1.0), (1, -1.0)):
        shoulder, hip, ankle = neck + side * SHOULDER * left, pelvis + side * HIP * left, ankles[k]
        if wrists is not None:
            pole = elbow[0] * ahead + elbow[1] * side * left + elbow[2] * up
            way = wrists[k] - shoulder
            far = np.linalg.norm(way, axis=-1, keepdims=True)
            wrist = shoulder + way * np.minimum(1.0, 0.995 * (UPPER + FORE) / np.maximum(far, 1e-6))
            joint = bend(shoulder, wrist, UPPER, FORE, pole)
        else:
            assert arms is not None
            flex, aside, flex2, aside2 = arms[k]
            joint = shoulder + UPPER * towards(flex, aside, side, n)
            wrist = joint + FORE * towards(flex2, aside2, side, n)
        knee = bend(hip, ankle, THIGH, SHANK, point(1.0, side * knees_out, 0.0, n=n))
        for at, what in zip(range(5 + k, 17, 2), (shoulder, joint, wrist, hip, knee, ankle), strict=True):
            out[:, at] = what
    return out


def rounds(
    random: Random, reps: int, *, period: float, fps: float, before: float, after: float
) -> tuple[Floats, Floats]:
    """Return ``(T,)`` seconds and progress: 0 at rest, 1 at the effort; no repetition is quite like another."""
    parts = [np.zeros(round(before * fps))]
    for _ in range(reps):
        length = period * random.uniform(0.85, 1.15)
        n = max(round(length * fps), 6)
        phase = np.arange(1, n + 1) / n
        turn = random.uniform(0.42, 0.58)  # the way there takes more or less of it than the way back
        bent = np.where(phase < turn, phase / turn / 2, 0.5 + (phase - turn) / (1 - turn) / 2)
        parts += [random.uniform(0.9, 1.05) * (0.5 - 0.5 * np.cos(2 * np.pi * bent))]
        if random.random() < 0.4:
            parts.append(np.zeros(round(random.uniform(0.1, 0.5) * fps)))
    parts.append(np.zeros(round(after * fps)))
    progress = np.concatenate(parts)
    return np.arange(len(progress)) / fps, progress


def wander(random: Random, time: Floats, size: float, *, seconds: float = 1.5) -> Floats:
    """Return ``(T,)`` a smooth random way about 0, of standard deviation ``size``."""
    if len(time) < 2:
        return np.zeros(len(time))
    knots = np.arange(time[0] - 2 * seconds, time[-1] + 3 * seconds, seconds)
    value = random.normal(0, 1.3 * size, len(knots))
    at = (time - knots[0]) / seconds
    k = np.clip(at.astype(int), 0, len(knots) - 2)
    f = at - k
    share = f * f * (3 - 2 * f)
    return np.asarray(value[k] * (1 - share) + value[k + 1] * share)


def stand(n: int, random: Random, *, width: float | None = None) -> tuple[tuple[Floats, Floats], float]:
    """Return planted feet, and the height of the hips over straight legs."""
    half = random.uniform(0.08, 0.22) if width is None else width / 2
    feet = tuple(point(random.uniform(-0.03, 0.03), side * half, ANKLE, n=n) for side in (1.0, -1.0))
    tall = ANKLE + np.sqrt((THIGH + SHANK) ** 2 - (half - HIP) ** 2) - 0.005
    return (feet[0], feet[1]), float(tall)


def squat(time: Floats, w: Floats, random: Random) -> Made:
    """Bend both knees until the thighs are near level."""
    n = len(time)
    feet, tall = stand(n, random, width=random.uniform(0.25, 0.5))
    deep = random.uniform(0.30, 0.48)
    pelvis = point(
        -0.25 * deep / 0.4 * w + wander(random, time, 0.008), wander(random, time, 0.008), tall - deep * w, n=n
    )
    lean = random.uniform(25, 45) * w + random.uniform(0, 5)
    style = random.choice(["front", "bar", "goblet", "hang"])
    both: dict[str, Arm] = {
        "front": (90 * w, 5.0, 90 * w, 0.0), "hang": (15 * w, 5.0, 20 * w, 0.0), "goblet": (25.0, 5.0, 140.0, -20.0),
        "bar": (-30.0, 35.0, 175.0, 10.0),
    }  # fmt: skip
    arm = both[str(style)]
    return Made(time, body(pelvis, feet, lean=lean, arms=(arm, arm), knees_out=0.5), "squat", 0)


def lunge(time: Floats, w: Floats, random: Random, *, kind: str = "forward", in_turn: bool = True) -> Made:
    """Step forward (or backward), go down, and come back; or stay split. Feet that bear the body do not slide."""
    n = len(time)
    (_, _), tall = stand(n, random, width=0.2)
    count = np.cumsum(np.diff((w > 0.02).astype(int), prepend=0) > 0)  # which repetition it is
    goes = 1 - 2 * ((count % 2) if in_turn else np.ones(n, dtype=int))  # +1 left, -1 right
    length = random.uniform(0.75, 0.95)
    # The foot is out within the first third of the way down, and comes back in the last of the way up.
    step = np.clip(w / 0.45, 0, 1)
    step = step * step * (3 - 2 * step)
    lift = 0.10 * np.sin(np.pi * step)
    down = np.clip((w - 0.25) / 0.75, 0, 1)
    deep = random.uniform(0.28, 0.40)
    if kind == "split":
        step, lift, down = np.ones(n), np.zeros(n), np.clip(w, 0, 1.1)
    sign = -1.0 if kind == "reverse" else 1.0
    ankles = []
    heel = 0.10 * step + 0.05 * down
    for side in (1.0, -1.0):
        moves = goes == side
        front = moves if sign > 0 else ~moves
        x = np.where(moves, sign * length * step, 0.0)
        z = ANKLE + np.where(moves, lift, 0.0) + np.where(front, 0.0, heel)
        ankles.append(point(x, side * 0.10, z, n=n))
    straight = np.sqrt(np.maximum((THIGH + SHANK) ** 2 - (0.5 * length * step) ** 2, 0.0)) + ANKLE - 0.005
    share = random.uniform(0.45, 0.6)
    pelvis = point(
        sign * share * length * step, wander(random, time, 0.006), np.minimum(straight, tall) - deep * down, n=n
    )
    lean = random.uniform(0, 15) * step
    arm: Arm = random.choice(
        np.array([[-25.0, 30.0, 60.0, -50.0], [3.0, 6.0, 8.0, 4.0], [25.0, 5.0, 130.0, -20.0]])
    ).tolist()  # type: ignore[assignment]
    return Made(time, body(pelvis, (ankles[0], ankles[1]), lean=lean, arms=(arm, arm), knees_out=0.05), "lunge", 0)


def _base(time: Floats, random: Random, *, seated: bool) -> tuple[Floats, tuple[Floats, Floats], float]:
    """Return hips, feet and the trunk's lean of somebody who stands or sits still."""
    n = len(time)
    if not seated:
        feet, tall = stand(n, random)
        return point(wander(random, time, 0.006), wander(random, time, 0.006), tall, n=n), feet, random.uniform(-3, 5)
    ahead, apart = random.uniform(0.3, 0.5), random.uniform(0.1, 0.3)
    feet = (point(ahead, apart, ANKLE, n=n), point(ahead, -apart, ANKLE, n=n))
    pelvis = point(wander(random, time, 0.004), wander(random, time, 0.004), random.uniform(0.46, 0.55), n=n)
    return pelvis, feet, random.uniform(-20, 8)


def upper_body(time: Floats, w: Floats, random: Random, *, kind: str, seated: bool) -> Made:
    """Move the arms alone: curls, presses, raises, pull-downs, triceps extensions; standing or seated.

    Curls and front raises are of both arms, of one, or in turn; who sits leans back on a bench now and then.
    """
    n = len(time)
    pelvis, feet, lean = _base(time, random, seated=seated)
    if seated and kind in ("biceps-curl", "shoulder-press", "pull-down") and random.random() < 0.3:
        lean = random.uniform(-40, -20)
    sway = random.uniform(0, 3)
    rest = random.uniform(0, 6)
    soft = random.uniform(5, 15)
    high = random.uniform(80, 95)
    top = random.uniform(125, 150)
    moves: dict[str, Arm] = {
        "biceps-curl": (rest + 8 * w, 8.0, rest + soft + (top - soft) * w, 4.0),
        "shoulder-press": (10 - 8 * w, 55 + 112 * w, 180.0 - 3 * w, 5 + 5 * (1 - w)),
        "pull-down": (10 - 8 * (1 - w), 150 - 105 * w, 180.0 - 8 * w, -5.0 + 20 * (1 - w)),
        "lateral-raise": (5.0, rest + 5 + (high - rest) * w, 5.0 + soft * 0.5, rest + 5 + (high - rest) * w),
        "front-raise": (rest + high * w, 4.0, rest + soft * 0.7 + high * w, 2.0),
        "triceps-extension": (170.0, 10.0, 270 + 30.0 - 115 * w - 0.0, 4.0),
        "triceps-push-down": (5.0, 6.0, 110.0 - 95 * w, 2.0),
    }  # fmt: skip
    arm = moves[kind]
    if kind == "triceps-extension":  # overhead, the forearm hangs behind the head and stretches up
        arm = (172.0, 8.0, 180 + 110 - 105 * w, 3.0)
    arms = (arm, arm)
    ways = random.choice(["both", "both", "one", "in turn"]) if kind in ("biceps-curl", "front-raise") else "both"
    if ways != "both":
        count = np.cumsum(np.diff((w > 0.02).astype(int), prepend=0) > 0)
        left = np.ones(n, dtype=bool) if ways == "one" else count % 2 == 0
        rested = [float(np.broadcast_to(a, (n,))[0]) for a in arm]
        one = tuple(np.where(left, a, r) for a, r in zip(arm, rested, strict=True))
        other = tuple(np.where(left, r, a) for a, r in zip(arm, rested, strict=True))
        arms = (one, other if ways == "in turn" else tuple(rested))  # type: ignore[assignment]
    points = body(pelvis, feet, lean=lean + sway * w, arms=arms)
    name = "" if kind == "triceps-push-down" else kind
    return Made(time, points, name, 0, seated=seated)


def deadlift(time: Floats, w: Floats, random: Random) -> Made:
    """Hinge at the hips, arms hanging."""
    n = len(time)
    feet, tall = stand(n, random, width=0.3)
    deep = random.uniform(0.05, 0.22)
    pelvis = point(-0.2 * w, 0.0, tall - deep * w, n=n)
    arm: Arm = (3.0, 4.0, 3.0, 3.0)
    return Made(time, body(pelvis, feet, lean=random.uniform(60, 80) * w, arms=(arm, arm)), "deadlift", 0)


def jumping_jack(time: Floats, w: Floats, random: Random) -> Made:
    """Arms go overhead while the feet jump apart."""
    n = len(time)
    half = 0.09 + random.uniform(0.2, 0.32) * w
    hop = 0.05 * np.abs(np.sin(2 * np.pi * np.clip(w, 0, 1)))
    feet = (point(0.0, half, ANKLE + hop, n=n), point(0.0, -half, ANKLE + hop, n=n))
    tall = np.sqrt(0.85**2 - (half - HIP) ** 2) + ANKLE + hop
    arm: Arm = (4.0, 10 + random.uniform(135, 155) * w, 6.0, 12 + 150 * w)
    return Made(time, body(point(0.0, 0.0, tall, n=n), feet, arms=(arm, arm)), "jumping-jack", 0)


Move = Callable[[Floats, Floats, Random], Made]
