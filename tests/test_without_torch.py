"""The README's lines on a checkpoint, in an interpreter in which neither torch nor ONNX can be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
# As in an environment that never had them: importing fails, and looking for them finds nothing.
BLOCKED = """
import sys
from importlib.machinery import PathFinder


class Blocked(PathFinder):
    names = {"torch", "onnx", "openvino", "yaml", "cv2"}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in cls.names else super().find_spec(name, path, target)


sys.meta_path = [Blocked if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.fixture(scope="session")
def checkpoint(shared: Path) -> Path:
    """A trained network: one class, twelve points of a tiger."""
    path = shared / "fixtures/tiger/yolo26n-pose-best.pt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def light(code: str, *given: object, home: Path) -> Any:
    """Run code without torch; it prints one JSON value last."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + code, *map(str, given)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "POISE_HOME": str(home), "COVERAGE_PROCESS_START": ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def tigers(shared: Path) -> Path:
    return sorted((shared / "data/tiger-pose/val/images").iterdir())[0]


SEED = """
import json
from poise import YOLO
results = YOLO(sys.argv[1])(sys.argv[2], **json.loads(sys.argv[3]))
r = results[0]
print(json.dumps([r.speed.engine, r.boxes.xyxy.tolist(), r.keypoints.xy.tolist(), r.keypoints.sigma.tolist(),
                  "torch" in sys.modules]))
"""


def test_the_seed_lines_find_what_torch_finds(checkpoint: Path, shared: Path, home: Path) -> None:
    pytest.importorskip("torch", reason="the other side of the comparison needs torch")
    from poise import YOLO

    engine, boxes, points, sigma, _ = light(SEED, checkpoint, tigers(shared), "{}", home=home)
    expected = YOLO(checkpoint, runtime="torch")(tigers(shared))[0]

    assert engine == "onnxruntime"
    assert expected.speed.engine == "torch"
    assert len(boxes) == len(expected) == 1
    assert boxes == pytest.approx(expected.boxes.xyxy, abs=1e-3)
    assert points == pytest.approx(expected.keypoints.xy, abs=1e-3)
    assert sigma == pytest.approx(expected.keypoints.sigma, abs=1e-3)


def test_the_first_start_keeps_a_graph_and_the_second_takes_it(checkpoint: Path, shared: Path, tmp_path: Path) -> None:
    first = light(SEED, checkpoint, tigers(shared), "{}", home=tmp_path)
    kept = {path: path.stat().st_ino for path in (tmp_path / "graphs").iterdir()}

    assert light(SEED, checkpoint, tigers(shared), "{}", home=tmp_path) == first
    assert {path: path.stat().st_ino for path in (tmp_path / "graphs").iterdir()} == kept
    assert sorted(path.suffix for path in kept) == [".onnx", ".sha256"]


COMMANDS = """
import json
from poise.cli import main
print(json.dumps(main(sys.argv[1:])))
"""


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "PICTURE", "--model", "CHECKPOINT", "--json"],
        ["track", "PICTURE", "--model", "CHECKPOINT", "--json"],
        ["info", "CHECKPOINT"],
        ["export", "CHECKPOINT", "--out", "OUT", "--imgsz", "320"],
        ["export", "CHECKPOINT", "--out", "OUT", "--imgsz", "320", "--format", "safetensors"],
        ["export", "CHECKPOINT", "--out", "OUT", "--imgsz", "320", "--half", "--data", "PICTURE"],
        ["export", "CHECKPOINT", "--out", "OUT", "--imgsz", "320", "--nms", "--end2end=false"],
    ],
    ids=lambda words: "-".join(word for word in words if word.islower() or word.startswith("--")),
)
def test_commands(checkpoint: Path, shared: Path, home: Path, tmp_path: Path, words: list[str]) -> None:
    places = {"PICTURE": tigers(shared), "CHECKPOINT": checkpoint, "OUT": tmp_path}

    assert light(COMMANDS, *(places.get(word, word) for word in words), home=home) == 0


def test_the_certificate_says_that_nothing_was_compared(checkpoint: Path, home: Path, tmp_path: Path) -> None:
    code = """
import json, math
from poise.export import export_certified
found = export_certified(sys.argv[1], out=sys.argv[2], imgsz=320).certificate
print(json.dumps([found.against, found.passed, math.isnan(found.point_max), found.table().splitlines()[-1]]))
"""

    against, passed, unknown, verdict = light(code, checkpoint, tmp_path, home=home)

    assert (against, passed, unknown) == ("nothing: torch is not installed", True, True)
    assert verdict.endswith("written, but compared with nothing: torch is not installed")


def test_scoring_needs_no_torch(checkpoint: Path, shared: Path, home: Path, tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML")
    code = """
import json
Blocked.names.discard("yaml")
from poise import YOLO
m = YOLO(sys.argv[1]).val(data=sys.argv[2], imgsz=320, plots=False, project=sys.argv[3])
print(json.dumps([float(m.pose.map), "torch" in sys.modules]))
"""

    found, loaded = light(code, checkpoint, shared / "data/tiger-pose/tiger-pose.yaml", tmp_path, home=home)

    assert found > 0.4
    assert not loaded


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runtime": "torch"}, "runtime 'torch' needs torch; run: pip install"),
        ({"device": "mps"}, "device 'mps' (no other installed engine has it) needs torch; run: pip install"),
        ({"runtime": "onxruntime"}, "no runtime named 'onxruntime'; did you mean 'onnxruntime'?"),
        ({"runtime": "openvino"}, "runtime 'openvino' needs openvino; run: pip install"),
    ],
)
def test_what_is_missing_is_named(checkpoint: Path, home: Path, arguments: dict[str, str], message: str) -> None:
    code = """
import json
from poise import YOLO
try:
    YOLO(sys.argv[1], **json.loads(sys.argv[2]))
except Exception as error:
    print(json.dumps(str(error)))
"""

    assert message in light(code, checkpoint, json.dumps(arguments), home=home)
