"""Whether a cycle is a repetition of an exercise: depth, duration, confidence, and the exercise's rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poise.reps.cycles import EDGE_SHARE, SHARE, Curve, Cycle, read_measure
from poise.reps.exercise import Exercise, Rule
from poise.reps.measures import PersonMeasures
from poise.reps.series import correlation
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
        fit: In [0, 1], how well it fits the exercise's rules.
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


def rule_value(person: PersonMeasures, rule: Rule, line: Curve, cycle: Cycle) -> float:
    """Measure what a rule is about; NaN where it was not seen, or from where it does not show."""
    if rule.view and not is_seen_from(person, rule.view, _span(person, cycle)):
        return np.nan
    one = _at_moment(person, rule.signal, rule.at, line, cycle)
    if not rule.over:
        return one
    other = _at_moment(person, rule.over, rule.at, line, cycle)
    return one / max(other, 1e-3) if np.isfinite(other) else np.nan


def _at_moment(person: PersonMeasures, name: str, moment: str, line: Curve, cycle: Cycle) -> float:
    span = _span(person, cycle)
    value, sure = (column[span] for column in read_measure(person, name, cycle.side))
    progress = line.value[span]
    good = np.isfinite(value) & np.isfinite(progress)
    # Legs behind a desk or below the picture's edge are guessed, and a guess rules nothing out.
    if good.sum() < 3 or np.median(sure[good]) < UNSURE * cycle.sure:
        return np.nan
    value, progress = value[good], progress[good]
    if moment == "mean":
        return float(np.median(value))
    if moment == "swing":
        ends = max(1, len(value) // 8)
        way = np.linspace(np.median(value[:ends]), np.median(value[-ends:]), len(value))
        return float(np.subtract(*np.percentile(value - way, (95, 5))))
    if moment == "range":
        return float(np.subtract(*np.percentile(value, (95, 5))))
    low, high = progress.min(), progress.max()
    share = (progress - low) / max(high - low, 1e-9)
    if moment == "corr":
        return correlation(value, share)
    rest, effort = float(np.median(value[share <= 0.25])), float(np.median(value[share >= 0.75]))
    return {"rest": rest, "effort": effort, "change": effort - rest}[moment]


def _span(person: PersonMeasures, cycle: Cycle) -> slice:
    return slice(*np.searchsorted(person.time, [cycle.start - 1e-9, cycle.end + 1e-9]))


def drift(person: PersonMeasures, cycle: Cycle) -> float:
    """Return how far the hips (or, unseen, the shoulders) moved sideways over a cycle, torso lengths, or NaN."""
    first, past = np.searchsorted(person.time, [cycle.start - 1e-9, cycle.end + 1e-9])
    for name in ("hip_x", "shoulder_x"):
        x = read_measure(person, name, "both")[0][first:past]
        x = x[np.isfinite(x)]
        if len(x) >= 4:
            ends = max(1, len(x) // 8)
            return float(abs(np.median(x[-ends:]) - np.median(x[:ends])))
    return float("nan")


def _walks(person: PersonMeasures, exercise: Exercise, cycle: Cycle) -> bool:
    way = drift(person, cycle)
    if not (way > PLACE and way > PACE * (cycle.end - cycle.start)):
        return False
    # A step may be shorter than from one passing of the feet to the next.
    span = slice(*np.searchsorted(person.time, [cycle.start - AROUND_S, cycle.end + AROUND_S]))
    good = (person.conf[span, 15:17] >= UNSURE * cycle.sure).all(axis=1) & np.isfinite(person.xy[span, 15:17, 0]).all(
        axis=1
    )
    if good.mean() < 0.5:
        return True
    # The feet of who walks pass each other, or those of who goes sideways part and meet; else the camera moves.
    ahead = np.subtract(*person.xy[span, 15:17, 0][good].T) / person.scale[span][good]
    back, front = np.percentile(ahead, (10, 90))
    own = any(signal.name.startswith("ankle") for signal in exercise.signals)
    return bool(min(-back, front) > PASS or (front - back > STEP and not own))


def rule_score(rule: Rule, value: float) -> float:
    """Return 1 within the rule's limits, falling to 0 at ``soft`` beyond them; the rule's ``unseen`` for NaN."""
    if not np.isfinite(value):
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
    held = _held(person, exercise, line, cycle)
    fit = float(np.prod([max(score, FLOOR) for _, score in held])) if held else 1.0
    for rule, score in held:
        if score < 0.35 and (rule.gate or strict):
            return Verdict(fit, rule.why or f"{rule.signal} at {rule.at} is out of its limits", 0.0)
    # The user's word is believed against one rule, which an odd view may break, but not against two.
    broken = [rule for rule, score in held if score < 0.1]
    if len(broken) > 1:
        return Verdict(fit, " and ".join(rule.why or rule.signal for rule in broken[:2]), 0.0)
    margin = float(np.clip((cycle.depth - 0.7 * least) / (0.5 * least), 0, 1)) if least else 1.0
    gates = [score for rule, score in held if rule.gate]
    conf = float(np.clip(cycle.sure * 1.3, 0, 1)) ** 0.5 * (0.5 + 0.5 * margin) * (min(gates) if gates else 1.0) ** 0.5
    return Verdict(fit, "", round(min(conf, 1.0), 3))


def _held(person: PersonMeasures, exercise: Exercise, line: Curve, cycle: Cycle) -> list[tuple[Rule, float]]:
    """Return each rule and how well it holds; of a group, the first with the best score of all."""
    out: list[tuple[Rule, float]] = []
    for rule in exercise.rules:
        score = rule_score(rule, rule_value(person, rule, line, cycle))
        at = next((i for i, (other, _) in enumerate(out) if rule.group and other.group == rule.group), None)
        if at is None:
            out.append((rule, score))
        else:
            out[at] = (out[at][0], max(out[at][1], score))
    return out


def _too_small(cycle: Cycle, least: float) -> str:
    """Return why a movement covers too little, or nothing."""
    if max(cycle.rise, cycle.fall) < least:
        return "too shallow"
    if cycle.depth < (EDGE_SHARE * least if cycle.cut else least):
        short = "not finished" if cycle.fall < cycle.rise else "not begun at rest"
        return f"{short}: it covers {cycle.depth / max(cycle.rise, cycle.fall):.0%} of the way"
    return ""
