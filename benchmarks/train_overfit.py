"""Train a person network on the four train pictures of coco8-pose and score it on the same four.

A network that learns finds what it has seen: pose mAP50 above 0.95 is expected. No augmentation, random weights.

    python benchmarks/train_overfit.py --data shared/data/coco8-pose/coco8-pose.yaml
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
import yaml

from poise import Pose
from poise.datasets import open_dataset

# An epoch shows each picture so often: checkpoints are written per epoch, and four pictures are one batch.
REPEATS = 10
PLAIN = dict.fromkeys(("hsv_h", "hsv_s", "hsv_v", "translate", "scale", "fliplr", "mosaic"), 0.0)


def same_pictures(data: Path, folder: Path) -> Path:
    """Write a data set whose val pictures are its train pictures."""
    table = yaml.safe_load(data.read_text(encoding="utf-8"))
    paths = [str(path.resolve()) for path in open_dataset(str(data), "train").paths]
    for split, repeats in (("train", REPEATS), ("val", 1)):
        (folder / f"{split}.txt").write_text("\n".join(paths * repeats) + "\n", encoding="utf-8")
        table[split] = f"{split}.txt"
    table["path"] = str(folder)
    file = folder / "overfit.yaml"
    file.write_text(yaml.safe_dump(table), encoding="utf-8")
    return file


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="coco8-pose.yaml")
    parser.add_argument("--model", default="yolo26n-pose")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the run here")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    folder = asked.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    data = same_pictures(asked.data, folder)
    wall, cpu = time.perf_counter(), time.process_time()
    network = Pose(asked.model)
    network.train(
        data=str(data), epochs=max(asked.steps // REPEATS, 1), imgsz=asked.imgsz, batch=4, nbs=4, workers=0,
        cache="ram", optimizer="MuSGD", lr0=0.01, momentum=0.9, lrf=0.05, warmup_epochs=1.0, weight_decay=0.0,
        patience=0, val=False, plots=False, project=str(folder), name="run", exist_ok=True, **PLAIN,
    )  # fmt: skip
    spent = time.process_time() - cpu
    scores = network.val(data=str(data), imgsz=asked.imgsz)
    print(
        f"{asked.model}, {asked.steps} steps of 4 pictures at {asked.imgsz}: pose mAP50 {scores.pose.map50:.4f}, "
        f"mAP50-95 {scores.pose.map:.4f}; box mAP50 {scores.box.map50:.4f}; "
        f"{spent:.0f} s of CPU, {time.perf_counter() - wall:.0f} s in all"
    )


if __name__ == "__main__":
    main()
