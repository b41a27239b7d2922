"""Count the repetitions of everybody in a clip, looking at all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from poise.reps.counting import Count, count_exercise
from poise.reps.exercise import Exercise, all_exercises, get_exercise
from poise.reps.holds import measure_hold
from poise.reps.measures import PersonMeasures, measure_person
from poise.reps.people import Person, collect_people
from poise.reps.recognition import MIN_SCORE, recognise_exercise
from poise.reps.unknown_exercise import count_unknown
from poise.results import Results

# Shorter than any repetition: somebody who is seen for less is not looked at.
_LEAST_S = 0.8
# Below this many frames a repetition its peak falls between the frames.
_LEAST_SAMPLES = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class CountedPerson:
    """One person and what was counted.

    Attributes:
        person: Keypoints over time.
        measured: Measures over time.
        found: The repetitions.
        others: Other exercises that it could be, with their scores, the best first.
    """

    person: Person
    measured: PersonMeasures
    found: Count
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RepClip:
    """The repetitions in a clip.

    Attributes:
        source: What the user named.
        fps: Frames a second.
        duration: Seconds.
        people: The main person first.
    """

    source: str
    fps: float
    duration: float
    people: tuple[CountedPerson, ...]

    def record(self) -> dict[str, Any]:
        """Return plain values as ``poise reps --json`` prints them; times in seconds."""
        people = []
        for one in self.people:
            found = one.found
            row: dict[str, Any] = {
                "id": one.person.id,
                "exercise": found.exercise,
                "exercise_conf": round(found.exercise_conf, 3),
                "count": found.count,
                "count_low": found.count_low,
                "count_high": found.count_high,
                "reps": [rep.record() for rep in found.reps],
                "rejected": [
                    {"start": round(r.start, 3), "end": round(r.end, 3), "reason": r.reason} for r in found.rejected
                ],
            }
            if found.hold_s > 0:
                row["hold_s"] = round(found.hold_s, 2)
            people.append(row)
        return {"source": self.source, "fps": round(self.fps, 3), "duration": round(self.duration, 3), "people": people}


def count_reps(
    results: Iterable[Results], exercise: str | Path | Exercise = "auto", *, folder: str | Path | None = None
) -> RepClip:
    """Count the repetitions of everybody in a clip.

    Args:
        results: The frames of one source in order, tracked or not. Pictures are not kept: a long clip needs only its
            keypoints.
        exercise: A name, the path of a ``.toml``, an :class:`Exercise`, or ``"auto"`` to recognise it.
        folder: A folder of the user's own exercises.

    Raises:
        ValueError: No exercise has this name; with the nearest one that there is.
        FormatError: The file is not an exercise.
    """
    wanted = (
        None
        if exercise == "auto"
        else exercise
        if isinstance(exercise, Exercise)
        else get_exercise(exercise, folder=folder)
    )
    about: dict[str, Any] = {"source": "", "fps": 0.0, "last": 0.0, "n": 0, "first": 0.0}

    def watch() -> Iterable[Results]:
        for result in results:
            if not about["n"]:
                about.update(source=result.path, fps=result.media.fps, first=result.time)
            about.update(last=result.time, n=about["n"] + 1)
            yield result

    people = collect_people(watch())
    step = (about["last"] - about["first"]) / max(about["n"] - 1, 1)
    fps = about["fps"] or (1.0 / step if step > 0 else 0.0)
    duration = about["last"] + (step if step > 0 else 0.0)
    made = [count_person(person, wanted, all_exercises(folder) if wanted is None else ()) for person in people]
    return RepClip(about["source"], float(fps), float(duration), tuple(main_first(made)))


def count_person(person: Person, exercise: Exercise | None, known: Sequence[Exercise] = ()) -> CountedPerson:
    """Count one person's repetitions.

    Args:
        person: Keypoints over time.
        exercise: What to count; None: recognise it among ``known``.
        known: The exercises to choose from.
    """
    measures = measure_person(person.time, person.xy, person.conf)
    if len(person) < 4 or person.time[-1] - person.time[0] < _LEAST_S:
        return CountedPerson(person, measures, Count(exercise.name if exercise else "none", 1.0 if exercise else 0.0))
    if exercise is not None:
        made = measure_hold(measures, exercise) if exercise.hold else count_exercise(measures, exercise)
        return CountedPerson(person, measures, _warn(made, measures))
    scored = recognise_exercise(measures, known)
    others = tuple((found.exercise, round(score, 3)) for score, found in scored)
    if scored and scored[0][0] >= MIN_SCORE:
        return CountedPerson(person, measures, _warn(scored[0][1], measures), others[1:])
    for hold in (k for k in known if k.hold):
        made = measure_hold(measures, hold)
        if made.hold_s > 0:
            return CountedPerson(person, measures, made, others)
    other = count_unknown(measures)
    if other.reps or other.rejected:
        return CountedPerson(person, measures, other, others)
    rejected = scored[0][1].rejected if scored else ()
    return CountedPerson(person, measures, Count("none", 0.0, rejected=rejected), others)


def main_first(people: Sequence[CountedPerson]) -> list[CountedPerson]:
    """Put the main person first: of those as prominent as half of the most prominent, one who does an exercise."""
    if not people:
        return []
    size = [
        float(np.sqrt(np.prod(np.clip(p.person.box[:, 2:] - p.person.box[:, :2], 0, None), axis=1)).sum())
        for p in people
    ]
    order = sorted(range(len(people)), key=lambda i: (size[i] < 0.5 * max(size), not people[i].found.count, -size[i]))
    return [people[i] for i in order]


def _warn(made: Count, person: PersonMeasures) -> Count:
    if len(made.reps) == 0:
        return made
    step = float(np.median(np.diff(person.time)))
    cycle = float(np.median([rep.end - rep.start for rep in made.reps]))
    samples = cycle / max(step, 1e-6)
    if samples >= _LEAST_SAMPLES:
        return made
    text = f"{samples:.1f} frames a repetition: below {_LEAST_SAMPLES:.0f}, some may be missed"
    return replace(made, warnings=(*made.warnings, text))
