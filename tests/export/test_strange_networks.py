"""Networks as other tools leave them: OpenVINO without names, TorchScript, old operator sets, pointers."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="exports need torch")
onnx = pytest.importorskip("onnx", reason="exports need onnx")

from test_export import PHOTO, network  # noqa: E402

from poise import Pose  # noqa: E402
from poise.errors import ModelError  # noqa: E402
from poise.export import export  # noqa: E402
from poise.info import info  # noqa: E402
from poise.runtime import metadata_beside  # noqa: E402

torch.set_num_threads(1)
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino (extra 'openvino')")

METADATA = """description: Ultralytics YOLO11n-pose model trained on /data/tiger.yaml
author: Ultralytics
date: '2026-01-02T03:04:05'
stride: 32
task: pose
batch: 1
imgsz:
- 96
- 96
names:
  0: tiger
args:
  batch: 1
  dynamic: false
channels: 3
end2end: false
kpt_shape:
- 12
- 2
kpt_names:
  0:
  - p0
  - p1
  - p2
  - p3
  - p4
  - p5
  - p6
  - p7
  - p8
  - p9
  - p10
  - p11
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One network as ONNX and TorchScript, of one size."""
    folder = tmp_path_factory.mktemp("networks")
    wishes: dict[str, Any] = {"imgsz": 96, "dynamic": False, "data": PHOTO, "keep_sigma": False}
    made = network("yolo11")
    return {
        "onnx": export(made, out=folder / "n.onnx", **wishes),
        "torchscript": export(made, out=folder / "n.torchscript", format="torchscript", **wishes),
    }


@pytest.fixture(scope="module")
def expected(files: dict[str, Path]) -> np.ndarray:
    """What the ONNX file finds."""
    return rows(Pose(files["onnx"]))


def rows(pose: Pose) -> np.ndarray:
    (result,) = pose(PHOTO, conf=0.05, verbose=False)
    boxes, points = np.asarray(result.boxes.data), np.asarray(result.keypoints.data)
    assert len(boxes) > 0
    return np.concatenate([boxes, points.reshape(len(boxes), -1)], axis=1)


@needs_openvino
@pytest.mark.parametrize("nameless", ["output", "input", "both"])
def test_openvino_networks_without_names_run(
    files: dict[str, Path], expected: np.ndarray, tmp_path: Path, nameless: str
) -> None:
    import openvino

    model = openvino.convert_model(str(files["onnx"]))
    for ports, what in ((model.outputs, "output"), (model.inputs, "input")):
        if nameless in (what, "both"):
            for port in ports:
                port.get_tensor().set_names(set())
    folder = tmp_path / "best_openvino_model"
    folder.mkdir()
    openvino.save_model(model, str(folder / "best.xml"), compress_to_fp16=False)
    text = (folder / "best.xml").read_text()
    start = text.index("<rt_info>", text.rindex("</edges>"))
    (folder / "best.xml").write_text(text[:start] + '<rt_info><framework value="pytorch" /></rt_info></net>')
    (folder / "metadata.yaml").write_text(METADATA)

    with Pose(folder if nameless == "both" else folder / "best.xml") as pose:
        np.testing.assert_allclose(rows(pose), expected, rtol=1e-3, atol=0.05)
        assert pose.names == {0: "tiger"}
        assert len(pose.skeleton) == 12
    assert info(folder).kpt_shape == (12, 2)
    assert info(folder).imgsz == (96, 96)


def test_metadata_is_read_without_a_yaml_reader(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text(METADATA)

    found = metadata_beside(tmp_path / "best.xml")

    assert found["names"] == "{0: 'tiger'}"
    assert found["imgsz"] == "[96, 96]"
    assert found["kpt_shape"] == "[12, 2]"
    assert found["kpt_names"] == str({0: [f"p{i}" for i in range(12)]})
    assert found["end2end"] == "False"
    assert found["task"] == "pose"
    assert found["date"] == "2026-01-02T03:04:05"
    assert metadata_beside(tmp_path / "other" / "best.xml") == {}


def test_torchscript_runs_as_the_network_that_it_is_of(files: dict[str, Path], expected: np.ndarray) -> None:
    pose = Pose(files["torchscript"])

    np.testing.assert_allclose(rows(pose), expected, rtol=1e-3, atol=0.05)
    assert pose.skeleton.keypoints == Pose(files["onnx"]).skeleton.keypoints


def test_torchscript_without_torch_names_the_extra(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"a \.torchscript file runs in torch"):
        Pose(files["torchscript"], runtime="onnxruntime")


class Loader(torch.nn.Module):
    """A program that runs code when it is loaded."""

    @torch.jit.export
    def __getstate__(self) -> int:
        return 1

    @torch.jit.export
    def __setstate__(self, state: int) -> None:
        self.training = False

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


def test_torchscript_that_does_more_than_compute_is_refused(tmp_path: Path) -> None:
    class Reader(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images + torch.from_file("/etc/passwd", size=4)

    for name, module, word in (("reader", Reader(), "torch.from_file"), ("loader", Loader(), "when it is loaded")):
        path = tmp_path / f"{name}.torchscript"
        torch.jit.save(torch.jit.script(module), str(path))
        with pytest.raises(ModelError, match=f"refused: .*{word}"):
            Pose(path)


def test_other_archives_and_damage_are_named(tmp_path: Path, files: dict[str, Path]) -> None:
    with zipfile.ZipFile(tmp_path / "a.torchscript", "w") as archive:
        archive.writestr("hello.txt", "world")
    (tmp_path / "b.torchscript").write_bytes(files["torchscript"].read_bytes()[:5000])

    with pytest.raises(ModelError, match=r"a\.torchscript: not a TorchScript file: it holds no program"):
        Pose(tmp_path / "a.torchscript")
    with pytest.raises(ModelError, match=r"b\.torchscript: not a TorchScript file"):
        Pose(tmp_path / "b.torchscript")


@pytest.mark.parametrize(("opset", "more"), [(11, {}), (12, {"nms": True}), (13, {}), (20, {})])
def test_old_operator_sets_are_written(tmp_path: Path, opset: int, more: dict[str, Any]) -> None:
    file = export(network("yolo11"), out=tmp_path, imgsz=96, opset=opset, data=PHOTO, **more)

    assert {entry.version for entry in onnx.load(str(file)).opset_import} == {opset}


def test_old_operator_sets_hold_yolo26_too(tmp_path: Path) -> None:
    file = export(network("yolo26"), out=tmp_path, imgsz=96, opset=11, end2end=True, data=PHOTO)

    assert {entry.version for entry in onnx.load(str(file)).opset_import} == {11}


@pytest.mark.parametrize("name", ["best.onnx", "best.pt", "best.safetensors", "best.torchscript"])
def test_a_pointer_of_git_lfs_is_named(tmp_path: Path, name: str) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 13378221\n"
    (tmp_path / name).write_text(text)

    for read in (Pose, info):
        with pytest.raises(ModelError, match=r"a Git LFS pointer, not the file itself \(run: git lfs pull\)"):
            read(tmp_path / name)
