"""Repetitions of exercises: counted live or from a whole clip."""

from poise.motion.reps.counting import Count, Rejected, Rep
from poise.motion.reps.exercises import Exercise, Rule, Signal, every, from_points, from_toml, get, names
from poise.motion.reps.live import Event, RepCounter, State
from poise.motion.reps.offline import Clip, Counted, count_reps
from poise.motion.reps.people import Measured, Person, gather, measured

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
