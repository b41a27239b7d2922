"""Checkpoints of every form, made here, and what is wrong with some of them."""

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from network_files import random_network, save_published  # noqa: E402
from torch_archive import archive  # noqa: E402

from poise.errors import ModelError  # noqa: E402
from poise.networks import deploy, load, read_checkpoint, save  # noqa: E402
from poise.networks.published import Found  # noqa: E402
from poise.skeletons import get  # noqa: E402


@pytest.fixture(scope="module")
def network() -> Any:
    return random_network("yolo26", nc=2, kpt_shape=(5, 3))


@pytest.fixture(scope="module")
def file(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_published(tmp_path_factory.mktemp("files") / "best.pt", network)


def test_everything_in_a_published_file_is_found(file: Path, network: Any) -> None:
    found = read_checkpoint(file)

    assert (found.format, found.family, found.scale, found.nc) == ("module", "yolo26", "n", 2)
    assert dict(found.names) == {0: "class 0", 1: "class 1"}
    assert (found.kpt_shape, found.strides, found.branches) == ((5, 3), (8, 16, 32), ("one2many", "one2one"))
    assert (found.fused, found.sigma, found.flow, found.imgsz) == (False, True, True, 320)
    assert (found.licence, found.date, found.version) == ("AGPL-3.0", "2026-01-02", "8.4")
    assert found.train_args["data"] == "animals.yaml"
    assert (found.train_metrics, found.train_results) == ({"fitness": 0.5}, {"epoch": [1, 2, 3]})
    assert found.weights.keys() == network.state_dict().keys()
    key = "model.0.conv.weight"
    np.testing.assert_array_equal(found.weights[key], network.state_dict()[key].half().numpy())


def test_reading_needs_no_torch(file: Path) -> None:
    code = (
        f"import sys; sys.modules['torch'] = None; from poise.networks import read_checkpoint, cost; "
        f"c = read_checkpoint({str(file)!r}); print(c.name, cost(c.weights, c.family, c.scale).parameters)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split()[0] == "yolo26n-pose"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_loaded_network_computes_the_same_in_any_precision(tmp_path: Path, network: Any, dtype: Any) -> None:
    loaded, _ = load(save_published(tmp_path / "a.pt", network, dtype=dtype))

    found = loaded.state_dict()
    for key, value in network.state_dict().items():
        stored = value.to(dtype).float() if value.is_floating_point() else value
        assert torch.equal(found[key], stored), key


def test_average_weights_are_preferred(tmp_path: Path, network: Any) -> None:
    assert read_checkpoint(save_published(tmp_path / "last.pt", network, ema=True)).name == "yolo26n-pose"


@pytest.mark.parametrize("end2end", [False, True])
def test_folded_file_with_one_branch_gives_the_same_output(tmp_path: Path, network: Any, end2end: bool) -> None:
    ready = deploy(network, end2end=end2end)
    images = torch.rand(1, 3, 64, 96)

    path = save_published(tmp_path / "fused.pt", ready, dtype=torch.float32)
    loaded, found = load(path)

    assert (found.fused, found.flow) == (True, False)
    assert found.branches == (("one2one",) if end2end else ("one2many",))
    again = deploy(loaded, end2end=end2end)
    torch.testing.assert_close(again(images)[0], ready(images)[0])
    with pytest.raises(ValueError, match=f"end2end must be {end2end}"):
        deploy(loaded, end2end=not end2end)


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: {"state_dict": {f"module.{k}": v for k, v in d.items()}}])
def test_plain_state_dict(tmp_path: Path, network: Any, wrap: Any) -> None:
    torch.save(wrap(network.state_dict()), tmp_path / "weights.pt")

    loaded, found = load(tmp_path / "weights.pt")

    assert (found.format, found.kpt_shape, found.nc) == ("state_dict", (5, 3), 2)
    assert torch.equal(loaded.state_dict()["model.0.conv.weight"], network.state_dict()["model.0.conv.weight"])


def test_our_own_format_keeps_everything(tmp_path: Path, file: Path) -> None:
    found = replace(read_checkpoint(file), skeleton=get("coco17"), kpt_shape=(17, 3), unit_std=(1.5, 0.5))
    weights = read_checkpoint(file).weights
    small = replace(read_checkpoint(file), unit_std=(1.5, 0.5), end2end=True)

    again = read_checkpoint(save(tmp_path / "a.safetensors", small))

    for name in (
        "family",
        "scale",
        "names",
        "kpt_shape",
        "unit_std",
        "end2end",
        "imgsz",
        "licence",
        "date",
        "train_args",
    ):
        assert getattr(again, name) == getattr(small, name), name
    assert again.train_results == {"epoch": [1, 2, 3]}
    assert all(np.array_equal(again.weights[k], v) and again.weights[k].dtype == v.dtype for k, v in weights.items())
    assert again.skeleton.keypoints == small.skeleton.keypoints
    # A skeleton that does not fit the weights is an error, not a surprise later.
    save(tmp_path / "b.safetensors", found)
    with pytest.raises(ModelError, match="kpt_shape"):
        read_checkpoint(tmp_path / "b.safetensors")


