"""A person who moves, for what sends movements."""

from __future__ import annotations

import numpy as np

from poise.mocap import BODY_BONES, BONES, MotionFrame, Rig
from poise.mocap import quaternions as quat


def moment(
    time: float = 0.0,
    *,
    id: int = 1,
    turned: dict[str, tuple[tuple[float, float, float], float]] | None = None,
    root: tuple[float, float, float] = (0.0, 0.9, 0.0),
    fingers: bool = False,
) -> MotionFrame:
    """Return one moment: a T-pose with some bones turned about an axis, in degrees."""
    rig = Rig.of_height(1.7, fingers=fingers)
    rotations = np.tile(quat.IDENTITY, (len(BONES if fingers else BODY_BONES), 1))
    for bone, (axis, degrees) in (turned or {}).items():
        rotations[rig.row(bone)] = quat.from_axis_angle(axis, np.radians(degrees))
    count = len(rig.bones)
    return MotionFrame(id, time, rig, rotations, np.array(root), np.ones(count), np.zeros(2, bool))


def waving(time: float, *, id: int = 1) -> MotionFrame:
    """Return a moment of somebody who waves with the left arm and walks forward."""
    swing = 60 + 30 * np.sin(2 * np.pi * time)
    return moment(time, id=id, turned={"leftUpperArm": ((0.0, 0.0, 1.0), swing)}, root=(0.0, 0.9, 0.3 * time))
