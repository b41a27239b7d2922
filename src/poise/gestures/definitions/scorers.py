"""How well measures meet the conditions of gestures: soft scores, all gestures and hands at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.bodies import hands as hand_measures
from poise.geometry import Bools, Floats
from poise.gestures.definitions import body_measures
from poise.gestures.definitions.definition import Definition
from poise.gestures.definitions.history import BodyHistory, bridge_gaps, take_statistic
from poise.gestures.events import UNKNOWN
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
            score_limits(measures[:, self._columns], self._low, self._high, self._soft), self._starts, axis=1
        )
        return scores


# Networks place a point of a small person to about two pixels (benchmarks/gesture_clips.py --noise), and over fifteen
# frames such noise spans seven of them. That must stay below the smallest movement that the sets ask for, 0.15 trunks,
# so the trunk has to be this long. A still gesture is held over several frames: half of it will do.
MIN_MOVING_PX = 48.0
MIN_STILL_PX = 24.0
# Points that move must be this sure on average. A wrist behind the body is guessed, at 0.2 to 0.5, and the guess
# wanders; the wrists and ankles of the clips that are really seen have 0.7 to 0.9.
MIN_SURE = 0.55


class BodyScorer:
    """The definitions of bodies, over a window of one body's past.

    Args:
        gestures: Definitions; those of hands are left out.
    """

    def __init__(self, gestures: Sequence[Definition]) -> None:
        mine = [one for one in gestures if one.part == "body"]
        self.names = [one.name for one in mine]
        self.moving = np.array([one.over_s > 0 for one in mine], dtype=bool)
        self.past_s = max((one.over_s for one in mine), default=0.0)
        self._over = np.array([one.over_s for one in mine])
        self._now = _Asked.of(mine, "now")
        # What a gesture asks of the past, by gesture and then by statistic.
        self._past = [
            [
                (kind, swing, _Asked.of([one], kind, swing))
                for kind, swing in dict.fromkeys((c.statistic, c.swing) for c in one.conditions if c.statistic != "now")
            ]
            for one in mine
        ]

    def __call__(self, past: BodyHistory) -> Floats:
        """Score the present moment of a body.

        Returns:
            ``(G,)`` scores in [0, 1]. 0 for all where the body is too small to say anything, for those that move where
            it is too small for movements.
        """
        scores = np.zeros(len(self.names))
        scale = past.scale()
        if not scale >= MIN_STILL_PX or not len(self.names):
            return scores
        factors = past.factors(scale)
        scores = self._now.scores(past.latest() * factors, len(self.names))
        # Most movements are ruled out by the present, and their past is never looked at.
        time = past.time
        if scale >= MIN_MOVING_PX and len(time) >= 3:
            scores[self._over > 2 * (time[-1] - time[0])] = 0.0
        else:
            scores[self.moving] = 0.0
        for g in np.flatnonzero(self.moving & (scores > 0)).tolist():
            since = past.since(float(self._over[g]))
            for kind, swing, asked in self._past[g]:
                at, rows, sure = past.columns(since, asked.columns)
                values = take_statistic(at, bridge_gaps(rows) * factors[asked.columns], kind, swing)
                values[sure < MIN_SURE] = np.nan
                scores[g] = min(scores[g], asked.least(values))
                if not scores[g]:
                    break
        return scores


class _Asked(NamedTuple):
    """Conditions as arrays: whose they are, what they look at, the limits."""

    owners: NDArray[np.intp]
    columns: NDArray[np.intp]
    low: Floats
    high: Floats
    soft: Floats

    @classmethod
    def of(cls, gestures: Sequence[Definition], kind: str, swing: float | None = None) -> _Asked:
        """Take the conditions of a statistic, and of a size of swings where it is given."""
        found = [
            (g, c)
            for g, one in enumerate(gestures)
            for c in one.conditions
            if c.statistic == kind and swing in (None, c.swing)
        ]
        names = body_measures.NAMES
        return cls(
            np.array([g for g, _ in found], dtype=np.intp),
            np.array([names.index(c.measure) for _, c in found], dtype=np.intp),
            np.array([c.low for _, c in found]),
            np.array([c.high for _, c in found]),
            np.array([c.soft for _, c in found]),
        )

    def scores(self, row: Floats, gestures: int) -> Floats:
        """Return the ``(G,)`` least score of each gesture's conditions on a ``(M,)`` row; 1 where it has none."""
        scores = np.ones(gestures)
        if len(self.owners):
            np.minimum.at(scores, self.owners, score_limits(row[self.columns], self.low, self.high, self.soft))
        return scores

    def least(self, values: Floats) -> float:
        """Return the least score of ``(C,)`` values."""
        return float(score_limits(values, self.low, self.high, self.soft).min())


def score_limits(values: Floats, low: Floats, high: Floats, soft: Floats) -> Floats:
    """Score values against limits: one half at a limit, 1 from half of ``soft`` inside, 0 from half of it outside.

    NaN, what was not seen, scores 0.
    """
    inside = np.minimum((values - low) / soft, (high - values) / soft) + 0.5
    scores: Floats = np.minimum(np.maximum(inside, 0.0), 1.0)
    scores[np.isnan(scores)] = 0.0
    return scores


def pick_hand_gesture(names: Sequence[str], scores: Floats) -> tuple[str, float]:
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


def pick_body_gesture(names: Sequence[str], scores: Floats, moving: Bools) -> tuple[str, float]:
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
