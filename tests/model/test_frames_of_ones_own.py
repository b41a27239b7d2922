"""Frames passed one by one, in lists and by generators give what the video's path gives."""

from __future__ import annotations

import itertools
import json
import pickle
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest

from poise import EventStream, Pose, RepCounter, Results, ZoneWatch
from poise.estimators import Estimate, Memory, Options
from poise.filters.smoothing import Smoother
from poise.frames import Frame, Image, Media
from poise.model import settings
from poise.model.series import Pace
from poise.skeletons import get
from poise.tracking import Tracker

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"


class Elbows:
    """An estimator that finds one person who does a push-up every 30 frames, in any picture; it reads the frame's
    number from the first pixel, so that what it finds does not depend on how it is asked."""

    skeleton = get("coco17")
    names = {0: "person"}  # noqa: RUF012

    def memory(self) -> Memory | None:
        return None

    def __call__(
        self, images: Any, options: Options, memory: Memory | None = None, *, times: Any = ()
    ) -> list[Estimate]:
        return [self.found(int(image[0, 0, 0]) + 256 * int(image[0, 0, 1])) for image in images]

    def found(self, number: int) -> Estimate:
        # The body lies 40 pixels above the floor at rest, and 10 at the lowest; hands and feet stay.
        lift = 25 + 15 * np.cos(2 * np.pi * number / 30)
        xy = np.zeros((17, 2), np.float32)
        xy[:5] = [30, 150 - lift]
        xy[5:7], xy[9:11] = [50, 150 - lift], [50, 150]
        xy[7:9] = [50 - np.sqrt(max(0.0, 20.5**2 - (lift / 2) ** 2)), 150 - lift / 2]
        xy[11:13], xy[13:15], xy[15:] = [110, 148 - lift / 1.8], [140, 149 - lift / 3], [170, 150]
        box = np.array([[25, 100, 175, 155, 0.9, 0]], np.float32)
        return Estimate(box, xy[None], np.full((1, 17), 0.9, np.float32))


