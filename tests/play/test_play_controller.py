"""What players do becomes actions: real jumps, drawn movements, several players, and people who do nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from play_kit import MEDIA, NAMES, act_out, pressed, results, run_on_spot, stand, still, track
from synthetic_gestures import act, lasts

import poise
from poise.frames import Frame, Media
from poise.gestures import GestureRecognizer
from poise.play import Action, BodyController, bundled_maps, read_map
from poise.results import Results
from poise.skeletons import get


def moved(name: str, *, before: float = 1.5, **settings: float) -> np.ndarray:
    """Return somebody who stands, makes a movement of the synthetic ones, and stands again."""
    times = np.arange(0, before + lasts(name) + 2.0, 1 / 30)
    return act(still(len(times) / 30)[: len(times)], times, name, start=before, noise=1.5, **settings)


def test_the_public_name() -> None:
    assert poise.BodyController is BodyController


def test_real_jumps_are_pressed_before_they_have_landed() -> None:
    frames = track("jumps")
    recognizer, landed = GestureRecognizer("moves"), []
    for one in frames:
        recognizer.update(one)
        landed += [event.time for event in recognizer.events if event.state == "on"]

    actions = list(BodyController("runner").follow(frames))

    jumps = [one.time for one in actions if one.name == "jump" and one.state == "press"]
    assert len(jumps) == 5  # the clip ends before the fifth has landed
    assert len(landed) == 4
    assert all(0.2 <= b - a <= 0.6 for a, b in zip(jumps, landed, strict=False))


@pytest.mark.parametrize("name", bundled_maps())
@pytest.mark.parametrize("who", ["walk", "hidden", "crowd", "stand"])
def test_who_does_not_play_presses_nothing(name: str, who: str) -> None:
    actions = BodyController(name).follow(track(who))

    assert pressed(list(actions)) == []


def test_a_duck_is_held_as_long_as_it_lasts() -> None:
    actions = act_out(BodyController("runner"), moved("squat_down"))

    duck = [(one.state, one.time) for one in actions if one.name == "duck"]
    assert [state for state, _ in duck] == ["press", "release"]
    # The way down begins at 1.5 s and takes 0.8 s, half a second is spent there, the way up ends at 3.6 s.
    assert 1.7 <= duck[0][1] <= 2.1
    assert 3.0 <= duck[1][1] <= 3.7


def test_a_jump_is_tapped_and_let_go() -> None:
    actions = act_out(BodyController("runner"), moved("jump"))

    jump = [one for one in actions if one.name == "jump"]
    assert [one.state for one in jump] == ["press", "release"]
    assert [one.value for one in jump] == [1.0, 0.0]
    assert jump[0].key == "space"
    assert jump[0].gamepad == "a"
    assert 0.06 <= jump[1].time - jump[0].time <= 0.14
    # In the air from 1.95 s to 2.35 s.
    assert 1.9 <= jump[0].time <= 2.2


def test_running_on_the_spot_sprints_until_it_stops() -> None:
    points = np.concatenate([still(1.0), run_on_spot(3.0), still(2.0)])

    sprint = [one for one in act_out(BodyController("runner"), points) if one.name == "sprint"]

    assert [one.state for one in sprint] == ["press", "release"]
    assert 1.5 <= sprint[0].time <= 2.6
    assert 4.0 <= sprint[1].time <= 5.6


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_punch_and_a_kick_are_told_with_their_side(side: str) -> None:
    assert pressed(act_out(BodyController("boxing"), moved(f"punch_{side}"))) == [f"punch_{side}"]
    assert pressed(act_out(BodyController("boxing"), moved(f"kick_{side}"))) == ["kick"]


def test_fists_before_the_face_are_a_guard_as_long_as_they_are_there() -> None:
    guard = stand()
    for name, at in {"elbow": (38, 45), "wrist": (18, -12)}.items():
        for side, sign in (("left", 1), ("right", -1)):
            guard[NAMES.index(f"{side}_{name}")] = (450 + sign * at[0], 250 + at[1])

    actions = act_out(BodyController("boxing"), np.concatenate([still(1.0), still(1.0, guard), still(1.0)]))

    assert [(one.name, one.state) for one in actions] == [("guard", "press"), ("guard", "release")]
    assert [one.time for one in actions] == pytest.approx([1.17, 2.2], abs=0.1)


def test_a_mirrored_picture_exchanges_the_sides() -> None:
    from poise.skeletons import get

    flipped = moved("punch_left")[:, get("coco17").flip_idx] * (-1, 1) + (900, 0)

    # The picture of a selfie camera: the points of the left hand are called those of the right one.
    assert pressed(act_out(BodyController("boxing"), flipped)) == ["punch_right"]
    assert pressed(act_out(BodyController("boxing", mirrored=True), flipped)) == ["punch_left"]


def test_a_lean_steers_to_its_side() -> None:
    values = {}
    for side in ("left", "right"):
        actions = act_out(BodyController("wheel"), moved(f"lean_{side}"))
        steer = [one.value for one in actions if one.name == "steer"]
        values[side] = min(steer) if side == "left" else max(steer)
        assert steer[-1] == pytest.approx(0.0, abs=0.05)

    # Left is -1 on a gamepad; 25 degrees are beyond the end of the range.
    assert values["left"] == pytest.approx(-1.0, abs=0.1)
    assert values["right"] == pytest.approx(1.0, abs=0.1)


def test_the_lane_is_where_the_player_stands_in_their_own_sides() -> None:
    def lane(x: float, *, mirrored: bool = False) -> float:
        actions = act_out(BodyController("runner", mirrored=mirrored), still(1.0, stand(x)))
        return [0.0, *(one.value for one in actions if one.name == "lane")][-1]

    # The picture is 900 wide; who faces the camera has the own right on its left.
    assert lane(450) == 0.0
    assert lane(225) == pytest.approx(1.0)
    assert lane(675) == pytest.approx(-1.0)
    assert lane(225, mirrored=True) == pytest.approx(-1.0)


def test_hands_are_faders() -> None:
    actions = act_out(BodyController("hands"), moved("hand_raised_left"))

    left = [one.value for one in actions if one.name == "left_height"]
    right = [one.value for one in actions if one.name == "right_height"]
    assert max(left) >= 0.9
    assert max([0.0, *right]) <= 0.1


def test_the_end_of_a_source_lets_go_of_what_is_down() -> None:
    controller = BodyController("runner")
    down = moved("squat_down")[: round(2.6 * 30)]

    actions = act_out(controller, down)
    after = controller.finish()

    assert pressed(actions) == ["duck"]
    assert [(one.name, one.state) for one in after] == [("duck", "release")]
    assert controller.finish() == []


def test_another_source_lets_go_and_begins_anew() -> None:
    told: list[Action] = []
    controller = BodyController("runner", on_action=told.append)
    act_out(controller, moved("squat_down")[: round(2.6 * 30)])

    controller.update(results([stand()], ids=[1], media=Media("other", "video")))

    assert [(one.name, one.state) for one in told] == [("duck", "press"), ("duck", "release")]


def test_a_player_who_leaves_lets_go() -> None:
    controller = BodyController("runner")
    act_out(controller, moved("squat_down")[: round(2.6 * 30)])

    late = controller.update(results([], ids=[], time=4.5))
    gone = controller.update(results([], ids=[], time=5.0))

    assert late == []
    assert [(one.name, one.state) for one in gone] == [("duck", "release")]


def test_two_players_are_numbered_from_the_left_and_act_apart() -> None:
    controller = BodyController("boxing")
    punches = moved("punch_right")
    actions: list[Action] = []
    for n, xy in enumerate(punches):
        # The one on the right of the picture comes first in the frame, and punches.
        actions += controller.update(results([xy + (250, 0), stand(150)], ids=[7, 3], time=n / 30, frame=n))

    assert {(one.name, one.player, one.id) for one in actions} == {("punch_right", 2, 7)}


def test_the_largest_plays_where_the_map_says_one() -> None:
    controller, near = BodyController("runner"), stand(0, 0) * 1.2 + (150, 250)
    actions: list[Action] = []
    for n, xy in enumerate(moved("jump")):
        actions += controller.update(results([xy + (250, 0), near], ids=[1, 2], time=n / 30, frame=n))

    assert "jump" not in pressed(actions)


def test_a_new_id_at_the_same_place_is_the_same_player() -> None:
    controller = BodyController("runner")
    actions: list[Action] = []
    for n, xy in enumerate(moved("squat_down")):
        actions += controller.update(results([xy], ids=[1 if n < 65 else 9], time=n / 30, frame=n))

    assert [one.state for one in actions if one.name == "duck"] == ["press", "release"]


def test_results_without_ids_can_be_played_too() -> None:
    controller = BodyController("runner")
    actions: list[Action] = []
    for n, xy in enumerate(moved("jump")):
        actions += controller.update(results([xy], time=n / 30, frame=n))

    assert "jump" in pressed(actions)
    assert {one.id for one in actions} == {None}


def test_nobody_and_nothing_seen_make_no_actions() -> None:
    controller = BodyController("runner")

    with np.errstate(all="ignore"):
        nobody = controller.update(results([], ids=[]))
        unseen = controller.update(results([stand()], ids=[1], conf=0.05, time=1.0))

    assert nobody == unseen == []


def test_a_map_object_and_its_records() -> None:
    (action, *_) = act_out(BodyController(read_map("runner")), moved("jump"))

    assert action.record() == {
        "action": "jump", "state": "press", "value": 1.0, "player": 1, "id": 1, "time": round(action.time, 3),
        "conf": round(action.conf, 3), "key": "space", "gamepad": "a",
    }  # fmt: skip


@pytest.mark.parametrize("players", [0, -1, 9, 10**9, 1.5, "2", True])
def test_players_are_one_to_eight(players: Any) -> None:
    with pytest.raises(ValueError, match="players must be a whole number from 1 to 8, got "):
        BodyController(players=players)


@pytest.mark.parametrize("skeleton", ["hand21", "face468"])
def test_what_is_no_body_is_refused_and_not_ignored(skeleton: str) -> None:
    frame = Frame(np.zeros((100, 200, 3), np.uint8), MEDIA, 0, 0.0)
    points = len(get(skeleton))
    nobody = Results.of(
        frame, np.zeros((0, 7)), np.zeros((0, points, 2)), np.zeros((0, points)), skeleton=get(skeleton)
    )

    with pytest.raises(ValueError, match=f"shoulders and hips of bodies, .* got {skeleton}; choose a model of bodies"):
        BodyController("runner").update(nobody)
