"""Steady points while the video runs: One-Euro and Kalman filters, one state an id, no look-ahead.

smoother = Smoother()
for result in model.track("clip.mp4", stream=True):
    result = smoother.update(result)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.errors import suggest
from poise.filters import kalman
from poise.filters.uncertainty import point_sigma, sizes, weight
from poise.geometry import Bools, Floats, box_iou
from poise.results import Results
from poise.results.columns import Boxes, Keypoints
from poise.skeletons import Skeleton


@dataclass(frozen=True, slots=True, kw_only=True)
class OneEuro:
    """A first-order low-pass whose cutoff rises with speed: steady at rest, quick in motion.

    It lags by 1000 / (2π cutoff) ms, with the cutoff of the moment: :attr:`Smoother.lag_ms` says how much that is.

    Attributes:
        min_cutoff_hz: Cutoff at rest. Lower is steadier.
        beta: Rise of the cutoff, Hz for a speed of one instance size (root of the box's area) a second. Higher is
            quicker.
        speed_cutoff_hz: Cutoff of the speed's own low-pass.
        max_jump: A point further off than this, in instance sizes, beyond what its speed explains, counts as if it
            were only so far off: a keypoint that lands on the other leg for one frame must not pull.

    Source:
        Casiez, Roussel and Vogel, 1€ Filter, CHI 2012. Here speed is measured in sizes of the instance, so that one
        setting serves near and far people; both axes share one cutoff, so that the filter does not know how the
        camera is turned; the cutoff is multiplied by the point's weight, so that unsure points move less; and jumps
        are limited. The defaults were chosen with ``benchmarks/motion.py``.
    """

    min_cutoff_hz: float = 0.2
    beta: float = 3.5
    speed_cutoff_hz: float = 1.0
    max_jump: float = 0.1

    def __post_init__(self) -> None:
        for name in ("min_cutoff_hz", "speed_cutoff_hz", "max_jump"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.beta >= 0:
            raise ValueError(f"beta must not be negative, got {self.beta}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kalman:
    """A Kalman filter of constant velocity; measurements count by the keypoints' sigma or conf.

    Attributes:
        agility: Strength of the acceleration noise, instance sizes a second^1.5: how abruptly people turn. Higher is
            quicker and less steady.
        noise: Trembling from frame to frame as a share of the keypoint's whole error, most of which stays the same
            from one frame to the next.
        max_speed: Deviation of the velocity when an id is new, instance sizes a second.

    Source:
        See :mod:`poise.filters.kalman`. The defaults were chosen with ``benchmarks/motion.py``.
    """

    agility: float = 0.6
    noise: float = 1.0
    max_speed: float = 2.0

    def __post_init__(self) -> None:
        for name in ("agility", "noise", "max_speed"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


FILTERS: dict[str, type[OneEuro] | type[Kalman]] = {"one-euro": OneEuro, "kalman": Kalman}

# A person does not move further than this share of its own size from one frame to the next, not even at 5 frames a
# second: more is a cut in the video, or an id that jumped to somebody else.
_JUMP = 0.8

# Boxes of instances without ids that overlap more than this from frame to frame are one person.
_SAME = 0.2

# A frame may carry a point this many times as far as its low-passed speed says: people start abruptly.
_SURGE = 4.0


def filter_named(name: str | bool | OneEuro | Kalman) -> OneEuro | Kalman:
    """Return the filter that a user's ``smooth=`` means.

    Raises:
        ValueError: No filter has this name; with the nearest one that there is.
    """
    if isinstance(name, (OneEuro, Kalman)):
        return name
    if name is True:
        return OneEuro()
    if not isinstance(name, str) or name not in FILTERS:
        known = suggest(name, FILTERS) if isinstance(name, str) else f"; known: True, {', '.join(FILTERS)}"
        raise ValueError(f"no filter named {name!r}{known}")
    return FILTERS[name]()


class Smoother:
    """Steadies the keypoints and boxes of a stream of results, each id by itself.

    It works live: a result depends on this frame and those before it. Time is that of the results, so a changing frame
    rate does no harm. A keypoint that is missing stays missing; when it comes back within ``max_gap_s`` the filter goes
    on, later it starts anew, as it does after a cut. Instances
    without ids are matched by the overlap of their boxes, and keep none.

    Args:
        method: ``"one-euro"``, ``"kalman"``, or a :class:`OneEuro` or :class:`Kalman` with settings of its own.
        max_gap_s: Longest pause after which a point still goes on from where it was, seconds.

    An id not seen for ``max_gap_s`` is forgotten, so memory is that of the people in view.

    Raises:
        ValueError: The method is not known, or the results go back in time.
    """

    def __init__(self, method: str | bool | OneEuro | Kalman = "one-euro", *, max_gap_s: float = 0.5) -> None:
        self.method = filter_named(method)
        if not max_gap_s > 0:
            raise ValueError(f"max_gap_s must be positive, got {max_gap_s}")
        self.max_gap_s = max_gap_s
        self.reset()

    def reset(self) -> None:
        """Forget everything, as for a new source."""
        self._ids = np.empty(0, dtype=np.int64)
        self._state: kalman.State | None = None  # (M, K + 2, 2): the keypoints and the two corners of the box
        self._last = np.empty((0, 0))  # (M, K + 2) seconds when the point was last seen
        self._size = np.empty(0)
        self._time = -math.inf
        self._next = 1  # for instances without ids
        self._lag = np.empty((0, 0))
        self._skeleton: Skeleton | None = None
        self._spreads = np.empty(0)

    @property
    def lag_ms(self) -> Floats:
        """``(N, K)`` milliseconds by which each keypoint of the last result lags, if it goes on as it did.

        For the Kalman filter 0 for even motion; what it shows is the age of the measurements that it leans on.
        """
        return self._lag

    def update(self, result: Results) -> Results:
        """Return the result with steady keypoints and boxes."""
        if result.time <= self._time:
            raise ValueError(
                f"{result.path}: time must increase, got {result.time:.3f} s after {self._time:.3f} s; "
                "call reset() for a new source"
            )
        self._time = result.time
        rows = self._rows(result)
        points = result.keypoints
        size = sizes(np.asarray(result.boxes.xyxy, dtype=np.float64))
        size = np.where(np.isfinite(size), size, self._size[rows])
        self._size[rows] = size
        sigma, oks_sigmas = self._sigma(result, size)
        corners = np.asarray(result.boxes.xyxy, dtype=np.float64).reshape(-1, 2, 2)
        z = np.concatenate([np.asarray(points.xy, dtype=np.float64), corners], axis=1)
        value = self._step(z, sigma, size, weight(sigma, size, oks_sigmas), rows)
        k = len(points.skeleton)
        self._lag = self._lag[:, :k]
        data = np.array(result.boxes.data)
        data[:, :4] = value[:, k:].reshape(-1, 4)
        keypoints = Keypoints(value[:, :k], points.conf, points.skeleton, points.orig_shape, points.sigma, points.xyz)  # type: ignore[arg-type]
        return result.replace(keypoints=keypoints, boxes=Boxes(data, result.boxes.orig_shape))  # type: ignore[arg-type]

    def _sigma(self, result: Results, size: Floats) -> tuple[Floats, Floats]:
        """Return ``(N, K + 2, 2)`` sigma of keypoints and corners, and the spreads that they were made with."""
        points = result.keypoints
        if self._skeleton is not points.skeleton:
            # A corner of the box is as uncertain as the points that span it are on average.
            self._skeleton, oks = points.skeleton, points.skeleton.sigmas
            self._spreads = np.concatenate([oks, [float(np.mean(oks))] * 2])
        count, k = points.xy.shape[:2]
        conf = np.full((count, k + 2), np.nan)
        if points.conf is not None:
            conf[:, :k] = points.conf
        conf[:, k:] = np.asarray(result.boxes.conf)[:, None]
        own = None
        if any(points.sigma.strides):  # one NaN repeated has none: the network gives no sigma
            own = np.concatenate([points.sigma, np.full((count, 2, 2), np.nan)], axis=1)
        return point_sigma(conf, size, self._spreads, sigma=own), self._spreads

    def _match(self, boxes: Floats) -> NDArray[np.int64]:
        """Return ids for instances that have none: that of the box that overlaps most, or a new one.

        Good enough for points that move on a little from frame to frame; who is who over time is the tracker's work.
        """
        ids = np.zeros(len(boxes), dtype=np.int64)
        if self._state is not None and len(self._ids) and len(boxes):
            overlap = box_iou(boxes, self._state.x[:, -2:].reshape(-1, 4))
            while overlap.max() > _SAME:
                row, old = np.unravel_index(int(overlap.argmax()), overlap.shape)
                ids[row] = self._ids[old]
                overlap[row], overlap[:, old] = 0.0, 0.0
        fresh = np.flatnonzero(ids == 0)
        ids[fresh] = self._next + np.arange(len(fresh))
        self._next += len(fresh)
        return ids

    def _rows(self, result: Results) -> NDArray[np.intp]:
        """Return the state's row of every instance, after old ids were forgotten and new ones taken in."""
        p = len(result.skeleton) + 2
        boxes = np.asarray(result.boxes.xyxy, dtype=np.float64)
        known = result.boxes.id
        ids = self._match(boxes) if known is None else np.asarray(known).astype(np.int64)
        if self._state is None or self._last.shape[1] != p:
            self._ids = np.empty(0, dtype=np.int64)
            self._state = kalman.State(*(np.empty((0, p, 2)) for _ in range(5)))
            self._last, self._size = np.empty((0, p)), np.empty(0)
        if len(ids) == len(self._ids) and (ids == self._ids).all():
            return np.arange(len(ids))
        keep = np.isin(self._ids, ids) | (self._time - self._last.max(axis=1, initial=-np.inf) <= self.max_gap_s)
        new = np.setdiff1d(ids, self._ids)
        if not keep.all() or len(new):
            blank = np.full((len(new), p, 2), np.nan)
            self._ids = np.concatenate([self._ids[keep], new])
            self._state = kalman.State(*(np.concatenate([column[keep], blank]) for column in self._state))
            self._last = np.concatenate([self._last[keep], np.full((len(new), p), -np.inf)])
            self._size = np.concatenate([self._size[keep], np.full(len(new), np.nan)])
        order = np.argsort(self._ids)
        return order[np.searchsorted(self._ids, ids, sorter=order)]

    def _step(self, z: Floats, sigma: Floats, size: Floats, weights: Floats, rows: NDArray[np.intp]) -> Floats:
        assert self._state is not None
        s = kalman.State(*(column[rows] for column in self._state))
        last = self._last[rows]
        seen: Bools = np.asarray(np.isfinite(z).all(-1))
        dt = self._time - last
        goes_on = seen & (dt <= self.max_gap_s)
        goes_on &= ~_jumped(z, s.x, size, goes_on)[:, None]
        dt = np.where(goes_on, dt, 1.0)[..., None]
        scale = np.where(np.isfinite(size), size, 1.0)[:, None, None]
        if isinstance(self.method, OneEuro):
            after, lag = _one_euro(s, z, dt, scale, weights[..., None], self.method)
            fresh = kalman.State(z, *(np.zeros(z.shape) for _ in range(4)))
        else:
            m = self.method
            r = np.square(m.noise * sigma)
            r = np.where(np.isfinite(r), r, 1.0)
            guess = kalman.predict(s, dt, np.square(m.agility * scale))
            after = kalman.correct(guess, z, r)
            lag = 1000.0 * (dt * (1.0 - after.xx / r) / np.maximum(after.xx / r, 1e-9))
            fresh = kalman.start(np.nan_to_num(z), r, m.max_speed * scale)
        begins = (seen & ~goes_on)[..., None]
        new = kalman.State(
            *(np.where(begins, f, np.where(seen[..., None], a, old)) for f, a, old in zip(fresh, after, s, strict=True))
        )
        for column, values in zip(self._state, new, strict=True):
            column[rows] = values
        self._last[rows] = np.where(seen, self._time, last)
        self._lag = np.where(goes_on, (lag[..., 0] + lag[..., 1]) / 2, np.where(seen, 0.0, np.nan))
        return np.where(seen[..., None], new.x, np.nan)


def _one_euro(
    s: kalman.State, z: Floats, dt: Floats, size: Floats, weights: Floats, m: OneEuro
) -> tuple[kalman.State, Floats]:
    """Return the filter's next state and its lag, ms; ``s.v`` is the speed in sizes a second."""
    gap = (z - s.x) / size
    reach = m.max_jump + _SURGE * _length(s.v) * dt
    gap = gap * np.minimum(1.0, reach / np.maximum(_length(gap), 1e-12))
    speed = s.v + _alpha(m.speed_cutoff_hz, dt) * (gap / dt - s.v)
    cutoff = (m.min_cutoff_hz + m.beta * _length(speed)) * weights
    value = s.x + _alpha(cutoff, dt) * gap * size
    return s._replace(x=value, v=speed), 1000.0 / (2.0 * np.pi * cutoff) + np.zeros(z.shape)


def _length(vectors: Floats) -> Floats:
    """Return ``(..., 1)`` lengths; for two axes this is many times faster than numpy's norm."""
    return np.asarray(np.hypot(vectors[..., :1], vectors[..., 1:]))


def _alpha(cutoff_hz: Floats | float, dt: Floats) -> Floats:
    """Return the share of a new value in a low-pass of this cutoff."""
    turn = 2.0 * np.pi * cutoff_hz * dt
    return np.asarray(turn / (1.0 + turn))


def _jumped(z: Floats, before: Floats, size: Floats, both: Bools) -> Bools:
    """Return ``(N,)`` whether most of an instance's points are somewhere else altogether."""
    if not both.any():
        return np.zeros(len(z), dtype=bool)
    far = _length(z - before)[..., 0] > _JUMP * size[:, None]
    return np.asarray((far & both).sum(axis=1) * 2 > both.sum(axis=1))
