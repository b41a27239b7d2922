"""From several measures to one curve of progress.

Ranges are the signals' own: an angle seen at a slant moves less, but it still moves as often.
"""

from __future__ import annotations

import numpy as np

from poise.geometry import Floats
from poise.reps.cycles import Curve, read_signal
from poise.reps.exercise import Exercise, Signal
from poise.reps.measures import FIRST_S, HIGH, LOW, MAX_GAP_S, NOISE, PersonMeasures, SignalRows
from poise.reps.series import correlations, fill_gaps, row_medians, row_percentiles, smooth
from poise.reps.signals import SIDED
from poise.reps.viewpoint import HEIGHTS, measure_turning


def fuse_signals(
    person: PersonMeasures, exercise: Exercise, side: str, *, seconds: float = FIRST_S, within: Floats | None = None
) -> Curve:
    """Fuse an exercise's signals into one curve.

    Each signal is brought to its own range first, and weighs as much as it moves above its noise and is seen with
    confidence; one that runs against the others is left out. So a signal that the view foreshortens, or a hidden limb,
    gives way to the better ones.

    Args:
        person: The person's measures.
        exercise: What moves.
        side: ``"left"``, ``"right"`` or ``"both"``.
        seconds: Standard deviation of the smoothing.
        within: Two times between which the range is taken; None: all.
    """
    time = person.time
    inside = slice(None)
    if within is not None:
        inside = slice(int(time.searchsorted(within[0])), int(time.searchsorted(within[1], side="right")))
    parts: list[tuple[Signal, str]] = []
    for signal in exercise.signals:
        # Each limb is a signal of its own, so that a badly seen one does not spoil the other.
        limbs = side == "both" and signal.name in SIDED and not signal.points
        parts += [(signal, one) for one in (("left", "right") if limbs else (side,))]
    if exercise.thresholds is not None:
        raw, conf = _progress(person, parts)
        line = smooth(time, fill_gaps(time, raw.T, max_gap_s=MAX_GAP_S), seconds=min(seconds, 0.05))[:, 0]
        return Curve(time, line, conf[0], side, 1.0)
    rows = person.kept_rows(parts) if seconds == FIRST_S and within is None else None
    if rows is None:
        rows = _signal_rows(person, parts, seconds, inside)
    reach, unit = rows.reach, rows.unit
    share = np.array([signal.weight / (2 if which != side else 1) for signal, which in parts])
    clear = np.square(reach) / (np.square(reach) + np.square(6 * rows.noise) + 0.15**2)
    weight = share * clear * np.square(rows.trust) * rows.seen
    level = [signal.name in HEIGHTS for signal, _ in parts]
    if any(level) and not all(level):
        # Who turns changes angles and distances by turning; heights stay.
        weight = np.where(level, weight, weight * (1 - measure_turning(person, inside)) ** 2)
    weight = np.where(np.isfinite(weight) & (reach < 5), weight, 0.0)
    part = unit[:, inside]
    for _ in range(2):
        line = _mean(unit, weight)
        agree = correlations(part, line[inside]) > 0.3
        if not agree.any() or not weight[~agree].any():
            break
        weight = np.where(agree, weight, 0.0)
    else:
        line = _mean(unit, weight)
    total = float(weight.sum())
    travel = float((weight * reach).sum() / total) if total > 0 else 0.0
    return Curve(time, line * travel, _sureness(time, rows, weight), side, travel)


def _progress(person: PersonMeasures, parts: list[tuple[Signal, str]]) -> tuple[Floats, Floats]:
    """Return the ``(S, T)`` progress of signals, 0 at rest and 1 at the effort, and its confidence, 0 where unseen."""
    # A signal is a row: numpy is quick along it.
    raw, conf = (np.array(rows) for rows in zip(*(read_signal(person, *part) for part in parts), strict=True))
    raw -= np.array([[signal.rest] for signal, _ in parts])
    raw /= np.array([[signal.effort - signal.rest] for signal, _ in parts])
    conf[~np.isfinite(raw)] = 0.0
    return raw, conf


def _signal_rows(person: PersonMeasures, parts: list[tuple[Signal, str]], seconds: float, inside: slice) -> SignalRows:
    """Bring signals to their own range in the frames ``inside``."""
    raw, conf = _progress(person, parts)
    there = np.isfinite(raw)
    filled, steady = person.steadied(parts, raw, seconds)
    low, high = row_percentiles(steady[:, inside], (LOW, HIGH)).T
    reach = np.maximum(high - low, 1e-6)
    noise = NOISE * row_medians(np.abs(filled - steady))
    count = np.count_nonzero(there[:, inside], axis=1)
    sum_of = conf[:, inside].cumsum(axis=1)[:, -1] if conf[:, inside].size else np.zeros(len(conf))
    return SignalRows(
        unit=(steady - low[:, None]) / reach[:, None],
        reach=reach,
        noise=noise,
        seen=count / max(there[:, inside].shape[1], 1),
        trust=np.where(count > 0, sum_of / np.maximum(count, 1), 0.0),
        conf=conf,
        there=None if there.all() else there,
    )


def _sureness(time: Floats, rows: SignalRows, weight: Floats) -> Floats:
    """Return the ``(T,)`` confidence of what was seen; a frame without anything, near one with, is filled in well."""
    total = weight.sum()
    if not total > 0:
        return np.zeros(len(time))
    if rows.there is None:
        whole: Floats = (weight[:, None] * rows.conf).sum(axis=0) / total
        return whole
    used = weight[:, None] * rows.there
    much = used.sum(axis=0)
    enough = much > 0.1 * total
    sure = np.divide((used * rows.conf).sum(axis=0), much, out=np.full(len(time), np.nan), where=enough)
    return sure if enough.all() else _carry(time, sure)


def _carry(time: Floats, sure: Floats, *, seconds: float = 0.2) -> Floats:
    """Give frames without a value that of the nearest frame within ``seconds``; 0 beyond."""
    good = np.flatnonzero(np.isfinite(sure))
    if not len(good):
        return np.zeros(len(time))
    after = np.clip(np.searchsorted(time[good], time), 0, len(good) - 1)
    before = np.clip(after - 1, 0, None)
    nearer = np.where(np.abs(time[good[after]] - time) < np.abs(time - time[good[before]]), after, before)
    out: Floats = np.where(np.abs(time[good[nearer]] - time) <= seconds, sure[good[nearer]], 0.0)
    return out


def _mean(unit: Floats, weight: Floats) -> Floats:
    """Average the rows that are there."""
    there = np.isfinite(unit)
    if there.all():
        total = weight.sum()
        if not total > 0.02 * total + 1e-12:
            return np.full(unit.shape[1], np.nan)
        mean: Floats = (weight[:, None] * unit).sum(axis=0) / total
        return mean
    much = there * weight[:, None]
    total = much.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Floats = np.where(
            total > 0.02 * weight.sum() + 1e-12, (much * np.nan_to_num(unit)).sum(axis=0) / total, np.nan
        )
    return out
