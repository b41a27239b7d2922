"""``show=True``: one window for what moves, a viewer for pictures, and an end that leaves everything whole."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from window_kit import Clock, Surface

from poise import Pose, Results, samples
from poise.drawing import _display, _window
from poise.estimators import Estimate, Options
from poise.files.text import one_line
from poise.frames import Image
from poise.sources import open_source


class Once:
    """An estimator that looks at one picture of a size, and finds the same in all: these tests are about windows."""

    def __init__(self, estimator: Any) -> None:
        self.skeleton, self.names = estimator.skeleton, estimator.names
        self._estimator = estimator
        self._found: dict[tuple[int, ...], Estimate] = {}

    def memory(self) -> None:
        return None

    def __call__(self, images: Any, options: Options, memory: None = None, *, times: Any = ()) -> list[Estimate]:
        for image in images:
            if image.shape not in self._found:
                self._found[image.shape] = self._estimator([image], options)[0]
        return [copy.deepcopy(self._found[image.shape]) for image in images]


@pytest.fixture(scope="module")
def pose() -> Iterator[Pose]:
    made = Pose("body-fast")
    once = Once(made._estimator("cpu"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made, "_estimator", lambda device: once)
        yield made


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Shown:
    """What was opened.

    Attributes:
        windows: Each window.
        viewers: The names of the pictures that viewers show.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.windows: list[Surface] = []
        self.viewers: list[str] = []
        self.keys: dict[int, list[str]] = {}
        self._clock = Clock()
        monkeypatch.setattr(_window, "open_surface", self._open)
        monkeypatch.setattr(_display, "has_screen", lambda: True)
        monkeypatch.setattr(_display, "_open_viewer", self._view)

    def _open(self) -> Surface:
        self.windows.append(Surface(self._clock, keys=self.keys))
        return self.windows[-1]

    def _view(self, image: Image, name: str) -> bool:
        self.viewers.append(name)
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    return Shown(monkeypatch)


def frames() -> list[Image]:
    with open_source(samples.clip) as source:
        return [frame.image for frame, _ in zip(source, range(4), strict=False)]


def manifest(folder: str) -> Any:
    return json.loads(Path(folder, "manifest.json").read_text())


def test_a_video_is_seen_in_one_window(pose: Pose, shown: Shown) -> None:
    results = pose.predict(samples.clip, show=True, verbose=False)

    (window,) = shown.windows
    assert shown.viewers == []
    assert window.closed
    assert np.array_equal(window.drawn[0][1], results[0].plot())
    assert window.titles[0] == "clip.mp4"


def test_closing_the_window_ends_the_stream_and_finishes_the_video(pose: Pose, shown: Shown, desk: Path) -> None:
    shown.keys = {3: ["q"]}

    results = pose.predict(samples.clip, show=True, save=True, save_csv=True, verbose=False)

    told = manifest("runs/pose/predict")
    with open_source("runs/pose/predict/clip.mp4") as video:
        written = [frame.index for frame in video]
    assert 3 <= len(results) < 20
    assert written == list(range(len(results)))
    assert told["status"] == "interrupted"
    assert told["counts"]["frames"] == len(results)


def test_a_video_that_is_seen_to_its_end_is_done(pose: Pose, shown: Shown, desk: Path) -> None:
    results = pose.predict(samples.clip, show=True, save=True, verbose=False)

    assert len(results) == 20
    assert manifest("runs/pose/predict")["status"] == "done"


def test_frames_that_are_not_seen_are_saved(pose: Pose, shown: Shown, desk: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(Surface, "interval", 1e6)

    pose.predict(samples.clip, show=True, save=True, verbose=False)

    with open_source("runs/pose/predict/clip.mp4") as video:
        assert sum(1 for _ in video) == 20
    assert len(shown.windows[0].drawn) == 1


def test_trails_are_in_the_window(pose: Pose, shown: Shown) -> None:
    results = pose.track(samples.clip, show=True, verbose=False)

    window = shown.windows[0]
    plain = [result.plot() for result in results]
    assert not any(np.array_equal(window.drawn[-1][1], one) for one in plain)


def test_a_picture_opens_the_viewer(pose: Pose, shown: Shown) -> None:
    pose.predict(samples.runner, show=True, verbose=False)

    assert (shown.windows, shown.viewers) == ([], ["runner"])


def test_of_many_pictures_ten_open_a_viewer(
    pose: Pose, shown: Shown, photo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = pose.predict([photo] * 12, show=True, verbose=False)

    assert len(results) == 12
    assert shown.viewers == ["demo"] * 10
    assert caplog.messages.count("10 pictures are open; the others are not shown: save=True writes them") == 1


def test_the_pictures_of_a_scene_are_seen_in_one_window(pose: Pose, shown: Shown) -> None:
    pose.track(frames(), show=True, verbose=False)

    assert (len(shown.windows), shown.viewers) == (1, [])


def test_frames_of_a_generator_are_seen_in_one_window(pose: Pose, shown: Shown) -> None:
    def camera() -> Iterator[Image]:
        yield from frames()

    results = list(pose.predict(camera(), show=True, stream=True, verbose=False))

    assert len(results) == 4
    assert (len(shown.windows), shown.viewers) == (1, [])


def test_the_second_of_frames_that_come_one_by_one_opens_the_window(shown: Shown) -> None:
    pose = Pose("body-fast")
    for image in frames():
        pose.predict(image, show=True, verbose=False)

    (window,) = shown.windows
    assert len(shown.viewers) == 1
    assert not window.closed  # more may come

    pose.reset()

    assert window.closed


@pytest.mark.parametrize("more", [{"persist": True}, {"fps": 25}])
def test_frames_of_which_more_will_come_open_the_window_at_once(shown: Shown, more: dict[str, Any]) -> None:
    pose = Pose("body-fast")
    for image in frames():
        pose.track(image, show=True, verbose=False, **more)

    assert (len(shown.windows), shown.viewers) == (1, [])
    pose.reset()


def test_a_loop_of_ones_own_goes_on_without_its_window(shown: Shown) -> None:
    pose = Pose("body-fast")
    shown.keys = {1: ["q"]}

    found = [pose.track(image, show=True, persist=True, verbose=False) for image in frames()]

    assert [len(one) for one in found] == [1] * 4
    assert len(shown.windows) == 1
    assert len(shown.windows[0].drawn) == 1
    pose.reset()


def test_without_a_window_it_is_said_once_and_everything_is_saved(
    pose: Pose, desk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_window, "open_surface", lambda: "there is no screen")

    results: list[Results] = pose.predict(samples.clip, show=True, save=True, verbose=False)

    folder = one_line(results[0].save_dir)
    told = f"no window can open here: there is no screen; the frames are not shown, but written to {folder}"
    assert caplog.messages.count(told) == 1
    assert not Path("runs/pose/show").exists()
    assert manifest(folder)["counts"]["frames"] == 20
