"""Exports of one checkpoint: size, time, what was lost. Prints the table of docs/export.md.

    python benchmarks/export.py best.pt --data tiger-pose.yaml --imgsz 320 640

Each format is written, certified over the data set's validation pictures, and timed in turn with the others on one
input, so that other load on the machine meets all of them alike. The time is the median and the least of many runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from poise.errors import MissingExtra
from poise.estimators.yolo import Yolo
from poise.export import Bounds, export_certified
from poise.export._pictures import collect_pictures
from poise.export.certificate import Facts, certify
from poise.networks import open_session
from poise.runtime import open_session as open_file

KINDS = [
    ("onnx", "fp32"),
    ("onnx", "fp16"),
    ("onnx", "int8"),
    ("openvino", "fp32"),
    ("openvino", "fp16"),
    ("openvino", "int8"),
]
# Nothing is refused here: the figures are the point.
ANY = Bounds(*(float("inf"),) * 6, "benchmark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--imgsz", type=int, nargs="+", default=[320, 640])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--runs", type=int, default=40)
    given = parser.parse_args()
    for imgsz in given.imgsz:
        with tempfile.TemporaryDirectory() as folder:
            measure(given, imgsz, Path(folder))


def measure(given: argparse.Namespace, imgsz: int, folder: Path) -> None:
    sessions: dict[str, Any] = {}
    lines: dict[str, str] = {}
    static = {"imgsz": imgsz, "dynamic": False, "data": given.data, "most_pictures": given.pictures}
    for format, precision in KINDS:
        try:
            done = export_certified(
                given.checkpoint, format=format, precision=precision, out=folder, bounds=ANY, **static
            )
        except MissingExtra as error:
            print(f"{format} {precision}: {error}")
            continue
        files = list(done.path.rglob("*")) if done.path.is_dir() else [done.path]
        name = f"{format} {precision}"
        lines[name] = line(sum(f.stat().st_size for f in files), done.certificate)
        network = next(done.path.glob("*.xml")) if format == "openvino" else done.path
        sessions[name] = open_file(network, runtime="onnxruntime" if format == "onnx" else "openvino")
        if (format, precision) == ("openvino", "fp32"):
            auto = open_file(network, runtime="openvino", precision="auto")
            original = open_session(given.checkpoint)
            shape = sessions[name].inputs
            original.inputs = shape
            original.metadata = dict(original.metadata) | {"imgsz": str([imgsz, imgsz])}
            proof = certify(
                Yolo(original),
                Yolo(auto),
                collect_pictures(given.data, most=given.pictures),
                Facts(
                    file="auto",
                    origin=given.checkpoint.name,
                    format=format,
                    precision="fp32",
                    engine="openvino",
                    bounds=ANY,
                ),
            )
            lines["openvino auto (bf16)"] = line(sum(f.stat().st_size for f in files), proof)
            sessions["openvino auto (bf16)"] = auto
    picture = np.random.default_rng(0).random((1, 3, imgsz, imgsz), dtype=np.float32)
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(given.runs):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run({"images": picture})
            times[name].append((time.perf_counter() - start) * 1e3)
    print(f"\n{given.checkpoint.name} at {imgsz} x {imgsz}, {given.pictures} pictures at most")
    heads = ["export", "MB", "ms median", "ms least", "AP points", "AP boxes", "lost/gained", "point px median/max"]
    heads += ["share 95 %", "conf max", "sigma max"]
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for name, text in lines.items():
        size, rest = text.split(" | ", 1)
        print(f"| {name} | {size} | {np.median(times[name]):.1f} | {min(times[name]):.1f} | {rest} |")


def line(size: int, found: Any) -> str:
    def pair(a: float | None, b: float | None) -> str:
        return "-" if a is None or b is None else f"{b:.4f} ({b - a:+.4f})"

    sigma = "-" if found.sigma_max is None else f"{found.sigma_max:.3f}"
    return (
        f"{size / 1e6:.1f} | {pair(found.ap_before, found.ap_after)} | "
        f"{pair(found.box_ap_before, found.box_ap_after)} | "
        f"{found.lost}/{found.gained} of {found.detections} | {found.point_median:.4f}/{found.point_max:.3f} | "
        f"{found.point_share_tail:.4%} | {found.conf_max:.5f} | {sigma}"
    )


if __name__ == "__main__":
    main()