def test_skeleton_with_edges_and_pairs_survives(tmp_path: Path) -> None:
    path = save_published(tmp_path / "a.pt", random_network("yolov8"), state={"names": {0: "person"}})

    again = read_checkpoint(save(tmp_path / "a.safetensors", read_checkpoint(path))).skeleton

    assert (again.name, again.edges, again.pairs) == ("coco17", get("coco17").edges, get("coco17").pairs)
    np.testing.assert_array_equal(again.sigmas, get("coco17").sigmas)


def test_keypoint_names_and_sigmas_reach_the_skeleton(tmp_path: Path, network: Any) -> None:
    words = ["nose", "left_ear", "right_ear", "left_paw", "right_paw"]
    state = {"kpt_names": {0: words, 1: words}, "kpt_oks_sigmas": [0.1, 0.2, 0.2, 0.3, 0.3]}

    found = read_checkpoint(save_published(tmp_path / "a.pt", network, state=state)).skeleton

    assert (found.keypoints, found.flip_idx) == (tuple(words), (0, 2, 1, 4, 3))
    assert found.sigmas.tolist() == [0.1, 0.2, 0.2, 0.3, 0.3]


@pytest.mark.parametrize(
    ("family", "shape"),
    [(family, shape) for family in ("yolov8", "yolo11", "yolo26") for shape in ((1, 2), (1, 3), (68, 3))]
    + [("yolov8", (500, 2))],
)
def test_any_number_of_keypoints(tmp_path: Path, family: str, shape: tuple[int, int]) -> None:
    network = random_network(family, nc=3, kpt_shape=shape)

    loaded, found = load(save_published(tmp_path / "a.pt", network))

    rows = deploy(loaded)(torch.rand(2, 3, 64, 32))[0]
    assert (found.kpt_shape, len(found.skeleton)) == (shape, shape[0])
    assert tuple(rows.shape) == (2, 4 + 3 + shape[0] * shape[1], 42)


def test_weights_alone_may_leave_the_keypoints_open(tmp_path: Path) -> None:
    network = random_network("yolo11", kpt_shape=(6, 2))
    torch.save(network.state_dict(), tmp_path / "a.pt")

    with pytest.raises(ModelError, match=r"may be any of \[\[4, 3\], \[6, 2\]\]; give it as kpt_shape"):
        read_checkpoint(tmp_path / "a.pt")
    assert read_checkpoint(tmp_path / "a.pt", kpt_shape=(6, 2)).kpt_shape == (6, 2)
    with pytest.raises(ModelError, match=r"kpt_shape \[5, 2\] does not fit"):
        read_checkpoint(tmp_path / "a.pt", kpt_shape=(5, 2))


TASKS = {
    "DetectionModel": "a detection network",
    "SegmentationModel": "a segmentation network",
    "ClassificationModel": "a classification network",
    "OBBModel": "a oriented box network",
    "SAM": "not a pose network",
}


@pytest.mark.parametrize("kind", TASKS)
def test_other_tasks_are_named(tmp_path: Path, network: Any, kind: str) -> None:
    path = save_published(tmp_path / "a.pt", network, extra={"PoseNetwork": f"ultralytics.nn.tasks.{kind}"})

    with pytest.raises(ModelError, match=TASKS[kind]):
        read_checkpoint(path)


@pytest.fixture(scope="module")
def weights11() -> dict[str, Any]:
    return random_network("yolo11").state_dict()


def weights_error(tmp_path: Path, weights: dict[str, Any], change: Any) -> str:
    weights = dict(weights)
    change(weights)
    torch.save(weights, tmp_path / "a.pt")
    with pytest.raises(ModelError) as caught:
        load(tmp_path / "a.pt")
    return str(caught.value)


def rename(old: str, new: str) -> Any:
    def change(weights: dict[str, Any]) -> None:
        for key in [k for k in weights if old in k]:
            value = weights.pop(key)
            if new:
                weights[key.replace(old, new)] = value

    return change


