"""Falls: somebody upright comes down fast, lies, and does not get up.

Time decides, not a picture: sit-ups, push-ups and planks lie too, squats and lunges come down too, and jumping jacks
are fast too. Only a fall is all of it, in that order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from poise.events.event import Event, track_ids
from poise.events.posture import classify, measure_result
from poise.geometry import Bools, Floats
from poise.results import Results

# Of every person this much is remembered: about 4 s at 30 frames a second; faster cameras are thinned out.
_STEP_S = 1 / 31
_KEPT_S = 4.0
_KEPT = int(_KEPT_S / _STEP_S)
_FORGET_S = 10.0
# A track that ends and another that begins within this time and one body height are one person.
_BROKEN_S = 1.5
# Who looks smaller than this share of the height of who vanished must be nearer than that share of it.
_SMALL = 0.35
# Body heights a second. The head of a stick that falls over reaches sqrt(3 g L), 4.2 for 1.7 m, its middle half of
# that; seen from near, more. Hips that are faster are somebody else's, who got this id.
_FASTEST = 6.0
# So many frames at another place make it the new one; fewer are keypoints that jumped.
_JUMPED = 4
# Columns of what is remembered.
_TIME, _HIP, _HEAD, _ANKLE, _TRUNK, _LYING, _EXTENT, _ARMS, _LENGTHS = 0, 1, 3, 5, 7, 8, 9, 10, 11
_COLUMNS = 15
# Body heights from the ankles up to the hips: about 0.5 of who stands on straight legs, less seen from above.
_LEGS = 0.3
# Body heights from head to ankles of who is upright, at least, seen from wherever.
_TALL = 0.4
# Trunk over shins in the picture: 1.2 to 1.9 of who stands, 0.9 on a chair, where the shins are nearer; 0.7 of who
# holds a push-up and is seen from behind.
_POINTS = 0.8
# Arms are a third of a body. They carry whose shoulders are higher over the wrists than this, body heights, in this
# share of the time.
_CARRIED, _HELD = 0.15, 0.3
# Who falls was upright for most of so many seconds before.
_MOSTLY_S, _MOSTLY = 1.5, 0.6
# The head of who lies moves less than this share of what the hips may.
_HEAD_STILL = 0.6
# Body heights by which a head is over its middle place of the last second that comes up again; keypoints tremble by
# 0.02.
_RISES = 0.08
# A body that tips over along the view of a camera above dips by this share of a body height at least, from where the
# head is highest; shortens in all its parts, and stays as wide, and its feet where they are.
_DIP = 0.25
_SHORTER, _SHORT_PART, _UNLIKE, _WIDER, _FEET = 0.75, 0.88, 1.5, 0.1, 0.2


@dataclass(slots=True)
class _Person:
    """The last seconds of one person."""

    store: Floats = field(default_factory=lambda: np.empty((2 * _KEPT, _COLUMNS)))
    start: int = 0
    stop: int = 0
    height: float = 0.0  # of the body, pixels
    last: float = -np.inf
    seen: float = 0.0
    looked: float = 0.0
    jumps: int = 0
    fallen: float | None = None  # seconds
    up: float | None = None  # seconds: since when upright again

    @property
    def rows(self) -> Floats:
        """Return what is remembered, oldest first, as a view."""
        return self.store[self.start : self.stop]

    def add(self, row: Floats) -> None:
        """Remember one more frame, and forget the oldest."""
        if self.stop == len(self.store):
            kept = self.store[self.stop - _KEPT + 1 : self.stop].copy()
            self.store[: len(kept)] = kept
            self.start, self.stop = 0, len(kept)
        self.store[self.stop] = row
        self.stop += 1
        self.start = max(self.start, self.stop - _KEPT)

    def clear(self) -> None:
        """Forget everything but the height."""
        self.start = self.stop = self.jumps = 0


class FallWatch:
    """Says when somebody has fallen, and when they are up again.

    A fall is, for one id: (1) upright for ``upright_s``; (2) the head coming down by ``min_drop``, over the middle of
    that with ``min_speed``, and the hips with ``min_hips`` at their fastest, within ``drop_s``; (3) then lying, or less
    high than ``max_extent`` where the body points at the camera, or shorter in all its parts where it points away from
    a camera that looks down; (4) and moving less than ``max_motion`` for ``still_s``. So the alarm comes about
    ``still_s`` after the ground is hit.

    Speeds and ways are in upright heights: the height of head to ankles in the picture while the person was upright.
    Seen from above, it shortens as the way down does.

    Events: ``fall`` (value: speed of the head, upright heights a second) and ``got_up`` (value: seconds since the fall
    was said).

    Args:
        min_speed: Upright heights a second of the head, the mean over most of its way. Who tips over reaches 1.2 and
            more, whose knees give way within 1.5 s 0.7; who lies down on purpose in 3 s 0.65, who squats 0.5. It is a
            compromise; the documentation has what other values find. 1.3 m/s of the trunk at its fastest, the limit
            of the literature, are about 1 of the head of somebody of 1.7 m.
        min_hips: Upright heights a second of the hips, which are half way up: who nods or bends does not fall.
        min_drop: Upright heights by which the head comes down. From standing to lying it is 0.8, from a chair 0.6.
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
        min_speed: float = 0.7,
        min_hips: float = 0.4,
        min_drop: float = 0.4,
        drop_s: float = 1.5,
        upright_s: float = 0.3,
        max_extent: float = 0.45,
        still_s: float = 1.0,
        max_motion: float = 0.25,
    ) -> None:
        given = {"min_speed": min_speed, "min_drop": min_drop, "drop_s": drop_s, "still_s": still_s}
        for key, value in given.items():
            if not value > 0:
                raise ValueError(f"{key} must be more than 0, got {value}")
        if drop_s + still_s + upright_s > _KEPT_S - 0.5:
            raise ValueError(f"drop_s, still_s and upright_s together must be at most {_KEPT_S - 0.5} s")
        self.min_hips = min_hips
        self.min_speed, self.min_drop, self.drop_s, self.upright_s = min_speed, min_drop, drop_s, upright_s
        self.max_extent, self.still_s, self.max_motion = max_extent, still_s, max_motion
        self._people: dict[int, _Person] = {}

    def __len__(self) -> int:
        """Return the number of people remembered."""
        return len(self._people)

    def finish(self) -> list[Event]:
        """Forget everything: nothing of it ends with the source."""
        self.reset()
        return []

    def reset(self) -> None:
        """Forget everything."""
        self._people.clear()

    def update(self, result: Results) -> list[Event]:
        """Take the next frame."""
        found = measure_result(result)
        names, sure = classify(found)
        lying = np.where(names == "lying", 1.0, np.where(names == "unknown", np.nan, 0.0))
        extent = found.extent * found.height
        rows = np.column_stack(
            [np.full(len(lying), result.time), found.hip, found.head, found.ankle, found.trunk, lying, extent]
            + [found.arms, found.lengths]
        )
        whole = np.isfinite(rows[:, [_HIP, _HEAD]]).all(axis=1)
        events: list[Event] = []
        ids = track_ids(result)
        for at, number in enumerate(ids):
            if number not in self._people:
                self._people[number] = self._taken_over(found.hip[at], float(found.height[at]), ids, result.time)
            person = self._people[number]
            person.seen = result.time
            if not whole[at] or result.time - person.last < _STEP_S - 1e-3:
                continue
            if self._elsewhere(person, rows[at]):
                continue
            person.last = result.time
            _grow(person, float(found.height[at]))
            person.add(rows[at])
            if person.fallen is None:
                events += self._judge(person, number, result, float(sure[at]))
            else:
                events += self._after(person, number, result, float(sure[at]))
        for number in [n for n, person in self._people.items() if result.time - person.seen > _FORGET_S]:
            del self._people[number]
        return events

    def _elsewhere(self, person: _Person, row: Floats) -> bool:
        """Return whether the hips are where nobody gets that fast; a place that lasts begins a new past."""
        passed, person.looked = row[_TIME] - person.looked, row[_TIME]
        if person.stop == person.start or person.height <= 0:
            return False
        last = person.store[person.stop - 1]
        away = float(np.hypot(row[_HIP] - last[_HIP], row[_HIP + 1] - last[_HIP + 1])) / person.height
        if away <= _FASTEST * max(passed, _STEP_S):
            person.jumps = 0
            return False
        person.jumps += 1
        if person.jumps < _JUMPED:
            return True
        person.clear()
        return False

    def _taken_over(self, hip: Floats, height: float, ids: list[int], time: float) -> _Person:
        """Return the past of somebody of this size who vanished here a moment ago, else a new one.

        A fall may break a track.
        """
        for number, person in self._people.items():
            if number in ids or person.stop == person.start or time - person.seen >= _BROKEN_S:
                continue
            # What is small may be a thing that is taken for somebody; a body in free fall has not come far.
            most = 1.0 if height >= _SMALL * person.height else _SMALL
            reach = person.height * min(most, _FASTEST * max(time - person.seen, _STEP_S))
            last = person.store[person.stop - 1]
            if np.hypot(hip[0] - last[_HIP], hip[1] - last[_HIP + 1]) < reach:
                return self._people.pop(number)
        return _Person()

    def _judge(self, person: _Person, number: int, result: Results, sure: float) -> list[Event]:
        now, rows = result.time, person.rows
        if person.height <= 0 or len(rows) < 6 or now - rows[0, _TIME] < self.still_s + 0.2:
            return []
        down_now = bool(self._down(rows[-1:], person.height)[0])
        if not down_now and not rows[-1, _EXTENT] < _SHORTER * np.fmax.reduce(rows[:, _EXTENT]):
            return []
        still = rows[np.searchsorted(rows[:, _TIME], now - self.still_s - 1e-6) :]
        if len(still) < 4 or _speed_in_place(still) > self.max_motion * person.height:
            return []
        if self._held(still, person.height):
            return []
        if down_now:
            down = self._down(still, person.height)
            speed, drop = self._drop(rows, now, person.height) if down.mean() >= 0.7 else (0.0, 0.0)
        else:
            speed, drop = self._along_the_view(rows, still, now, person.height)
        if speed < self.min_speed or drop < self.min_drop:
            return []
        person.fallen, person.up = now, None
        conf = float(np.clip(0.5 + 0.25 * (speed / self.min_speed - 1) + 0.25 * (drop / self.min_drop - 1), 0.5, 0.99))
        return [Event(now, result.frame, number, "fall", speed, conf * max(sure, 0.5))]

    def _down(self, rows: Floats, height: float) -> Bools:
        """Return in which rows the body lies, or is low without standing on its legs, as who bends over does."""
        # From head to hips is half of the way to the ankles; where those are hidden, as behind a desk, less is low.
        share = np.where(np.isnan(rows[:, _ANKLE]), 0.5, 1.0)
        low = rows[:, _EXTENT] < share * self.max_extent * height
        stands = rows[:, _ANKLE + 1] - rows[:, _HIP + 1] > _LEGS * height
        return np.asarray((rows[:, _LYING] == 1) | (low & ~stands))

    def _held(self, rows: Floats, height: float) -> bool:
        """Return whether the arms hold the body up, as at push-ups; in their depths they do not, so a share does."""
        return bool(len(rows) and (rows[:, _ARMS] > _CARRIED * height).mean() > _HELD)

    def _upright(self, rows: Floats, height: float, *, tall: float = _TALL) -> Bools:
        """Return in which rows the body is upright: on its feet, its knees or a seat; ``tall`` body heights or more."""
        # Who is cut off by the picture's edge has no extent, and may be upright.
        upright = (rows[:, _TRUNK] < 45) & (rows[:, _LYING] != 1) & ~(rows[:, _EXTENT] <= tall * height)
        # Legs are half of an upright body from wherever it is seen; who holds a push-up has the feet beside the hips.
        upright &= ~(rows[:, _ANKLE + 1] - rows[:, _HIP + 1] < 0.3 * rows[:, _EXTENT])
        # A trunk shorter than the shins points at the camera.
        return np.asarray(upright & ~(rows[:, _LENGTHS] < _POINTS * rows[:, _LENGTHS + 2]))

    def _along_the_view(self, rows: Floats, still: Floats, now: float, height: float) -> tuple[float, float]:
        """Return speed and way down of the head of a body that tipped over along the view, in upright heights.

        A camera that looks down by about 40 degrees sees who fell away from it as upright as before: cos 40° and
        sin 40° are alike. But the whole body is shorter, trunk, thighs and shins, which no way of sitting or bending
        does; and it is as wide, so it is not the camera that zooms, and the feet are where they were.
        """
        begin = now - self.still_s - self.drop_s
        time = rows[:, _TIME]
        before = rows[(time >= begin - self.upright_s - 0.3) & (time <= begin + 0.1)]
        if len(before) < 4 or not (before[:, _TRUNK] < 45).mean() > 0.8 or (before[:, _LYING] == 1).any():
            return 0.0, 0.0
        if self._upright(before, height, tall=0.0).mean() < _MOSTLY:
            return 0.0, 0.0
        # Who squats towards the camera is as short for a moment, but the head comes down till then, and up again.
        head = still[:, _HEAD + 1]
        rises = float(np.median(head) - np.median(head[-3:])) > _RISES * height
        if rises or _speed_in_place(still, _HEAD) > _HEAD_STILL * self.max_motion * height:
            return 0.0, 0.0
        columns = [*range(_ANKLE, _ANKLE + 2), _EXTENT, *range(_LENGTHS, _COLUMNS)]
        first, last = np.median(before[:, columns], axis=0), np.median(still[:, columns], axis=0)
        feet = float(np.hypot(last[0] - first[0], last[1] - first[1])) / height
        ratio = last[2:] / np.maximum(first[2:], 1e-9)
        whole, parts, width = ratio[0], ratio[1:4], ratio[4]
        same = feet < _FEET and whole < _SHORTER and (parts < _SHORT_PART).all()
        if not same or parts.max() > _UNLIKE * parts.min() or not width > whole + _WIDER:
            return 0.0, 0.0
        falling = rows[(time >= begin) & (time <= now - self.still_s / 2)]
        drop, speed = _way_down(falling, float(np.median(still[:, _HEAD + 1])))
        tall = float(first[2])
        return speed / tall, drop / tall * self.min_drop / _DIP

    def _drop(self, rows: Floats, now: float, height: float) -> tuple[float, float]:
        """Return speed and way down of the head from upright to where it is still, in upright heights."""
        time = rows[:, _TIME]
        begin = now - self.still_s - self.drop_s - self.upright_s
        part = rows[(time >= begin) & (time <= now - self.still_s / 2)]
        if len(part) < 4:
            return 0.0, 0.0
        upright = self._upright(part, height)
        ended = np.flatnonzero(upright)
        if not len(ended):
            return 0.0, 0.0
        first, last = ended[0], ended[-1]
        before = rows[time <= part[last, _TIME]]
        steps = np.diff(before[:, _TIME], append=before[-1, _TIME])
        calm = (before[:, _TRUNK] < 45) & (before[:, _LYING] != 1)
        if float(np.minimum(steps, 0.2)[calm].sum()) < self.upright_s - 1e-6:
            return 0.0, 0.0
        # A push-up that flies is up for moments only.
        recent = before[before[:, _TIME] > part[last, _TIME] - _MOSTLY_S]
        if self._upright(recent, height, tall=0.0).mean() < _MOSTLY:
            return 0.0, 0.0
        if self._held(rows[time > part[last, _TIME]], height):
            return 0.0, 0.0
        falling = rows[(time >= part[first, _TIME]) & (time <= now - self.still_s / 2)]
        extent = float(np.median(before[calm, _EXTENT]))
        tall = float(np.clip(extent, 0.4 * height, height)) if np.isfinite(extent) else height
        rest = rows[time >= now - self.still_s / 2]
        rise = float(np.median(part[upright, _ANKLE + 1]) - np.median(rest[:, _ANKLE + 1]))
        if rise > _FEET * tall and (rest[:, _LYING] == 1).mean() < 0.5:
            return 0.0, 0.0  # feet do not rise in a fall; where the camera zooms out, all shrinks towards its middle
        end = float(np.median(rest[:, _HEAD + 1]))
        drop, speed = _way_down(falling, end)
        hips = _fastest(falling, _HIP + 1)
        return (speed / tall if hips > self.min_hips * tall else 0.0), drop / tall

    def _after(self, person: _Person, number: int, result: Results, sure: float) -> list[Event]:
        assert person.fallen is not None
        row = person.rows[-1]
        if row[_TRUNK] < 50 and row[_LYING] == 0 and row[_EXTENT] > 0.6 * person.height:
            person.up = result.time if person.up is None else person.up
            if result.time - person.up >= 0.5:
                lasted, person.fallen, person.up = person.up - person.fallen, None, None
                person.clear()
                return [Event(result.time, result.frame, number, "got_up", lasted, sure)]
        else:
            person.up = None
        return []


