"""Steady points: One-Euro and Kalman filters for streams, zero-lag filters for whole clips."""

from __future__ import annotations

from poise.filters.offline import butterworth, savitzky_golay
from poise.filters.smoothing import Kalman, OneEuro, Smoother
from poise.filters.stream import smooth_stream
from poise.filters.uncertainty import point_sigma

__all__ = ["Kalman", "OneEuro", "Smoother", "butterworth", "point_sigma", "savitzky_golay", "smooth_stream"]
