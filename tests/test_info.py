"""What a network file is, told without running it; hostile files are refused with a reason."""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from poise import Pose
from poise.cli import main
from poise.errors import ModelError
from poise.info import info
from poise.info.onnxfile import read_onnx

ROOT = Path(__file__).resolve().parents[1]
shared = Path(os.environ.get("POISE_SHARED", ROOT.parent / "shared"))
needs_shared = pytest.mark.skipif(
    not (shared / "fixtures/yolo").is_dir(), reason=f"needs {shared}/fixtures (or POISE_SHARED)"
)
SILENT = ["--no-save", "--quiet"]
BUNDLED = sorted((ROOT / "src/poise/weights/networks").glob("*.onnx"))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda p: p.name)
def test_bundled_networks_agree_with_onnxruntime(path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    found = info(path)

    assert [word.split()[0] for word in found.inputs] == [t.name for t in session.get_inputs()]
    assert [word.split()[0] for word in found.outputs] == [t.name for t in session.get_outputs()]
    assert found.bytes == path.stat().st_size
    assert found.parameters is not None
    assert 1e5 < found.parameters < path.stat().st_size


@needs_shared
def test_onnx_of_the_field() -> None:
    found = info(shared / "fixtures/yolo/yolo11n-pose-coco-256x192.onnx")

    assert found.task == "pose"
    assert found.names == {0: "person"}
    assert found.kpt_shape == (17, 3)
    assert found.imgsz == (256, 192)
    assert found.inputs == ("images float32[1, 3, 256, 192]",)
    assert found.outputs == ("output0 float32[1, 56, 1008]",)
    assert found.opset == 18
    assert found.precision == "fp32"
    assert found.licence.startswith("AGPL-3.0")
    # The specification: 2.866 million numbers and 7.47 GFLOPs at 640 x 640 when deployed; here without attention.
    assert found.parameters == pytest.approx(2.866e6, rel=0.01)
    assert found.gflops == pytest.approx(7.47 * 256 * 192 / 640**2, rel=0.03)


@needs_shared
def test_checkpoint_of_the_field() -> None:
    found = info(shared / "fixtures/tiger/yolo26n-pose-best.pt")

    assert (found.family, found.scale, found.task) == ("yolo26", "n", "pose")
    assert found.names == {0: "tiger"}
    assert found.kpt_shape == (12, 2)
    assert found.precision == "fp16"
    assert found.training["epochs"] == 30
    assert found.sha256.startswith("def484d3")
    assert "tiger" in found.table()
    assert json.loads(found.to_json())["kpt_shape"] == [12, 2]


@needs_shared
@pytest.mark.parametrize("name", ["tiger/yolo26n-pose-best.pt", "yolo/yolo11n-pose-coco-256x192.onnx"])
def test_needs_neither_torch_nor_onnx(name: str) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'onnxruntime', 'openvino'): sys.modules[name] = None\n"
        "from poise.info import info\n"
        "print(info(sys.argv[1]).format)"
    )

    done = subprocess.run([sys.executable, "-c", code, str(shared / "fixtures" / name)], capture_output=True, text=True)

    assert done.stdout.strip() == Path(name).suffix[1:], done.stderr


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no graph"),
        (b"\x08", "middle of a number"),
        (b"\x3a\xff\xff\xff\xff\x0f", "bytes where 0 are left"),
        (b"\x3a" + b"\xff" * 9 + b"\x01", "are left"),
        (b"\xff" * 11, "more than ten bytes"),
        (b"\x00\x00", "number 0"),
        (b"\x0b\x0b", "wire type 3"),
        (b"\x3a\x00", "no operation"),
        (b"\x38\x01", "a number where a message is expected"),
        (b"\x12\x02\xff\xff", "not UTF-8"),
        (b"<html>not found</html>", ""),
        # A graph with a weight of 2**62 numbers, and one whose bytes do not fit its shape.
        (b"\x3a\x0e\x2a\x0c\x08\x80\x80\x80\x80\x80\x80\x80\x80\x40\x10\x01", "has shape"),
        (b"\x3a\x0a\x2a\x08\x08\x02\x10\x01\x4a\x02\x00\x00", "holds 2 bytes, expected 8"),
        (b"\x3a\x06\x2a\x04\x08\x02\x10\x63", "number type 99"),
    ],
)
def test_hostile_bytes_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=f"x.onnx: not an ONNX network, or damaged.*{reason}"):
        read_onnx(Path("x.onnx"), data)


