"""Race Poise against the original package: python benchmarks/yolo_speed.py --peer-python PYTHON

PYTHON is the interpreter of a virtual environment that holds the original package (`ultralytics`, with torch and, where
they are to be compared, onnxruntime and openvino). It is run as a program of its own and only its public calls are
used; nothing of it is needed by Poise. Both sides run the same files on the same pictures and the same 720p video, one
after the other in turn, on the same cores; every ratio is of figures from one run.

Where that environment has no torchvision, the original package gets a stand-in whose only function is an exact greedy
suppression (`ops.nms`): its time for suppression is then not its own, so compare whole times with `--end2end`, where
nothing is suppressed, before claiming anything about that stage.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _common import ROOT, arguments, save, table

# What both workers do: answer one line for each line that they read.
WORKER = """
import json, os, sys, time
options = json.loads(sys.argv[1])
pictures, video, imgsz, conf = options["pictures"], options["video"], options["imgsz"], options["conf"]
say = lambda **what: print(json.dumps(what), file=out, flush=True)
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever is printed goes elsewhere


def measured(sources):
    wall, busy = time.perf_counter(), time.process_time()
    stages, count, instances = {}, 0, 0
    for source in sources:
        for result in predict(source):
            rows = taken(result)
            instances += len(rows[0])
            for name, value in result.speed.items():
                stages[name] = stages.get(name, 0.0) + value
            count += 1
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return {"wall": wall * 1e3 / count, "cpu": busy * 1e3 / count, "count": count, "instances": instances,
            **{name: value / count for name, value in stages.items()}}


def decoding(items):
    wall, busy, count = time.perf_counter(), time.process_time(), 0
    for _ in items:
        count += 1
    return {"wall": (time.perf_counter() - wall) * 1e3 / count, "cpu": (time.process_time() - busy) * 1e3 / count}


def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


first = sorted(os.listdir(pictures))[0]
rows = taken(next(iter(predict(os.path.join(pictures, first)))))
say(first=len(rows[0]), peak=peak())
for line in sys.stdin:
    what = line.strip()
    if what == "pictures":
        say(**measured([pictures]))
    elif what == "video":
        say(**measured([video]))
    elif what == "arrays":
        say(**measured([image for _, image in zip(range(15), images(pictures))]))
    elif what == "decode pictures":
        say(**decoding(images(pictures)))
    elif what == "decode video":
        say(**decoding(images(video)))
    elif what == "rows":
        found = {os.path.basename(result.path): taken(result) for result in predict(pictures)}
        say(rows=[[part.tolist() for part in parts] for _, parts in sorted(found.items())])
    elif what == "peak":
        say(peak=peak())
"""

POISE = """
import json, sys
options = json.loads(sys.argv[1])
from poise import Pose
model = Pose(options["file"], runtime=options["runtime"], precision=options["precision"], threads=options["threads"],
             end2end=options["end2end"])


def predict(source):
    return model.predict(source, imgsz=imgsz, conf=conf, stream=True)


def taken(result):
    import numpy as np

    return np.asarray(result.boxes.data), np.asarray(result.keypoints.data)


def images(source):
    from poise.sources import open_source

    with open_source(source) as frames:
        for frame in frames:
            yield frame.image
"""

# The original package, by its public calls alone.
PEER = """
import json, os, sys
sys.tracebacklimit = 0  # its lines are not for us to read
options = json.loads(sys.argv[1])
import cv2
import torch
cv2.setNumThreads(options["threads"])
from ultralytics import YOLO
torch.set_num_threads(options["threads"])  # the import has set its own number
model = YOLO(options["file"], task="pose")


def predict(source):
    more = {"end2end": options["end2end"]} if options["end2end"] and options["file"].endswith(".pt") else {}
    return model.predict(source, imgsz=imgsz, conf=conf, stream=True, verbose=False, save=False, device="cpu", **more)


def taken(result):
    return result.boxes.data.cpu().numpy(), result.keypoints.data.cpu().numpy()


def images(source):
    if os.path.isdir(source):
        for name in sorted(os.listdir(source)):
            yield cv2.imread(os.path.join(source, name))
        return
    reader = cv2.VideoCapture(source)
    while True:
        there, image = reader.read()
        if not there:
            return
        yield image
"""

# Stands in for torchvision where there is none: greedy suppression, exactly, and nothing else.
STAND_IN = {
    "torchvision/__init__.py": '__version__ = "0.28.0"\nfrom torchvision import ops\n',
    "torchvision/ops.py": """
import numpy
import torch


