"""The last seconds of one person in a stream: what was worked out for a frame is kept until the frame is forgotten.

A look at the window costs what its new frames cost. Measures are taken once, in pixels, and the ruler is laid on when
asked; smoothing a frame needs its neighbours only, so those far from both ends stay as they are. What is read from a
window is what :class:`PersonMeasures` works out from all of its frames anew, but for the last digits: a sum over many
frames is taken in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from poise.bodies.scale import torso_length
from poise.geometry import Bools, Floats
from poise.reps.exercise import Exercise, Signal
from poise.reps.measures import (
    FIRST_S,
    HIGH,
    LOW,
    MAX_GAP_S,
    MIN_POINT_CONF,
    NOISE,
    WIDTH_S,
    PersonMeasures,
    SignalRows,
)
from poise.reps.series import fill_gaps, percentiles, row_medians, row_percentiles, seen_of, smoothing_reach, usual_step
from poise.reps.signals import COLUMN, LENGTHS, SIDED, measure

# The rows of a window: a frame is a column, so that one measure over time lies together in memory.
_TIME, _OWN = 0, 1
_XY, _CONF = slice(2, 36), slice(36, 53)
_VALUES, _SURE = slice(53, 53 + len(LENGTHS)), slice(53 + len(LENGTHS), 53 + 2 * len(LENGTHS))
_ROWS = _SURE.stop
# Frames whose smoothing is worked out at once, so that the table of their neighbours stays small.
_AT_ONCE = 64


def measure_bodies(xy: Floats, conf: Floats) -> Floats:
    """Measure bodies at once, of one frame or several, which is much cheaper than one by one.

    Args:
        xy: ``(N, 17, 2)`` pixels.
        conf: ``(N, 17)``.

    Returns:
        A row a body for :meth:`MeasureWindow.add`.
    """
    values, sure = measure(xy, conf, np.ones(len(xy)), min_conf=MIN_POINT_CONF)
    own = torso_length(xy, conf)[:, None]
    rows: Floats = np.concatenate([own, xy.reshape(-1, 34), conf, values, sure], axis=1)
    return rows


class MeasureWindow:
    """The last seconds of one person.

    At most ``rate`` frames a second are kept: more would only cost time.

    Args:
        exercises: All that may be counted: what they are counted on is kept smoothed.
        rate: Frames a second.
    """

    def __init__(self, exercises: Sequence[Exercise], *, rate: float = 31.0) -> None:
        self._step = 1.0 / rate
        columns = {column for one in exercises for signal in one.signals for column in _columns(signal)}
        self._last = -np.inf
        self._waiting = 0
        self._frames = _Frames(_ROWS)
        self._signals = _Smoothed(sorted(columns), FIRST_S)
        self._width = _Smoothed([COLUMN["shoulder_width"]], WIDTH_S)

    def __len__(self) -> int:
        return len(self._frames) + self._waiting

    def take(self, time: float) -> bool:
        """Return whether a frame is taken, which is then to be added: not where it comes too soon after the last."""
        if time - self._last < self._step:
            return False
        self._last = time
        self._waiting += 1
        return True

    def add(self, time: float, row: Floats) -> None:
        """Add a frame that was taken, a row of :func:`measure_bodies`; in order of time."""
        self._waiting -= 1
        self._frames.add(time, row)

    def forget(self, *, before: float) -> None:
        """Drop what is older, an eighth at a time, so that it costs little."""
        old = int(self._frames.view[_TIME].searchsorted(before))
        if old <= len(self) // 8:
            return
        self._frames.drop(old)
        for smoothed in (self._signals, self._width):
            smoothed.drop(old)

    def measured(self) -> PersonMeasures:
        """Return the measures of what is kept; good until the next frame is added."""
        view = self._frames.view
        time, values = view[_TIME], view[_VALUES]
        known = seen_of(view[_OWN])
        one = percentiles(known, [80])[0] if len(known) else np.nan
        step = usual_step(time)
        self._signals.update(time, values, step)
        self._width.update(time, values, step)
        return _WindowMeasures(view, one, self._signals, self._width)


class _WindowMeasures(PersonMeasures):
    """The measures of a window; what they are counted on is smoothed already, the rest is worked out when asked for.

    Args:
        view: ``(rows, T)`` of the window.
        unit: Torso length, pixels.
        signals: What exercises are counted on.
        width: Of the shoulders.
    """

    def __init__(self, view: Floats, unit: float, signals: _Smoothed, width: _Smoothed) -> None:
        time = view[_TIME]
        # The fields are frozen, and those below wait until they are asked for.
        self.__dict__.update(
            time=time, xy=view[_XY].T.reshape(-1, 17, 2), conf=view[_CONF].T, scale=np.full(len(time), unit),
            sure=view[_SURE].T, _view=view, _unit=unit, _signals=signals, _width=width, _rows={},
        )  # fmt: skip

    _view: Floats
    _unit: float
    _signals: _Smoothed
    _width: _Smoothed
    _rows: dict[int, _Row]

    @cached_property
    def values(self) -> Floats:  # a field of the base, which is worked out late here
        return (self._view[_VALUES] / np.where(LENGTHS, self._unit, 1.0)[:, None]).T

    @cached_property
    def shoulder_width(self) -> Floats:
        width: Floats = self._width.steady[0] / self._unit
        return width

    def steadied(self, parts: Sequence[tuple[Signal, str]], progress: Floats, seconds: float) -> tuple[Floats, Floats]:
        if seconds != FIRST_S or any(signal.points for signal, _ in parts):
            return super().steadied(parts, progress, seconds)
        columns = [_column(*part) for part in parts]
        unit = np.where(LENGTHS[columns], self._unit, 1.0)[:, None]
        rest = np.array([[signal.rest] for signal, _ in parts]) * unit
        way = np.array([[signal.effort - signal.rest] for signal, _ in parts]) * unit
        rows = [self._signals.columns.index(column) for column in columns]
        filled, steady = ((series[rows] - rest) / way for series in (self._signals.filled, self._signals.steady))
        return filled, steady

    def kept_rows(self, parts: Sequence[tuple[Signal, str]]) -> SignalRows | None:
        """Return signals in their own range, which is the same for every exercise that uses them."""
        if any(signal.points for signal, _ in parts):
            return None
        columns = [_column(*part) for part in parts]
        self._bring_to_range([column for column in columns if column not in self._rows])
        kept = [self._rows[column] for column in columns]
        way = np.array([signal.effort - signal.rest for signal, _ in parts], dtype=np.float64)
        way *= np.where(LENGTHS[columns], self._unit, 1.0)
        reach = np.array([row.reach for row in kept]) / np.abs(way)
        if not (reach > 1e-6).all():
            return None
        unit = np.array([row.unit for row in kept])
        # What falls towards the effort is low there.
        unit[way < 0] = 1.0 - unit[way < 0]
        return SignalRows(
            unit=unit,
            reach=reach,
            noise=np.array([row.noise for row in kept]) / np.abs(way),
            seen=np.array([row.seen for row in kept]),
            trust=np.array([row.trust for row in kept]),
            conf=np.array([row.conf for row in kept]),
            there=None if all(row.seen == 1.0 for row in kept) else np.array([row.there for row in kept]),
        )

    def _bring_to_range(self, columns: list[int]) -> None:
        if not columns:
            return
        at = [self._signals.columns.index(column) for column in columns]
        filled, steady = self._signals.filled[at], self._signals.steady[at]
        there = np.isfinite(self._view[_VALUES][columns])
        count = np.count_nonzero(there, axis=1)
        conf = self._view[_SURE][columns]
        if not there.all():
            conf[~there] = 0.0
        low, high = row_percentiles(steady, (LOW, HIGH)).T
        rows = zip(
            (steady - low[:, None]) / np.maximum(high - low, 1e-9)[:, None],
            (high - low).tolist(),
            (NOISE * row_medians(np.abs(filled - steady))).tolist(),
            (count / there.shape[1]).tolist(),
            (conf.sum(axis=1) / np.maximum(count, 1)).tolist(),
            conf,
            there,
            strict=True,
        )
        self._rows.update((column, _Row(*row)) for column, row in zip(columns, rows, strict=True))


class _Row(NamedTuple):
    """One measure in its own range: see :class:`SignalRows`; reach and noise are in pixels or degrees."""

    unit: Floats
    reach: float
    noise: float
    seen: float
    trust: float
    conf: Floats
    there: Bools


class _Frames:
    """Columns that are added at the end and dropped at the start of one block of memory."""

    def __init__(self, rows: int) -> None:
        self._block = np.empty((rows, 128))
        self._first = self._past = 0

    def __len__(self) -> int:
        return self._past - self._first

    @property
    def view(self) -> Floats:
        """``(rows, T)`` of what is kept, in place."""
        return self._block[:, self._first : self._past]

    def add(self, time: float, row: Floats) -> None:
        """Add one column."""
        self.extend(1)[0] = time
        self._block[1:, self._past - 1] = row

    def extend(self, count: int) -> Floats:
        """Add columns that are to be written, and return them."""
        if self._past + count > self._block.shape[1]:
            kept, need = self.view, 3 * (len(self) + count) // 2
            room = self._block if need <= self._block.shape[1] else np.empty((len(kept), need))
            room[:, : len(self)] = kept
            self._block, self._first, self._past = room, 0, len(self)
        self._past += count
        return self._block[:, self._past - count : self._past]

    def drop(self, count: int) -> None:
        """Drop the first ``count``."""
        self._first += count


class _Smoothed:
    """Measures of a window, in pixels and degrees, with their gaps filled, and smoothed.

    Attributes:
        columns: Which measures.
        filled: ``(S, T)``.
        steady: ``(S, T)``.
    """

    def __init__(self, columns: list[int], seconds: float) -> None:
        self.columns, self._seconds = columns, seconds
        self._kept = _Frames(2 * len(columns))
        self._reach = -1
        self._cut = False

    @property
    def filled(self) -> Floats:
        return self._kept.view[: len(self.columns)]

    @property
    def steady(self) -> Floats:
        return self._kept.view[len(self.columns) :]

    def drop(self, count: int) -> None:
        """Forget the first ``count`` frames."""
        self._kept.drop(min(count, len(self._kept)))
        self._cut = True

    def update(self, time: Floats, values: Floats, step: float) -> None:
        """Bring the series up to date.

        Args:
            time: ``(T,)`` seconds of all frames that the window has now.
            values: ``(M, T)`` all measures.
            step: Seconds from frame to frame.
        """
        known, count = len(self._kept), len(time)
        self._kept.extend(count - known)[: len(self.columns)] = values[self.columns, known:]
        reach = smoothing_reach(step, self._seconds)
        if reach != self._reach:
            # The frames come at another rate: another number of neighbours counts everywhere.
            self._reach, self._cut, known = reach, False, 0
            self.filled[:] = values[self.columns]
        changed = self._fill_end(time, known)
        if self._cut:
            self._cut = False
            self._smooth(time, 0, min(self._empty_start(time, values) + reach, count))
        self._smooth(time, max(changed - reach, 0), count)

    def _fill_end(self, time: Floats, known: int) -> int:
        """Fill the gaps that new frames close; returns the first frame that this changes."""
        start = int(time.searchsorted(time[known] - MAX_GAP_S - 1e-6)) if 0 < known < len(time) else known
        end = self.filled[:, start:]
        if np.isfinite(end).all():
            return known
        end[:] = fill_gaps(time[start:], end.T, max_gap_s=MAX_GAP_S).T
        return start

    def _empty_start(self, time: Floats, values: Floats) -> int:
        """Empty the gaps that the window now begins with; returns up to which frame this changes anything."""
        past = int(time.searchsorted(time[0] + MAX_GAP_S, side="right"))
        begun = np.logical_or.accumulate(np.isfinite(values[self.columns, :past]), axis=1)
        if begun.all():
            return 0
        self.filled[:, :past][~begun] = np.nan
        return past

    def _smooth(self, time: Floats, first: int, past: int) -> None:
        """Smooth a stretch of frames as :func:`poise.reps.series.smooth` does."""
        filled, steady, reach = self.filled, self.steady, self._reach
        for begin in range(first, past, _AT_ONCE):
            end = min(begin + _AT_ONCE, past)
            low, high = max(begin - reach, 0), min(end + reach, len(time))
            weight = np.exp(-0.5 * ((time[low:high, None] - time[begin:end]) / self._seconds) ** 2)
            apart = np.arange(low, high)[:, None] - np.arange(begin, end)
            weight[np.abs(apart) > reach] = 0.0
            some = filled[:, low:high]
            good = np.isfinite(some)
            if good.all():
                steady[:, begin:end] = some @ weight / weight.sum(axis=0)
                continue
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = np.where(good, some, 0.0) @ weight / (good.astype(np.float64) @ weight)
            steady[:, begin:end] = np.where(good[:, begin - low : end - low], mean, np.nan)


def _columns(signal: Signal) -> list[int]:
    """Return the columns of a signal's measure; none of one that has points of its own."""
    if signal.points:
        return []
    return [_column(signal, side) for side in (("left", "right") if signal.name in SIDED else ("both",))]


def _column(signal: Signal, side: str) -> int:
    return COLUMN[f"{side}_{signal.name}" if signal.name in SIDED else signal.name]
