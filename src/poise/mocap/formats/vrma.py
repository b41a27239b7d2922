"""VRM Animation: glTF whose nodes are named as the humanoid bones of VRM 1.0.

Source:
    VRM Consortium, VRMC_vrm_animation-1.0: humanoid bones at rest in a T-pose, places of the hips only.
"""

from __future__ import annotations

from dataclasses import replace

from poise.mocap.formats.gltf import Gltf, add_bones, add_movement
from poise.mocap.motion import Motion
from poise.mocap.retargeting import retarget
from poise.mocap.rig_table import rig_table
from poise.mocap.sampling import steady

_NAME = "VRMC_vrm_animation"


def vrma_bytes(motion: Motion, *, fps: float | None = None) -> bytes:
    """Return a VRM Animation file.

    Args:
        motion: One frame or more.
        fps: Frames per second; None: the motion's own frames at their own times.

    Raises:
        ValueError: ``fps`` is out of range.
    """
    motion = motion if fps is None else steady(motion, fps)
    made = retarget(motion, replace(rig_table("vrm"), unit="m"))
    gltf = Gltf()
    add_bones(gltf, made)
    add_movement(gltf, motion, made)
    bones = {bone: {"node": at} for at, bone in enumerate(made.bones) if bone}
    gltf.document["extensionsUsed"] = [_NAME]
    gltf.document["extensions"] = {_NAME: {"specVersion": "1.0", "humanoid": {"humanBones": bones}}}
    return gltf.to_bytes()