def nms(boxes, scores, iou_threshold):
    order = numpy.argsort(-scores.detach().cpu().numpy(), kind="stable")
    x1, y1, x2, y2 = boxes.detach().cpu().numpy()[order].T
    area = (x2 - x1) * (y2 - y1)
    width = (numpy.minimum(x2[:, None], x2) - numpy.maximum(x1[:, None], x1)).clip(0)
    common = width * (numpy.minimum(y2[:, None], y2) - numpy.maximum(y1[:, None], y1)).clip(0)
    close = common > iou_threshold * (area[:, None] + area - common)
    gone, kept = numpy.zeros(len(order), dtype=bool), []
    for i in range(len(order)):
        if not gone[i]:
            kept.append(order[i])
            gone |= close[i]
    return torch.as_tensor(numpy.array(kept, dtype=numpy.int64), device=boxes.device)
""",
    "torchvision-0.28.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n",
}


@dataclass
class Runner:
    """One side with one file in one engine.

    Attributes:
        name: In tables.
        poise: True for Poise, False for the original package.
        python: The interpreter.
        options: What the worker is given.
        environment: Of the process.
        cores: That it may use.
        forget: What is removed before it starts: the graphs that Poise keeps.
        rounds: What was measured: kind of input to the figures of each round.
    """

    name: str
    poise: bool
    python: str
    options: dict[str, Any]
    environment: dict[str, str]
    cores: set[int]
    forget: Path | None = None
    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def start(self) -> tuple[float, float]:
        """Start the process; return the milliseconds to its first prediction, and its peak memory then (MB).

        Raises:
            RuntimeError: It ended before; with the last line that it printed.
        """
        if self.forget is not None:
            shutil.rmtree(self.forget, ignore_errors=True)
        before = time.perf_counter()
        code = (POISE if self.poise else PEER) + WORKER
        self.process = subprocess.Popen(
            [self.python, "-c", code, json.dumps(self.options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores),
        )
        said = self._read()
        return (time.perf_counter() - before) * 1e3, said["peak"]

    def ask(self, what: str) -> dict[str, Any]:
        """Have the worker do something and return what it says."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self._read()

    def stop(self) -> float:
        """End the process; return its CPU milliseconds."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        return (usage.ru_utime + usage.ru_stime) * 1e3

    def _read(self) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            words = self.process.stderr.read().strip().splitlines() or ["nothing printed"]
            self.process.wait()
            raise RuntimeError(words[-1][:200])
        said: dict[str, Any] = json.loads(line)
        return said

    def median(self, what: str, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(entry.get(figure, float("nan")) for entry in self.rounds[what])


def clip(shared: Path, target: Path, frames: int) -> Path:
    """Write a 1280x720 video of the Tiger frames, in their order."""
    import av

    folder = shared / "data/tiger-pose"
    pictures = sorted(folder.glob("*/images/*.jpg"), key=lambda path: int(path.stem.rpartition("_")[2]))[:frames]
    if not target.exists():
        with av.open(str(target), "w") as out:
            stream = out.add_stream("libx264", rate=25, options={"crf": "20", "preset": "fast"})
            stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
            for path in pictures:
                with av.open(str(path)) as source:
                    picture = next(source.decode(video=0)).to_ndarray(format="bgr24")
                for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                    out.mux(packet)
            for packet in stream.encode():
                out.mux(packet)
    return target


def exported(checkpoint: Path, folder: Path, imgsz: int, end2end: bool) -> list[Path]:
    """Export a checkpoint with Poise to ONNX and OpenVINO files that both sides read."""
    from poise.export import export

    made = []
    for kind, ending in (("onnx", ".onnx"), ("openvino", "_openvino_model")):
        path = folder / f"poise{ending}"
        if not path.exists():
            export(checkpoint, format=kind, imgsz=imgsz, end2end=end2end, out=path)
        made.append(path)
    return made


def exported_by_peer(python: str, environment: dict[str, str], checkpoint: Path, folder: Path, imgsz: int) -> Path:
    """Have the original package export its own ONNX file.

    Raises:
        RuntimeError: It did not.
    """
    path = folder / "peer.onnx"
    if not path.exists():
        copy = folder / "peer.pt"
        copy.write_bytes(checkpoint.read_bytes())
        code = "import sys; sys.tracebacklimit = 0; from ultralytics import YOLO; "
        code += f"YOLO(sys.argv[1]).export(format='onnx', dynamic=True, simplify=False, imgsz={imgsz})"
        done = subprocess.run([python, "-c", code, str(copy)], env=environment, capture_output=True, text=True)
        if not path.exists():
            raise RuntimeError(((done.stderr + done.stdout).strip().splitlines() or ["nothing printed"])[-1][:200])
    return path


def peer_environment(python: str, folder: Path, threads: int) -> dict[str, str]:
    """Return the environment of the original package: no network, no installing, settings in a folder of its own."""
    settings = folder / "settings"
    settings.mkdir(exist_ok=True)
    environment = {
        **limits(threads),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "YOLO_CONFIG_DIR": str(settings),
    }
    environment.pop("PYTHONPATH", None)
    look = "import importlib.util as u; print(u.find_spec('torchvision') is None)"
    if subprocess.run([python, "-c", look], capture_output=True, text=True, env=environment).stdout.strip() == "True":
        for name, text in STAND_IN.items():
            path = folder / "stand-in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        environment["PYTHONPATH"] = str(folder / "stand-in")
        print("The peer has no torchvision: suppression is a stand-in's, see the head of this file.")
    return environment


def limits(threads: int) -> dict[str, str]:
    """Return this environment with every library's number of threads set."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}


