"""Average precision by the protocol of the original YOLO package: pure functions on arrays.

It differs from COCO's in three ways: the area under the curve is a trapezoid sum in place of a mean of samples, crowds
and unlabelled people are not ignored, and the area of an instance is 0.53 of its box.

Source: the YOLO pose specification, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Bools, Floats

# Similarities at which a find counts. Source: COCO.
THRESHOLDS: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
# Recalls at which precision is read, and confidences at which the curves are.
_RECALLS = np.linspace(0, 1, 101)
CONFS: NDArray[np.float64] = np.linspace(0, 1, 1000)
# Width of the box filter that smooths F1 before its peak is looked for, as a share of the curve.
_SMOOTH = 0.1
_TINY = 1e-16
_EPS = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Average precision and the curves of C classes that have true instances.

    Attributes:
        classes: ``(C,)`` class numbers.
        ap: ``(C, T)`` average precision at each threshold.
        p: ``(C,)`` precision where the mean F1 is best.
        r: ``(C,)`` recall there.
        f1: ``(C,)`` F1 there.
        conf: The confidence where that is.
        p_curve: ``(C, 1000)`` precision at confidences 0 to 1, at the lowest threshold; r_curve and f1_curve alike.
        r_curve: ``(C, 1000)``.
        f1_curve: ``(C, 1000)``.
        precision: ``(C, 101)`` precision at recalls 0 to 1, at the lowest threshold.
    """

    classes: NDArray[np.int64]
    ap: NDArray[np.float64]
    p: NDArray[np.float64]
    r: NDArray[np.float64]
    f1: NDArray[np.float64]
    conf: float
    p_curve: NDArray[np.float64]
    r_curve: NDArray[np.float64]
    f1_curve: NDArray[np.float64]
    precision: NDArray[np.float64]


def yolo_oks(pred: Floats, target: Floats, *, area: Floats, visible: Bools, sigmas: Floats) -> NDArray[np.float64]:
    """Compare predicted with true keypoints as the original package does.

    Args:
        pred: ``(P, K, 2)`` predicted keypoints, pixels. A NaN point matches nothing.
        target: ``(G, K, 2)`` true keypoints, pixels.
        area: ``(G,)`` area of each true instance, square pixels; the original takes 0.53 of its box.
        visible: ``(G, K)`` True where the true keypoint is labelled.
        sigmas: ``(K,)`` per-keypoint spread.

    Returns:
        ``(P, G)`` similarity in [0, 1]; 0 for a target without labelled keypoints.

    Source:
        The YOLO pose specification, section 7: Σ_visible exp(-d² / (2 (2σ)² (area + 1e-7))) / (n_visible + 1e-7).
    """
    squared = np.square(np.asarray(pred, dtype=np.float64)[:, None] - target[None]).sum(axis=-1)
    spread = 2.0 * np.square(2.0 * np.asarray(sigmas)) * (np.asarray(area, dtype=np.float64)[None, :, None] + _EPS)
    exponent = squared / spread
    near = np.where(visible[None] & np.isfinite(exponent), np.exp(-exponent), 0.0)
    found: NDArray[np.float64] = near.sum(axis=-1) / (visible.sum(axis=-1)[None] + _EPS)
    return found


def match(similarity: Floats, thresholds: Floats = THRESHOLDS) -> NDArray[np.intp]:
    """Give each find its true instance, best find first.

    At each threshold, each find takes the most similar instance that is still free and similar enough.

    Args:
        similarity: ``(P, G)`` in [0, 1], finds in the order of their confidence; -1 where the classes differ.
        thresholds: ``(T,)`` least similarity.

    Returns:
        ``(P, T)`` index of the true instance, -1 for a false alarm.
    """
    found = np.full((len(similarity), len(thresholds)), -1, dtype=np.intp)
    if similarity.shape[1] == 0:
        return found
    free = np.ones((len(thresholds), similarity.shape[1]), dtype=bool)
    some = np.flatnonzero(similarity.max(axis=1) >= thresholds.min())
    every = np.arange(len(thresholds))
    for i in some:
        left = np.where(free, similarity[i], -1.0)
        best = left.argmax(axis=1)
        good = left[every, best] >= thresholds
        found[i, good] = best[good]
        free[every[good], best[good]] = False
    return found


def average_precision(right: Bools, conf: Floats, classes: NDArray[np.int64], targets: NDArray[np.int64]) -> Table:
    """Score the finds of all pictures.

    Args:
        right: ``(M, T)`` True where the find has a true instance, at each threshold.
        conf: ``(M,)`` confidence of each find.
        classes: ``(M,)`` class of each find.
        targets: ``(G,)`` class of each true instance.
    """
    # Equal confidences keep the order in which they came.
    order = np.argsort(-np.asarray(conf), kind="stable")
    right, conf, classes = right[order], np.asarray(conf)[order], classes[order]
    numbers, counts = np.unique(targets, return_counts=True)
    size = (len(numbers), right.shape[1])
    ap, precision = np.zeros(size), np.zeros((len(numbers), len(_RECALLS)))
    p_curve, r_curve = np.zeros((2, len(numbers), len(CONFS)))
    for row, (number, count) in enumerate(zip(numbers, counts, strict=True)):
        own = classes == number
        if not own.any():
            continue
        hits = right[own].cumsum(axis=0)
        rank = np.arange(1, len(hits) + 1)[:, None]
        recall, exact = hits / (count + _TINY), hits / rank
        r_curve[row] = np.interp(-CONFS, -conf[own], recall[:, 0], left=0)
        p_curve[row] = np.interp(-CONFS, -conf[own], exact[:, 0], left=1)
        for t in range(size[1]):
            samples = envelope(recall[:, t], exact[:, t])
            ap[row, t] = area_under(samples)
            if t == 0:
                precision[row] = samples
    f1_curve = 2 * p_curve * r_curve / (p_curve + r_curve + _TINY)
    best = int(_smooth(f1_curve.mean(axis=0)).argmax()) if len(numbers) else 0
    return Table(
        classes=numbers.astype(np.int64),
        ap=ap,
        p=p_curve[:, best],
        r=r_curve[:, best],
        f1=f1_curve[:, best],
        conf=float(CONFS[best]),
        p_curve=p_curve,
        r_curve=r_curve,
        f1_curve=f1_curve,
        precision=precision,
    )


def envelope(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ``(101,)`` precision at recalls 0 to 1, made non-increasing, 0 beyond the last recall."""
    known = np.concatenate([[0.0], recall, [recall[-1] if len(recall) else 1.0], [1.0]])
    values = np.concatenate([[1.0], precision, [0.0], [0.0]])
    falling = np.flip(np.maximum.accumulate(np.flip(values)))
    return np.interp(_RECALLS, known, falling)


def area_under(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ``(...)`` trapezoid areas under ``(..., 101)`` precisions at recalls 0 to 1."""
    area: NDArray[np.float64] = (np.diff(_RECALLS) * (samples[..., 1:] + samples[..., :-1]) / 2).sum(axis=-1)
    return area


def _smooth(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over a window of a tenth of the curve, whose ends are repeated."""
    width = round(len(curve) * _SMOOTH * 2) // 2 + 1
    ends = np.ones(width // 2)
    padded = np.concatenate([ends * curve[0], curve, ends * curve[-1]])
    return np.convolve(padded, np.ones(width) / width, mode="valid")
