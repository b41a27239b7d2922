"""Repetitions of exercises: counted live by :class:`RepCounter`, or in a whole clip by :func:`count_reps`.

Bundled exercises are TOML in ``exercises``. From keypoints to a count: ``people`` collects who is seen, ``measures``
and ``cycles`` find what goes up and down, ``verdicts`` says which of it is a repetition, ``counting`` and
``recognition`` which exercise it is.
"""

from poise.reps.counting import Count, Rejected, Rep
from poise.reps.exercise import (
    Exercise,
    all_exercises,
    exercise_from_points,
    exercise_names,
    get_exercise,
    read_exercise,
)
from poise.reps.live import RepCounter, RepEvent, RepState
from poise.reps.measures import PersonMeasures, measure_person
from poise.reps.offline import CountedPerson, RepClip, count_reps
from poise.reps.painter import RepPainter
from poise.reps.people import Person, collect_people
from poise.reps.watch import RepWatch

__all__ = [
    "Count",
    "CountedPerson",
    "Exercise",
    "Person",
    "Rejected",
    "Rep",
    "RepClip",
    "RepCounter",
    "RepEvent",
    "RepPainter",
    "RepState",
    "RepWatch",
    "all_exercises",
    "count_reps",
    "exercise_from_points",
    "exercise_names",
    "get_exercise",
    "read_exercise",
]

# Names that code may still import.
Clip, Counted, Event, Measured, State = RepClip, CountedPerson, RepEvent, PersonMeasures, RepState
every, from_points, from_toml, get, names = (
    all_exercises,
    exercise_from_points,
    read_exercise,
    get_exercise,
    exercise_names,
)
gather, measured = collect_people, measure_person
