"""Calibration by a pose: a network that sees points beside where they are is told apart from a body that is bent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_solving import HEIGHT, clip_of, errors, movement, turned

from poise.clips import Clip
from poise.mocap import LiveCapture, Motion, MotionCapture
from poise.mocap import quaternions as quat
from poise.mocap.landmarks import Landmarks
from poise.mocap.rig import Rig

HELD = 45


def posed(pose: str, seconds: float = 3.0) -> Motion:
    """Somebody who holds a T- or an A-pose for a second and a half, and moves the arms after that."""
    motion = movement(seconds)
    rotations = np.array(motion.rotations)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        rotations[:HELD, motion.rig.row(f"{side}LowerArm")] = quat.IDENTITY
        low = 0.0 if pose == "t-pose" else 45.0
        rotations[:HELD, motion.rig.row(f"{side}UpperArm")] = turned((0, 0, 1), -sign * low)
    return motion.replace(rotations=rotations)


def misseen(motion: Motion, monkeypatch: pytest.MonkeyPatch, noise: float = 0.0) -> Clip:
    """What a network sees that places every point of trunk, arms and legs beside where it is, always alike."""
    beside = np.random.default_rng(5).normal(size=(33, 3)) * (0.01, 0.01, 0.04)
    beside[17:23] = beside[29:] = 0.0
    common = Landmarks.of

    def shifted(rig: Rig, height: float) -> Landmarks:
        marks = common(rig, height)
        return replace(marks, offsets=marks.offsets + beside)

    with monkeypatch.context() as patch:
        patch.setattr(Landmarks, "of", shifted)
        return clip_of(motion, noise=noise)


@pytest.mark.parametrize(("pose", "noise"), [("t-pose", 0.01), ("a-pose", 0.0)])
def test_a_pose_tells_where_the_network_sees_points(pose: str, noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = posed(pose)
    clip = misseen(truth, monkeypatch, noise)

    plain, calibrated = (MotionCapture(HEIGHT, calibrate=name).solve(clip) for name in (None, pose))

    before, after = (float(np.median(errors(found, truth)[HELD + 5 :])) for found in (plain, calibrated))
    assert before > 2.5
    assert after < 0.75 * before
    assert any(note.startswith(f"calibrated by the {pose} from 0.00 to 1.") for note in calibrated.notes)


def test_points_that_are_right_are_left_where_they_are() -> None:
    truth = posed("t-pose")

    found = MotionCapture(HEIGHT, calibrate="t-pose").solve(clip_of(truth))

    assert np.median(errors(found, truth)[HELD + 5 :]) < 1.5


def test_who_holds_no_pose_is_solved_as_without_and_told() -> None:
    clip = clip_of(movement(2.0, still=True))

    plain, found = (MotionCapture(HEIGHT, calibrate=name).solve(clip) for name in (None, "t-pose"))

    assert np.array_equal(found.rotations, plain.rotations)
    assert "no t-pose is held for a second: bones are measured over the whole clip" in found.notes


def test_live_the_pose_counts_as_soon_as_it_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = posed("t-pose", seconds=4.0)
    clip = misseen(truth, monkeypatch)
    off, since = {}, None
    for name in (None, "t-pose"):
        capture = LiveCapture(HEIGHT, calibrate=name)
        moments: list[Any] = []
        for result in clip.results():
            moments += capture.update(result)
            if capture.calibrated and since is None:
                since = result.time
        rotations = np.stack([moment.rotations for moment in moments])
        away = np.degrees(quat.angle(quat.multiply(quat.inverse(rotations), truth.rotations)))
        off[name] = float(np.median(away[HELD + 20 :]))
        # Bones ease towards what was measured.
        offsets = np.stack([moment.rig.offsets for moment in moments])
        assert np.abs(np.diff(offsets[6:], axis=0)).max() < 0.005

    assert capture.calibrated == {1}
    assert since is not None
    assert 1.0 <= since < 1.5
    assert off["t-pose"] < 0.85 * off[None]


@pytest.mark.parametrize("capture", [MotionCapture, LiveCapture])
def test_an_unknown_pose_is_refused(capture: Any) -> None:
    with pytest.raises(ValueError, match="calibrate is a pose, got 'tpose'; did you mean 't-pose'"):
        capture(calibrate="tpose")
