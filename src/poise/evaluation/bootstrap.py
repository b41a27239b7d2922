"""How far scores may be off by the choice of pictures: intervals, and the comparison of two models.

The matches of each picture are kept and the pictures drawn anew; nothing is matched again.

Source: Efron 1979, the percentile bootstrap, with the picture as the unit: instances of one picture are alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.evaluation.average_precision import area_under
from poise.evaluation.instances import Matches

_RECALLS = np.linspace(0, 1, 101)
# COCO counts recall levels in steps that differ from those above in the last bit. Source: pycocotools' parameters.
_COCO_RECALLS = np.linspace(0.0, 1.0, int(np.round(1.0 / 0.01)) + 1)
# Numbers held at a time while resamples are scored: 32 MB of float64.
_AT_ONCE = 4_000_000

Draws = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the ends of its interval."""

    value: float
    low: float
    high: float


def draws(pictures: NDArray[np.int64], *, total: int, resamples: int = 1000, seed: int = 0) -> Draws:
    """Draw pictures with repetition.

    Args:
        pictures: Numbers of the pictures to draw from.
        total: Number of pictures in the data set.
        resamples: How often.
        seed: Of the draws.

    Returns:
        ``(resamples, total)`` how often each picture was drawn.
    """
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(pictures), np.full(len(pictures), 1 / len(pictures)), size=resamples)
    out = np.zeros((resamples, total), dtype=np.int64)
    out[:, pictures] = counts
    return out


def average_precisions(matches: Matches, counts: Draws, *, protocol: str) -> NDArray[np.float64]:
    """Score resamples of the pictures.

    Args:
        matches: Which find is which instance.
        counts: ``(B, pictures)`` how often each picture counts; all 1 is the set itself.
        protocol: ``"yolo"`` or ``"coco"``: how the area under the curve is taken.

    Returns:
        ``(B, T)`` average precision at each threshold, the mean over the classes that a resample holds; NaN where it
        holds none.
    """
    resamples, thresholds = len(counts), matches.pair.shape[1]
    total, number = np.zeros((resamples, thresholds)), np.zeros((resamples, 1))
    for one in np.unique(matches.target_classes):
        targets = counts[:, matches.target_picture[matches.target_classes == one]].sum(axis=1)
        own = np.flatnonzero(matches.classes == one)
        own = own[np.argsort(-matches.conf[own], kind="stable")]
        some = np.flatnonzero(targets > 0)
        number[some] += 1
        right = (matches.pair[own] >= 0) & ~matches.ignored[own]
        last = int(np.flatnonzero(right.any(axis=1))[-1]) + 1 if right.any() else 0
        for part in _parts(len(some), last):
            weight = counts[some[part]][:, matches.picture[own[:last]]].astype(np.int32)
            every = np.cumsum(weight, axis=1, dtype=np.int32)
            for t in range(thresholds):
                at, out = np.flatnonzero(right[:last, t]), np.flatnonzero(matches.ignored[own[:last], t])
                if not len(at):
                    continue
                finds = every[:, at]
                if len(out):
                    before = np.pad(np.cumsum(weight[:, out], axis=1), ((0, 0), (1, 0)))
                    finds = finds - before[:, np.searchsorted(out, at)]
                hits = np.cumsum(weight[:, at], axis=1)
                total[some[part], t] += _areas(hits, finds, targets[some[part]], protocol)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = total / number
    return mean


def _areas(hits: NDArray[Any], finds: NDArray[Any], targets: Draws, protocol: str) -> NDArray[np.float64]:
    """Return the area under the curve of each resample.

    The curve made non-increasing is a staircase whose steps are at the right finds, so only these are looked at.

    Args:
        hits: ``(B, R)`` right finds up to each of the R right finds, best first.
        finds: ``(B, R)`` all finds up to there that count.
        targets: ``(B,)`` true instances.
        protocol: As in :func:`average_precisions`.
    """
    precision = hits / np.maximum(finds, 1)
    falling = np.flip(np.maximum.accumulate(np.flip(precision, axis=1), axis=1), axis=1)
    recall = hits / targets[:, None]
    levels, side = (_COCO_RECALLS, "left") if protocol == "coco" else (_RECALLS, "right")
    # The step that a level lies on: COCO takes the first at it or after, the original the first after it.
    step = np.array([np.searchsorted(row, levels, side=side) for row in recall])  # type: ignore[call-overload]
    steps = np.concatenate([falling, np.zeros((len(falling), 1))], axis=1)
    samples = np.take_along_axis(steps, step, axis=1)
    return samples.mean(axis=1) if protocol == "coco" else area_under(samples)


def _parts(resamples: int, finds: int) -> Iterator[slice]:
    size = max(1, _AT_ONCE // max(finds, 1))
    yield from (slice(first, first + size) for first in range(0, resamples, size))


def interval(value: float, resampled: NDArray[np.float64], *, level: float = 0.95) -> Interval:
    """Return a value with the ends between which the given share of its resamples lies."""
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between two models on the same pictures.

    Attributes:
        difference: Mean average precision of the second less that of the first, with its interval.
        better: Share of the resamples in which the second is better, ties counted half.
    """

    difference: Interval
    better: float


def compare(
    first: Matches, second: Matches, counts: Draws, *, protocol: str, threshold: int | None = None, level: float = 0.95
) -> Comparison:
    """Compare two models on the same draws of the same pictures.

    Args:
        first: Matches of the first.
        second: Matches of the second.
        counts: ``(B, pictures)`` from :func:`draws`.
        protocol: ``"yolo"`` or ``"coco"``.
        threshold: Index of one of the ten thresholds; None: their mean.
        level: Share of the resamples inside the interval.
    """
    every = np.concatenate([(counts.sum(axis=0, keepdims=True) >= 0).astype(np.int64), counts])
    a, b = (average_precisions(matches, every, protocol=protocol) for matches in (first, second))
    change = b - a
    values = change.mean(axis=1) if threshold is None else change[:, threshold]
    drawn = values[1:][np.isfinite(values[1:])]
    better = float(((drawn > 0) + 0.5 * (drawn == 0)).mean()) if len(drawn) else float("nan")
    return Comparison(interval(float(values[0]), drawn, level=level), better)
