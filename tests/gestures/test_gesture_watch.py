"""Gestures in the stream of events: of a real waving and a real standing person, and of a real hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise import EventStream, GestureWatch
from poise.events.event import Event
from poise.frames import Frame, Media
from poise.results import Results
from poise.skeletons import get
from poise.sources import open_source

BODIES = np.load(Path(__file__).parents[1] / "assets/gesture_bodies.npz")


def track(name: str, *, kind: str = "video") -> list[Results]:
    """Return the results of a real clip, with id 7."""
    media = Media(f"{name}.mp4", kind=kind)
    out = []
    for i, (xy, conf, time) in enumerate(
        zip(*(BODIES[f"{name}_{key}"] for key in ("xy", "conf", "time")), strict=True)
    ):
        box = [[*xy.min(axis=0), *xy.max(axis=0), 7, 0.9, 0]]
        frame = Frame(np.zeros((480, 640, 3), np.uint8), media, i, float(time))
        out.append(Results.of(frame, box, xy[None], conf[None], skeleton=get("coco17")))
    return out


def watch(results: list[Results], detector: GestureWatch) -> list[Event]:
    return [event for _, events in EventStream([detector]).watch(results) for event in events]


def test_waving_is_an_event_with_id_and_part() -> None:
    said = watch(track("wave"), GestureWatch(["body", "moves"]))

    first = said[0]
    assert (first.event, first.value, first.id) == ("waving_right.on", "body", 7)
    assert list(first.record()) == ["time", "frame", "id", "event", "value", "conf"]


def test_standing_is_silent() -> None:
    assert watch(track("none_stand"), GestureWatch(["body", "moves"])) == []


def test_what_is_on_goes_off_when_the_source_ends() -> None:
    said = watch(track("wave"), GestureWatch(["body", "moves"]))

    on = [e.event.removesuffix(".on") for e in said if e.event.endswith(".on")]
    off = [e.event.removesuffix(".off") for e in said if e.event.endswith(".off")]
    assert sorted(on) == sorted(off)


def test_another_video_begins_anew() -> None:
    detector = GestureWatch(["body", "moves"])

    once = watch(track("wave"), detector)
    again = watch(track("wave"), detector)

    assert once == again


def test_pictures_that_stand_alone_have_no_events_but_gestures() -> None:
    detector = GestureWatch("body")

    assert watch(track("wave", kind="image"), detector) == []


def test_no_model_of_hands_is_made_for_a_set_of_bodies() -> None:
    detector = GestureWatch("body")
    detector.update(track("wave")[0])

    assert detector._hands is None


def test_conflicts_of_the_sets_are_noted(tmp_path: Path) -> None:
    assert GestureWatch(["hands", "numbers"]).notes == GestureWatch(["hands", "numbers"]).recognizer.conflicts


def test_a_set_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'hands'"):
        GestureWatch("hand")


def test_names_of_gestures_are_painted_at_the_body() -> None:
    detector, results = GestureWatch(["body", "moves"]), track("wave")
    blank = np.zeros((480, 640, 3), np.uint8)
    for result in results[:20]:
        detector.update(result)

    assert [gesture.gesture for gesture in detector.gestures] != ["unknown"]
    assert (detector.paint(blank.copy()) != blank).any()


def test_a_real_hand_is_an_event_with_its_side(shared: Path) -> None:
    picture = next(iter(open_source(str(sorted((shared / "data/gestures").glob("four/*.jpg"))[1])))).image
    media, detector = Media("four.mp4", kind="video"), GestureWatch("hands")
    said = []
    for i in range(6):
        said += detector.update(Results.of(Frame(picture, media, i, i * 0.1), np.zeros((0, 7))))
    said += detector.finish()

    assert [(event.event, event.id) for event in said] == [("four.on", 1_000_001), ("four.off", 1_000_001)]
    assert {event.value for event in said} <= {"left_hand", "right_hand"}
