"""Buttons and axes by hand: debounce, hold, repeat, cooldown; range, dead zone, curve, filter."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.play import Axis, Button
from poise.play.axes import AxisState, shape
from poise.play.buttons import ButtonState
from poise.play.latency import FrameAge, LatencyMeter


def told(fits: list[float], *, keep: list[float] | None = None, step: float = 0.1, **settings: Any) -> list[str]:
    """Return what a button says in each frame, frames of a tenth of a second unless given."""
    button = ButtonState(Button(name="a", gestures=("jump",), **settings))
    keeps = keep or [0.0] * len(fits)
    return ["+".join(button.update(fit, stay, n * step)) for n, (fit, stay) in enumerate(zip(fits, keeps, strict=True))]


def test_a_tap_is_let_go_while_the_gesture_goes_on() -> None:
    assert told([0, 1, 1, 1, 1]) == ["", "press", "release", "", ""]


def test_a_hold_is_down_until_the_gesture_has_been_gone_for_long_enough() -> None:
    said = told([1, 1, 0, 1, 0, 0, 0], mode="hold", release_s=0.2)

    # The gap of one frame is bridged.
    assert said == ["press", "", "", "", "", "release", ""]


def test_what_keeps_it_down_does_not_press_it() -> None:
    assert told([0, 0, 0], keep=[1, 1, 1], mode="hold") == ["", "", ""]
    assert told([1, 0, 0, 0], keep=[0, 1, 1, 0], mode="hold", release_s=0.1) == ["press", "", "", "release"]


def test_a_glimpse_does_not_count_with_debounce() -> None:
    assert told([1, 0, 1, 1, 1], debounce_s=0.2, mode="hold") == ["", "", "", "", "press"]


def test_a_cooldown_leaves_out_what_comes_too_soon() -> None:
    said = told([1, 0, 1, 0, 0, 1], release_s=0.1, cooldown_s=0.5)

    assert said == ["press", "release", "", "", "", "press"]


def test_a_hold_repeats() -> None:
    assert told([1, 1, 1, 1, 1], mode="hold", repeat_s=0.2) == ["press", "", "repeat", "", "repeat"]


def test_a_tap_repeats_as_presses() -> None:
    assert told([1, 1, 1, 1, 1], repeat_s=0.2) == ["press", "release", "press", "release", "press"]


def test_what_is_down_needs_a_little_less() -> None:
    assert told([0.5, 0.4, 0.34], mode="hold", release_s=0.0) == ["press", "", "release"]


@given(st.lists(st.floats(0, 1), max_size=40), st.sampled_from(["tap", "hold"]), st.sampled_from([None, 0.2]))
def test_presses_and_releases_alternate(fits: list[float], mode: Any, repeat_s: float | None) -> None:
    button = ButtonState(Button(name="a", gestures=("jump",), mode=mode, repeat_s=repeat_s))
    said = [state for n, fit in enumerate(fits) for state in button.update(fit, 0.0, n / 15)] + button.finish()

    strokes = [state for state in said if state != "repeat"]
    assert strokes == ["press", "release"] * (len(strokes) // 2)


STEER = Axis(name="steer", measure="trunk_lean", range=(20.0, -20.0), dead_zone=0.2)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [(0.0, 0.0), (20.0, -1.0), (-20.0, 1.0), (-40.0, 1.0), (4.0, 0.0), (-12.0, 0.5)],
)
def test_an_axis_by_hand(measured: float, expected: float) -> None:
    # The dead zone is a fifth: 12 of 20 degrees are 0.6, of which (0.6 - 0.2) / 0.8 is left.
    assert shape(STEER, measured) == pytest.approx(expected)


def test_a_curve_is_finer_near_rest_and_reaches_the_end() -> None:
    curved = Axis(name="a", measure="trunk_lean", range=(-10, 10), dead_zone=0, curve=2)

    assert shape(curved, 5.0) == pytest.approx(0.25)
    assert shape(curved, -5.0) == pytest.approx(-0.25)
    assert shape(curved, 10.0) == pytest.approx(1.0)


def test_an_axis_of_one_direction_rests_at_its_end() -> None:
    height = Axis(name="a", measure="left_wrist_lift", range=(-1, 1), to=(0, 1), dead_zone=0.5)

    assert [shape(height, value) for value in (-1, 0, 0.5, 1)] == pytest.approx([0, 0, 0.5, 1])


@given(st.floats(-100, 100), st.floats(-1, 1), st.floats(0, 0.9), st.floats(0.2, 5))
def test_an_axis_stays_within_its_ends(measured: float, rest: float, dead: float, curve: float) -> None:
    axis = Axis(name="a", measure="trunk_lean", range=(-20, 20), rest=rest, dead_zone=dead, curve=curve)

    assert -1.0 - 1e-9 <= shape(axis, measured) <= 1.0 + 1e-9


def test_the_filter_follows_a_step_by_its_time_constant() -> None:
    state = AxisState.of(Axis(name="a", measure="trunk_lean", range=(-1, 1), dead_zone=0, smooth_s=0.1, step=0))
    state.update(0.0, 0.0)

    state.update(0.5, 0.1)

    assert state.value == pytest.approx(0.5 * (1 - math.exp(-1)))


def test_small_changes_are_not_told_and_the_end_is() -> None:
    state = AxisState.of(Axis(name="a", measure="trunk_lean", range=(-1, 1), dead_zone=0, smooth_s=0, step=0.1))

    assert [state.update(value, n / 10) for n, value in enumerate((0.5, 0.55, 0.62, 1.0))] == [True, False, True, True]
    assert state.value == 1.0


def test_an_axis_that_is_not_seen_goes_back_to_rest_after_a_moment() -> None:
    state = AxisState.of(STEER)
    state.update(-20.0, 0.0)

    assert state.update(math.nan, 0.4) is False
    assert state.value == 1.0
    assert state.update(math.nan, 0.6) is True
    assert state.value == 0.0


def test_latency_is_told_as_median_and_p95() -> None:
    meter = LatencyMeter()
    assert math.isnan(meter.median)
    for value in range(101):
        meter.add(float(value))

    assert (meter.count, meter.median, meter.p95) == (101, 50.0, 95.0)


def test_the_age_of_a_frame_is_what_it_waited_beyond_the_quickest() -> None:
    age = FrameAge()

    assert [age.of(time, now) for time, now in ((0.0, 100.0), (1.0, 101.25), (2.0, 102.0))] == [0.0, 0.25, 0.0]
