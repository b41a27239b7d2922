"""A frame's source is known by a value: results that were pickled or sent to another process go on as the others do."""

from __future__ import annotations

import multiprocessing
import pickle
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise import EventStream, Results, ZoneWatch
from poise.drawing import Trails
from poise.filters.smoothing import Smoother
from poise.filters.stream import smooth_stream
from poise.frames import Frame, Media, continues
from poise.sinks import YoloTxtSink
from poise.tracking import Tracker, follow_stream

IMAGE = np.zeros((100, 160, 3), np.uint8)


def walk(media: Media | None = None) -> list[Results]:
    """Somebody who walks to the right through a zone, trembling; 24 frames."""
    media, random_state = media or Media("walk.mp4", "video", 12.0), np.random.default_rng(3)
    results = []
    for i in range(24):
        x = 10 + 5 * i
        xy = np.tile([x + 12.0, 50.0], (1, 17, 1)) + random_state.normal(0, 1, (1, 17, 2))
        boxes = [[x, 20, x + 24, 90, 0.9, 0]]
        results.append(Results.of(Frame(IMAGE, media, i, i / 12), boxes, xy, np.full((1, 17), 0.9)))
    return results


def again(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))  # noqa: S301 - made here


def pickled(results: list[Results]) -> list[Results]:
    return [again(one) for one in results]


def sent(results: list[Results]) -> list[Results]:
    """Send each result by a message of its own to a new process, which sends it back."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=echo, args=(there,), daemon=True)
    process.start()
    back = []
    for one in results:
        here.send(one)
        back.append(here.recv())
    here.send(None)
    process.join(30)
    return back


def echo(pipe: Any) -> None:
    while (one := pipe.recv()) is not None:
        pipe.send(one)


def ids(results: list[Results]) -> Any:
    return [one.boxes.id.tolist() for one in follow_stream(results, Tracker()) if one.boxes.id is not None]


def smooth(results: list[Results]) -> Any:
    return [np.asarray(one.keypoints.xy).tolist() for one in smooth_stream(results, Smoother())]


def zones(results: list[Results], tmp_path: Path) -> Any:
    zone = tmp_path / "middle.toml"
    zone.write_text("[zones.middle]\npolygon=[[60.0,0.0],[110.0,0.0],[110.0,100.0],[60.0,100.0]]\n")
    tracked = follow_stream(results, Tracker())
    return [event.record() for _, found in EventStream([ZoneWatch(zone)]).watch(tracked) for event in found]


def trails(results: list[Results]) -> Any:
    kept = Trails()
    for one in follow_stream(results, Tracker()):
        kept.add(one)
    return {number: path.tolist() for number, path in kept.paths().items()}


def names(results: list[Results], tmp_path: Path) -> Any:
    with YoloTxtSink(tmp_path / "labels", overwrite=True) as sink:
        for one in results:
            sink.write(one)
    return sorted(path.name for path in sink.paths)


USES: dict[str, Callable[[list[Results], Path], Any]] = {
    "ids": lambda results, _: ids(results),
    "smoothing": lambda results, _: smooth(results),
    "zones": zones,
    "trails": lambda results, _: trails(results),
    "file names": names,
}


@pytest.mark.parametrize("use", USES)
def test_pickled_results_give_what_the_others_give(use: str, tmp_path: Path) -> None:
    results = walk()
    expected = USES[use](results, tmp_path)

    assert len(expected) >= 1
    assert USES[use](pickled(results), tmp_path) == expected


def test_results_of_another_process_give_what_the_others_give(tmp_path: Path) -> None:
    results = walk()
    back = sent(results)

    for use in USES.values():
        assert use(back, tmp_path) == use(results, tmp_path)
    assert [event["event"] for event in zones(back, tmp_path)] == ["middle.enter", "middle.leave"]
    assert ids(back)[-1] == [1]


def test_one_file_opened_twice_is_two_sources(tmp_path: Path) -> None:
    first, second = Media("a.mp4", "video", path="a.mp4"), Media("a.mp4", "video", path="a.mp4")

    assert first == second  # described alike
    assert not continues(second, first)
    assert names([*walk(first), *pickled(walk(second))], tmp_path)[:1] == ["a-2_0.txt"]


def pairs() -> Iterator[tuple[Media, Media | None, bool, bool]]:
    """Source, the one before, whether it goes on, and whether it does where pictures stand alone."""
    picture, video, stream = Media("a.jpg"), Media("a.mp4", "video"), Media("camera 0", "stream")
    yield picture, None, False, False
    yield picture, picture, True, True
    yield Media("b.jpg"), picture, True, False
    yield video, replace(video, name="b"), True, True
    yield video, Media("a.mp4", "video"), False, False
    yield video, picture, False, False
    yield picture, video, False, False
    yield stream, video, False, False
    yield Media("a", "frames"), Media("a", "frames"), False, False


@pytest.mark.parametrize(("media", "last", "scene", "alone"), list(pairs()))
def test_whether_a_source_goes_on(media: Media, last: Media | None, scene: bool, alone: bool) -> None:
    assert continues(media, last) == scene
    assert continues(media, last, scene=False) == alone
    assert continues(again(media), last) == scene


def test_a_new_path_is_the_same_source() -> None:
    one, other = walk()[:2]
    other.path = "elsewhere.mp4"

    assert continues(other.media, one.media)


def test_keys_leave_the_random_state_as_it_was() -> None:
    random.seed(5)
    before = random.getstate()

    assert len({Media("a").key for _ in range(100)}) == 100
    assert random.getstate() == before
