"""Count a periodic movement that is none of the known exercises."""

from __future__ import annotations

import numpy as np

from poise.geometry import Floats
from poise.reps.consistency import score_consistency
from poise.reps.counting import Count, Rejected, Rep
from poise.reps.cycles import SHARE, Curve, find_cycles, read_measure, usual_depth
from poise.reps.exercise import Exercise, Signal
from poise.reps.measures import PersonMeasures
from poise.reps.recognition import large
from poise.reps.series import correlation, fill_gaps, smooth
from poise.reps.signals import PLACES, SIDED, WHOLE
from poise.reps.verdicts import PLACE

# A movement must repeat this often to be called periodic: two alike may be chance.
LEAST_REPS = 3
# Least correlation of the movement with itself one period later. Source: our own choice; a sine in noise of half its
# amplitude has 0.67.
LEAST_PERIODIC = 0.6
# Least range of the measure that moves most, of 90 degrees or one torso length.
LEAST_RANGE = 0.35
# One arm that holds more of the movement than this is a gesture.
ONE_ARM = 0.7

_ARM = (
    "elbow_angle",
    "shoulder_angle",
    "wrist_reach",
    "wrist_lift",
    "wrist_over_elbow",
    "elbow_lift",
    "wrist_over_hip",
    "wrist_out",
)
_SPEC = Exercise("unknown", (Signal("trunk_lean", 0.0, 1.0),), min_depth=0.3, min_rep_s=0.35)


