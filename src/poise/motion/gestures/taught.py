"""Gestures taught from a few examples: nearest examples, and a limit from which everything is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.motion.gestures.embedding import augmented, embed
from poise.skeletons import Skeleton

# What is said of anything that is no known gesture.
UNKNOWN = "unknown"
# The class of examples that are no gesture.
NONE = "none"
_COPIES = 8
# Examples of a class that are asked. With the few that people give, each may show another way to hold the hand, and
# the nearest one does best: of 1, 2 and 3, on the crops of benchmarks/gestures.py.
_NEIGHBOURS = 1
# Of a class with few examples the largest distance that its own examples have from the others says too little about
# the next one; it is widened by this over the square root of their number.
_WIDEN = 0.35
# Components vary at least by this share of the pooled spread, or one that happened not to vary would rule.
_FLOOR = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """Examples and what follows from them.

    Attributes:
        name: Of the set.
        skeleton: Name of the skeleton.
        upright: Whether up in the picture matters.
        classes: The gestures; "none" may be among them.
        vectors: ``(E, D)`` the examples' embeddings.
        labels: ``(E,)`` their classes.
        spread: ``(D,)`` how much each component varies within a class.
        limit: Distance from which a gesture is unknown.
    """

    name: str
    skeleton: str
    upright: bool
    classes: tuple[str, ...]
    vectors: Floats
    labels: NDArray[np.intp]
    spread: Floats
    limit: float

    @property
    def names(self) -> list[str]:
        """The gestures, without "none"."""
        return [name for name in self.classes if name != NONE]

    def distances(self, vectors: Floats) -> Floats:
        """Return ``(N, C)`` distances of ``(N, D)`` vectors from each class; NaN components are left out."""
        return class_distances(vectors, self.vectors, self.labels, self.spread, len(self.classes))

    def classify(self, vectors: Floats) -> list[tuple[str, float]]:
        """Return each vector's gesture and how sure that is; "none" is said as unknown."""
        distances = self.distances(vectors)
        return [self._say(row) for row in distances]

    def _say(self, distances: Floats) -> tuple[str, float]:
        order = np.argsort(np.nan_to_num(distances, nan=np.inf))
        best = int(order[0])
        near = float(distances[best])
        if not np.isfinite(near):
            return UNKNOWN, 1.0
        inside = 1.0 / (1.0 + np.exp(8.0 * (near / self.limit - 1.0)))  # one half at the limit
        if self.classes[best] == NONE or near > self.limit:
            return UNKNOWN, float(max(1.0 - inside, 0.5))
        second = float(distances[order[1]]) if len(order) > 1 else np.inf
        lead = 1.0 if not np.isfinite(second) else second / (second + near)
        if lead < 0.52:
            return UNKNOWN, 0.5
        return self.classes[best], float(inside * min(1.0, 2.0 * lead - 0.5))


def class_distances(vectors: Floats, examples: Floats, labels: NDArray[np.intp], spread: Floats, count: int) -> Floats:
    """Return ``(N, C)`` distances: root mean square a component, mean over a class's nearest few examples."""
    squared = np.square((vectors[:, None] - examples[None]) / spread)
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(squared)
        mean = np.where(seen, squared, 0.0).sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1)
    # Half of the components must be there to be compared at all.
    apart = np.where(seen.mean(axis=-1) >= 0.5, np.sqrt(mean), np.nan)
    out = np.full((len(vectors), count), np.nan)
    for c in range(count):
        mine = apart[:, labels == c]
        if mine.shape[1]:
            out[:, c] = np.sort(mine, axis=1)[:, :_NEIGHBOURS].mean(axis=1)
    return out


