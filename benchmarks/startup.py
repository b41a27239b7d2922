"""Time the command line from process start, and watch its memory: python benchmarks/startup.py

Prints CPU and wall seconds of ``poise --help`` and of ``poise predict PHOTO`` (first saved picture, process start to
exit), the peak memory, and the memory over a long video: the last quarter against the second.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from _common import ROOT, arguments, save, table, two_people

PHOTO = ROOT / "src/poise/cli/demo.jpg"


def run(words: list[str], folder: str) -> tuple[float, float, float]:
    """Return CPU seconds, wall seconds and peak memory (MB) of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "poise", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"poise {' '.join(words)} failed with {status}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1e3


def memory(clip: Path, frames: int, folder: str) -> dict[str, float]:
    """Run a long video and sample the resident memory of the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "poise", "predict", *[str(clip)], "--model", "body-fast", "--save", "--quiet"],
        cwd=folder,
    )
    samples: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            try:
                status = Path(f"/proc/{process.pid}/statm").read_text().split()
                samples.append(int(status[1]) * resource.getpagesize() / 1e6)
            except (OSError, IndexError):
                return

    thread = threading.Thread(target=watch)
    thread.start()
    process.wait()
    done.set()
    thread.join()
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[3 * quarter :]
    return {
        "frames": frames,
        "second quarter MB": statistics.median(second),
        "last quarter MB": statistics.median(last),
        "growth %": (statistics.median(last) / statistics.median(second) - 1) * 100,
    }


def long_clip(shared: Path, folder: str, frames: int) -> Path:
    """Repeat the two-people clip until it has so many frames (the packets are copied, nothing is encoded)."""
    import av

    short = two_people(shared, Path(tempfile.gettempdir()) / "poise-two-people.mp4")
    target = Path(folder) / "long.mp4"
    with av.open(str(short)) as source:
        count = source.streams.video[0].frames
    with av.open(str(target), "w") as out:
        stream = None
        offset = 0
        for _ in range(-(-frames // count)):
            with av.open(str(short)) as source:
                video = source.streams.video[0]
                stream = stream or out.add_stream_from_template(video)
                end = 0
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts += offset
                    packet.dts += offset
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    out.mux(packet)
                offset = end
    return target


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--frames", type=int, default=2000)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for words in (["--help"], ["predict", str(PHOTO), "--save"]):
            figures = [run(words, folder) for _ in range(options.repeats)]
            cpu, wall, peak = (statistics.median(column) for column in zip(*figures, strict=True))
            rows.append(
                {
                    "command": "poise " + " ".join(Path(w).name for w in words),
                    "CPU s": cpu,
                    "wall s": wall,
                    "peak MB": peak,
                }
            )
        table(rows, title="From process start to exit")
        steady = None
        if options.shared.is_dir() and options.frames:
            steady = memory(long_clip(options.shared, folder, options.frames), options.frames, folder)
            table([steady], title="Resident memory over a long video (720p, two people, annotated video written)")
    save(options.json, start=rows, memory=steady)
