"""A logistic model of few features: fit by Newton's method with a ridge, and nested cross-validation over groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Strengths of the ridge that the inner folds choose from; features are in standard deviations.
RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def fit(features: Floats, right: Bools, *, ridge: float, steps: int = 50) -> tuple[Floats, float]:
    """Return weights and bias in the units of ``(N, F)`` features; the ridge leaves the bias alone.

    Every feature speaks for being right, so one whose weight comes out negative is left out: what it explains is
    chance.
    """
    used = np.arange(features.shape[1])
    while True:
        some, bias = _fit(features[:, used], right, ridge, steps)
        if (some >= 0).all():
            break
        used = np.delete(used, some.argmin())
    weights = np.zeros(features.shape[1])
    weights[used] = some
    return weights, bias


def _fit(features: Floats, right: Bools, ridge: float, steps: int) -> tuple[Floats, float]:
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    x = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    penalty = np.diag([ridge] * features.shape[1] + [1e-6])
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = x.T @ (p - right) + penalty @ w
        step = np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + penalty, gradient)
        # Newton's step may overshoot where nearly all are told apart.
        w -= step * min(1.0, 5.0 / (np.abs(step).max() + 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    weights = w[:-1] / spread
    return weights, float(w[-1] - mean @ weights)


def predict(features: Floats, weights: Floats, bias: float) -> Floats:
    """Return probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(features @ weights + bias, -30, 30))))


def loss(conf: Floats, right: Bools) -> float:
    """Return the mean negative log likelihood."""
    p = np.clip(conf, 1e-6, 1 - 1e-6)
    return float(-np.where(right, np.log(p), np.log1p(-p)).mean())


def folds(groups: Sequence[str], count: int, seed: int = 0) -> NDArray[np.intp]:
    """Return the fold of each row; a group lies in one."""
    names = sorted(set(groups))
    place = dict(zip(names, np.random.default_rng(seed).permutation(len(names)) % count, strict=True))
    return np.array([place[name] for name in groups], dtype=np.intp)


def best_ridge(features: Floats, right: Bools, groups: Sequence[str], *, count: int = 5) -> float:
    """Return the ridge of the least loss on left-out groups."""
    fold = folds(groups, count, seed=1)

    def out_of_fold(ridge: float) -> float:
        conf = np.zeros(len(right))
        for f in range(count):
            conf[fold == f] = predict(features[fold == f], *fit(features[fold != f], right[fold != f], ridge=ridge))
        return loss(conf, right)

    return min(RIDGES, key=out_of_fold)


def nested(features: Floats, right: Bools, groups: Sequence[str], *, count: int = 10) -> Floats:
    """Return the confidence of each row by a model whose weights and ridge know nothing of the row's group."""
    fold = folds(groups, count)
    conf = np.zeros(len(right))
    for f in range(count):
        inside = fold != f
        chosen = best_ridge(features[inside], right[inside], [g for g, i in zip(groups, inside, strict=True) if i])
        conf[~inside] = predict(features[~inside], *fit(features[inside], right[inside], ridge=chosen))
    return conf
