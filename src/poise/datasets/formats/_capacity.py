"""What a format can hold, and what is lost when a data set is written in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poise.datasets._boxes import box_round
from poise.datasets._dataset import Dataset
from poise.datasets._labels import Labels
from poise.datasets._spec import DataSpec


@dataclass(frozen=True, slots=True)
class FormatCapacity:
    """What a format can hold beside pictures' names and positions of keypoints.

    Attributes:
        boxes: A box of its own for each instance, and not only that around its keypoints.
        classes: More than one class.
        hidden: Keypoints that are labelled but not seen (visibility 1).
        area: The area of the instance's segment.
        crowd: Regions that hold several instances.
        bare: Instances without a labelled keypoint.
        background: Pictures without instances.
        outside: Keypoints and boxes that leave the picture.
        skeleton: Which of ``"edges"``, ``"flip_idx"`` and ``"sigmas"`` are in the file itself.
    """

    boxes: bool = True
    classes: bool = True
    hidden: bool = True
    area: bool = False
    crowd: bool = False
    bare: bool = True
    background: bool = True
    outside: bool = True
    skeleton: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """One split that is about to be written: the pictures that can be used, and their labels.

    Attributes:
        dataset: Where it is from.
        indices: The pictures' numbers in ``dataset``.
        labels: Labels of each of them.
        sizes: Width and height of each, pixels.
        places: How the written file calls each picture.
    """

    dataset: Dataset
    indices: Sequence[int]
    labels: Sequence[Labels]
    sizes: Sequence[tuple[int, int]]
    places: Sequence[str]

    @property
    def spec(self) -> DataSpec:
        """What the data set holds."""
        return self.dataset.spec

    @property
    def split(self) -> str:
        """The split's name."""
        return self.dataset.split


def losses(part: Labelled, holds: FormatCapacity, *, described: bool) -> list[str]:
    """Say what of a split the format cannot hold, one sentence each with its count.

    Args:
        part: The split.
        holds: What the format can hold.
        described: A data YAML is written beside the file, and holds the skeleton.
    """
    spec, found = part.spec, []
    counts = _count(part)
    for kind, kept, text in _SENTENCES:
        if counts[kind] and not getattr(holds, kept):
            found.append(text.format(n=counts[kind]))
    if not holds.classes and len(spec.names) > 1:
        found.append(f"classes: one class for all of {', '.join(list(spec.names.values())[:10])}")
    if not described:
        has = {
            "edges": bool(spec.skeleton.edges),
            "flip_idx": any(i != j for i, j in enumerate(spec.skeleton.flip_idx)),
            "sigmas": not spec.skeleton.sigmas_source.startswith("assumed"),
        }
        lost = [name for name, there in has.items() if there and name not in holds.skeleton]
        if lost:
            found.append(f"skeleton: {', '.join(lost)} (write into a folder to keep them in its data.yaml)")
    return found


_SENTENCES = (
    ("area", "area", "area: those of {n} instances"),
    ("crowd", "crowd", "crowd: {n} regions become plain instances"),
    ("hidden", "hidden", "visibility: {n} hidden keypoints (1) become seen ones (2)"),
    ("box", "boxes", "boxes: those of {n} instances; read back, it is the box around the labelled keypoints"),
    ("bare", "bare", "{n} instances without a labelled keypoint"),
    ("background", "background", "{n} pictures without instances"),
    ("points_outside", "outside", "{n} keypoints that leave the picture become unlabelled"),
    ("boxes_outside", "outside", "{n} boxes that leave the picture are cut at its edge"),
)


def _count(part: Labelled) -> dict[str, int]:
    totals = dict.fromkeys(
        ("area", "crowd", "hidden", "box", "bare", "background", "points_outside", "boxes_outside"), 0
    )
    for labels, (width, height) in zip(part.labels, part.sizes, strict=True):
        bare = ~(labels.visibility > 0).any(axis=1)
        limit = np.array([width, height], dtype=np.float32)
        out = leaves(labels.xy, limit)
        totals["area"] += int(np.isfinite(labels.area).sum())
        totals["crowd"] += int(labels.crowd.sum())
        totals["hidden"] += int((labels.visibility == 1).sum())
        totals["box"] += int(np.any(labels.boxes[~bare] != around(labels, (width, height))[~bare], axis=1).sum())
        totals["bare"] += int(bare.sum())
        totals["background"] += not len(labels)
        totals["points_outside"] += int(out.sum())
        totals["boxes_outside"] += int(leaves(labels.boxes.reshape(-1, 2, 2), limit).any(axis=1).sum())
    return totals


def leaves(xy: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return where points leave the picture; NaN does not."""
    return np.asarray(((xy < 0) | (xy > limit)).any(axis=-1))


def around(labels: Labels, size: tuple[int, int]) -> np.ndarray:
    """Return ``(N, 4)`` float32 boxes around labelled keypoints, pixels; zeros where there is none."""
    boxes = np.zeros((len(labels), 4), dtype=np.float32)
    for row, xy in zip(boxes, labels.xy, strict=True):
        there = np.isfinite(xy).all(axis=-1)
        if there.any():
            row[:] = box_round(xy[there], size)
    return boxes
