"""Hands over time: who is who, whose they are, and which side, with a hand model that errs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.gestures import GestureRecognizer
from poise.gestures.streams.hand_follower import BESIDE_BODIES, HandFollower, wrist_pairs
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

SHAPE = np.array(
    json.loads((Path(__file__).parents[1] / "assets/gesture_hands.json").read_text(encoding="utf-8"))["rock_right"][
        "xy"
    ]
)
SHAPE = (SHAPE - SHAPE.mean(axis=0)) / np.ptp(SHAPE, axis=0).max()
STEP = 1 / 30


def hands(*places: tuple[float, float], size: float = 80.0) -> np.ndarray:
    """Return real hands at places."""
    return np.array([SHAPE * size + place for place in places]).reshape(-1, 21, 2)


def sides(words: str) -> np.ndarray:
    return np.array([word == "R" for word in words], dtype=bool)


def body(x: float, left: tuple[float, float], right: tuple[float, float]) -> np.ndarray:
    """Return somebody at x who faces the camera, with wrists at places; forearms are 150 pixels long."""
    xy = np.full((17, 2), np.nan)
    xy[5], xy[6], xy[11], xy[12] = (x + 100, 300), (x - 100, 300), (x + 70, 600), (x - 70, 600)
    xy[9], xy[10] = left, right
    xy[7], xy[8] = xy[9] + (0, 150), xy[10] + (0, 150)
    return xy


def wrist(place: tuple[float, float], size: float = 80.0) -> tuple[float, float]:
    """Return where the wrist of a hand at a place is."""
    x, y = SHAPE[0] * size + place
    return float(x), float(y)


def test_two_hands_that_cross_keep_their_keys() -> None:
    follower = HandFollower()
    seen = []
    for n in range(41):
        places = [(200 + 10 * n, 300), (600 - 10 * n, 330)]
        order = (0, 1) if n % 2 else (1, 0)  # rows swap from frame to frame
        found = follower.update(hands(*(places[i] for i in order)), sides("".join("RL"[i] for i in order)), n * STEP)
        seen.append([found.keys[order.index(i)] for i in (0, 1)])

    assert seen == [seen[0]] * 41
    assert len(set(seen[0])) == 2


def test_a_hand_that_comes_back_near_within_a_second_is_the_same() -> None:
    follower = HandFollower()
    (first,) = follower.update(hands((300, 300)), sides("R"), 0.0).keys
    follower.update(hands(), sides(""), 0.4)

    assert follower.update(hands((330, 310)), sides("R"), 0.8).keys == [first]


def test_a_hand_that_comes_back_later_is_another() -> None:
    follower = HandFollower()
    (first,) = follower.update(hands((300, 300)), sides("R"), 0.0).keys

    assert follower.update(hands((300, 300)), sides("R"), 1.5).keys != [first]


def test_a_hand_far_from_a_lost_one_is_another() -> None:
    follower = HandFollower()
    (first,) = follower.update(hands((300, 300)), sides("R"), 0.0).keys

    assert follower.update(hands((900, 300)), sides("R"), STEP).keys != [first]


def test_one_wrong_side_changes_nothing() -> None:
    follower = HandFollower()
    said = "RRRRRLRRRLLRRRR"

    right = [follower.update(hands((300, 300)), sides(word), n * STEP).right[0] for n, word in enumerate(said)]

    assert all(right)


def test_a_hand_told_wrongly_at_first_is_righted() -> None:
    follower = HandFollower()
    said = "L" + "R" * 14

    right = [follower.update(hands((300, 300)), sides(word), n * STEP).right[0] for n, word in enumerate(said)]

    assert not right[0]
    assert all(right[3:])


def test_the_wrist_of_the_body_knows_better() -> None:
    person = body(400, left=wrist((550, 300)), right=wrist((200, 300)))[None], np.ones((1, 17))

    found = HandFollower().update(hands((550, 300), (200, 300)), sides("RL"), 0.0, bodies=person, people=[7])

    assert found.right.tolist() == [False, True]
    assert found.ids == [7, 7]


def test_wrists_side_by_side_say_nothing() -> None:
    person = body(400, left=(420, 300), right=(400, 300))[None]

    _, side = wrist_pairs(hands((410, 290)), person, np.ones((1, 17)))

    assert side.tolist() == [0.0]


@pytest.mark.parametrize(("conf", "row"), [(0.7, 0), (0.3, -1)])
def test_a_wrist_without_its_elbow_must_be_surer(conf: float, row: int) -> None:
    person = body(400, left=wrist((550, 300)), right=wrist((200, 300)))[None]
    sure = np.ones((1, 17))
    sure[0, [7, 8]] = 0.05
    sure[0, 9] = conf

    rows, _ = wrist_pairs(hands((550, 300)), person, sure)

    assert rows.tolist() == [row]


def test_an_unseen_wrist_at_the_same_place_leaves_the_side_open() -> None:
    person = body(400, left=(420, 300), right=(400, 300))[None]
    sure = np.ones((1, 17))
    sure[0, 10] = 0.05

    rows, side = wrist_pairs(hands((410, 290)), person, sure)

    assert (rows.tolist(), side.tolist()) == ([0], [0.0])


def test_a_wrist_has_one_hand() -> None:
    person = body(400, left=wrist((500, 300)), right=wrist((200, 300)))[None]

    rows, side = wrist_pairs(hands((500, 300), (505, 310)), person, np.ones((1, 17)))

    assert rows.tolist() == [0, 0]
    assert side.tolist() == [-1.0, 0.0]


def test_two_hands_of_one_person_are_a_left_and_a_right_one() -> None:
    person = body(400, left=(420, 300), right=(400, 300))[None], np.ones((1, 17))

    found = HandFollower().update(hands((380, 290), (450, 290)), sides("RR"), 0.0, bodies=person, people=[1])

    assert sorted(found.right.tolist()) == [False, True]


def test_hands_of_two_people_have_their_ids() -> None:
    people = np.array(
        [
            body(300, left=wrist((420, 300)), right=wrist((180, 300))),
            body(900, left=wrist((1020, 300)), right=wrist((780, 300))),
        ]
    )
    places = [(780, 300), (420, 300), (1020, 300), (180, 300)]

    found = HandFollower().update(hands(*places), sides("RLLR"), 0.0, bodies=(people, np.ones((2, 17))), people=[4, 9])

    assert found.ids == [9, 4, 9, 4]


def test_a_hand_keeps_its_person_while_the_body_is_not_seen() -> None:
    follower = HandFollower()
    person = body(400, left=wrist((550, 300)), right=wrist((200, 300)))[None]
    follower.update(hands((550, 300)), sides("L"), 0.0, bodies=(person, np.ones((1, 17))), people=[3])

    later = follower.update(hands((555, 300)), sides("L"), STEP, bodies=(person[:0], np.ones((0, 17))), people=[])

    assert later.ids == [3]


def test_hands_alone_count_from_one() -> None:
    assert HandFollower().update(hands((200, 300), (600, 300)), sides("RL"), 0.0).ids == [1, 2]


def test_a_hand_beside_bodies_never_has_the_id_of_a_person() -> None:
    person = body(400, left=(550, 300), right=(200, 300))[None], np.ones((1, 17))

    found = HandFollower().update(hands((1500, 300)), sides("R"), 0.0, bodies=person, people=[1])

    assert found.ids == [BESIDE_BODIES]


def test_a_clock_that_runs_backwards_is_another_video() -> None:
    follower = HandFollower()
    (first,) = follower.update(hands((300, 300)), sides("R"), 5.0).keys

    assert follower.update(hands((300, 300)), sides("R"), 0.0).keys != [first]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 1280), st.integers(0, 720), st.booleans()), max_size=5),
        max_size=12,
    )
)
def test_no_two_hands_of_a_frame_are_one(frames: list[list[tuple[int, int, bool]]]) -> None:
    follower = HandFollower()
    for n, frame in enumerate(frames):
        places = hands(*((x, y) for x, y, _ in frame))
        found = follower.update(places, np.array([right for *_, right in frame], dtype=bool), n * STEP)

        assert len(set(found.keys)) == len(set(found.ids)) == len(found.right) == len(frame)


def results(places: list[tuple[float, float]], words: str, time: float) -> Results:
    xy = hands(*places)
    n = len(xy)
    rows = np.column_stack([xy.min(axis=1), xy.max(axis=1), np.full(n, 0.99), sides(words)]) if n else np.zeros((0, 6))
    points = Keypoints(freeze(xy), freeze(np.full((n, 21), 0.99)), get("hand21"), (720, 1280))
    image = np.broadcast_to(np.uint8(0), (720, 1280, 3))
    return Results(image, Boxes(freeze(rows), (720, 1280)), points, {0: "left_hand", 1: "right_hand"}, time=time)


def test_rows_that_swap_make_no_events() -> None:
    recognizer = GestureRecognizer("hands")
    on = []
    for n in range(60):
        places = [(200.0, 300.0), (600.0, 300.0)]
        swap = n % 3 == 0
        recognizer.update(results(places[::-1] if swap else places, "LR" if swap else "RL", n * STEP))
        on += [(event.state, event.part, event.id) for event in recognizer.events]

    assert sorted(on) == [("on", "left_hand", 1), ("on", "right_hand", 2)]


def test_sides_that_flicker_make_no_events() -> None:
    recognizer = GestureRecognizer("hands")
    on = []
    for n in range(60):
        recognizer.update(results([(200.0, 300.0)], "L" if n % 7 == 5 else "R", n * STEP))
        on += [(event.state, event.part) for event in recognizer.events]

    assert on == [("on", "right_hand")]


@pytest.mark.parametrize("mirrored", [False, True])
def test_sides_of_a_mirrored_picture_are_exchanged_with_bodies_too(mirrored: bool) -> None:
    person = body(400, left=wrist((550, 300)), right=wrist((200, 300)))[None]
    row = np.array([[200.0, 100, 600, 700, 7, 0.9, 0]])
    bodies = Results(
        np.broadcast_to(np.uint8(0), (720, 1280, 3)),
        Boxes(freeze(row), (720, 1280)),
        Keypoints(freeze(person), freeze(np.ones((1, 17))), get("coco17"), (720, 1280)),
        {0: "person"},
    )

    said = GestureRecognizer("hands", mirrored=mirrored).update(results([(550.0, 300.0)], "R", 0.0), bodies)

    assert (said[0].part, said[0].id) == ("right_hand" if mirrored else "left_hand", 7)


def mirrored_pair(apart: float, *, size: float = 80.0) -> np.ndarray:
    """Return two hands of somebody who faces the camera: mirror images, side by side."""
    left, right = hands((200.0, 200.0), size=80.0), hands((200.0 + apart, 200.0), size=size)
    right[0, :, 0] = 2 * (200.0 + apart) - right[0, :, 0]
    return np.concatenate([left, right])


@pytest.mark.parametrize("said", ["RR", "LL"])
def test_two_near_hands_without_a_body_that_mirror_each_other_are_one_left_and_one_right(said: str) -> None:
    follower = HandFollower()

    found = follower.update(mirrored_pair(180), sides(said), 0.0)

    assert found.right.tolist() == [True, False]  # on the picture's left is the right hand of who faces the camera


def test_what_was_seen_before_decides_which_of_two_near_hands_is_which() -> None:
    follower = HandFollower()
    for i in range(10):
        follower.update(mirrored_pair(180), sides("LR"), i * STEP)

    assert follower.update(mirrored_pair(180), sides("RR"), 10 * STEP).right.tolist() == [False, True]


@pytest.mark.parametrize(
    "pair",
    [
        mirrored_pair(700),  # far apart: of two people
        mirrored_pair(180, size=200.0),  # another is nearer to the camera
        hands((200, 200), (440, 200)),  # alike, no mirror images, and not close together
    ],
)
def test_hands_that_may_be_of_two_people_keep_what_was_said_of_them(pair: np.ndarray) -> None:
    assert HandFollower().update(pair, sides("RR"), 0.0).right.tolist() == [True, True]
