"""On and off: hold time, flicker, latency, per person and hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.gestures import Gesture, GestureEvents

STEP = 1 / 30


def run(names: str, *, events: GestureEvents | None = None) -> list[tuple[str, str, float]]:
    """Feed one letter a frame, "." for unknown; returns state, gesture and time of every event."""
    stream = events or GestureEvents()
    said = []
    for n, letter in enumerate(names):
        seen = Gesture("left_hand", "unknown" if letter == "." else letter, 0.9, 1)
        said += [(e.state, e.gesture, e.time) for e in stream.update([seen], n * STEP)]
    return said


def test_a_gesture_is_on_after_its_hold_time() -> None:
    (on,) = run("...." + "a" * 20)

    assert on[:2] == ("on", "a")
    assert on[2] == pytest.approx(4 * STEP + 0.2, abs=STEP)


def test_a_glimpse_is_no_event() -> None:
    assert run("...aaa......" * 3) == []


def test_flicker_neither_ends_nor_repeats_it() -> None:
    states = [event[0] for event in run("aaaaaaaaaa" + "a...a..a.b.a" * 10)]

    assert states == ["on"]


def test_off_comes_within_the_release_time_and_a_frame() -> None:
    said = run("a" * 30 + "." * 30)

    assert [event[0] for event in said] == ["on", "off"]
    assert said[1][2] <= 29 * STEP + 0.4 + STEP + 1e-9


def test_another_gesture_ends_the_first() -> None:
    said = run("a" * 30 + "b" * 30)

    assert [event[:2] for event in said] == [("on", "a"), ("off", "a"), ("on", "b")]


def test_hands_do_not_mix() -> None:
    stream = GestureEvents()
    said = []
    for n in range(30):
        seen = [
            Gesture("left_hand", "a", 0.9, 1),
            Gesture("right_hand", "b", 0.9, 1),
            Gesture("left_hand", "b", 0.9, 2),
        ]
        said += stream.update(seen, n * STEP)

    assert [(e.id, e.part, e.gesture) for e in said] == [
        (1, "left_hand", "a"),
        (1, "right_hand", "b"),
        (2, "left_hand", "b"),
    ]


def test_somebody_who_leaves_ends_the_gesture() -> None:
    stream = GestureEvents()
    for n in range(30):
        stream.update([Gesture("body", "a", 0.9, 1)], n * STEP)

    (off,) = stream.update([], 30 * STEP + 0.4)

    assert (off.state, off.start, off.end) == ("off", 0.0, pytest.approx(29 * STEP))


def test_what_is_on_ends_with_the_source() -> None:
    stream = GestureEvents()
    run("a" * 20, events=stream)

    assert [e.state for e in stream.finish(1.0)] == ["off"]


def test_a_hand_that_is_found_now_and_then_is_no_event() -> None:
    stream = GestureEvents()
    said = []
    for n in range(60):
        seen = [Gesture("left_hand", "a", 0.9, 1)] if n % 7 == 0 else []
        said += stream.update(seen, n * STEP)

    assert said == []


def test_an_end_names_whom_the_beginning_named() -> None:
    stream = GestureEvents()
    said = []
    for n in range(40):
        seen = [Gesture("left_hand", "a" if n < 20 else "unknown", 0.9, 1_000_001 if n < 15 else 1)]
        said += stream.update(seen, n * STEP, keys=["this hand"])

    assert [(event.state, event.id) for event in said] == [("on", 1_000_001), ("off", 1_000_001)]


@given(st.text(alphabet="ab.", max_size=120))
def test_on_and_off_alternate(names: str) -> None:
    states = [event[0] for event in run(names)]

    assert states == ["on", "off"] * (len(states) // 2) + ["on"] * (len(states) % 2)


def test_negative_times_are_refused() -> None:
    with pytest.raises(ValueError, match="hold_s"):
        GestureEvents(hold_s=-1)
