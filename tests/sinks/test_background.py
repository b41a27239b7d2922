"""Sinks that work in the background write what was handed to them, whatever their caller does meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sink_kit import clip, picture

from poise import Pose, Results
from poise.drawing import Trails
from poise.frames import Frame, Image, Media
from poise.sinks import AnimationSink, FramePictureSink, PictureSink, RunSink, SinkBase, VideoSink
from poise.sources import open_source

SINKS: dict[str, Callable[..., SinkBase]] = {
    "pictures": lambda folder, render: PictureSink(folder, render),
    "frames": lambda folder, render: FramePictureSink(folder, render),
    "animation": lambda folder, render: AnimationSink(folder / "a.gif", render),
    "video": lambda folder, render: VideoSink(folder / "a.mkv", render),
    "run": lambda folder, render: RunSink(folder, render=render),
}


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest) -> Callable[..., SinkBase]:
    if request.param in ("video", "run"):
        pytest.importorskip("av")
    return SINKS[request.param]


def test_pixels_that_are_written_to_later_stay_out_of_the_files(sink: Callable[..., SinkBase], tmp_path: Path) -> None:
    seen: list[int] = []
    go = threading.Event()

    def render(result: Results) -> Image:
        go.wait(10)
        seen.append(int(result.orig_img[0, 0, 2]))
        return result.orig_img

    with sink(tmp_path, render) as out:
        for result in clip([0.0, 0.1, 0.2]):
            out.write(result)
            result.orig_img[:] = 99
        go.set()

    assert seen == [0, 7, 14]


def test_an_error_that_is_caught_ends_no_more_than_its_own_frame(sink: Callable[..., SinkBase], tmp_path: Path) -> None:
    drawn: list[int] = []

    def render(result: Results) -> Image:
        if result.frame == 1:
            raise RuntimeError("no pen")
        drawn.append(result.frame)
        return result.orig_img

    out, told = sink(tmp_path, render), 0
    for result in clip([0.1 * i for i in range(6)]):
        try:
            out.write(result)
        except RuntimeError:
            told += 1
            out.write(result)
    try:
        out.close()
    except RuntimeError:
        told += 1

    assert told >= 1
    assert set(drawn) == {0, 2, 3, 4, 5}


def test_an_error_that_stays_is_told_at_every_frame(tmp_path: Path) -> None:
    def broken(_: Results) -> Image:
        raise RuntimeError("no pen")

    sink = PictureSink(tmp_path, broken)
    for result in clip([0.0, 0.1, 0.2]):
        sink.write(result)
        with pytest.raises(RuntimeError, match="no pen"):
            sink.flush()


def test_a_render_that_remembers_frames_is_bound_to_each_as_it_comes(
    sink: Callable[..., SinkBase], tmp_path: Path
) -> None:
    class Counting:
        """Draws how many frames there were."""

        count, drawn = 0, ()

        def bound(self, result: Results) -> Callable[[Results], Image]:
            self.count += 1
            count = self.count

            def render(result: Results) -> Image:
                self.drawn = (*self.drawn, (result.frame, count))
                return result.orig_img

            return render

        def __call__(self, result: Results) -> Image:
            return self.bound(result)(result)

    render = Counting()
    with sink(tmp_path, render) as out:
        for result in clip([0.0, 0.1, 0.2]):
            out.write(result)

    assert render.drawn == ((0, 1), (1, 2), (2, 3))


def test_trails_of_a_saved_run_end_where_the_frame_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is drawn of a frame knows nothing of those after it, although the writer comes to it late."""
    pytest.importorskip("av")
    from poise.model.run import Run
    from poise.model.settings import Settings

    go, ends = threading.Event(), []

    def late(image: Image, paths: Any, **_: Any) -> None:
        go.wait(10)
        ends.append([len(path) for path in paths.values()])

    monkeypatch.setattr("poise.model.run.draw_trails", late)
    run = Run(Settings(save=True, project=tmp_path), source="clip", model={}, errors=[])
    media = Media("walk", "video", 10.0)
    for i in range(4):
        boxes = np.array([[10 + i, 5, 40 + i, 45, 3, 0.9, 0]], np.float32)
        run.write(Results.of(Frame(picture(), media, i, i / 10), boxes))
    go.set()
    run.close()

    assert ends == [[1], [2], [3], [4]]


def test_paths_of_trails_are_their_own() -> None:
    trails, media = Trails(), Media("walk", "video", 10.0)
    boxes = np.array([[10, 5, 40, 45, 3, 0.9, 0]], np.float32)
    trails.add(Results.of(Frame(picture(), media, 0, 0.0), boxes))
    before = trails.paths()
    trails.add(Results.of(Frame(picture(), media, 1, 0.1), boxes + np.float32([1, 0, 1, 0, 0, 0, 0])))

    np.testing.assert_array_equal(before[3], [[25, 45]])
    assert len(trails.paths()[3]) == 2


def reused(shades: int = 5) -> Iterator[Image]:
    buffer = np.empty((48, 64, 3), np.uint8)
    for shade in range(shades):
        buffer[:] = 20 * shade
        yield buffer


def test_a_generator_may_fill_one_buffer_again_and_again() -> None:
    with open_source(reused()) as source:
        shades = [int(frame.image[0, 0, 0]) for frame in list(source)]

    assert shades == [0, 20, 40, 60, 80]


def test_results_of_a_generator_with_one_buffer_are_of_their_frames() -> None:
    results = Pose("body-fast").predict(reused(), batch=2)

    assert [int(one.orig_img[0, 0, 0]) for one in results] == [0, 20, 40, 60, 80]
