"""The character's hands, with fingers where the rig has them, and its shoes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from poise.mocap.shapes import Carried, Ring, Sculpture

Floats = NDArray[np.float64]

_X, _Y, _Z = np.eye(3)
_FINGERS = {"Index": 0.0094, "Middle": 0.0098, "Ring": 0.0092, "Little": 0.008}


class _Body(Protocol):
    size: float
    fingers: bool

    def __getitem__(self, bone: str) -> Floats: ...

    def tip(self, bone: str) -> Floats: ...


def add_hand(made: Sculpture, body: _Body, side: str) -> None:
    """Add a hand, the palm down in the T-pose."""
    s, wrist, on = body.size, body[side + "Hand"], {side + "Hand": 1.0}
    knuckles = [body[f"{side}{finger}Proximal"] for finger in _FINGERS]
    out = np.mean(knuckles, 0) - wrist
    reach = float(np.linalg.norm(out))
    x = out / reach

    def ring(t: float, wide: float, thick: float, z: float = 0.0, carried: Carried = on, power: float = 2.5) -> Ring:
        return Ring(wrist + x * reach * t + s * z * _Z, s * wide * _Z, _across(x, s * thick), carried, power)

    palm = [ring(0.0, 0.02, 0.02, 0.001), ring(0.25, 0.031, 0.019, 0.002), ring(0.6, 0.038, 0.017, 0.0),
            ring(1.0, 0.0385, 0.0145, -0.002)]  # fmt: skip
    if body.fingers:
        made.skin("skin", [*palm[:-1], ring(1.08, 0.036, 0.012, -0.002)], 8)
        for finger, radius in _FINGERS.items():
            _add_finger(made, body, side, finger, ("Proximal", "Intermediate", "Distal"), radius * s)
        _add_finger(made, body, side, "Thumb", ("Metacarpal", "Proximal", "Distal"), 0.0112 * s)
        return
    # Without fingers a mitten, slightly curled as hands at rest are.
    end = float(np.linalg.norm(body.tip(side + "Hand") - wrist)) / reach
    mitten = [ring(1.0 + share * (end - 1.0), wide, thick, -0.002) for share, wide, thick in
              ((0.3, 0.0365, 0.0145), (0.62, 0.033, 0.0135), (0.86, 0.025, 0.0115), (0.99, 0.012, 0.007))]  # fmt: skip
    curl = [
        Ring(r.centre - s * d * _Y, r.u, r.v, r.carried, r.power)
        for r, d in zip(mitten, (0.002, 0.008, 0.016, 0.022), strict=True)
    ]
    made.skin("skin", [*palm, *curl], 8)
    thumb = wrist + x * reach * 0.22 + np.array([0, -0.004, 0.024]) * s
    tip = wrist + x * reach * 0.95 + np.array([0, -0.012, 0.062]) * s
    way = (tip - thumb) / np.linalg.norm(tip - thumb)
    u = np.cross(way, _Y) / np.linalg.norm(np.cross(way, _Y))
    rings = [Ring(thumb + t * (tip - thumb), r * s * u, r * s * np.cross(way, u), on)
             for t, r in ((-0.1, 0.012), (0.3, 0.0145), (0.7, 0.0125), (0.94, 0.009), (1.04, 0.004))]  # fmt: skip
    made.skin("skin", rings, 6)


def _add_finger(made: Sculpture, body: _Body, side: str, finger: str, parts: tuple[str, ...], radius: float) -> None:
    """Add three links that bend at their joints."""
    names = [f"{side}{finger}{part}" for part in parts]
    places = [body[name] for name in names] + [body.tip(names[-1])]
    above = side + "Hand"
    rings = []
    for at, name in enumerate(names):
        way = places[at + 1] - places[at]
        length = float(np.linalg.norm(way))
        way = way / length
        u = np.cross(way, _Y)
        u = u / np.linalg.norm(u)
        thin = radius * (1 - 0.08 * at)

        def ring(d: float, r: float, carried: Carried, at: int = at, way: Floats = way, u: Floats = u) -> Ring:
            return Ring(places[at] + way * d, r * u, r * np.cross(way, u), carried)

        rings.append(ring(-0.2 * radius, thin, {above: 0.5, name: 0.5}))
        if at == len(names) - 1:
            rings += [
                ring(0.92 * length, thin * 0.85, {name: 1.0}),
                ring(length + 0.35 * radius, thin * 0.35, {name: 1.0}),
            ]
        above = name
    made.skin("skin", rings, 5)


def _across(x: Floats, thick: float) -> Floats:
    """Return the thickness of a hand that points along x, such that rings turn the right way round."""
    return np.asarray(np.cross(x, _Z) * thick)


def add_foot(made: Sculpture, body: _Body, side: str) -> None:
    """Add a shoe that stands on the ground and bends at the ball of the foot."""
    s, ankle, ball = body.size, body[side + "Foot"], body[side + "Toes"]
    tip = body.tip(side + "Toes")
    ground = min(ball[1], tip[1])
    foot, toes = side + "Foot", side + "Toes"
    heel, front = ankle[2] - 0.062 * s, tip[2] + 0.012 * s
    bend, length = ball[2], front - heel

    def carried(point: Floats) -> Carried:
        w = np.clip((point[2] - bend) / (0.05 * s) + 0.5, 0.0, 1.0)
        return {foot: 1.0 - w, toes: w} if 0 < w < 1 else {toes if w else foot: 1.0}

    outside = 0.006 * s * (1 if side == "left" else -1)

    def ring(t: float, wide: float, low: float, high: float, power: float) -> Ring:
        side_ = outside * np.sin(np.pi * min(t, 1.0))
        x = ankle[0] + (ball[0] - ankle[0]) * t + side_
        centre = np.array([x, ground + s * (low + high) / 2, heel + t * length])
        return Ring(centre, s * wide * _X, s * (high - low) / 2 * _Y, carried, power)

    upper = [ring(t, w, 0.012, h, 2.3) for t, w, h in (
        (-0.01, 0.012, 0.06), (0.03, 0.03, 0.08), (0.12, 0.038, 0.094), (0.27, 0.041, 0.1), (0.42, 0.042, 0.085),
        (0.58, 0.045, 0.066), (0.75, 0.046, 0.055), (0.9, 0.038, 0.044), (0.98, 0.021, 0.033))]  # fmt: skip
    made.skin("shoes", upper, 10)
    sole = [ring(t, w, 0.0, 0.024, 3.2) for t, w in (
        (-0.03, 0.012), (0.0, 0.03), (0.1, 0.0415), (0.4, 0.043), (0.7, 0.0495), (0.88, 0.044), (0.98, 0.028),
        (1.015, 0.01))]  # fmt: skip
    made.skin("soles", sole, 8)
