"""How long the data set doctor takes: 10,000 pictures of about 640 x 480 made from real ones.

    python benchmarks/doctor.py --source folder/of/pictures --cache folder

Prints the seconds of the whole check, of the check without decoding, and of the check at the start of training.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import PIL.Image

from poise.datasets import open_dataset, scan
from poise.datasets.doctor import check, quick

YAML = """path: .
train: images/train
val: images/val
kpt_shape: [17, 3]
flip_idx: [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
names: {0: person}
"""


def make(source: Path, folder: Path, count: int) -> Path:
    """Cut ``count`` pictures out of those below ``source``, with one or two people's labels each."""
    file = folder / "data.yaml"
    if file.is_file():
        return file
    pictures = sorted(p for p in source.rglob("*.jpg"))
    poses = [line.split() for path in sorted(source.rglob("*.txt")) for line in path.read_text().splitlines()]
    poses = [row for row in poses if len(row) == 56]
    generator = np.random.default_rng(0)
    for i in range(count):
        split = "val" if i % 5 == 0 else "train"
        with PIL.Image.open(pictures[i % len(pictures)]) as opened:
            picture = opened.convert("RGB")
        w, h = picture.size
        part = generator.uniform(0.5, 1, 2)
        x, y = generator.uniform(0, 1 - part) * (w, h)
        box = (x, y, x + part[0] * w, y + part[1] * h)
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        picture = picture.resize((640, 480), box=box)
        picture.save(folder / "images" / split / f"{i:05}.jpg", quality=int(generator.integers(80, 93)))
        chosen = generator.choice(len(poses), generator.integers(1, 3), replace=False)
        rows = [" ".join(poses[j]) for j in chosen]
        (folder / "labels" / split / f"{i:05}.txt").write_text("\n".join(rows) + "\n")
    file.write_text(YAML)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--source", type=Path, required=True, help="folder with pictures and YOLO-pose labels of 17 points"
    )
    parser.add_argument("--cache", type=Path, required=True, help="where the made set is kept")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    file = make(given.source, given.cache, given.count)
    for fast in (False, True):
        start, cpu = time.perf_counter(), time.process_time()
        found = check(file, fast=fast, workers=given.workers)
        print(
            f"check{', fast' if fast else ''}: {given.count} pictures, {len(found.table or ())} instances: "
            f"{time.perf_counter() - start:.1f} s, {time.process_time() - cpu:.1f} s of processor"
        )
    dataset = open_dataset(file, "train")
    read = scan(dataset)
    start, cpu = time.perf_counter(), time.process_time()
    quick(dataset, read)
    n = sum(len(labels) for labels in read.labels)
    print(f"quick: {n} instances: {time.perf_counter() - start:.2f} s, {time.process_time() - cpu:.2f} s of processor")


if __name__ == "__main__":
    main()
