"""Sets that turn, are done seated, or look like another exercise; dances; getting down to push-ups.

The people of ``sets.npz`` are made by ``benchmarks/make_exercise_sets.py``, so what they do is known; each is
one that a counter without the rule in question gets wrong.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rep_figures import drawn, front_view, person, results, shaken, side_view, wave

from poise.events.falls import FallWatch
from poise.reps import Person, all_exercises, get_exercise, measure_person
from poise.reps.consistency import measure_consistency
from poise.reps.counting import count_exercise
from poise.reps.offline import count_person
from poise.reps.recognition import recognise_exercise
from poise.reps.viewpoint import is_seen_from, measure_turning

ASSET = Path(__file__).parents[1] / "assets/sets.npz"


@cache
def made(name: str) -> Person:
    """Return one of the made sets."""
    with np.load(ASSET) as data:
        time = data[f"{name}.time"].astype(float)
        xy = data[f"{name}.steps"].astype(float).cumsum(axis=0) / 4
        conf = data[f"{name}.conf"] / 255
    box = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    return Person(1, np.arange(len(time), dtype=float), time, xy, conf, box)


@pytest.mark.parametrize(
    ("name", "exercise"),
    [
        ("squat_turns", "squat"), ("squat_turns_back", "squat"), ("jack_turns", "jumping jack"),
        ("curl_turns", "biceps curl"), ("lateral_turns", "lateral raise"), ("front_hidden", "front raise"),
        ("front_cut", "front raise"), ("lateral_cut", "lateral raise"), ("triceps_seated", "triceps extension"),
        ("lunge_front", "lunge"), ("squat_side", "squat"), ("clapping", "push-up"),
    ],
)  # fmt: skip
def test_a_set_of_five_is_named_and_counted(name: str, exercise: str) -> None:
    one = made(name)

    found = count_person(one, None, all_exercises()).found

    assert (found.exercise, found.count) == (exercise, 5)
    assert count_person(one, get_exercise(exercise)).found.count == 5


@pytest.mark.parametrize("name", ["dance", "dance_phrases", "dance_on_a_beat"])
def test_a_dance_is_no_exercise(name: str) -> None:
    assert count_person(made(name), None, all_exercises()).found.count == 0


@pytest.mark.parametrize("name", ["down_49", "down_98", "clapping", "squat_turns", "dance", "lunge_front"])
def test_exercises_are_no_falls(name: str) -> None:
    watch = FallWatch()

    said = [event for result in results([made(name)], size=(720, 1280)) for event in watch.update(result)]

    assert said == []


def test_repetitions_of_one_course_are_the_same_and_others_are_not() -> None:
    n = 300
    time = np.arange(n) / 30
    w = wave(time, 2.0)
    same = side_view(n, trunk=35 * w, thigh=95 * w, shank=-35 * w, upper=80 * w, fore=90 * w)
    # The arms of the second do something else each time.
    free = 90 * np.sin(2.7 * time) * np.cos(1.1 * time)
    other = side_view(n, trunk=35 * w, thigh=95 * w, shank=-35 * w, upper=90 + free, fore=90 - free)
    reps = [(2.0 * k, 2.0 * k + 1, 2.0 * k + 1.98) for k in range(5)]

    alike, unlike = (
        measure_consistency(measure_person(p.time, p.xy, p.conf), reps) for p in map(person, map(shaken, (same, other)))
    )

    assert unlike < 0.75 < 0.95 < alike


def test_the_view_is_told_by_the_width_of_the_shoulders() -> None:
    front = person(front_view(60))
    side = person(side_view(60))
    both = person(np.concatenate([front_view(60), side_view(60)]))

    ways = [measure_person(p.time, p.xy, p.conf) for p in (front, side, both)]

    assert [measure_turning(way) for way in ways] == [0.0, 0.0, 1.0]
    assert [is_seen_from(way, "front", slice(0, 60)) for way in ways] == [True, False, True]


def test_guessed_legs_do_not_speak_against_arms() -> None:
    one = drawn("lateral raise")
    xy, conf = one.xy.copy(), one.conf.copy()
    shake = np.random.default_rng(3).normal(0, 60, (len(xy), 4, 2))
    xy[:, 13:], conf[:, 13:] = xy[:, 13:] + shake, 0.25

    scored = recognise_exercise(measure_person(one.time, xy, conf), all_exercises())

    assert scored[0][1].exercise == "lateral raise"
    assert len(scored[0][1].reps) == 4


def test_a_camera_that_pans_does_not_make_somebody_walk() -> None:
    one = drawn("squat", reps=4)
    pan = np.stack([60.0 * one.time, np.zeros(len(one))], axis=-1)

    assert count_exercise(measure_person(one.time, one.xy + pan[:, None], one.conf), get_exercise("squat")).count == 4


def test_of_two_reverse_exercises_the_one_that_begins_at_rest_is_right() -> None:
    for name, other in (("shoulder press", "pull-down"), ("pull-down", "shoulder press")):
        one = drawn(name, reps=3, lead=1.5)

        scores = {
            found.exercise: score
            for score, found in recognise_exercise(measure_person(one.time, one.xy, one.conf), all_exercises())
        }

        assert scores[name] > 1.2 * scores.get(other, 0.0)


def test_a_limb_taken_for_another_for_a_moment_is_no_repetition() -> None:
    one = drawn("biceps curl", reps=5, period=3.0)
    xy = one.xy.copy()
    # Half a second in which the hands are seen at the shoulders.
    xy[8:23, 9:11] = xy[8:23, 5:7]

    found = count_exercise(measure_person(one.time, xy, one.conf), get_exercise("biceps curl"))

    assert found.count == 5
    assert any(r.reason.startswith("too fast") for r in found.rejected)
