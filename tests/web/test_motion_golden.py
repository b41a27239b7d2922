"""The page follows, steadies and counts as the Python does: both get the same detections of real clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motion_node import Node, motion_parts, node_process, numbers, skeleton_table

from poise import Pose, samples
from poise.filters import Smoother
from poise.frames import Frame, Media
from poise.reps import RepCounter
from poise.results import Results
from poise.sinks import record
from poise.skeletons import get
from poise.tracking import Tracker
from poise.web import exercise_tables

SAMPLES = Path(samples.__file__).parent
NO_PICTURE = np.zeros((1, 1, 3), np.uint8)  # nobody has a colour in it, as where the page gives none

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    # Real clips meet the scripts as they are sent, the tests of the parts those of the repository.
    yield from node_process(tmp_path_factory, lean=True)


@dataclass(frozen=True)
class Clip:
    """What a network saw in a clip: records, and its pictures as RGBA in a file."""

    records: list[dict[str, Any]]
    images: list[np.ndarray]
    pixels: Path

    def picture(self, frame: int) -> dict[str, Any]:
        height, width = self.images[frame].shape[:2]
        return {"rgba": str(self.pixels), "frame": frame, "width": width, "height": height}


def detect(source: Path, pixels: Path) -> Clip:
    records, images = [], []
    with pixels.open("wb") as file:
        for result in Pose("body-fast").predict(source, stream=True, conf=0.1, verbose=False):
            records.append(record(result))
            images.append(result.orig_img)
            file.write(np.pad(result.orig_img[..., ::-1], ((0, 0), (0, 0), (0, 1)), constant_values=255).tobytes())
    return Clip(records, images, pixels)


@pytest.fixture(scope="module")
def squats(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return detect(SAMPLES / "squats.mp4", tmp_path_factory.mktemp("squats") / "pixels")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return detect(SAMPLES / "clip.mp4", tmp_path_factory.mktemp("walk") / "pixels")


@pytest.fixture(scope="module")
def aisle(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Clip:
    return detect(shared / "data/videos/people_store_aisle.gif", tmp_path_factory.mktemp("aisle") / "pixels")


def as_result(line: dict[str, Any], image: np.ndarray) -> Results:
    """Read a record: the page has its rounded numbers, so Python takes them too."""
    rows = line["instances"]
    boxes = np.array([[*one["box"], one["conf"], one["class"]] for one in rows], float).reshape(-1, 6)
    points = np.array([one["keypoints"] for one in rows], float).reshape(-1, 17, 3)
    frame = Frame(image, Media("clip", "frames"), line["frame"], line["time"])
    return Results.of(frame, boxes, points[..., :2], points[..., 2], skeleton=get("coco17"))


def check_people(found: list[dict[str, Any]], result: Results, frame: int) -> None:
    """Compare the instances of one frame."""
    ids = [] if result.boxes.id is None else result.boxes.id.int().tolist()
    assert [one["id"] for one in found] == ids, frame
    for row, one in enumerate(found):
        points = numbers(one["keypoints"]).reshape(-1, 3)[:, :2]
        # Both hold single precision, whose step at 500 pixels is 0.00003.
        np.testing.assert_allclose(points, result.keypoints.xy[row], atol=1e-3, err_msg=f"frame {frame}")
        np.testing.assert_allclose(one["box"], result.boxes.xyxy[row], atol=1e-3, err_msg=f"frame {frame}")


CASES = [
    ("squats", False, "one-euro", "auto", "pose.yaml"),
    ("squats", False, "kalman", "squat", "pose.yaml"),
    ("squats", False, False, "squat", "bytetrack.yaml"),
    ("walk", True, "one-euro", "auto", "pose.yaml"),
    ("aisle", True, "one-euro", "auto", "pose.yaml"),
    ("aisle", False, "kalman", None, "pose.yaml"),
    ("aisle", False, False, None, "botsort.yaml"),
]


@pytest.mark.parametrize(("clip", "coloured", "smooth", "reps", "tracker"), CASES)
def test_every_frame_is_that_of_the_python(
    clip: str, coloured: bool, smooth: Any, reps: str | None, tracker: str, node: Node, request: Any
) -> None:
    seen: Clip = request.getfixturevalue(clip)
    calls = [
        ("update", [line, seen.picture(i)] if coloured else [line]) for i, line in enumerate(seen.records)
    ]  # fmt: skip
    follower, smoother = Tracker(tracker), Smoother(smooth) if smooth else None
    counter = RepCounter(reps) if reps else None

    answers = node.make("motion.js", "Motion", motion_parts(smooth=smooth, reps=reps, tracker=tracker), calls)

    for i, (line, answer) in enumerate(zip(seen.records, answers, strict=True)):
        result = follower.update(as_result(line, seen.images[i] if coloured else NO_PICTURE))
        result = result if smoother is None else smoother.update(result)
        check_people(answer["result"]["instances"], result, i)
        if counter is None:
            assert answer["reps"] == answer["events"] == []
            continue
        made = counter.update(result)
        expected = [(line["frame"], one.id, f"{one.exercise}.rep", one.count) for one in made]
        assert [(e["frame"], e["id"], e["event"], e["value"]) for e in answer["events"]] == expected
        states = [(number, counter.state(number)) for number in counter.counts]
        assert [(one["id"], one["exercise"], one["count"]) for one in answer["reps"]] == [
            (number, state.exercise, state.count) for number, state in states
        ]
        # Both are rounded to thousandths, and a half may go either way.
        progress = [state.progress for _, state in states]
        np.testing.assert_allclose([one["progress"] for one in answer["reps"]], progress, atol=1e-3)
        np.testing.assert_allclose([e["conf"] for e in answer["events"]], [one.rep.conf for one in made], atol=2e-3)


def test_repetitions_of_the_bundled_clip_begin_and_end_at_the_same_times(node: Node, squats: Clip) -> None:
    counter, expected, calls = RepCounter(), [], []
    for line in squats.records:
        result = as_result(line, NO_PICTURE)
        data = np.insert(np.asarray(result.boxes.data), 4, 1.0, axis=1)
        result = result.replace(boxes=type(result.boxes)(data, result.boxes.orig_shape))
        expected += [(one.rep.start, one.rep.peak, one.rep.end, one.rep.depth) for one in counter.update(result)]
        rows = [
            {"id": 1, "xy": np.asarray(xy, float).ravel(), "conf": np.asarray(conf, float)}
            for xy, conf in zip(result.keypoints.xy, result.keypoints.conf, strict=True)
        ]
        calls.append(("update", [rows, line["time"]]))

    answers = node.make("reps/live.js", "RepCounter", [skeleton_table(), exercise_tables(), "auto"], calls)

    found = [[made["rep"][name] for name in ("start", "peak", "end", "depth")] for answer in answers for made in answer]
    assert len(found) == 4
    np.testing.assert_allclose(found, expected, atol=1e-6)
