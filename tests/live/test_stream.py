"""Live streams: the same answers as the whole chain gives, nothing shared, settings from strangers checked."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from poise import Pose, samples
from poise.errors import FormatError
from poise.live import Stream, StreamSettings
from poise.sources import open_source


@pytest.fixture(scope="module")
def model():
    with Pose("body-fast", threads=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def frames():
    with open_source(samples.squats, vid_stride=2) as source:
        return [(frame.image, frame.time) for frame in source]


def test_answers_are_those_of_track_with_smoothing(model, frames):
    stream = Stream(StreamSettings(smooth="kalman"), model=model)
    expected = model.track(samples.squats, smooth="kalman", vid_stride=2, verbose=False)
    for (image, time), result in zip(frames, expected, strict=True):
        found = stream.process(image, time).result
        np.testing.assert_array_equal(found.boxes.data, result.boxes.data)
        np.testing.assert_array_equal(found.keypoints.xy, result.keypoints.xy)


def test_counts_names_and_events_of_an_exercise(model, frames):
    stream = Stream(StreamSettings(reps="auto", posture=True, falls=True), model=model)
    answers = [stream.process(image, time) for image, time in frames]
    assert [(one.exercise, one.count) for one in answers[-1].reps] == [("squat", 4)]
    events = [event for answer in answers for event in answer.events]
    assert [event.value for event in events if event.event == "squat.rep"] == [1, 2, 3, 4]
    assert {"standing", "sitting"} <= {event.value for event in events if event.event == "posture"}
    assert not [event for event in events if event.event == "fall"]
    line = json.loads(json.dumps(answers[-1].record(), allow_nan=False))
    assert line["reps"][0]["count"] == 4
    assert line["result"]["instances"][0]["id"] == 1
    assert set(line["speed"]) >= {"preprocess", "inference", "postprocess", "after"}


def test_two_streams_in_threads_share_nothing(model, frames):
    settings = StreamSettings(reps="squat")
    alone = Stream(settings, model=model)
    expected = [alone.process(image, time).record()["result"] for image, time in frames[:60]]

    def run(start: int) -> list[dict]:
        stream = Stream(settings, model=model)
        for image, time in frames[60 : 60 + start]:  # another past
            stream.process(image, time)
        stream.reset()
        return [stream.process(image, time).record()["result"] for image, time in frames[:60]]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, (0, 7, 20))) == [expected] * 3


def test_gestures_of_hands_come_with_the_hands(model):
    stream = Stream(StreamSettings(gestures=("hands",)), model=model)
    with open_source(samples.hand) as source:
        image = next(iter(source)).image
    answers = [stream.process(image, i / 10) for i in range(6)]
    assert answers[-1].gestures[0].gesture == "open_palm"
    assert len(answers[-1].record()["hands"]["instances"]) == 1
    assert "open_palm.on" in [event.event for answer in answers for event in answer.events]
    assert "open_palm.off" in [event.event for event in stream.finish()]


def test_zones_come_as_text(model):
    zones = "units = 'relative'\n[zones.all]\npolygon = [[0, 0], [1, 0], [1, 1], [0, 1]]\n"
    stream = Stream(StreamSettings(zones=zones), model=model)
    with open_source(samples.clip) as source:
        events = [e.event for frame in source for e in stream.process(frame.image, frame.time).events]
    assert events[0] == "all.enter"


def test_frames_that_repeat_or_go_back(model, frames):
    stream = Stream(StreamSettings(), model=model)
    times = [stream.process(frames[i][0], time).result.time for i, time in enumerate((5.0, 5.0, 4.9, 5.2))]
    assert times == pytest.approx([5.0, 5.001, 5.002, 5.2])
    again = stream.process(frames[0][0], 1.0).result
    assert (again.frame, again.time) == (0, 1.0)  # another source
    small = stream.process(np.ascontiguousarray(frames[0][0][::2, ::2]), 1.1).result
    assert small.frame == 0


@pytest.mark.parametrize(
    ("time", "kind"),
    [
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (10**400, ValueError),
        (1.79e12, ValueError),  # milliseconds
        ("5", TypeError),
        (True, TypeError),
        ([1.0], TypeError),
    ],
)
def test_what_is_no_time_is_told_and_the_stream_goes_on(model, frames, time, kind):
    stream = Stream(StreamSettings(), model=model)
    stream.process(frames[0][0], 1.0)
    with pytest.raises(kind, match="the time of a frame must be seconds, got "):
        stream.process(frames[1][0], time)
    result = stream.process(frames[1][0], np.float32(1.25)).result
    assert (result.frame, result.time, type(result.time)) == (1, 1.25, float)


def test_the_clock_of_the_day_is_a_time(model):
    with open_source(samples.squats) as source:
        frames = [(frame.image, frame.time) for frame, _ in zip(source, range(120), strict=False)]
    day = 1.79e9  # seconds since 1970
    stream, other = (Stream(StreamSettings(reps="squat", posture=True, falls=True), model=model) for _ in range(2))
    counts = [[stream.process(image, time).reps, other.process(image, time + day).reps] for image, time in frames]
    assert counts[-1][0][0].count >= 1
    assert [[one.count for one in row] for row, _ in counts] == [[one.count for one in row] for _, row in counts]


def test_no_time_is_the_clock(model, frames):
    stream = Stream(StreamSettings(), model=model)
    times = [stream.process(image).result.time for image, _ in frames[:3]]
    assert times[0] == 0.0
    assert times == sorted(set(times))


def test_settings_travel():
    settings = StreamSettings(gestures=True, reps="auto", conf=0.3)
    assert settings.gestures == ("hands", "body")
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own
    assert StreamSettings.parse(json.loads(json.dumps(settings.record()))) == settings
    assert StreamSettings.parse({"conf": 0.5}, settings) == StreamSettings(gestures=True, reps="auto", conf=0.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"confi": 1}, "did you mean 'conf'"),
        ({"conf": "x"}, "conf must be from 0 to 1"),
        ({"conf": True}, "conf must be from 0 to 1"),
        ({"reps": "sqat"}, "did you mean 'squat'"),
        ({"reps": "/etc/passwd"}, "reps: no '/etc/passwd'"),
        ({"gestures": ["../x.toml"]}, r"gestures: no '../x.toml'"),
        ({"gestures": 3}, "true, false or a list"),
        ({"tracker": "/etc/passwd"}, "tracker: no '/etc/passwd'"),
        ({"smooth": 3}, "expected true, false, one-euro, kalman"),
        ({"mirrored": 1}, "mirrored must be true or false"),
        ({"max_det": 0}, "from 1 to 10000"),
        ({"imgsz": 1e9}, "from 32 to 8192"),
        ({"model": ["body"]}, "model must be a name"),
        ({"zones": "x" * 30_000}, "at most 20000 characters"),
        ([1], "must be a JSON object"),
    ],
)
def test_wrong_settings_are_told(given, said):
    with pytest.raises(ValueError, match=said):
        StreamSettings.parse(given)


def test_wrong_zones_are_told_with_their_line():
    with pytest.raises(FormatError, match=r"zones:2: .*polygon must be"):
        StreamSettings.parse({"zones": "[zones.a]\npolygon = [[0, 0]]"})


def test_not_a_picture(model):
    with pytest.raises((TypeError, ValueError), match="stream"):
        Stream(model=model).process(np.zeros((4, 4), np.float32))
