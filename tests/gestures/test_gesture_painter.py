"""Gestures drawn on frames, and the frames of a source one after the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.frames import Frame, Media
from poise.gestures import Gesture, GestureEvent, GestureFrame, GesturePainter, GestureRecognizer, watch_gestures
from poise.results import Results
from poise.results.columns import Boxes, Keypoints, freeze
from poise.skeletons import get

SIZE = (480, 640)
SHAPE = np.array(
    json.loads((Path(__file__).parents[1] / "assets/gesture_hands.json").read_text(encoding="utf-8"))["rock_right"][
        "xy"
    ]
)
SHAPE = (SHAPE - SHAPE.mean(axis=0)) / np.ptp(SHAPE, axis=0).max()
VIDEO = Media("clip.mp4", "video")


def frame(time: float = 0.0, media: Media = VIDEO) -> Frame:
    return Frame(np.full((*SIZE, 3), 127, np.uint8), media, round(time * 30), time)


def hands(at: Frame, *places: tuple[float, float]) -> Results:
    xy = np.array([SHAPE * 80 + place for place in places]).reshape(-1, 21, 2)
    n = len(xy)
    rows = np.column_stack([xy.min(axis=1), xy.max(axis=1), np.full(n, 0.99), np.ones(n)]) if n else np.zeros((0, 6))
    points = Keypoints(freeze(xy), freeze(np.full((n, 21), 0.99)), get("hand21"), SIZE)
    names = {0: "left_hand", 1: "right_hand"}
    return Results(at.image, Boxes(freeze(rows), SIZE), points, names, at.index, at.time, at.media)


def somebody(at: Frame) -> Results:
    """Return a person whose head touches the top of the picture, so that no label fits above it."""
    xy = np.full((1, 17, 2), np.nan)
    xy[0, :5] = [(320, 40), (335, 25), (305, 25), (350, 35), (290, 35)]
    xy[0, 5:7] = [(400, 150), (240, 150)]
    conf = np.where(np.isfinite(xy[..., 0]), 0.9, 0.0)
    box = np.array([[280.0, 0, 420, 400, 1, 0.9, 0]])
    points = Keypoints(freeze(xy), freeze(conf), get("coco17"), SIZE)
    return Results(at.image, Boxes(freeze(box), SIZE), points, {0: "person"}, at.index, at.time, at.media)


def test_a_label_stands_beside_the_hand() -> None:
    at = frame()
    seen = GestureFrame(at, hands(at, (300, 300)), None, [Gesture("right_hand", "rock", 0.9, 1, 0)], [])
    unknown = GestureFrame(at, hands(at, (300, 300)), None, [Gesture("right_hand", "unknown", 0.9, 1, 0)], [])

    label = GesturePainter().paint(seen).orig_img != GesturePainter().paint(unknown).orig_img

    rows, columns = np.nonzero(label.any(axis=2))
    assert 240 < rows.min() < rows.max() <= 267
    assert abs(columns.min() - 300) < 80


def test_a_label_of_a_body_does_not_cover_the_face() -> None:
    at = frame()
    seen = GestureFrame(at, None, somebody(at), [Gesture("body", "hands_raised", 0.9, 1, 0)], [])
    unknown = GestureFrame(at, None, somebody(at), [Gesture("body", "unknown", 0.9, 1, 0)], [])

    label = GesturePainter().paint(seen).orig_img != GesturePainter().paint(unknown).orig_img

    assert label.any()
    assert not label[20:50, 285:355].any()


def test_what_begins_is_written_for_two_seconds() -> None:
    painter = GesturePainter()
    event = GestureEvent("on", "rock", "right_hand", 1, 1.0, 0.8, None, 0.9)
    at = [frame(time) for time in (1.0, 2.5, 3.5)]

    shown = [
        painter.paint(GestureFrame(one, hands(one), None, [], [event] if one.time == 1.0 else [])).orig_img[400:]
        for one in at
    ]

    assert [bool((picture != 127).any()) for picture in shown] == [True, True, False]


def test_another_video_starts_without_events() -> None:
    painter = GesturePainter()
    event = GestureEvent("on", "rock", "right_hand", 1, 0.0, 0.0, None, 0.9)
    first, second = frame(), frame(media=Media("other.mp4", "video"))
    painter.paint(GestureFrame(first, hands(first), None, [], [event]))

    assert (painter.paint(GestureFrame(second, hands(second), None, [], [])).orig_img == 127).all()


def test_a_frame_that_nobody_looked_at_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        GesturePainter().paint(GestureFrame(frame(), None, None, [], []))


class _Hands:
    """Stands in for ``Pose("hands")``: shows one hand in every frame of two videos."""

    def predict(self, source: Any, **_: Any) -> Any:
        for media in (Media("a.mp4", "video"), Media("b.mp4", "video")):
            for n in range(15):
                yield hands(frame(n / 30, media), (300, 300))


def test_what_is_on_ends_with_its_video() -> None:
    recognizer = GestureRecognizer("hands")

    seen = list(watch_gestures("", recognizer, hands=_Hands(), body=None))  # type: ignore[arg-type]

    events = [(one.frame.media.name, event.state, event.id) for one in seen for event in one.events]
    assert events == [("a.mp4", "on", 1), ("a.mp4", "off", 1), ("b.mp4", "on", 1), ("b.mp4", "off", 1)]
    assert [one.frame.index for one in seen if one.hands is None] == [14, 14]


def test_watching_needs_a_model() -> None:
    with pytest.raises(ValueError, match="hand model, a body model or both"):
        next(watch_gestures("", GestureRecognizer("hands"), hands=None, body=None))
