"""Count one person's repetitions of an exercise, or recognise which exercise it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from poise.reps.consistency import likeness
from poise.reps.cycles import Curve, Cycle, column, curve, cycles, merge_sides, named, usual
from poise.reps.exercise import Exercise
from poise.reps.people import Measured
from poise.reps.signals import COLUMN, SIDED
from poise.reps.verdicts import Verdict, judge


@dataclass(frozen=True, slots=True)
class Rep:
    """One repetition.

    Attributes:
        start: Seconds when it leaves the rest position.
        peak: Seconds of the deepest or highest point.
        end: Seconds when it is back at rest.
        depth: Travel as a share of the exercise's usual one (1 is a full repetition seen square on).
        side: ``"left"``, ``"right"`` or ``"both"``.
        conf: In [0, 1].
        symmetry: In [0, 1], the smaller of the two sides' travel over the greater; NaN where one was not seen.
        fit: In [0, 1], how well it fits the exercise's rules.
    """

    start: float
    peak: float
    end: float
    depth: float
    side: str
    conf: float
    symmetry: float = float("nan")
    fit: float = 1.0

    @property
    def tempo(self) -> tuple[float, float]:
        """Seconds from rest to the peak, and back."""
        return self.peak - self.start, self.end - self.peak


@dataclass(frozen=True, slots=True)
class Rejected:
    """A movement that was not counted.

    Attributes:
        start: Seconds.
        end: Seconds.
        reason: Why.
        near: Whether it missed by a little; it then counts in ``count_high``.
        peak: Seconds.
        small: Whether it was too shallow or not finished; others break a rule of the exercise.
    """

    start: float
    end: float
    reason: str
    near: bool = False
    peak: float = float("nan")
    small: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Count:
    """What one person did.

    Attributes:
        exercise: Its name; ``"unknown"`` for a periodic movement that is none of the known ones; ``"none"``.
        exercise_conf: In [0, 1].
        reps: The repetitions in order of time.
        rejected: What was not counted, and why.
        curves: The curves of progress that were counted on.
        hold_s: Seconds that a hold was kept.
        warnings: What the user should know, such as too few frames a repetition.
        spec: The exercise that was counted; None where none was.
    """

    exercise: str
    exercise_conf: float
    reps: tuple[Rep, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    curves: tuple[Curve, ...] = ()
    hold_s: float = 0.0
    warnings: tuple[str, ...] = ()
    spec: Exercise | None = None

    @property
    def count(self) -> int:
        """Number of repetitions."""
        return len(self.reps)

    @property
    def count_low(self) -> int:
        """Number of repetitions without the unsure ones."""
        return sum(rep.conf >= 0.5 for rep in self.reps)

    @property
    def count_high(self) -> int:
        """Number of repetitions, and of movements that were rejected by a little."""
        return len(self.reps) + sum(r.near for r in self.rejected)


# Of a set of four or more, a movement that takes less than this share of the usual time is a limb taken for another.
BRIEF = 0.4


def sides_of(exercise: Exercise) -> tuple[str, ...]:
    """Return the sides whose curves are counted."""
    return ("both",) if exercise.sides == "both" else ("left", "right")


def count(person: Measured, exercise: Exercise, *, strict: bool = False, refine: bool = True) -> Count:
    """Count the repetitions of one exercise.

    Args:
        person: The person's measures.
        exercise: What to count.
        strict: Whether every rule can reject a movement; off, only gates can, because the user said what it is.
        refine: Look twice: the second time with ranges and smoothing taken from the set itself.
    """
    if len(person.time) < 4 or not exercise.signals:
        return Count(exercise.name, 1.0)
    within, seconds, typical = None, 0.08, None
    lines: list[Curve] = []
    found: list[Cycle] = []
    for look in range(2 if refine else 1):
        lines = [curve(person, exercise, side, seconds=seconds, within=within) for side in sides_of(exercise)]
        if exercise.sides == "either":
            lines = [max(lines, key=lambda c: c.travel * float(c.sure.mean()))]
        first = [cycles(line, exercise) for line in lines]
        typical = usual([c.depth for some in first for c in some], exercise.min_depth)
        found_by_side = [cycles(line, exercise, typical=typical) for line in lines]
        found = found_by_side[0]
        if exercise.sides == "alternating":
            found = merge_sides(*found_by_side)
        good = [c for c in found if c.depth >= max(exercise.min_depth, 0.45 * typical)]
        if look == 0 and good:
            lengths = [c.end - c.start for c in good]
            within = np.array([good[0].cover[0], good[-1].cover[1]])
            seconds = float(np.clip(0.05 * np.median(lengths), 0.05, 0.2))
    by_side = {line.side: line for line in lines}
    lengths = [c.end - c.start for c in found if c.depth >= max(exercise.min_depth, 0.45 * (typical or 0.0))]
    brief = BRIEF * float(np.median(lengths)) if len(lengths) >= 4 and exercise.thresholds is None else 0.0
    reps, rejected = [], []
    for cycle in found:
        line = by_side.get(cycle.lead or cycle.side, lines[0])
        verdict = judge(person, exercise, line, cycle, typical=typical or 0.0, strict=strict, brief_s=brief)
        if verdict.reason:
            if cycle.depth > 0.5 * exercise.min_depth:
                rejected.append(
                    Rejected(cycle.start, cycle.end, verdict.reason, verdict.near, cycle.peak, verdict.small)
                )
        else:
            reps.append(_rep(cycle, verdict, person, exercise))
    return Count(exercise.name, 1.0, tuple(reps), tuple(rejected), tuple(lines), spec=exercise)


def _rep(cycle: Cycle, verdict: Verdict, person: Measured, exercise: Exercise) -> Rep:
    even = _symmetry(cycle, person, exercise)
    return Rep(cycle.start, cycle.peak, cycle.end, cycle.depth, cycle.side, verdict.conf, even, verdict.fit)


def _symmetry(cycle: Cycle, person: Measured, exercise: Exercise) -> float:
    """Compare how far the two limbs move in a repetition of both; NaN where one was not seen, or did not take part."""
    signal = next((s for s in exercise.signals if s.name in SIDED), None)
    if signal is None or cycle.side != "both":
        return float("nan")
    inside = (person.time >= cycle.start) & (person.time <= cycle.end)
    ways = []
    for side in ("left", "right"):
        value = column(person, signal, side)[0][inside]
        value = value[np.isfinite(value)]
        if len(value) < 4:
            return float("nan")
        ways.append(float(np.subtract(*np.percentile(value, (95, 5)))))
    return round(min(ways) / max(*ways, 1e-9), 3)


# An exercise is recognised from this score on.
MIN_SCORE = 0.35
# One repetition alone must fit better: sitting down, or taking something from a shelf, fits a squat half well.
MIN_SCORE_ALONE = 0.6


def recognise(person: Measured, exercises: Sequence[Exercise]) -> list[tuple[float, Count]]:
    """Score every exercise by how well the movement fits it, the best first.

    The score is the mean or median fit, the worse, of its repetitions to the rules, less where they are shallow, badly
    seen, few, or not of one course, and where other movements as large lie between them. Of two exercises that are each
    other's reverse, such as pressing and pulling down, the one that begins and ends at rest is right; there are more
    whole repetitions of it. One or two repetitions are not periodic; they must be near the full travel, done in place,
    and a single one must be most of what is seen.
    """
    scored = []
    for exercise in exercises:
        if exercise.hold or not _moves(person, exercise):
            continue
        made = count(person, exercise, strict=True)
        if len(made.reps) < max(exercise.least_reps, 1):
            continue
        n = len(made.reps)
        fit = np.array([rep.fit for rep in made.reps])
        depth = float(np.median([rep.depth for rep in made.reps]))
        wanted = {1: 0.7, 2: 0.55}.get(n, exercise.min_depth)
        clear = float(np.clip((depth - 0.5 * wanted) / (0.5 * wanted), 0, 1))
        sure = float(np.mean([rep.conf for rep in made.reps]))
        score = min(float(fit.mean()), float(np.median(fit))) * clear * sure**0.5 * (n + 1) / (n + 2) * 1.2
        score *= _settled(person, made, exercise) * large(person)
        sides = [rep.side for rep in made.reps]
        score *= likeness(person, [(rep.start, rep.peak, rep.end) for rep in made.reps], sides) * _explained(made)
        score *= _from_rest(made)
        if n == 1 and score < MIN_SCORE_ALONE:
            score *= 0.5
        scored.append((score, made, exercise))
    scored.sort(key=lambda item: item[0], reverse=True)
    out: list[tuple[float, Count]] = []
    for score, made, exercise in scored:
        # That it is this exercise is settled by the clear repetitions; then all of them count as if it had been named.
        whole = count(person, exercise) if score >= MIN_SCORE and not out else made
        sure_of = round(min(score, 1.0), 3)
        out.append((sure_of, replace(whole, exercise_conf=sure_of)))
    return out


def _moves(person: Measured, exercise: Exercise) -> bool:
    """Return whether any signal's range reaches the least depth in the right posture: a cheap first look."""
    for rule in exercise.rules:
        if rule.gate and not rule.over and rule.at in ("rest", "effort", "mean"):
            value = named(person, rule.signal, "both")[0]
            # A comparison with NaN is False: what was not seen rules nothing out.
            wrong = (value < rule.min - rule.soft) | (value > rule.max + rule.soft)
            if wrong.mean() > 0.95:
                return False
    for signal in exercise.signals:
        for side in ("left", "right") if signal.name in SIDED else ("both",):
            value = column(person, signal, side)[0]
            value = value[np.isfinite(value)]
            if len(value) >= 4:
                low, high = np.percentile(value, (2, 98))
                if high - low >= exercise.min_depth * abs(signal.effort - signal.rest):
                    return True
    return False


