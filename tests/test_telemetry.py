"""No command of Poise reports to anybody, and none leaves a file outside its own folders, whatever the engines do."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINES = {"onnxruntime", "openvino", "openvino_telemetry"}

# ONNX Runtime 1.32 waits about ten seconds before it looks up its maker's host.
WAIT_S = 15

# Every command that loads a network or reads a file, in one process; then as long a wait as a reporter may need,
# counted from the command that brought the last engine. Those that bring one are first.
COMMANDS = """
import importlib.util, sys, time
from poise.cli import main

there = lambda name: importlib.util.find_spec(name) is not None
photo, network, video = sys.argv[1:4]
brought, engines = time.monotonic(), set()
for words in (
    f"predict {photo} --json", *([f"predict {photo} --runtime openvino --no-save"] if there("openvino") else ()),
    *(["train --data data.yaml --model yolo26n-pose.yaml --epochs 1 --imgsz 64 --batch 1 --workers 0"]
      if there("torch") and there("yaml") else ()),
    *([f"export runs/pose/train/weights/best.pt --format {kind} --imgsz 64"
       for kind in ("onnx", "openvino", "torchscript") if there(kind) or kind == "torchscript"]
      if there("onnx") else ()),
    "--version", "doctor --seconds 0.1", "demo", "models", "models body", "weights",
    f"predict {photo} --out r.csv", f"info {network}",
    *([f"track {video} --max-det 1", f"reps {video} --exercise squat", f"events {video} --falls", f"angles {video}",
       f"gestures {video}", f"fix {video}"] if there("av") else ()),
    *(["data check data.yaml", "val body-fast --data data.yaml --batch 1"] if there("yaml") else ()),
):
    try:
        print("+", words, "->", main(words.split()), flush=True)
    except SystemExit as stop:
        print("+", words, "->", stop.code, flush=True)
    if new := {"onnxruntime", "openvino", "torch", "onnx"} & set(sys.modules) - engines:
        brought, engines = time.monotonic(), engines | new
