"""How far off a keypoint may be, in pixels: the network's own sigma, or what its confidence says."""

from __future__ import annotations

import numpy as np

from poise.geometry import Floats, box_area

# COCO's segment of a person fills about this share of its box: the mean over the people of train2017, used so by the
# field where no segment is known.
_SEGMENT = 0.53

# Error on each axis of the bundled models' keypoints in units of sκ: this much when conf is 1, and so much more when it
# is 0. Fitted to the root mean square errors of the labelled people of coco-mini and coco8-pose, by bins of conf:
# ``benchmarks/motion.py --calibrate`` prints them.
_AT_ONE, _AT_ZERO = 0.18, 1.1

# The confidence whose weight in the smoothers is 1.
FULL_CONF = 0.9


def point_sigma(conf: Floats, size: Floats, oks_sigmas: Floats, *, sigma: Floats | None = None) -> Floats:
    """Return the standard deviation of keypoints on each axis, pixels.

    The network's sigma counts where there is one. Elsewhere it is what the bundled models' errors are at this conf:
    a share of the spread that COCO's annotators have at this keypoint. It says where a point may be, not how much it
    trembles: most of the error stays the same from frame to frame.

    Args:
        conf: ``(..., K)`` in [0, 1]; NaN is taken for 0.5.
        size: ``(...)`` size of the instance: the square root of its box's area, pixels.
        oks_sigmas: ``(K,)`` of the skeleton.
        sigma: ``(..., K, 2)`` pixels, NaN where the network gives none; None: nowhere.

    Returns:
        ``(..., K, 2)`` pixels; NaN where neither size nor sigma is known.

    Source:
        COCO keypoint evaluation for s and κ: s² the area of the person's segment, κ twice the keypoint's sigma. The
        factor is ours, measured.
    """
    sure = np.where(np.isfinite(conf), np.minimum(np.maximum(conf, 0.0), 1.0), 0.5)
    from_conf = (_spread(size, oks_sigmas) * (_AT_ONE + _AT_ZERO * (1.0 - sure)))[..., None]
    if sigma is None:
        return np.asarray(from_conf + np.zeros(2))
    return np.where(np.isfinite(sigma), sigma, from_conf)


def _spread(size: Floats, oks_sigmas: Floats) -> Floats:
    """Return ``(..., K)`` COCO's sκ, pixels."""
    return np.asarray((2.0 * np.sqrt(_SEGMENT)) * np.asarray(size)[..., None] * oks_sigmas)


def weight(sigma: Floats, size: Floats, oks_sigmas: Floats) -> Floats:
    """Return ``(..., K)`` in (0, 1]: how much a point counts beside one of confidence 0.9.

    Args:
        sigma: ``(..., K, 2)`` pixels, from :func:`point_sigma`.
        size: ``(...)`` as there.
        oks_sigmas: ``(K,)`` as there.
    """
    full = _spread(size, oks_sigmas) * (_AT_ONE + _AT_ZERO * (1.0 - FULL_CONF))
    return np.asarray(np.minimum(2.0 * full / np.maximum(sigma[..., 0] + sigma[..., 1], 1e-9), 1.0))


def sizes(boxes: Floats) -> Floats:
    """Return ``(...)`` the square roots of the areas of ``(..., 4)`` boxes, pixels; NaN where there is no box."""
    area = np.where(np.isfinite(boxes).all(axis=-1), box_area(np.nan_to_num(boxes)), np.nan)
    return np.asarray(np.sqrt(np.where(area > 0, area, np.nan)))