def _settled(person: Measured, made: Count, exercise: Exercise) -> float:
    """Return how much repetitions look like a set: in place, and not moments of something else."""
    first, last = made.reps[0], made.reps[-1]
    moved = sum(rep.end - rep.start for rep in made.reps)
    if len(made.reps) >= 3:
        # A set's repetitions are alike, and those of an everyday movement follow upon one another without long breaks.
        length = np.array([rep.end - rep.start for rep in made.reps])
        depth = np.array([rep.depth for rep in made.reps])
        alike = (np.abs(np.log(length / np.median(length))) < np.log(2)) & (depth > 0.6 * np.median(depth))
        same = float(np.clip((alike.mean() - 0.3) / 0.5, 0, 1))
        if not exercise.everyday:
            return same
        dense = moved / max(last.end - first.start, 1e-6)
        return same * float(np.clip(dense / 0.5, 0, 1) ** 2)
    near = (person.time >= first.start - 1.5) & (person.time <= last.end + 1.5)
    x = person.values[near, COLUMN["hip_x"]]
    x = x[np.isfinite(x)]
    travel = float(np.ptp(np.percentile(x, (5, 95)))) if len(x) > 2 else 0.0
    place = float(np.clip(2.0 - travel, 0, 1))
    if len(made.reps) > 1 and not exercise.everyday:
        return place
    share = moved / max(moved + _busy(made), 1e-6)
    lasts = [rep.end - rep.start for rep in made.reps]
    # Two movements of daily life of which one takes more than twice as long as the other are no set.
    alike = float(np.clip(3.0 - max(lasts) / max(min(lasts), 1e-6), 0, 1))
    return place * alike * float(np.clip(share / 0.45, 0, 1) ** 2)


