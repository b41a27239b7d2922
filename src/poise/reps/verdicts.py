"""Whether a cycle is a repetition of an exercise: depth, duration, confidence, and the exercise's rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from poise.geometry import Floats
from poise.reps.cycles import EDGE_SHARE, SHARE, Curve, Cycle, read_measure
from poise.reps.exercise import Exercise, Rule
from poise.reps.measures import PersonMeasures
from poise.reps.series import clamp, correlation, median, percentiles, seen_of, spread
from poise.reps.viewpoint import is_seen_from

FLOOR = 0.02
# A person walks who moves sideways, from the rest before a repetition to the rest after it, by more than this many
# torso lengths, and faster than this many a second. (A slow pan of the camera moves people too; a step is 1.4 torsos.)
PLACE = 0.35
PACE = 0.3
# Ankles of who walks pass each other by more than this, torso lengths, or part by more than that; those of who stands
# tremble by a tenth.
PASS, STEP = 0.15, 0.5
AROUND_S = 0.6
# Points of less than this share of the confidence of those that the movement is measured on cannot speak against it.
UNSURE = 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of one cycle.

    Attributes:
        fit: In [0, 1], how well it fits the exercise's rules; 0 where it is no repetition.
        reason: Why it is no repetition; empty if it is one.
        conf: In [0, 1].
        near: Whether it was rejected by a little, so that it widens the count's interval.
        small: Whether it was rejected for its depth.
    """

    fit: float
    reason: str
    conf: float
    near: bool = False
    small: bool = False


class Moments:
    """The frames of one cycle, and what measures are at its moments.

    Args:
        person: The person's measures.
        line: The curve that the cycle is from.
        cycle: The cycle.
    """

    def __init__(self, person: PersonMeasures, line: Curve, cycle: Cycle) -> None:
        self._person, self._cycle = person, cycle
        self.span = slice(*span_of(person, cycle.start - 1e-9, cycle.end + 1e-9))
        self._progress = line.value[self.span]
        self._there = np.isfinite(self._progress)
        self._known: dict[str, _Course | None] = {}

    def value(self, rule: Rule) -> float:
        """Measure what a rule is about; NaN where it was not seen, or from where it does not show."""
        if rule.view and not is_seen_from(self._person, rule.view, self.span):
            return np.nan
        one = self._at(rule.signal, rule.at)
        if not rule.over:
            return one
        other = self._at(rule.over, rule.at)
        return one / max(other, 1e-3) if np.isfinite(other) else np.nan

    def _at(self, name: str, moment: str) -> float:
        if name not in self._known:
            self._known[name] = self._course(name)
        course = self._known[name]
        return np.nan if course is None else course.at(moment)

    def _course(self, name: str) -> _Course | None:
        value, sure = (column[self.span] for column in read_measure(self._person, name, self._cycle.side))
        good = np.isfinite(value) & self._there
        count = int(np.count_nonzero(good))
        progress = self._progress
        if 3 <= count < len(good):
            value, sure, progress = value[good], sure[good], progress[good]
        # Legs behind a desk or below the picture's edge are guessed, and a guess rules nothing out.
        if count < 3 or median(sure) < UNSURE * self._cycle.sure:
            return None
        return _Course(value, progress)


