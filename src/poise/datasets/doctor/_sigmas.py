"""OKS sigmas from instances that were labelled more than once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.datasets.doctor._table import Table
from poise.geometry import Floats, box_iou
from poise.skeletons import Skeleton

# Pairs of labels of a keypoint from which on its spread is worth a number: its error is then 1 / sqrt(2 n) = 22 %.
_LEAST = 10
# Least overlap of two boxes that are taken for the same instance.
_MIN_IOU = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Sigmas:
    """OKS sigmas and where they come from.

    Attributes:
        values: ``(K,)`` sigmas.
        pairs: ``(K,)`` twice labelled keypoints that each is estimated from; 0 where it is assumed.
        source: In words.
        line: The line for the data set's YAML; empty where nothing was estimated.
    """

    values: NDArray[np.float64]
    pairs: NDArray[np.intp]
    source: str
    line: str = ""


def estimate(first: Floats, second: Floats, area: Floats) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Estimate sigmas from pairs of labels of the same instances.

    Args:
        first: ``(N, K, 2)`` keypoints, pixels, NaN where not labelled.
        second: ``(N, K, 2)`` the same of another labelling.
        area: ``(N,)`` segment area, square pixels.

    Returns:
        ``(K,)`` sigmas, NaN without pairs, and ``(K,)`` numbers of pairs.

    Source:
        COCO keypoint evaluation (cocodataset.org/#keypoints-eval): sigma_k² = E[d² / s²], with d the distance of
        a label from the true place and s² the area. Two labels with independent errors are sqrt(2) times as far from
        each other as each is from the true place, so that sigma_k² = E[d12² / s²] / 2. The mean is taken without the
        largest 2 %, as points that were exchanged or belong to another instance are no spread.
    """
    square = ((np.asarray(first, np.float64) - np.asarray(second, np.float64)) ** 2).sum(-1)
    square /= np.maximum(np.asarray(area, np.float64), 1.0)[:, None]
    number = np.isfinite(square).sum(0)
    out = np.full(square.shape[1], np.nan)
    for k in np.flatnonzero(number):
        ordered = np.sort(square[np.isfinite(square[:, k]), k])
        kept = ordered[: max(1, int(np.ceil(0.98 * len(ordered))))]
        out[k] = np.sqrt(kept.mean() / 2)
    return out, number


def repeated(table: Table, again: Table) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """Pair the instances of two labellings of the same pictures, by the pictures' names and the boxes' overlap.

    Returns:
        ``(N, K, 2)`` keypoints of one, of the other, and ``(N,)`` areas.
    """
    index: dict[str, list[int]] = {}
    for j in range(len(again)):
        index.setdefault(again.path(j).name, []).append(j)
    left: list[int] = []
    right: list[int] = []
    mine: dict[str, list[int]] = {}
    for i in range(len(table)):
        mine.setdefault(table.path(i).name, []).append(i)
    for name, rows in mine.items():
        others = index.get(name, [])
        if not others:
            continue
        overlap = box_iou(table.labels.boxes[rows], again.labels.boxes[others])
        for a, i in enumerate(rows):
            b = int(np.argmax(overlap[a]))
            if overlap[a, b] >= _MIN_IOU and int(np.argmax(overlap[:, b])) == a and not table.labels.crowd[i]:
                left.append(i)
                right.append(others[b])
    return table.labels.xy[left], again.labels.xy[right], table.labels.whole_area[left]


def twice_in(table: Table, *, max_distance: float = 0.2) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """Pair instances of one picture that are labelled twice in the same file, with different points."""
    left: list[int] = []
    right: list[int] = []
    area = table.labels.whole_area
    for first, end in table.together():
        overlap = np.triu(box_iou(table.labels.boxes[first:end], table.labels.boxes[first:end]), 1)
        for a, b in np.argwhere(overlap > 0.8):
            gap = np.linalg.norm(table.labels.xy[first + a] - table.labels.xy[first + b], axis=-1)
            gap = gap[np.isfinite(gap)]
            if len(gap) and 0 < np.median(gap) < max_distance * np.sqrt(area[first + a]):
                left.append(int(first + a))
                right.append(int(first + b))
    return table.labels.xy[left], table.labels.xy[right], area[left]


def find_sigmas(table: Table, skeleton: Skeleton, again: Table | None = None) -> Sigmas:
    """Estimate sigmas where labels repeat, and say what is assumed where they do not.

    Raises:
        ValueError: The two labellings have different keypoints.
    """
    k = len(skeleton)
    if again is not None and again.spec.kpt_shape[0] != k:
        raise ValueError(f"{again.spec.file}: {again.spec.kpt_shape[0]} keypoints, but {table.spec.file} has {k}")
    parts = [twice_in(table)] + ([repeated(table, again)] if again is not None else [])
    first, second, area = (np.concatenate([part[i] for part in parts]) for i in range(3))
    assumed = skeleton.sigmas
    found, pairs = estimate(first, second, area)
    good = (pairs >= _LEAST) & (found > 0)
    if not good.any():
        text = skeleton.sigmas_source
        if text.startswith("assumed"):
            text += f" = {1 / k:.3f}: an assumption of the field, measured for no skeleton; AP depends on it"
        few = f"; {int(pairs.max())} repeated labels are too few for an estimate" if pairs.any() else ""
        return Sigmas(assumed, np.zeros(k, np.intp), text + few)
    # What is not labelled twice often enough takes its part of the others' spread.
    ratio = float(np.median(found[good] / assumed[good]))
    values = np.where(good, found, assumed * ratio)
    line = f"kpt_oks_sigmas: [{', '.join(f'{v:.4f}' for v in values)}]"
    return Sigmas(values, np.where(good, pairs, 0), f"estimated from {len(area)} instances labelled twice", line)
