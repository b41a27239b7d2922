"""A person's measures over time, with one ruler: of a whole stretch, or of the last seconds of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from poise.bodies.scale import torso_length
from poise.geometry import Bools, Floats
from poise.reps.exercise import Signal
from poise.reps.series import fill_gaps, percentiles, smooth
from poise.reps.signals import COLUMN, measure

# Gaps up to so many seconds are bridged.
MAX_GAP_S = 0.5
# How much signals are smoothed before anything is known of the set, and the width of the shoulders: seconds.
FIRST_S, WIDTH_S = 0.08, 0.4


# Where the range of a signal ends: percentiles. The standard deviation of noise, beside its median.
LOW, HIGH, NOISE = 3, 97, 1.4826


@dataclass(frozen=True, slots=True, eq=False)
class SignalRows:
    """Signals over time, each brought to its own range.

    Attributes:
        unit: ``(S, T)``, smoothed: 0 at the low end of the range, 1 at its high end; NaN where not seen for long.
        reach: ``(S,)`` the range, in shares of the usual travel.
        noise: ``(S,)`` standard deviation of what smoothing takes away, in the same.
        seen: ``(S,)`` share of the frames in which it was seen.
        trust: ``(S,)`` mean confidence there.
        conf: ``(S, T)``; 0 where not seen.
        there: ``(S, T)`` where it was seen; None: everywhere.
    """

    unit: Floats
    reach: Floats
    noise: Floats
    seen: Floats
    trust: Floats
    conf: Floats
    there: Bools | None


@dataclass(frozen=True, eq=False)
class PersonMeasures:
    """A person's measures over time, in the order of :data:`poise.reps.signals.NAMES`.

    Attributes:
        time: ``(T,)`` seconds.
        xy: ``(T, 17, 2)`` pixels.
        conf: ``(T, 17)``.
        scale: ``(T,)`` torso length, pixels.
        values: ``(T, S)``; NaN where not seen.
        sure: ``(T, S)`` confidence.
    """

    time: Floats
    xy: Floats
    conf: Floats
    scale: Floats
    values: Floats
    sure: Floats

    @cached_property
    def shoulder_width(self) -> Floats:
        """``(T,)`` width of the shoulders, steadied over half a second."""
        width = self.values[:, COLUMN["shoulder_width"], None]
        return smooth(self.time, fill_gaps(self.time, width, max_gap_s=MAX_GAP_S), seconds=WIDTH_S)[:, 0]

    @cached_property
    def _means(self) -> dict[str, tuple[Floats, Floats]]:
        return {}

    def mean_of_sides(self, name: str) -> tuple[Floats, Floats]:
        """Return a sided measure and its confidence, each ``(T,)``: of the sides that are seen, by their confidence."""
        if name not in self._means:
            two = [COLUMN[f"left_{name}"], COLUMN[f"right_{name}"]]
            value, sure = self.values[:, two], self.sure[:, two]
            weight = np.where(np.isfinite(value), np.square(sure) + 1e-6, 0.0)
            total = weight.sum(axis=1)
            with np.errstate(invalid="ignore"):
                mean = np.where(total > 0, (weight * np.nan_to_num(value)).sum(axis=1) / total, np.nan)
            trust = np.where(total > 0, (weight * sure).sum(axis=1) / np.maximum(total, 1e-9), 0.0)
            self._means[name] = (mean, trust)
        return self._means[name]

    def steadied(self, parts: Sequence[tuple[Signal, str]], progress: Floats, seconds: float) -> tuple[Floats, Floats]:
        """Return the ``(S, T)`` progress of signals with its gaps filled, and smoothed.

        Args:
            parts: Signals and their sides.
            progress: ``(S, T)``, 0 at rest and 1 at the effort.
            seconds: Standard deviation of the smoothing.
        """
        filled = fill_gaps(self.time, progress.T, max_gap_s=MAX_GAP_S)
        return filled.T, smooth(self.time, filled, seconds=seconds).T

    def kept_rows(self, parts: Sequence[tuple[Signal, str]]) -> SignalRows | None:
        """Return signals and their sides over all frames, as far as they were worked out before; None: not."""
        return None

    def part(self, keep: Bools | slice) -> PersonMeasures:
        """Return some of the frames."""
        return PersonMeasures(*(getattr(self, n)[keep] for n in ("time", "xy", "conf", "scale", "values", "sure")))


# Low on purpose: a hidden wrist is often placed right with little confidence, and confidence weighs every measure.
MIN_POINT_CONF = 0.15


def measure_person(time: Floats, xy: Floats, conf: Floats, *, min_conf: float = MIN_POINT_CONF) -> PersonMeasures:
    """Measure a person, with one ruler for the whole stretch (the 80th percentile of the frames' own)."""
    own = torso_length(xy, conf)
    known = own[np.isfinite(own)]
    one = percentiles(known, [80])[0] if len(known) else np.nan
    scale = np.full(len(time), one)
    values, sure = measure(xy, conf, scale, min_conf=min_conf)
    return PersonMeasures(np.asarray(time, dtype=np.float64), xy, conf, scale, values, sure)