@pytest.fixture
def pose(monkeypatch: pytest.MonkeyPatch) -> Pose:
    made = Pose("body-fast")
    found = Elbows()
    monkeypatch.setattr(made, "_estimator", lambda device: found)
    return made


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that come as fast as they are taken, however busy the machine is."""
    monkeypatch.setattr(Pace, "waited", False)


def pictures(count: int = 195, size: tuple[int, int] = (200, 200)) -> Iterator[Image]:
    for i in range(count):
        picture = np.zeros((*size, 3), np.uint8)
        picture[0, 0, :2] = i % 256, i // 256
        yield picture


def by_call(pose: Pose, call: str, frames: Iterator[Image], **arguments: Any) -> list[Results]:
    return [getattr(pose, call)(frame, **arguments)[0] for frame in frames]


WAYS = {
    "predict one by one": lambda pose: by_call(pose, "predict", pictures()),
    "call one by one": lambda pose: by_call(pose, "__call__", pictures()),
    "track one by one": lambda pose: by_call(pose, "track", pictures(), persist=True),
    "track without persist": lambda pose: by_call(pose, "track", pictures()),
    "smooth one by one": lambda pose: by_call(pose, "predict", pictures(), smooth=True),
    "PIL images": lambda pose: [pose.predict(PIL.Image.fromarray(p[..., ::-1]))[0] for p in pictures()],
    "list": lambda pose: pose(list(pictures())),
    "list tracked": lambda pose: pose.track(list(pictures())),
    "array of four axes": lambda pose: pose(np.stack(list(pictures()))),
    "generator": lambda pose: pose(pictures(), stream=True),
    "generator tracked": lambda pose: pose.track(pictures(), stream=True),
    "batches with persist": lambda pose: [
        r for _ in [list(pictures())] for i in range(0, 195, 5) for r in pose.track(_[i : i + 5], persist=True)
    ],
}


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("way", WAYS)
def test_repetitions_are_counted_however_frames_are_passed(pose: Pose, way: str) -> None:
    counter, results = RepCounter("push-up"), []
    for result in WAYS[way](pose):
        counter.update(result)
        results.append(result)

    assert counter.count == 6
    assert [r.frame for r in results] == list(range(195))
    np.testing.assert_allclose([r.time for r in results], np.arange(195) / 30, atol=1e-6)
    assert {r.time_from for r in results} == {"assumed"}


def test_times_are_those_that_are_given(pose: Pose) -> None:
    moments = [0.5, 0.54, 0.6, 1.7]
    frames = list(pictures(4))

    one = [pose(frame, time=moment)[0] for frame, moment in zip(frames, moments, strict=True)]
    pose.reset()
    for results in (one, pose(frames, time=moments), list(pose(iter(frames), stream=True, time=iter(moments)))):
        assert [r.time for r in results] == moments
        assert {r.time_from for r in results} == {"given"}
    with pytest.raises(ValueError, match="time= has fewer values"):
        pose(frames, time=moments[:3])


def test_times_follow_from_fps(pose: Pose) -> None:
    results = by_call(pose, "track", pictures(5), persist=True, fps=12.5)

    assert [r.time for r in results] == pytest.approx([0, 0.08, 0.16, 0.24, 0.32])
    assert {r.time_from for r in results} == {"fps"}


@pytest.mark.parametrize("how", ["given", "waited"])
def test_live_frames_have_the_time_of_the_clock(pose: Pose, how: str) -> None:
    def camera() -> Iterator[Image]:
        for picture in pictures(8):
            time.sleep(0.06)
            yield picture

    arguments: dict[str, Any] = {"time": "clock"} if how == "given" else {}
    results = by_call(pose, "track", camera(), persist=True, **arguments)
    lazy = list(pose.predict(camera(), stream=True, **arguments))

    for seen in (results, lazy):
        assert {r.time_from for r in seen[4:]} == {"clock"}
        assert np.diff([r.time for r in seen[4:]]).min() >= 0.055


@pytest.mark.parametrize(
    ("work", "wall", "busy", "waited"),
    [
        (0.010, 0.030, 0.028, False),  # drawing and decoding
        (0.030, 0.030, 0.012, False),  # the same, while other processes take more than half of the processor
        (0.200, 0.030, 0.002, False),  # hardly anything runs
        (0.010, 0.005, 0.000, False),  # a short pause
        (0.010, 0.020, 0.003, True),  # a camera
        (0.050, 0.500, 0.100, True),
    ],
)
def test_work_between_frames_is_no_wait(
    monkeypatch: pytest.MonkeyPatch, work: float, wall: float, busy: float, waited: bool
) -> None:
    now = [0.0, 0.0]
    watch = SimpleNamespace(perf_counter=lambda: now[0], process_time=lambda: now[1])
    monkeypatch.setattr("poise.model.series.clock", watch)
    pace = Pace()
    for _ in range(4):
        assert not pace.waited
        pace.end()
        now[0] += work
        now[1] += work
        pace.begin()
        now[0] += wall
        now[1] += busy
    for _ in range(3):
        pace.end()
        assert pace.waited == waited
        pace.begin()


def test_an_endless_generator_is_read_as_results_are_asked_for(pose: Pose) -> None:
    read = itertools.count()
    endless = (next(pictures(1)) for _ in iter(lambda: next(read), None))

    results = list(itertools.islice(pose.track(endless, stream=True), 40))

    assert [r.frame for r in results] == list(range(40))
    assert next(read) <= 42


def test_a_new_source_has_new_ids(pose: Pose) -> None:
    def numbers(**arguments: Any) -> tuple[int, float, int]:
        (result,) = pose.track(next(frames), **arguments)
        return result.frame, result.time, int(result.boxes.id[0])  # type: ignore[index]

    frames = pictures(50)
    assert [numbers(persist=True)[0] for _ in range(4)] == [0, 1, 2, 3]
    assert numbers(persist=False) == (0, 0.0, 1)
    assert numbers(persist=True)[0] == 1
    pose.reset()
    assert numbers(persist=True) == (0, 0.0, 1)
    assert numbers(persist=True)[0] == 1
    frames = pictures(50, (300, 260))  # another size
    assert numbers(persist=True) == (0, 0.0, 1)
    pose.predictor.trackers[0].reset()
    assert numbers(persist=True, time=8.0) == (0, 8.0, 1)
    assert numbers(persist=True, time=9.0)[:2] == (1, 9.0)
    assert numbers(persist=True, time=0.0) == (0, 0.0, 1)  # times go back


def test_another_video_has_new_ids_with_persist_too(tmp_path: Path) -> None:
    pose, tracker = Pose("body-fast"), Tracker()
    first = pose.track(CLIP, persist=True, vid_stride=20)
    again = pose.track(CLIP, persist=True, vid_stride=20)

    assert len(tracker) == 0
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(np.asarray(one.boxes.data), np.asarray(other.boxes.data))


def test_a_loop_with_times_gives_what_the_path_gives() -> None:
    by_path = list(islice(Pose("body-fast").track(CLIP, smooth=True, stream=True), 8))
    loop = Pose("body-fast")

    for wanted in by_path:
        (found,) = loop.track(wanted.orig_img, persist=True, smooth=True, time=wanted.time)
        np.testing.assert_array_equal(np.asarray(found.keypoints.xy), np.asarray(wanted.keypoints.xy))
        np.testing.assert_array_equal(np.asarray(found.boxes.data), np.asarray(wanted.boxes.data))


def test_smoothing_goes_on_from_call_to_call(pose: Pose) -> None:
    smoother = Smoother()
    for i, frame in enumerate(pictures(30)):
        (found,) = pose.predict(frame, smooth=True, fps=20)
        (raw,) = Pose.predict(pose, [frame])
        wanted = smoother.update(raw.replace(time=i / 20))
        np.testing.assert_allclose(np.asarray(found.keypoints.xy), np.asarray(wanted.keypoints.xy), atol=1e-4)


@pytest.mark.usefixtures("recorded")
def test_zones_see_frames_passed_one_by_one(pose: Pose, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    zone = tmp_path / "whole.toml"
    zone.write_text('units="relative"\n[zones.a]\npolygon=[[0.0,0.0],[1.0,0.0],[1.0,1.0],[0.0,1.0]]\n')

    results = (pose.track(frame, persist=True)[0] for frame in pictures(60))
    events = [e.event for _, found in EventStream([ZoneWatch(zone)]).watch(results) for e in found]

    assert "a.enter" in events
    assert caplog.text.count("1/30 second each is assumed; pass fps=25 or time=seconds") == 1


def test_a_video_has_times_of_its_own(pose: Pose) -> None:
    with pytest.raises(ValueError, match=r"clip.mp4: has times of its own; fps= and time= are for frames"):
        pose(CLIP, fps=10)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fps": 0}, "fps must be frames a second, more than 0, got 0"),
        ({"fps": 25, "time": 1.0}, "give fps= or time=, not both"),
        ({"time": "now"}, "time must be seconds, a list of seconds, or 'clock', got 'now'"),
        ({"time": float("nan")}, "time must be seconds"),
    ],
)
def test_wrong_times_are_refused(pose: Pose, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pose(next(pictures(1)), **arguments)


@pytest.mark.parametrize("exist_ok", [False, True])
def test_frames_saved_one_by_one_share_a_folder(
    pose: Pose, tmp_path: Path, exist_ok: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = {"save": True, "save_txt": True, "save_json": True, "project": tmp_path, "exist_ok": exist_ok}
    for frame in pictures(3):
        (result,) = pose.predict(frame, **saved)
        assert result.save_dir == str(tmp_path / "predict")
        number = result.frame
        assert (tmp_path / f"predict/array_{number}.jpg").is_file()
    for frame in pictures(2, (120, 160)):  # another source
        pose.predict(frame, **saved)
    pose.reset()

    assert sorted(p.name for p in tmp_path.iterdir()) == ["predict"]
    names = {p.name for p in (tmp_path / "predict").glob("*.jpg")}
    assert names == {*(f"array_{i}.jpg" for i in range(3)), *(f"array-2_{i}.jpg" for i in range(2))}
    assert len(list((tmp_path / "predict/labels").iterdir())) == 5
    assert len((tmp_path / "predict/results.jsonl").read_text().splitlines()) == 5
    manifest = json.loads((tmp_path / "predict/manifest.json").read_text())
    assert (manifest["status"], manifest["counts"]["frames"]) == ("done", 5)
    assert capsys.readouterr().out.count(f"Results saved to {tmp_path / 'predict'}") == 1


def test_a_run_of_single_frames_ends_with_python(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import numpy as np; from poise import Pose\n"
        f"for i in range(2): Pose.predict(m, np.zeros((64, 64, 3), np.uint8), save=True, project={str(tmp_path)!r}) "
        "if i else globals().update(m=Pose('body-fast'))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    assert json.loads((tmp_path / "predict/manifest.json").read_text())["status"] == "done"


def test_what_was_found_is_printed_with_verbose(pose: Pose, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = next(pictures(1))
    for verbose in (None, False, True):
        pose.predict([frame], verbose=verbose)
    pose.predict([frame], verbose=False, save=True, project=tmp_path)

    assert capsys.readouterr().out.strip().startswith("array 0: 200x200 1 person, ")


def test_tensors_are_read_as_this_field_passes_them(pose: Pose) -> None:
    torch = pytest.importorskip("torch")
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    tensor = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None]

    for given in (tensor.float() / 255, tensor.float(), tensor, tensor[0].float() / 255, torch.from_numpy(picture)):
        (result,) = pose(given)
        np.testing.assert_array_equal(result.orig_img, picture)
    assert len(pose(torch.cat([tensor, tensor]).float() / 255)) == 2
    with pytest.raises(ValueError, match=r"expected a tensor of shape \(N, 3, H, W\)"):
        pose(torch.zeros(2, 5, 5, 5))


def test_words_of_the_field_are_taken(pose: Pose) -> None:
    frame = next(pictures(1))

    assert len(pose(frame, device="", half=True, workers=4, hide_labels=True, line_thickness=2, boxes=False)) == 1
    assert pose.fuse() is pose
    assert pose.eval() is pose
    pose.predictor = None
    with pytest.raises(AttributeError, match="Pose has no 'overrides': pass arguments such as conf"):
        pose.overrides["conf"] = 0.5
    with pytest.raises(AttributeError, match="did you mean 'predict'"):
        pose.predit(frame)


def test_picture_files_of_a_tracked_list_are_numbered(pose: Pose, tmp_path: Path) -> None:
    for i, picture in enumerate(pictures(3)):
        PIL.Image.fromarray(picture).save(tmp_path / f"{i}.png")

    tracked = pose.track(tmp_path, fps=10)
    plain = pose.predict(tmp_path)

    assert [(r.frame, round(r.time, 3)) for r in tracked] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert [Path(r.path).name for r in tracked] == ["0.png", "1.png", "2.png"]
    assert [(r.frame, r.time, r.time_from) for r in plain] == [(0, 0.0, "source")] * 3


def test_a_series_of_its_own_says_so() -> None:
    assert Frame(np.zeros((2, 2, 3), np.uint8), Media("a")).time_from == "source"


def test_frames_say_themselves_where_they_are_from_and_when_they_were_taken(pose: Pose) -> None:
    media = Media("camera 3", "stream", 25.0)
    frames = [Frame(image, media, 5 * i, i / 5) for i, image in enumerate(pictures(12))]

    one_by_one = by_call(pose, "track", iter(frames), persist=True)
    lazily = list(pose.track(iter(frames), stream=True))
    sent = list(pose.predict([pickle.loads(pickle.dumps(frame)) for frame in frames]))  # noqa: S301 - made here

    for results in (one_by_one, lazily, sent):
        assert [(r.media.key, r.frame, r.time) for r in results] == [(media.key, 5 * i, i / 5) for i in range(12)]
    assert [r.boxes.id.tolist() for r in one_by_one] == [r.boxes.id.tolist() for r in lazily] == [[1]] * 12


def test_steadied_frames_of_one_source_go_on_from_call_to_call_and_those_of_another_begin_anew(pose: Pose) -> None:
    first, second = Media("a.mp4", "video", 30.0), Media("a.mp4", "video", 30.0)
    images = list(pictures(20))
    whole = pose.predict([Frame(image, first, i, i / 30) for i, image in enumerate(images)], smooth=True)

    one_by_one = by_call(pose, "predict", (Frame(x, first, i, i / 30) for i, x in enumerate(images)), smooth=True)
    other = pose.predict(Frame(images[7], second, 0, 0.0), smooth=True)[0]

    for a, b in zip(whole, one_by_one, strict=True):
        np.testing.assert_array_equal(a.keypoints.xy, b.keypoints.xy)
    np.testing.assert_array_equal(other.keypoints.xy, pose.predict(images[7])[0].keypoints.xy)


def test_a_frame_with_a_time_of_its_own_is_given_no_other(pose: Pose) -> None:
    frame = Frame(next(pictures(1)), Media("a.mp4", "video", 30.0), 3, 0.1)

    with pytest.raises(ValueError, match=r"a\.mp4: has times of its own"):
        pose.predict(frame, time=2.0)


def test_half_is_taken_with_one_note_of_what_chooses_the_precision(
    pose: Pose, caplog: pytest.LogCaptureFixture
) -> None:
    settings._note_half.cache_clear()
    frame = next(pictures(1))
    for _ in range(3):
        pose.predict(frame, half=True, verbose=False)
    pose.predict(frame, half=False, verbose=False)

    assert [r.message for r in caplog.records if "half" in r.message] == [
        "half=True changes nothing: a network's precision is chosen when it is opened; "
        "Pose(…, precision='auto') lets the engine take a faster one"
    ]
