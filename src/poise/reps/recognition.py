"""Recognise which exercise a person does: every one is tried, and the best fit to its rules wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from poise.reps.consistency import score_consistency
from poise.reps.counting import Count, count_exercise
from poise.reps.cycles import read_measure, read_signal
from poise.reps.exercise import Exercise
from poise.reps.measures import PersonMeasures
from poise.reps.series import clamp, median, seen_of, spread
from poise.reps.signals import COLUMN, SIDED

# An exercise is recognised from this score on.
MIN_SCORE = 0.35
# One repetition alone must fit better: sitting down, or taking something from a shelf, fits a squat half well.
MIN_SCORE_ALONE = 0.6
# The score from which a single repetition is believed while more may follow.
ALONE = 0.7
# How many times the score of what somebody did until now another exercise must have.
CLEARLY = 1.1


def recognise_exercise(person: PersonMeasures, exercises: Sequence[Exercise]) -> list[tuple[float, Count]]:
    """Score every exercise by how well the movement fits it, the best first.

    The score is the mean or median fit, the worse, of its repetitions to the rules, less where they are shallow, badly
    seen, few, or not of one course, and where other movements as large lie between them. Of two exercises that are each
    other's reverse, such as pressing and pulling down, the one that begins and ends at rest is right; there are more
    whole repetitions of it. One or two repetitions are not periodic; they must be near the full travel, done in place,
    and a single one must be most of what is seen.
    """
    scored = [(*found, exercise) for exercise in exercises if (found := score_exercise(person, exercise)) is not None]
    scored.sort(key=lambda item: item[0], reverse=True)
    out: list[tuple[float, Count]] = []
    for score, made, exercise in scored:
        # That it is this exercise is settled by the clear repetitions; then all of them count as if it had been named.
        whole = count_exercise(person, exercise) if score >= MIN_SCORE and not out else made
        sure_of = _told(score)
        out.append((sure_of, replace(whole, exercise_conf=sure_of)))
    return out


def choose_exercise(person: PersonMeasures, exercises: Sequence[Exercise], now: Exercise | None) -> Exercise | None:
    """Return which exercise a person does who goes on; another than now only where it is clearly better.

    It is what follows from :func:`recognise_exercise`, without the scores that change nothing.

    Args:
        person: The last seconds.
        exercises: Those to choose from.
        now: What was chosen before; None: nothing yet.
    """
    least, scored = MIN_SCORE, []
    held = score_exercise(person, now) if now is not None else None
    if now is not None and held is not None:
        scored.append((*held, now))
        if _believed(*held):
            least = max(least, CLEARLY * _told(held[0]))
        if least >= 1.0:
            return now  # no score is above 1
    for exercise in exercises:
        found = score_exercise(person, exercise, least=least - 0.001) if exercise is not now else None
        if found is not None:
            scored.append((*found, exercise))
    scored.sort(key=lambda item: item[0], reverse=True)
    for n, (score, made, exercise) in enumerate(scored):
        whole = n == 0 and score >= MIN_SCORE and not _believed(score, made)
        if _believed(score, count_exercise(person, exercise) if whole else made):
            held_score = _told(held[0]) if held is not None and _believed(*held) else 0.0
            return exercise if now is None or _told(score) > CLEARLY * held_score else now
    return now


def _told(score: float) -> float:
    """Return a score as it is told and compared."""
    return round(min(score, 1.0), 3)


def _believed(score: float, made: Count) -> bool:
    """Return whether a score is enough while more may follow: one repetition may be the beginning of anything."""
    return _told(score) >= MIN_SCORE and (len(made.reps) > 1 or _told(score) >= ALONE)


def score_exercise(person: PersonMeasures, exercise: Exercise, *, least: float = 0.0) -> tuple[float, Count] | None:
    """Return how well a movement fits an exercise, and its clear repetitions; None without any.

    Args:
        person: The person's measures.
        exercise: What is tried.
        least: Return None where the score is below, as soon as that is known.
    """
    if exercise.hold or not _moves(person, exercise):
        return None
    made = count_exercise(person, exercise, strict=True)
    n = len(made.reps)
    if n < max(exercise.least_reps, 1):
        return None
    fit = np.array([rep.fit for rep in made.reps])
    depth = median(np.array([rep.depth for rep in made.reps]))
    wanted = {1: 0.7, 2: 0.55}.get(n, exercise.min_depth)
    clear = clamp((depth - 0.5 * wanted) / (0.5 * wanted), 0.0, 1.0)
    sure = float(np.mean([rep.conf for rep in made.reps]))
    score = min(float(fit.mean()), median(fit)) * clear * sure**0.5 * (n + 1) / (n + 2) * 1.2
    # What follows can only lower it.
    explained = _explained(made)
    if score * explained < least:
        return None
    score *= _settled(person, made, exercise) * large(person)
    if score * explained < least:
        return None
    sides = [rep.side for rep in made.reps]
    score *= score_consistency(person, [(rep.start, rep.peak, rep.end) for rep in made.reps], sides) * explained
    score *= _from_rest(made)
    if n == 1 and score < MIN_SCORE_ALONE:
        score *= 0.5
    return (score, made) if score >= least else None


def _moves(person: PersonMeasures, exercise: Exercise) -> bool:
    """Return whether any signal's range reaches the least depth in the right posture: a cheap first look."""
    for rule in exercise.rules:
        if rule.gate and not rule.over and rule.at in ("rest", "effort", "mean"):
            value = read_measure(person, rule.signal, "both")[0]
            # A comparison with NaN is False: what was not seen rules nothing out.
            wrong = (value < rule.min - rule.soft) | (value > rule.max + rule.soft)
            if wrong.mean() > 0.95:
                return False
    for signal in exercise.signals:
        for side in ("left", "right") if signal.name in SIDED else ("both",):
            value = seen_of(read_signal(person, signal, side)[0])
            if len(value) >= 4 and spread(value, 2, 98) >= exercise.min_depth * abs(signal.effort - signal.rest):
                return True
    return False


