"""Falls: somebody upright comes down fast, lies, and does not get up.

Time decides, not a picture: sit-ups, push-ups and planks lie too, squats and lunges come down too, and jumping jacks
are fast too. Only a fall is all of it, in that order.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from poise.motion.events import Event, points_of, track_ids
from poise.motion.posture import classify, measure
from poise.results import Results

# Of every person this much is remembered: about 4 s at 30 frames a second; faster cameras are thinned out.
_STEP_S = 1 / 31
_KEPT_S = 4.0
_FORGET_S = 10.0
# A track that ends and another that begins within this time and one body height are one person.
_BROKEN_S = 1.5


@dataclass(slots=True)
class _Person:
    """The last seconds of one person; columns of ``rows``: time, hip x, hip y, head x, head y, trunk, lying, extent."""

    rows: deque[tuple[float, ...]] = field(default_factory=lambda: deque(maxlen=int(_KEPT_S / _STEP_S)))
    height: float = 0.0  # of the body, pixels
    last: float = -np.inf
    seen: float = 0.0
    fallen: float | None = None  # seconds
    up: float | None = None  # seconds: since when upright again


class FallWatch:
    """Says when somebody has fallen, and when they are up again.

    A fall is, for one id: (1) upright for ``upright_s``; (2) hips and head coming down with ``min_speed`` at their
    fastest, the head by ``min_drop`` in all within ``drop_s``; (3) then lying, or less high than ``max_extent`` where
    the body points at the camera; (4) and moving less than ``max_motion`` for ``still_s``. So the alarm comes about
    ``still_s`` after the ground is hit.

    Events: ``fall`` (value: the fastest speed of the hips, body heights a second) and ``got_up`` (value: seconds since
    the fall was said).

    Args:
        min_speed: Body heights a second. People who sit down reach 0.3 to 0.5; 1.3 m/s, the limit of the literature,
            is 0.75 for 1.7 m; half of what is seen is lost to the view and to smoothing.
        min_drop: Body heights by which the head comes down. From standing to lying it is 0.8, from a chair 0.6.
        drop_s: Longest time for that, seconds. A body that tips over like a stick takes about 1.
        upright_s: Seconds upright within the time before.
        max_extent: Height of head to ankles in the picture, in body heights, that counts as down.
        still_s: Seconds without motion.
        max_motion: Body heights a second that the hips may move while "still"; trembling keypoints reach 0.1.

    Source:
        Bourke, O'Donovan, ÓLaighin, The identification of vertical velocity profiles using an inertial sensor to
        investigate pre-impact detection of falls, Medical Engineering & Physics 30 (2008): -1.3 m/s of the trunk.
    """

    def __init__(
        self,
        *,
        min_speed: float = 0.6,
        min_drop: float = 0.4,
        drop_s: float = 1.5,
        upright_s: float = 0.3,
        max_extent: float = 0.45,
        still_s: float = 1.0,
        max_motion: float = 0.25,
    ) -> None:
        for key, value in {"min_speed": min_speed, "min_drop": min_drop, "drop_s": drop_s, "still_s": still_s}.items():
            if not value > 0:
                raise ValueError(f"{key} must be more than 0, got {value}")
        if drop_s + still_s + upright_s > _KEPT_S - 0.5:
            raise ValueError(f"drop_s, still_s and upright_s together must be at most {_KEPT_S - 0.5} s")
        self.min_speed, self.min_drop, self.drop_s, self.upright_s = min_speed, min_drop, drop_s, upright_s
        self.max_extent, self.still_s, self.max_motion = max_extent, still_s, max_motion
        self._people: dict[int, _Person] = {}

    def __len__(self) -> int:
        """Return the number of people remembered."""
        return len(self._people)

    def finish(self) -> list[Event]:
        """Forget everything."""
        self._people.clear()
        return []

    def update(self, result: Results) -> list[Event]:
        """Take the next frame."""
        xy, conf, boxes = points_of(result)
        found = measure(xy, conf, boxes, result.skeleton)
        names, sure = classify(found)
        lying = np.where(names == "lying", 1.0, np.where(names == "unknown", np.nan, 0.0))
        events: list[Event] = []
        ids = track_ids(result)
        for row, number in enumerate(ids):
            if number not in self._people:
                self._people[number] = self._taken_over(found.hip[row], ids, result.time)
            person = self._people[number]
            person.seen = result.time
            if not np.isfinite(found.hip[row]).all() or not np.isfinite(found.head[row]).all():
                continue
            if result.time - person.last < _STEP_S - 1e-3:
                continue
            person.last = result.time
            _grow(person, float(found.height[row]))
            person.rows.append(
                (
                    result.time, *found.hip[row], *found.head[row], float(found.trunk[row]), float(lying[row]),
                    float(found.extent[row] * found.height[row]),
                )
            )  # fmt: skip
            events += self._judge(person, number, result, float(sure[row]))
        for number in [n for n, person in self._people.items() if result.time - person.seen > _FORGET_S]:
            del self._people[number]
        return events

    def _taken_over(self, hip: NDArray[np.float64], ids: list[int], time: float) -> _Person:
        """Return the past of somebody who vanished here a moment ago, else a new one: a fall may break a track."""
        for number, person in self._people.items():
            away = number not in ids and person.rows and time - person.seen < _BROKEN_S
            if away and np.linalg.norm(hip - person.rows[-1][1:3]) < person.height:
                return self._people.pop(number)
        return _Person()

    def _judge(self, person: _Person, number: int, result: Results, sure: float) -> list[Event]:
        now = result.time
        if person.fallen is not None:
            return self._after(person, number, result, sure)
        rows = np.array(person.rows)
        if person.height <= 0 or len(rows) < 6 or now - rows[0, 0] < self.still_s + 0.2:
            return []
        still = rows[rows[:, 0] >= now - self.still_s - 1e-6]
        down = np.nan_to_num(still[:, 6]) + (still[:, 7] < self.max_extent * person.height) > 0
        if len(still) < 4 or down.mean() < 0.7 or not down[-1]:
            return []
        motion = _speed_in_place(still) / person.height
        if motion > self.max_motion:
            return []
        speed, drop = self._drop(rows, now, person.height)
        if speed < self.min_speed or drop < self.min_drop:
            return []
        person.fallen, person.up = now, None
        conf = float(np.clip(0.5 + 0.25 * (speed / self.min_speed - 1) + 0.25 * (drop / self.min_drop - 1), 0.5, 0.99))
        return [Event(now, result.frame, number, "fall", speed, conf * max(sure, 0.5))]

    def _drop(self, rows: NDArray[np.float64], now: float, height: float) -> tuple[float, float]:
        """Return the fastest way down before the stillness, and how far the head came, from upright."""
        part = rows[
            (rows[:, 0] >= now - self.still_s - self.drop_s - self.upright_s) & (rows[:, 0] <= now - self.still_s / 2)
        ]
        if len(part) < 4:
            return 0.0, 0.0
        upright = (part[:, 5] < 60) & (part[:, 6] != 1) & (part[:, 7] > 0.5 * height)
        ended = np.flatnonzero(upright)
        if not len(ended):
            return 0.0, 0.0
        first, last = ended[0], ended[-1]
        before = rows[(rows[:, 0] <= part[last, 0])]
        steps = np.diff(before[:, 0], append=before[-1, 0])
        calm = (before[:, 5] < 60) & (before[:, 6] != 1)
        if float(np.minimum(steps, 0.2)[calm].sum()) < self.upright_s - 1e-6:
            return 0.0, 0.0
        falling = part[first:]
        drop = (np.median(rows[rows[:, 0] >= now - self.still_s / 2, 4]) - np.min(falling[:, 4])) / height
        return min(_fastest(falling, 2), _fastest(falling, 4)) / height, float(drop)

    def _after(self, person: _Person, number: int, result: Results, sure: float) -> list[Event]:
        assert person.fallen is not None
        row = person.rows[-1]
        if row[5] < 50 and row[6] == 0 and row[7] > 0.6 * person.height:
            person.up = result.time if person.up is None else person.up
            if result.time - person.up >= 0.5:
                lasted, person.fallen, person.up = person.up - person.fallen, None, None
                person.rows.clear()
                return [Event(result.time, result.frame, number, "got_up", lasted, sure)]
        else:
            person.up = None
        return []


def _grow(person: _Person, chain: float) -> None:
    """Follow the body's height: up in a few frames, for a foreshortened body looks short; down in half a minute."""
    if np.isfinite(chain):
        share = 0.15 if chain > person.height else 0.001
        person.height = chain if person.height <= 0 else person.height + share * (chain - person.height)


def _fastest(rows: NDArray[np.float64], column: int, *, over_s: float = 0.25) -> float:
    """Return the fastest speed downwards, pixels a second, by differences over a quarter of a second."""
    time, y = rows[:, 0], rows[:, column]
    later = np.searchsorted(time, time + over_s - 1e-6)
    good = later < len(time)
    if not good.any():
        return 0.0
    start, end = np.flatnonzero(good), later[good]
    step = time[end] - time[start]
    return float(np.max((y[end] - y[start]) / step))


def _speed_in_place(rows: NDArray[np.float64]) -> float:
    """Return how fast the hips moved, pixels a second: the way between the means of both halves over their time."""
    half = len(rows) // 2
    way = np.linalg.norm(rows[half:, 1:3].mean(axis=0) - rows[:half, 1:3].mean(axis=0))
    spread = np.linalg.norm(rows[:, 1:3].std(axis=0))
    time = max(rows[-1, 0] - rows[0, 0], 1e-6)
    return float(max(2 * way, 2 * spread) / time)
