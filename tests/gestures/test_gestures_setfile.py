"""The file of a taught set: it keeps what was learned, and cannot hurt."""

from __future__ import annotations

import base64
import json
import tomllib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.errors import FormatError
from poise.gestures import GestureRecognizer
from poise.gestures.sets import read_set
from poise.gestures.shapes.embedding import embed
from poise.gestures.shapes.learning import learn_shapes
from poise.gestures.shapes.shape_file import parse_shapes, write_shapes
from poise.gestures.shapes.taught_shapes import TaughtShapes
from poise.skeletons import Skeleton, get
from poise.skeletons.tomlfile import TomlFile

HANDS = json.loads((Path(__file__).parents[1] / "assets/gesture_hands.json").read_text(encoding="utf-8"))
HAND = get("hand21")


def taught(**names: str) -> TaughtShapes:
    """Learn each keyword's gesture from a real hand."""
    examples = [
        (label, np.array(HANDS[hand]["xy"]), np.array(HANDS[hand]["xyz"]))
        for label, hands in names.items()
        for hand in hands.split()
    ]
    return learn_shapes("mine", HAND, examples)


def two() -> TaughtShapes:
    return taught(rock="rock_right rock_left", four="four_right four_left")


def loaded(one: TaughtShapes, path: Path) -> TaughtShapes:
    found = read_set(write_shapes(one, path))
    assert isinstance(found, TaughtShapes)
    return found


def test_a_set_survives_its_file(tmp_path: Path) -> None:
    one = two()

    again = loaded(one, tmp_path / "mine.toml")

    vectors = embed(HAND, *(np.array([HANDS[name][key] for name in HANDS]) for key in ("xy", "xyz")))
    assert [name for name, _ in again.classify(vectors)] == [name for name, _ in one.classify(vectors)]
    np.testing.assert_allclose(again.distances(vectors), one.distances(vectors), atol=0.02)


def test_a_recogniser_takes_the_file(tmp_path: Path) -> None:
    recognizer = GestureRecognizer(write_shapes(two(), tmp_path / "mine.toml"))

    assert recognizer.names == ["rock", "four"]
    assert recognizer.parts == ("hand",)


def test_a_set_is_a_few_kilobytes(tmp_path: Path) -> None:
    assert write_shapes(two(), tmp_path / "mine.toml").stat().st_size < 2_000


def test_examples_are_kept_with_their_class_in_any_order(tmp_path: Path) -> None:
    mixed = [("rock", "rock_right"), ("none", "point_left"), ("rock", "rock_left"), ("none", "point_right")]
    examples = [(label, np.array(HANDS[hand]["xy"]), np.array(HANDS[hand]["xyz"])) for label, hand in mixed]
    one = learn_shapes("mine", HAND, examples)

    again = loaded(one, tmp_path / "mine.toml")

    np.testing.assert_allclose(again.vectors, one.vectors[[0, 2, 1, 3]], atol=1e-3)
    assert again.labels.tolist() == [0, 0, 1, 1]


def test_a_face_keeps_its_mirror(tmp_path: Path) -> None:
    face = get("face468")
    shape = np.random.default_rng(0).normal(size=(468, 2))

    assert loaded(learn_shapes("faces", face, [("smile", shape, None)]), tmp_path / "f.toml").flip_idx == face.flip_idx


def test_a_skeleton_of_your_own_is_kept(tmp_path: Path) -> None:
    crane = Skeleton("crane", ("foot", "cab", "tip", "hook"), ((0, 1), (1, 2), (2, 3)))
    shape = np.array([[0, 0], [0, -5], [9, -9], [9, -4]], dtype=float)

    again = loaded(learn_shapes("cranes", crane, [("out", shape, None)]), tmp_path / "c.toml")

    assert again.classify(embed(crane, shape[None]))[0][0] == "out"


def test_a_point_that_was_not_seen_is_kept_so(tmp_path: Path) -> None:
    body = get("coco17")
    shape = np.random.default_rng(0).normal(size=(17, 2))
    shape[15] = np.nan

    again = loaded(learn_shapes("bodies", body, [("a", shape, None)]), tmp_path / "b.toml")

    assert np.isnan(again.vectors[0, 30:32]).all()


