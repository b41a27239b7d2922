"""Repetitions of exercises: counted live or from a whole clip."""

from poise.reps.counting import Count, Rejected, Rep
from poise.reps.exercise import Exercise, Rule, Signal, every, from_points, from_toml, get, names
from poise.reps.live import Event, RepCounter, State
from poise.reps.offline import Clip, Counted, count_reps
from poise.reps.people import Measured, Person, gather, measured

__all__ = [
    "Clip",
    "Count",
    "Counted",
    "Event",
    "Exercise",
    "Measured",
    "Person",
    "Rejected",
    "Rep",
    "RepCounter",
    "Rule",
    "Signal",
    "State",
    "count_reps",
    "every",
    "from_points",
    "from_toml",
    "gather",
    "get",
    "measured",
    "names",
]
