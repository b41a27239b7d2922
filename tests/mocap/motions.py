"""Movements that are made up, for tests: a walk with waves and turns, and any movement at all."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from poise.mocap import BODY_BONES, BONES, Motion, Rig
from poise.mocap import quaternions as quat

_AXES = dict(zip("xyz", np.eye(3), strict=True))


def about(axis: str, degrees: np.ndarray | float) -> np.ndarray:
    """Return ``(…, 4)``: turned about x, y or z."""
    angle = np.radians(np.asarray(degrees, dtype=np.float64))
    return quat.from_axis_angle(np.broadcast_to(_AXES[axis], (*angle.shape, 3)), angle)


def walk(seconds: float = 2.0, *, fps: float = 30.0, height: float = 1.75, fingers: bool = False) -> Motion:
    """Return somebody who walks a curve, swings the left arm and waves with the right one."""
    rig = Rig.of_height(height, fingers=fingers)
    times = np.arange(round(seconds * fps)) / fps
    step = 2 * np.pi * 0.9 * times
    q = np.tile(quat.IDENTITY, (len(times), len(rig.bones), 1))

    def turn(bone: str, *parts: np.ndarray) -> None:
        for part in parts:
            q[:, rig.row(bone)] = quat.multiply(q[:, rig.row(bone)], part)

    heading = np.radians(60.0) * np.sin(0.5 * times)
    turn("hips", about("y", np.degrees(heading)), about("z", 3 * np.sin(step)), about("y", 6 * np.sin(step)))
    turn("spine", about("x", 4.0 + 0 * times))
    turn("chest", about("y", -10 * np.sin(step)))
    turn("head", about("y", 12 * np.sin(0.7 * times)), about("x", 5 * np.sin(2 * step)))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        turn(f"{side}UpperLeg", about("x", -28 * sign * np.sin(step) - 6))
        bend = 12 + 30 * np.clip(sign * np.cos(step), 0, None)
        turn(f"{side}LowerLeg", about("x", bend))
        turn(f"{side}Foot", about("x", 4 - 14 * sign * np.sin(step + 0.6)))
    turn("leftUpperArm", about("z", -74.0 + 0 * times), about("y", -26 * np.sin(step)), about("x", 8.0 + 0 * times))
    turn("leftLowerArm", about("y", -18 - 12 * np.sin(step)))
    turn("rightShoulder", about("z", -8.0 + 0 * times))
    turn("rightUpperArm", about("z", -12.0 + 0 * times), about("x", -70.0 + 0 * times))
    turn("rightLowerArm", about("y", 72 + 26 * np.sin(5 * times)), about("x", 20.0 + 0 * times))
    turn("rightHand", about("z", 18 * np.sin(5 * times + 0.8)))
    if fingers:
        for name in rig.bones:
            if name.startswith("left") and name.endswith(("Proximal", "Intermediate")) and "Thumb" not in name:
                turn(name, about("z", -25 - 15 * np.sin(2 * times)))
    speed = 1.1
    path = np.cumsum(np.stack([np.sin(heading), np.zeros_like(times), np.cos(heading)], 1) * speed / fps, 0)
    root = path + np.stack([0 * times, rig.offsets[0, 1] - 0.035 + 0.02 * np.cos(2 * step), 0 * times], 1)
    trust = np.full((len(times), len(rig.bones)), 0.95)
    trust[len(times) // 2 : len(times) // 2 + 8, rig.row("rightHand")] = 0.2
    contact = np.stack([np.sin(step + 1.2) < 0, np.sin(step + 1.2) >= 0], 1)
    return Motion(rig, times, q, root, trust, contact, source="walk", notes=("height 1.75 m is assumed",))


def still(*, height: float = 1.75, fingers: bool = False, bones: tuple[str, ...] | None = None) -> Motion:
    """Return one frame of somebody in a T-pose, of whom nothing was seen."""
    rig = Rig.of_height(height, fingers=fingers)
    if bones is not None:
        rows = [rig.row(b) for b in bones]
        rig = Rig(bones, rig.offsets[rows], rig.tips[rows])
    j = len(rig.bones)
    q = np.tile(quat.IDENTITY, (1, j, 1))
    return Motion(rig, [0.0], q, rig.offsets[:1], np.zeros((1, j)), np.zeros((1, 2), dtype=bool))


@st.composite
def motions(draw: st.DrawFn, most_frames: int = 4) -> Motion:
    """Any movement: any rotations, any path, any bones, uneven times."""
    fingers = draw(st.booleans())
    rig = Rig.of_height(draw(st.floats(0.5, 2.5)), fingers=fingers)
    frames, j = draw(st.integers(1, most_frames)), len(BONES if fingers else BODY_BONES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    q = quat.normalise(rng.normal(size=(frames, j, 4)))
    if draw(st.booleans()):  # turns of a quarter, where angles are ambiguous
        q[:] = about("x", draw(st.sampled_from([90.0, -90.0])))
    times = np.cumsum(rng.uniform(0.01, 0.2, frames))
    return Motion(
        rig, times, q, rng.uniform(-20, 20, (frames, 3)), rng.uniform(size=(frames, j)), rng.random((frames, 2)) > 0.5
    )
