"""Somebody whose fingers are known, and what the hand model would see of them."""

from __future__ import annotations

import numpy as np
from test_solving import HEIGHT, SIZE, movement, turned

from poise.clips import Clip
from poise.mocap import Motion, Rig, forward
from poise.mocap import quaternions as quat
from poise.mocap.sight import Camera
from poise.skeletons import get

FINGERS = ("Index", "Middle", "Ring", "Little")


def gripping(seconds: float = 2.0, *, crossed: bool = False) -> Motion:
    """Return somebody with raised forearms who closes and opens the right hand; the left one stays open.

    Args:
        seconds: How long.
        crossed: Each hand is before the other shoulder.
    """
    body = movement(seconds, still=True)
    rig = Rig.of_height(HEIGHT, fingers=True)
    t = body.times
    q = np.tile(quat.IDENTITY, (len(t), len(rig.bones), 1))
    q[:, : len(body.rig.bones)] = body.rotations
    grip = (1 - np.cos(2 * np.pi * 0.5 * t)) / 2
    for side, sign in (("left", 1.0), ("right", -1.0)):
        inward = 60.0 if crossed else -10.0
        raised = quat.multiply(turned((1, 0, 0), np.full(len(t), -60.0)), turned((0, 0, 1), sign * -75.0))
        q[:, rig.row(f"{side}UpperArm")] = quat.multiply(turned((0, 1, 0), np.full(len(t), -sign * inward)), raised)
        q[:, rig.row(f"{side}LowerArm")] = quat.multiply(
            turned((0, -sign, 0), np.full(len(t), 95.0)), turned((1, 0, 0), sign * 30.0)
        )
        bend = grip if side == "right" else 0 * grip
        for at, finger in enumerate(FINGERS):
            spread = turned((0, sign, 0), np.full(len(t), -8.0 + 6 * at))
            q[:, rig.row(f"{side}{finger}Proximal")] = quat.multiply(spread, turned((0, 0, -sign), 5 + 75 * bend))
            q[:, rig.row(f"{side}{finger}Intermediate")] = turned((0, 0, -sign), 6 + 84 * bend)
            q[:, rig.row(f"{side}{finger}Distal")] = turned((0, 0, -sign), 4 + 56 * bend)
        q[:, rig.row(f"{side}ThumbProximal")] = turned((0, sign, 0), 5 + 30 * bend)
        q[:, rig.row(f"{side}ThumbDistal")] = turned((0, sign, 0), 5 + 45 * bend)
    return Motion(rig, t, q, body.root, np.ones(q.shape[:2]), body.contact)


def hands_of(motion: Motion, *, id: int = 1, away: float = 4.0, noise: float = 0.0) -> Clip:
    """Return its hands, as ``with_hands`` would beside ``clip_of`` of :mod:`test_solving`."""
    rig, t = motion.rig, len(motion)
    places, turns = forward(rig, motion.rotations, motion.root)
    camera = Camera.of(SIZE, 60.0)
    xy, xyz = np.empty((2, t, 21, 2)), np.empty((2, t, 21, 3))
    for s, side in enumerate(("left", "right")):
        points = np.empty((t, 21, 3))
        points[:, 0] = places[:, rig.row(f"{side}Hand")]
        for f, finger in enumerate(("Thumb", *FINGERS)):
            rows = [at for at, bone in enumerate(rig.bones) if bone.startswith(side + finger)]
            points[:, 4 * f + 1 : 4 * f + 4] = places[:, rows]
            points[:, 4 * f + 4] = places[:, rows[-1]] + quat.rotate(turns[:, rows[-1]], rig.tips[rows[-1]])
        points -= (0.0, 1.0, away)
        middle = points.mean(axis=1, keepdims=True)
        look = quat.between(np.broadcast_to([0.0, 0.0, -1.0], middle.shape), middle)
        xy[s] = camera.pixels(points)
        xyz[s] = quat.rotate(quat.inverse(look), points - middle) * (1.0, -1.0, -1.0)
    xyz += np.random.default_rng(5).normal(size=xyz.shape) * noise
    return Clip(
        times=motion.times, frames=np.arange(t), ids=np.array([2 * id - 1, 2 * id]),
        boxes=np.concatenate([xy.min(axis=2), xy.max(axis=2)], axis=-1), box_conf=np.ones((2, t)), xy=xy,
        conf=np.ones((2, t, 21)), sigma=np.full((2, t, 21, 2), np.nan), skeleton=get("hand21"), size=SIZE, xyz=xyz,
    )  # fmt: skip


def without(hands: Clip, side: int, frames: slice) -> Clip:
    """Return hands of which one, 0 left and 1 right, is not seen for some frames."""
    columns = {name: np.array(getattr(hands, name)) for name in ("boxes", "box_conf", "xy", "conf", "sigma", "xyz")}
    for column in columns.values():
        column[side, frames] = np.nan
    return hands.replace(**columns)


def bent(motion: Motion, side: str) -> np.ndarray:
    """Return ``(T,)`` how far the four fingers of a hand are bent, degrees together."""
    rows = [motion.rig.row(f"{side}{f}{part}") for f in FINGERS for part in ("Proximal", "Intermediate", "Distal")]
    return np.degrees(quat.angle(motion.rotations[:, rows])).sum(axis=1)
