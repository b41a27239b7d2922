"""Time the making of training batches: python benchmarks/loader.py [--data data.yaml] [--imgsz 320 640]

Pictures a second of a whole epoch for each cache and number of worker processes, and the CPU milliseconds that one
picture takes in each stage. Without ``--data``, Tiger-Pose of the test data. OpenCV is used when it is installed; run
with and without it to compare.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import arguments, save, table

from poise.datasets import Dataset, Scan, open_dataset, scan
from poise.training import Augmentation, Loader, picture_cache, pixels
from poise.training.augmentation import draw_affine, paint, place_mosaic
from poise.training.examples import cut, from_labels, join, transform

MAKER = Augmentation()


def epoch_rates(dataset: Dataset, found: Scan, imgsz: int, batch: int, workers: int, cache: Any) -> dict[str, Any]:
    """Return pictures a second, the better of two epochs after a first."""
    picture_cache.SMALL = 0  # "none" is what a large data set sees
    start = time.perf_counter()
    loader = Loader(dataset, found, imgsz=imgsz, batch=batch, augmentation=MAKER, workers=workers, cache=cache)
    fill = time.perf_counter() - start
    rates, spent = [], []
    for number in range(3):
        start, used = time.perf_counter(), time.process_time()
        count = sum(len(batch) for batch in loader.epoch(number))
        rates.append(count / (time.perf_counter() - start))
        spent.append((time.process_time() - used) / count * 1e3)
    loader.close()
    return {
        "imgsz": imgsz,
        "cache": cache or "none",
        "workers": workers,
        "filling s": fill,
        "pictures/s": max(rates[1:]),
        "CPU ms/picture in the training process": min(spent[1:]),
    }


def cpu_ms(call: Callable[[int], object], repeats: int = 60) -> float:
    """Return the median CPU milliseconds of a call that is told its number."""
    times = []
    for i in range(repeats + 5):
        start = time.process_time()
        call(i)
        times.append(time.process_time() - start)
    return float(np.median(times[5:])) * 1e3


def stages(dataset: Dataset, found: Scan, imgsz: int) -> dict[str, Any]:
    """Return the CPU milliseconds of each stage, for one training picture made of four."""
    few = [i for i in range(len(dataset)) if found.usable[i]][:16]
    raw = [dataset.image(i) for i in few]
    sizes = [tuple(max(1, round(v * imgsz / max(found.sizes[i]))) for v in found.sizes[i]) for i in few]
    small = [
        np.ascontiguousarray(pixels.resize(image, size)[..., ::-1]) for image, size in zip(raw, sizes, strict=True)
    ]
    size, canvas = (imgsz, imgsz), (2 * imgsz, 2 * imgsz)
    planes = np.empty((3, imgsz, imgsz), np.uint8)

    def scene(i: int) -> tuple[list[int], list[tuple[int, int]], Any, float]:
        rng = np.random.default_rng(i)
        four = [int(v) for v in rng.choice(len(few), 4)]
        shifts = place_mosaic([small[j] for j in four], imgsz, rng)
        return four, shifts, *draw_affine(canvas, size, rng, MAKER)

    def labels(i: int) -> None:
        four, shifts, matrix, scale = scene(i)
        parts = [from_labels(found.labels[few[j]], found.sizes[few[j]], sizes[j]) for j in four]
        window = (0.0, 0.0, float(canvas[0]), float(canvas[1]))
        transform(join([cut(p, s, window) for p, s in zip(parts, shifts, strict=True)]), matrix, size, scale=scale)

    def pixels(i: int) -> np.ndarray:
        four, shifts, matrix, _ = scene(i)
        return paint([small[j] for j in four], shifts, canvas, matrix, size)

    made = [pixels(i) for i in range(8)]

    def turned(i: int) -> None:
        four, shifts, _, _ = scene(i)
        matrix, _ = draw_affine(canvas, size, np.random.default_rng(i), Augmentation(degrees=10))
        paint([small[j] for j in four], shifts, canvas, matrix, size)

    def colours(i: int) -> None:
        h, s, v = np.random.default_rng(i).uniform(-1, 1, 3)
        pixels.shift_colours(made[i % 8], h * 0.015, 1 + s * 0.7, 1 + v * 0.4)

    def to_planes(i: int) -> None:
        planes[:] = made[i % 8].transpose(2, 0, 1)

    return {
        "imgsz": imgsz,
        "decode one": cpu_ms(lambda i: dataset.image(few[i % len(few)])),
        "resize one": cpu_ms(lambda i: pixels.resize(raw[i % len(raw)], sizes[i % len(raw)])),
        "draw four": cpu_ms(pixels),
        "draw four, turned": cpu_ms(turned),
        "labels of four": cpu_ms(labels),
        "colours": cpu_ms(colours),
        "to planes": cpu_ms(to_planes),
    }


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--imgsz", type=int, nargs="+", default=[320, 640])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    torch.set_num_threads(1)
    pixels.use_one_thread()
    data = open_dataset(given.data or given.shared / "data/tiger-pose/tiger-pose.yaml", "train")
    labelled = scan(data)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["POISE_HOME"] = folder
        rows = [
            epoch_rates(data, labelled, imgsz, given.batch, workers, cache)
            for imgsz in given.imgsz
            for cache in (False, "ram", "disk")
            for workers in given.workers
        ]
    steps = [stages(data, labelled, imgsz) for imgsz in given.imgsz]
    drawn_with = "pillow" if pixels.cv2 is None else "opencv"
    table(rows, title=f"Epochs of {len(data)} pictures, drawn with {drawn_with}")
    table(steps, title="CPU milliseconds")
    save(given.json, backend=drawn_with, epochs=rows, stages=steps)
