"""Repetitions counted from a whole clip: drawn people with known repetitions, and tracks of real clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rep_figures import NAMES, drawn, front_view, person, results, shaken, side_view, wave

from poise.bodies.angles import joint_angle
from poise.bodies.scale import torso_length
from poise.frames import Frame, Media
from poise.reps import Person, all_exercises, count_reps, exercise_from_points, get_exercise, measure_person
from poise.reps.counting import count_exercise
from poise.reps.cycles import Cycle, merge_sides, turning_points
from poise.reps.offline import count_person
from poise.reps.recognition import recognise_exercise
from poise.reps.series import fill_gaps, smooth
from poise.reps.signals import NAMES as MEASURES
from poise.reps.unknown_exercise import count_unknown
from poise.results import Results

TRACKS = Path(__file__).parents[1] / "assets/tracks"
FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def real(name: str) -> list[Results]:
    """Read a real clip's keypoints."""
    data = dict(np.load(TRACKS / f"{name}.npz"))
    ends = np.cumsum(data["n"])
    blank = np.broadcast_to(np.uint8(0), (*data["size"].tolist(), 3))
    media, out = Media(f"{name}.mp4", "video"), []
    for i, (end, n) in enumerate(zip(ends, data["n"], strict=True)):
        rows = slice(end - n, end)
        boxes = np.concatenate([data["box"][rows], data["box_conf"][rows, None], np.zeros((n, 1))], axis=1)
        frame = Frame(blank, media, i, float(data["time"][i]))
        out.append(Results.of(frame, boxes, data["xy"][rows], data["conf"][rows]))
    return out


def counted(one: Person, name: str) -> int:
    return count_exercise(measure_person(one.time, one.xy, one.conf), get_exercise(name)).count


def test_angle_of_a_right_angle_is_90() -> None:
    assert joint_angle(np.array([1.0, 0.0]), np.zeros(2), np.array([0.0, 2.0])) == pytest.approx(90.0)


def test_turning_points_ignore_small_turns() -> None:
    values = np.array([0.0, 1.0, 0.9, 2.0, 0.0, 0.1, 0.0, 2.0])

    assert turning_points(values, 0.5) == [0, 3, 4, 7]


def test_smoothing_keeps_a_straight_line_and_its_gaps() -> None:
    time = np.arange(50) / 10
    line = 3 * time
    line[20] = np.nan

    out = smooth(time, line, seconds=0.2)

    assert np.isnan(out[20])
    assert out[5:15] == pytest.approx(line[5:15], abs=0.05)


def test_long_gaps_stay_open() -> None:
    time = np.arange(30) / 10
    values = np.ones((30, 1))
    values[5:8] = values[12:25] = np.nan

    out = fill_gaps(time, values, max_gap_s=0.5)

    assert np.isfinite(out[5:8]).all()
    assert np.isnan(out[12:25]).all()


