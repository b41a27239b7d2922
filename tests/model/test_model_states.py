"""A model that is moved, closed, sent to another process or has no weights says so in a sentence, and stays usable."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise import Pose
from poise.errors import ModelError
from poise.model.settings import Settings
from poise.validation import ValSettings

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"
FREE = np.zeros((64, 64, 3), np.uint8)


def again(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))  # noqa: S301 - made here


def points(model: Pose, photo: Path) -> Any:
    return np.asarray(model(photo)[0].keypoints.data)


# Pickling


@pytest.mark.parametrize("way", [again, copy.copy, copy.deepcopy])
def test_a_copied_model_finds_the_same(way: Callable[[Pose], Pose], photo: Path) -> None:
    model = Pose("body-fast", threads=1)
    model.track(FREE, persist=True)
    model.add_callback("on_train_start", lambda training: None)

    other = way(model)
    expected = points(model, photo)
    model.close()

    np.testing.assert_array_equal(points(other, photo), expected)
    assert repr(other) == repr(model)
    assert (other.threads, other.device, other.names) == (1, "cpu", model.names)


def test_a_model_of_a_file_of_ones_own_is_pickled_with_its_path(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from poise.networks import Checkpoint, arrays, build, save
    from poise.skeletons import get

    path = tmp_path / "mine.safetensors"
    weights = arrays(build("yolo11", "n", 1, (17, 3)))
    model = Pose(save(path, Checkpoint(path, "poise", "yolo11", "n", {0: "card"}, (17, 3), get("coco17"), weights)))

    assert len(pickle.dumps(model)) < 20_000  # the path and not the weights
    assert (again(model).path, again(model).names) == (path, {0: "card"})


def test_a_model_works_in_another_process(photo: Path) -> None:
    model = Pose("body-fast")

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(points, (model, photo))

    np.testing.assert_array_equal(found, points(model, photo))


# Devices


@pytest.mark.parametrize("device", ["cuda:93", "nowhere"])
def test_a_device_that_is_not_there_leaves_the_model_as_it_was(device: str, photo: Path) -> None:
    model = Pose("body-fast")
    before = points(model, photo)

    for call in (lambda: model.to(device), lambda: model(photo, device=device)):
        with pytest.raises(ModelError, match="device"):
            call()

    assert model.device == "cpu"
    np.testing.assert_array_equal(points(model, photo), before)


# Closing


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_stream_of_a_closed_model_ends_with_a_sentence(runtime: str) -> None:
    pytest.importorskip("av")
    pytest.importorskip(runtime)
    model = Pose("body-fast", runtime=runtime)
    stream = model.predict(CLIP, stream=True)
    next(stream)
    model.close()

    with pytest.raises(ModelError, match="the model was closed while its results were still being read"):
        list(stream)

    assert len(model(FREE)) == 1  # it opens its networks anew


def test_closing_from_another_thread_gives_the_sentence_or_nothing() -> None:
    model = Pose("body-fast")
    said: list[BaseException] = []

    def read() -> None:
        try:
            for _ in model.predict((FREE for _ in range(60)), stream=True):
                started.set()
        except BaseException as error:  # noqa: BLE001 - of whatever kind it is
            said.append(error)

    started = threading.Event()
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait(20)
    model.close()
    for thread in threads:
        thread.join(60)

    assert {type(error) for error in said} <= {ModelError}


def test_a_checkpoint_that_is_closed_says_so(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from poise.networks import build
    from poise.networks.deployment import deploy_in_place
    from poise.runtime.torch import TorchSession

    network = deploy_in_place(build("yolo11", "n", 1, (17, 3)), end2end=False, sigma=False)
    session = TorchSession(network, {}, device="cpu", threads=None, precision="f32")
    session.close()

    with pytest.raises(ModelError, match="the model was closed"):
        session.run({"images": np.zeros((1, 3, 64, 64), np.float32)})


# Without weights


USES: dict[str, Callable[[Pose], Any]] = {
    "info": lambda model: model.info(),
    "export": lambda model: model.export(),
    "val": lambda model: model.val(),
    "predict": lambda model: model(FREE),
    "track": lambda model: model.track(FREE),
    "names": lambda model: model.names,
    "skeleton": lambda model: model.skeleton,
    "estimator": lambda model: model.estimator,
    "to": lambda model: model.to("cpu"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ["yolo26n-pose", "yolo11s-pose.yaml"])
def test_a_network_without_weights_says_what_to_do(use: str, name: str) -> None:
    pytest.importorskip("torch")
    model = Pose(name)

    with pytest.raises(ModelError, match=rf"{name}: has no weights yet; train it, or load published ones: yolo.*\.pt"):
        USES[use](model)
    assert again(model).name == name


# Numbers


NUMBERS: dict[str, Any] = {
    "conf": 0.5, "iou": 0.5, "imgsz": 320, "max_det": 5, "batch": 2, "vid_stride": 2, "reconnect": 1, "line_width": 2,
    "kpt_radius": 3, "fps": 10.0,
}  # fmt: skip


def numbers() -> Iterator[tuple[str, Any]]:
    for name, value in NUMBERS.items():
        yield name, np.array(value)
        kinds = (np.float32, np.float64) if isinstance(value, float) else (np.int64, np.int32, np.uint16)
        yield from ((name, kind(value)) for kind in kinds)


@pytest.mark.parametrize(("name", "value"), list(numbers()))
def test_numbers_of_numpy_are_numbers(name: str, value: Any) -> None:
    made = getattr(Settings.of({name: value}), name)

    assert made == NUMBERS[name]
    assert type(made) is type(NUMBERS[name])


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["0.5", "many", [], {}, np.array([1, 2, 3]), float("nan"), -1])
def test_what_is_no_number_is_named(name: str, value: Any) -> None:
    if name == "imgsz" and isinstance(value, np.ndarray):
        value = "1 2"

    with pytest.raises(ValueError, match=rf"^{name} must be"):
        Settings.of({name: value})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0, (0,)),
        (np.int64(0), (0,)),
        (np.array(2), (2,)),
        ([0, 2], (0, 2)),
        (np.array([0, 2]), (0, 2)),
        ({1}, (1,)),
        (range(2), (0, 1)),
        ([np.int32(1), 2.0], (1, 2)),
        (None, None),
    ],
)
def test_classes_are_numbers_or_several(given: Any, kept: tuple[int, ...] | None) -> None:
    assert Settings.of({"classes": given}).classes == kept
    assert Settings(classes=given).classes == kept


@pytest.mark.parametrize("given", ["person", "0", [0.5], -1, ["person"], 1.5, [None]])
def test_classes_that_are_no_numbers_are_named(given: Any) -> None:
    with pytest.raises(ValueError, match=r"classes must be class numbers from 0, such as 0 or \[0, 2\], got"):
        Settings.of({"classes": given})


@pytest.mark.parametrize("given", [[320, 256], (np.int64(256), np.int64(320)), np.array([256, 320])])
def test_height_and_width_give_the_longer_side(given: Any) -> None:
    assert Settings.of({"imgsz": given}).imgsz == 320
    assert ValSettings.of({"data": "x.yaml", "imgsz": given}).imgsz == 320


@pytest.mark.parametrize("name", ["conf", "iou", "max_det", "batch", "imgsz"])
def test_numbers_of_a_validation(name: str) -> None:
    value = NUMBERS[name]
    made = getattr(ValSettings.of({"data": "x.yaml", name: np.asarray(value)[()]}), name)

    assert made == value
    assert type(made) in (int, float)
    with pytest.raises(ValueError, match=rf"^{name} must be"):
        ValSettings.of({"data": "x.yaml", name: "0.5"})


def test_manifests_hold_plain_numbers(tmp_path: Path, photo: Path) -> None:
    import json

    given = {"classes": np.int64(0), "max_det": np.int64(5), "conf": np.float32(0.5)}
    Pose("body-fast")(photo, **given, save_txt=True, project=tmp_path)

    told = json.loads((tmp_path / "predict/manifest.json").read_text())["arguments"]
    assert (told["classes"], told["max_det"], told["conf"]) == ([0], 5, 0.5)
