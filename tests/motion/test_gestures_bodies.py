"""Gestures of bodies: a real wave and a real stand, and drawn poses and moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise.columns import Boxes, Keypoints, freeze
from poise.frames import Media
from poise.motion.gestures import GestureRecognizer
from poise.motion.gestures.scoring import statistic, swings
from poise.results import Results
from poise.skeletons import get

BODIES = np.load(Path(__file__).parents[1] / "assets/gesture_bodies.npz")
MEDIA = Media("drawn", "video")
# Somebody who stands and faces the camera, y down, trunk 100 pixels: the own left is on the picture's right.
STAND = {
    "nose": (0, -30), "left_eye": (5, -35), "right_eye": (-5, -35), "left_ear": (10, -32), "right_ear": (-10, -32),
    "left_shoulder": (35, 0), "right_shoulder": (-35, 0), "left_elbow": (40, 50), "right_elbow": (-40, 50),
    "left_wrist": (42, 95), "right_wrist": (-42, 95), "left_hip": (20, 100), "right_hip": (-20, 100),
    "left_knee": (20, 180), "right_knee": (-20, 180), "left_ankle": (20, 260), "right_ankle": (-20, 260),
}  # fmt: skip


def pose(shift: tuple[float, float] = (0, 0), **points: tuple[float, float]) -> np.ndarray:
    return np.array([points.get(name, STAND[name]) for name in get("coco17").keypoints], dtype=float) + 300 + shift


def body(xy: np.ndarray, *, conf: np.ndarray | float = 0.9, time: float = 0.0) -> Results:
    row = np.array([[*np.nanmin(xy, axis=0), *np.nanmax(xy, axis=0), 1, 0.9, 0]])
    points = Keypoints(freeze(xy[None]), freeze(np.broadcast_to(conf, (17,))[None]), get("coco17"), (700, 700))
    boxes = Boxes(freeze(row), (700, 700))
    return Results(np.zeros((700, 700, 3), np.uint8), boxes, points, time=time, media=MEDIA)


def watch(frames: list[np.ndarray], names: str, *, fps: float = 30.0) -> list[str]:
    """Return the gestures that begin."""
    recognizer, said = GestureRecognizer(names), []
    for n, xy in enumerate(frames):
        recognizer.update(body(xy, time=n / fps))
        said += [event.gesture for event in recognizer.events if event.state == "on"]
    return said


def moved(before: np.ndarray, after: np.ndarray, frames: int) -> list[np.ndarray]:
    return [before + (after - before) * t for t in np.linspace(0, 1, frames)]


RAISED = pose(left_elbow=(60, -40), left_wrist=(60, -90))
POSES = {
    "hand_raised_left": RAISED,
    "hands_raised": pose(left_elbow=(60, -40), left_wrist=(60, -90), right_elbow=(-60, -40), right_wrist=(-60, -90)),
    "t_pose": pose(left_elbow=(85, 0), left_wrist=(135, 0), right_elbow=(-85, 0), right_wrist=(-135, 0)),
    "pointing_left": pose(left_elbow=(85, 5), left_wrist=(135, 5)),
    "arms_crossed": pose(left_elbow=(42, 50), left_wrist=(-25, 45), right_elbow=(-42, 50), right_wrist=(25, 45)),
    "unknown": pose(),
}


@pytest.mark.parametrize("name", POSES)
def test_drawn_poses_are_told(name: str) -> None:
    (found,) = GestureRecognizer("body").recognize(body(POSES[name]))

    assert found.gesture == name


def test_a_mirrored_picture_exchanges_the_sides() -> None:
    (found,) = GestureRecognizer("body", mirrored=True).recognize(body(RAISED))

    assert found.gesture == "hand_raised_right"


def test_wrists_that_are_not_seen_make_no_gesture() -> None:
    conf = np.full(17, 0.9)
    conf[[9, 10]] = 0.05

    (found,) = GestureRecognizer("body").recognize(body(RAISED, conf=conf))

    assert found.gesture == "unknown"


def test_a_body_of_nan_is_unknown() -> None:
    with np.errstate(all="ignore"):
        points = np.full((17, 2), np.nan)
        points[0] = 300
        (found,) = GestureRecognizer("body").recognize(body(points))

    assert found.gesture == "unknown"


def test_a_real_wave_is_seen() -> None:
    recognizer, said = GestureRecognizer("body"), []
    for time, xy, conf in zip(BODIES["wave_time"], BODIES["wave_xy"], BODIES["wave_conf"], strict=True):
        recognizer.update(body(xy.astype(float), conf=conf.astype(float), time=float(time)))
        said += [event.gesture for event in recognizer.events if event.state == "on"]

    assert "waving_right" in said
    assert "waving_left" not in said


def test_a_real_stand_is_silent() -> None:
    recognizer, said = GestureRecognizer(["body", "moves"]), []
    for time, xy, conf in zip(
        BODIES["none_stand_time"], BODIES["none_stand_xy"], BODIES["none_stand_conf"], strict=True
    ):
        recognizer.update(body(xy.astype(float), conf=conf.astype(float), time=float(time)))
        said += recognizer.events

    assert said == []


def test_a_quick_wave_is_seen() -> None:
    frames = [pose(left_elbow=(60, -10), left_wrist=(60 + 30 * np.sin(n / 3), -60)) for n in range(60)]

    assert "waving_left" in watch(frames, "body")


def test_a_jump_is_one_event() -> None:
    frames = [pose()] * 30 + [pose((0, -60 * np.sin(t))) for t in np.linspace(0, np.pi, 15)] + [pose()] * 30

    assert watch(frames, "moves") == ["jump"]


def test_a_squat_is_no_jump() -> None:
    low = pose(left_knee=(50, 190), right_knee=(-50, 190)) + np.array([0, 0])
    upper = [get("coco17").index(name) for name in STAND if "knee" not in name and "ankle" not in name]
    low[upper] += (0, 80)
    frames = [pose()] * 20 + moved(pose(), low, 20) + [low] * 10 + moved(low, pose(), 20) + [pose()] * 20

    assert watch(frames, "moves") == ["squat_down"]


def test_a_punch_names_its_side() -> None:
    guard = pose(right_elbow=(-75, 10), right_wrist=(-50, -20))
    hit = pose(right_elbow=(-85, 0), right_wrist=(-135, 0))

    assert "punch_right" in watch([guard] * 20 + moved(guard, hit, 5) + [hit] * 5, "moves")


def test_a_kick_names_its_side() -> None:
    kick = pose(left_knee=(90, 140), left_ankle=(165, 160))

    assert "kick_left" in watch([pose()] * 20 + moved(pose(), kick, 6) + [kick] * 4, "moves")


def test_a_clock_that_runs_backwards_begins_anew() -> None:
    recognizer = GestureRecognizer("body")
    recognizer.update(body(pose(), time=5.0))

    recognizer.update(body(pose(), time=1.0))

    assert recognizer.events == []


def test_other_skeletons_are_refused_with_what_to_do() -> None:
    n = len(get("mpii16"))
    points = Keypoints(freeze(np.zeros((1, n, 2))), None, get("mpii16"), (10, 10))
    result = Results(np.zeros((10, 10, 3), np.uint8), Boxes(freeze([[0, 0, 9, 9, 0.9, 0]]), (10, 10)), points)

    with pytest.raises(ValueError, match="'hand21' or 'coco17', got 'mpii16'"):
        GestureRecognizer("body").recognize(result)


def test_swings_leave_out_trembling() -> None:
    values = np.array([0, 0.5, 0.48, 0.52, 0, 0.02, 0.5])

    assert swings(values, 0.2) == 2


@pytest.mark.parametrize(
    ("kind", "expected"), [("hop", 3.0), ("dip", 1.0), ("growth", 1.0), ("drop", 3.0), ("change", 4.0), ("least", -1.0)]
)
def test_statistics_by_hand(kind: str, expected: float) -> None:
    assert statistic(np.array([0.0, 3.0, -1.0, 0.0]), kind, 0.1) == expected
