"""What the benchmarks share: where the data is, clips made of it, and how a table is printed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
# Scenes that tests and benchmarks share.
sys.path.append(str(ROOT / "tests"))


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("POISE_SHARED", ROOT.parent / "shared")))
    parser.add_argument("--json", type=Path, help="also write the rows here")
    return parser


def versions() -> dict[str, str]:
    """Return what the figures depend on."""
    import onnxruntime

    import poise

    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    return {
        "poise": poise.__version__,
        "commit": commit.strip(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "cores": str(os.cpu_count()),
    }


def table(rows: Sequence[dict[str, Any]], *, title: str = "") -> None:
    """Print rows as a Markdown table."""
    if title:
        print(f"\n**{title}**\n")
    if not rows:
        print("(nothing)")
        return
    heads = list(rows[0])
    cells = [[_cell(row.get(head)) for head in heads] for row in rows]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    for line in [heads, ["-" * width for width in widths], *cells]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")


def save(path: Path | None, **content: Any) -> None:
    """Write figures with the versions that they depend on."""
    if path is not None:
        path.write_text(json.dumps({"versions": versions(), **content}, indent=2, default=float))


def median_ms(call: Callable[[], object], *, repeats: int = 15, warmup: int = 2) -> float:
    """Return the median wall time of a call, milliseconds."""
    for _ in range(warmup):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def two_people(shared: Path, target: Path, frames: int = 200) -> Path:
    """Write a 1280x720 clip with two people, side by side, from two labelled clips."""
    import av

    from poise.image import letterbox

    if target.exists():
        return target
    left = av.open(str(shared / "data/videos/squat_home_front.mp4")).decode(video=0)
    right = av.open(str(shared / "data/videos/lunge_split_side.mp4")).decode(video=0)
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "20", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for _, a, b in zip(range(frames), left, right, strict=False):
            halves = [letterbox(f.to_ndarray(format="bgr24"), (640, 720))[0] for f in (a, b)]
            frame = av.VideoFrame.from_ndarray(np.hstack(halves), format="bgr24")
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return target


def _cell(value: Any) -> str:
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 10
        else (f"{value:.1f}" if isinstance(value, float) else "" if value is None else str(value))
    )
