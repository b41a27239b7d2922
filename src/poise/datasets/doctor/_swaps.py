"""Instances whose left and right are likely exchanged, judged by the rest of the data set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.datasets._labels import Problem
from poise.datasets.doctor._table import Table
from poise.geometry import Floats
from poise.skeletons import Skeleton

# Fewer poses than this say nothing about how a pose should look.
_LEAST = 30
# Part of instances that are taken to be swapped before anything is seen. COCO's own review found about 1 %.
PRIOR = 0.01
_FOLDS = 5
_NEIGHBOURS = 3
_BLOCK = 1000
_BANK = 3000  # poses that a pose is compared with; more cost time and tell little


@dataclass(frozen=True, slots=True, eq=False)
class Swaps:
    """How likely each instance has left and right exchanged.

    Attributes:
        chance: ``(N,)`` probability; NaN where it cannot be judged.
        told: How often the judge tells a pose from its exchanged self, in poses that it has not seen: 0.5 is
            guessing.
    """

    chance: NDArray[np.float64]
    told: float

    @property
    def judged(self) -> int:
        """Number of instances that could be judged."""
        return int(np.isfinite(self.chance).sum())


def find_swaps(
    table: Table, skeleton: Skeleton, flip_idx: tuple[int, ...] | None = None, *, prior: float = PRIOR, seed: int = 0
) -> Swaps | None:
    """Judge every instance by a network-free test: a classifier that tells poses from their exchanged selves.

    As nearly all labels are right, the poses as labelled serve as examples of what is right, and the same poses with
    left and right exchanged as examples of what is wrong. What is learned from four fifths of the pictures judges the
    last fifth. Its odds, times those of a swap before anything is seen, are the chance of a swap.

    Args:
        table: All instances.
        skeleton: Names of the keypoints.
        flip_idx: Which keypoints change places; None: as the skeleton says.
        prior: Part of instances that are taken to be swapped before anything is seen.
        seed: Of the folds.

    Returns:
        None where there are no sides or too few poses.
    """
    flip = np.array(flip_idx or skeleton.flip_idx)
    pairs = np.array([(i, j) for i, j in enumerate(flip) if i < j])
    if not len(pairs):
        return None
    xy = table.labels.xy.astype(np.float64)
    seen: NDArray[np.bool_] = np.all(np.isfinite(xy), axis=-1)
    both: NDArray[np.intp] = np.sum(seen[:, pairs[:, 0]] & seen[:, pairs[:, 1]], axis=1)
    rows = np.flatnonzero((both >= min(2, len(pairs))) & ~table.labels.crowd)
    chance = np.full(len(table), np.nan)
    if len(rows) < _LEAST:
        return None
    shape = _normalised(xy[rows])
    middle = np.flatnonzero(flip == np.arange(len(flip)))
    # What a pose says for itself and against its exchanged self: changes sign when it is exchanged.
    feature = _sided(shape, pairs, middle)
    generator = np.random.default_rng(seed)
    # Instances of one picture, and frames that stand together, are judged together.
    place = table.split[rows] * 10_000_000 + table.picture[rows]
    _, group = np.unique(place, return_inverse=True)
    fold = generator.integers(_FOLDS, size=group.max() + 1)[group]
    odds = np.zeros(len(rows))
    for f in range(_FOLDS):
        test, rest = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
        if not len(test) or len(rest) < _LEAST // 2:
            continue
        bank = rest if len(rest) <= _BANK else generator.choice(rest, _BANK, replace=False)
        near = _nearer(shape, shape[bank], flip, bank)
        table_ = np.concatenate([feature, near[:, None]], 1)
        scale = np.sqrt((table_[rest] ** 2).mean(0)) + 1e-9
        weights = _fit(table_[rest] / scale)
        odds[test] = table_[test] / scale @ weights
    told = float((odds > 0).mean() + 0.5 * (odds == 0).mean())
    chance[rows] = _posterior(odds, prior)
    return Swaps(chance, told)


def check_swaps(table: Table, swaps: Swaps | None, *, min_chance: float = 0.5) -> Iterator[Problem]:
    """Name the instances that are likely swapped."""
    if swaps is None:
        return
    for i in np.flatnonzero(np.nan_to_num(swaps.chance) > min_chance):
        yield table.problem(
            "likely-swap",
            "warning",
            int(i),
            f"left and right are likely exchanged ({min(swaps.chance[i], 0.99) * 100:.0f} %, judged by the "
            f"{swaps.judged} poses of this data set)",
            "look at the picture; if so, exchange the points of the left and the right side",
        )


def _posterior(odds: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """Turn unscaled log odds that a pose is right into the chance that it is exchanged.

    The classifier's penalty keeps its odds small. Their scale, and the part of exchanged poses, are those under which
    the odds of all poses are likeliest: each pose is right with odds a times its own, or, rarely, exchanged with the
    same odds reversed. The part is held near ``prior`` as if 50 poses had been seen before.
    """
    best = (-np.inf, 1.0, prior)
    for scale in np.geomspace(0.5, 20, 40):
        right = 1 / (1 + np.exp(-np.clip(scale * odds, -40, 40)))
        part = prior
        for _ in range(20):
            swapped = part * (1 - right) / (part * (1 - right) + (1 - part) * right)
            part = min((swapped.sum() + 50 * prior) / (len(odds) + 50), 0.4)
        likely = float(np.log((1 - part) * right + part * (1 - right)).sum())
        likely += 50 * (prior * np.log(part) + (1 - prior) * np.log(1 - part)) - 0.5 * np.log(scale) ** 2
        best = max(best, (likely, float(scale), float(part)))
    _, scale, part = best
    return 1 / (1 + np.exp(np.clip(scale * odds, -50, 50)) * (1 - part) / part)


def _normalised(xy: Floats) -> NDArray[np.float64]:
    """Move poses to their middle and to equal size; NaN stays."""
    centre = np.nanmean(xy, axis=1, keepdims=True)
    moved = xy - centre
    size = np.sqrt(np.nanmean((moved**2).sum(-1), axis=1))
    out: NDArray[np.float64] = moved / np.maximum(size, 1e-6)[:, None, None]
    return out


def _sided(shape: Floats, pairs: NDArray[np.intp], middle: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return numbers that change their sign when left and right are exchanged; 0 where a point is missing."""
    left, right = shape[:, pairs[:, 0]], shape[:, pairs[:, 1]]
    apart = np.nan_to_num(left - right)
    columns = [apart[..., 0]]
    for m in middle:
        known: NDArray[np.bool_] = np.all(np.isfinite(shape[:, m]), axis=-1, keepdims=True)
        # Which way round the triangle of the point in the middle, the left one and the right one goes.
        a, b = left - shape[:, m, None], right - shape[:, m, None]
        columns += [np.nan_to_num(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]), apart[..., 0] * known]
    table: NDArray[np.float64] = np.tanh(np.concatenate(columns, 1) * 3)
    return table