def apart(a: list[list[Any]], b: list[list[Any]]) -> str:
    """Say how far two sides' rows are from each other: pictures with another count, largest distance of the others."""
    other, worst = 0, 0.0
    for (boxes, points), (boxes_b, points_b) in zip(a, b, strict=True):
        if len(boxes) != len(boxes_b):
            other += 1
        elif boxes:
            ours, theirs = np.array(boxes)[:, :4], np.array(boxes_b)[:, :4]
            # Nearly equal scores may swap rows.
            nearest = np.abs(ours[:, None] - theirs).sum(axis=2).argmin(axis=1)
            worst = max(worst, float(np.abs(ours - theirs[nearest]).max()))
            worst = max(worst, float(np.abs(np.array(points)[..., :2] - np.array(points_b)[nearest][..., :2]).max()))
    return f"{worst:.3g} px" + (f", {other} pictures with another count" if other else "")


def load() -> float:
    """Return the machine's load over the last minute."""
    return os.getloadavg()[0]


def race(runners: list[Runner], rounds: int) -> list[Runner]:
    """Run everything in turn, another one first in every round; return those that started."""
    ready = []
    for runner in runners:
        try:
            runner.start()
            runner.ask("pictures")
            ready.append(runner)
        except RuntimeError as error:
            print(f"{runner.name}: left out: {error}", flush=True)
    for turn in range(rounds):
        for what in ("pictures", "video", "arrays", "decode pictures", "decode video"):
            order = ready[turn % len(ready) :] + ready[: turn % len(ready)]
            for runner in order:
                runner.rounds.setdefault(what, []).append(runner.ask(what))
        print(f"round {turn + 1} of {rounds}, load {load():.1f}", flush=True)
    return ready


def stages(runner: Runner, what: str) -> dict[str, Any]:
    """Return one row of the table: ms a frame.

    ``decode`` is decoding alone, which Poise does ahead in another thread; ``results`` is what a call costs on a
    decoded picture beyond the stages that the side itself counts.
    """
    counted = [runner.median("arrays", name) for name in ("preprocess", "inference", "postprocess")]
    return {
        "runner": runner.name,
        "wall": runner.median(what, "wall"),
        "CPU": runner.median(what, "cpu"),
        "decode": runner.median(f"decode {what}", "wall"),
        "pre": runner.median(what, "preprocess"),
        "inference": runner.median(what, "inference"),
        "post": runner.median(what, "postprocess"),
        "results": max(runner.median("arrays", "wall") - sum(counted), 0.0),
        "instances": int(runner.median(what, "instances")),
    }


def starts(runners: list[Runner], repeats: int) -> list[dict[str, Any]]:
    """Time process start to first prediction, and the peak memory of such a process, in turn."""
    found: dict[str, list[tuple[float, float, float]]] = {runner.name: [] for runner in runners}
    for _ in range(repeats):
        for runner in runners:
            wall, peak = runner.start()
            found[runner.name].append((wall, runner.stop(), peak))
    heads = ("wall ms", "CPU ms", "peak MB")
    return [
        {"runner": name, **{head: statistics.median(row[i] for row in rows) for i, head in enumerate(heads)}}
        for name, rows in found.items()
    ]


