"""Count repetitions while they are done: no look-ahead, bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poise.bodies.points import read_coco_points
from poise.errors import suggest
from poise.events.event import warn_assumed_times
from poise.geometry import Floats
from poise.reps.counting import Count, Rep, count_exercise
from poise.reps.exercise import Exercise, all_exercises, exercise_from_points, get_exercise
from poise.reps.measures import HIGH, LOW
from poise.reps.people import Follower, identify_rows
from poise.reps.recognition import choose_exercise
from poise.reps.series import clamp, percentiles, seen_of
from poise.reps.window import MeasureWindow, measure_bodies
from poise.results import Results


class RepCounter:
    """Counts the repetitions of everybody in a stream, as they are finished.

    A repetition is counted when the movement has come most of the way back to rest. Only the last seconds of each
    person are kept.

    Args:
        exercise: A name, the path of a ``.toml``, an exercise, or ``"auto"``.
        kpts: Three keypoint indices instead of an exercise, for the plain angle counter that users of this field
            know: below ``down_angle``, then above ``up_angle``.
        up_angle: Degrees, with ``kpts``.
        down_angle: Degrees, with ``kpts``.
        folder: A folder of the user's own exercises.
        window_s: Seconds that are kept of each person; a repetition must fit in.
        every_s: Look for new repetitions this often, seconds of the stream.
        patience_s: Forget a person who is not seen for this long.
        max_people: Forget the one not seen for longest beyond this many.

    Raises:
        ValueError: No exercise has this name; with the nearest one that there is.

    Example:
        >>> counter = RepCounter("squat")
        >>> counter.count
        0
    """

    def __init__(
        self,
        exercise: str | Path | Exercise = "auto",
        *,
        kpts: Sequence[int] | None = None,
        up_angle: float = 145.0,
        down_angle: float = 90.0,
        folder: str | Path | None = None,
        window_s: float = 20.0,
        every_s: float = 0.1,
        patience_s: float = 60.0,
        max_people: int = 100,
    ) -> None:
        if window_s <= 1 or every_s < 0 or patience_s <= 0 or max_people < 1:
            raise ValueError(
                f"window_s must be more than 1, every_s 0 or more, patience_s and max_people positive, "
                f"got {window_s}, {every_s}, {patience_s}, {max_people}"
            )
        if kpts is not None:
            self.exercise: Exercise | None = exercise_from_points(kpts, up_angle=up_angle, down_angle=down_angle)
        elif isinstance(exercise, Exercise):
            self.exercise = exercise
        else:
            self.exercise = None if exercise == "auto" else get_exercise(exercise, folder=folder)
        self._known = all_exercises(folder) if self.exercise is None else (self.exercise,)
        self._window, self._every, self._patience, self._most = window_s, every_s, patience_s, max_people
        self._told = False
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._people: OrderedDict[int, _LivePerson] = OrderedDict()
        self._follower = Follower()
        # Frames that were taken and are not measured yet.
        self._waiting: list[tuple[MeasureWindow, float, Floats, Floats]] = []

    @property
    def count(self) -> int:
        """Repetitions of the main person: the one with the most picture so far."""
        main = self.main
        return 0 if main is None else self._people[main].total

    @property
    def main(self) -> int | None:
        """Id of the main person; None before anybody was seen."""
        return max(self._people, key=lambda i: self._people[i].extent) if self._people else None

    @property
    def counts(self) -> dict[int, int]:
        """Repetitions of everybody who is remembered, by id."""
        return {number: person.total for number, person in self._people.items()}

    def state(self, number: int) -> RepState:
        """Return what is known of one person.

        Raises:
            KeyError: Nobody has this id.
        """
        if number not in self._people:
            raise KeyError(f"nobody with id {number}{suggest(str(number), map(str, self._people))}")
        return self._people[number].state()

    def update(self, result: Results) -> list[RepEvent]:
        """Take one frame; frames come in order of time.

        Args:
            result: With ids from tracking; people without an id are followed by their place.

        Returns:
            The repetitions that this frame finished, with the ids of who did them.
        """
        if result.time_from == "assumed" and not self._told:
            self._told = warn_assumed_times()
        xy, conf = read_coco_points(result)
        boxes = np.asarray(result.boxes.xyxy, dtype=np.float64)
        sizes = np.sqrt(np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 0.0)).tolist()
        events: list[RepEvent] = []
        due: list[tuple[int, _LivePerson]] = []
        for row, number in identify_rows(result, xy, conf, boxes, self._follower):
            if number < 1:
                continue
            person = self._people.get(number)
            if person is None:
                person = self._people[number] = _LivePerson(self._known, self.exercise, self._window, self._every)
            self._people.move_to_end(number)
            window = person.see(result.time, sizes[row])
            if window is not None:
                self._waiting.append((window, result.time, xy[row], conf[row]))
                if person.is_due(result.time):
                    due.append((number, person))
        if due or len(self._waiting) >= _MOST_WAITING:
            self._measure_waiting()
        for number, person in due:
            events += [RepEvent(number, rep, name, person.total) for rep, name in person.look(result.time)]
        for number in [n for n, p in self._people.items() if result.time - p.last > self._patience]:
            del self._people[number]
        while len(self._people) > self._most:
            self._people.popitem(last=False)
        return events

    def _measure_waiting(self) -> None:
        """Measure all that was seen since somebody was looked at last: together it is much cheaper than one by one."""
        windows, times, xy, conf = zip(*self._waiting, strict=True)
        for window, time, row in zip(windows, times, measure_bodies(np.array(xy), np.array(conf)), strict=True):
            window.add(time, row)
        self._waiting.clear()


@dataclass(frozen=True, slots=True)
class RepEvent:
    """A repetition that has just been counted.

    Attributes:
        id: Who did it.
        rep: The repetition.
        exercise: What it was.
        count: Repetitions of this person so far.
    """

    id: int
    rep: Rep
    exercise: str
    count: int

    def record(self) -> dict[str, Any]:
        """Return plain values for a line of JSON; times in seconds."""
        return {"id": self.id, "exercise": self.exercise, "count": self.count, **self.rep.record()}


@dataclass(frozen=True, slots=True)
class RepState:
    """What a live counter knows of one person.

    Attributes:
        count: Repetitions so far.
        exercise: Its name; ``"none"`` as long as it was not recognised.
        progress: From 0 (rest) to 1 (effort), now.
    """

    count: int
    exercise: str
    progress: float


class _LivePerson:
    """One person's last seconds, and how many repetitions were counted."""

    def __init__(self, known: Sequence[Exercise], fixed: Exercise | None, window_s: float, every_s: float) -> None:
        self._known, self._fixed = known, fixed
        self._window, self._every = window_s, every_s
        self._chosen: Exercise | None = fixed
        self._seen = MeasureWindow(known)
        self._looked = self._sought = -np.inf
        self._after = -np.inf  # peaks up to here are counted or past
        self.total = 0
        self.extent = 0.0
        self.last = -np.inf
        self._progress = 0.0

    def state(self) -> RepState:
        return RepState(self.total, self._chosen.name if self._chosen else "none", self._progress)

    def see(self, time: float, size: float) -> MeasureWindow | None:
        """Return the window that a frame is to be added to; None where it comes too soon, or late."""
        if time <= self.last:
            if time > self.last - 1.0:
                return None
            self._seen = MeasureWindow(self._known)  # the stream began anew
            self._looked = self._sought = self._after = -np.inf
        self.last = time
        self.extent += size
        return self._seen if self._seen.take(time) else None

    def is_due(self, time: float) -> bool:
        """Return whether new repetitions are to be looked for."""
        interval = self._every if self._chosen is not None else max(self._every, SEEK_S)
        return time - self._looked >= interval - 1e-6 and len(self._seen) >= 6

    def look(self, time: float) -> list[tuple[Rep, str]]:
        """Return the repetitions that are new; all frames that were taken have been added."""
        self._looked = time
        self._seen.forget(before=time - self._window)
        person = self._seen.measured()
        if self._fixed is None and time - self._sought >= (SEEK_S if self._chosen is None else 0.5) - 1e-6:
            self._sought = time
            chosen = choose_exercise(person, self._known, self._chosen)
            if chosen is not self._chosen:
                self._chosen, self.total, self._after = chosen, 0, -np.inf
        if self._chosen is None or self._chosen.hold:
            return []
        made = count_exercise(person, self._chosen, refine=False, after=self._after)
        self._progress = _now(made)
        one_limb = self._chosen.sides == "alternating"
        for rep in made.reps:
            self.total += 1
            # Limbs in turn overlap; otherwise nothing begins before this one's end.
            self._after = max(self._after, rep.peak + (0.5 if one_limb else 0.9) * (rep.end - rep.peak))
        return [(rep, self._chosen.name) for rep in made.reps]


# Frames of everybody that wait at most.
_MOST_WAITING = 256
# Seconds between attempts to recognise an exercise: a fifth of a second later nobody notices.
SEEK_S = 0.25


def _now(made: Count) -> float:
    """Return the last value of the curve between its rest and its effort."""
    line = max(made.curves, key=lambda c: c.travel, default=None)
    if line is None or not np.isfinite(line.value).any():
        return 0.0
    low, high = percentiles(seen_of(line.value), (LOW, HIGH))
    last = float(line.value[-1])
    return clamp(((0.0 if np.isnan(last) else last) - low) / max(high - low, 0.2), 0.0, 1.0)
