"""Where 8 bits end: time by kind of operation, float32 against int8. Prints the table of docs/yolo.md.

    python benchmarks/int8_limits.py best.pt --data tiger-pose.yaml --imgsz 640

One checkpoint is exported to ONNX in both precisions, and ONNX Runtime profiles each file on the same
input, in turn. What it says of an operation includes waiting for threads; times are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from poise.export import Bounds, export_certified
from poise.extras.engines import load

ANY = Bounds(*(float("inf"),) * 6, "benchmark")
# Operations that are told as one: what they are for.
GROUPS = {
    "convolutions": ("Conv", "QLinearConv", "ConvInteger", "FusedConv", "NhwcFusedConv"),
    "SiLU, sigmoid": ("Sigmoid", "Mul", "QLinearSigmoid", "QLinearMul", "QuickGelu", "Silu"),
    "to 8 bits and back": ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
    "layout": ("ReorderInput", "ReorderOutput", "Transpose", "Reshape", "Concat", "QLinearConcat", "Split", "Slice"),
    "attention": ("MatMul", "Gemm", "QLinearMatMul", "MatMulInteger", "Softmax", "QLinearSoftmax", "FusedMatMul"),
    "pooling, resizing, sums": ("MaxPool", "Resize", "Add", "QLinearAdd", "QLinearGlobalAveragePool"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {
            precision: export_certified(
                given.checkpoint,
                format="onnx",
                precision=precision,
                out=folder,
                bounds=ANY,
                imgsz=given.imgsz,
                dynamic=False,
                data=given.data,
                most_pictures=given.pictures,
            ).path
            for precision in ("fp32", "int8")
        }
        rounds: dict[str, list[Counter[str]]] = {precision: [] for precision in files}
        for _ in range(given.rounds):
            for precision, path in files.items():
                rounds[precision].append(profiled(path, given, folder))
    names = sorted({kind for several in rounds.values() for one in several for kind in one})
    medians = {p: {k: statistics.median(one[k] for one in several) for k in names} for p, several in rounds.items()}
    print_table(medians)


def profiled(path: Path, given: argparse.Namespace, folder: Path) -> Counter[str]:
    """Return milliseconds a run by group of operations, the operations that no group names under their own name."""
    ort: Any = load("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = given.threads
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    picture = np.random.default_rng(0).random((1, 3, given.imgsz, given.imgsz), dtype=np.float32)
    feeds = {entry.name: picture}
    for _ in range(given.runs + 2):
        session.run(None, feeds)
    lines = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    group = {operation: name for name, several in GROUPS.items() for operation in several}
    seen: dict[str, list[tuple[float, str]]] = {}
    for line in lines:
        if line.get("cat") == "Node" and line["name"].endswith("_kernel_time"):
            operation = line["args"]["op_name"]
            seen.setdefault(line["name"], []).append((line["dur"] / 1e3, group.get(operation, operation)))
    total: Counter[str] = Counter()
    for several in seen.values():
        total[several[0][1]] += statistics.median(time for time, _ in several[2:])  # type: ignore[assignment]
    return total


def print_table(medians: dict[str, dict[str, float]]) -> None:
    whole = {precision: sum(times.values()) for precision, times in medians.items()}
    print("| operations | float32, ms | int8, ms | int8 / float32 | share of int8 |")
    print("|---|---|---|---|---|")
    for name in sorted(medians["fp32"], key=lambda k: -medians["int8"][k]):
        before, after = medians["fp32"][name], medians["int8"][name]
        if max(before / whole["fp32"], after / whole["int8"]) < 0.01:
            continue
        ratio = f"{after / before:.2f}" if before else "-"
        print(f"| {name} | {before:.1f} | {after:.1f} | {ratio} | {after / whole['int8']:.0%} |")
    ratio = whole["int8"] / whole["fp32"]
    print(f"| all | {whole['fp32']:.1f} | {whole['int8']:.1f} | {ratio:.2f} | |")


if __name__ == "__main__":
    main()