def _nearer(shape: Floats, bank: Floats, flip: NDArray[np.intp], numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """Compare the distance to the nearest poses of the bank, exchanged against as labelled: above 0 speaks for it."""
    k = min(_NEIGHBOURS, len(bank) - 1)
    out = np.empty(len(shape))
    for first in range(0, len(shape), _BLOCK):
        part = shape[first : first + _BLOCK]
        rows = np.arange(first, first + len(part))
        itself = numbers[None] == rows[:, None]
        near = []
        for poses in (part, part[:, flip]):
            distance = np.where(itself, np.inf, _distance(poses, bank))
            near.append(np.partition(distance, k - 1, axis=1)[:, :k].mean(1))
        out[rows] = np.clip(np.log((near[1] + 0.01) / (near[0] + 0.01)), -3, 3)
    return out


def _distance(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Mean squared distance over the points that both have, ``(A, B)``; a point that one lacks costs a little."""
    am: NDArray[np.float64] = np.all(np.isfinite(a), axis=-1).astype(np.float64)
    bm: NDArray[np.float64] = np.all(np.isfinite(b), axis=-1).astype(np.float64)
    a0, b0 = np.nan_to_num(a), np.nan_to_num(b)
    both = am @ bm.T
    square = ((a0**2).sum(-1)) @ bm.T + am @ ((b0**2).sum(-1)).T - 2 * np.einsum("akd,bkd->ab", a0, b0, optimize=True)
    lacking = am.sum(1)[:, None] + bm.sum(1)[None] - 2 * both
    distance: NDArray[np.float64] = np.maximum(square, 0) / np.maximum(both, 1) + 0.1 * lacking / a.shape[1]
    return distance


def _fit(features: NDArray[np.float64], *, ridge: float = 1.0, steps: int = 30) -> NDArray[np.float64]:
    """Fit a logistic regression without constant in which every example is right, by Newton's method.

    Source: C. M. Bishop 2006, "Pattern Recognition and Machine Learning", 4.3.3, with a quadratic penalty.
    """
    weights = np.zeros(features.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        slope = features.T @ (1 - p) - ridge * weights
        curve = (features * (p * (1 - p))[:, None]).T @ features + ridge * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return weights
