"""From a source to sinks: a real clip is played, and nothing stays down however it ends."""

from __future__ import annotations

import pytest

from poise import Pose, samples
from poise.play import Action, BodyController, LatencyMeter, play

pytest.importorskip("av", reason="needs the extra video")


class Kept:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.actions: list[Action] = []

    def send(self, action: Action) -> None:
        self.actions.append(action)

    def close(self) -> None:
        pass

    def duck(self) -> list[str]:
        return [one.state for one in self.actions if one.name == "duck"]


@pytest.fixture(scope="module")
def model() -> Pose:
    return Pose("body-fast")


def test_four_squats_are_four_ducks_each_with_its_latency(model: Pose) -> None:
    sink, meter = Kept(), LatencyMeter()

    frames = list(play(samples.squats, BodyController("runner"), model=model, sinks=[sink], meter=meter))

    assert sink.duck() == ["press", "release"] * 4
    assert sink.actions == [action for one in frames for action in one.actions]
    assert meter.count == sum(one.state in ("press", "move") for one in sink.actions)
    assert 0 < meter.median <= meter.p95
    assert all(one.milliseconds > 0 for one in frames if one.result is not None)


def test_a_game_that_is_left_in_the_middle_has_no_key_that_is_stuck(model: Pose) -> None:
    sink = Kept()
    playing = play(samples.squats, BodyController("runner"), model=model, sinks=[sink])

    next(one for one in playing if any(action.name == "duck" for action in one.actions))
    assert sink.duck() == ["press"]
    playing.close()

    assert sink.duck() == ["press", "release"]


def test_a_sink_gets_only_the_player_that_is_asked_for(model: Pose) -> None:
    sink = Kept()

    frames = list(play(samples.squats, BodyController("runner", players=2), model=model, sinks=[sink], player=2))

    assert sink.actions == []
    assert not any(one.actions for one in frames)


class Failing(Kept):
    """Keeps what it is sent, and fails where a duck begins."""

    def send(self, action: Action) -> None:
        super().send(action)
        if action.name == "duck":
            raise KeyError(action.state)


def test_a_sink_that_fails_leaves_no_key_that_is_stuck_at_the_others(model: Pose) -> None:
    failing, sink = Failing(), Kept()

    with pytest.raises(KeyError, match="press"):
        list(play(samples.squats, BodyController("runner"), model=model, sinks=[failing, sink]))

    assert failing.duck() == sink.duck() == ["press", "release"]
