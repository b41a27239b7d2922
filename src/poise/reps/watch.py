"""Repetitions as events, beside falls, zones and gestures in one stream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from poise.events.event import Event
from poise.frames import Media, continues
from poise.reps.exercise import Exercise
from poise.reps.live import RepCounter
from poise.results import Results


class RepWatch:
    """Says when somebody has finished a repetition of an exercise.

    Events: ``EXERCISE.rep``, such as ``squat.rep`` or ``jumping-jack.rep``; value: how many this person has done.
    ``start`` and ``end`` of the event are those of the repetition.

    Args:
        exercise: As for :class:`poise.RepCounter`: a name, a file, an exercise, ``"auto"``; or a counter with settings
            of your own.
        kpts: As for :class:`poise.RepCounter`.
        folder: A folder of the user's own exercises.

    Attributes:
        counter: Counts.

    Raises:
        ValueError: No exercise has this name; with the nearest one that there is.
    """

    def __init__(
        self,
        exercise: str | Path | Exercise | RepCounter = "auto",
        *,
        kpts: Sequence[int] | None = None,
        folder: str | Path | None = None,
    ) -> None:
        if not isinstance(exercise, RepCounter):
            exercise = RepCounter(exercise, kpts=kpts, folder=folder)
        self.counter: RepCounter = exercise
        self._media: Media | None = None

    def update(self, result: Results) -> list[Event]:
        """Take the next frame; another source is counted from 0."""
        if self._media is not None and not continues(result.media, self._media):
            self.counter.reset()
        self._media = result.media
        return [
            Event(
                result.time,
                result.frame,
                made.id,
                f"{made.exercise.replace(' ', '-')}.rep",
                made.count,
                made.rep.conf,
                start=made.rep.start,
                end=made.rep.end,
            )
            for made in self.counter.update(result)
        ]

    def finish(self) -> list[Event]:
        """Forget everybody: a repetition that is not finished is none."""
        self.reset()
        return []

    def reset(self) -> None:
        """Forget everybody."""
        self.counter.reset()
        self._media = None
