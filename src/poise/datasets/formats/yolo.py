"""YOLO-pose: a text file a picture, and a YAML file for the data set.

Source: the field's label format, ``class cx cy w h`` then K times ``x y`` or ``x y v``, divided by the picture's size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from poise.datasets._labels import Labels
from poise.datasets._yolo import label_path
from poise.datasets.formats._capacity import FormatCapacity, Labelled, leaves
from poise.datasets.formats._place import write_text

FILE = "data.yaml"
HOLDS = FormatCapacity(outside=False, skeleton=("edges", "flip_idx", "sigmas"))

# Decimals of a fraction of the picture: 5e-10 of 10,000 pixels are a hundredth of what float32 can tell apart there.
_DECIMALS = 9


def values(parts: list[Labelled]) -> int:
    """Return how many values a keypoint needs: 2 where all are labelled and seen, else 3."""
    two = all(part.spec.kpt_shape[1] == 2 and not part_unseen(part) for part in parts)
    return 2 if two else 3


def notes(part: Labelled) -> list[str]:
    """Say how many instances are there twice: this format's readers take equal lines once."""
    twice = 0
    for labels in part.labels:
        xy = labels.xy.reshape(len(labels), 2 * labels.xy.shape[1])
        rows = np.concatenate([labels.classes[:, None], labels.boxes, xy, labels.visibility], axis=1)
        twice += len(rows) - len(np.unique(rows, axis=0, equal_nan=True))
    return [f"{twice} instances are there twice; this format's readers use them once"] if twice else []


def part_unseen(part: Labelled) -> bool:
    """Return whether a keypoint is hidden, not labelled, or will be as it leaves the picture."""
    sizes = [np.array(size, dtype=np.float32) for size in part.sizes]
    return any(
        bool((labels.visibility != 2).any() or leaves(labels.xy, size).any())
        for labels, size in zip(part.labels, sizes, strict=True)
    )


def write_labels(part: Labelled, folder: Path, *, values: int) -> None:
    """Write the label files of one split beside its pictures."""
    for labels, size, place in zip(part.labels, part.sizes, part.places, strict=True):
        write_text(label_path(folder / place), label_text(labels, size, values=values))


def label_text(labels: Labels, size: tuple[int, int], *, values: int) -> str:
    """Return the lines of one label file.

    Args:
        labels: Of one picture.
        size: Its width and height, pixels.
        values: Values a keypoint: 2 or 3.
    """
    scale = np.array(size, dtype=np.float64)
    boxes = labels.boxes.astype(np.float64).reshape(-1, 2, 2)
    corners = np.clip(boxes, 0, scale) / scale
    box = np.concatenate([corners.mean(axis=1), corners[:, 1] - corners[:, 0]], axis=1)
    there = (labels.visibility > 0) & ~leaves(labels.xy, scale)
    xy = np.where(there[..., None], labels.xy.astype(np.float64) / scale, 0.0)
    visible = np.where(there, labels.visibility, 0)
    lines = []
    for number, row, points, seen in zip(labels.classes.tolist(), box, xy, visible, strict=True):
        words = [str(number), *map(_word, row)]
        for (x, y), v in zip(points, seen, strict=True):
            words += [_word(x), _word(y)] + ([str(v)] if values == 3 else [])
        lines.append(" ".join(words) + "\n")
    return "".join(lines)


def _word(value: float) -> str:
    return f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
