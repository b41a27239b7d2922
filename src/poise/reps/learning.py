"""Learn an exercise from one demonstration: which measures go up and down with the repetitions, and how far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from poise.errors import FormatError, PoiseError
from poise.files.writing import write_atomically
from poise.geometry import Floats
from poise.reps.counting import count_exercise
from poise.reps.cycles import SHARE, Curve, find_cycles, read_measure, usual_depth
from poise.reps.exercise import Exercise, Rule, Signal
from poise.reps.measures import PersonMeasures, measure_person
from poise.reps.people import collect_people
from poise.reps.series import correlation, fill_gaps, smooth
from poise.reps.signals import PLACES, SIDED, WHOLE
from poise.results import Results
from poise.skeletons.tomlfile import quoted

# A measure must move this far to be learnt: far beyond what keypoints jitter.
_LEAST = {"degrees": 20.0, "torsos": 0.2}
# How many measures an exercise is counted on; more would only repeat these.
_MOST = 3
# How many of the clearest measures are tried as the leading one.
_TRIES = 8


@dataclass(frozen=True, slots=True)
class _Candidate:
    signal: Signal
    clear: float
    values: Floats


def learn_exercise(person: PersonMeasures, name: str, *, reps: int) -> Exercise:
    """Learn an exercise from a person who does it ``reps`` times.

    The demonstration begins and ends at rest. Every measure is tried; those on which exactly ``reps`` repetitions are
    found, and that move farthest beyond their noise, become the exercise's signals. Where the trunk is during the
    movement becomes its posture rule.

    Args:
        person: The demonstrator's measures.
        name: Of the exercise.
        reps: How many repetitions the demonstration shows.

    Raises:
        ValueError: ``reps`` is below 2.
        FormatError: No measure shows that many repetitions.
    """
    if reps < 2:
        raise ValueError(f"reps must be 2 or more, got {reps}: one repetition does not show what repeats")
    tried: list[_Candidate] = []
    counts: list[int] = []
    for measure, (unit, _) in {**SIDED, **WHOLE}.items():
        if measure in PLACES:  # what is learnt must not depend on where the camera stands
            continue
        value = read_measure(person, measure, "both")[0]
        steady = smooth(person.time, fill_gaps(person.time, value[:, None], max_gap_s=0.5), seconds=0.1)[:, 0]
        good = np.isfinite(steady)
        some = steady[good]
        if len(some) < 0.7 * len(steady) or len(some) < 8:
            continue
        low, high = np.percentile(some, (5, 95))
        if high - low < _LEAST[unit]:
            continue
        edge = max(2, len(some) // 30)
        at_rest = float(np.median(np.concatenate([some[:edge], some[-edge:]])))
        rest, effort = (low, high) if abs(at_rest - low) < abs(at_rest - high) else (high, low)
        progress = (steady - rest) / (effort - rest)
        trial = Exercise(name, (Signal(measure, rest, effort),), min_depth=0.4, min_rep_s=0.3)
        line = Curve(person.time, progress, np.ones(len(progress)), "both", 1.0)
        cycles = find_cycles(line, trial)
        least = SHARE * usual_depth([c.depth for c in cycles], 0.4)
        found = [c for c in cycles if c.depth >= least]
        counts.append(len(found))
        if len(found) != reps:
            continue
        depth = np.array([c.depth for c in found])
        noise = float(np.median(np.abs(value - steady)[np.isfinite(value)])) if np.isfinite(value).any() else np.inf
        clear = (high - low) / (_LEAST[unit] + 6 * noise) * float(depth.min() / max(depth.max(), 1e-6))
        # The set's own rest and effort: getting into position and out of it may go further.
        moments = [t for c in found for t in c.cover], [c.peak for c in found]
        rest, effort = (float(np.median(np.interp(at, person.time[good], some))) for at in moments)
        tried.append(_Candidate(Signal(measure, round(rest, 3), round(effort, 3)), clear, progress))
    if not tried:
        seen = f"; measures that move show {', '.join(map(str, sorted(set(counts))))}" if counts else ""
        raise FormatError(f"{name}: no measure shows exactly {reps} repetitions in the demonstration{seen}")
    tried.sort(key=lambda c: c.clear, reverse=True)
    made = [_assemble(person, name, tried, first) for first in tried[:_TRIES]]
    # The clearest that counts its own demonstration.
    return next((exercise for exercise in made if count_exercise(person, exercise).count == reps), made[0])


def learn_from_clip(
    results: Iterable[Results], name: str, *, reps: int, source: str = "the clip"
) -> tuple[Exercise, int]:
    """Learn an exercise from the main person of a clip; see :func:`learn_exercise`.

    Args:
        results: The frames of the demonstration in order, tracked or not.
        name: Of the exercise.
        reps: How many repetitions it shows.
        source: What the clip is called in errors.

    Returns:
        The exercise, and how many repetitions of the demonstration are counted with it.

    Raises:
        ValueError: ``reps`` is below 2.
        FormatError: No measure shows that many repetitions.
        PoiseError: Nobody was found.
    """
    people = collect_people(results)
    if not people:
        raise PoiseError(f"{source}: nobody was found in it")
    measures = measure_person(people[0].time, people[0].xy, people[0].conf)
    exercise = learn_exercise(measures, name, reps=reps)
    return exercise, count_exercise(measures, exercise).count


def write_exercise(exercise: Exercise, path: str | Path) -> Path:
    """Write an exercise as the TOML that :func:`poise.reps.read_exercise` reads."""
    write_atomically(Path(path), format_exercise(exercise))
    return Path(path)


def _assemble(person: PersonMeasures, name: str, tried: list[_Candidate], first: _Candidate) -> Exercise:
    """Make an exercise of one measure and those that go with it; others are another movement."""
    same = [first] + [c for c in tried if c is not first and correlation(c.values, first.values) > 0.7][: _MOST - 1]
    made = Exercise(name, tuple(c.signal for c in same), summary="Learnt from a demonstration.", min_rep_s=0.3)
    reps = count_exercise(person, made).reps
    level = read_measure(person, "trunk_tilt", "both")[0]
    during = np.isfinite(level) & np.any([(person.time >= r.start) & (person.time <= r.end) for r in reps], axis=0)
    rules: tuple[Rule, ...] = ()
    if during.any():
        low, high = np.percentile(level[during], (5, 95))
        rules = (
            Rule(
                "trunk_tilt", "mean", min=round(max(0.0, float(low) - 0.3), 2), max=round(float(high) + 0.3, 2),
                soft=0.2, gate=True, why="the trunk is not as in the demonstration",
            ),
        )  # fmt: skip
    lengths = [rep.end - rep.start for rep in reps] or [1.0]
    return replace(
        made, rules=rules, min_rep_s=round(max(0.2, 0.3 * min(lengths)), 2),
        max_rep_s=round(max(4.0, 5 * max(lengths)), 1),
    )  # fmt: skip


def format_exercise(exercise: Exercise) -> str:
    """Write an exercise as the TOML that :func:`poise.reps.exercise.read_exercise` reads."""
    lines = [f"name = {quoted(exercise.name)}", f"summary = {quoted(exercise.summary)}", f'sides = "{exercise.sides}"']
    lines += [f"{key} = {getattr(exercise, key):g}" for key in ("min_depth", "min_rep_s", "max_rep_s")]
    for signal in exercise.signals:
        lines += ["", "[[signal]]", f"name = {quoted(signal.name)}", f"rest = {signal.rest:g}"]
        lines += [f"effort = {signal.effort:g}", f"weight = {signal.weight:g}"]
        if signal.points:
            lines.append(f"points = {list(signal.points)}")
    for rule in exercise.rules:
        lines += ["", "[[rule]]", f"signal = {quoted(rule.signal)}", f"at = {quoted(rule.at)}"]
        lines += [f"{key} = {getattr(rule, key):g}" for key in ("min", "max") if np.isfinite(getattr(rule, key))]
        lines += [f"soft = {rule.soft:g}", f"unseen = {rule.unseen:g}"] + (
            [f"over = {quoted(rule.over)}"] if rule.over else []
        )
        lines += [f"gate = {str(rule.gate).lower()}", f"why = {quoted(rule.why)}"]
    return "\n".join(lines) + "\n"