CHANGES = {
    "detection": (rename("model.23.cv4.", ""), "a detection network"),
    "segmentation": (rename("model.23.cv4.0", "model.23.proto.0"), "a segmentation network"),
    "other family": (rename("model.23.", "model.24."), r"unsupported family \(25 layers"),
    "no yolo": (rename("model.", "backbone."), "no tensor is named 'model.0"),
    "missing": (lambda w: w.pop("model.5.bn.bias"), "1 tensors are missing: model.5.bn.bias"),
    "surplus": (lambda w: w.update({"model.5.extra": torch.ones(1)}), "1 tensors are surplus: model.5.extra"),
    "shape": (lambda w: w.update({"model.5.bn.bias": torch.ones(3)}), r"has shape \[3\], expected \[128\]"),
    "type": (lambda w: w.update({"model.5.bn.bias": torch.ones(128, dtype=torch.int8)}), "is int8, expected float16"),
    "width": (lambda w: w.update({"model.0.conv.weight": torch.ones(20, 3, 3, 3)}), "20 channels in layer 0"),
    "layer": (rename("model.10.cv2", "model.10.cv9"), "layer 10 is not yolo11n-pose's"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_wrong_weights_are_explained(tmp_path: Path, weights11: dict[str, Any], name: str) -> None:
    change, message = CHANGES[name]

    assert re.search(message, weights_error(tmp_path, weights11, change))


def test_other_activation_is_refused(tmp_path: Path) -> None:
    network = random_network("yolo11")
    network.model[3].act = torch.nn.ReLU()

    with pytest.raises(ModelError, match=r"activation ReLU at model\.3\.act"):
        read_checkpoint(save_published(tmp_path / "a.pt", network))


def test_class_names_must_fit_the_weights(tmp_path: Path, network: Any) -> None:
    path = save_published(tmp_path / "a.pt", network, state={"names": {0: "a", 1: "b", 2: "c"}})

    with pytest.raises(ModelError, match="its weights have 2 classes"):
        read_checkpoint(path)


CONTENTS = {
    b"": "an empty file",
    b"<!DOCTYPE html><html>": "a web page",
    b"version https://git-lfs.github.com/spec/v1\noid": "a Git LFS pointer",
    b"\x08\x08\x12\x07pytorch": "perhaps an ONNX network",
    b"GIF89a": "an unknown kind of file",
    b"PK\x03\x04 and no more": "a damaged or incomplete zip archive",
}


@pytest.mark.parametrize("content", CONTENTS)
def test_files_that_are_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)

    with pytest.raises(ModelError, match=CONTENTS[content]):
        read_checkpoint(tmp_path / "a.pt")


def test_old_torch_format_is_named(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)

    with pytest.raises(ModelError, match="torch's format from before 2020"):
        read_checkpoint(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_named(tmp_path: Path) -> None:
    program = torch.jit.trace(torch.nn.Conv2d(1, 1, 1), torch.rand(1, 1, 2, 2))
    buffer = io.BytesIO()
    torch.jit.save(program, buffer)
    (tmp_path / "a.pt").write_bytes(buffer.getvalue())

    with pytest.raises(ModelError, match="a TorchScript program"):
        read_checkpoint(tmp_path / "a.pt")


def test_missing_file_and_missing_network(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_checkpoint(tmp_path / "none.pt")
    torch.save({"epoch": 3}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match=r"no network in this checkpoint \(found: epoch\)"):
        read_checkpoint(tmp_path / "a.pt")


def test_numpy_numbers_and_paths_in_settings(tmp_path: Path, network: Any) -> None:
    top = {
        "train_args": {"project": Path("runs") / "pose", "imgsz": 640},
        "train_metrics": {"fitness": np.float64(0.25)},
    }

    found = read_checkpoint(save_published(tmp_path / "a.pt", network, top=top))

    assert found.train_args["project"] == "runs/pose"
    assert found.train_metrics == {"fitness": 0.25}


def test_records_must_have_the_size_that_the_pickle_says(tmp_path: Path) -> None:
    import pickle

    class Storage:
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: Any) -> Any:
            return ("storage", torch.HalfStorage, "0", "cpu", 6) if isinstance(item, Storage) else None

    class Weights:
        def __reduce__(self) -> Any:
            return torch._utils._rebuild_tensor_v2, (Storage(), 0, (2, 3), (3, 1), False, {})

    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump({"model.0.conv.weight": Weights()})
    path = archive(tmp_path / "a.pt", buffer.getvalue(), {"data/0": b"\0" * 10})

    with pytest.raises(ModelError, match="says 6 numbers of f2, but record data/0 has 10 bytes"):
        read_checkpoint(path)


def test_found_has_plain_defaults() -> None:
    assert Found("state_dict", {}).bn_eps == 1e-3
