"""Whether confidences and standard deviations mean what they say, and the two numbers that mend them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.evaluation.pairs import Pairs, similarity

# A keypoint is right when its share in OKS is at least this. Source: the least OKS that COCO counts.
_RIGHT = 0.5
# Logits beyond this say nothing more: float32 confidences end at 1 - 6e-8.
_MOST = 15.0
# Share of a normal distribution within one standard deviation.
_WITHIN_ONE = 0.6827
# Fewer keypoints than these give no fit worth keeping. Ours.
_FEWEST = 50


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """How often something was right, by how confident it was.

    Attributes:
        edges: ``(B + 1,)`` ends of the bins.
        count: ``(B,)`` how many lie in each.
        stated: ``(B,)`` mean confidence; NaN in an empty bin.
        observed: ``(B,)`` share that was right; NaN in an empty bin.
        error: Mean distance between both, weighted by the counts (expected calibration error).

    Source:
        Guo et al., "On calibration of modern neural networks", ICML 2017, sections 2 and 4.2.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    stated: NDArray[np.float64]
    observed: NDArray[np.float64]
    error: float


def reliability(conf: NDArray[np.float64], right: NDArray[np.bool_], *, bins: int = 15) -> Reliability:
    """Count how often something was right, in bins of its confidence."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(conf, edges) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    nan = np.full(bins, np.nan)
    stated = np.divide(np.bincount(place, conf, bins), count, out=nan.copy(), where=count > 0)
    observed = np.divide(np.bincount(place, right.astype(float), bins), count, out=nan.copy(), where=count > 0)
    gap = np.abs(stated - observed)
    error = float(np.nansum(gap * count) / count.sum()) if count.sum() else float("nan")
    return Reliability(edges, count, stated, observed, error)


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How many errors lie within how many standard deviations, x and y counted apart.

    Attributes:
        times: ``(B,)`` standard deviations.
        observed: ``(B,)`` share of the errors within them.
        normal: ``(B,)`` share of a normal distribution within them.
        count: Number of errors.
    """

    times: NDArray[np.float64]
    observed: NDArray[np.float64]
    normal: NDArray[np.float64]
    count: int


def coverage(pairs: Pairs) -> Coverage:
    """Hold standard deviations against errors."""
    ratio = _ratios(pairs)
    times = np.linspace(0.1, 4, 40)
    shares = (ratio[:, None] <= times).mean(axis=0) if len(ratio) else np.full(len(times), np.nan)
    return Coverage(times, shares, np.vectorize(_normal_within)(times), len(ratio))


def keypoint_evidence(pairs: Pairs, sigmas: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidence, and whether it is right, of each labelled keypoint that has a confidence."""
    known = pairs.labelled & np.isfinite(pairs.point_conf)
    return pairs.point_conf[known], similarity(pairs, sigmas)[known] >= _RIGHT


def fit_temperature(conf: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the temperature T for which ``sigmoid(logit(conf) / T)`` is most likely, found by golden section on ln T.

    NaN where there are too few, or only right or only wrong ones.

    Source:
        Guo et al. 2017, section 4.2.
    """
    if len(conf) < _FEWEST or right.all() or not right.any():
        return float("nan")
    with np.errstate(divide="ignore"):
        logit = np.clip(np.log(conf) - np.log1p(-conf), -_MOST, _MOST)
    sign = np.where(right, 1.0, -1.0)

    def loss(log_t: float) -> float:
        return float(np.logaddexp(0, -sign * logit * np.exp(-log_t)).mean())

    low, high = np.log(0.05), np.log(20.0)
    golden = (np.sqrt(5) - 1) / 2
    a, b = high - golden * (high - low), low + golden * (high - low)
    for _ in range(60):
        if loss(a) < loss(b):
            high, b = b, a
            a = high - golden * (high - low)
        else:
            low, a = a, b
            b = low + golden * (high - low)
    return float(np.exp((low + high) / 2))


def fit_sigma_scale(pairs: Pairs) -> float:
    """Return what standard deviations must be multiplied by so that 68.27 % of the errors lie within one.

    A quantile and not the mean square: a few keypoints on the wrong limb would decide the latter. NaN where there are
    too few.
    """
    ratio = _ratios(pairs)
    return float(np.quantile(ratio, _WITHIN_ONE)) if len(ratio) >= _FEWEST else float("nan")


def _ratios(pairs: Pairs) -> NDArray[np.float64]:
    """Return |error| / sigma of every labelled coordinate that has one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(pairs.xy - pairs.expected.xy) / pairs.sigma
    return ratio[np.isfinite(ratio)]


def _normal_within(times: float) -> float:
    return math.erf(times / math.sqrt(2))
