"""What is to be shown of a clip at one moment: count, progress, the trail of what moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.geometry import Floats
from poise.reps.counting import Rep
from poise.reps.exercise import Exercise, get_exercise
from poise.reps.offline import CountedPerson, RepClip
from poise.reps.overlay import angle_points
from poise.results import Results

TRAIL_S = 1.0
FLASH_S = 0.5
COCO = {"shoulder": (5, 6), "elbow": (7, 8), "wrist": (9, 10), "hip": (11, 12), "knee": (13, 14), "ankle": (15, 16)}


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One moment of the main person.

    Attributes:
        row: The person's row in the frame's results; None where not there.
        label: What is counted.
        count: Repetitions that have ended.
        progress: From 0 (rest) to 1 (effort).
        flash: From 0 to 1: how fresh the last repetition is.
        trail: ``(T, 2)`` pixels.
    """

    row: int | None
    label: str
    count: int
    progress: float
    flash: float
    trail: Floats


class Timeline:
    """Looks up what to show at a time, for the main person of a clip."""

    def __init__(self, clip: RepClip) -> None:
        self.main: CountedPerson | None = clip.people[0] if clip.people else None
        self.reps: tuple[Rep, ...] = self.main.found.reps if self.main else ()
        self.exercise: Exercise | None = None
        if self.main is not None and self.main.found.exercise not in ("none", "unknown"):
            try:
                self.exercise = self.main.found.spec or get_exercise(self.main.found.exercise)
            except ValueError:
                self.exercise = None
        self._ends = np.array([rep.end for rep in self.reps])
        self._line = self._curve()
        self._moving = self._moving_points()

    def _curve(self) -> Floats | None:
        if self.main is None or not self.main.found.curves:
            return None
        lines = [line.value for line in self.main.found.curves]
        value: Floats = np.nanmax(np.nan_to_num(np.stack(lines), nan=-1e9), axis=0)
        value = np.where(value < -1e8, np.nan, value)
        if not np.isfinite(value).any():
            return None
        low, high = np.nanpercentile(value, (4, 96))
        return np.asarray(np.clip((value - low) / max(high - low, 1e-6), 0, 1))

    def _moving_points(self) -> tuple[int, int] | None:
        """Return the pair of points that moves farthest among the exercise's angle, or wrists."""
        names = angle_points(self.exercise)
        if self.main is None or names is None:
            return None
        pairs = [COCO[name] for name in names]
        spread = [np.nan_to_num(np.nanstd(self.main.person.xy[:, list(pair)], axis=0)).sum() for pair in pairs]
        return pairs[int(np.argmax(spread))]

    def nearest(self, time: float) -> int:
        """Return the number of the frame nearest to a time."""
        assert self.main is not None
        person = self.main.person
        return int(person.frame[int(np.argmin(np.abs(person.time - time)))])

    def row(self, result: Results) -> int | None:
        """Return the main person's row in a frame; by place, as results may carry no ids."""
        if self.main is None or not len(result):
            return None
        person = self.main.person
        at = int(np.searchsorted(person.frame, result.frame))
        if at >= len(person) or person.frame[at] != result.frame:
            return None
        distance = np.abs(np.asarray(result.boxes.xyxy, dtype=np.float64) - person.box[at]).sum(axis=1)
        return int(np.argmin(distance))

    def at(self, result: Results) -> Moment:
        """Return what to show on a frame."""
        if self.main is None:
            return Moment(None, "nobody", 0, 0.0, 0.0, np.empty((0, 2)))
        done = int((self._ends <= result.time + 1e-6).sum())
        since = result.time - self._ends[done - 1] if done else np.inf
        person, row = self.main.person, self.row(result)
        at = int(np.searchsorted(person.time, result.time))
        progress = 0.0
        if self._line is not None and at < len(self._line):
            progress = float(np.nan_to_num(self._line[at]))
        trail = np.empty((0, 2))
        if self._moving is not None and row is not None:
            first = int(np.searchsorted(person.time, result.time - TRAIL_S))
            sure = person.conf[first : at + 1][:, list(self._moving)]
            side = self._moving[int(np.argmax(sure.mean(axis=0)))] if len(sure) else self._moving[0]
            trail = np.where(person.conf[first : at + 1, side, None] > 0.15, person.xy[first : at + 1, side], np.nan)
        name = self.main.found.exercise
        label = name if name != "none" else "no exercise"
        return Moment(row, label, done, progress, float(np.clip(1 - since / FLASH_S, 0, 1)), trail)
