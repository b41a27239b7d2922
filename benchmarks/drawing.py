"""Time drawing: python benchmarks/drawing.py [--json out.json]

Draws instances with seeded keypoints, boxes and labels on a noisy picture and prints milliseconds of CPU time: for the
frame with its copy, and for one instance (frame / instances). Seven repeats or more; minimum and median.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL

import poise
from poise.drawing import draw
from poise.results import Results
from poise.skeletons import Skeleton, get, names

# A standing figure, part of its box; coco17 in its order.
_STANDING = np.array(
    [[.50, .07], [.54, .05], [.46, .05], [.60, .07], [.40, .07], [.72, .20], [.28, .20], [.85, .36], [.15, .36],
     [.88, .50], [.12, .50], [.64, .52], [.36, .52], [.66, .74], [.34, .74], [.67, .97], [.33, .97]]
)  # fmt: skip


def skeleton_of(points: int) -> Skeleton:
    """Return the bundled skeleton with this many points, or a chain of as many."""
    wanted = {17: "coco17", 21: "hand21", 33: "blazepose33", 468: "face468"}[points]
    if wanted in names():
        return get(wanted)
    return Skeleton(wanted, tuple(f"p{i}" for i in range(points)), tuple((i, i + 1) for i in range(points - 1)))


def _scatter(skeleton: Skeleton, rng: np.random.Generator) -> np.ndarray:
    """Spread points over the unit square so that joined points are near one another, as they are in hands and faces."""
    unit = rng.random((len(skeleton), 2))
    edges = np.array(skeleton.edges).reshape(-1, 2)
    for _ in range(60):  # every joined point moves towards its neighbours
        pull, count = np.zeros_like(unit), np.zeros((len(unit), 1))
        for a, b in (edges.T, edges.T[::-1]):
            np.add.at(pull, a, unit[b])
            np.add.at(count, a, 1.0)
        joined = count[:, 0] > 0
        unit[joined] += 0.3 * (pull[joined] / count[joined] - unit[joined])
        spread = np.ptp(unit, axis=0)
        unit = (unit - unit.min(axis=0)) / spread
    return unit


def picture(people: int, points: int, size: tuple[int, int], seed: int = 0) -> Results:
    """Place instances side by side, two thirds of the picture high, narrower when there are many."""
    rng = np.random.default_rng(seed)
    height, width = size
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    skeleton = skeleton_of(points)
    tall = height * (0.66 if people < 5 else 0.4)
    wide = tall * 0.45
    unit = _STANDING if points == 17 else _scatter(skeleton, rng)
    left = np.linspace(0.03 * width, 0.97 * width - wide, people) if people > 1 else np.array([0.4 * width])
    top = height * 0.2 + rng.uniform(0, 0.1 * height, people)
    xy = unit[None] * (wide, tall) + np.stack([left, top], axis=1)[:, None]
    xy += rng.normal(0, 0.01 * tall if points < 100 else 0.5, xy.shape)
    boxes = np.stack([left, top, left + wide, top + tall, rng.uniform(0.5, 1, people), np.zeros(people)], axis=1)
    return Results.of(image, boxes, xy, rng.uniform(0.3, 1, (people, points)), skeleton=skeleton)


def cpu_ms(call: Callable[[], object], repeats: int) -> list[float]:
    call()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        spent.append((time.process_time() - start) * 1000)
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    rows = []
    print(
        f"poise {poise.__version__}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, Pillow {PIL.__version__}"
    )
    print(f"{'picture':>9} {'points':>6} {'people':>6} {'frame ms':>16} {'ms a person':>12} {'copy ms':>8}")
    for name, size in (("720p", (720, 1280)), ("4K", (2160, 3840))):
        for points in (17, 33, 21, 468):
            for people in (1, 3, 10):
                result = picture(people, points, size)
                spent = cpu_ms(lambda result=result: draw(result), max(7, options.repeats))
                copy = min(cpu_ms(lambda result=result: result.orig_img.copy(), 7))
                low, middle = min(spent), statistics.median(spent)
                print(
                    f"{name:>9} {points:6d} {people:6d} {low:7.2f} ({middle:6.2f}) {low / people:12.2f} {copy:8.2f}",
                    flush=True,
                )
                rows.append(
                    {"picture": name, "points": points, "people": people, "min_ms": low, "median_ms": middle,
                     "ms_per_person": low / people, "copy_ms": copy}
                )  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
