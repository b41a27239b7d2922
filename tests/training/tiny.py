"""A data set that tests draw themselves: bright rectangles on a dark ground, a keypoint on each corner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("top_left", "top_right", "bottom_right", "bottom_left")


def draw(folder: Path, *, train: int = 6, val: int = 2, size: int = 96, values: int = 3, seed: int = 0) -> Path:
    """Draw pictures with one rectangle each, write their labels, and return the data set's YAML file."""
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for i in range(count):
            x, y = rng.integers(8, size // 3, 2)
            w, h = rng.integers(size // 3, size // 2, 2)
            picture = rng.integers(0, 60, (size, size, 3), dtype=np.uint8)
            picture[y : y + h, x : x + w] = rng.integers(150, 255, 3)
            Image.fromarray(picture).save(folder / "images" / split / f"{i}.png")
            corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
            numbers = [(x + w / 2) / size, (y + h / 2) / size, w / size, h / size]
            for px, py in corners:
                numbers += [px / size, py / size, *([2] if values == 3 else [])]
            line = " ".join(["0", *(f"{v:.6f}" for v in numbers)])
            (folder / "labels" / split / f"{i}.txt").write_text(line + "\n")
    file = folder / "data.yaml"
    file.write_text(
        f"path: {folder}\ntrain: images/train\nval: images/val\nkpt_shape: [4, {values}]\nflip_idx: [1, 0, 3, 2]\n"
        f"kpt_names:\n  0: [{', '.join(NAMES)}]\nnames:\n  0: card\n"
    )
    return file


def settings(file: Path, **changes: Any) -> dict[str, Any]:
    """Return the arguments of a training that takes a second.

    Its network has the fewest layers of all; tests of what only YOLO26 has name it.
    """
    return {
        "data": str(file),
        "model": "yolov8n-pose",
        "imgsz": 64,
        "batch": 2,
        "nbs": 4,
        "epochs": 2,
        "workers": 0,
        "close_mosaic": 1,
        "warmup_epochs": 1.0,
        "device": "cpu",
        "verbose": False,
        "plots": False,
        "project": str(file.parent / "runs"),
        **changes,
    }


def run(file: Path, *, callbacks: dict[str, list[Any]] | None = None, **changes: Any) -> Any:
    """Train with :func:`settings`."""
    from poise.training import Callbacks, settings_of, train

    return train(settings_of(settings(file, **changes)), callbacks=Callbacks(callbacks))


def same(one: Any, other: Any) -> bool:
    """Whether two trainings have the same losses, metrics and weights, bit by bit."""
    import torch

    rows = [[{k: v for k, v in row.items() if k != "time"} for row in t.rows] for t in (one, other)]
    pairs = [(one.model, other.model), (one.ema.network, other.ema.network)]
    weights = all(torch.equal(value, b.state_dict()[key]) for a, b in pairs for key, value in a.state_dict().items())
    return rows[0] == rows[1] and weights


class Interrupt:
    """A callback that stops a training as Ctrl-C does, in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def __call__(self, training: Any) -> None:
        if training.epoch == self.epoch:
            raise KeyboardInterrupt


def start_command(file: Path, project: Path, **more: Any) -> subprocess.Popen[str]:
    """Start ``poise train`` with :func:`settings`, long, with a process that reads pictures; its stderr is a pipe."""
    changed = settings(file, epochs=60, workers=1, project=str(project))
    words = [f"--{k.replace('_', '-')}={v}" for k, v in changed.items() if k not in ("verbose", "plots")]
    return subprocess.Popen(
        [sys.executable, "-m", "poise", "train", *words, "--no-plots", "--no-val"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **more,
    )