def _settled(person: PersonMeasures, made: Count, exercise: Exercise) -> float:
    """Return how much repetitions look like a set: in place, and not moments of something else."""
    first, last = made.reps[0], made.reps[-1]
    moved = sum(rep.end - rep.start for rep in made.reps)
    if len(made.reps) >= 3:
        # A set's repetitions are alike, and those of an everyday movement follow upon one another without long breaks.
        length = np.array([rep.end - rep.start for rep in made.reps])
        depth = np.array([rep.depth for rep in made.reps])
        alike = (np.abs(np.log(length / np.median(length))) < np.log(2)) & (depth > 0.6 * np.median(depth))
        same = clamp((float(alike.mean()) - 0.3) / 0.5, 0.0, 1.0)
        if not exercise.everyday:
            return same
        dense = moved / max(last.end - first.start, 1e-6)
        return same * clamp(dense / 0.5, 0.0, 1.0) ** 2
    near = (person.time >= first.start - 1.5) & (person.time <= last.end + 1.5)
    x = seen_of(person.values[near, COLUMN["hip_x"]])
    travel = spread(x, 5, 95) if len(x) > 2 else 0.0
    place = clamp(2.0 - travel, 0.0, 1.0)
    if len(made.reps) > 1 and not exercise.everyday:
        return place
    share = moved / max(moved + _busy(made), 1e-6)
    lasts = [rep.end - rep.start for rep in made.reps]
    # Two movements of daily life of which one takes more than twice as long as the other are no set.
    alike = clamp(3.0 - max(lasts) / max(min(lasts), 1e-6), 0.0, 1.0)
    return place * alike * clamp(share / 0.45, 0.0, 1.0) ** 2


# How much of the score an exercise loses whose set begins and ends in the effort instead of at rest.
_REVERSED = 0.3


def _from_rest(made: Count) -> float:
    """Return 1 where a set begins and ends at rest, less where it does in the effort: then it is the reverse exercise.

    Looked at is the time from half to one repetition before and after it.
    """
    line = max(made.curves, key=lambda c: c.travel)
    first, last = made.reps[0].start, made.reps[-1].end
    length = median(np.array([rep.end - rep.start for rep in made.reps]))
    away = np.where(line.time < first, first - line.time, line.time - last)
    value = seen_of(line.value[(away > 0.4 * length) & (away < length)])
    if len(value) < 4:
        return 1.0
    ends = np.interp([first, last], line.time, np.nan_to_num(line.value))
    depth = median(np.array([rep.depth for rep in made.reps]))
    up = (median(value) - float(ends.mean())) / max(depth, 1e-6)
    return 1.0 - _REVERSED * clamp((up - 0.25) / 0.5, 0.0, 1.0)


# Of the movements as deep as a repetition that lie within a set, this share at least must be repetitions.
_ALL_BUT = 0.8
# One that is too shallow counts half: a pause for breath moves a little too.
_HALF = 0.5


def _explained(made: Count) -> float:
    """Return, in [0, 1], how far an exercise explains its set: what breaks its rules now and then is another one."""
    first, last = made.reps[0].start, made.reps[-1].end
    inside = [r for r in made.rejected if first < r.peak < last]
    other = sum(_HALF if r.small else 1.0 for r in inside)
    return min(1.0, len(made.reps) / (len(made.reps) + other) / _ALL_BUT)


def _busy(made: Count) -> float:
    """Return the seconds outside the repetitions in which the limb was not at rest; rest counts a little too."""
    line = max(made.curves, key=lambda c: c.travel)
    time, value = line.time, line.value
    outside = np.isfinite(value)
    for rep in made.reps:
        outside &= (time < rep.start) | (time > rep.end)
    base = np.median(np.interp([rep.start for rep in made.reps], time, np.nan_to_num(value)))
    depth = float(np.median([rep.depth for rep in made.reps]))
    step = np.diff(time, append=time[-1:])
    quiet = np.abs(value - base) < 0.3 * depth
    return float(step[outside & ~quiet].sum() + 0.15 * step[outside & quiet].sum())


def large(person: PersonMeasures) -> float:
    """Return, in [0, 1], how far a person is large enough to judge by a movement that may be anything.

    Keypoints are off by two or three pixels in any picture; of a torso of 24 pixels that is an eighth.
    """
    known = seen_of(person.scale)
    scale = median(known) if len(known) else 0.0
    return clamp((scale - 24.0) / 16.0, 0.0, 1.0)
