"""From a measure to an axis: range, dead zone, curve, filter."""

from __future__ import annotations

import math
from dataclasses import dataclass

from poise.play.maps import Axis

# A measure that is not seen for so long, seconds, is gone: the axis goes back to rest.
_AWAY_S = 0.5


def shape(axis: Axis, measured: float) -> float:
    """Return the value of an axis for a measure, without a past.

    Args:
        axis: What the map says of it.
        measured: In trunks or degrees.
    """
    (first, second), (low, high) = axis.range, axis.to
    share = min(max((measured - first) / (second - first), 0.0), 1.0)
    value = low + share * (high - low)
    reach = max(low, high) - axis.rest if value > axis.rest else axis.rest - min(low, high)
    if reach <= 0:
        return value
    far = abs(value - axis.rest) / reach
    far = max(0.0, far - axis.dead_zone) / (1.0 - axis.dead_zone)
    return axis.rest + math.copysign(far**axis.curve * reach, value - axis.rest)


@dataclass(slots=True)
class AxisState:
    """One axis of one player.

    Attributes:
        axis: What the map says of it.
        value: What was told last.
    """

    axis: Axis
    value: float
    _now: float | None = None
    _time: float = 0.0

    @classmethod
    def of(cls, axis: Axis) -> AxisState:
        """Return an axis at rest."""
        return cls(axis, axis.rest)

    def update(self, measured: float, time: float) -> bool:
        """Take the next frame; returns whether there is something to tell.

        Args:
            measured: NaN where it is not seen.
            time: Of the frame, seconds.
        """
        axis = self.axis
        if math.isnan(measured):
            gone = self._now is not None and time - self._time > _AWAY_S
            return self.finish() if gone else False
        wanted = shape(axis, measured)
        if self._now is None or axis.smooth_s <= 0:
            now = wanted
        else:
            now = self._now + (wanted - self._now) * (1.0 - math.exp(-(time - self._time) / axis.smooth_s))
        self._now, self._time = now, time
        ends = abs(wanted - now) < 1e-3 and wanted in (*axis.to, axis.rest)
        now = wanted if ends else now
        if abs(now - self.value) < axis.step and not (ends and now != self.value):
            return False
        self.value = now
        return True

    def finish(self) -> bool:
        """Go back to rest, because the player is gone; returns whether there is something to tell."""
        moved = self.value != self.axis.rest
        self.value, self._now = self.axis.rest, None
        return moved
