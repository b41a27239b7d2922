"""Holds: how long a position was kept still."""

from __future__ import annotations

import numpy as np

from poise.filters.offline import runs
from poise.reps.counting import Count
from poise.reps.cycles import read_measure
from poise.reps.exercise import Exercise
from poise.reps.measures import PersonMeasures
from poise.reps.series import fill_gaps, smooth
from poise.reps.verdicts import FLOOR, rule_score

# A position counts as kept from this long on; a way through it on the floor is shorter.
LEAST_HOLD_S = 2.0
# How much shoulders and hips may move in a second, torso lengths: breathing and shaking, not a push-up.
STILL = 0.25


def measure_hold(person: PersonMeasures, exercise: Exercise) -> Count:
    """Measure for how many seconds all rules of a hold were kept, in stretches of two seconds or more."""
    time = person.time
    score = np.ones(len(time))
    for rule in exercise.rules:
        value = read_measure(person, rule.signal, "both")[0]
        steady = smooth(time, fill_gaps(time, value[:, None], max_gap_s=0.5), seconds=0.15)[:, 0]
        score *= np.array([max(rule_score(rule, v), FLOOR) for v in steady.tolist()])
    place = np.stack([read_measure(person, name, "both")[0] for name in ("shoulder_y", "hip_y", "hip_x")], axis=1)
    place = smooth(time, fill_gaps(time, place, max_gap_s=0.5), seconds=0.1)
    step = np.gradient(place, time, axis=0) if len(time) > 1 else np.zeros_like(place)
    still = ~(np.nanmax(np.abs(np.nan_to_num(step)), axis=1) > STILL) & np.isfinite(place[:, 0])
    total = 0.0
    for first, past in runs((score > 0.4) & still):
        length = float(time[past - 1] - time[first])
        if length >= LEAST_HOLD_S:
            total += length
    return Count(exercise.name, round(float(np.median(score)), 3), hold_s=total)
