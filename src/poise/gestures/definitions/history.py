"""One body's past, and what is taken of it: means, changes, swings, hops, speeds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.gestures.definitions.body_measures import ABOUT, LENGTHS, NAMES, TURNS

STATISTICS = (
    "now", "mean", "least", "most", "change", "net", "swings", "hop", "gravity", "dip", "growth", "drop", "speed",
    "pace",
)  # fmt: skip
# The longest gap of a measure, as a share of the window, over which a line is drawn.
MAX_GAP = 0.2
# Speeds are taken over this long, seconds: three frames of ordinary video, so that one frame's noise counts a third.
SPEED_OVER_S = 0.1
# A hop that came down longer ago, seconds, is over: the next one may begin.
JUST_S = 0.25
# Single frames that are off are left out of video that is at least this quick, frames per second; in slower video a
# frame is too long to be called a slip.
_MEDIAN_FROM_FPS = 20.0
# Nobody runs faster than 12 m/s, 24 trunks of half a metre; and points may be half a trunk off.
_FASTEST, _SLACK = 24.0, 0.5
_LENGTH, _ANGLE = LENGTHS.astype(float), 1.0 - LENGTHS
_STRAIGHT, _TURNED = np.ones(len(NAMES)), np.where(TURNS, -1.0, 1.0)
_FIRST = 128  # frames there is room for at first


class BodyHistory:
    """What was measured on one body in the last seconds, as columns that grow at the end.

    Args:
        keep_s: Seconds that are kept.
    """

    def __init__(self, keep_s: float) -> None:
        self.keep_s = keep_s
        self._time = np.zeros(_FIRST)
        self._rows, self._about = np.zeros((_FIRST, len(NAMES))), np.zeros((_FIRST, len(NAMES) + ABOUT))
        self._raw: list[Floats] = []
        self._start = self._end = 0

    def __len__(self) -> int:
        return self._end - self._start

    @property
    def time(self) -> Floats:
        """``(T,)`` seconds, rising; the last is now."""
        return self._time[self._start : self._end]

    def push(self, time: float, row: Floats, about: Floats) -> None:
        """Add the present, as :func:`~poise.gestures.definitions.body_measures.body_measures` gives it for one body.

        A clock that runs backwards, by a seek or another video, forgets what was; so does somebody who is suddenly
        elsewhere, because that is somebody else.
        """
        if len(self) and (time <= self._time[self._end - 1] or self._leapt(time, about)):
            self._start = self._end = 0
            self._raw.clear()
        if self._end == len(self._time):
            self._make_room()
        values = row
        self._raw = [*self._raw[-2:], row]
        if len(self._raw) == 3 and time - self._time[self._end - 2] <= 2.2 / _MEDIAN_FROM_FPS:
            a, b, c = self._raw
            middle = np.fmax(np.fmin(a, b), np.fmin(np.fmax(a, b), c))
            values = np.where(np.isfinite(c), middle, np.nan)
        self._time[self._end], self._rows[self._end], self._about[self._end] = time, values, about
        self._end += 1
        self._start += int(np.searchsorted(self.time, time - self.keep_s - 1e-9))

    def _leapt(self, time: float, about: Floats) -> bool:
        """Whether the shoulders are farther from where they were than anybody runs."""
        before, trunk = self._about[self._end - 1], float(about[-4])
        reach = trunk * (_SLACK + _FASTEST * (time - float(self._time[self._end - 1])))
        return math.hypot(float(about[-2] - before[-2]), float(about[-1] - before[-1])) > reach

    def scale(self) -> float:
        """Return the length of the trunk in pixels, the median of the past; NaN where no shoulders are seen."""
        trunk = self._about[self._start : self._end, -4]
        trunk = trunk[trunk > 0]
        half = len(trunk) // 2
        return float(np.partition(trunk, half)[half]) if len(trunk) else float("nan")

    def factors(self, scale: float, *, facing_s: float = 0.5) -> Floats:
        """Return the ``(M,)`` factors that make lengths of trunks, and sides the person's own.

        Args:
            scale: Length of the trunk, pixels.
            facing_s: Seconds of the past that say which way somebody faces. Seen from the side, networks exchange left
                and right from frame to frame, and that is not a movement.
        """
        across = self._about[self.since(facing_s) : self._end, -3]
        facing = across[np.isfinite(across)].sum()
        turned = _TURNED if facing < 0 else _STRAIGHT
        factors: Floats = turned * (_LENGTH / scale + _ANGLE)
        return factors

    def latest(self) -> Floats:
        """Return the ``(M,)`` present measures, lengths in pixels."""
        present: Floats = self._rows[self._end - 1]
        return present

    def conf(self, column: int) -> float:
        """Return how sure a present measure is."""
        return float(self._about[self._end - 1, column])

    def place(self) -> tuple[float, float]:
        """Return x and y of the middle of the shoulders now, pixels; NaN where they are not seen."""
        x, y = self._about[self._end - 1, -2:].tolist()
        return x, y

    def since(self, over_s: float) -> int:
        """Return where the last seconds begin, for :meth:`columns`."""
        earliest = self._time[self._end - 1] - over_s - 1e-9
        return self._start + int(self.time.searchsorted(earliest))

    def columns(self, since: int, which: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
        """Return ``(T,)`` times, ``(T, C)`` measures with lengths in pixels, ``(C,)`` how sure they are on average."""
        rows = slice(since, self._end)
        sure = self._about[rows][:, which]
        return self._time[rows], self._rows[rows][:, which], np.add.reduce(sure, axis=0) / len(sure)

    def _make_room(self) -> None:
        kept = len(self)
        size = max(_FIRST, 2 * kept)
        for name in ("_time", "_rows", "_about"):
            old = getattr(self, name)
            new = np.zeros((size, *old.shape[1:]))
            new[:kept] = old[self._start : self._end]
            setattr(self, name, new)
        self._start, self._end = 0, kept


def bridge_gaps(values: Floats) -> Floats:
    """Bridge the gaps of ``(T, C)`` columns in a straight line.

    NaN throughout where a gap is longer than a fifth of the window, because a movement may be hidden in it, or where
    less than half was seen.
    """
    there = np.isfinite(values)
    if there.all():
        return values
    made = values.copy()
    at = np.arange(len(values))
    for c, count in enumerate(np.count_nonzero(there, axis=0).tolist()):
        if count == len(values):
            continue
        seen = there[:, c].nonzero()[0]
        if 2 * count < len(values) or _longest_gap(seen, len(values)) > MAX_GAP * len(values):
            made[:, c] = np.nan
        else:
            made[:, c] = np.interp(at, seen, values[seen, c])
    return made


def _longest_gap(seen: NDArray[np.intp], count: int) -> int:
    """Return how many of ``count`` frames lie in the longest gap between those that are seen, at least one."""
    ends = max(int(seen[0]), count - 1 - int(seen[-1]))
    return max(ends, int((seen[1:] - seen[:-1]).max()) - 1) if len(seen) > 1 else ends


def take_statistic(time: Floats, values: Floats, kind: str, swing: float = 0.1) -> Floats:
    """Reduce the past of measures to one number each.

    Args:
        time: ``(T,)`` seconds, rising.
        values: ``(T, C)`` without gaps, or NaN throughout; see :func:`bridge_gaps`.
        kind: One of :data:`STATISTICS`. ``mean``, ``least``, ``most``; ``change``: greatest less least; ``net``: now
            less at first; ``swings``: turns of direction; ``hop``: top above both ends; ``gravity``: how quickly a hop
            rises and falls, as the acceleration of a free fall of its height and length, per second squared; ``dip``:
            ends above the bottom; ``growth``: now less least; ``drop``: greatest less now; ``speed``: the greatest,
            per second; ``pace``: the speed now.
        swing: Least size of a swing.

    Returns:
        ``(C,)``.
    """
    now = values[-1]
    reduced: Floats
    match kind:
        case "now":
            reduced = now
        case "mean":
            reduced = values.mean(axis=0)
        case "least":
            reduced = values.min(axis=0)
        case "most":
            reduced = values.max(axis=0)
        case "change":
            reduced = np.ptp(values, axis=0)
        case "net":
            reduced = now - values[0]
        case "hop":
            reduced = values.max(axis=0) - np.maximum(values[0], now)
        case "dip":
            reduced = np.minimum(values[0], now) - values.min(axis=0)
        case "growth":
            reduced = now - values.min(axis=0)
        case "drop":
            reduced = values.max(axis=0) - now
        case "speed" | "pace":
            rates = _rates(time, values)
            reduced = np.abs(rates[-1]) if kind == "pace" else np.abs(rates).max(axis=0)
        case _:
            one = fall_acceleration if kind == "gravity" else lambda _, column: count_swings(column, swing)
            reduced = np.array([one(time, values[:, c]) for c in range(values.shape[1])], dtype=float)
    return reduced


def _rates(time: Floats, values: Floats) -> Floats:
    """Return ``(≥ 1, C)`` changes per second over about :data:`SPEED_OVER_S`."""
    if len(time) < 2:
        return np.full((1, values.shape[1]), np.nan)
    step = (time[-1] - time[0]) / (len(time) - 1)
    lag = int(np.clip(round(SPEED_OVER_S / step), 1, len(time) - 1))
    rates: Floats = (values[lag:] - values[:-lag]) / (time[lag:] - time[:-lag])[:, None]
    return rates


def fall_acceleration(time: Floats, values: Floats) -> float:
    """Return the acceleration of the free fall that a hop looks like, in the unit of ``values`` per second squared.

    A body thrown up passes half of its height h twice, and is above it for t = 2 sqrt(h / g) seconds; so g = 4 h / t².
    NaN where the values do not hop, or came down longer ago than :data:`JUST_S`.
    """
    top = int(np.argmax(values)) if np.isfinite(values).all() else 0
    base = max(values[0], values[-1])
    if not 0 < top < len(values) - 1 or values[top] <= base:
        return float("nan")
    half = (values[top] + base) / 2
    below = values < half
    left = top - int(np.argmax(below[top::-1]))
    right = top + int(np.argmax(below[top:]))
    up = time[left] + (time[left + 1] - time[left]) * (half - values[left]) / (values[left + 1] - values[left])
    down = time[right - 1] + (time[right] - time[right - 1]) * (values[right - 1] - half) / (
        values[right - 1] - values[right]
    )
    if time[-1] - down > JUST_S:
        return float("nan")
    return float(4 * (values[top] - base) / (down - up) ** 2)


def count_swings(values: Floats, size: float) -> int:
    """Count the turns of direction of ``(T,)`` values, leaving out movements smaller than ``size``."""
    turns, direction = 0, 0
    low = high = extreme = float(values[0])
    for value in values[1:].tolist():
        if not direction:
            low, high = min(low, value), max(high, value)
            if high - low >= size:
                direction = 1 if value == high else -1
                extreme = value
        elif direction * (value - extreme) > 0:
            extreme = value
        elif direction * (extreme - value) >= size:
            turns, direction, extreme = turns + 1, -direction, value
    return turns
