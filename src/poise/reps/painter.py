"""The counter on the frames of a stream, as it is counted: who, the angle, the trail and the number so far."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np

from poise.bodies.points import read_coco_points
from poise.frames import Image
from poise.geometry import Floats
from poise.reps.exercise import Exercise, get_exercise
from poise.reps.live import RepCounter, RepEvent
from poise.reps.overlay import angle_points, draw_reps
from poise.reps.timeline import COCO, FLASH_S, TRAIL_S
from poise.results import Results

# Seconds over which it is judged which point of an angle moves farthest.
_JUDGED_S = 4.0
_MIN_CONF = 0.15


class RepPainter:
    """Counts as the frames come, and draws the counter of the main person.

    Args:
        exercise: As for :class:`poise.RepCounter`.
        folder: A folder of the user's own exercises.

    Attributes:
        counter: Counts.
    """

    def __init__(self, exercise: str | Path | Exercise = "auto", *, folder: str | Path | None = None) -> None:
        self.counter = RepCounter(exercise, folder=folder)
        self._folder = folder
        self._person: int | None = None
        self._flashed = -np.inf
        self._points: deque[tuple[float, Floats]] = deque()

    def take(self, result: Results) -> list[RepEvent]:
        """Count in the next frame, which need not be drawn.

        Args:
            result: With ids from tracking.

        Returns:
            The repetitions that this frame finished.
        """
        events = self.counter.update(result)
        if self.counter.main != self._person:
            self._person, self._flashed = self.counter.main, -np.inf
            self._points.clear()
        if any(one.id == self._person for one in events):
            self._flashed = result.time
        row = self._row(result)
        if row is not None:
            xy, conf = read_coco_points(result)
            self._points.append((result.time, np.where(conf[row, :, None] > _MIN_CONF, xy[row], np.nan)))
        while self._points and not 0 <= result.time - self._points[0][0] <= _JUDGED_S:
            self._points.popleft()
        return events

    def draw(self, result: Results) -> Image:
        """Return the picture of the frame that was taken last, with the counter on it."""
        if self._person is None:
            return draw_reps(result, row=None, label="nobody yet", count=0, progress=0.0)
        state = self.counter.state(self._person)
        exercise = self._exercise(state.exercise)
        return draw_reps(
            result,
            row=self._row(result),
            label=state.exercise if exercise is not None else "no exercise yet",
            count=state.count,
            progress=state.progress,
            exercise=exercise,
            trail=self._trail(result.time, exercise),
            flash=float(np.clip(1 - (result.time - self._flashed) / FLASH_S, 0, 1)),
        )

    def _exercise(self, name: str) -> Exercise | None:
        if self.counter.exercise is not None:
            return self.counter.exercise
        return None if name == "none" else get_exercise(name, folder=self._folder)

    def _row(self, result: Results) -> int | None:
        """Return the main person's row, where it is in this frame."""
        if self._person is None or result.boxes.id is None:
            return None
        rows = np.flatnonzero(np.asarray(result.boxes.id) == self._person)
        return int(rows[0]) if len(rows) else None

    def _trail(self, time: float, exercise: Exercise | None) -> Floats:
        """Return where the point was that moves farthest among those of the exercise's angle, in the last second."""
        names = angle_points(exercise)
        if names is None or not self._points:
            return np.empty((0, 2))
        points = np.stack([xy for _, xy in self._points])[:, [point for name in names for point in COCO[name]]]
        seen = np.isfinite(points).all(axis=-1)
        spread = np.where(seen[..., None], points, 0.0).std(axis=0).sum(axis=-1)
        farthest = int(np.argmax(np.where(seen.mean(axis=0) > 0.8, spread, -1.0)))
        trail: Floats = points[[time - then <= TRAIL_S for then, _ in self._points], farthest]
        return trail
