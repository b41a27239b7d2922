"""Teaching: learned from few, unknown for the rest, kept in a file that cannot hurt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.errors import FormatError
from poise.motion.gestures import GestureRecognizer
from poise.motion.gestures.embedding import augmented, embed
from poise.motion.gestures.examples import Picture, confusion, meant, warnings
from poise.motion.gestures.setfile import parse_taught, write_taught
from poise.motion.gestures.taught import Taught, learn, leave_one_out
from poise.skeletons import get

HANDS = json.loads((Path(__file__).parents[1] / "assets/gesture_hands.json").read_text(encoding="utf-8"))
SKELETON = get("hand21")


def points(name: str) -> tuple[np.ndarray, np.ndarray]:
    return np.array(HANDS[name]["xy"]), np.array(HANDS[name]["xyz"])


def taught(*names: str, none: tuple[str, ...] = ()) -> Taught:
    """Learn from real hands and a few variations of each."""
    rng = np.random.default_rng(3)
    examples = []
    for name in (*names, *none):
        xy, xyz = points(name)
        flat, deep = augmented(SKELETON, xy[None], xyz[None], copies=3, rng=rng)
        label = "none" if name in none else HANDS[name]["gesture"]
        examples += [(label, a, b) for a, b in zip(flat, deep, strict=True)]
    return learn("mine", SKELETON, examples)


def said(one: Taught, name: str) -> str:
    xy, xyz = points(name)
    return one.classify(embed(SKELETON, xy[None], xyz[None]))[0][0]


@pytest.mark.parametrize("name", ["rock_left", "four_left", "call_left"])
def test_the_other_hand_of_another_person_is_recognised(name: str) -> None:
    one = taught("rock_right", "four_right", "call_right")

    assert said(one, name) in (HANDS[name]["gesture"], "unknown")
    assert said(one, name.replace("left", "right")) == HANDS[name]["gesture"]


@pytest.mark.parametrize("name", ["thumb_down_left", "thumb_down_right", "four_left"])
def test_what_was_not_taught_is_unknown(name: str) -> None:
    assert said(taught("rock_right", "rock_left"), name) == "unknown"


def test_what_is_like_the_folder_none_is_unknown() -> None:
    assert said(taught("rock_right", none=("point_right",)), "point_left") == "unknown"


def test_one_example_is_enough_to_begin() -> None:
    one = learn("mine", SKELETON, [("rock", *points("rock_right"))])

    assert said(one, "rock_right") == "rock"
    assert said(one, "four_right") == "unknown"


def test_only_none_cannot_be_taught() -> None:
    with pytest.raises(ValueError, match="at least one example of a gesture"):
        learn("mine", SKELETON, [("none", *points("rock_right"))])


def test_a_set_survives_its_file(tmp_path: Path) -> None:
    one = taught("rock_right", "four_right")

    path = write_taught(one, tmp_path / "mine.toml")
    recognizer = GestureRecognizer(path)

    assert recognizer.names == ["rock", "four"]
    assert recognizer.parts == ("hand",)
    assert said(recognizer.taught[0], "rock_right") == "rock"
    assert path.stat().st_size < 10_000


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("limit = ", "limt = ", "unknown key 'limt'; did you mean 'limit'?"),
        ('"hand21"', '"hand22"', "no skeleton named 'hand22'"),
        ('vectors = "', 'vectors = "AAAAAAAA', "must be 8 examples of 18 numbers"),
        ('spread = "', 'spread = "!', "'spread' is not base64"),
        ('"rock" = 4', '"rock" = -4', "must have from 1 to"),
        ("format = 1", "format = 9", "format 9 is not known"),
    ],
)
def test_a_damaged_set_names_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_taught(taught("rock_right", "four_right"), tmp_path / "mine.toml")
    path.write_text(path.read_text().replace(old, new))

    with pytest.raises(FormatError) as caught:
        GestureRecognizer(path)

    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_strange_arrays_are_refused_or_read(raw: bytes) -> None:
    table = {
        "name": "x", "kind": "taught", "format": 1, "skeleton": "hand21", "upright": False, "limit": 1.0,
        "spread": raw.decode("latin-1"), "vectors": "", "examples": {"a": 1},
    }  # fmt: skip

    with pytest.raises(FormatError):
        parse_taught(table, "", Path("x.toml"))


def test_of_two_hands_the_one_that_the_others_show_is_meant() -> None:
    rest, shown = points("four_right"), points("rock_right")
    both = Picture("rock", "1.jpg", np.stack([rest[0], shown[0]]), np.stack([rest[1], shown[1]]))
    other = Picture("rock", "2.jpg", points("rock_left")[0][None], points("rock_left")[1][None])

    assert meant(SKELETON, [both, other]) == [1, 0]


def test_a_picture_without_a_hand_is_reported() -> None:
    empty = Picture("rock", "dark.jpg", np.empty((0, 21, 2)), np.empty((0, 21, 3)))

    sentences = warnings([empty], meant(SKELETON, [empty]))

    assert sentences[0] == "rock: nothing was found in 1 of 1: dark.jpg"


def test_a_class_of_one_source_is_reported() -> None:
    one = Picture("rock", "me.mp4", points("rock_left")[0][None], points("rock_left")[1][None])

    assert any("rock: all examples are from" in sentence for sentence in warnings([one, one], [0, 0]))


def test_confusion_counts_unknown_none_as_right() -> None:
    table = confusion([("a", "a"), ("a", "unknown"), ("none", "unknown")])

    assert "2 of 3 right" in table


def test_examples_of_one_picture_never_judge_each_other() -> None:
    one = taught("rock_right")

    assert {said for _, said in leave_one_out(one, ["same"] * len(one.labels))} == {"unknown"}


@given(st.floats(0.1, 10), st.floats(-500, 500))
@settings(max_examples=30)
def test_a_body_is_the_same_wherever_and_however_large(scale: float, shift: float) -> None:
    body = get("coco17")
    xy = np.random.default_rng(1).normal(size=(1, 17, 2)) * 50

    np.testing.assert_allclose(embed(body, xy), embed(body, xy * scale + shift), atol=1e-6)


def test_faces_can_be_taught() -> None:
    face = get("face468")
    rng = np.random.default_rng(0)
    smile, frown = rng.normal(size=(2, len(face), 2)) * 50
    examples = [
        (name, shape + rng.normal(size=shape.shape), None)
        for name, shape in (("smile", smile), ("frown", frown))
        for _ in range(3)
    ]

    one = learn("faces", face, examples)

    assert one.classify(embed(face, smile[None]))[0][0] == "smile"
