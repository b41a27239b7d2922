"""How large a body is in the picture: the unit in which lengths are told."""

from __future__ import annotations

import numpy as np

from poise.bodies.angles import norms
from poise.bodies.limbs import lengths
from poise.bodies.points import HIPS, SHOULDERS
from poise.bodies.proportions import FOREARM, SHANK, SHOULDER_BREADTH, THIGH, TRUNK, TRUNK_A_WIDTH, UPPER_ARM
from poise.geometry import Floats

# Limbs of coco17 and their shares of standing height.
_LIMBS = ((5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10), (11, 13), (12, 14), (13, 15), (14, 16))
_SHARES = np.array([TRUNK, TRUNK, SHOULDER_BREADTH, UPPER_ARM, UPPER_ARM, FOREARM, FOREARM, THIGH, THIGH, SHANK, SHANK])
_RANK = 3


def standing_height(long: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Estimate how tall somebody would stand in the picture, from the lengths of limbs that the view shortens.

    Projection can only shorten a limb, so each says that the body is at least so tall. The third largest of these
    counts: one misplaced point spoils at most two or three limbs. Of fewer than three it is the smallest.

    Args:
        long: ``(T, L)`` pixels; NaN where a limb is not seen.
        shares: ``(L,)`` of standing height.

    Returns:
        ``(T,)`` pixels, NaN where no limb is seen; and the ``(T,)`` number of limbs that are.
    """
    each = long / shares
    seen = np.isfinite(each)
    ordered = np.sort(np.where(seen, each, -np.inf), axis=1)[:, ::-1]
    count = seen.sum(axis=1)
    if not ordered.shape[1]:
        return np.full(len(long), np.nan), count
    best = ordered[np.arange(len(long)), np.clip(np.minimum(_RANK, count) - 1, 0, None)]
    return np.where(count > 0, best, np.nan), count


def torso_length(xy: Floats, conf: Floats, *, min_conf: float = 0.3) -> Floats:
    """Estimate the length of the torso as it would be seen square on, in each frame.

    Args:
        xy: ``(T, 17, 2)`` pixels.
        conf: ``(T, 17)``.
        min_conf: Points below this are not used.

    Returns:
        ``(T,)`` pixels; NaN where no limb was seen.
    """
    points = np.where((conf >= min_conf)[..., None], xy, np.nan)
    return standing_height(lengths(points, _LIMBS), _SHARES)[0] * TRUNK


def trunk_length(shoulders: Floats, hips: Floats, width: Floats) -> Floats:
    """Return how long trunks are in the picture, or as long as the shoulders are wide where that says more.

    The width keeps the unit when somebody bends forwards or the hips are out of the picture.

    Args:
        shoulders: ``(..., 2)`` their middle, pixels.
        hips: ``(..., 2)`` their middle.
        width: ``(...)`` between the shoulder joints, pixels.

    Returns:
        ``(...)`` pixels; NaN where no shoulders are seen.
    """
    return np.fmax(norms(shoulders - hips), width * TRUNK_A_WIDTH)


def median_trunk(xy: Floats) -> float:
    """Return the length of the trunk in pixels, the median over ``(T, 17, 2)``; NaN where no shoulders are seen."""
    shoulders, hips = xy[:, SHOULDERS], xy[:, HIPS]
    long = trunk_length(shoulders.mean(axis=1), hips.mean(axis=1), norms(shoulders[:, 0] - shoulders[:, 1]))
    long = long[long > 0]
    return float(np.median(long)) if len(long) else float("nan")
