"""Gestures of bodies: real waves, jumps and squats, people who do nothing, and drawn poses and moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_gestures import MOVES, OTHERS, act, lasts

from poise.frames import Media
from poise.gestures import GestureRecognizer
from poise.gestures.definitions.body_measures import NAMES, body_measures
from poise.gestures.definitions.history import BodyHistory, bridge_gaps, count_swings, fall_acceleration, take_statistic
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

BODIES = np.load(Path(__file__).parents[1] / "assets/gesture_bodies.npz")
REAL = np.load(Path(__file__).parents[1] / "assets/gesture_moves.npz")
TRACKS = Path(__file__).parents[1] / "assets/tracks"
BOTH = ["body", "moves"]
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


def real(data: np.lib.npyio.NpzFile, name: str, sets: list[str], *, smaller: float = 1.0) -> list[str]:
    """Return the gestures that begin in a real track, seen from so many times as far."""
    recognizer, said = GestureRecognizer(sets), []
    for time, xy, conf in zip(data[f"{name}_time"], data[f"{name}_xy"], data[f"{name}_conf"], strict=True):
        recognizer.update(body(xy.astype(float) / smaller, conf=conf.astype(float), time=float(time)))
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


UPPER = [get("coco17").index(name) for name in STAND if "knee" not in name and "ankle" not in name]


def crouched(by: float) -> np.ndarray:
    """Return somebody whose hips and all above are lower, trunk 100 pixels."""
    low = pose(left_knee=(20 + by / 3, 180), right_knee=(-20 - by / 3, 180))
    low[UPPER] += (0, by)
    return low


def flown(height: float, *, fps: float = 30.0, free_fall: float = 1960.0) -> list[np.ndarray]:
    """Return a jump of a height in pixels: the trunk of 100 pixels is half a metre."""
    air = 2 * (2 * height / free_fall) ** 0.5
    up = [pose((0, -free_fall / 2 * t * (air - t))) for t in np.arange(0, air, 1 / fps)]
    return [*moved(pose(), crouched(30), 8), *moved(crouched(30), pose(), 5), *up, *moved(pose(), crouched(20), 4)]


def test_a_jump_is_one_event() -> None:
    frames = [pose()] * 30 + flown(40) + moved(crouched(20), pose(), 8) + [pose()] * 30

    assert watch(frames, "moves") == ["jump"]


def test_two_jumps_in_a_second_and_a_half_are_two_events() -> None:
    frames = [pose()] * 30 + 2 * (flown(40) + moved(crouched(20), pose(), 12)) + [pose()] * 30

    assert watch(frames, "moves") == ["jump", "jump"]


def test_floating_up_and_down_slowly_is_no_jump() -> None:
    frames = [pose((0, -40 * np.sin(t) ** 2)) for t in np.linspace(0, np.pi, 60)]

    assert watch([pose()] * 30 + frames + [pose()] * 30, "moves") == []


def test_a_shaken_camera_makes_no_jump() -> None:
    # The whole body moves as in a jump, but the legs stay as they are.
    air = [pose((0, -980 * t * (0.4 - t))) for t in np.arange(0, 0.4, 1 / 30)]

    assert watch([pose()] * 30 + air + [pose()] * 30, "moves") == []


def test_real_jumps_are_seen() -> None:
    assert real(REAL, "jumps", ["moves"]) == ["jump"] * 4


def test_real_squats_are_seen_and_standing_is_not() -> None:
    track = np.load(TRACKS / "squat_gym_hold.npz")
    first = np.concatenate([[0], np.cumsum(track["n"])])[:-1]  # the first of each frame is the one in front
    data = {"a_time": track["time"], "a_xy": track["xy"][first], "a_conf": track["conf"][first]}

    assert real(data, "a", ["moves"]) == ["squat_down"] * 2


@pytest.mark.parametrize("name", ["walk", "hidden", "crowd"])
def test_who_makes_no_gesture_is_silent(name: str) -> None:
    # Somebody who walks past; somebody whose hands are hidden behind the body; somebody far away, 24 pixels of trunk.
    assert real(REAL, name, BOTH) == []


def test_nothing_moving_is_said_of_people_too_small_for_it() -> None:
    assert real(REAL, "jumps", ["moves"], smaller=3.0) == []


def test_a_lunge_is_no_squat() -> None:
    low = pose(left_knee=(60, 175), left_ankle=(60, 255), right_knee=(-30, 250), right_ankle=(-90, 250))
    low[UPPER] += (0, 75)
    wide = pose(left_ankle=(60, 255), right_ankle=(-90, 250))
    frames = [wide] * 20 + moved(wide, low, 20) + [low] * 10 + moved(low, wide, 20) + [wide] * 20

    assert watch(frames, "moves") == []


def test_hands_on_the_head_are_not_raised() -> None:
    held = pose(left_elbow=(75, -25), left_wrist=(25, -40), right_elbow=(-75, -25), right_wrist=(-25, -40))
    (found,) = GestureRecognizer("body").recognize(body(held))

    assert found.gesture == "unknown"


def test_who_lies_down_does_not_raise_a_hand() -> None:
    lying = (POSES["hands_raised"] - 300) @ np.array([[0, 1], [-1, 0]]) + 300
    (found,) = GestureRecognizer("body").recognize(body(lying))

    assert found.gesture == "unknown"


DESK = np.where(np.arange(17) >= 11, 0.05, 0.9)  # conf of somebody at a desk: nothing from the hips down is seen


def acted(name: str, *, view: str = "front", fps: float = 30.0) -> list[str]:
    """Return what begins while a drawn person, whose points tremble by two pixels, moves."""
    times = np.arange(0, 3.5 + lasts(name), 1 / fps)
    base = np.repeat(pose()[None] + (0.0, 50.0), len(times), axis=0)
    points = base if view in ("front", "desk") else base * (-1, 1) + (700, 0)
    points = act(points, times, name, start=1.5, noise=2.0)
    if view == "mirrored":
        points = points[:, get("coco17").flip_idx]
    recognizer, said = GestureRecognizer(BOTH, mirrored=view == "mirrored"), []
    for time, xy in zip(times, points, strict=True):
        recognizer.update(body(xy, time=float(time), conf=DESK if view == "desk" else 0.9))
        said += [event.gesture for event in recognizer.events if event.state == "on"]
    return said


@pytest.mark.parametrize("view", ["front", "behind", "mirrored"])
@pytest.mark.parametrize("name", MOVES)
def test_every_gesture_is_told_with_its_side_from_all_views(name: str, view: str) -> None:
    said = acted(name, view=view)

    # Before somebody waves, a hand is raised.
    assert [gesture for gesture in said if "raised" not in gesture or "raised" in name] == [name]


@pytest.mark.parametrize(
    "name", [name for name in MOVES if not name.startswith(("lean", "kick", "jump", "squ", "step"))]
)
def test_arms_are_told_of_somebody_at_a_desk(name: str) -> None:
    said = acted(name, view="desk")

    assert [gesture for gesture in said if "raised" not in gesture or "raised" in name] == [name]


@pytest.mark.parametrize("name", OTHERS)
def test_everyday_movements_are_no_gestures(name: str) -> None:
    assert acted(name) == []


def test_an_unknown_movement_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no movement named 'hop'; known: hand_raised_left"):
        act(pose()[None], np.zeros(1), "hop", start=0.0)


def test_a_squat_is_no_jump() -> None:
    low = pose(left_knee=(50, 190), right_knee=(-50, 190))
    low[UPPER] += (0, 80)
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


def test_people_who_change_places_in_the_list_make_no_move() -> None:
    # Without a tracker the rows of one who stands and one who sits beside may be exchanged.
    stands, sits = pose(), crouched(90) + (250, 0)

    assert watch([stands] * 20 + [sits] * 20 + [stands] * 20, "moves") == []


def test_other_skeletons_are_refused_with_what_to_do() -> None:
    n = len(get("mpii16"))
    points = Keypoints(freeze(np.zeros((1, n, 2))), None, get("mpii16"), (10, 10))
    result = Results(np.zeros((10, 10, 3), np.uint8), Boxes(freeze([[0, 0, 9, 9, 0.9, 0]]), (10, 10)), points)

    with pytest.raises(ValueError, match="'hand21' or 'coco17', got 'mpii16'"):
        GestureRecognizer("body").recognize(result)


def test_swings_leave_out_trembling() -> None:
    values = np.array([0, 0.5, 0.48, 0.52, 0, 0.02, 0.5])

    assert count_swings(values, 0.2) == 2


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("hop", 3.0), ("dip", 1.0), ("growth", 1.0), ("drop", 3.0), ("change", 4.0), ("least", -1.0), ("most", 3.0),
     ("net", 0.0), ("mean", 0.5), ("now", 0.0), ("speed", 4.0), ("pace", 1.0)],
)  # fmt: skip
def test_statistics_by_hand(kind: str, expected: float) -> None:
    time, values = np.arange(4.0), np.array([[0.0], [3.0], [-1.0], [0.0]])

    assert take_statistic(time, values, kind)[0] == expected


@given(g=st.floats(5.0, 40.0), height=st.floats(0.1, 1.0))
def test_gravity_is_that_of_a_free_fall(g: float, height: float) -> None:
    air = 2 * (2 * height / g) ** 0.5
    time = np.linspace(0, air, 60)

    assert fall_acceleration(time, g / 2 * time * (air - time)) == pytest.approx(g, rel=0.02)


@given(st.floats(0.2, 5.0), st.floats(-300, 300), st.floats(-300, 300), st.booleans())
def test_measures_do_not_depend_on_place_size_or_view(scale: float, x: float, y: float, behind: bool) -> None:
    drawn = POSES["pointing_left"]
    seen = drawn * scale * (-1 if behind else 1, 1) + (x, y)
    free = [
        NAMES.index(name)
        for name in NAMES
        if not name.endswith(("ankle_side", "hips_height", "shoulders_height", "feet_height"))
    ]
    rows = []
    for points in (drawn, seen):
        past = BodyHistory(1.0)
        past.push(0.0, *(one[0] for one in body_measures(points[None], np.full((1, 17), 0.9))))
        rows.append((past.latest() * past.factors(past.scale()))[free])

    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_a_long_gap_hides_a_measure_and_a_short_one_is_bridged() -> None:
    values = np.arange(20.0)[:, None] * (1, 1)
    values[5:8, 0] = np.nan
    values[5:12, 1] = np.nan

    bridged = bridge_gaps(values)

    np.testing.assert_allclose(bridged[:, 0], np.arange(20.0))
    assert np.isnan(bridged[:, 1]).all()


def test_the_past_keeps_seconds_and_no_more_however_long_it_runs() -> None:
    past, row, about = BodyHistory(1.0), np.zeros(len(NAMES)), np.ones(len(NAMES) + 4)
    for n in range(3000):
        past.push(n / 100, row, about)

    assert len(past) == 101
    assert past.time[0] == pytest.approx(past.time[-1] - 1.0)
