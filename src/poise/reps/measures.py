"""A person's measures over time, with one ruler: of a whole stretch, or of the last seconds of a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.bodies.scale import torso_length
from poise.geometry import Bools, Floats
from poise.reps.signals import LENGTHS, measure


@dataclass(frozen=True, slots=True, eq=False)
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

    def part(self, keep: Bools | slice) -> PersonMeasures:
        """Return some of the frames."""
        return PersonMeasures(*(getattr(self, n)[keep] for n in ("time", "xy", "conf", "scale", "values", "sure")))


# Low on purpose: a hidden wrist is often placed right with little confidence, and confidence weighs every measure.
MIN_POINT_CONF = 0.15


def measure_person(time: Floats, xy: Floats, conf: Floats, *, min_conf: float = MIN_POINT_CONF) -> PersonMeasures:
    """Measure a person, with one ruler for the whole stretch (the 80th percentile of the frames' own)."""
    own = torso_length(xy, conf)
    known = own[np.isfinite(own)]
    one = float(np.percentile(known, 80)) if len(known) else np.nan
    scale = np.full(len(time), one)
    values, sure = measure(xy, conf, scale, min_conf=min_conf)
    return PersonMeasures(np.asarray(time, dtype=np.float64), xy, conf, scale, values, sure)


class MeasureWindow:
    """The last seconds of one person, each frame measured once, in pixels; the ruler is laid on when asked.

    At most ``rate`` frames a second are kept: more would only cost time.
    """

    def __init__(self, *, rate: float = 31.0) -> None:
        self._step = 1.0 / rate
        self._time: list[float] = []
        self._new: list[tuple[Floats, Floats]] = []
        self._xy = np.empty((0, 17, 2))
        self._conf = np.empty((0, 17))
        self._own = np.empty(0)
        self._values = np.empty((0, len(LENGTHS)))
        self._sure = np.empty((0, len(LENGTHS)))

    def __len__(self) -> int:
        return len(self._time)

    def add(self, time: float, xy: Floats, conf: Floats) -> bool:
        """Take one frame; False where it comes too soon after the last."""
        if self._time and time - self._time[-1] < self._step:
            return False
        self._time.append(time)
        self._new.append((xy, conf))
        return True

    def forget(self, *, before: float) -> None:
        """Drop what is older, an eighth at a time, so that it costs little."""
        old = int(np.searchsorted(self._time, before))
        if old <= len(self._time) // 8:
            return
        self._catch_up()
        del self._time[:old]
        self._xy, self._conf, self._own = self._xy[old:], self._conf[old:], self._own[old:]
        self._values, self._sure = self._values[old:], self._sure[old:]

    def measured(self) -> PersonMeasures:
        """Return the measures of what is kept."""
        self._catch_up()
        known = self._own[np.isfinite(self._own)]
        one = float(np.percentile(known, 80)) if len(known) else np.nan
        values = np.where(LENGTHS, self._values / one, self._values)
        return PersonMeasures(np.array(self._time), self._xy, self._conf, np.full(len(self), one), values, self._sure)

    def _catch_up(self) -> None:
        if not self._new:
            return
        xy, conf = (np.array(column) for column in zip(*self._new, strict=True))
        self._new = []
        values, sure = measure(xy, conf, np.ones(len(xy)), min_conf=MIN_POINT_CONF)
        self._xy, self._conf = np.concatenate([self._xy, xy]), np.concatenate([self._conf, conf])
        self._own = np.concatenate([self._own, torso_length(xy, conf)])
        self._values, self._sure = np.concatenate([self._values, values]), np.concatenate([self._sure, sure])
