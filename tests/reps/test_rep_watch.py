"""Repetitions as events beside others, in one stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise import EventStream, FallWatch, PostureWatch, RepCounter, RepWatch, Results
from poise.events import Event
from poise.frames import Frame, Media
from poise.reps import Rep, RepEvent

IMAGE = np.zeros((200, 200, 3), np.uint8)


def push_ups(media: Media, count: int = 4) -> list[Results]:
    """Somebody whose body goes down and up ``count`` times, a second and a half each, 20 frames a second."""
    results = []
    for i in range(30 * count + 20):
        lift = 25 + 15 * np.cos(2 * np.pi * min(i, 30 * count) / 30)
        xy = np.zeros((1, 17, 2), np.float32)
        xy[0, :5] = [30, 150 - lift]
        xy[0, 5:7], xy[0, 9:11] = [50, 150 - lift], [50, 150]
        xy[0, 7:9] = [50 - np.sqrt(max(0.0, 20.5**2 - (lift / 2) ** 2)), 150 - lift / 2]
        xy[0, 11:13], xy[0, 13:15], xy[0, 15:] = [110, 148 - lift / 1.8], [140, 149 - lift / 3], [170, 150]
        box = [[25, 100, 175, 155, 7, 0.9, 0]]
        results.append(Results.of(Frame(IMAGE, media, i, i / 20), box, xy, np.full((1, 17), 0.9)))
    return results


def test_repetitions_are_events_with_a_start_and_an_end_and_begin_anew_with_another_source() -> None:
    stream = EventStream([RepWatch("push-up"), FallWatch(), PostureWatch()])
    said = [
        event
        for name in ("a.mp4", "b.mp4")
        for result in push_ups(Media(name, "video", 20.0))
        for event in stream.update(result)
        if event.event == "push-up.rep"
    ]

    assert [(event.id, event.value) for event in said] == [(7, 1), (7, 2), (7, 3), (7, 4)] * 2
    for event in said:
        assert event.start is not None
        assert event.end is not None
        assert 0.7 < event.end - event.start < 1.6
        assert event.end <= event.time + 0.05
        assert set(event.record()) == {"time", "frame", "id", "event", "value", "conf"}


def test_an_event_is_one_word_also_where_the_exercise_has_two(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = RepWatch("jumping-jack")
    result = push_ups(Media("a.mp4", "video", 20.0), 1)[0]
    rep = Rep(0.0, 0.5, 1.0, 1.0, "both", 0.9)
    monkeypatch.setattr(watch.counter, "update", lambda _: [RepEvent(7, rep, "jumping jack", 1)])

    assert [event.event for event in watch.update(result)] == ["jumping-jack.rep"]


def test_what_is_reset_says_nothing_of_what_went_on() -> None:
    watch = RepWatch(RepCounter("push-up"))
    results = push_ups(Media("a.mp4", "video", 20.0))
    for result in results[:70]:
        watch.update(result)
    assert watch.counter.counts == {7: 2}

    class Own:
        """A detector of the user's own, without a reset."""

        ended = False

        def update(self, result: Results) -> list[Event]:
            return []

        def finish(self) -> list[Event]:
            self.ended = True
            return []

    own = Own()
    stream = EventStream([watch, own])  # type: ignore[list-item]
    stream.reset()

    assert own.ended

    assert watch.counter.counts == {}
    assert stream.finish() == []


def test_an_exercise_that_there_is_not_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="did you mean 'squat'"):
        RepWatch("squot", folder=None)


def test_the_command_says_repetitions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from poise import samples
    from poise.cli import main

    samples.write(tmp_path)
    words = ["--reps", "squat", "--json", "--model", "body-fast", "--vid-stride", "3"]
    assert main(["events", str(tmp_path / "squats.mp4"), *words]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if '"squat.rep"' in line][-1].count('"value": ') == 1
    assert len(lines) >= 2
