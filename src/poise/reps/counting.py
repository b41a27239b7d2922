"""Count one person's repetitions of an exercise, or recognise which exercise it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.reps.cycles import (
    Curve,
    Cycle,
    find_cycles,
    find_depths,
    merge_sides,
    read_signal,
    usual_depth,
)
from poise.reps.exercise import Exercise
from poise.reps.fusing import fuse_signals
from poise.reps.measures import PersonMeasures
from poise.reps.series import median, seen_of, spread
from poise.reps.signals import SIDED
from poise.reps.verdicts import Verdict, judge_cycle


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

    def record(self) -> dict[str, float | str]:
        """Return plain values for JSON; times in seconds."""
        return {
            "start": round(self.start, 3), "peak": round(self.peak, 3), "end": round(self.end, 3),
            "depth": round(self.depth, 3), "side": self.side, "conf": round(self.conf, 3),
        }  # fmt: skip


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


def count_exercise(
    person: PersonMeasures, exercise: Exercise, *, strict: bool = False, refine: bool = True, after: float = -np.inf
) -> Count:
    """Count the repetitions of one exercise.

    Args:
        person: The person's measures.
        exercise: What to count.
        strict: Whether every rule can reject a movement; off, only gates can, because the user said what it is.
        refine: Look twice: the second time with ranges and smoothing taken from the set itself.
        after: Seconds; repetitions and what is rejected are only told where their peak is later.
    """
    if len(person.time) < 4 or not exercise.signals:
        return Count(exercise.name, 1.0)
    within, seconds, typical = None, 0.08, None
    lines: list[Curve] = []
    found: list[Cycle] = []
    for look in range(2 if refine else 1):
        lines = [fuse_signals(person, exercise, side, seconds=seconds, within=within) for side in sides_of(exercise)]
        if exercise.sides == "either":
            lines = [max(lines, key=lambda c: c.travel * float(c.sure.mean()))]
        typical = usual_depth([d for line in lines for d in find_depths(line, exercise)], exercise.min_depth)
        found_by_side = [find_cycles(line, exercise, typical=typical) for line in lines]
        found = found_by_side[0]
        if exercise.sides == "alternating":
            found = merge_sides(*found_by_side)
        good = [c for c in found if c.depth >= max(exercise.min_depth, 0.45 * typical)]
        if not good:
            break  # nothing is known of the set that a second look could use
        if look == 0:
            lengths = [c.end - c.start for c in good]
            within = np.array([good[0].cover[0], good[-1].cover[1]])
            seconds = min(max(0.05 * median(np.array(lengths)), 0.05), 0.2)
    by_side = {line.side: line for line in lines}
    lengths = [c.end - c.start for c in found if c.depth >= max(exercise.min_depth, 0.45 * (typical or 0.0))]
    brief = BRIEF * median(np.array(lengths)) if len(lengths) >= 4 and exercise.thresholds is None else 0.0
    reps, rejected = [], []
    for cycle in found:
        if cycle.peak <= after:
            continue
        line = by_side.get(cycle.lead or cycle.side, lines[0])
        verdict = judge_cycle(person, exercise, line, cycle, typical=typical or 0.0, strict=strict, brief_s=brief)
        if verdict.reason:
            if cycle.depth > 0.5 * exercise.min_depth:
                rejected.append(
                    Rejected(cycle.start, cycle.end, verdict.reason, verdict.near, cycle.peak, verdict.small)
                )
        else:
            reps.append(_rep(cycle, verdict, person, exercise))
    return Count(exercise.name, 1.0, tuple(reps), tuple(rejected), tuple(lines), spec=exercise)


def _rep(cycle: Cycle, verdict: Verdict, person: PersonMeasures, exercise: Exercise) -> Rep:
    even = _symmetry(cycle, person, exercise)
    return Rep(cycle.start, cycle.peak, cycle.end, cycle.depth, cycle.side, verdict.conf, even, verdict.fit)


def _symmetry(cycle: Cycle, person: PersonMeasures, exercise: Exercise) -> float:
    """Compare how far the two limbs move in a repetition of both; NaN where one was not seen, or did not take part."""
    signal = next((s for s in exercise.signals if s.name in SIDED), None)
    if signal is None or cycle.side != "both":
        return float("nan")
    inside = slice(person.time.searchsorted(cycle.start), person.time.searchsorted(cycle.end, side="right"))
    ways = []
    for side in ("left", "right"):
        value = seen_of(read_signal(person, signal, side)[0][inside])
        if len(value) < 4:
            return float("nan")
        ways.append(spread(value, 5, 95))
    return round(min(ways) / max(*ways, 1e-9), 3)
