"""The decoding thread: bounded, prompt to end, and honest about errors."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from source_clips import encode, quarters, write_video

from poise.frames import Frame, Media
from poise.sources import Source, _ahead, open_source
from poise.sources._ahead import Ahead


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_video(tmp_path / "a.mp4", frames=60)
    return tmp_path / "a.mp4"


def until(true: Callable[[], bool]) -> bool:
    """Wait for something that a thread does, two seconds at most."""
    for _ in range(400):
        if true():
            return True
        time.sleep(0.005)
    return False


def frame(index: int, kind: str = "video", size: int = 4) -> Frame:
    return Frame(np.zeros((size, size, 3), np.uint8), Media("m", kind), index)  # type: ignore[arg-type]


def test_runs_ahead_by_room_and_not_further() -> None:
    made: list[int] = []

    def work() -> Iterator[Frame]:
        for index in range(100):
            made.append(index)
            yield frame(index)

    ahead = Ahead(work, room=3)

    assert until(lambda: len(made) == 3)
    time.sleep(0.02)
    assert (len(made), ahead.waiting) == (3, 3)
    assert next(ahead).index == 0
    assert until(lambda: len(made) == 4)
    ahead.close()


def test_large_frames_wait_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ahead, "_MOST_BYTES", 1000)
    made: list[int] = []

    def work() -> Iterator[Frame]:
        for index in range(10):
            made.append(index)
            yield frame(index, size=100)

    ahead = Ahead(work, room=8)

    assert until(lambda: len(made) == 1)
    time.sleep(0.02)
    assert len(made) == 1
    assert [one.index for one in ahead] == list(range(10))


def test_only_streams_are_dropped() -> None:
    video = Ahead(lambda: iter([frame(index) for index in range(50)]), room=2, newest=True)
    assert [one.index for one in video] == list(range(50))

    stream = Ahead(lambda: iter([frame(index, "stream") for index in range(50)]), room=2, newest=True)
    assert until(lambda: stream.dropped == 49)
    assert [one.index for one in stream] == [49]


def test_error_comes_after_the_frames_before_it() -> None:
    def work() -> Iterator[Frame]:
        yield frame(0)
        raise KeyError("inside")

    ahead = Ahead(work, room=4)

    assert next(ahead).index == 0
    with pytest.raises(KeyError, match="inside"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)


def test_silence_is_an_error_after_a_while() -> None:
    release = threading.Event()

    def work() -> Iterator[Frame]:
        release.wait(5)
        yield frame(0)

    ahead = Ahead(work, room=1, patience=0.01, name="camera 0")

    with pytest.raises(Exception, match="camera 0: no frame for 0 seconds"):
        next(ahead)
    release.set()
    ahead.close()


def fail_at_the_first(source: Source) -> None:
    with source:
        for _ in source:
            raise ZeroDivisionError


@pytest.mark.parametrize("leave", ["break", "with", "raise", "delete", "close"])
def test_no_thread_is_left_however_the_loop_is_left(leave: str, clip: Path) -> None:
    before = threading.active_count()
    source = open_source(clip)
    if leave == "break":
        for _ in source:
            break
    elif leave == "with":
        with source:
            next(iter(source))
    elif leave == "raise":
        with pytest.raises(ZeroDivisionError):
            fail_at_the_first(source)
    elif leave == "delete":
        frames = iter(source)
        next(frames)
        del frames
        gc.collect()
    else:
        frames = iter(source)
        next(frames)
        source.close()

    assert until(lambda: threading.active_count() == before)


def test_source_that_nobody_holds_any_more_is_collected(clip: Path) -> None:
    before = threading.active_count()
    frames = iter(open_source(clip))
    next(frames)
    assert threading.active_count() > before

    del frames
    gc.collect()

    assert until(lambda: threading.active_count() == before)


def test_interpreter_ends_with_a_source_half_read(clip: Path) -> None:
    code = (
        f"from poise.sources import open_source\nframes = iter(open_source({str(clip)!r}))\nprint(next(frames).index)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, text=True, check=True)

    assert (done.stdout, done.stderr) == ("0\n", "")


def test_one_picture_and_arrays_start_no_thread(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(quarters()))
    before = threading.active_count()

    for source in (tmp_path / "a.jpg", quarters(), [quarters()] * 3):
        for _ in open_source(source):
            assert threading.active_count() == before


def test_frames_that_wait_stay_few_over_a_long_run(clip: Path) -> None:
    source = open_source([clip] * 10, prefetch=2)
    most = 0

    count = 0
    for _ in source:
        count += 1
        most = max(most, source._ahead.waiting if source._ahead else 0)

    assert count == 600
    assert most <= 2
