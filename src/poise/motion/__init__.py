"""Keypoints over time: steady points, repair, joint angles, repetitions."""

from __future__ import annotations

from poise.clips.fix import FixReport, fix
from poise.clips.jitter import jitter_index, lag_s, wobble_index
from poise.clips.repair import cuts, fill_gaps, outliers
from poise.clips.swaps import Swap, repair_swaps
from poise.filters.offline import butterworth, savitzky_golay
from poise.filters.smoothing import Kalman, OneEuro, Smoother
from poise.filters.uncertainty import point_sigma

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
