"""Exports: every format and precision runs through the same estimator and finds what the original finds."""

from __future__ import annotations

import ast
import functools
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

torch = pytest.importorskip("torch", reason="exports need torch")
onnx = pytest.importorskip("onnx", reason="exports need onnx")

from poise.errors import FormatError, ModelError  # noqa: E402
from poise.estimators import Options  # noqa: E402
from poise.estimators.yolo import Yolo  # noqa: E402
from poise.export import BOUNDS, Certificate, Exported, export, export_certified  # noqa: E402
from poise.files.writing import held  # noqa: E402
from poise.frames import Image  # noqa: E402
from poise.networks import PoseNetwork, build, open_session  # noqa: E402
from poise.runtime import open_session as open_file  # noqa: E402
from poise.sources import open_source  # noqa: E402

# Small networks gain nothing from more, and lose much where other work shares the cores.
torch.set_num_threads(1)

shared = Path(os.environ.get("POISE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
TIGER = shared / "fixtures/tiger"
needs_tiger = pytest.mark.skipif(not TIGER.is_dir(), reason=f"needs {TIGER} (or POISE_SHARED)")
# In some pictures a network of random weights finds boxes without a size, and errors as shares of those say nothing; in
# this one its smallest box is 130 pixels across.
PHOTO = Path(__file__).resolve().parents[1] / "assets/hand.jpg"


@functools.cache
def network(family: str = "yolo26", nc: int = 1, kpt_shape: tuple[int, int] = (12, 2)) -> PoseNetwork:
    """A small network with random weights that sees something: its norms have met pictures, its scores differ."""
    torch.manual_seed(0)
    made = build(family, "n", nc, kpt_shape)
    norms = [m for m in made.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean of all that they meet
    with PIL.Image.open(PHOTO) as file:
        boxes = [(0, 0, 640, 480), (0, 0, 400, 400), (240, 20, 640, 420), (100, 100, 300, 300)]
        cuts = [np.asarray(file.convert("RGB").resize((192, 192), box=box)) for box in boxes]
    with torch.no_grad():
        made.train()(torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2) / 255)
        for name, part in made.head.named_children():
            if name in ("cv3", "one2one_cv3"):
                for level in part:
                    level[-1].weight.mul_(1.5)
                    level[-1].bias.fill_(-2)
    return made.eval()


@pytest.fixture(scope="module")
def photo() -> Image:
    with open_source(str(PHOTO)) as frames:
        return next(iter(frames)).image


def made(tmp_path: Path, **wishes: Any) -> Exported:
    tmp_path.mkdir(exist_ok=True)
    wishes = {"imgsz": 96, "dynamic": False, "data": PHOTO, **wishes}
    return export_certified(wishes.pop("model", None) or network(), out=tmp_path, **wishes)


Make = Callable[..., Exported]


@pytest.fixture(scope="module")
def export_once(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Export as :func:`made` does, once for all tests that ask for the same; nobody changes its files."""

    @functools.cache
    def once(**wishes: Any) -> Exported:
        return made(tmp_path_factory.mktemp("export"), **wishes)

    return once


@pytest.mark.parametrize(
    ("family", "kpt_shape", "dynamic"),
    [
        ("yolov8", (17, 3), True),
        ("yolo11", (12, 2), False),
        ("yolo26", (12, 2), True),
        ("yolo26", (17, 3), False),
    ],
)
def test_onnx_agrees_with_torch(export_once: Make, family: str, kpt_shape: tuple[int, int], dynamic: bool) -> None:
    model = {} if (family, kpt_shape) == ("yolo26", (12, 2)) else {"model": network(family, kpt_shape=kpt_shape)}
    done = export_once(**model, dynamic=dynamic)

    assert done.certificate.passed
    assert done.certificate.detections > 0
    assert done.certificate.point_max <= 0.05
    assert done.certificate.lost == done.certificate.gained == 0


@pytest.mark.parametrize("dynamic", [False, True])
def test_openvino_agrees_with_torch(export_once: Make, dynamic: bool) -> None:
    pytest.importorskip("openvino", reason="needs openvino")

    done = export_once(format="openvino", dynamic=dynamic)

    assert done.path.name == "yolo26n-pose_openvino_model"
    assert {f.suffix for f in done.path.iterdir()} == {".xml", ".bin", ".yaml"}
    assert done.certificate.passed
    assert done.certificate.sigma_max is not None


@pytest.mark.parametrize("format", ["torchscript", "safetensors"])
def test_formats_of_torch_agree(tmp_path: Path, format: str) -> None:
    done = made(tmp_path, format=format, dynamic=True)

    assert done.certificate.passed
    assert done.certificate.detections > 0


@pytest.mark.parametrize("format", ["onnx", "openvino", "safetensors"])
def test_half_precision_is_half_as_large(export_once: Make, format: str) -> None:
    if format == "openvino":
        pytest.importorskip("openvino", reason="needs openvino")
    sizes = {}
    for precision, more in (("fp32", {}), ("fp16", {"precision": "fp16", "bounds": LOOSE})):
        done = export_once(format=format, dynamic=False, **more)
        files = done.path.rglob("*") if done.path.is_dir() else [done.path]
        sizes[precision] = sum(f.stat().st_size for f in files)
        assert done.certificate.precision == precision

    assert sizes["fp16"] < 0.65 * sizes["fp32"]


# Random weights amplify rounding as no trained network does.
LOOSE = BOUNDS["int8"].__class__(float("inf"), 10, 10, 1.0, 1.0, 1.0, "a network of random weights")


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_int8_is_a_third_as_large_and_runs(tmp_path: Path, format: str) -> None:
    if format == "openvino":
        pytest.importorskip("openvino", reason="needs openvino")
    wishes: dict[str, Any] = {"bounds": LOOSE}
    if TIGER.is_dir():  # a trained network has to find the same
        pytest.importorskip("yaml", reason="needs PyYAML")
        data = shared / "data/tiger-pose/tiger-pose.yaml"
        wishes = {"model": TIGER / "yolo26n-pose-best.pt", "data": data, "imgsz": 320, "most_pictures": 12}

    done = made(tmp_path, format=format, precision="int8", **wishes)

    files = done.path.rglob("*") if done.path.is_dir() else [done.path]
    assert sum(f.stat().st_size for f in files) < 6e6
    assert done.certificate.detections > 0
    assert done.certificate.engine == ("onnxruntime" if format == "onnx" else "openvino")
    if TIGER.is_dir():
        assert done.certificate.passed
        assert done.certificate.ap_before is not None
        assert done.certificate.ap_after is not None
        assert done.certificate.detections >= 10


def test_input_and_output_of_half_precision_stay_float32(export_once: Make) -> None:
    done = export_once(format="onnx", dynamic=False, precision="fp16", bounds=LOOSE)

    session = open_file(done.path)

    assert {t.dtype for t in (*session.inputs, *session.outputs)} == {np.dtype(np.float32)}


def test_sigma_survives(export_once: Make, photo: Image) -> None:
    done = export_once(format="onnx", dynamic=False)

    found = Yolo(open_file(done.path))([photo], Options(conf=0.01))[0]

    assert found.sigma is not None
    assert found.sigma.shape == found.xy.shape
    assert (found.sigma > 0).all()
    assert done.certificate.sigma_max is not None


def test_sigma_can_be_left_out(tmp_path: Path) -> None:
    done = made(tmp_path, keep_sigma=False)

    assert [t.name for t in open_file(done.path).outputs] == ["output0"]


@pytest.mark.parametrize(("nc", "dynamic"), [(1, True), (3, False)])
def test_suppression_inside_equals_suppression_outside(
    tmp_path: Path, export_once: Make, photo: Image, nc: int, dynamic: bool
) -> None:
    model = {} if nc == 1 else {"model": network(nc=nc)}
    limits = {"conf": 0.05, "iou": 0.5, "max_det": 20}
    inside = Yolo(open_file(made(tmp_path, **model, nms=True, dynamic=dynamic, **limits).path))
    outside = Yolo(open_file(export_once(**model, dynamic=dynamic).path))

    a = inside([photo], Options(conf=0.05))[0]
    b = outside([photo], Options(conf=0.05, iou=0.5, max_det=20))[0]

    assert inside.end2end
    assert len(a.boxes) == len(b.boxes) > 0
    np.testing.assert_allclose(a.boxes, b.boxes, atol=0.02)
    np.testing.assert_allclose(a.xy, b.xy, atol=0.02)
    assert a.sigma is not None
    assert b.sigma is not None
    np.testing.assert_allclose(a.sigma, b.sigma, atol=0.02)


def test_suppression_inside_takes_batches(tmp_path: Path, photo: Image) -> None:
    session = open_file(made(tmp_path, nms=True, dynamic=True, conf=0.05).path)
    one = np.random.default_rng(0).random((1, 3, 96, 64), dtype=np.float32)
    other = np.random.default_rng(1).random((1, 3, 96, 64), dtype=np.float32)

    both = session.run({"images": np.concatenate([one, other])})["output0"]

    assert both.shape == (2, 300, 30)
    np.testing.assert_allclose(both[0], session.run({"images": one})["output0"][0], atol=0.02)
    np.testing.assert_allclose(both[1], session.run({"images": other})["output0"][0], atol=0.02)


def test_one_to_one_branch_agrees(tmp_path: Path) -> None:
    done = made(tmp_path, end2end=True, dynamic=True)

    assert done.certificate.passed
    assert done.certificate.lost == done.certificate.gained == 0
    assert Yolo(open_file(done.path)).end2end


def test_dynamic_takes_other_sizes_and_batches(export_once: Make) -> None:
    session = open_file(export_once(dynamic=True).path)

    found = session.run({"images": np.zeros((2, 3, 128, 64), dtype=np.float32)})

    assert found["output0"].shape == (2, 29, 128 * 64 // 64 + 128 * 64 // 256 + 128 * 64 // 1024)
    assert [t.shape for t in session.outputs] == [(None, 29, None), (None, 24, None)]


def test_metadata_is_what_the_fields_readers_expect(export_once: Make) -> None:
    done = export_once(imgsz=(50, 70))
    said = open_file(done.path).metadata

    assert said["task"] == "pose"
    assert ast.literal_eval(said["imgsz"]) == [64, 96]
    assert ast.literal_eval(said["kpt_shape"]) == [12, 2]
    assert ast.literal_eval(said["names"]) == {0: "object"}
    assert ast.literal_eval(said["args"])["nms"] is False
    assert said["head"] == "Pose26"
    assert said["end2end"] == "False"
    assert json.loads(said["poise.skeleton"])["keypoints"][0] == "keypoint_0"
    assert len(json.loads(said["poise.sigmas"])) == 12


def test_certificate_is_in_the_file_and_beside_it(export_once: Make) -> None:
    done = export_once(format="onnx", dynamic=False)

    inside = Certificate.from_json(open_file(done.path).metadata["poise.certificate"])
    beside = Certificate.from_json(done.path.with_name(done.path.name + ".certificate.json").read_text())

    assert inside == beside == done.certificate
    assert "passed" in inside.table()


def test_a_broken_export_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from poise.export import _onnx

    graph = _onnx.graph

    def broken(*given: Any) -> bytes:
        model = onnx.load_from_string(graph(*given))
        biases = [w for w in model.graph.initializer if "cv4_kpts" in w.name and w.name.endswith("bias")]
        assert biases
        for bias in biases:
            moved = onnx.numpy_helper.to_array(bias) + np.float32(0.1)
            bias.CopyFrom(onnx.numpy_helper.from_array(moved, bias.name))
        return bytes(model.SerializeToString())

    monkeypatch.setattr(_onnx, "graph", broken)

    with pytest.raises(ModelError, match=r"point error .* at most 0\.05 px.*Worst: .*is off by.*rejected"):
        made(tmp_path)

    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "yolo26n-pose.onnx.rejected",
        "yolo26n-pose.onnx.rejected.certificate.json",
    ]


def test_nothing_found_proves_nothing(tmp_path: Path) -> None:
    model = build("yolo26", "n", 1, (12, 2)).eval()

    with pytest.raises(ModelError, match="nothing was found in any picture"):
        made(tmp_path, model=model, nms=True)


def test_files_are_not_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "yolo26n-pose.onnx"
    path.write_bytes(b"mine")

    with pytest.raises(FileExistsError, match="overwrite"):
        made(tmp_path)
    assert path.read_bytes() == b"mine"

    made(tmp_path, overwrite=True)
    assert path.stat().st_size > 1e6


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"format": "engine"}, "TensorRT cannot be tested here.*offered: onnx, openvino"),
        ({"format": "onx"}, "did you mean 'onnx'"),
        ({"precision": "int4"}, "no precision named 'int4'"),
        ({"precision": "int8"}, "needs pictures"),
        ({"half": True, "int8": True}, "not several"),
        ({"format": "torchscript", "precision": "int8"}, "int8 is offered by onnx, openvino"),
        ({"format": "safetensors", "nms": True}, "nms=True is offered for onnx, openvino"),
        ({"nms": True, "end2end": True}, "leave it out"),
        ({"opset": 10}, "opset must be 11 to 20"),
        ({"opset": 12, "precision": "int8", "data": PHOTO}, "int8 needs opset 13 or more, got 12"),
        ({"imgsz": (1, 2, 3)}, "imgsz must be"),
    ],
)
def test_wishes_that_cannot_be_met(tmp_path: Path, wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        export(network(), out=tmp_path, **wishes)
    assert not list(tmp_path.iterdir())


def test_size_is_rounded_up(export_once: Make) -> None:
    assert open_file(export_once(imgsz=(50, 70)).path).inputs[0].shape == (1, 3, 64, 96)


def test_safetensors_opens_as_a_checkpoint(export_once: Make, photo: Image) -> None:
    path = export_once(format="safetensors", dynamic=False).path

    found = Yolo(open_session(path))([photo], Options(conf=0.01))[0]

    assert len(found.boxes) > 0


@needs_tiger
def test_average_precision_is_the_fields(tmp_path: Path) -> None:
    """The rows that the field's validation stored give the numbers that it printed."""
    from poise.datasets import open_dataset
    from poise.estimators import Estimate
    from poise.export._average import average_precision
    from poise.export._pictures import truth_of

    folder = TIGER
    rows = json.loads((folder / "yolo26n-pose-valpath-default_one2many_nms.json").read_text())
    rows = rows["rows"] if isinstance(rows, dict) else rows
    expected = json.loads((folder / "yolo26n-pose-val-metrics.json").read_text())["default_one2many_nms"][
        "metrics/mAP50-95(P)"
    ]
    tigers = open_dataset(shared / "data/tiger-pose/tiger-pose.yaml", "val")
    found, truths = [], []
    for i, image in enumerate(tigers.paths):
        own = [r for r in rows if Path(str(r["image"])).stem == image.stem]
        ltwh = np.array([r["bbox_ltwh"] for r in own], dtype=np.float32).reshape(-1, 4)
        scores = np.array([[r["score"], 0] for r in own], dtype=np.float32).reshape(-1, 2)
        boxes = np.concatenate([ltwh[:, :2], ltwh[:, :2] + ltwh[:, 2:], scores], axis=1)
        xy = np.array([np.reshape(r["keypoints"], (12, -1))[:, :2] for r in own], dtype=np.float32).reshape(-1, 12, 2)
        found.append(Estimate(boxes, xy))
        truths.append(truth_of(tigers.read(i)[0]))

    _, points = average_precision(found, truths, np.full(12, 1 / 12))

    assert points == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [a\nval: b\n", r"data\.yaml:2: not a readable YAML file"),
        ("- a\n", r"data\.yaml: expected 'key: value' lines, got list"),
        ("names: [a]\n", r"data\.yaml: kpt_shape must be"),
        ("names: [a]\nkpt_shape: [2, 3]\n", r"data\.yaml: names no pictures; expected 'train:' and 'val:'"),
        ("names: [a]\nkpt_shape: [0, 3]\nval: images\n", r"data\.yaml: kpt_shape must be .* got \[0, 3\]"),
        (
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"{x}: &{x} [{', '.join(['*' + y] * 10)}]\n" for y, x in itertools.pairwise("abcdefgh"))
            + "val: b\n",
            r"data\.yaml: its aliases \(\*name\) stand for more than",
        ),
        (None, r"data\.yaml: no such file"),
    ],
)
def test_a_description_that_is_none_is_refused(text: str | None, message: str, tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML")
    from poise.export._pictures import collect_pictures

    if text is not None:
        (tmp_path / "data.yaml").write_text(text)

    with pytest.raises(FormatError, match=message):
        collect_pictures(tmp_path / "data.yaml", most=4)


ROW = "0 .5 .5 .4 .4 .4 .4 2 .6 .6 1\n"


def labelled(folder: Path, rows: list[str | bytes | None], *, moved: bool = False) -> Path:
    """Write a data set with a picture for each row; ``moved``: its description names a folder of another machine."""
    rng = np.random.default_rng(0)
    (folder / "labels/val").mkdir(parents=True)
    (folder / "images/val").mkdir(parents=True)
    for i, row in enumerate(rows):
        PIL.Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(folder / f"images/val/{i}.png")
        if row is not None:
            (folder / f"labels/val/{i}.txt").write_bytes(row if isinstance(row, bytes) else row.encode())
    start = "/content/set/" if moved else ""
    (folder / "data.yaml").write_text(f"val: {start}images/val\nkpt_shape: [2, 3]\nflip_idx: [0, 1]\nnames: [cat]\n")
    return folder / "data.yaml"


def test_labels_of_a_set_are_read_as_everywhere(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML")
    from poise.export._pictures import collect_pictures

    rows = [ROW, b"\xef\xbb\xbf" + ROW.encode(), ROW.encode("utf-16"), "", None]
    found = list(collect_pictures(labelled(tmp_path, rows, moved=True), most=9, keypoints=2))

    truths = [truth for _, _, truth in found]
    assert [len(truth.classes) for truth in truths if truth is not None] == [1, 1, 1, 0, 0]
    for truth in truths[:3]:
        assert truth is not None
        np.testing.assert_allclose(truth.xy, [[[24, 16], [36, 24]]], rtol=1e-6)
        np.testing.assert_allclose(truth.boxes, [[18, 12, 42, 28]], rtol=1e-6)
        assert (truth.visibility > 0).all()


def test_pictures_and_labels_that_cannot_be_read_are_left_out_and_told(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML")
    from poise.export._pictures import collect_pictures

    data = labelled(tmp_path, [ROW, "0 .5 .5\n", ROW])
    broken = tmp_path / "images/val/2.png"
    broken.write_bytes(broken.read_bytes()[:300])

    found = collect_pictures(data, most=9, keypoints=2)

    assert [Path(str(file)).name for file in found.files] == ["0.png"]
    assert [Path(str(file)).name for file in found.calibration] == ["0.png", "1.png"]
    told = "1 of 3 validation pictures of data.yaml; 2 were left out, as they or their labels cannot be read"
    assert found.origin == told


_NO_AP = ", so average precision is not compared"
TOLD = {
    "of another skeleton": ([ROW], 3, f"; its labels have 2 keypoints and the network 3{_NO_AP}"),
    "all wrong": (["0 .5\n"], 2, f"; none of their labels can be read{_NO_AP}"),
    "none": (["", None], 2, ""),
}


@pytest.mark.parametrize("name", TOLD)
def test_labels_that_cannot_be_compared_with_are_not(tmp_path: Path, name: str) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML")
    from poise.export._pictures import collect_pictures

    rows, keypoints, told = TOLD[name]
    found = collect_pictures(labelled(tmp_path, [*rows]), most=9, keypoints=keypoints)

    assert found.origin == f"{len(rows)} of {len(rows)} validation pictures of data.yaml{told}"
    assert [truth for *_, truth in found] == [None] * len(rows)


def test_a_label_file_of_another_format_is_a_set_too(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML")
    from poise.datasets import convert
    from poise.export._pictures import collect_pictures

    convert(labelled(tmp_path / "a", [ROW, ROW.replace("2", "1")]), tmp_path / "b.json", format="coco")

    found = list(collect_pictures([tmp_path / "b.json"], most=9, keypoints=2))

    assert [len(truth.classes) for *_, truth in found if truth is not None] == [1, 1]


def test_what_a_killed_export_left_is_removed_and_what_another_works_in_is_not(tmp_path: Path) -> None:
    dead, alive, unknown = (tmp_path / f".poise-export-{name}" for name in ("dead", "alive", "unknown"))
    for folder in (dead, alive, unknown):
        (folder / "export").mkdir(parents=True)
    (dead / ".lock").touch()
    with (alive / ".lock").open("wb") as lock:
        assert held(lock)
        made(tmp_path)

    left = {path.name for path in tmp_path.glob(".poise-export-*")}
    assert left == {alive.name, unknown.name}


def test_an_export_that_is_stopped_leaves_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("poise.export._export.certify", stop)

    with pytest.raises(KeyboardInterrupt, match=r"stopped; .*\.onnx was not written"):
        made(tmp_path)

    assert list(tmp_path.iterdir()) == []
