"""The set "quick": movements that are said as they begin, and are not said of people who walk, sit down or stand."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_gestures import OTHERS, act, lasts
from test_gestures_bodies import REAL, TRACKS, crouched, flown, moved, pose, real, watch

QUICK = "quick"


def running(steps: float, lift: float) -> list[np.ndarray]:
    """Return three seconds of somebody who lifts one foot after the other, so often a second and so many pixels."""
    frames = []
    for n in range(90):
        up = lift * np.sin(n / 30 * np.pi * steps)
        left, right = max(0.0, up), max(0.0, -up)
        frames.append(
            pose(
                left_ankle=(20, 260 - left), left_knee=(20, 180 - 0.6 * left),
                right_ankle=(-20, 260 - right), right_knee=(-20, 180 - 0.6 * right),
            )
        )  # fmt: skip
    return frames


def test_real_jumps_are_said_as_the_feet_leave_the_ground() -> None:
    assert real(REAL, "jumps", [QUICK]) == ["take_off"] * 5


def test_a_drawn_jump_is_said_in_the_air() -> None:
    start = [pose()] * 30
    bent = [*moved(pose(), crouched(30), 8), *moved(crouched(30), pose(), 5)]
    # Of a jump of 40 pixels, which takes 0.4 seconds, the first 0.2.
    rising = start + flown(40)[: len(bent) + 6]

    assert watch(rising, QUICK) == ["take_off"]
    assert watch(start + bent, QUICK) == []


def test_a_shaken_camera_takes_nobody_off() -> None:
    air = [pose((0, -980 * t * (0.4 - t))) for t in np.arange(0, 0.4, 1 / 30)]

    assert watch([pose()] * 30 + air + [pose()] * 30, QUICK) == []


def test_getting_up_is_no_take_off() -> None:
    frames = [crouched(80)] * 30 + moved(crouched(80), pose(), 10) + [pose()] * 20

    assert "take_off" not in watch(frames, QUICK)


def test_real_squats_are_ducks() -> None:
    track = np.load(TRACKS / "squat_gym_hold.npz")
    first = np.concatenate([[0], np.cumsum(track["n"])])[:-1]
    data = {"a_time": track["time"], "a_xy": track["xy"][first], "a_conf": track["conf"][first]}

    assert real(data, "a", [QUICK]) == ["duck"] * 2


def test_who_sits_all_the_time_does_not_duck() -> None:
    assert watch([crouched(80)] * 60, QUICK) == []


def test_running_on_the_spot_is_said_and_marching_is_not() -> None:
    assert "run_on_spot" in watch([pose()] * 20 + running(2.8, 45), QUICK)
    # A step a second, and feet that are hardly lifted.
    assert "run_on_spot" not in watch([pose()] * 20 + running(1.0, 45), QUICK)
    assert "run_on_spot" not in watch([pose()] * 20 + running(2.8, 10), QUICK)


@pytest.mark.parametrize("name", ["walk", "hidden", "crowd"])
def test_who_does_nothing_of_it_is_silent(name: str) -> None:
    assert real(REAL, name, [QUICK]) == []


@pytest.mark.parametrize("name", OTHERS)
def test_everyday_movements_are_silent(name: str) -> None:
    times = np.arange(0, 3.5 + lasts(name), 1 / 30)
    points = act(np.repeat(pose()[None], len(times), axis=0), times, name, start=1.5, noise=2.0)

    assert watch(list(points), QUICK) == []


def test_the_set_lies_with_the_others() -> None:
    from poise.gestures import bundled_sets

    assert QUICK in bundled_sets()