# How much of the score an exercise loses whose set begins and ends in the effort instead of at rest.
_REVERSED = 0.3


def _from_rest(made: Count) -> float:
    """Return 1 where a set begins and ends at rest, less where it does in the effort: then it is the reverse exercise.

    Looked at is the time from half to one repetition before and after it.
    """
    line = max(made.curves, key=lambda c: c.travel)
    first, last = made.reps[0].start, made.reps[-1].end
    length = float(np.median([rep.end - rep.start for rep in made.reps]))
    away = np.where(line.time < first, first - line.time, line.time - last)
    value = line.value[(away > 0.4 * length) & (away < length)]
    value = value[np.isfinite(value)]
    if len(value) < 4:
        return 1.0
    ends = np.interp([first, last], line.time, np.nan_to_num(line.value))
    depth = float(np.median([rep.depth for rep in made.reps]))
    up = (float(np.median(value)) - float(ends.mean())) / max(depth, 1e-6)
    return 1.0 - _REVERSED * float(np.clip((up - 0.25) / 0.5, 0, 1))


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


def large(person: Measured) -> float:
    """Return, in [0, 1], how far a person is large enough to judge by a movement that may be anything.

    Keypoints are off by two or three pixels in any picture; of a torso of 24 pixels that is an eighth.
    """
    scale = float(np.nanmedian(person.scale)) if np.isfinite(person.scale).any() else 0.0
    return float(np.clip((scale - 24.0) / 16.0, 0, 1))