def _grow(person: _Person, chain: float) -> None:
    """Follow the body's height: up in a few frames, for a foreshortened body looks short; down in half a minute."""
    if np.isfinite(chain):
        share = 0.15 if chain > person.height else 0.001
        person.height = chain if person.height <= 0 else person.height + share * (chain - person.height)


def _way_down(rows: Floats, end: float) -> tuple[float, float]:
    """Return how far the head comes down to where it ends, pixels, and its speed on the way, pixels a second.

    The speed is the mean over the middle three fifths of the way; it trembles less than the fastest moment.
    """
    y = rows[:, _HEAD + 1]
    drop = end - float(np.min(y, initial=end))
    landed = np.flatnonzero(y >= end - 0.2 * drop)
    landed = landed[landed > int(np.argmin(y))]
    if drop <= 0 or not len(landed):
        return 0.0, 0.0
    last = int(landed[0])
    first = int(np.flatnonzero(y[:last] <= end - 0.8 * drop)[-1])
    return drop, float((y[last] - y[first]) / (rows[last, _TIME] - rows[first, _TIME]))


def _fastest(rows: Floats, column: int, *, over_s: float = 0.25) -> float:
    """Return the fastest speed downwards, pixels a second, by differences over a quarter of a second."""
    time, y = rows[:, 0], rows[:, column]
    later = np.searchsorted(time, time + over_s - 1e-6)
    good = later < len(time)
    if not good.any():
        return 0.0
    start, end = np.flatnonzero(good), later[good]
    step = time[end] - time[start]
    return float(np.max((y[end] - y[start]) / step))


def _speed_in_place(rows: Floats, column: int = _HIP) -> float:
    """Return how fast hips or head moved, pixels a second: the way between the means of both halves over their time."""
    half, place = len(rows) // 2, rows[:, column : column + 2]
    first, second = np.add.reduce(place[:half]) / half, np.add.reduce(place[half:]) / (len(rows) - half)
    off = place - np.add.reduce(place) / len(rows)
    spread = np.sqrt(np.add.reduce(np.square(off), axis=None) / len(rows))
    time = max(rows[-1, _TIME] - rows[0, _TIME], 1e-6)
    return float(max(2 * np.hypot(*(second - first)), 2 * spread) / time)
