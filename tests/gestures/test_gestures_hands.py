"""Canned gestures of hands: real crops, both sides, any turn and size, and definitions that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.errors import FormatError
from poise.gestures import GestureRecognizer, read_definitions
from poise.gestures.sets import bundled_sets
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

ASSETS = Path(__file__).parents[1] / "assets"
JUDGED = json.loads((ASSETS / "judged_hands.json").read_text(encoding="utf-8"))
HANDS = json.loads((ASSETS / "gesture_hands.json").read_text(encoding="utf-8"))


def hand(name: str, *, change: np.ndarray | None = None, cls: int | None = None, conf: float = 0.99) -> Results:
    """Return one real hand, its points changed by a 2 x 2 matrix."""
    entry = HANDS[name]
    xy, xyz = np.array(entry["xy"]), np.array(entry["xyz"])
    if change is not None:
        xy = (xy - xy.mean(axis=0)) @ change.T + 300
        unit = change / np.sqrt(abs(np.linalg.det(change)))
        xyz = np.concatenate([xyz[:, :2] @ unit.T, xyz[:, 2:]], axis=1)
    side = entry["cls"] if cls is None else cls
    boxes = np.array([[*xy.min(axis=0), *xy.max(axis=0), conf, side]])
    points = Keypoints(
        freeze(xy[None]), freeze(np.full((1, 21), conf)), get("hand21"), (600, 600), xyz=freeze(xyz[None])
    )
    image = np.zeros((600, 600, 3), np.uint8)
    return Results(image, Boxes(freeze(boxes), (600, 600)), points, {0: "left_hand", 1: "right_hand"})


def judged(entry: dict[str, Any]) -> str:
    """Return what is said of a hand of a real picture."""
    xy, xyz, size = np.array(entry["xy"]), np.array(entry["xyz"]), tuple(entry["size"])
    row = [*xy.min(axis=0), *xy.max(axis=0), entry["conf"], float(entry["network"] == "right")]
    points = Keypoints(freeze(xy[None]), freeze(np.ones((1, 21))), get("hand21"), size, xyz=freeze(xyz[None]))
    image = np.broadcast_to(np.uint8(0), (*size, 3))
    result = Results(image, Boxes(freeze(np.array([row])), size), points, {0: "left_hand", 1: "right_hand"})
    return GestureRecognizer("hands").recognize(result)[0].gesture


def turned(degrees: float, scale: float = 1.0) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("name", sorted(HANDS))
def test_real_hands_show_what_their_picture_shows(name: str) -> None:
    (found,) = GestureRecognizer("hands").recognize(hand(name))

    assert found.gesture == HANDS[name]["gesture"]


@pytest.mark.parametrize("degrees", [90, 180, 250])
@pytest.mark.parametrize("name", ["rock_right", "four_left", "call_right", "point_left"])
def test_turn_and_size_do_not_change_the_gesture(name: str, degrees: float) -> None:
    (found,) = GestureRecognizer("hands").recognize(hand(name, change=turned(degrees, scale=0.3)))

    assert found.gesture == HANDS[name]["gesture"]


def test_a_thumb_down_upside_down_is_a_thumb_up() -> None:
    (found,) = GestureRecognizer("hands").recognize(hand("thumb_down_left", change=turned(180)))

    assert found.gesture == "thumb_up"


@pytest.mark.parametrize("name", sorted(HANDS))
def test_a_mirrored_hand_is_the_same_gesture(name: str) -> None:
    (found,) = GestureRecognizer("hands").recognize(hand(name, change=np.diag([-1.0, 1.0])))

    assert found.gesture == HANDS[name]["gesture"]


@pytest.mark.parametrize(("mirrored", "part"), [(False, "right_hand"), (True, "left_hand")])
def test_side_is_the_persons_own(mirrored: bool, part: str) -> None:
    (found,) = GestureRecognizer("hands", mirrored=mirrored).recognize(hand("rock_right"))

    assert found.part == part


@pytest.mark.parametrize("turn", [0, 20, -20])
@pytest.mark.parametrize("name", ["victory", "fist", "thumb_up", "point"])
def test_hands_that_others_have_labelled_are_told_the_same(name: str, turn: float) -> None:
    entry = json.loads((ASSETS / "mediapipe_gestures.json").read_text(encoding="utf-8"))[name]
    xy, xyz, by = np.array(entry["xy"]), np.array(entry["xyz"]), turned(turn)
    xy = (xy - xy.mean(axis=0)) @ by.T + 500
    xyz[:, :2] = xyz[:, :2] @ by.T

    said = judged({"xy": xy, "xyz": xyz, "size": [1000, 1000], "conf": 0.99, "network": "right"})

    assert said == name


@pytest.mark.parametrize("group", ["photos", "clips"])
def test_no_gesture_is_taken_for_another(group: str) -> None:
    shown = [one for one in JUDGED if one["group"] == group and one["gesture"] not in ("?", "unknown")]

    wrong = [
        (one["source"], one["gesture"], said)
        for one in shown
        if "|" not in one["gesture"] and (said := judged(one)) not in (one["gesture"], "unknown")
    ]

    assert wrong == []


@pytest.mark.parametrize(("group", "least"), [("photos", 27 / 29), ("clips", 16 / 19)])
def test_gestures_of_real_hands_are_told(group: str, least: float) -> None:
    shown = [one for one in JUDGED if one["group"] == group and one["gesture"] not in ("?", "unknown")]
    plain = [one for one in shown if "|" not in one["gesture"]]

    right = np.mean([judged(one) == one["gesture"] for one in plain])

    assert right >= least


@pytest.mark.parametrize(("group", "least"), [("photos", 70 / 78), ("clips", 61 / 64)])
def test_hands_at_rest_and_at_work_are_unknown(group: str, least: float) -> None:
    none = [one for one in JUDGED if one["group"] == group and one["gesture"] == "unknown"]

    unknown = np.mean([judged(one) == "unknown" for one in none])

    assert unknown >= least


def test_a_hand_that_the_edge_cuts_is_unknown() -> None:
    entry = HANDS["rock_right"]
    xy = np.array(entry["xy"])
    # The picture ends at the hand's middle.
    result = hand("rock_right")
    cut = (600, int(xy[:, 0].mean()))
    points = Keypoints(result.keypoints.xy, result.keypoints.conf, get("hand21"), cut, xyz=result.keypoints.xyz)
    boxes = Boxes(result.boxes.data, cut)
    image = np.zeros((*cut, 3), np.uint8)

    (found,) = GestureRecognizer("hands").recognize(Results(image, boxes, points, result.names))

    assert found.gesture == "unknown"


def test_a_tiny_hand_is_unknown() -> None:
    (found,) = GestureRecognizer("hands").recognize(hand("rock_right", change=0.1 * np.eye(2)))

    assert found.gesture == "unknown"


def test_a_doubtful_hand_is_unknown() -> None:
    (found,) = GestureRecognizer("hands").recognize(hand("rock_right", conf=0.3))

    assert found.gesture == "unknown"


def test_a_hand_without_extent_is_unknown() -> None:
    (found,) = GestureRecognizer("hands").recognize(hand("rock_right", change=np.zeros((2, 2)) + 1e-12 * np.eye(2)))

    assert found.gesture in ("unknown", "rock")


def test_numbers_count_fingers() -> None:
    (found,) = GestureRecognizer("numbers").recognize(hand("point_left"))

    assert found.gesture == "one"


def test_no_hand_gives_no_gesture() -> None:
    assert GestureRecognizer("hands").recognize(hand("rock_right")[:0]) == []


@pytest.mark.parametrize("name", bundled_sets())
def test_bundled_sets_have_no_conflicts(name: str) -> None:
    assert GestureRecognizer(name).conflicts == []


def test_definitions_that_nothing_tells_apart_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[gesture]]\nname = "a"\npart = "hand"\nstraight = ["index"]\n\n'
        '[[gesture]]\nname = "b"\npart = "hand"\nstraight = ["index", "middle"]\n'
    )

    assert read_definitions(path).conflicts == [f"{path}:7: nothing tells 'b' from 'a' ({path}:2)"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('straigth = ["index"]', ":4: unknown key 'straigth'; did you mean 'straight'?"),
        ('straight = ["indx"]', ":4: no finger named 'indx'; did you mean 'index'?"),
        ('straight = ["index"]\nfolded = ["index"]', ":5: 'index' cannot be straight and folded at once"),
        ('thumb = "up"', ":4: 'thumb' must be 'out' or 'folded', got 'up'"),
        ('where = [{ measure = "thumb_opn", min = 0 }]', "no measure of a hand named 'thumb_opn'"),
        ('where = [{ distance = ["thumb_tip", "index_tp"], max = 1 }]', "no keypoint named 'index_tp'"),
        ('where = [{ measure = "thumb_out", min = 2, max = 1 }]', "can never hold"),
        ('where = [{ measure = "thumb_out" }]', "needs 'min', 'max' or both"),
        ('where = [{ measure = "thumb_out", min = 1, as = "mean" }]', "give the gesture 'over_s'"),
        ("", "gesture 'a' has no conditions"),
    ],
)
def test_wrong_definitions_name_their_line(tmp_path: Path, body: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'[[gesture]]\nname = "a"\npart = "hand"\n{body}\n')

    with pytest.raises(FormatError) as caught:
        read_definitions(path)

    assert str(caught.value).startswith(f"{path}:")
    assert message in str(caught.value)


def test_an_unknown_set_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'hands'"):
        GestureRecognizer("hand")
