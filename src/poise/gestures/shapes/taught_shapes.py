"""Gestures taught from a few examples: nearest examples, and a limit from which everything is unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.gestures.events import NONE, UNKNOWN
from poise.gestures.shapes.embedding import HAND, differences, mirrored

# The nearest class is said when its distance is at most this share of its and the next one's together.
_TIE = 0.48
# How fast an answer becomes surer inside the limit: 0.98 at half of it.
_STEEP = 8.0
# Numbers that may be in memory at once while many examples are compared.
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class TaughtShapes:
    """Examples and what follows from them.

    Attributes:
        name: Of the set.
        skeleton: Name of the skeleton.
        upright: Whether up in the picture matters.
        classes: The C gestures; "none" may be among them.
        vectors: ``(E, D)`` the examples' embeddings.
        labels: ``(E,)`` their classes.
        spread: ``(D,)`` how much each component varies within a class.
        limits: ``(C,)`` distance, in spreads, from which a gesture is unknown.
        flip_idx: The keypoint that each one becomes in a mirror, where a mirrored gesture is the same; else empty.
    """

    name: str
    skeleton: str
    upright: bool
    classes: tuple[str, ...]
    vectors: Floats
    labels: NDArray[np.intp]
    spread: Floats
    limits: Floats
    flip_idx: tuple[int, ...] = ()

    @property
    def names(self) -> list[str]:
        """The gestures, without "none"."""
        return [name for name in self.classes if name != NONE]

    def distances(self, vectors: Floats) -> Floats:
        """Return ``(N, C)`` distances of ``(N, D)`` vectors from the nearest example of each class, in spreads.

        NaN for a class without examples, and where less than half of the components can be compared.
        """
        out = np.full((len(vectors), len(self.classes)), np.nan)
        apart = self.apart(vectors)
        for c in range(len(self.classes)):
            mine = np.where(np.isfinite(apart), apart, np.inf)[:, self.labels == c]
            if mine.shape[1]:
                nearest = mine.min(axis=1)
                out[:, c] = np.where(np.isfinite(nearest), nearest, np.nan)
        return out

    def apart(self, vectors: Floats) -> Floats:
        """Return ``(N, E)`` distances of ``(N, D)`` vectors from every example: root mean square a component."""
        out = np.empty((len(vectors), len(self.vectors)))
        step = max(1, _CHUNK // max(self.vectors.size, 1))
        for start in range(0, len(vectors), step):
            part = vectors[start : start + step]
            found = self._apart(part)
            out[start : start + step] = (
                np.fmin(found, self._apart(mirrored(part, self.flip_idx))) if self.flip_idx else found
            )
        return out

    def _apart(self, vectors: Floats) -> Floats:
        points = self.skeleton != HAND
        squared = np.square(differences(vectors, self.vectors, points=points, upright=self.upright) / self.spread)
        seen = np.isfinite(squared)
        mean = np.where(seen, squared, 0.0).sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1)
        apart: Floats = np.where(seen.mean(axis=-1) >= 0.5, np.sqrt(mean), np.nan)
        return apart

    def classify(self, vectors: Floats) -> list[tuple[str, float]]:
        """Return each vector's gesture and how sure that is; "none" is said as unknown.

        How sure is a number from one half, at the limit or midway between two gestures, to 1 near an example. It is
        no probability by construction; benchmarks/taught_gestures.py prints how often answers of each conf are right.
        """
        return [self._say(row) for row in self.distances(vectors)]

    def _say(self, distances: Floats) -> tuple[str, float]:
        order = np.argsort(np.nan_to_num(distances, nan=np.inf))
        best = int(order[0])
        near = float(distances[best])
        if not np.isfinite(near):
            return UNKNOWN, 1.0
        inside = 1.0 / (1.0 + np.exp(min(_STEEP * (near / self.limits[best] - 1.0), 30.0)))
        if self.classes[best] == NONE or near > self.limits[best]:
            return UNKNOWN, float(max(1.0 - inside, 0.5))
        second = float(distances[order[1]]) if len(order) > 1 else np.nan
        share = near / (near + second) if near + second > 0 else 0.5
        if not np.isfinite(second):
            share = 0.0
        if share > _TIE:
            return UNKNOWN, 0.5
        return self.classes[best], float(max(inside * min(1.0, 1.5 - 2.0 * share), 0.5))