time.sleep(max(0.0, brought + float(sys.argv[4]) - time.monotonic()))
"""


def test_engines_are_imported_through_one_door() -> None:
    found = []
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
                names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            found += [f"{file.name}:{node.lineno} {n}" for n in names if n.partition(".")[0] in ENGINES]

    assert found == []


def fresh(code: str, home: Path, **environment: str) -> str:
    """Run code in a new interpreter whose home is empty; returns what it prints."""
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD", "JENKINS_URL", "ORT_DISABLE_TELEMETRY")}
    kept |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_environment_is_as_before(tmp_path: Path) -> None:
    code = "import os, sys; a = dict(os.environ); import poise.runtime.onnxruntime as e; print(dict(os.environ) == a)"
    assert fresh(code, tmp_path) == "True"


def test_a_choice_of_the_user_stays(tmp_path: Path) -> None:
    code = (
        "import os, sys, types\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime': print(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from poise.extras import engines; engines.load('onnxruntime'); print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    )
    assert fresh(code, tmp_path).split() == ["1", "None"]
    assert fresh(code, tmp_path, ORT_DISABLE_TELEMETRY="0").split() == ["0", "0"]


@pytest.mark.skipif(find_spec("openvino_telemetry") is None, reason="needs openvino (extra 'openvino')")
def test_openvino_is_imported_without_its_reporter(tmp_path: Path) -> None:
    code = (
        "import sys; from poise.extras import engines; engines.load('openvino');"
        " print('openvino_telemetry' in sys.modules);"
        "import openvino_telemetry; print(hasattr(openvino_telemetry, 'Telemetry'))"
    )
    assert fresh(code, tmp_path).split() == ["False", "True"]
    assert not list(tmp_path.rglob("*"))


@pytest.mark.skipif(find_spec("openvino_telemetry") is None, reason="needs openvino (extra 'openvino')")
def test_whoever_agreed_to_openvinos_reports_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "intel").mkdir()
    (tmp_path / "intel" / "openvino_telemetry").write_text("1\n")
    code = "from poise.extras.engines import _agreed; print(_agreed())"
    assert fresh(code, tmp_path) == "True"
    (tmp_path / "intel" / "openvino_telemetry").write_text("0\n")
    assert fresh(code, tmp_path) == "False"


def made(folder: Path, photo: Path) -> tuple[Path, Path, Path]:
    """Lay a photo, a network, a short video and a data set of one picture into a folder."""
    picture, network, video = folder / "p.jpg", folder / "n.onnx", folder / "v.mp4"
    shutil.copy(photo, picture)
    from poise import weights

    network.write_bytes(weights.load("face-detector-short"))
    for kind in ("images", "labels"):
        (folder / kind).mkdir()
    shutil.copy(photo, folder / "images" / "a.jpg")
    points = " ".join(["0.5 0.5 2"] * 17)
    (folder / "labels" / "a.txt").write_text(f"0 0.5 0.5 0.4 0.8 {points}\n")
    (folder / "data.yaml").write_text(
        f"path: {folder}\ntrain: images\nval: images\nkpt_shape: [17, 3]\nnames:\n  0: person\n"
        "flip_idx: [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]\n"
    )
    if find_spec("av"):
        import av
        import numpy as np

        with av.open(str(video), "w") as out:
            stream = out.add_stream("mpeg4", rate=5)
            stream.width, stream.height, stream.pix_fmt = 320, 212, "yuv420p"
            import PIL.Image

            frame = np.asarray(PIL.Image.open(photo).convert("RGB").resize((320, 212)))
            for _ in range(5):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            out.mux(stream.encode(None))
    return picture, network, video


@pytest.mark.slow
def test_no_command_reports_or_leaves_files(photo: Path, tmp_path: Path) -> None:
    run, home, temporary = (tmp_path / name for name in ("run", "home", "temporary"))
    for folder in (run, home, temporary):
        folder.mkdir()
    files = made(run, photo)
    trace = tmp_path / "trace"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "POISE_", "ORT_", "COV_", "PYTEST"))}
    # In CI, OpenVINO's reporter keeps quiet of its own accord; a user is not in CI.
    kept = {k: v for k, v in kept.items() if k not in ("CI", "TF_BUILD", "JENKINS_URL", "POISE_HOME")}
    kept |= {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT / "src")}
    kept |= {"PYTHONDONTWRITEBYTECODE": "1"}
    tracer = shutil.which("strace")
    calls = "network,openat,creat,mkdir,mkdirat,rename,renameat2,link,linkat,symlink,symlinkat"
    prefix = [tracer, "-f", "-qq", "-s", "300", "-e", f"trace={calls}", "-o", str(trace)] if tracer else []
    done = subprocess.run(
        [*prefix, sys.executable, "-c", COMMANDS, *map(str, files), str(WAIT_S)],
        cwd=run, env=kept, capture_output=True, text=True, check=False, timeout=580,
    )  # fmt: skip
    if tracer and "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:200]}")
    print(done.stdout[-6000:], done.stderr[-6000:])

    assert done.returncode == 0
    # The doctor finds that a set of one picture has the same picture in both of its splits.
    assert re.findall(r"^\+ (.*) -> (?!0$)\S+$", done.stdout, re.M) == ["data check data.yaml"]
    ours = home / ".cache" / "poise"
    strange = [p for place in (home, temporary) for p in place.rglob("*") if p.is_file() and ours not in p.parents]
    assert strange == []
    if not tracer:
        pytest.skip("no file was left behind; looking for look-ups needs strace, which is not installed")
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    assert len(lines) > 1000
    # A look-up reads these files, or asks the system's resolver, or a name server.
    network = re.compile(r"AF_INET|AF_NETLINK|/etc/(hosts|resolv)|systemd/resolve|io\.systemd")
    assert [line for line in lines if network.search(line)] == []
    assert outside(lines, tmp_path) == []


def outside(lines: list[str], allowed: Path) -> list[str]:
    """Return the calls of a trace that make or open for writing a file outside a folder."""
    found = []
    for line in lines:
        call = re.search(r"(openat|creat|mkdir|mkdirat|rename\w*|link\w*|symlink\w*)\((.*)\) += (-?\d+)", line)
        if call is None or call[3].startswith("-"):
            continue
        if call[1] == "openat" and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", call[2]):
            continue
        path = re.findall(r'"([^"]*)"', call[2])[-1]
        # Shared memory of libraries' own (it is unlinked at once), and devices.
        if path.startswith("/") and not path.startswith((f"{allowed}/", "/dev/", "/proc/self/")):
            found.append(line)
    return found
