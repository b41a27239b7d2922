"""How sure an instance and its keypoints are: small models, fitted on labelled pictures, whose weights are settings.

Both give probabilities that can be checked by counting (``benchmarks/reliability.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators.protocols import Floats

# Added before logarithms are taken, so that silence counts much and not without end.
_SILENT = 0.03
# Limits of a probability before its logit is taken.
_LEAST, _MOST = 1e-3, 1 - 1e-3
SURE = 0.2  # raw score of a keypoint from which it counts where no model was fitted


@dataclass(frozen=True, slots=True)
class Looks:
    """What several looks at the same keypoints say; ``(N, K)`` each.

    Attributes:
        conf: Mean raw score.
        support: Share of the looks, by their scores, that see the keypoint at one place.
        spread: How far these lie apart, root mean square in units of COCO's spread of the keypoint on this instance.
        size: Logarithm of the square root of the instance's box area, pixels.
    """

    conf: Floats
    support: Floats
    spread: Floats
    size: Floats

    def take(self, rows: NDArray[Any]) -> Looks:
        """Return some of the instances."""
        return Looks(self.conf[rows], self.support[rows], self.spread[rows], self.size[rows])


@dataclass(frozen=True, slots=True)
class PointScore:
    """A keypoint's expected similarity to a label: ``sigmoid(bias_k + weights · features)``.

    The similarity is the term of OKS for this keypoint, ``exp(-d² / (2 s² κ²))``.

    Attributes:
        weights: Of ln(conf), support, spread and size of :class:`Looks`; empty: the raw score stands.
        bias: One a keypoint, or one for all.
    """

    weights: tuple[float, ...] = ()
    bias: tuple[float, ...] = (0.0,)

    def __call__(self, looks: Looks) -> Floats:
        """Return ``(N, K)`` confidences."""
        if not self.weights:
            return np.asarray(np.clip(looks.conf, 0, 1), dtype=np.float32)
        odds = np.array(self.bias, np.float32) + _times(
            self.weights, [np.log(looks.conf + _SILENT), looks.support, looks.spread, looks.size]
        )
        return np.asarray(np.where(looks.conf > 0, _sigmoid(odds), 0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class PersonScore:
    """The probability that an instance's keypoints are right (OKS with a label of 0.5 or more).

    ``sigmoid(bias + evidence · ln(found + floor) + points · logit(expected OKS))``; the expected OKS is the mean
    expected similarity of the keypoints, each weighed by its raw score, since what is hidden is seldom labelled.

    Attributes:
        evidence: Weight of what each detector, in their order, found at this place; empty: the score is the product of
            the best detector's and the mean raw score of the keypoints above 0.2, as the field's top-down packages
            have it.
        points: Weight of the expected OKS.
        bias: Added to the log odds.
    """

    evidence: tuple[float, ...] = ()
    points: float = 1.0
    bias: float = 0.0

    def __call__(self, found: Floats, expected: Floats) -> Floats:
        """Score instances.

        Args:
            found: ``(N, D)`` what each detector found at their places.
            expected: ``(N,)`` of :meth:`expected`.

        Returns:
            ``(N,)`` confidences.
        """
        if not self.evidence:
            return np.asarray(np.clip(found.max(axis=-1, initial=0) * expected, 0, 1), dtype=np.float32)
        likely = np.clip(expected, _LEAST, _MOST)
        odds = self.bias + np.log(np.maximum(found, 0) + _SILENT) @ np.array(self.evidence, np.float32)
        return _sigmoid(odds + self.points * np.log(likely / (1 - likely)))

    def expected(self, similarity: Floats, looks: Looks) -> Floats:
        """Return the ``(N,)`` expected OKS of instances.

        Args:
            similarity: ``(N, K)`` of :class:`PointScore`.
            looks: What it rests on.
        """
        if not self.evidence:
            sure = looks.conf > SURE
            mean: Floats = np.where(sure, looks.conf, 0).sum(axis=-1) / np.maximum(sure.sum(axis=-1), 1)
            return mean
        share = looks.conf + _SILENT
        return np.asarray((similarity * share).sum(axis=-1) / share.sum(axis=-1), dtype=np.float32)


def _times(weights: tuple[float, ...], columns: list[Floats]) -> Floats:
    total = np.zeros_like(columns[0])
    for weight, column in zip(weights, columns, strict=True):
        total += np.float32(weight) * column
    return total


def _sigmoid(odds: NDArray[Any]) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))), dtype=np.float32)
