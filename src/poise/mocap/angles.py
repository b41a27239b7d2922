"""Joint angles in degrees, named and signed as OpenSim's full-body models have them.

Source:
    Rajagopal et al., Full-body musculoskeletal model, IEEE TBME 2016: names, axes and signs of the coordinates. A joint
    with three of them turns about z (to the right), then the new x (forward), then the newest y (up). The pelvis
    alone turns about the vertical first, then lists, then tilts (Baker, Gait & Posture 13 (2001) 1): in the model's own
    order the tilt of somebody who stands side-on would be told as list.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.mocap import quaternions as quat
from poise.mocap.eulers import to_zxy
from poise.mocap.motion import Motion
from poise.mocap.rig import PARENTS

Floats = NDArray[np.float64]

_X = np.array([1.0, 0.0, 0.0])
# At the angles' zero the arm hangs, as in OpenSim: what turns a hanging right arm to the side.
_HANGING = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), -np.pi / 2)


def joint_angles(motion: Motion) -> dict[str, Floats]:
    """Return name to ``(T,)`` degrees of every angle that the rig has; angles are followed over time, past 180 too.

    Positive are: of the pelvis rotation to the left, away from facing the camera, and as somebody sees it who faces as
    the pelvis does, list to the right and tilt backward; of the trunk and the neck extension, bending to the right and
    rotation to the left; of hips, knees, arms, elbows and wrists flexion, of ankles dorsiflexion; adduction, rotation
    inward, pronation, and deviation of a wrist to the thumb's side. All are 0 in somebody who stands upright with
    hanging arms, thumbs to the front, and faces the camera.
    """
    out: dict[str, Floats] = {}
    # Turned back they are told in the opposite order: about the vertical first.
    pelvis = [-degrees for degrees in _zxy(quat.inverse(_opensim(_bone(motion, "hips"))))]
    out |= dict(zip(("pelvis_tilt", "pelvis_list", "pelvis_rotation"), pelvis, strict=True))
    trunk = _chain(motion, ("spine", "chest"))
    if trunk is not None:
        out |= dict(zip(("lumbar_extension", "lumbar_bending", "lumbar_rotation"), _zxy(_opensim(trunk)), strict=True))
    neck = _chain(motion, ("neck", "head"))
    if neck is not None:
        out |= dict(zip(("neck_extension", "neck_bending", "neck_rotation"), _zxy(_opensim(neck)), strict=True))
    for side, letter in (("left", "l"), ("right", "r")):
        out |= {f"{name}_{letter}": values for name, values in _side(motion, side).items()}
    return out


def _side(motion: Motion, side: str) -> dict[str, Floats]:
    """Return the angles of one side, without the letter of it; the left side's movements are seen in a mirror."""
    out: dict[str, Floats] = {}

    def turn(*bones: str) -> Floats | None:
        found = _chain(motion, tuple(side + bone for bone in bones))
        # The mirror image of a rotation keeps what it does about x, and turns round what it does about y and z.
        return found if found is None or side == "right" else found * np.array([1.0, -1.0, -1.0, 1.0])

    hip = turn("UpperLeg")
    if hip is not None:
        out |= dict(zip(("hip_flexion", "hip_adduction", "hip_rotation"), _zxy(_opensim(hip)), strict=True))
    knee = turn("LowerLeg")
    if knee is not None:
        out["knee_angle"] = -_zxy(_opensim(knee))[0]
    ankle = turn("Foot")
    if ankle is not None:
        out["ankle_angle"], out["subtalar_angle"], _ = _zxy(_opensim(ankle))
    toes = turn("Toes")
    if toes is not None:
        out["mtp_angle"] = _zxy(_opensim(toes))[0]
    arm = turn("Shoulder", "UpperArm")
    if arm is not None:
        out |= dict(zip(("arm_flex", "arm_add", "arm_rot"), _zxy(_opensim(quat.multiply(arm, _HANGING))), strict=True))
    elbow = turn("LowerArm")
    if elbow is not None:
        swing, twist = quat.swing_twist(elbow, np.broadcast_to(_X, (len(elbow), 3)))
        # From the upper arm to the front, about the vertical of the T-pose.
        way = quat.rotate(swing, np.broadcast_to(-_X, (len(elbow), 3)))
        out["elbow_flex"] = _followed(np.arctan2(way[:, 2], -way[:, 0]))
        out["pro_sup"] = _followed(2 * np.arctan2(twist[:, 0], twist[:, 3]))
    wrist = turn("Hand")
    if wrist is not None:
        z, _, y = to_zxy(wrist).T
        # The palm looks down in the T-pose: flexion lowers the fingers, and the thumb's side is the front.
        out["wrist_flex"], out["wrist_dev"] = z, y
    return out


def _zxy(q: Floats) -> tuple[Floats, Floats, Floats]:
    z, x, y = to_zxy(q).T
    return z, x, y


def _opensim(q: Floats) -> Floats:
    """Return rotations in OpenSim's axes: x forward, y up, z to the right."""
    x, y, z, w = np.moveaxis(q, -1, 0)
    return np.stack([z, y, -x, w], -1)


def _followed(angle: Floats) -> Floats:
    return np.asarray(np.degrees(np.unwrap(angle)))


def _bone(motion: Motion, bone: str) -> Floats:
    return np.asarray(motion.rotations[:, motion.rig.row(bone)])


def _chain(motion: Motion, bones: tuple[str, ...]) -> Floats | None:
    """Return the rotations of bones one after the other; None where the last is not there."""
    if bones[-1] not in motion.rig.bones or PARENTS[bones[-1]] not in motion.rig.bones:
        return None
    turned = None
    for bone in bones:
        if bone in motion.rig.bones:
            q = _bone(motion, bone)
            turned = q if turned is None else quat.multiply(turned, q)
    return turned