class _Course:
    """A measure over the frames of a cycle, and the progress of the movement in them: ``(T,)`` each, without NaN."""

    def __init__(self, value: Floats, progress: Floats) -> None:
        self._value, self._progress = value, progress

    def at(self, moment: str) -> float:
        value = self._value
        if moment == "mean":
            return median(value)
        if moment == "swing":
            ends = max(1, len(value) // 8)
            way = np.linspace(median(value[:ends]), median(value[-ends:]), len(value))
            return spread(value - way, 5, 95)
        if moment == "range":
            return spread(value, 5, 95)
        if moment == "corr":
            return correlation(value, self._share)
        if moment == "change":
            return self._effort - self._rest
        return self._rest if moment == "rest" else self._effort

    @cached_property
    def _share(self) -> Floats:
        low, high = self._progress.min(), self._progress.max()
        share: Floats = (self._progress - low) / max(high - low, 1e-9)
        return share

    @cached_property
    def _rest(self) -> float:
        return median(self._value[self._share <= 0.25])

    @cached_property
    def _effort(self) -> float:
        return median(self._value[self._share >= 0.75])


def span_of(person: PersonMeasures, start: float, end: float) -> tuple[int, int]:
    """Return the first frame from ``start`` on, and the first from ``end`` on, both seconds."""
    time = person.time
    return int(time.searchsorted(start)), int(time.searchsorted(end))


def drift(person: PersonMeasures, cycle: Cycle) -> float:
    """Return how far the hips (or, unseen, the shoulders) moved sideways over a cycle, torso lengths, or NaN."""
    first, past = span_of(person, cycle.start - 1e-9, cycle.end + 1e-9)
    for name in ("hip_x", "shoulder_x"):
        x = seen_of(read_measure(person, name, "both")[0][first:past])
        if len(x) >= 4:
            ends = max(1, len(x) // 8)
            return abs(median(x[-ends:]) - median(x[:ends]))
    return float("nan")


def _walks(person: PersonMeasures, exercise: Exercise, cycle: Cycle) -> bool:
    way = drift(person, cycle)
    if not (way > PLACE and way > PACE * (cycle.end - cycle.start)):
        return False
    # A step may be shorter than from one passing of the feet to the next.
    span = slice(*span_of(person, cycle.start - AROUND_S, cycle.end + AROUND_S))
    good = (person.conf[span, 15:17] >= UNSURE * cycle.sure).all(axis=1) & np.isfinite(person.xy[span, 15:17, 0]).all(
        axis=1
    )
    if good.mean() < 0.5:
        return True
    # The feet of who walks pass each other, or those of who goes sideways part and meet; else the camera moves.
    ahead = np.subtract(*person.xy[span, 15:17, 0][good].T) / person.scale[span][good]
    back, front = percentiles(ahead, (10, 90))
    own = any(signal.name.startswith("ankle") for signal in exercise.signals)
    return bool(min(-back, front) > PASS or (front - back > STEP and not own))


def rule_score(rule: Rule, value: float) -> float:
    """Return 1 within the rule's limits, falling to 0 at ``soft`` beyond them; the rule's ``unseen`` for NaN."""
    if not math.isfinite(value):
        return rule.unseen
    beyond = max(rule.min - value, value - rule.max, 0.0)
    if beyond == 0.0:
        return 1.0
    return max(0.0, 1.0 - beyond / rule.soft) if rule.soft > 0 else 0.0


def judge_cycle(
    person: PersonMeasures,
    exercise: Exercise,
    line: Curve,
    cycle: Cycle,
    *,
    typical: float,
    strict: bool = False,
    brief_s: float = 0.0,
) -> Verdict:
    """Judge one cycle.

    Args:
        person: The person's measures.
        exercise: The exercise.
        line: The curve that the cycle is from.
        cycle: The cycle.
        typical: Depth of a usual repetition of this set.
        strict: Whether every rule can reject it, not only gates.
        brief_s: Shortest repetition of this set, seconds.
    """
    fixed = exercise.thresholds is not None
    least = 0.0 if fixed else max(exercise.min_depth, SHARE * typical)
    reason = "" if fixed else _too_small(cycle, least)
    if reason:
        near = cycle.depth > 0.8 * least and cycle.depth > exercise.min_depth
        return Verdict(0.0, reason, 0.0, near, True)
    length = cycle.end - cycle.start
    if length < max(exercise.min_rep_s, brief_s):
        reason = f"too fast: {length:.2f} s"
    elif length > exercise.max_rep_s:
        reason = f"too slow: {length:.1f} s"
    elif cycle.seen < 0.5:
        reason = f"the points were seen in {cycle.seen:.0%} of it only"
    elif cycle.sure < 0.2:
        reason = f"the points are not confident ({cycle.sure:.2f})"
    elif not exercise.travels and not fixed and _walks(person, exercise, cycle):
        reason = "the person moves from place to place"
    if reason:
        return Verdict(0.0, reason, 0.0)
    held: list[tuple[Rule, float]] = []
    for rule, score in _held(Moments(person, line, cycle), exercise):
        if score < 0.35 and (rule.gate or strict):
            return Verdict(0.0, rule.why or f"{rule.signal} at {rule.at} is out of its limits", 0.0)
        held.append((rule, score))
    # The user's word is believed against one rule, which an odd view may break, but not against two.
    broken = [rule for rule, score in held if score < 0.1]
    if len(broken) > 1:
        return Verdict(0.0, " and ".join(rule.why or rule.signal for rule in broken[:2]), 0.0)
    fit = math.prod(max(score, FLOOR) for _, score in held)
    margin = clamp((cycle.depth - 0.7 * least) / (0.5 * least), 0.0, 1.0) if least else 1.0
    gates = [score for rule, score in held if rule.gate]
    conf = clamp(cycle.sure * 1.3, 0.0, 1.0) ** 0.5 * (0.5 + 0.5 * margin) * (min(gates) if gates else 1.0) ** 0.5
    return Verdict(fit, "", round(min(conf, 1.0), 3))


def _held(moments: Moments, exercise: Exercise) -> Iterator[tuple[Rule, float]]:
    """Yield each rule and how well it holds; of a group, the first with the best score of all."""
    groups: set[str] = set()
    for rule in exercise.rules:
        if not rule.group:
            yield rule, rule_score(rule, moments.value(rule))
        elif rule.group not in groups:
            groups.add(rule.group)
            alike = [one for one in exercise.rules if one.group == rule.group]
            yield rule, max(rule_score(one, moments.value(one)) for one in alike)


def _too_small(cycle: Cycle, least: float) -> str:
    """Return why a movement covers too little, or nothing."""
    if max(cycle.rise, cycle.fall) < least:
        return "too shallow"
    if cycle.depth < (EDGE_SHARE * least if cycle.cut else least):
        short = "not finished" if cycle.fall < cycle.rise else "not begun at rest"
        return f"{short}: it covers {cycle.depth / max(cycle.rise, cycle.fall):.0%} of the way"
    return ""