def best(ready: list[Runner], what: str, figure: str) -> str:
    """Say the ratio of each side's best by the median: the median over rounds of what one round gives for both."""
    sides = {side: [runner for runner in ready if runner.poise == side] for side in (True, False)}
    if not all(sides.values()):
        return "one side only"
    mine, theirs = (min(sides[side], key=lambda runner: runner.median(what, figure)) for side in (True, False))
    pairs = zip(mine.rounds[what], theirs.rounds[what], strict=True)
    ratios = sorted(b[figure] / a[figure] for a, b in pairs)
    return (
        f"{mine.name} {mine.median(what, figure):.1f}, {theirs.name} {theirs.median(what, figure):.1f}: "
        f"{statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--peer-python", required=True, help="interpreter of the original package's environment")
    parser.add_argument("--checkpoint", type=Path, help="a .pt file; default: the Tiger checkpoint")
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--end2end", action="store_true", help="the one-to-one branch, which needs no suppression")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--only", default="", help="comma-separated names of runners, as in the tables")
    parser.add_argument("--keep", type=Path, help="a folder for the exported files, used again")
    given = parser.parse_args()
    scratch = tempfile.TemporaryDirectory()
    folder = (given.keep or Path(scratch.name)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = (given.checkpoint or given.shared / "fixtures/tiger/yolo26n-pose-best.pt").resolve()
    peer = peer_environment(given.peer_python, folder, given.threads)
    ours = limits(given.threads)
    onnx, openvino = exported(checkpoint, folder, given.imgsz, given.end2end)
    plan: list[tuple[str, bool, Path, str, str]] = [
        ("Poise onnxruntime", True, onnx, "onnxruntime", "f32"),
        ("Poise OpenVINO", True, next(openvino.glob("*.xml")), "openvino", "f32"),
        ("Poise OpenVINO auto precision", True, next(openvino.glob("*.xml")), "openvino", "auto"),
        ("Poise checkpoint", True, checkpoint, "auto", "f32"),
        ("Poise checkpoint (auto precision)", True, checkpoint, "auto", "auto"),
        ("Poise checkpoint (empty cache)", True, checkpoint, "auto", "f32"),
        ("Poise torch", True, checkpoint, "torch", "f32"),
        ("peer onnxruntime", False, onnx, "", ""),
        ("peer OpenVINO", False, openvino, "", ""),
        ("peer torch", False, checkpoint, "", ""),
    ]
    try:
        theirs = exported_by_peer(given.peer_python, peer, checkpoint, folder, given.imgsz)
        plan.append(("Poise onnxruntime, peer's file", True, theirs, "onnxruntime", "f32"))
        plan.append(("peer onnxruntime, peer's file", False, theirs, "", ""))
    except RuntimeError as error:
        print(f"The peer's own ONNX export: left out: {error}")
    cores = set(sorted(os.sched_getaffinity(0))[: given.threads])
    common = {
        "pictures": str(given.shared.resolve() / "data/tiger-pose/val/images"),
        "video": str(clip(given.shared, folder / f"tiger-{given.frames}.mp4", given.frames)),
        "imgsz": given.imgsz,
        "conf": given.conf,
        "threads": given.threads,
        "end2end": given.end2end,
    }
    wanted = [part for part in given.only.split(",") if part]
    runners = [
        Runner(
            name,
            poise,
            sys.executable if poise else given.peer_python,
            {**common, "file": str(path), "runtime": runtime, "precision": precision},
            {**ours, "POISE_HOME": str(folder / name)} if poise else peer,
            cores,
            folder / name / "graphs" if "empty cache" in name else None,
        )
        for name, poise, path, runtime, precision in plan
        if not wanted or name in wanted
    ]
    before = load()
    ready = race(runners, given.rounds)
    reference = ready[0].ask("rows")["rows"]
    agreement = {runner.name: apart(runner.ask("rows")["rows"], reference) for runner in ready}
    peaks = {runner.name: runner.ask("peak")["peak"] for runner in ready}
    for runner in ready:
        runner.stop()
    tables = {what: [stages(runner, what) for runner in ready] for what in ("pictures", "video")}
    first = starts(ready, given.starts)
    for row in first:
        row["peak MB, all runs"] = peaks[row["runner"]]
        row[f"rows against {ready[0].name}"] = agreement[row["runner"]]
    title = f"{checkpoint.name}, imgsz {given.imgsz}, {given.threads} threads, conf {given.conf}"
    title += ", one-to-one branch" if given.end2end else ""
    for what, rows in tables.items():
        table(rows, title=f"{title}: {what}, ms a frame")
    table(first, title="Process start to first prediction; memory; agreement")
    print(f"\nload before {before:.1f}, after {load():.1f}")
    # The peer's OpenVINO takes bf16 by itself where the processor has it: its like here is "auto precision".
    groups = {
        "float32": [runner for runner in ready if "auto" not in runner.name and runner.name != "peer OpenVINO"],
        "any precision": ready,
        "from the checkpoint, float32": [
            runner
            for runner in ready
            if runner.options["file"] == str(checkpoint) and runner.options["precision"] != "auto"
        ],
    }
    for what in tables:
        for name, group in groups.items():
            print(
                f"{what}, {name}, best of each side: wall {best(group, what, 'wall')}; CPU {best(group, what, 'cpu')}"
            )
    save(given.json, **tables, first=first, load=[before, load()], root=ROOT.name)
    scratch.cleanup()
