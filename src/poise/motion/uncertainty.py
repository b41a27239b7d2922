"""How far off a keypoint may be, in pixels: the network's own sigma, or what its confidence says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.geometry import box_area

Floats = NDArray[Any]

# COCO's segment of a person fills about this share of its box: the mean over the people of train2017, used so by the
# field where no segment is known.
_SEGMENT = 0.53

# Similarity exp(-d² / (2 (sκ)²)) is over 0.5 within this many sκ: what the bundled models' conf is calibrated to.
_HALF = float(np.sqrt(2.0 * np.log(2.0)))

# A confidence of 1 or 0 promises more than any fit can keep.
_SURE, _UNSURE = 0.99, 0.02

# The confidence whose weight in the smoothers is 1.
FULL_CONF = 0.9


def point_sigma(conf: Floats, size: Floats, oks_sigmas: Floats, *, sigma: Floats | None = None) -> Floats:
    """Return the standard deviation of keypoints on each axis, pixels.

    The network's sigma counts where there is one. Elsewhere conf is read as the probability that the point lies within
    OKS similarity 0.5 of the truth, to which the bundled models are calibrated, and the error as circular normal.

    Args:
        conf: ``(..., K)`` in [0, 1]; NaN is taken for 0.5.
        size: ``(...)`` size of the instance: the square root of its box's area, pixels.
        oks_sigmas: ``(K,)`` of the skeleton.
        sigma: ``(..., K, 2)`` pixels, NaN where the network gives none; None: nowhere.

    Returns:
        ``(..., K, 2)`` pixels; NaN where neither size nor sigma is known.

    Source:
        COCO keypoint evaluation: similarity exp(-d² / (2 s² κ²)), κ = 2σ, s² the segment's area. A circular normal
        error has Rayleigh distance, P(d < r) = 1 - exp(-r² / (2 σ²)); solved for σ at the r of similarity 0.5.
    """
    sure = np.clip(np.where(np.isfinite(conf), conf, 0.5), _UNSURE, _SURE)
    spread = _HALF * np.sqrt(_SEGMENT) * np.asarray(size)[..., None] * (2.0 * np.asarray(oks_sigmas))
    from_conf = np.broadcast_to((spread / np.sqrt(-2.0 * np.log1p(-sure)))[..., None], (*np.shape(conf), 2))
    if sigma is None:
        return np.asarray(from_conf)
    return np.where(np.isfinite(sigma), sigma, from_conf)


def weight(sigma: Floats, size: Floats, oks_sigmas: Floats) -> Floats:
    """Return ``(..., K)`` in (0, 1]: how much a point counts beside one of confidence 0.9.

    Args:
        sigma: ``(..., K, 2)`` pixels, from :func:`point_sigma`.
        size: ``(...)`` as there.
        oks_sigmas: ``(K,)`` as there.
    """
    full = point_sigma(np.full(np.shape(sigma)[:-1], FULL_CONF), size, oks_sigmas)[..., 0]
    return np.asarray(np.minimum(full / np.maximum(np.mean(sigma, axis=-1), 1e-9), 1.0))


def sizes(boxes: Floats) -> Floats:
    """Return ``(...)`` the square roots of the areas of ``(..., 4)`` boxes, pixels; NaN where there is no box."""
    area = np.where(np.isfinite(boxes).all(axis=-1), box_area(np.nan_to_num(boxes)), np.nan)
    return np.asarray(np.sqrt(np.where(area > 0, area, np.nan)))
