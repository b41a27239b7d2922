"""Joint centres as points with names, as laboratories of biomechanics have them; what was not seen is a gap.

Names are Pose2Sim's and OpenPose's where they have the point (``RHip``, ``LAnkle``), else VRM's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.mocap import quaternions as quat
from poise.mocap.motion import Motion
from poise.mocap.rig import PARENTS, forward

Floats = NDArray[np.float64]

_NAMES = {
    "hips": "Hip", "neck": "Neck",
    "UpperArm": "Shoulder", "LowerArm": "Elbow", "Hand": "Wrist",
    "UpperLeg": "Hip", "LowerLeg": "Knee", "Foot": "Ankle",
}  # fmt: skip
_TIPS = {"head": "Head", "Toes": "BigToe"}
_MILLIMETRES = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Markers:
    """Points over time.

    Attributes:
        names: M names.
        places: ``(T, M, 3)`` millimetres, axes of the motion; NaN where a point was not seen.
    """

    names: tuple[str, ...]
    places: Floats


def markers(motion: Motion) -> Markers:
    """Return where the bones begin, and where the head and the toes end.

    Where a bone begins is known as well as the rotation of the bone above it; a trust of 0 makes it a gap.
    """
    rig = motion.rig
    joints, world = forward(rig, motion.rotations, motion.root)
    names, places = [], []
    for at, bone in enumerate(rig.bones):
        above = PARENTS[bone]
        known = motion.trust[:, rig.row(above) if above else at] > 0
        names.append(_name(bone, _NAMES))
        places.append(np.where(known[:, None], joints[:, at], np.nan))
        side = bone.removeprefix("left").removeprefix("right")
        if side in _TIPS and np.any(rig.tips[at]):
            names.append(_name(bone, _TIPS))
            end = joints[:, at] + quat.rotate(world[:, at], np.broadcast_to(rig.tips[at], (len(motion), 3)))
            places.append(np.where(motion.trust[:, at, None] > 0, end, np.nan))
    return Markers(tuple(names), np.stack(places, 1) * _MILLIMETRES)


def _name(bone: str, table: dict[str, str]) -> str:
    for prefix, letter in (("left", "L"), ("right", "R")):
        if bone.startswith(prefix):
            found = table.get(bone.removeprefix(prefix))
            return letter + found if found else bone
    return table.get(bone, bone)