@given(st.text(min_size=1, max_size=20).filter(lambda name: name not in ("none", "unknown")))
@settings(max_examples=60)
def test_any_name_of_a_gesture_is_kept_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = tmp_path_factory.mktemp("names") / "mine.toml"
    one = taught(**{name: "rock_right"})

    assert loaded(one, path).names == [name]


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rename its folder"):
        write_shapes(taught(**{"bad\udce9": "rock_right"}), tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("upright = ", "uprigt = ", "unknown key 'uprigt'; did you mean 'upright'?"),
        ("upright = false", "upright = 0", "'upright' must be true or false"),
        ("upright = false", "upright = true", "'spread' must be 21 numbers above 0, got 19"),
        ('"hand21"', '"hand22"', "no skeleton named 'hand22'"),
        ('"hand21"', '"coco17"', "'spread' must be 34 numbers above 0, got 19"),
        ('"hand21"', "21", "'skeleton' must be text"),
        ('vectors = "', 'vectors = "AAAAAAAA', "must be 4 examples of 19 numbers"),
        ('spread = "', 'spread = "!', "'spread' is not base64"),
        ('[limits]\n"rock" = ', '[limits]\n"rok" = ', "a number for each of rock, four"),
        ('[limits]\n"rock" = ', '[limits]\n"rock" = -', "the limit of 'rock' must be a number above 0"),
        ('[examples]\n"rock" = 2', '[examples]\n"rock" = -2', "must have from 1 to"),
        ('[examples]\n"rock" = 2', '[examples]\n"rock" = 20000', "at most 20000 examples"),
        ("format = 2", "format = 9", "format 9 is not known"),
        ("format = 2", "format = 1", "format 1 holds the measures of an older Poise; teach it anew"),
        ("format = 2", "format = 2\npoints = 21", "of a skeleton of your own"),
    ],
)
def test_a_damaged_set_names_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_shapes(two(), tmp_path / "mine.toml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(FormatError) as caught:
        GestureRecognizer(path)

    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


@pytest.mark.parametrize("key", ["name", "limits", "spread", "vectors", "examples", "upright", "skeleton"])
def test_a_set_without_a_key_is_refused(tmp_path: Path, key: str) -> None:
    table = tomllib.loads(write_shapes(two(), tmp_path / "mine.toml").read_text())
    del table[key]

    with pytest.raises(FormatError, match=f"needs '{key}'"):
        parse_shapes(TomlFile(Path("x.toml"), "", table))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_a_spread_that_is_no_length_is_refused(tmp_path: Path, bad: float) -> None:
    table = tomllib.loads(write_shapes(two(), tmp_path / "mine.toml").read_text())
    table["spread"] = base64.b64encode(np.full(19, bad, "<f2").tobytes()).decode()

    with pytest.raises(FormatError, match="'spread' must be 19 numbers above 0"):
        parse_shapes(TomlFile(Path("x.toml"), "", table))


def test_endless_vectors_are_refused(tmp_path: Path) -> None:
    table = tomllib.loads(write_shapes(two(), tmp_path / "mine.toml").read_text())
    table["vectors"] = base64.b64encode(np.full(4 * 19, np.inf, "<f2").tobytes()).decode()

    with pytest.raises(FormatError, match="must be finite"):
        parse_shapes(TomlFile(Path("x.toml"), "", table))


@pytest.mark.parametrize("flips", [[0, 1], "x", [0] * 34, [True, 1], list(range(16)) + [99]])
def test_strange_mirrors_are_refused(tmp_path: Path, flips: object) -> None:
    shape = np.random.default_rng(0).normal(size=(17, 2))
    one = learn_shapes("b", get("coco17"), [("a", shape, None)], mirror=True)
    table = tomllib.loads(write_shapes(one, tmp_path / "b.toml").read_text()) | {"flip_idx": flips}

    with pytest.raises(FormatError, match="each number from 0 to 16 once"):
        parse_shapes(TomlFile(Path("x.toml"), "", table))


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.binary(max_size=9))
anything = st.one_of(scalars, st.lists(scalars, max_size=3), st.dictionaries(st.text(max_size=5), scalars, max_size=3))


@given(key=st.sampled_from(["name", "format", "skeleton", "upright", "limits", "spread", "vectors", "examples",
                            "points", "flip_idx"]), value=anything)  # fmt: skip
@settings(max_examples=200)
def test_any_value_of_a_key_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    table = tomllib.loads(write_shapes(two(), tmp_path_factory.mktemp("any") / "mine.toml").read_text())

    with suppress(FormatError):
        assert parse_shapes(TomlFile(Path("x.toml"), "", table | {key: value})).vectors.shape == (4, 19)
