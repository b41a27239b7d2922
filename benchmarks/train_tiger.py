"""Train yolo26n-pose on Tiger-Pose from random weights, and score both branches by the field's protocol.

    python benchmarks/train_tiger.py --data tiger-pose.yaml --recipe reference --seed 0
    python benchmarks/train_tiger.py --data tiger-pose.yaml --recipe best --seed 0

``reference`` has the settings of a published-recipe run of 30 epochs. ``best`` needs about as long: MuSGD in the place
of AdamW, less scaling, and whole pictures earlier; with ``--bf16`` (CPUs with AMX, GPUs) 45 epochs fit. Give ``best`` a
description with the right mirror map; ``poise data check`` says what is wrong with the distributed one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from poise import Pose

COMMON: dict[str, Any] = {"imgsz": 320, "batch": 8, "nbs": 8, "cache": "ram", "workers": 0, "plots": False}
RECIPES: dict[str, dict[str, Any]] = {
    "reference": {"epochs": 30, "flip_idx": "as-given"},
    "best": {
        "epochs": 30, "optimizer": "MuSGD", "lr0": 0.01, "momentum": 0.9, "warmup_bias_lr": 0.0, "scale": 0.3,
        "close_mosaic": 15,
    },
}  # fmt: skip
BF16 = {"epochs": 45, "close_mosaic": 20, "amp": "bf16"}


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", choices=RECIPES, default="reference")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action="store_true", help="with the recipe 'best'")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--folder", type=Path, help="keep the run here")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    folder = asked.folder or Path(tempfile.mkdtemp())
    settings = COMMON | RECIPES[asked.recipe] | (BF16 if asked.bf16 else {})
    began = time.perf_counter()
    Pose("yolo26n-pose").train(
        data=str(asked.data), seed=asked.seed, project=str(folder), name="run", exist_ok=True, **settings
    )
    spent = time.perf_counter() - began
    print(f"{asked.recipe}, seed {asked.seed}: {settings['epochs']} epochs in {spent:.0f} s")
    for branch, end2end in (("one-to-many", False), ("one-to-one", True)):
        scores = Pose(folder / "run/weights/best.pt", end2end=end2end).val(data=str(asked.data), imgsz=320)
        print(
            f"  {branch}: box mAP50-95 {scores.box.map:.4f}, pose mAP50 {scores.pose.map50:.4f}, "
            f"pose mAP50-95 {scores.pose.map:.4f}"
        )


if __name__ == "__main__":
    main()
