"""A friendly person of few triangles, as tall and as long in the limbs as somebody's rig.

Shoulders and hips are balls that turn in their sockets, elbows, knees and ankles bend smoothly. Sizes are those of a
person of 1.75 m, in metres; everything but the lengths of the bones grows with the height.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poise.mocap.hands_feet import add_foot, add_hand
from poise.mocap.head import add_head
from poise.mocap.rig import BONES, PARENTS, Rig
from poise.mocap.shapes import Carried, Mesh, Ring, Sculpture

Floats = NDArray[np.float64]

# Name of a material: its colour, sRGB, and how rough it is.
MATERIALS: dict[str, tuple[str, float]] = {
    "skin": ("#e9b08d", 0.65),
    "shirt": ("#f2764a", 0.85),
    "trousers": ("#34435e", 0.9),
    "hair": ("#463029", 0.7),
    "shoes": ("#f6f2ea", 0.6),
    "soles": ("#f2764a", 0.8),
    "socks": ("#fffaf0", 0.9),
    "eyes": ("#231d1f", 0.25),
    "light": ("#ffffff", 0.3),
    "blush": ("#e8927a", 0.8),
    "mouth": ("#8f3f36", 0.7),
}
_STANDARD = 1.75
_X, _Y, _Z = np.eye(3)


class Body:
    """Where a person's bones are at rest, also those that the rig does not have.

    Attributes:
        size: How much taller than 1.75 m, as a factor.
    """

    def __init__(self, rig: Rig) -> None:
        self.size = float(np.clip(rig.height, 0.3, 3.0)) / _STANDARD
        usual = Rig.of_height(_STANDARD * self.size, fingers=True)
        places = dict(zip(rig.bones, rig.rest(), strict=True))
        tips = dict(zip(rig.bones, rig.tips, strict=True))
        self.above: dict[str, str] = {}
        for at, bone in enumerate(BONES):
            if bone in places:
                continue
            parent = str(PARENTS[bone])
            places[bone] = places[parent] + usual.offsets[at]
            self.above[bone] = self.above.get(parent, parent)
        self._places, self._tips, self._usual = places, tips, usual
        self.fingers = any("Index" in bone for bone in rig.bones)

    def __getitem__(self, bone: str) -> Floats:
        """``(3,)`` where a bone begins, metres."""
        return np.array(self._places[bone])

    def tip(self, bone: str) -> Floats:
        """``(3,)`` where a bone without children ends, metres."""
        tip = self._tips.get(bone)
        return np.asarray(
            self[bone] + (tip if tip is not None and np.any(tip) else self._usual.tips[self._usual.row(bone)])
        )


def build_character(rig: Rig) -> Mesh:
    """Return the skin of a person with these bones, in the T-pose.

    Args:
        rig: Any; bones that it lacks are carried by those above them.
    """
    body = Body(rig)
    made = Sculpture({bone: at for at, bone in enumerate(rig.bones)}, body.above)
    _add_trunk(made, body)
    for side in ("left", "right"):
        _add_leg(made, body, side)
        add_foot(made, body, side)
        _add_arm(made, body, side)
        add_hand(made, body, side)
    add_head(made, body)
    return made.mesh()


def smooth(value: float, low: float, high: float) -> float:
    """Return 0 below ``low``, 1 above ``high``, and a smooth way in between."""
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _add_trunk(made: Sculpture, body: Body) -> None:
    s = body.size
    hips, spine, chest, neck = (body[b] for b in ("hips", "spine", "chest", "neck"))
    low, high = hips[1], neck[1]
    levels = (hips[1], spine[1], chest[1], high)

    def carried(point: Floats) -> Carried:
        y = point[1]
        up = smooth(y, levels[0] + 0.02 * s, levels[1] + 0.04 * s)
        top = smooth(y, levels[2] - 0.07 * s, levels[2] + 0.06 * s)
        shares = {"hips": (1 - up), "spine": up * (1 - top), "chest": up * top}
        # Shrugged shoulders take the upper part of the chest along.
        side = smooth(abs(point[0]), 0.06 * s, 0.16 * s) * smooth(y, levels[2] + 0.05 * s, levels[3] - 0.06 * s)
        shares["chest"] *= 1 - 0.8 * side
        shares["leftShoulder" if point[0] > 0 else "rightShoulder"] = 0.8 * side * up * top
        return {bone: share for bone, share in shares.items() if share > 0}

    wide = 0.5 * abs(body["leftUpperArm"][0] - body["rightUpperArm"][0])
    hip = 0.5 * abs(body["leftUpperLeg"][0] - body["rightUpperLeg"][0])

    def ring(t: float, x: float, z: float, forward: float = 0.0, power: float = 2.3) -> Ring:
        centre = np.array([0.5 * (hips[0] + neck[0]), low + t * (high - low), hips[2] + t * (neck[2] - hips[2])])
        return Ring(centre + s * forward * _Z, x * _X, -s * z * _Z, carried, power)

    shirt = [
        ring(0.085, hip + 0.077 * s, 0.112), ring(0.2, hip + 0.06 * s, 0.102, 0.002),
        ring(0.4, 0.5 * (hip + wide) + 0.008 * s, 0.102, 0.006),
        ring(0.58, 0.86 * wide, 0.114, 0.006), ring(0.74, 0.98 * wide, 0.114, 0.002),
        ring(0.86, 1.04 * wide, 0.098, -0.004),
        ring(0.94, 0.98 * wide, 0.078, -0.008, 2.2), ring(1.0, 0.74 * wide, 0.069, -0.008, 2.1),
        ring(1.045, 0.068 * s, 0.064, -0.002, 2.0),
    ]  # fmt: skip
    made.skin("shirt", shirt, 16, flat_ends=True)
    seat = {"hips": 1.0}
    pelvis = [
        Ring(np.array([hips[0], hips[1] + y * s, hips[2] + z * s]), (hip + x * s) * _X, -d * s * _Z, seat, 2.4)
        for y, x, d, z in ((-0.115, -0.06, 0.035, 0.0), (-0.1, -0.02, 0.07, -0.004), (-0.06, 0.056, 0.098, -0.004),
                           (0.0, 0.072, 0.106, -0.002), (0.06, 0.068, 0.102, 0.0))
    ]  # fmt: skip
    made.skin("trousers", pelvis, 14)
    throat = [
        Ring(neck + np.array([0, y, z]) * s, r * s * _X, -r * s * _Z, {"neck": w, "chest": 1 - w})
        for y, z, r, w in ((-0.03, 0.0, 0.06, 0.0), (0.02, 0.002, 0.052, 0.5), (0.06, 0.008, 0.05, 1.0))
    ]
    throat.append(Ring(body["head"] + np.array([0, 0.03, 0.012]) * s, 0.05 * s * _X, -0.05 * s * _Z, {"head": 1.0}))
    made.skin("skin", throat, 10)


def _add_leg(made: Sculpture, body: Body, side: str) -> None:
    s = body.size
    hip, knee, ankle = (body[side + b] for b in ("UpperLeg", "LowerLeg", "Foot"))
    upper, lower, foot = (side + b for b in ("UpperLeg", "LowerLeg", "Foot"))
    shin = float(np.linalg.norm(ankle - knee))
    bend = 0.075 * s
    rings = _ball_end(hip, hip - knee, 0.079 * s, {upper: 0.8, "hips": 0.2}, 3)
    profile = ((0.0, 0.081), (0.22, 0.081), (0.5, 0.072), (0.74, 0.063))
    rings += _tube(hip, knee, [(t, r * s, {upper: 1.0}) for t, r in profile])
    rings += [
        _round(knee + (knee - hip) / np.linalg.norm(knee - hip) * d * bend, hip - knee, r * s, {upper: 1 - w, lower: w})
        for d, r, w in ((-0.6, 0.06, 0.1), (-0.2, 0.059, 0.38), (0.2, 0.058, 0.62), (0.6, 0.057, 0.9))
    ]
    cut = max(1 - 0.028 * s / shin, 0.6)
    rings += _tube(knee, ankle, [(t, r * s, {lower: 1.0}) for t, r in ((0.3, 0.06), (0.55, 0.055), (cut, 0.051))])
    made.skin("trousers", rings, 10, flat_ends=True)
    sock = _tube(knee, ankle, [(cut - 0.08, 0.038 * s, {lower: 1.0}), (1.0, 0.037 * s, {lower: 0.5, foot: 0.5})])
    sock.append(_round(ankle - 0.03 * s * _Y, hip - knee, 0.036 * s, {foot: 1.0}))
    made.skin("socks", sock, 8)


def _add_arm(made: Sculpture, body: Body, side: str) -> None:
    s = body.size
    shoulder, elbow, wrist = (body[side + b] for b in ("UpperArm", "LowerArm", "Hand"))
    upper, lower, hand = (side + b for b in ("UpperArm", "LowerArm", "Hand"))
    shoulder = shoulder - 0.008 * s * _Y
    joint = {upper: 0.75, side + "Shoulder": 0.25}
    sleeve = _ball_end(shoulder, shoulder - elbow, 0.06 * s, joint, 3)
    sleeve += _tube(shoulder, elbow, [(t, r * s, {upper: 1.0}) for t, r in ((0.0, 0.06), (0.25, 0.058), (0.58, 0.055))])
    made.skin("shirt", sleeve, 10, flat_ends=True)
    along = (elbow - shoulder) / np.linalg.norm(elbow - shoulder)
    bend = 0.05 * s
    arm = _tube(shoulder, elbow, [(t, r * s, {upper: 1.0}) for t, r in ((0.4, 0.043), (0.75, 0.04))])
    arm += [
        _round(elbow + along * d * bend, shoulder - elbow, r * s, {upper: 1 - w, lower: w})
        for d, r, w in ((-0.7, 0.0385, 0.12), (0.0, 0.038, 0.5), (0.7, 0.039, 0.88))
    ]
    arm += _tube(elbow, wrist, [(0.4, 0.038 * s, {lower: 1.0}), (0.75, 0.031 * s, {lower: 1.0})])
    arm += _tube(elbow, wrist, [(0.96, 0.0265 * s, {lower: 0.6, hand: 0.4}), (1.06, 0.026 * s, {hand: 1.0})])
    made.skin("skin", arm, 9)


def _tube(a: Floats, b: Floats, profile: Sequence[tuple[float, float, Carried]]) -> list[Ring]:
    """Return round rings on the way from a to b: share of the way, radius, bones."""
    return [_round(a + t * (b - a), a - b, radius, carried) for t, radius, carried in profile]


def _ball_end(centre: Floats, outward: Floats, radius: float, carried: Carried, steps: int) -> list[Ring]:
    """Return the rings of half a ball, from its pole on."""
    out = outward / np.linalg.norm(outward)
    angles = np.linspace(0, np.pi / 2, steps + 1)[:-1] + 0.12
    return [_round(centre + out * radius * np.cos(a), outward, radius * np.sin(a), carried) for a in angles]


def _round(centre: Floats, backward: Floats, radius: float, carried: Carried) -> Ring:
    """Return a circle across a direction."""
    along = -backward / np.linalg.norm(backward)
    side = np.cross(along, _Z if abs(along[2]) < 0.9 else _X)
    u = side / np.linalg.norm(side)
    return Ring(centre, radius * u, radius * np.cross(along, u), carried)
