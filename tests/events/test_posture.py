"""Postures from one frame, and their changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from event_scenes import STANDING, frame, person
from hypothesis import given
from hypothesis import strategies as st

from poise.events.event import points_of
from poise.events.posture import PostureWatch, classify, measure, measure_result
from poise.skeletons import get


def posture_of(points: np.ndarray, *, conf: float = 0.9) -> str:
    result = frame([points], time=0.0, conf=conf)
    return str(classify(measure(*points_of(result), result.skeleton))[0][0])


def sitting() -> np.ndarray:
    """Return somebody on a chair, from the side."""
    points = STANDING.copy()
    points[:, 0] *= 0.3
    points[:11, 1] += 0.25
    points[11:13, 1] += 0.25
    points[13:15] = [[0.25, -0.25], [0.24, -0.25]]
    points[15:17] = [[0.25, 0.0], [0.24, 0.0]]
    return points * 200 + (320, 400)


def bending() -> np.ndarray:
    """Return somebody whose trunk is level above straight legs, from the side."""
    points = STANDING.copy()
    points[:, 0] *= 0.3
    up = points[:11] - (0, -0.5)
    points[:11] = np.stack([-up[:, 1], up[:, 0]], axis=1) + (0, -0.5)
    return points * 200 + (320, 400)


def test_somebody_upright_stands() -> None:
    assert posture_of(person()) == "standing"


@pytest.mark.parametrize("turn", [90, -90, 80, -100])
def test_somebody_level_lies(turn: float) -> None:
    assert posture_of(person(turn=turn)) == "lying"


def test_thighs_level_under_an_upright_trunk_are_sitting() -> None:
    assert posture_of(sitting()) == "sitting"


def test_a_level_trunk_over_straight_legs_is_bending() -> None:
    assert posture_of(bending()) == "bending"


def test_a_squat_seen_from_the_front_is_sitting_by_its_short_thighs() -> None:
    points = person()
    points[:13, 1] += 40  # hips just above the knees

    assert posture_of(points) == "sitting"


def test_legs_that_a_camera_above_sees_short_still_stand() -> None:
    points = person()
    points[13:, 1] = points[11, 1] + (points[13:, 1] - points[11, 1]) * 0.5

    assert posture_of(points) == "standing"


def test_somebody_on_one_knee_does_not_stand() -> None:
    points = STANDING.copy()
    points[:, 0] *= 0.3
    points[:13, 1] += 0.25
    points[13], points[15] = (0.25, -0.25), (0.25, 0.0)  # in front: thigh level, shin upright
    points[14], points[16] = (0.0, 0.0), (-0.25, 0.0)  # behind: thigh upright, shin level

    assert posture_of(points * 200 + (320, 400)) == "sitting"


def test_a_trunk_that_leans_back_over_raised_knees_lies() -> None:
    points = STANDING.copy()
    points[:, 0] *= 0.2
    up = points[:11] - (0, -0.5)
    angle = np.radians(45)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points[:11] = up @ turn.T + (0, -0.05)
    points[11:13] = (0, -0.05)
    points[13:15], points[15:17] = (-0.15, -0.25), (-0.2, 0.0)

    assert posture_of(points * 200 + (320, 400)) == "lying"


def test_legs_that_the_picture_cuts_off_are_unknown() -> None:
    points = person(at=(320, 520))  # the knees are at 470 of 480
    points[15:] = points[13:15] + (5, 6)  # what a network invents

    result = frame([points], time=0.0)
    assert classify(measure_result(result))[0].tolist() == ["unknown"]


def test_keypoints_that_are_guesses_give_unknown() -> None:
    assert posture_of(person(), conf=0.1) == "unknown"


def test_without_legs_standing_and_sitting_cannot_be_told_apart() -> None:
    points = person()
    points[11 + 2 :] = np.nan

    assert posture_of(points) == "unknown"


@given(scale=st.floats(30, 2000), x=st.floats(-500, 500), turn=st.sampled_from([0, 90]))
def test_the_posture_does_not_depend_on_size_or_place(scale: float, x: float, turn: float) -> None:
    assert posture_of(person(at=(x, 100), height=scale, turn=turn)) == ("standing" if turn == 0 else "lying")


@pytest.mark.parametrize("name", ["blazepose33", "halpe26"])
def test_other_skeletons_with_these_points_work(name: str) -> None:
    skeleton, coco = get(name), get("coco17")
    xy = np.full((1, len(skeleton), 2), np.nan)
    for at, keypoint in enumerate(coco.keypoints):
        if keypoint in skeleton:
            xy[0, skeleton.index(keypoint)] = person()[at]
    conf = np.isfinite(xy).all(axis=-1) * 0.9

    names, _ = classify(measure(xy, conf, np.array([[200.0, 200, 400, 400]]), skeleton))

    assert names.tolist() == ["standing"]


def test_nobody_is_no_error() -> None:
    result = frame([], time=0.0)

    assert classify(measure(*points_of(result), result.skeleton))[0].tolist() == []


def test_a_change_is_said_once_it_has_lasted() -> None:
    watch = PostureWatch(hold_s=0.5)
    said = []
    for i in range(60):
        points = person() if i < 30 else person(turn=90)
        said += [(e.value, round(e.time, 2)) for e in watch.update(frame([points], time=i / 20, index=i))]

    assert said == [("standing", 0.5), ("lying", 2.0)]


def test_a_flicker_is_not_a_change() -> None:
    watch = PostureWatch(hold_s=0.5)
    said = []
    for i in range(60):
        points = person(turn=90) if i in (30, 31, 32) else person()
        said += [e.value for e in watch.update(frame([points], time=i / 20, index=i))]

    assert said == ["standing"]


def test_a_real_plank_lies_and_a_real_press_sits(shared: Path) -> None:
    pytest.importorskip("av")
    from poise import Pose

    pose = Pose("body-fast")
    said = {}
    for clip in ("hold_plank_gym", "shoulder_press_seated"):
        source = shared / "data/videos" / f"{clip}.mp4"
        results = pose.predict(source, vid_stride=75, stream=True, verbose=False)
        names = [classify(measure(*points_of(r), r.skeleton))[0][:1].tolist() for r in results]
        said[clip] = {name for row in names for name in row}

    assert said == {"hold_plank_gym": {"lying"}, "shoulder_press_seated": {"sitting"}}
