"""Motion capture: a filmed person as rotations of bones, and files and streams that move a character."""

from __future__ import annotations

from poise.mocap.following import LiveCapture
from poise.mocap.motion import Motion, MotionFrame
from poise.mocap.rig import BODY_BONES, BONES, FINGER_BONES, PARENTS, Rig, forward
from poise.mocap.solving import MotionCapture
from poise.mocap.who import NobodySeen

__all__ = [
    "BODY_BONES",
    "BONES",
    "FINGER_BONES",
    "PARENTS",
    "LiveCapture",
    "Motion",
    "MotionCapture",
    "MotionFrame",
    "NobodySeen",
    "Rig",
    "forward",
]
