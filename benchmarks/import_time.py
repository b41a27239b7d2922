"""Compare the CPU time of importing Poise with that of importing numpy: python benchmarks/import_time.py

Each import runs in a fresh interpreter. The programs take turns, so that a busy machine
slows all of them; the interpreter's own start is subtracted, and the median of the runs counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

PROGRAMS = {
    "nothing": "pass",
    "import numpy": "import numpy",
    "import poise": "import poise",
    "from poise import Results": "from poise import Results",  # the first name that needs numpy
}
LIMIT = 1.3


def cpu_seconds(code: str) -> float:
    """Run code in a fresh interpreter and return the CPU seconds (user and system) that it took."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{code!r} failed with status {status}")
    return usage.ru_utime + usage.ru_stime


def measure(repeats: int) -> dict[str, float]:
    """Return the median CPU seconds of each program."""
    for code in PROGRAMS.values():  # write the byte code
        cpu_seconds(code)
    runs: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(repeats):
        for name, code in PROGRAMS.items():
            runs[name].append(cpu_seconds(code))
    return {name: statistics.median(times) for name, times in runs.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    seconds = measure(arguments.repeats)
    own = {name: taken - seconds["nothing"] for name, taken in seconds.items() if name != "nothing"}
    ratios = {name: taken / own["import numpy"] for name, taken in own.items()}
    version = subprocess.run(
        [sys.executable, "-c", "import numpy; print(numpy.__version__)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    about = {"python": platform.python_version(), "numpy": version, "repeats": arguments.repeats}
    if arguments.json:
        print(json.dumps({"ratios": ratios, "limit": LIMIT, "cpu_seconds": own, **about}))
    else:
        for name, taken in own.items():
            print(f"{name:26} {taken * 1000:6.1f} ms CPU   {ratios[name]:5.2f} x numpy")
        print(f"limit {LIMIT} x; Python {about['python']}, numpy {version}, median of {arguments.repeats}")
    return 0 if max(ratios.values()) <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
