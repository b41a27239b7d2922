"""Tracking as users call it: Pose.track, and poise track."""

import json
from pathlib import Path

import numpy as np
import pytest
from drawn_people import frame

from poise import Pose, Results
from poise.cli import main
from poise.drawing import Trails
from poise.evaluation import evaluate_tracking
from poise.frames import Frame, Media
from poise.sources import open_source
from poise.tracking import Tracker, TrackSettings

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"
LABELS = Path(__file__).parents[2] / "benchmarks/tracking_labels"


@pytest.fixture(scope="module")
def pose() -> Pose:
    return Pose("body-fast", threads=1)


@pytest.fixture(scope="module")
def tracked(pose: Pose) -> list[Results]:
    return pose.track(CLIP, verbose=False)


def test_every_instance_of_a_video_has_an_id(tracked: list[Results]) -> None:
    assert len(tracked) > 5
    assert all(result.boxes.is_track for result in tracked)
    assert {1} <= set(np.concatenate([result.boxes.id for result in tracked]).tolist())


def test_each_call_counts_from_one(pose: Pose, tracked: list[Results]) -> None:
    again = pose.track(CLIP, verbose=False)

    assert [r.boxes.id.tolist() for r in tracked] == [r.boxes.id.tolist() for r in again]


def test_frames_passed_one_by_one_keep_their_ids_with_persist(pose: Pose) -> None:
    with open_source(CLIP) as frames:
        images = [f.image for f in frames][:6]

    kept = [pose.track(image, persist=True, verbose=False)[0].boxes.id.tolist() for image in images]

    assert kept[0]
    assert all(1.0 in found for found in kept)


def test_tracker_is_chosen_by_its_file_name(pose: Pose) -> None:
    results = pose.track(CLIP, tracker="bytetrack.yaml", verbose=False)

    assert any(len(result) for result in results)


def test_unknown_argument_names_the_call(pose: Pose) -> None:
    with pytest.raises(TypeError, match="track\\(\\) has no argument 'trakcer'; did you mean 'tracker'"):
        pose.track(CLIP, trakcer="pose.yaml")


def test_command_prints_ids_and_saves_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["track", str(CLIP), "--model", "body-fast", "--json", "--save", "--threads", "1"]) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(isinstance(i["id"], int) for line in lines for i in line["instances"])
    assert (tmp_path / "runs/pose/track/clip.mp4").is_file()


def test_wrong_tracker_file_is_an_error_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("tracker_type: pose\nmatch_tresh: 0.8\n")

    assert main(["track", str(CLIP), "--model", "body-fast", "--tracker", "mine.yaml"]) == 1

    assert "mine.yaml:2: unknown key 'match_tresh'; did you mean 'match_thresh'?" in capsys.readouterr().err


def test_trails_are_painted_where_a_track_came_from() -> None:
    trails, tracker = Trails(), Tracker()
    for t in range(20):
        result = tracker.update(frame([(100 + 10 * t, 240)], time=t / 30))
        trails.add(result)

    painted = trails.paint(result.orig_img)

    changed = np.argwhere((painted != result.orig_img).any(axis=-1))
    assert changed[:, 1].min() < 130
    assert changed[:, 1].max() > 260
    assert (np.abs(changed[:, 0] - 320) < 12).all()  # along the lower edges of the boxes


def test_trails_forget_what_is_older_than_their_length() -> None:
    trails, tracker = Trails(seconds=0.2), Tracker()
    for t in range(60):
        result = tracker.update(frame([(100 + 5 * t, 240)], time=t / 30))
        trails.add(result)

    changed = np.argwhere((trails.paint(result.orig_img) != result.orig_img).any(axis=-1))

    assert changed[:, 1].min() > 100 + 5 * 59 - 5 * 8


def test_people_who_visit_one_by_one_are_as_many_ids(shared: Path) -> None:
    boxes = np.loadtxt(LABELS / "people_one_by_one.csv", delimiter=",", skiprows=1, dtype=str)
    frames = boxes[:, 0].astype(int)
    media, image = Media("visits", "video", 10.0), np.zeros((432, 768, 3), np.uint8)
    tracker = Tracker(TrackSettings(recover=False))
    true, found = [], []
    for f in range(frames.max() + 1):
        rows = boxes[frames == f]
        data = np.concatenate([rows[:, 2:].astype(float), np.tile([0.9, 0], (len(rows), 1))], axis=1)
        result = tracker.update(Results.of(Frame(image, media, f, f / 10), data))
        if len(result) == len(rows):
            true.append([int(name.removeprefix("visit")) for name in rows[:, 1]])
            found.append(result.boxes.id.int().tolist())

    scores = evaluate_tracking(true, found, [np.eye(len(t)) for t in true])

    assert (scores.switches, len({i for f in found for i in f})) == (0, 6)
