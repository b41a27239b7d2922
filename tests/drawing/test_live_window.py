"""A stream in one window: its pace, its keys, and what happens where there is no window."""

from __future__ import annotations

import io
import logging
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures
from window_kit import Clock, Surface

from poise import samples
from poise.drawing import LiveWindow, Video
from poise.frames import Frame, Image, Media

FILE = Media("clips/walk.mp4", "video", 30.0, 90, 3.0, path="/clips/walk.mp4")
CAMERA = Media("rtsp://me:s3cret@door/live", "stream", 30.0)


def frame(time: float, media: Media = FILE, level: int = 90) -> Frame:
    return Frame(np.full((40, 60, 3), level, np.uint8), media, round(time * 30), time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def window(surface: Surface, clock: Clock, **options: Any) -> LiveWindow:
    return LiveWindow(surface=surface, clock=clock, sleep=clock.sleep, **options)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- pace


def test_a_file_is_seen_in_its_own_time(clock: Clock) -> None:
    surface = Surface(clock)
    shown = window(surface, clock)

    for n in range(7):
        assert shown.show(frame(n / 10))
        clock.now += 0.03  # the work on the next

    assert [at for at, _ in surface.drawn] == pytest.approx([n / 10 for n in range(7)])


def test_a_camera_never_waits(clock: Clock) -> None:
    surface = Surface(clock)
    shown = window(surface, clock)

    for n in range(5):
        clock.now = n * 0.02  # faster than its times say
        shown.show(frame(n, CAMERA))

    assert [at for at, _ in surface.drawn] == pytest.approx([0, 0.02, 0.04, 0.06, 0.08])


def test_late_frames_are_not_drawn_but_go_on(clock: Clock) -> None:
    surface, painted = Surface(clock), []
    shown = window(surface, clock)

    def paint(n: int) -> Image:
        painted.append(n)
        clock.now += 0.01  # drawing takes its time too
        return np.zeros((4, 4, 3), np.uint8)

    for n in range(30):
        assert shown.show(frame(n / 60), lambda n=n: paint(n))
        clock.now += 0.018  # longer than the 1/60 s between two frames

    assert len(painted) == len(surface.drawn) < 30
    # 15 are left out, and the video is not slowed by them: 30 frames in the time of the work alone.
    assert clock.now == pytest.approx(30 * 0.018 + 0.01 * len(painted))


def test_a_slow_model_shows_every_frame(clock: Clock) -> None:
    surface = Surface(clock)
    shown = window(surface, clock)

    for n in range(6):
        shown.show(frame(n / 30))
        clock.now += 0.2

    assert len(surface.drawn) == 6


def test_after_a_long_stop_it_goes_on_in_its_own_time(clock: Clock) -> None:
    surface = Surface(clock)
    shown = window(surface, clock)

    for n in range(4):
        shown.show(frame(n / 10))
        clock.now += 3.0 if n == 0 else 0.0

    assert [at for at, _ in surface.drawn] == pytest.approx([0, 3.0, 3.1, 3.2])


def test_a_gap_of_hours_is_not_waited_for(clock: Clock) -> None:
    surface = Surface(clock)
    shown = window(surface, clock)

    for time in (0.0, 0.1, 7200.0, 7200.1):
        shown.show(frame(time))
        clock.now += 0.02  # the work on the next

    assert [at for at, _ in surface.drawn] == pytest.approx([0, 0.1, 0.12, 0.22])


def test_each_video_begins_at_once(clock: Clock) -> None:
    surface = Surface(clock)
    shown = window(surface, clock)

    for media in (FILE, Media("b.mp4", "video", path="/b.mp4")):
        for time in (5.0, 5.5):
            shown.show(frame(time, media))

    assert [at for at, _ in surface.drawn] == pytest.approx([0, 0.5, 0.5, 1.0])


def test_pictures_wait_where_they_are_a_recording(clock: Clock) -> None:
    surface = Surface(clock)
    shown = window(surface, clock)
    pictures = Media("array", "frames")

    for wait in (None, True):
        for time in (0.0, 0.5):
            shown.show(frame(time, pictures), wait=wait)

    assert [at for at, _ in surface.drawn] == pytest.approx([0, 0.5])  # what came at once after 0 was not seen
    assert clock.now == pytest.approx(0.5)


# ---- keys


@pytest.mark.parametrize("key", ["q", "escape"])
def test_a_key_ends_the_stream(clock: Clock, key: str) -> None:
    surface = Surface(clock, keys={2: [key]})
    shown = window(surface, clock)

    assert [shown.show(frame(n / 10)) for n in range(4)] == [True, False, False, False]
    assert shown.closed
    assert surface.closed
    assert len(surface.drawn) == 2


def test_a_key_ends_it_while_a_frame_waits(clock: Clock) -> None:
    surface = Surface(clock, at={3.0: ["q"]})
    shown = window(surface, clock)

    assert [shown.show(frame(time)) for time in (0.0, 8.0)] == [True, False]
    assert clock.now == pytest.approx(3.0, abs=0.02)


def test_space_pauses_and_goes_on_where_it_was(clock: Clock) -> None:
    surface = Surface(clock, keys={2: ["space"]}, at={9.0: ["space"]})
    shown = window(surface, clock)

    for n in range(4):
        shown.show(frame(n / 10))

    # Nothing is caught up on.
    assert [at for at, _ in surface.drawn] == pytest.approx([0, 0.1, 9.1, 9.2], abs=0.02)
    assert "walk.mp4 – paused" in surface.titles


def test_f_fills_the_screen(clock: Clock) -> None:
    surface = Surface(clock, keys={1: ["f"], 2: ["f", "f"]})
    shown = window(surface, clock)

    shown.show(frame(0))
    shown.show(frame(0.1))

    assert surface.filled == 3


def test_s_saves_the_frame_as_it_is_seen(clock: Clock, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    surface = Surface(clock, keys={2: ["s"]})
    shown = window(surface, clock)

    for n in range(3):
        shown.show(frame(n / 10), lambda n=n: np.full((300, 400, 3), (10 + 60 * n, 0, 200), np.uint8))

    path = desk / "runs/pose/show/walk_3.jpg"
    assert [one.name for one in path.parent.iterdir()] == ["walk_3.jpg"]
    saved = np.asarray(Pictures.open(path)).reshape(-1, 3)
    assert len(saved) == 300 * 400
    assert np.abs(saved.astype(int) - (200, 0, 70)).max() <= 3
    assert capsys.readouterr().err == f"poise: saved {path}\n"
    assert "walk.mp4 – saved walk_3.jpg" in surface.titles


def test_the_title_names_the_source_and_its_rate(clock: Clock) -> None:
    surface = Surface(clock)
    shown = window(surface, clock)

    for n in range(21):
        shown.show(frame(n / 20))
    shown.show(frame(0, CAMERA))
    clock.now += 1
    shown.show(frame(1, CAMERA))

    assert surface.titles[0] == "walk.mp4"
    assert surface.titles[1] == "walk.mp4 – 20 frames/s"
    assert surface.titles[-1].startswith("rtsp://me:***@door/live – ")


def test_a_title_of_ones_own_stays(clock: Clock) -> None:
    surface = Surface(clock)

    window(surface, clock, title="Gym").show(np.zeros((4, 4, 3), np.uint8))

    assert surface.titles == ["Gym"]


# ---- without a window


def test_a_window_that_is_lost_ends_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    surface = Surface(clock, lost=2)
    shown = window(surface, clock, instead="save=True writes it")

    assert [shown.show(frame(n / 10)) for n in range(4)] == [True] * 4
    assert [one.getMessage() for one in caplog.records] == ["the window is gone (no screen); save=True writes it"]


def test_without_a_screen_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    shown = LiveWindow(instead="save=True writes it", clock=clock, sleep=clock.sleep)

    with caplog.at_level(logging.WARNING, "poise"):
        assert [shown.show(frame(n), lambda: pytest.fail("drawn for nobody")) for n in range(3)] == [True] * 3
    shown.close()

    why = "no window can open here: no screen is named (DISPLAY is not set); save=True writes it"
    assert [one.getMessage() for one in caplog.records] == [why]
    assert clock.now == 0  # nobody waits for frames that nobody sees


def test_another_thread_has_no_window(caplog: pytest.LogCaptureFixture) -> None:
    thread = threading.Thread(target=lambda: LiveWindow().show(frame(0)))
    thread.start()
    thread.join()

    assert "windows belong to the main thread" in caplog.text


# ---- in a notebook


class Notebook:
    """Takes what is displayed, as the page of a notebook does.

    Attributes:
        outputs: Of each output what was in it, one after the other.
    """

    def __init__(self) -> None:
        self.outputs: list[list[Any]] = []
        self.kernel = object()
        self.execution_count = 1

    def display(self, shown: Any, display_id: bool = False) -> Any:
        self.outputs.append([shown])
        return SimpleNamespace(update=self.outputs[-1].append)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    page = Notebook()
    ipython, inner = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: page  # type: ignore[attr-defined]
    inner.Image = lambda data, format: (format, data)  # type: ignore[attr-defined]
    inner.display = page.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", inner)
    return page


def _level(shown: Any) -> int:
    kind, data = shown
    assert kind == "jpeg"
    return int(np.asarray(Pictures.open(io.BytesIO(data)))[0, 0, 0])


def test_a_notebook_has_one_output_that_changes(notebook: Notebook, clock: Clock) -> None:
    with LiveWindow(clock=clock, sleep=clock.sleep) as shown:
        for n in range(61):  # two seconds
            shown.show(frame(n / 30, level=n * 4))

    (pictures,) = notebook.outputs
    assert len(pictures) <= 22  # the page takes ten a second
    assert _level(pictures[0]) == 0
    assert _level(pictures[-1]) == pytest.approx(240, abs=2)  # the last frame stays


def test_a_notebook_plays_what_was_written(notebook: Notebook, clock: Clock, tmp_path: Path) -> None:
    shown = LiveWindow(clock=clock, sleep=clock.sleep)
    shown.show(frame(0))

    shown.close([samples.clip, samples.squats])

    (first, second) = notebook.outputs
    assert [type(first[-1]), type(second[0])] == [Video, Video]
    assert [first[-1].path, second[0].path] == [samples.clip, samples.squats]


def test_what_a_notebook_cannot_play_leaves_the_picture(notebook: Notebook, clock: Clock, tmp_path: Path) -> None:
    shown = LiveWindow(clock=clock, sleep=clock.sleep)
    shown.show(frame(0, level=40))

    shown.close([tmp_path / "gone.mp4"])

    assert _level(notebook.outputs[0][-1]) == pytest.approx(40, abs=2)


def test_another_cell_has_an_output_of_its_own(notebook: Notebook, clock: Clock) -> None:
    shown = LiveWindow(clock=clock, sleep=clock.sleep)
    shown.show(frame(0))
    notebook.execution_count = 2
    shown.show(frame(1))

    assert [len(output) for output in notebook.outputs] == [1, 1]
