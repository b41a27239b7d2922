"""Whether repetitions are alike: a set goes through the same course each time, a dance or a day's work does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poise.geometry import Floats
from poise.reps.measures import PersonMeasures
from poise.reps.series import clamp, fill_gaps, median, percentiles, seen_of
from poise.reps.signals import COLUMN

# Heights over the body, which turning round does not change; of a pair, the higher and the lower one, for networks swap
# left and right.
_PAIRS = ("wrist_lift", "elbow_lift", "hip_over_knee", "hip_lift")
_SINGLE = ("shoulder_over_hip",)
_PHASES = 8  # on each way
_GAP_S = 0.4
# A height that is seen in less than this share of the time is left out; of a pair, the other one stands for both.
_SEEN = 0.6
# Heights that are less sure than this, and less than half as sure as the surest, are guessed.
_UNSURE, _GUESSED = 0.5, 0.35
# Nobody dances lying; there arms and elbows are often hidden. Torso lengths of the shoulders over the hips: at rest,
# and nearly at most.
_UPRIGHT, _STANDS = 0.65, 0.85
# Sets of real clips have 0.8 to 0.99, made ones that turn 0.64 to 0.98; free dances 0.2 to 0.5, on a beat up to 0.8.
_SET, _CHANCE = 0.8, 0.55


def rep_courses(person: PersonMeasures, reps: Sequence[tuple[float, float, float]]) -> Floats:
    """Return ``(R, 16, H)`` of those heights that are seen, over each repetition, in torso lengths; NaN in gaps.

    Args:
        person: The person's measures.
        reps: Start, peak and end of each, seconds.
    """
    columns, sure = [], []
    for name in _PAIRS:
        at = [COLUMN[f"left_{name}"], COLUMN[f"right_{name}"]]
        two = fill_gaps(person.time, person.values[:, at], max_gap_s=_GAP_S)
        seen = np.isfinite(two).mean(axis=0)
        if seen.min() < _SEEN:
            two = two[:, [int(seen.argmax())] * 2]
        columns += [np.maximum(two[:, 0], two[:, 1]), np.minimum(two[:, 0], two[:, 1])]
        sure += [median(np.maximum(person.sure[:, at[0]], person.sure[:, at[1]]))] * 2
    for name in _SINGLE:
        columns.append(fill_gaps(person.time, person.values[:, [COLUMN[name]]], max_gap_s=_GAP_S)[:, 0])
        sure.append(median(person.sure[:, COLUMN[name]]))
    values = np.stack(columns, axis=1)[:, np.array(sure) >= min(_UNSURE * max(sure), _GUESSED)]
    start, peak, end = np.array(reps).T
    ways = [np.linspace(start, peak, _PHASES, axis=1), np.linspace(peak, end, _PHASES + 1, axis=1)[:, 1:]]
    frames = np.searchsorted(person.time, np.concatenate(ways, axis=1))
    courses: Floats = values[np.clip(frames, 0, len(person.time) - 1)]
    return courses


def measure_consistency(
    person: PersonMeasures, reps: Sequence[tuple[float, float, float]], sides: Sequence[str] = ()
) -> float:
    """Return, in [0, 1], how much of what moves in repetitions is their common course; 1 for a single one.

    It is the variance over time of the mean course, as a share of that plus the variance of the single ones about it.
    Each height is taken from its own mean over the repetition, and each repetition as much of the mean course as fits
    it best, since a view from nearer or higher shifts and shortens what is seen. Of limbs in turn, which look different
    from the side, each has a course of its own.

    Args:
        person: The person's measures.
        reps: Start, peak and end of each, seconds.
        sides: The side of each; empty: all are of one.
    """
    if len(reps) < 2:
        return 1.0
    return _common_share(rep_courses(person, reps), sides or [""] * len(reps))


def _common_share(courses: Floats, sides: Sequence[str]) -> float:
    """Return what :func:`measure_consistency` does, of ``(R, 16, H)`` courses and the side of each."""
    there = np.isfinite(courses)
    some = courses[..., there.mean(axis=(0, 1)) > _SEEN]
    whole = np.asarray(np.isfinite(some).any(axis=1)).all(axis=1)
    which = np.array(sides)
    common, own = [], []
    for side in np.unique(which):
        mine = some[whole & (which == side)]
        if len(mine) < 2 or not mine.shape[2]:
            continue
        # What is not seen for a moment is taken to be in its middle place.
        gaps = not np.isfinite(mine).all()
        mine = mine - (np.nanmean if gaps else np.mean)(mine, axis=1, keepdims=True)
        mine = np.nan_to_num(mine) if gaps else mine
        ordered, half = np.sort(mine, axis=0), len(mine) // 2
        mean = ordered[half] if len(mine) % 2 else (ordered[half - 1] + ordered[half]) / 2
        much = (mine * mean).sum(axis=(1, 2)) / max(float(np.square(mean).sum()), 1e-9)
        rest = mine - np.clip(much, 0.5, 2.0)[:, None, None] * mean
        own += (np.square(rest).mean(axis=1).sum(axis=1) * len(mine) / (len(mine) - 1)).tolist()
        common += [float(mean.var(axis=0).sum())] * len(mine)
    if not own:
        return 1.0
    # The median repetition: one that was botched does not spoil the set.
    shared = float(np.mean(common))
    return shared / max(shared + median(np.array(own)), 1e-9)


def score_consistency(
    person: PersonMeasures, reps: Sequence[tuple[float, float, float]], sides: Sequence[str] = ()
) -> float:
    """Return, in [0, 1], how far repetitions of somebody upright are a set by their sameness; 1 for who lies."""
    ends = np.searchsorted(person.time, [at for start, _, end in reps for at in (start, end)])
    tilt = person.values[np.clip(ends, 0, len(person.time) - 1), COLUMN["shoulder_over_hip"]]
    tilt = seen_of(tilt)
    span = person.values[(person.time >= reps[0][0]) & (person.time <= reps[-1][2]), COLUMN["shoulder_over_hip"]]
    if len(tilt) and median(tilt) < _UPRIGHT and percentiles(seen_of(span), [80])[0] < _STANDS:
        return 1.0
    best = 1.0
    if len(reps) > 1:
        courses = rep_courses(person, reps)
        best = _common_share(courses, [""] * len(reps))
        # Of both limbs at once, one may be lost now and then: then all are of one course whatever side is said.
        if len(set(sides)) > 1:
            best = max(best, _common_share(courses, sides))
    return clamp((best - _CHANCE) / (_SET - _CHANCE), 0.0, 1.0)
