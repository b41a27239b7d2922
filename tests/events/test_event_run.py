"""Events from results to sinks and the drawn video, and what happens when a part of it fails."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from event_scenes import frame, person

from poise.errors import FormatError, PoiseError
from poise.events.event import Event, EventStream
from poise.events.falls import FallWatch
from poise.events.pipeline import EventPainter, EventVideo, detectors, run_events
from poise.events.posture import PostureWatch
from poise.events.zonefile import Zone, ZoneFile
from poise.events.zones import ZoneWatch
from poise.results import Results

DOOR = "[zones.door]\npolygon = [[200, 100], [440, 100], [440, 450], [200, 450]]\n"


class Broken:
    """A detector that fails in its third frame."""

    def __init__(self, error: Exception) -> None:
        self.error, self.frames = error, 0

    def update(self, result: Results) -> list[Event]:
        self.frames += 1
        if self.frames == 3:
            raise self.error
        return []

    def finish(self) -> list[Event]:
        return []


def scene(count: int = 10) -> list[Results]:
    return [frame([person()], time=i * 0.1, index=i) for i in range(count)]


def test_sinks_take_every_event_before_the_frame_goes_on(tmp_path: Path) -> None:
    (tmp_path / "door.toml").write_text(DOOR)
    taken: list[dict[str, Any]] = []

    class Sink:
        def write_record(self, record: dict[str, Any]) -> None:
            taken.append(record)

    seen = []
    for _, found in run_events(scene(), EventStream(detectors(zones=[tmp_path / "door.toml"])), [Sink()]):
        seen += [event.record() for event in found]
        assert taken == seen

    assert [one["event"] for one in taken] == ["door.enter", "door.leave"]


def test_detectors_are_those_that_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "door.toml").write_text(DOOR)

    found = detectors(zones=[tmp_path / "door.toml"], falls=True, posture=True, more=[Broken(KeyError("x"))])

    assert [type(one) for one in found] == [ZoneWatch, FallWatch, PostureWatch, Broken]


def test_a_name_in_two_files_is_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(DOOR)
    (tmp_path / "b.toml").write_text(DOOR)

    with pytest.raises(FormatError, match=r"b\.toml: 'door' is defined in .*a\.toml too"):
        detectors(zones=[tmp_path / "a.toml", tmp_path / "b.toml"])


def test_nothing_to_look_for_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to look for"):
        detectors()


def test_a_detector_that_fails_is_named_with_the_frame() -> None:
    stream = EventStream([FallWatch(), Broken(KeyError("left_hip"))])

    with pytest.raises(PoiseError, match=r"Broken failed in frame 2 of drawn.mp4: KeyError: 'left_hip'"):
        for _ in stream.watch(scene()):
            pass


def test_a_detector_that_cannot_take_such_results_is_named_too() -> None:
    stream = EventStream([Broken(ValueError("no part 'paw'"))])

    with pytest.raises(ValueError, match="Broken, frame 2: no part 'paw'"):
        for _ in stream.watch(scene()):
            pass


def test_the_video_until_a_failure_is_whole(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from poise.sources import open_source

    watch = [Broken(RuntimeError("out of luck"))]
    video = EventVideo(watch, project=tmp_path)

    def run() -> None:
        with video:
            for result, found in run_events(scene(), EventStream(watch)):
                video.write(result, found)

    with pytest.raises(PoiseError, match="Broken"):
        run()

    manifest = json.loads((video.path / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert "out of luck" in manifest["errors"][0]
    assert len(list(open_source(str(video.path / "drawn.mp4")))) == 2


def test_a_frame_that_comes_again_with_what_ended_is_written_once(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from poise.sources import open_source

    watch = [ZoneWatch(ZoneFile((Zone("door", np.array([[200.0, 100], [440, 100], [440, 450]])),)))]
    with EventVideo(watch, project=tmp_path) as video:
        for result, found in run_events(scene(), EventStream(watch)):
            video.write(result, found)

    assert len(list(open_source(str(video.path / "drawn.mp4")))) == 10


def test_memory_does_not_grow_with_people_who_pass() -> None:
    from poise.gestures import GestureWatch

    door = ZoneFile((Zone("door", np.array([[200.0, 100], [440, 100], [440, 450]])),))
    watch = [ZoneWatch(door), FallWatch(), PostureWatch(), GestureWatch("body")]
    stream, painter = EventStream(watch), EventPainter(watch)

    def passing(first: int, last: int) -> None:
        for i in range(first, last):
            result = frame([person(at=(320, 400))], time=float(i), index=i, ids=[i + 1])
            painter.paint(result, stream.update(result)) if i % 20 == 0 else stream.update(result)

    passing(0, 60)
    tracemalloc.start()
    passing(60, 80)
    before, _ = tracemalloc.get_traced_memory()
    passing(80, 220)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # What one of 140 people leaves behind would be more than 1 kB.
    assert after - before < 140_000


def test_the_painter_forgets_events_that_have_faded() -> None:
    painter = EventPainter([])
    before = painter.paint(frame([], time=0.0), [])
    said = painter.paint(frame([], time=1.0, index=1), [Event(1.0, 1, 1, "door.enter", 1, 0.9)])
    faded = painter.paint(frame([], time=9.0, index=2), [])

    assert (said != before).any()
    assert (faded == before).all()


def test_a_detector_may_paint() -> None:
    class Painted(Broken):
        def paint(self, image: np.ndarray) -> np.ndarray:
            return np.full_like(image, 9)

    assert (EventPainter([Painted(KeyError())]).paint(frame([], time=0.0), []) == 9).all()
