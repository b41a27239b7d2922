"""Pictures with a coloured dot painted at every keypoint, so that labels can be checked against pixels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poise.datasets import DataSpec, Labels, Problem
from poise.errors import SourceError
from poise.skeletons import Skeleton
from poise.training import pixels
from poise.training.examples import Instances

NAMES = ("nose", "left_hand", "right_hand", "left_foot", "right_foot")
# RGB channel of a keypoint's dot: what is left is green, right is red, neither is blue.
CHANNEL = np.array([1 if "left" in name else 0 if "right" in name else 2 for name in NAMES])
RADIUS = 3.0
_STEP = 16


class GridDataset:
    """Pictures of one instance each (or none), dots on a grid with random offsets below a pixel."""

    def __init__(
        self,
        sizes: list[tuple[int, int]],
        *,
        empty: tuple[int, ...] = (),
        damaged: tuple[int, ...] = (),
        flip_known: bool = True,
        seed: int = 0,
    ) -> None:
        skeleton = Skeleton("grid", NAMES, edges=(), source="test", instance="thing")
        self.spec = DataSpec(
            file=Path("grid.yaml"),
            root=Path(),
            splits={"train": ("images",)},
            names={0: "thing", 1: "other"},
            kpt_shape=(len(NAMES), 3),
            skeleton=skeleton,
            flip_known=flip_known,
            kpt_names=True,
        )
        self.split = "train"
        self.paths = [Path(f"images/{i}.png") for i in range(len(sizes))]
        self._sizes = sizes
        self._damaged = damaged
        rng = np.random.default_rng(seed)
        self.labels = [
            Labels.empty(len(NAMES)) if i in empty else _labels(size, i % 2, rng) for i, size in enumerate(sizes)
        ]
        self.reads: list[int] = []

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def size(self, index: int) -> tuple[int, int]:
        return self._sizes[index]

    def read(self, index: int) -> tuple[Labels, list[Problem]]:
        return self.labels[index], []

    def image(self, index: int) -> NDArray[np.uint8]:
        self.reads.append(index)
        if index in self._damaged:
            raise SourceError(f"{self.paths[index]}: truncated PNG")
        return np.ascontiguousarray(paint(self._sizes[index], self.labels[index])[..., ::-1])


def paint(size: tuple[int, int], labels: Labels) -> NDArray[np.uint8]:
    """Paint a smooth dot at each visible keypoint on black, ``(H, W, 3)`` uint8 RGB."""
    image = np.zeros((size[1], size[0], 3))
    x, y = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    for points, seen in zip(labels.xy, labels.visibility, strict=True):
        for k in np.flatnonzero(seen):
            distance = np.hypot(x[None, :] - points[k, 0], y[:, None] - points[k, 1])
            dot = np.clip(RADIUS + 0.5 - distance, 0, 1) * 255
            image[..., CHANNEL[k]] = np.maximum(image[..., CHANNEL[k]], dot)
    return np.round(image).astype(np.uint8)


def find(image: NDArray[np.uint8], instances: Instances, *, scale: float = 1.0) -> NDArray[np.float64]:
    """Look for the dot at each visible keypoint that is not near an edge or cut.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        instances: The labels.
        scale: How large the dots may be drawn, as a multiple.

    Returns:
        ``(P, 4)``: keypoint, channel of the dot's colour, offset of the dot's middle from the label in x and y.
    """
    grey = image.min(-1, keepdims=True)
    colour = image.astype(np.float64) - grey  # what is not painted is black or grey
    reach = RADIUS * scale + 1
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    found, mass = [], []
    for row, k in zip(*np.nonzero(instances.visible), strict=True):
        px, py = instances.points[row, k]
        if min(px, py, width - px, height - py) < reach + 1:
            continue
        near = np.hypot(x - px, y - py) <= reach + 1
        weights = colour * near[..., None]
        channel = int(weights.sum((0, 1)).argmax())
        w = weights[..., channel]
        total = max(w.sum(), 1e-9)
        found.append([k, channel, (w * x).sum() / total - px, (w * y).sum() / total - py])
        mass.append(w.sum())
    # A dot that lies at the edge of its picture is cut, so its middle is not the keypoint.
    table = np.array(found).reshape(-1, 4)
    return table[np.array(mass) >= 0.9 * max(mass)] if mass else table


@contextlib.contextmanager
def backend(name: str) -> Iterator[None]:
    """Use OpenCV or Pillow inside."""
    kept = pixels.cv2
    if name == "pillow":
        pixels.cv2 = None
    try:
        yield
    finally:
        pixels.cv2 = kept


def _labels(size: tuple[int, int], number: int, rng: np.random.Generator) -> Labels:
    """Put the keypoints on different places of a grid."""
    columns, rows = size[0] // _STEP, size[1] // _STEP
    places = rng.choice(columns * rows, len(NAMES), replace=False)
    xy = (
        np.stack([places % columns, places // columns], axis=1) * _STEP
        + _STEP / 2
        + rng.uniform(-1, 1, (len(NAMES), 2))
    )
    visibility = rng.choice([1, 2], len(NAMES))
    box = np.clip(np.concatenate([xy.min(0) - 6, xy.max(0) + 6]), 0, [*size, *size])
    return Labels.of([number], box[None], xy[None], visibility[None])