def test_cut_off_files_are_refused_at_any_length() -> None:
    data = min(BUNDLED, key=lambda p: p.stat().st_size).read_bytes()
    found = read_onnx(Path("x.onnx"), data)
    assert found.nodes

    for share in [i / 40 for i in range(40)]:
        cut = data[: int(len(data) * share)]
        with pytest.raises(ModelError):
            read_onnx(Path("x.onnx"), cut)


def test_flipped_bits_never_crash() -> None:
    data = min(BUNDLED, key=lambda p: p.stat().st_size).read_bytes()
    dice = random.Random(0)
    refused = 0
    for _ in range(60):
        bad = bytearray(data)
        for _ in range(200):
            bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        try:
            found = read_onnx(Path("x.onnx"), bytes(bad))
            found.gflops(64, 64)
            _ = found.parameters
        except ModelError:
            refused += 1

    assert refused > 0


def test_random_bytes_never_crash() -> None:
    dice = random.Random(1)
    for _ in range(2000):
        data = dice.randbytes(dice.randrange(64))
        with pytest.raises(ModelError):
            read_onnx(Path("x.onnx"), b"\x3a" + bytes([len(data)]) + data)


def test_xml_with_entities_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text('<!DOCTYPE net [<!ENTITY a "aaaa">]><net><layers><layer>&a;</layer></layers></net>')

    with pytest.raises(ModelError, match="entities"):
        info(path)


@pytest.mark.parametrize("name", ["x.onnx", "x.pt", "x.xml", "x.safetensors"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="no such file"):
        info(tmp_path / name)


def test_a_folder_without_a_network(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"without an \.xml file"):
        info(tmp_path)


def test_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    from poise.cli import main

    assert main(["info", str(BUNDLED[0]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "onnx"
    assert main(["info", "nothing.onnx"]) == 1


def test_exports_say_what_they_are(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="exports need torch")
    pytest.importorskip("onnx", reason="exports need onnx")
    from poise.export import export
    from poise.networks import build

    torch.manual_seed(0)
    network = build("yolo26", "n", 1, (12, 2)).eval()
    photo = ROOT / "src/poise/cli/demo.jpg"
    for format in ("onnx", "torchscript", "safetensors"):
        found = info(export(network, format=format, imgsz=64, data=photo, out=tmp_path))

        assert found.format == format
        assert (found.family, found.scale) == ("yolo26", "n")
        assert found.kpt_shape == (12, 2)
        assert found.precision == "fp32"
        assert found.imgsz == (64, 64)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("simcc", "--model {} --detector nanodet-416"),
        ("heatmap", "--model {} --detector nanodet-416"),
        ("rtmo", "--model {}"),
        ("rtmdet", "--model body --detector {}"),
        ("yolox", "--model body --detector {}"),
    ],
)
def test_a_network_file_says_how_it_is_run_and_the_line_works(name: str, options: str, photo: Path) -> None:
    path = ROOT / f"tests/assets/networks/{name}.onnx"
    network = shlex.quote(str(path))

    terminal, python = info(path).usage

    assert terminal == f"poise predict PICTURE {options.format(network)}"
    assert main([photo.as_posix() if word == "PICTURE" else word for word in shlex.split(terminal)[1:]] + SILENT) == 0
    assert isinstance(eval(python.removeprefix("in Python: "), {"Pose": Pose}), Pose)  # noqa: S307


def test_boxes_of_two_families_are_run_by_saying_which(tmp_path: Path) -> None:
    path = tmp_path / "end2end.onnx"
    path.write_bytes((ROOT / "tests/assets/networks/rtmdet.onnx").read_bytes())

    (line,) = info(path).usage

    assert line.startswith(f'Pose("body", detector={{"file": "{path}", "family": "rtmdet" or "yolox"}})')


@pytest.mark.parametrize(
    ("name", "why"), [("movenet-multipose", "a MoveNet network"), ("palm-detector", "18 bins of x and 1 of y")]
)
def test_a_network_that_cannot_be_run_by_itself_says_why(name: str, why: str) -> None:
    (line,) = info(ROOT / f"src/poise/weights/networks/{name}.onnx").usage

    assert line.startswith(f"not as it is: {why}")
    assert "\nto run it" in info(ROOT / f"src/poise/weights/networks/{name}.onnx").table()
