"""The Pose class from a source to results and files, on the bundled photo."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from poise import YOLO, ModelError, Pose, Results, SourceError
from poise.estimators import Memories
from poise.estimators._stream import _batches
from poise.frames import Frame, Media
from poise.model.settings import Settings

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"
ASTRONAUT = Path(__file__).parents[1] / "assets/astronaut.jpg"


@pytest.fixture(scope="module")
def pose() -> Pose:
    return Pose("body-fast")


def test_three_lines_find_the_man(photo: Path) -> None:
    results = YOLO()(photo)

    assert len(results) == 1
    assert len(results[0]) == 1
    left, right = results[0][0].left_ankle, results[0][0].right_ankle
    # Labelled by hand, tests/assets/people.coco.json: left ankle (382, 301), right ankle (293, 300).
    assert np.hypot(left.x - 382, left.y - 301) < 15
    assert np.hypot(right.x - 293, right.y - 300) < 15


def test_every_kind_of_source_gives_the_same_points(pose: Pose, photo: Path) -> None:
    array = pose(photo)[0].orig_img
    with PIL.Image.open(photo) as picture:
        kinds = [str(photo), photo, photo.read_bytes(), array, picture.copy(), array[None]]

        found = [pose(kind)[0].keypoints.xy for kind in kinds]

    for points in found[1:]:
        np.testing.assert_array_equal(points, found[0])


def test_a_mixed_list_keeps_its_order(pose: Pose, photo: Path) -> None:
    results = pose([photo, np.zeros((50, 60, 3), np.uint8), str(photo)], batch=2)

    assert [len(r) for r in results] == [1, 0, 1]
    assert [r.orig_shape for r in results] == [(425, 640), (50, 60), (425, 640)]


def test_a_stream_is_lazy_and_closes_on_break(pose: Pose) -> None:
    before = threading.active_count()

    for result in pose(CLIP, stream=True):
        assert isinstance(result, Results)
        break

    assert threading.active_count() <= before


def test_video_results_carry_frame_and_time(pose: Pose) -> None:
    results = pose(CLIP)

    assert [r.frame for r in results] == list(range(len(results)))
    times = [r.time for r in results]
    assert times[0] == 0
    assert np.all(np.diff(times) > 0)


def test_one_model_serves_many_threads(pose: Pose, photo: Path) -> None:
    expected = pose(photo)[0].keypoints.data
    found: list[np.ndarray] = []

    def work() -> None:
        for _ in range(3):
            found.append(pose(photo)[0].keypoints.data)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 12
    for points in found:
        np.testing.assert_allclose(points, expected, atol=1e-3)


def test_one_bad_file_of_several_is_reported_and_left_out(pose: Pose, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    (tmp_path / "good.jpg").write_bytes(photo.read_bytes())
    errors: list[SourceError] = []

    results = pose(tmp_path, on_error=errors.append)

    assert [Path(r.path).name for r in results] == ["good.jpg"]
    assert "bad.jpg" in str(errors[0])


def test_a_single_bad_file_raises(pose: Pose, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")

    with pytest.raises(SourceError, match=r"bad\.jpg"):
        pose(tmp_path / "bad.jpg")


def test_a_missing_file_raises(pose: Pose) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.jpg"):
        pose("nowhere.jpg")


def test_saving_makes_numbered_folders_with_a_manifest(pose: Pose, photo: Path, tmp_path: Path) -> None:
    for _ in range(2):
        pose(photo, save=True, save_txt=True, save_json=True, save_csv=True, save_crop=True, project=tmp_path)

    assert sorted(p.name for p in tmp_path.iterdir()) == ["predict", "predict2"]
    manifest = json.loads((tmp_path / "predict2/manifest.json").read_text())
    assert manifest["status"] == "done"
    assert manifest["counts"] == {"frames": 1, "instances": 1, "errors": 0}
    assert [w["name"] for w in manifest["weights"]] == ["nanodet-416", "movenet-multipose", "movenet-thunder"]
    assert {len(w["sha256"]) for w in manifest["weights"]} == {64}
    for name in manifest["files"]:
        assert (tmp_path / "predict2" / name).stat().st_size > 0
    assert {Path(name).suffix for name in manifest["files"]} == {".jpg", ".txt", ".jsonl", ".csv"}


def test_leaving_early_finishes_the_video(pose: Pose, tmp_path: Path) -> None:
    av = pytest.importorskip("av")

    for result in pose(CLIP, stream=True, save=True, project=tmp_path):
        if result.frame == 4:
            break

    with av.open(str(tmp_path / "predict/clip.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 5
    assert json.loads((tmp_path / "predict/manifest.json").read_text())["status"] == "interrupted"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"cnof": 0.5}, TypeError, "did you mean 'conf'"),
        ({"conf": 2}, ValueError, "conf must be from 0 to 1"),
        ({"conf": "high"}, ValueError, "conf must be from 0 to 1, got 'high'"),
        ({"conf": [0.3]}, ValueError, r"conf must be from 0 to 1, got \[0.3\]"),
        ({"iou": "0.7"}, ValueError, "iou must be from 0 to 1, got '0.7'"),
        ({"imgsz": 7}, ValueError, "imgsz must be"),
        ({"imgsz": "large"}, ValueError, "imgsz must be from 32 to 8192 pixels, got 'large'"),
        ({"vid_stride": 0}, ValueError, "vid_stride must be"),
        ({"visualize": True}, ValueError, "visualize=True is not supported"),
        ({"source": None}, ValueError, "needs a source"),
    ],
)
def test_wrong_arguments_are_named(
    pose: Pose, photo: Path, arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        pose.predict(**({"source": photo} | arguments))


def test_sizes_as_text_and_no_confidence_are_those_that_are_meant() -> None:
    assert [Settings.of({"imgsz": one}).imgsz for one in ("640", "320,192", "(320, 192)", [320])] == [
        *(640, 320, 320, 320)
    ]
    assert Settings.of({"conf": None}).conf == Settings().conf


def test_arguments_of_the_field_that_change_nothing_are_taken(pose: Pose, photo: Path) -> None:
    assert len(pose.predict(photo, half=False, rect=True, verbose=False, task="pose", iou=0.7, classes=[0])[0]) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bdy", "did you mean 'body'"),
        ("nowhere.onnx", "no such file"),
    ],
)
def test_an_unknown_model_is_named(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Pose(name)


def test_a_device_that_is_not_there_is_an_error(photo: Path) -> None:
    with pytest.raises(ModelError, match=r"device 'cuda:7' is not available.*cpu"):
        Pose(device=7)(photo)


def test_an_unknown_runtime_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'onnxruntime'"):
        Pose(runtime="onnxruntim")


def test_no_prediction_touches_the_network(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert len(Pose()(photo)[0]) == 1


def test_predicting_changes_nothing_in_the_host(photo: Path) -> None:
    code = (
        "import os, logging, random, threading, numpy as np\n"
        "state = lambda: (dict(os.environ), logging.getLogger().handlers[:], random.getstate(), "
        "np.random.get_state()[1].tolist(), threading.active_count())\n"
        "before = state()\n"
        f"from poise import Pose; Pose('body-fast')({str(photo)!r})\n"
        "assert state() == before"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_video_frames_are_never_batched_and_pictures_are() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    still, video = Media("a"), Media("b", kind="video")
    frames = [Frame(image, still), Frame(image, still), Frame(image, still), Frame(image, video), Frame(image, video)]

    assert [len(batch) for batch in _batches(frames, 2, Memories())] == [2, 1, 1, 1]


def test_bundled_networks_say_what_they_are(pose: Pose) -> None:
    found = pose.info()

    assert len(found) == 3
    for one in found:
        assert one.licence.startswith("Apache-2.0")
        assert one.parameters > 1_000_000


def test_only_a_checkpoint_can_be_exported(pose: Pose) -> None:
    with pytest.raises(ModelError, match="needs a checkpoint"):
        pose.export(format="onnx")


def test_a_network_of_another_family_is_described() -> None:
    from poise.weights import network

    with pytest.raises(ModelError, match=r"nanodet-416\.onnx: .*cls_s8"):
        Pose(network("nanodet-416").path)


def test_boxes_of_ones_own_give_an_instance_each_in_their_order(pose: Pose, photo: Path) -> None:
    found = pose(photo)[0]
    box = found.boxes.xyxy[0]
    beside = box + np.array([5.0, 0, 5, 0], np.float32)

    looked = pose(photo, boxes=[beside, box])[0]
    nothing = pose(photo, boxes=[])[0]
    pictures = pose([photo, photo], boxes=[[box], np.zeros((0, 4))])
    taken = pose([photo, photo], boxes=(one for one in (found.boxes, np.zeros((0, 4)))))

    np.testing.assert_allclose(looked.boxes.xyxy, [beside, box])
    # The search's own keypoints are averaged with the first look's, so that these differ by a little.
    size = (box[2:] - box[:2]).max()
    assert np.abs(looked.keypoints.xy[1] - found.keypoints.xy[0]).max() < 0.1 * size
    assert len(nothing) == 0
    assert [len(one) for one in pictures] == [len(one) for one in taken] == [1, 0]
    np.testing.assert_array_equal(taken[0].keypoints.xy, pictures[0].keypoints.xy)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[1, 2, 3]], r"shape \(N, 4\)"),
        ([[10, 10, 5, 20]], "x1 < x2 and y1 < y2"),
        ([[0, 0, float("nan"), 5]], "x1 < x2"),
        ("left", r"shape \(N, 4\).* got 'left'"),
        ([["a", "b", "c", "d"]], "must be numbers"),
    ],
)
def test_wrong_boxes_are_explained(pose: Pose, photo: Path, boxes: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pose(photo, boxes=boxes)


def test_a_box_beside_the_picture_shows_nothing(pose: Pose, photo: Path) -> None:
    result = pose.predict(photo, boxes=[[5000, 5000, 5200, 5300], [0, 0, 400, 400]], verbose=False)[0]

    assert len(result) == 2
    assert np.isnan(result.keypoints.xy[0]).all()
    assert result.boxes.conf[0] == 0
    assert np.isfinite(result.keypoints.xy[1]).all()


def test_boxes_need_a_model_that_takes_them(photo: Path) -> None:
    with pytest.raises(ValueError, match="such as 'body'; face finds its own"):
        Pose("face")(photo, boxes=[[0, 0, 9, 9]])
