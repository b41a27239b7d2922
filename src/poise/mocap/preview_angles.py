"""The angles that a preview shows over time: which there are, what they are called in words, whose bone tells them."""

from __future__ import annotations

from typing import Any

import numpy as np

from poise.mocap.angles import joint_angles
from poise.mocap.motion import Motion

# What is shown together: the words, the bone whose trust it has, and the columns of joint_angles by what each line is
# called. A bone or column without a side stands for both.
_SIDES = (
    ("knee flexion", "LowerLeg", "knee_angle"),
    ("hip flexion", "UpperLeg", "hip_flexion"),
    ("hip adduction", "UpperLeg", "hip_adduction"),
    ("hip rotation inward", "UpperLeg", "hip_rotation"),
    ("ankle dorsiflexion", "Foot", "ankle_angle"),
    ("elbow flexion", "LowerArm", "elbow_flex"),
    ("shoulder flexion", "UpperArm", "arm_flex"),
    ("shoulder adduction", "UpperArm", "arm_add"),
    ("shoulder rotation inward", "UpperArm", "arm_rot"),
    ("forearm pronation", "LowerArm", "pro_sup"),
    ("wrist flexion", "Hand", "wrist_flex"),
)
_MIDDLE = (
    ("pelvis", "hips", ("pelvis_tilt", "pelvis_list", "pelvis_rotation")),
    ("trunk", "chest", ("lumbar_extension", "lumbar_bending", "lumbar_rotation")),
    ("neck", "head", ("neck_extension", "neck_bending", "neck_rotation")),
)
_WAYS = ("tilt back", "lean to the right", "turn to the left")


def shown_angles(motion: Motion) -> list[dict[str, Any]]:
    """Return what can be chosen: a ``name``, and ``lines`` of a ``name``, a ``bone`` and ``(T,)`` ``degrees`` each."""
    angles = joint_angles(motion)
    out = []
    for name, bone, column in _SIDES:
        sides = {side: f"{column}_{side[0]}" for side in ("left", "right")}
        lines = [_line(side, side + bone, angles[key]) for side, key in sides.items() if key in angles]
        out.append({"name": name, "lines": lines})
    for name, bone, columns in _MIDDLE:
        lines = [_line(words, bone, angles[key]) for words, key in zip(_WAYS, columns, strict=True) if key in angles]
        out.append({"name": name, "lines": lines})
    return [one for one in out if one["lines"]]


def _line(name: str, bone: str, degrees: Any) -> dict[str, Any]:
    return {"name": name, "bone": bone, "degrees": np.asarray(degrees, dtype=np.float64)}