def test_the_ruler_is_the_torso_when_seen_square_on() -> None:
    assert torso_length(side_view(3), np.ones((3, 17))) == pytest.approx(np.full(3, 100.0), rel=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_a_drawn_exercise_is_recognised_and_counted(name: str) -> None:
    found = count_person(drawn(name, reps=5), None, all_exercises()).found

    assert (found.exercise, found.count) == (name, 5)


@settings(max_examples=12)
@given(
    reps=st.integers(2, 7), period=st.floats(1.0, 4.0), fps=st.sampled_from([8.0, 15.0, 30.0, 60.0]),
    size=st.floats(0.3, 3.0), mirror=st.booleans(), lead=st.floats(0.3, 4.0),
)  # fmt: skip
def test_squats_are_counted_at_any_pace_rate_and_size(
    reps: int, period: float, fps: float, size: float, mirror: bool, lead: float
) -> None:
    one = drawn("squat", reps=reps, period=period, fps=fps, lead=lead)
    xy = one.xy * size
    if mirror:
        xy = (xy * [-1, 1])[:, FLIP]

    assert count_exercise(measure_person(one.time, xy, one.conf), get_exercise("squat")).count == reps


def test_peaks_lie_at_the_deepest_point() -> None:
    one = drawn("squat", reps=4, period=2.0, lead=1.0)

    peaks = [rep.peak for rep in count_exercise(measure_person(one.time, one.xy, one.conf), get_exercise("squat")).reps]

    assert peaks == pytest.approx([2.0, 4.0, 6.0, 8.0], abs=0.1)


def test_missing_points_for_a_short_while_change_nothing() -> None:
    one = drawn("squat")
    xy, conf = one.xy.copy(), one.conf.copy()
    gone = np.random.default_rng(1).random(conf.shape) < 0.25
    xy[gone], conf[gone] = np.nan, 0

    assert count_exercise(measure_person(one.time, xy, conf), get_exercise("squat")).count == 4


def test_one_hidden_side_is_enough() -> None:
    one = drawn("biceps curl")
    conf = one.conf.copy()
    conf[:, 6:17:2] = 0

    assert count_exercise(measure_person(one.time, one.xy, conf), get_exercise("biceps curl")).count == 4


def test_limbs_in_turn_count_each() -> None:
    n = 300
    time = np.arange(n) / 30
    left = side_view(n, fore=10 + 130 * wave(time, 2.0, start=0.5, reps=2) * (time < 2.6))
    right = side_view(n, fore=10 + 130 * wave(time - 2.0, 2.0, start=0.5, reps=2) * (time < 4.6))
    points = left.copy()
    points[:, 6:17:2] = right[:, 6:17:2]

    assert counted(person(shaken(points)), "biceps curl") == 2


def test_both_limbs_at_once_count_once() -> None:
    a, b = (Cycle(0.0 + d, 1.0 + d, 2.0 + d, 1, 1, side, 0.9, 1, False) for d, side in ((0, "left"), (0.2, "right")))

    assert [c.side for c in merge_sides([a], [b])] == ["both"]


def test_half_a_repetition_at_the_end_is_rejected_with_a_reason() -> None:
    one = drawn("squat", reps=4, period=2.0, lead=1.0).part(slice(0, 30 + 6 * 30 + 30))

    found = count_exercise(measure_person(one.time, one.xy, one.conf), get_exercise("squat"))

    assert found.count == 3
    assert all(r.reason for r in found.rejected)


def test_shallow_movements_between_repetitions_do_not_count() -> None:
    n = 420
    time = np.arange(n) / 30
    w = wave(time, 2.0, start=1.0, reps=6) * np.where((time > 5) & (time < 7), 0.2, 1.0)

    assert counted(person(shaken(side_view(n, trunk=35 * w, thigh=95 * w, shank=-35 * w))), "squat") == 5


def test_a_walker_does_no_exercise() -> None:
    n = 240
    time = np.arange(n) / 30
    swing = 25 * np.sin(2 * np.pi * time)
    a, b = side_view(n, thigh=swing, shank=swing - 15, upper=-swing), side_view(n, thigh=-swing, shank=-swing - 15)
    points = a.copy()
    points[:, 6::2] = b[:, 6::2]
    points[..., 0] += 140 * time[:, None]

    found = count_person(person(shaken(points)), None, all_exercises()).found

    assert found.count == 0


def test_standing_and_waving_are_no_exercise() -> None:
    n = 200
    time = np.arange(n) / 30
    points = front_view(n, raise_=8.0)
    waving = front_view(n, raise_=130.0, bend=20 + 35 * np.sin(2 * np.pi * 1.5 * time))
    points[:, 6:11:2] = waving[:, 6:11:2]

    found = count_person(person(shaken(points)), None, all_exercises()).found

    assert (found.exercise, found.count) == ("none", 0)


def test_a_plank_is_held_and_has_no_repetitions() -> None:
    points = side_view(150, trunk=80.0, thigh=-80.0, shank=-80.0, upper=0.0, fore=80.0, hands=(400.0, 500.0))

    found = count_person(person(shaken(points, pixels=0.7)), None, all_exercises()).found

    assert (found.exercise, found.count) == ("plank", 0)
    assert found.hold_s == pytest.approx(5.0, abs=0.6)


def test_an_unknown_periodic_movement_is_counted_as_unknown() -> None:
    n = 360
    w = wave(np.arange(n) / 30, 2.0, start=1.0, reps=5)
    points = shaken(side_view(n, trunk=50 * w, upper=60 * w, fore=60 * w))

    one = person(points)
    found = count_unknown(measure_person(one.time, one.xy, one.conf))

    assert (found.exercise, found.count) == ("unknown", 5)


def test_too_few_frames_a_repetition_are_told() -> None:
    one = drawn("jumping jack", reps=8, period=1.0, fps=30.0)
    thin = one.part(slice(None, None, 10))

    found = count_person(thin, get_exercise("jumping jack")).found

    assert not found.count or any("frames a repetition" in w for w in found.warnings)


def test_nobody_and_a_moment_give_no_repetitions() -> None:
    assert count_reps([], "squat").people == ()
    assert count_person(drawn("squat").part(slice(0, 3)), get_exercise("squat")).found.count == 0


def test_a_person_never_seen_gives_no_repetitions() -> None:
    blind = person(np.full((60, 17, 2), 5.0))
    nothing = Person(1, blind.frame, blind.time, np.full((60, 17, 2), np.nan), np.zeros((60, 17)), blind.box)

    assert count_person(nothing, None, all_exercises()).found.count == 0
    assert count_person(nothing, get_exercise("squat")).found.count == 0


def test_the_exercising_person_comes_before_a_taller_onlooker() -> None:
    lifter = drawn("squat")
    tall = shaken(side_view(len(lifter)) * 1.2 + [-200, -90])
    onlooker = Person(2, lifter.frame, lifter.time, tall, lifter.conf, person(tall).box)

    people = count_reps(results([onlooker, lifter])).people

    assert [p.person.id for p in people] == [1, 2]


def test_the_record_has_the_documented_keys() -> None:
    record = count_reps(results([drawn("squat")])).record()

    assert list(record) == ["source", "fps", "duration", "people"]
    one = record["people"][0]
    assert list(one) == ["id", "exercise", "exercise_conf", "count", "count_low", "count_high", "reps", "rejected"]
    assert list(one["reps"][0]) == ["start", "peak", "end", "depth", "side", "conf"]
    assert one["count_low"] <= one["count"] <= one["count_high"]


def test_two_sightings_of_one_person_are_one() -> None:
    one = drawn("squat")
    double = Person(1, one.frame, one.time, one.xy + 2.0, one.conf, one.box + 3.0)

    assert len(count_reps(results([one, double], tracked=False)).people) == 1


def test_the_plain_angle_counter_counts_between_its_two_angles() -> None:
    one = drawn("biceps curl", reps=6)

    assert (
        count_exercise(
            measure_person(one.time, one.xy, one.conf), exercise_from_points([6, 8, 10], up_angle=145, down_angle=90)
        ).count
        == 6
    )


@pytest.mark.parametrize(
    ("clip", "exercise", "reps"),
    [
        ("squat_gym_hold", "squat", 2),
        ("curl_alternating_side", "biceps curl", 9),
        ("jumping_jack_front", "jumping jack", 6),
    ],
)
def test_a_real_clip_is_counted(clip: str, exercise: str, reps: int) -> None:
    frames = real(clip)

    named, free = count_reps(frames, exercise).people[0].found, count_reps(frames).people[0].found

    assert named.count == reps
    assert (free.exercise, free.count) == (exercise, reps)


def test_a_real_passer_by_does_nothing() -> None:
    assert sum(one.found.count for one in count_reps(real("people_worker_zone")).people) == 0


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 90))
def test_noise_never_fails(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    xy = rng.normal(300, 200, (n, 17, 2))
    xy[rng.random((n, 17)) < 0.3] = np.nan
    one = Person(1, np.arange(n, dtype=float), np.sort(rng.random(n) * 5), xy, rng.random((n, 17)), np.zeros((n, 4)))

    found = count_person(one, None, all_exercises()).found

    assert found.count >= 0


def test_measures_have_one_column_a_name() -> None:
    one = drawn("squat")

    assert measure_person(one.time, one.xy, one.conf).values.shape == (len(one), len(MEASURES))


def test_recognising_is_the_same_twice() -> None:
    one = drawn("push-up")
    measures = measure_person(one.time, one.xy, one.conf)

    first, second = (recognise_exercise(measures, all_exercises())[0] for _ in range(2))

    assert first[0] == second[0]
