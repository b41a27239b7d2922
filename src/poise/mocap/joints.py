"""How the bones may turn: which way each is free, where it rests, how far it goes; soft, from anatomy."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

# Positive angles of hinges bend. In a T-pose with the palms down an elbow bends about the vertical, a knee about the
# line between the hips.


@dataclass(frozen=True, slots=True)
class Ball:
    """A joint that turns every way.

    Attributes:
        rest: Where it is when nothing is seen: a rotation vector, degrees, the left side's.
        spread: Standard deviation of that about x, y and z of the parent, degrees.
        reach: Furthest it goes from rest, degrees.
        twist: Axis of the bone, about which it twists, and the standard deviation of that, degrees; None: no more is
            known of it than of the other directions.
    """

    rest: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: tuple[float, float, float] = (25.0, 25.0, 25.0)
    reach: float = 60.0
    twist: tuple[tuple[float, float, float], float] | None = None


@dataclass(frozen=True, slots=True)
class Hinge:
    """A joint that bends one way; the bone beyond it may twist about itself.

    Attributes:
        axis: What it bends about, in the parent's axes, the left side's.
        bone: What it twists about, in its own axes.
        bends: Least and most it bends, degrees.
        twists: Least and most it twists, degrees.
        spread: Standard deviation of bend and twist when nothing is seen, degrees; far from rest it counts less.
        rest: Bend when nothing is seen, degrees.
    """

    axis: tuple[float, float, float]
    bone: tuple[float, float, float]
    bends: tuple[float, float]
    twists: tuple[float, float]
    spread: tuple[float, float]
    rest: float = 0.0


# Ranges after Kapandji, The Physiology of the Joints, rounded. The arm rests hanging, not in the T-pose. Two points of
# the hips do not tell how the pelvis is tilted: a back that bends to the front and back less readily than to the sides
# keeps it from leaning one way and the chest the other.
JOINTS: dict[str, Ball | Hinge] = {
    "hips": Ball(spread=(1000.0, 1000.0, 1000.0), reach=1000.0),
    "spine": Ball(spread=(8.0, 20.0, 15.0), reach=50.0),
    "chest": Ball(spread=(8.0, 20.0, 15.0), reach=50.0),
    "neck": Ball(spread=(20.0, 25.0, 20.0), reach=60.0),
    "head": Ball(spread=(20.0, 25.0, 20.0), reach=60.0),
    "Shoulder": Ball(spread=(3.0, 10.0, 10.0), reach=30.0),
    "UpperArm": Ball(rest=(0.0, 0.0, -75.0), spread=(120.0, 120.0, 120.0), reach=170.0, twist=((1.0, 0.0, 0.0), 50.0)),
    "LowerArm": Hinge((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 150.0), (-90.0, 90.0), (90.0, 45.0), 15.0),
    "Hand": Ball(spread=(4.0, 15.0, 30.0), reach=85.0),
    "UpperLeg": Ball(spread=(250.0, 200.0, 90.0), reach=140.0, twist=((0.0, -1.0, 0.0), 25.0)),
    "LowerLeg": Hinge((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 155.0), (-30.0, 30.0), (12.0, 7.0), 3.0),
    "Foot": Ball(spread=(25.0, 10.0, 12.0), reach=65.0),
}


def joint(bone: str) -> tuple[Ball | Hinge, float] | None:
    """Return how a bone may turn and its side: 1 of the left and the middle, -1 of the right; None: not at all."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        if bone.startswith(side):
            known = JOINTS.get(bone[len(side) :])
            return None if known is None else (known, sign)
    return (JOINTS[bone], 1.0) if bone in JOINTS else None


def mirrored(vector: tuple[float, float, float], sign: float) -> tuple[float, float, float]:
    """Return a rotation vector of the left side for a side: mirrored in x, which turns the other two about."""
    return vector[0], vector[1] * sign, vector[2] * sign


def rad(degrees: tuple[float, ...]) -> tuple[float, ...]:
    """Return radians."""
    return tuple(radians(d) for d in degrees)
