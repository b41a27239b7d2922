"""How well measures meet the conditions of gestures: soft scores, all gestures and hands at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poise.geometry import Bools, Floats
from poise.motion.gestures import body_measures, hand_measures
from poise.motion.gestures.definitions import Definition
from poise.motion.gestures.taught import UNKNOWN
from poise.skeletons import get

# A gesture counts from this score, which means that every condition lies on the right side of its limit.
MIN_SCORE = 0.5
# The best must beat the second best gesture by this, or nobody can say which it is.
MIN_LEAD = 0.15


class HandScorer:
    """The definitions of hands, as arrays.

    Args:
        gestures: Definitions; those of bodies are left out.
    """

    def __init__(self, gestures: Sequence[Definition]) -> None:
        mine = [one for one in gestures if one.part == "hand"]
        conditions = [condition for one in mine for condition in one.conditions]
        points = get("hand21")
        pairs: list[tuple[int, int]] = []
        columns: list[int] = []
        for condition in conditions:
            if condition.measure.startswith("distance "):
                _, a, b = condition.measure.split()
                columns.append(len(hand_measures.NAMES) + len(pairs))
                pairs.append((points.index(a), points.index(b)))
            else:
                columns.append(hand_measures.NAMES.index(condition.measure))
        self.names = [one.name for one in mine]
        self._pairs = np.array(pairs, dtype=np.intp).reshape(-1, 2)
        self._columns = np.array(columns, dtype=np.intp)
        self._low = np.array([c.low for c in conditions])
        self._high = np.array([c.high for c in conditions])
        self._soft = np.array([c.soft for c in conditions])
        self._starts = np.cumsum([0, *(len(one.conditions) for one in mine)])[:-1]

    def __call__(self, xy: Floats, xyz: Floats | None = None) -> Floats:
        """Return ``(N, G)`` scores in [0, 1] of ``(N, 21, 2)`` hands, with ``(N, 21, 3)`` metres where given."""
        if not self.names or not len(xy):
            return np.zeros((len(xy), len(self.names)))
        points = hand_measures.spatial(xy, xyz)
        measures = np.concatenate(
            [hand_measures.hand_measures(xy, points), hand_measures.distances(points, self._pairs)], axis=1
        )
        scores: Floats = np.minimum.reduceat(
            ramp(measures[:, self._columns], self._low, self._high, self._soft), self._starts, axis=1
        )
        return scores


class BodyScorer:
    """The definitions of bodies, over a window of one body's past.

    Args:
        gestures: Definitions; those of hands are left out.
    """

    def __init__(self, gestures: Sequence[Definition]) -> None:
        self._mine = [one for one in gestures if one.part == "body"]
        self.names = [one.name for one in self._mine]
        self.moving = np.array([one.over_s > 0 for one in self._mine], dtype=bool)
        self.past_s = max((one.over_s for one in self._mine), default=0.0)
        self._column = {name: i for i, name in enumerate(body_measures.NAMES)}

    def __call__(self, time: Floats, xy: Floats, conf: Floats) -> Floats:
        """Score the present moment.

        Args:
            time: ``(T,)`` seconds, rising; the last is now.
            xy: ``(T, 17, 2)`` pixels.
            conf: ``(T, 17)``.

        Returns:
            ``(G,)`` scores in [0, 1].
        """
        scores = np.zeros(len(self._mine))
        measured: dict[float, Floats] = {}
        for g, one in enumerate(self._mine):
            if one.over_s and (len(time) < 3 or time[-1] - time[0] < one.over_s / 2):
                continue
            if one.over_s not in measured:
                rows = time >= time[-1] - one.over_s if one.over_s else slice(-1, None)
                measured[one.over_s] = body_measures.body_measures(xy[rows], conf[rows])
            window = measured[one.over_s]
            values = [statistic(window[:, self._column[c.measure]], c.statistic, c.swing) for c in one.conditions]
            low, high, soft = np.array([(c.low, c.high, c.soft) for c in one.conditions]).T
            scores[g] = ramp(np.array(values), low, high, soft).min()
        return scores


def ramp(values: Floats, low: Floats, high: Floats, soft: Floats) -> Floats:
    """Score values against limits: one half at a limit, 1 from half of ``soft`` inside, 0 from half of it outside.

    NaN, what was not seen, scores 0.
    """
    with np.errstate(invalid="ignore"):
        inside = np.minimum((values - low) / soft, (high - values) / soft)
    scores: Floats = np.nan_to_num(np.clip(inside + 0.5, 0.0, 1.0), nan=0.0)
    return scores


def statistic(values: Floats, kind: str, swing: float) -> float:
    """Reduce the ``(T,)`` past of a measure to one number; see :class:`Condition`. NaN where too little was seen."""
    if kind == "now":
        return float(values[-1])
    seen = values[np.isfinite(values)]
    if len(seen) < max(3, len(values) // 2):
        return float("nan")
    now, low, high = seen[-1], seen.min(), seen.max()
    if kind == "mean":
        return float(seen.mean())
    if kind == "least":
        return float(low)
    if kind == "change":
        return float(high - low)
    if kind == "swings":
        return float(swings(seen, swing))
    if kind == "hop":
        return float(high - max(seen[0], now))
    if kind == "dip":
        return float(min(seen[0], now) - low)
    return float(now - low if kind == "growth" else high - now)


def swings(values: Floats, size: float) -> int:
    """Count the turns of direction of ``(T,)`` values, leaving out movements smaller than ``size``."""
    turns, direction, extreme = 0, 0, values[0]
    for value in values[1:].tolist():
        if direction >= 0 and value <= extreme - size:
            turns += direction > 0
            direction, extreme = -1, value
        elif direction <= 0 and value >= extreme + size:
            turns += direction < 0
            direction, extreme = 1, value
        elif (direction >= 0 and value > extreme) or (direction <= 0 and value < extreme):
            # Before the first movement both directions are open: follow the nearer extreme only.
            extreme = value if direction else extreme
    return turns


def pick(names: Sequence[str], scores: Floats) -> tuple[str, float]:
    """Return the gesture that ``(G,)`` scores of a hand name and its score; unknown when none or more than one fits.

    Several entries of one name are alternatives: the best counts.
    """
    best: dict[str, float] = {}
    for name, score in zip(names, scores.tolist(), strict=True):
        best[name] = max(score, best.get(name, 0.0))
    ranked = sorted(best.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < MIN_SCORE:
        return UNKNOWN, 1.0 - (ranked[0][1] if ranked else 0.0)
    if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < MIN_LEAD:
        return UNKNOWN, 1.0 - (ranked[0][1] - ranked[1][1])
    return ranked[0]


def pick_body(names: Sequence[str], scores: Floats, moving: Bools) -> tuple[str, float]:
    """Return the gesture that ``(G,)`` scores of a body name and its score, or unknown.

    Gestures of a body do not exclude each other: who waves has a hand raised too. A moving one says more than a still
    one, so it comes first; then the surer one; then the earlier one in the file.
    """
    fits = scores >= MIN_SCORE
    if not fits.any():
        return UNKNOWN, 1.0 - float(scores.max(initial=0.0))
    ranked = np.where(fits, scores + moving, 0.0)
    best = int(ranked.argmax())
    return names[best], float(scores[best])