def learn(
    name: str,
    skeleton: Skeleton,
    examples: Sequence[tuple[str, Floats, Floats | None]],
    *,
    upright: bool | None = None,
    seed: int = 0,
) -> Taught:
    """Learn gestures from examples.

    Args:
        name: Of the set.
        skeleton: What the points are.
        examples: Class, ``(K, 2)`` pixels and ``(K, 3)`` metres or None, of each; class "none" is what is no gesture.
        upright: Whether up in the picture matters; see :func:`embed`.
        seed: Of the variations.

    Raises:
        ValueError: There is no example of a gesture.
    """
    classes = tuple(dict.fromkeys(label for label, _, _ in examples))
    if not any(label != NONE for label in classes):
        raise ValueError("teaching needs at least one example of a gesture; got none besides 'none'")
    labels = np.array([classes.index(label) for label, _, _ in examples], dtype=np.intp)
    xy = np.array([flat for _, flat, _ in examples], dtype=np.float64)
    deep = None
    if all(xyz is not None for _, _, xyz in examples):
        deep = np.array([xyz for _, _, xyz in examples], dtype=np.float64)
    vectors = embed(skeleton, xy, deep, upright=upright)
    more = embed(
        skeleton, *augmented(skeleton, xy, deep, copies=_COPIES, rng=np.random.default_rng(seed)), upright=upright
    )
    # What is no gesture may be anything, and says nothing of how much one gesture varies.
    gesture = np.array([name != NONE for name in classes])[np.tile(labels, 1 + _COPIES)]
    spread = _spread(more[gesture], np.tile(labels, 1 + _COPIES)[gesture])
    limit = _limit(vectors, labels, classes, spread, more)
    return Taught(name, skeleton.name, bool(upright), classes, vectors, labels, spread, limit)


def leave_one_out(taught: Taught, groups: Sequence[object] | None = None) -> list[tuple[str, str]]:
    """Return (true class, said) of each example, judged by the others alone.

    Args:
        taught: The set; its limit is learned anew each time from the spread that all examples gave.
        groups: What each example belongs to, such as its picture or signer; examples of one group never judge each
            other. None: each stands alone.
    """
    names = list(range(len(taught.labels))) if groups is None else list(groups)
    told = []
    for i in range(len(taught.labels)):
        others = np.array([names[j] != names[i] for j in range(len(names))])
        part = Taught(
            taught.name, taught.skeleton, taught.upright, taught.classes, taught.vectors[others],
            taught.labels[others], taught.spread, taught.limit,
        )  # fmt: skip
        said = part.classify(taught.vectors[i : i + 1])[0][0] if others.any() else UNKNOWN
        told.append((taught.classes[taught.labels[i]], said))
    return told


def _spread(vectors: Floats, labels: NDArray[np.intp]) -> Floats:
    """Return how much each component varies within a class, drawn towards the mean of all components."""
    centred = vectors.copy()
    for c in np.unique(labels):
        centred[labels == c] -= np.nanmean(vectors[labels == c], axis=0)
    own = np.sqrt(np.nanmean(np.square(centred), axis=0))
    pooled = float(np.sqrt(np.nanmean(np.square(own))))
    spread: Floats = np.maximum(np.nan_to_num(own, nan=pooled), _FLOOR * max(pooled, 1e-6))
    return np.sqrt(0.5 * np.square(spread) + 0.5 * pooled**2)


def _limit(vectors: Floats, labels: NDArray[np.intp], classes: Sequence[str], spread: Floats, more: Floats) -> float:
    """Return the distance from which a vector is unknown.

    The conformal limit: the largest distance of an example from the others of its class. With n examples the next one
    lies beyond it in 1 of n + 1 cases at most, so it is widened while there are few. A class of one example has its
    own variations only.

    Source:
        Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), chapter 2.
    """
    own = []
    for c, name in enumerate(classes):
        rows = np.flatnonzero(labels == c)
        if name == NONE or len(rows) < 2:
            continue
        for row in rows:
            rest = rows[rows != row]
            own.append(class_distances(vectors[[row]], vectors[rest], np.zeros(len(rest), np.intp), spread, 1)[0, 0])
    if not own:
        copies = more[len(vectors) :]
        tiled = np.tile(labels, len(copies) // len(vectors))
        near = class_distances(copies, vectors, labels, spread, len(classes))
        own = near[np.arange(len(copies)), tiled].tolist()
        return float(np.nanmax(own) * 2.0)
    widen = 1.0 + _WIDEN / np.sqrt(len(own)) * 2.0
    return float(np.nanmax(own) * widen) if len(own) < 20 else float(np.nanquantile(own, 0.975))
