"""A first pose from the points alone, frame by frame: where the fit begins.

Each bone is turned by what its own points say: the hips by the line between them and the trunk, an arm by where the
elbow is and which way it bends. It is rough, but never half a turn off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.mocap import quaternions as quat
from poise.mocap.body import Body, Pose, product
from poise.mocap.fitting import Anatomy
from poise.mocap.landmarks import point
from poise.mocap.sight import Sight

Floats = NDArray[np.float64]

# An elbow or a knee bent less than this (its sine) does not say how the bone above it is twisted.
_STRAIGHT = 0.3


def guess(body: Body, anatomy: Anatomy, sight: Sight) -> Pose:
    """Return a pose for each frame.

    Args:
        body: Whose.
        anatomy: What its joints do where nothing is seen.
        sight: ``(T, …)``.
    """
    rig, sure = body.rig, sight.across > 0
    shape = sight.points.shape[:-2]
    pose = anatomy.rest_pose(shape)
    local = pose.rotations.copy()
    world = np.broadcast_to(quat.IDENTITY, local.shape).copy()
    p = {name: sight.points[..., point(name), :] for name in _NAMES}
    seen = {name: sure[..., point(name)] for name in _NAMES}

    def mid(part: str) -> Floats:
        return np.asarray((p[f"left_{part}"] + p[f"right_{part}"]) / 2)

    up = mid("shoulder") - mid("hip")
    hips = _frame(p["left_hip"] - p["right_hip"], up)
    chest = _frame(p["left_shoulder"] - p["right_shoulder"], up)
    half = quat.slerp(
        np.broadcast_to(quat.IDENTITY, hips.shape), product(quat.inverse(hips), chest), np.full(shape, 0.5)
    )
    head = quat.normalise(quat.from_matrix(_axes(p["left_ear"] - p["right_ear"], p["nose"] - mid("ear"))))
    facing = seen["left_ear"] & seen["right_ear"] & seen["nose"]
    to_head = np.where(facing[..., None], product(quat.inverse(chest), head), quat.IDENTITY)
    neck = quat.slerp(np.broadcast_to(quat.IDENTITY, chest.shape), to_head, np.full(shape, 0.5))
    for bone, turn in (("hips", hips), ("spine", half), ("chest", half), ("neck", neck), ("head", neck)):
        local[..., rig.row(bone), :] = turn
    _carry(body, local, world)
    hinges = pose.hinges.copy()
    for side in ("left", "right"):
        _limb(body, local, world, hinges, p, seen, [f"{side}UpperArm", f"{side}LowerArm"], _ARM, side)
        _limb(body, local, world, hinges, p, seen, [f"{side}UpperLeg", f"{side}LowerLeg"], _LEG, side)
    local[..., body.hinged, :] = body.hinge_rotations(hinges)
    return Pose(mid("hip"), quat.normalise(local), hinges, np.zeros(shape))


def untwisted(body: Body, pose: Pose, times: Floats) -> Pose:
    """Return poses of which upper arms and legs are twisted as the bends round about tell.

    A straight limb does not show how it is twisted, so frames that are fitted one by one twist it either way, and a fit
    of all of them together would wind from one to the other.

    Args:
        body: Whose.
        pose: ``(T, …)`` fitted frame by frame.
        times: ``(T,)`` seconds.
    """
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    ahead = np.arange(1, min(round(_AROUND_S / step), len(times) - 1) + 1) * step
    fading = 1 / (1 + np.square(ahead / _FADING_S))
    kernel = np.concatenate([fading[::-1], [1.0], fading])
    rotations = pose.rotations.copy()
    for n, lower in enumerate(body.hinged):
        upper = body.rig.parents[lower]
        along = body.rig.offsets[lower] / np.linalg.norm(body.rig.offsets[lower])
        swing, twist = quat.swing_twist(rotations[:, upper], along)
        seen = np.exp(2j * np.arctan2(twist[:, :3] @ along, twist[:, 3]))
        tells = np.square(np.sin(pose.hinges[:, n, 0]))
        # Where nothing tells it far and wide it is at rest.
        around = np.convolve(tells * seen, kernel)[len(ahead) :][: len(times)] + _UNTOLD * kernel.sum()
        share = tells / (tells + _BENT)
        angle = np.angle(share * seen + (1 - share) * around / np.maximum(np.abs(around), 1e-9))
        turned = quat.from_axis_angle(np.broadcast_to(along, (len(times), 3)), angle)
        rotations[:, upper] = quat.multiply(swing, turned)
    return pose.replace(rotations=rotations)


# How far round about bends are asked for a twist, and after how long they count half, seconds; the squared sine of a
# bend that tells half of the twist by itself; and how much rest says beside.
_AROUND_S, _FADING_S, _BENT, _UNTOLD = 2.0, 0.3, 0.06, 0.01
_ARM, _LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
_NAMES = ("nose", *(f"{s}_{n}" for s in ("left", "right") for n in (*_ARM, *_LEG, "ear")))


def _limb(
    body: Body,
    local: Floats,
    world: Floats,
    hinges: Floats,
    p: dict[str, Floats],
    seen: dict[str, NDArray[np.bool_]],
    bones: list[str],
    parts: tuple[str, str, str],
    side: str,
) -> None:
    """Turn an arm or a leg: the upper bone towards the middle joint, twisted so that the hinge bends the right way."""
    upper, lower = (body.rig.row(bone) for bone in bones)
    names = [f"{side}_{part}" for part in parts]
    over = world[..., body.rig.parents[upper], :]
    first = quat.rotate(quat.inverse(over), p[names[1]] - p[names[0]])
    along = body.rig.offsets[lower] / np.linalg.norm(body.rig.offsets[lower])
    swing = quat.between(np.broadcast_to(along, first.shape), first)
    second = quat.rotate(quat.inverse(product(over, swing)), p[names[2]] - p[names[1]])
    second = second / np.maximum(np.linalg.norm(second, axis=-1, keepdims=True), 1e-9)
    n = int(np.flatnonzero(body.hinged == lower)[0])
    ahead = np.cross(body.bend_axes[n], along)  # where the lower bone goes when the hinge bends
    x, y = second @ ahead, second @ np.cross(along, ahead)
    bent = np.hypot(x, y)
    twist = np.where(bent > _STRAIGHT, np.arctan2(y, x), 0.0)
    bend = np.arctan2(bent, second @ along)
    there = seen[names[0]] & seen[names[1]]
    turn = product(swing, quat.from_axis_angle(np.broadcast_to(along, first.shape), twist))
    local[..., upper, :] = np.where(there[..., None], turn, local[..., upper, :])
    hinges[..., n, 0] = np.where(there & seen[names[2]], bend, hinges[..., n, 0])


def _carry(body: Body, local: Floats, world: Floats) -> None:
    for at, above in enumerate(body.rig.parents):
        world[..., at, :] = local[..., at, :] if above < 0 else product(world[..., above, :], local[..., at, :])


def _frame(across: Floats, up: Floats) -> Floats:
    """Return rotations whose x goes across and whose y goes up as nearly as can be."""
    x = _unit(across)
    z = _unit(np.cross(x, up))
    return quat.from_matrix(np.stack([x, np.cross(z, x), z], axis=-1))


def _axes(across: Floats, ahead: Floats) -> Floats:
    x = _unit(across)
    y = _unit(np.cross(ahead, x))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _unit(v: Floats) -> Floats:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))