def count_unknown(person: PersonMeasures) -> Count:
    """Count the dominant periodic movement.

    All measures are brought to one unit, and their strongest common movement (the first principal component) is the
    curve that is counted on. Walking and one arm's gestures are periodic but no exercise; they are told apart by which
    limbs move, and how.
    """
    nothing = Count("none", 0.0)
    columns = _columns(person)
    if columns is None or large(person) < 0.5:
        return nothing
    owners, values = columns
    centred = values - np.median(values, axis=0)
    _, strength, parts = np.linalg.svd(centred, full_matrices=False)
    component = centred @ parts[0]
    energy = np.square(parts[0])
    periodic, period = measure_periodicity(person.time, component)
    if periodic < LEAST_PERIODIC:
        return nothing
    weights = {owner: float(energy[[o == owner for o in owners]].sum()) for owner in ("left", "right", "body")}
    span = (float(person.time[0]), float(person.time[-1]))
    if max(weights["left"], weights["right"]) > ONE_ARM:
        return Count("none", 0.0, rejected=(Rejected(*span, "one arm alone: a gesture"),))
    x = read_measure(person, "hip_x", "both")[0]
    x = x[np.isfinite(x)]
    # Somebody who gets further than a third of a torso every period does not stay for an exercise.
    if len(x) and abs(x[-1] - x[0]) > PLACE * (span[1] - span[0]) / period and abs(x[-1] - x[0]) > 2.0:
        return Count("none", 0.0, rejected=(Rejected(*span, "the person moves from place to place"),))
    if _gait(person):
        return Count("none", 0.0, rejected=(Rejected(*span, "the legs go in turn: walking or running"),))
    edge = max(2, len(component) // 20)
    at_rest = np.median(np.concatenate([component[:edge], component[-edge:]]))
    low, high = np.percentile(component, (4, 96))
    if abs(at_rest - high) < abs(at_rest - low):
        component, low, high = -component, -high, -low
    line = Curve(person.time, (component - low) / max(high - low, 1e-9), np.ones(len(component)), "both", 1.0)
    found = find_cycles(line, _SPEC)
    typical = usual_depth([c.depth for c in found], _SPEC.min_depth)
    reps = tuple(
        Rep(c.start, c.peak, c.end, c.depth, "both", round(min(1.0, c.depth / typical) * periodic, 3))
        for c in found
        if c.depth >= SHARE * typical and 0.4 * period < c.cover[1] - c.cover[0] < 2.5 * period
    )
    if len(reps) < LEAST_REPS or score_consistency(person, [(rep.start, rep.peak, rep.end) for rep in reps]) < 0.5:
        return nothing
    share = float(np.square(strength[0]) / max(np.square(strength).sum(), 1e-9))
    return Count("unknown", round(min(1.0, periodic * share**0.5), 3), reps, curves=(line,))


def _columns(person: PersonMeasures) -> tuple[list[str], Floats] | None:
    """Return the measures that are seen throughout and move, in units of 90 degrees or a torso, and whose each is."""
    owners, kept = [], []
    most = 0.0
    for name, (unit, _) in {**SIDED, **WHOLE}.items():
        if name in (*PLACES, "shoulder_width") or name.endswith("difference"):
            continue
        for side in ("left", "right") if name in SIDED else ("both",):
            value = read_measure(person, name, side)[0] / (90.0 if unit == "degrees" else 1.0)
            steady = smooth(person.time, fill_gaps(person.time, value[:, None], max_gap_s=1.0), seconds=0.1)[:, 0]
            good = np.isfinite(steady)
            if good.mean() < 0.9:
                continue
            steady = np.interp(person.time, person.time[good], steady[good])
            reach = float(np.subtract(*np.percentile(steady, (95, 5))))
            most = max(most, reach)
            if reach > 0.1:
                owners.append(side if name in _ARM else "body")
                kept.append(steady)
    if len(kept) < 3 or most < LEAST_RANGE:
        return None
    return owners, np.stack(kept, axis=1)


def measure_periodicity(time: Floats, value: Floats, *, shortest_s: float = 0.5) -> tuple[float, float]:
    """Return how much a movement repeats, and after how many seconds.

    Args:
        time: ``(T,)`` seconds.
        value: ``(T,)``.
        shortest_s: Shortest period.

    Returns:
        The correlation with itself one period later, in [-1, 1], at its first strong peak; and the period, seconds.
        0 and 0 where fewer than three periods would fit.
    """
    if len(time) < 12:
        return 0.0, 0.0
    step = float(np.median(np.diff(time)))
    even = np.arange(time[0], time[-1], step)
    x = np.interp(even, time, value)
    x = x - np.polyval(np.polyfit(even - even[0], x, 1), even - even[0])
    lags = np.arange(max(1, int(shortest_s / step)), len(x) // LEAST_REPS + 1)
    if len(lags) < 3:
        return 0.0, 0.0
    r = np.array([correlation(x[:-lag], x[lag:]) for lag in lags])
    inner = np.flatnonzero((r[1:-1] >= r[:-2]) & (r[1:-1] >= r[2:])) + 1
    if not len(inner):
        return 0.0, 0.0
    best = inner[np.argmax(r[inner])]
    # The first peak that is nearly as high: two periods repeat as well as one.
    first = inner[r[inner] >= 0.85 * r[best]][0] if r[best] > 0 else best
    return float(r[first]), float(lags[first] * step)


def _gait(person: PersonMeasures) -> bool:
    """Return whether the legs go in turn in an upright person: one ankle forward while the other is back."""
    tilt = read_measure(person, "trunk_tilt", "both")[0]
    if not np.isfinite(tilt).any() or np.nanmedian(tilt) < 0.7:
        return False
    sure = np.where((person.conf >= 0.15)[..., None], person.xy, np.nan)
    hips = sure[:, 11:13, 0].mean(axis=1)
    ahead = (sure[:, 15:17, 0] - hips[:, None]) / person.scale[:, None]
    knee = np.stack([read_measure(person, "knee_angle", side)[0] for side in ("left", "right")], axis=1)
    for legs, least in ((ahead, 0.12), (knee, 6.0)):
        both = legs[np.isfinite(legs).all(axis=1)]
        if len(both) < 8 or both.std(axis=0).min() < least or correlation(both[:, 0], both[:, 1]) > -0.2:
            continue
        # Legs that go apart and together also move against each other, but never pass.
        behind, before = np.percentile(both[:, 0] - both[:, 1], (10, 90))
        if behind < 0 < before:
            return True
    return False
