"""Keypoints over time: steady points, repair, joint angles, repetitions."""

from __future__ import annotations

from poise.motion.filters import butterworth, savitzky_golay
from poise.motion.fix import FixReport, fix
from poise.motion.jitter import jitter_index, lag_s, wobble_index
from poise.motion.repair import cuts, fill_gaps, outliers
from poise.motion.smoothing import Kalman, OneEuro, Smoother
from poise.motion.swaps import Swap, repair_swaps
from poise.motion.uncertainty import point_sigma

__all__ = [
    "FixReport",
    "Kalman",
    "OneEuro",
    "Smoother",
    "Swap",
    "butterworth",
    "cuts",
    "fill_gaps",
    "fix",
    "jitter_index",
    "lag_s",
    "outliers",
    "point_sigma",
    "repair_swaps",
    "savitzky_golay",
    "wobble_index",
]
