"""Time a frame on its way to the screen: python benchmarks/live_window.py [--json out.json]

Needs a screen (``xvfb-run -a python benchmarks/live_window.py`` makes one). Shows noisy pictures in a window of Tk and
prints milliseconds of CPU time a frame, for the whole of it: shrinking where the window is smaller, conversion, and
Tk's own work until the picture is handed to the screen. Seven repeats or more; minimum and median.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import PIL

import poise
from poise.drawing._surfaces import TkSurface, open_surface

_SIZES = {"480p": (480, 640), "720p": (720, 1280), "1080p": (1080, 1920)}


def frame_ms(surface: TkSurface, size: tuple[int, int], repeats: int) -> list[float]:
    """Show pictures of one size; returns the milliseconds of each."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2)]
    surface.draw(pictures[0])
    surface.draw(pictures[1])
    spent = []
    for n in range(repeats):
        start = time.process_time()
        surface.draw(pictures[n % 2])
        spent.append((time.process_time() - start) * 1000)
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    print(f"poise {poise.__version__}, Python {platform.python_version()}, Pillow {PIL.__version__}")
    rows = []
    for name, size in _SIZES.items():
        surface = open_surface()
        if not isinstance(surface, TkSurface):
            print(f"no window of Tk opens here: {surface}", file=sys.stderr)
            return 1
        spent = frame_ms(surface, size, max(7, options.repeats))
        seen = surface.seen
        surface.close()
        print(
            f"{name:>6} seen at {seen[0]} x {seen[1]}: {min(spent):6.2f} ms (median {statistics.median(spent):6.2f})",
            flush=True,
        )
        rows.append({"picture": name, "seen": seen, "min_ms": min(spent), "median_ms": statistics.median(spent)})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
