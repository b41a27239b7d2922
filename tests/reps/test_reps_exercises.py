"""Exercises as data, and exercises learnt from a demonstration."""

from __future__ import annotations

from pathlib import Path

import pytest
from rep_figures import drawn

from poise.errors import FormatError
from poise.reps import all_exercises, exercise_from_points, exercise_names, get_exercise, measure_person, read_exercise
from poise.reps.counting import count_exercise
from poise.reps.learning import format_exercise, learn_exercise

GOOD = """name = "my move"

[[signal]]
name = "knee_angle"
rest = 175
effort = 90
"""


def test_every_bundled_exercise_can_be_read() -> None:
    assert len(all_exercises()) == len(exercise_names()) >= 15


@pytest.mark.parametrize("spelling", ["push-up", "Push up", "push_up", "pushup", "pushups", " PUSH-UP "])
def test_names_are_read_as_people_write_them(spelling: str) -> None:
    assert get_exercise(spelling).name == "push-up"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ValueError, match="no exercise named 'sqat'; did you mean 'squat'"):
        get_exercise("sqat")


def test_a_users_folder_adds_exercises(tmp_path: Path) -> None:
    (tmp_path / "my-move.toml").write_text(GOOD)

    assert get_exercise("my move", folder=tmp_path).name == "my move"
    assert "my-move" in exercise_names(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('name = "my move"', 'nam = "my move"', 1, "unknown key 'nam'; did you mean 'name'"),
        ("effort = 90", "efort = 90", 6, "unknown key 'efort'; did you mean 'effort'"),
        ('"knee_angle"', '"knee_angel"', 4, "signal 'knee_angel' is not known; did you mean 'knee_angle'"),
        ("rest = 175", 'rest = "high"', 5, "'rest' must be a number"),
        ("rest = 175", "rest = true", 5, "'rest' must be a number"),
        ("effort = 90", "effort = 175", 6, "must differ"),
        ('name = "my move"', 'name = "my move"\nsides = "up"', 2, "sides 'up' is not known"),
        (
            "effort = 90",
            'effort = 90\n[[rule]]\nsignal = "trunk_lean"\nat = "top"\nmin = 3',
            9,
            "at 'top' is not known",
        ),
        ("effort = 90", 'effort = 90\n[[rule]]\nsignal = "trunk_lean"\nat = "rest"', 7, "needs 'min', 'max' or both"),
        ("effort = 90", "effort = 90\npoints = [1, 2, 3, 4]", 7, "two or three keypoint indices"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    path = tmp_path / "my-move.toml"
    path.write_text(GOOD.replace(old, new, 1))

    with pytest.raises(FormatError) as caught:
        read_exercise(path)

    assert f"my-move.toml:{line}:" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["name = ", "\x00", 'name = "x"', "signal = 3"])
def test_what_is_no_exercise_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)

    with pytest.raises(FormatError, match=r"x\.toml"):
        read_exercise(path)


def test_an_exercise_on_the_users_own_points_counts(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[[signal]]\nname = "my angle"\npoints = [11, 13, 15]\nrest = 175\neffort = 80\n')
    one = drawn("squat", reps=3)

    assert count_exercise(measure_person(one.time, one.xy, one.conf), read_exercise(path)).count == 3


@pytest.mark.parametrize("kpts", [[6, 8], [6, 8, -1], []])
def test_the_plain_counter_needs_three_points(kpts: list[int]) -> None:
    with pytest.raises(ValueError, match="three keypoint indices"):
        exercise_from_points(kpts)


@pytest.mark.parametrize("name", ["squat", "lateral raise", "sit-up"])
def test_a_learnt_exercise_counts_another_set(tmp_path: Path, name: str) -> None:
    shown = drawn(name, reps=3, period=2.0)
    path = tmp_path / "my-move.toml"
    path.write_text(
        format_exercise(learn_exercise(measure_person(shown.time, shown.xy, shown.conf), "my-move", reps=3))
    )

    other = drawn(name, reps=6, period=1.4)

    assert count_exercise(measure_person(other.time, other.xy, other.conf), read_exercise(path)).count == 6


def test_learning_says_when_the_demonstration_shows_another_number() -> None:
    shown = drawn("squat", reps=3)

    with pytest.raises(FormatError, match="no measure shows exactly 5 repetitions"):
        learn_exercise(measure_person(shown.time, shown.xy, shown.conf), "x", reps=5)


def test_learning_needs_two_repetitions() -> None:
    shown = drawn("squat", reps=1)

    with pytest.raises(ValueError, match="reps must be 2 or more"):
        learn_exercise(measure_person(shown.time, shown.xy, shown.conf), "x", reps=1)


def test_a_written_name_keeps_its_quotes(tmp_path: Path) -> None:
    shown = drawn("squat", reps=3)
    made = learn_exercise(measure_person(shown.time, shown.xy, shown.conf), 'a "b" \\ c', reps=3)
    path = tmp_path / "q.toml"
    path.write_text(format_exercise(made))

    assert read_exercise(path).name == 'a "b" \\ c'
