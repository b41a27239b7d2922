"""A person's bones from points: neither standing aslant nor wavering depth changes how wide somebody is."""

from __future__ import annotations

import numpy as np
import pytest
from test_solving import HEIGHT, turned

from poise.mocap import quaternions as quat
from poise.mocap.landmarks import Landmarks, point
from poise.mocap.measuring import measure
from poise.mocap.rig import Rig


def seen(degrees: float, waver: float = 0.0) -> np.ndarray:
    """``(240, K, 3)`` points of somebody who stands in a T-pose, turned away from the camera."""
    rig = Rig.of_height(HEIGHT)
    marks = Landmarks.of(rig, HEIGHT)
    points = quat.rotate(turned((0, 1, 0), degrees), rig.rest()[marks.bones] + marks.offsets)
    rng = np.random.default_rng(1)
    return points + rng.normal(size=(240, *points.shape)) * (0.0, 0.0, waver)


@pytest.mark.parametrize(("degrees", "waver"), [(0.0, 0.0), (35.0, 0.0), (0.0, 0.04)])
def test_shoulders_are_as_wide_however_one_stands(degrees: float, waver: float) -> None:
    points = seen(degrees, waver)

    found = measure(points, np.ones(points.shape[:2]), HEIGHT)

    common = Rig.of_height(HEIGHT)
    for bone in ("leftUpperArm", "leftUpperLeg"):
        wide, usual = (rig.offsets[rig.row(bone), 0] for rig in (found.rig, common))
        assert wide == pytest.approx(usual, rel=0.04)


def test_points_of_the_hips_are_as_far_apart_as_the_joints() -> None:
    common = Rig.of_height(HEIGHT)
    offsets = np.array(common.offsets)
    offsets[[common.row("leftUpperLeg"), common.row("rightUpperLeg")], 0] *= 1.2
    wide = Rig(common.bones, offsets, common.tips)

    hip = point("left_hip")
    assert Landmarks.of(wide, HEIGHT).offsets[hip, 0] == pytest.approx(
        1.2 * Landmarks.of(common, HEIGHT).offsets[hip, 0]
    )
    back = Landmarks.of(wide, HEIGHT).on(common, wide)
    assert back.offsets[hip] == pytest.approx(Landmarks.of(common, HEIGHT).offsets[hip])
