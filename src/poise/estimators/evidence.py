"""What speaks for an instance, and the confidence that follows from it: a small logistic model from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from poise.errors import FormatError, suggest
from poise.estimators.anchors import Floats64, sigmoid
from poise.weights import Card

_BIAS = "bias"
# Logits beyond this say nothing more: a network that says 1.0 is not infinitely sure.
_MOST = 12.0


def logit(probability: Floats64) -> Floats64:
    """Return log odds, clipped to ±12; NaN stays NaN."""
    with np.errstate(divide="ignore"):
        odds = np.log(probability) - np.log1p(-np.minimum(probability, 1.0))
    clipped: Floats64 = np.clip(odds, -_MOST, _MOST)
    return clipped


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Confidence from evidence: ``sigmoid(bias + weights · evidence)``.

    Attributes:
        names: What the ``F`` columns of evidence are.
        weights: ``(F,)``.
        typical: ``(F,)`` evidence of an ordinary instance, for what is not known of one (NaN).
        bias: Log odds without evidence.
    """

    names: tuple[str, ...]
    weights: Floats64
    typical: Floats64
    bias: float

    @classmethod
    def of(cls, card: Card, names: tuple[str, ...]) -> Scorer:
        """Read the ``score`` table of a model's settings: ``bias``, and ``[weight, typical]`` of each evidence.

        Raises:
            FormatError: An entry that is missing, not known, or not a pair of numbers.
        """
        table: Mapping[str, Any] = card.settings.get("score", {})
        known = (_BIAS, *names)
        for key in table:
            if key not in known:
                raise FormatError(f"model {card.name!r}: unknown evidence {key!r} in score{suggest(key, known)}")
        missing = [key for key in known if key not in table]
        if missing:
            raise FormatError(f"model {card.name!r}: score lacks {', '.join(missing)}; expected {', '.join(known)}")
        pairs = np.array([table[name] for name in names], dtype=np.float64)
        if pairs.shape != (len(names), 2):
            raise FormatError(f"model {card.name!r}: each evidence of score must be [weight, typical]")
        return cls(names, pairs[:, 0], pairs[:, 1], float(table[_BIAS]))

    def __call__(self, evidence: Floats64) -> Floats64:
        """Return the ``(N,)`` confidence of instances with ``(N, F)`` evidence."""
        known = np.where(np.isnan(evidence), self.typical, evidence)
        return sigmoid(self.bias + known @ self.weights)


def apart(points: Floats64, others: Floats64, whole: Floats64) -> Floats64:
    """Return how well two sets of points agree: ``-ln`` of their mean distance over the size of the whole.

    Args:
        points: ``(N, P, 2)``.
        others: ``(N, P, 2)``; NaN where not known.
        whole: ``(N, K, 2)`` the points whose extent is the size.

    Returns:
        ``(N,)``, from 0 (a whole size apart) to 6 (a four-hundredth of it); NaN where not known.
    """
    size = np.ptp(whole, axis=1).max(axis=-1, initial=1e-6)
    far = np.linalg.norm(points - others, axis=-1).mean(axis=-1) / size
    near: Floats64 = -np.log(np.clip(far, np.exp(-6.0), 1.0))
    return near


def newer(fresh: Floats64, known: Floats64) -> Floats64:
    """Return fresh evidence where there is some, else what was known before."""
    return np.where(np.isnan(fresh), known, fresh)
