"""Cameras and other live sources. FFmpeg's test pattern stands in for a camera."""

from __future__ import annotations

import threading
import time

import av
import pytest

from poise.errors import SourceError
from poise.sources import _camera, cameras, open_source

PATTERN = ("testsrc=size=64x48:rate=1000:duration=2", "lavfi", {})


@pytest.fixture
def pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make cameras 0 and 3 answer, and no other."""
    if "lavfi" not in av.formats_available:
        pytest.skip("this FFmpeg has no lavfi")

    def address(number: int) -> tuple[str, str, dict[str, str]]:
        return PATTERN if number in (0, 3) else (f"/dev/no-such-video{number}", "v4l2", {})

    monkeypatch.setattr(_camera, "_address", address)
    monkeypatch.setattr(_camera, "_candidates", lambda: [0, 1, 3])


@pytest.mark.usefixtures("pattern")
def test_a_slow_consumer_gets_the_newest_frame_and_the_count_of_those_it_missed() -> None:
    with open_source(0) as source:
        frames = iter(source)
        first = next(frames)
        time.sleep(0.05)
        second = next(frames)
        while second.dropped == 0:
            second = next(frames)
        dropped = source.dropped

    assert (first.media.name, first.media.kind, source.live) == ("camera 0", "stream", True)
    assert dropped == second.dropped > 0
    assert second.index > first.index + 1
    assert second.time == pytest.approx(second.index / 1000, abs=0.002)


@pytest.mark.usefixtures("pattern")
def test_buffer_keeps_every_frame() -> None:
    with open_source("0", stream_buffer=True) as source:
        frames = []
        for frame in source:
            frames.append(frame)
            if len(frames) == 200:
                break

    assert [frame.index for frame in frames] == list(range(200))
    assert source.dropped == 0


@pytest.mark.usefixtures("pattern")
def test_dropped_frames_and_given_frames_add_up() -> None:
    told: list[SourceError] = []
    source = open_source("webcam", reconnect=0, on_error=told.append)
    frames = []
    for frame in source:
        frames.append(frame)
        time.sleep(0.001)

    assert "the stream broke off after 2000 frames" in str(told[0])
    assert frames[-1].index == 1999  # the end is not lost to a newer frame
    assert len(frames) + frames[-1].dropped == 2000
    assert (source.kind, source.total) == ("stream", None)


@pytest.mark.usefixtures("pattern")
def test_camera_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(SourceError, match="camera 2 did not open; cameras that answer: 0, 3"):
        list(open_source(2))
    assert cameras() == [0, 3]


def test_no_camera_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_camera, "_candidates", list)
    monkeypatch.setattr(_camera, "_address", lambda number: (f"/dev/no-such-video{number}", "v4l2", {}))

    with pytest.raises(SourceError, match="camera 7 did not open; no camera answers"):
        list(open_source(7))
    assert cameras() == []


def test_driver_that_hangs_does_not_hang_us(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(_camera, "_WAIT", 0.02)
    monkeypatch.setattr(_camera, "_candidates", lambda: [0])
    monkeypatch.setattr(_camera, "_address", lambda _: PATTERN)

    def hang(*_: object, **__: object) -> None:
        release.wait(5)
        raise OSError("at last")

    monkeypatch.setattr(av, "open", hang)

    with pytest.raises(SourceError, match="camera 0 did not open; no camera answers"):
        list(open_source(0))
    release.set()


@pytest.mark.usefixtures("pattern")
def test_camera_is_let_go_at_once_when_the_loop_is_left() -> None:
    for _ in open_source(0):
        assert "poise-sources" in [thread.name for thread in threading.enumerate()]
        break

    assert "poise-sources" not in [thread.name for thread in threading.enumerate()]
