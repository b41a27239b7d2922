"""Compare thread settings of ONNX Runtime for networks that run in turn: python benchmarks/threads.py

One frame of the default model with two people is MultiPose once and Thunder twice.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from _common import arguments, save, table

VARIANTS: dict[str, tuple[int, dict[str, str]]] = {
    "1 thread": (1, {}),
    "2 threads, as onnxruntime comes": (2, {}),
    "2 threads, never spin": (2, {"session.intra_op.allow_spinning": "0"}),
    "2 threads, spin for 10 us": (2, {"session.intra_op.spin_duration_us": "10"}),
    "2 threads, stop spinning after a run": (2, {"session.force_spinning_stop": "1"}),
}


def measure(name: str, repeats: int = 20) -> None:
    """Print wall and CPU milliseconds a frame; runs in a process of its own so that variants do not meet."""
    import numpy as np
    import onnxruntime as ort

    from poise import weights

    threads, entries = VARIANTS[name]
    sessions = []
    for network in ("movenet-multipose", "movenet-thunder"):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        for key, value in entries.items():
            options.add_session_config_entry(key, value)
        sessions.append(ort.InferenceSession(weights.load(network), options, providers=["CPUExecutionProvider"]))
    noise = np.random.default_rng(0)
    picture = noise.integers(0, 255, (1, 224, 384, 3), dtype=np.uint8)
    crop = noise.integers(0, 255, (1, 256, 192, 3), dtype=np.uint8)
    wall, cpu = [], []
    for _ in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        sessions[0].run(None, {"image": picture})
        sessions[1].run(None, {"image": crop})
        sessions[1].run(None, {"image": crop})
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    print(statistics.median(wall) * 1e3, statistics.median(cpu) * 1e3)


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--variant", choices=VARIANTS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.variant:
        measure(options.variant)
        raise SystemExit
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in VARIANTS}
    for _ in range(options.rounds):
        for name in VARIANTS:
            words = [sys.executable, __file__, "--variant", name]
            printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
            found[name].append((float(printed[0]), float(printed[1])))
    rows = [
        {
            "setting": name,
            "wall ms": statistics.median(w for w, _ in figures),
            "CPU ms": statistics.median(c for _, c in figures),
        }
        for name, figures in found.items()
    ]
    table(rows, title="MultiPose 384x224 + 2 x Thunder 256x192, one frame")
    save(options.json, rows=rows)
