"""Shapes learned from a few examples: how much each component varies, and a limit from which all is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Floats
from poise.gestures.events import NONE, UNKNOWN
from poise.gestures.shapes.embedding import HAND, differences, embed, is_upright
from poise.gestures.shapes.taught_shapes import TaughtShapes
from poise.gestures.shapes.variation import augmented
from poise.skeletons import Skeleton

# Variations of all examples together, and of each at least and at most.
_VARIATIONS, _LEAST_COPIES, _MOST_COPIES = 2000, 4, 32
# The spread within a class and the limit follow from plausible variations, which count as much as this many examples:
# the few that people give say too little of the next one.
_PRIOR = 20.0
# A component's spread is drawn half-way to that of all components: one that happened not to vary would rule.
_POOLED = 0.5
# This share of the variations of an example is to lie within the limit: one in twenty may be refused wrongly.
_WITHIN = 0.95
# Examples of a class that are compared with each other to measure its spread.
_MOST_COMPARED = 64
# Skeletons of which a mirrored example shows the same. Of people's bodies it does not: left and right arm differ.
_MIRRORED = ("face468", "tiger12", "ap10k17", "dog24")


def learn_shapes(
    name: str,
    skeleton: Skeleton,
    examples: Sequence[tuple[str, Floats, Floats | None]],
    *,
    upright: bool | None = None,
    mirror: bool | None = None,
    groups: Sequence[object] | None = None,
    seed: int = 0,
) -> TaughtShapes:
    """Learn gestures from examples.

    The spread of each component and the limit come from plausible variations of the examples (:func:`augmented`) and
    grow where those of a class lie further apart, the more the more examples there are. Examples of other classes and
    of "none" do not move the limits; what is nearer to one of them is that.

    Args:
        name: Of the set.
        skeleton: What the points are.
        examples: Class, ``(K, 2)`` pixels and ``(K, 3)`` metres or None, of each; class "none" is what is no gesture.
        upright: Whether up in the picture matters; see :func:`embed`.
        mirror: Whether a mirrored example shows the same. None: not for bodies of people, whose left and right arm
            mean different things, but for faces and animals. Hands are always free of mirrors.
        groups: What each example belongs to, such as its picture or video; examples of one group say nothing of how
            far the next one may lie. None: each stands alone.
        seed: Of the variations.

    Raises:
        ValueError: There is no example of a gesture, none shows enough points, one is named "unknown", or the points
            are not the skeleton's.
    """
    classes = tuple(dict.fromkeys(label for label, _, _ in examples))
    if not classes:
        raise ValueError("there is nothing to learn from: nothing was found in any of the examples")
    if not any(label != NONE for label in classes):
        raise ValueError("teaching needs at least one example of a gesture; got none besides 'none'")
    if UNKNOWN in classes:
        raise ValueError(f"{UNKNOWN!r} is what is said of all else and cannot be taught; name that class {NONE!r}")
    for label, flat, _ in examples:
        if np.shape(flat) != (len(skeleton), 2):
            expected = (len(skeleton), 2)
            raise ValueError(f"{label}: points of {skeleton.name} must have shape {expected}, got {np.shape(flat)}")
    labels = np.array([classes.index(label) for label, _, _ in examples], dtype=np.intp)
    xy = np.array([flat for _, flat, _ in examples], dtype=np.float64)
    deep = None
    if any(xyz is not None for _, _, xyz in examples):
        none = np.full((len(skeleton), 3), np.nan)
        deep = np.array([none if xyz is None else xyz for _, _, xyz in examples], dtype=np.float64)
    up = is_upright(skeleton, upright)
    both = skeleton.name != HAND and (skeleton.name in _MIRRORED if mirror is None else mirror)
    vectors = embed(skeleton, xy, deep, upright=up)
    # What is no gesture may be anything, and says nothing of how much one gesture varies.
    rows = np.flatnonzero([classes[label] != NONE for label in labels])
    rng = np.random.default_rng(seed)
    moved = _variations(skeleton, xy[rows], None if deep is None else deep[rows], up, rng)
    taught = TaughtShapes(
        name, skeleton.name, up, classes, vectors, labels, np.ones(vectors.shape[1]), np.ones(len(classes)),
        tuple(skeleton.flip_idx) if both else (),
    )  # fmt: skip
    kin = _kin(labels, groups)
    off = np.stack([_off(taught, copies[1:], copies[:1]) for copies in moved])
    if not np.isfinite(off).any():
        raise ValueError(f"no example shows enough points of {skeleton.name} to learn from")
    prior = _mean_square(off.reshape(-1, off.shape[-1]))
    taught = replace(taught, spread=_spread(taught, prior, kin))
    common = np.nanquantile(np.sqrt(_mean_square(off / _mixed(prior), axis=2)), _WITHIN)
    return replace(taught, limits=_limits(taught, float(common), kin))


def leave_one_out_shapes(taught: TaughtShapes, groups: Sequence[object] | None = None) -> list[tuple[str, str]]:
    """Return (true class, said) of each example, judged by the others alone.

    Args:
        taught: The set. Its spread and limits stay those that all examples gave, the judged one too, so what is said
            is a little better than what strangers will see.
        groups: What each example belongs to, such as its picture or signer; examples of one group never judge each
            other. None: each stands alone.
    """
    kin = _kin(taught.labels, groups)
    told = []
    for i, label in enumerate(taught.labels.tolist()):
        others = kin != kin[i]
        part = replace(taught, vectors=taught.vectors[others], labels=taught.labels[others])
        said = part.classify(taught.vectors[i : i + 1])[0][0] if others.any() else UNKNOWN
        told.append((taught.classes[label], said))
    return told


def _kin(labels: NDArray[np.intp], groups: Sequence[object] | None) -> NDArray[np.intp]:
    """Return a number for the group of each example."""
    if groups is None:
        return np.arange(len(labels))
    numbers: NDArray[np.intp] = np.unique([str(one) for one in groups], return_inverse=True)[1]
    return numbers


def _variations(skeleton: Skeleton, xy: Floats, deep: Floats | None, upright: bool, rng: np.random.Generator) -> Floats:
    """Return ``(R, 1 + V, D)``: the vectors of R examples and of V variations of each."""
    copies = int(np.clip(_VARIATIONS // len(xy), _LEAST_COPIES, _MOST_COPIES))
    more = embed(skeleton, *augmented(skeleton, xy, deep, copies=copies, rng=rng), upright=upright)
    return more.reshape(1 + copies, len(xy), -1).swapaxes(0, 1)


def _spread(taught: TaughtShapes, prior: Floats, kin: NDArray[np.intp]) -> Floats:
    """Return how much each component varies within a class.

    The variance is that of the variations, ``prior``, and that between the examples where it is larger, weighted like
    a scaled inverse chi-squared prior of ``_PRIOR`` degrees of freedom and the data's own. Examples that lie close
    together make nothing narrower: most people teach with pictures of themselves, which say little of others.

    Source:
        Gelman et al., Bayesian Data Analysis (3rd ed., 2013), section 2.6: normal model with known mean.
    """
    own, free = np.zeros(len(prior)), 0
    for c, name in enumerate(taught.classes):
        rows = np.flatnonzero(taught.labels == c)
        rows = rows[:: -(-len(rows) // _MOST_COMPARED)] if len(rows) else rows
        more = len(np.unique(kin[rows])) - 1
        if name == NONE or more < 1:
            continue
        pairs = [
            _off(taught, taught.vectors[[row]], taught.vectors[rows[kin[rows] != kin[row]]]) for row in rows.tolist()
        ]
        # Two draws lie twice the variance apart.
        between = _mean_square(np.concatenate(pairs)) / 2.0
        own += more * np.where(np.isfinite(between), np.maximum(between, prior), prior)
        free += more
    return _mixed((_PRIOR * prior + own) / (_PRIOR + free))


def _mixed(variance: Floats) -> Floats:
    """Return the spread of ``(D,)`` variances, each drawn to the mean of all."""
    pooled = float(np.nanmean(variance)) if np.isfinite(variance).any() else 1.0
    mixed = (1.0 - _POOLED) * np.nan_to_num(variance, nan=pooled) + _POOLED * pooled
    spread: Floats = np.sqrt(np.maximum(mixed, 1e-12))
    return spread


def _limits(taught: TaughtShapes, common: float, kin: NDArray[np.intp]) -> Floats:
    """Return the distance from which each class is unknown.

    Within ``common`` lie 95 % of the variations of an example. Where the examples of a class lie further apart, it is
    mixed with the distance within which as many of them lie as seen from the others, weighted as in :func:`_spread`.
    So about one in twenty of what belongs is refused, as far as the variations are like what people do; how much of
    what does not belong is refused follows from nothing, and is measured.
    """
    limits = np.full(len(taught.classes), common)
    for c in range(len(taught.classes)):
        rows = np.flatnonzero(taught.labels == c)
        count = len(np.unique(kin[rows]))
        if count < 2:
            continue
        near = []
        for row in rows.tolist():
            rest = rows[kin[rows] != kin[row]]
            part = replace(taught, vectors=taught.vectors[rest], labels=taught.labels[rest])
            near.append(part.distances(taught.vectors[[row]])[0, c])
        if np.isfinite(near).any():
            own = max(float(np.nanquantile(near, _WITHIN)), common)
            limits[c] = (_PRIOR * common + count * own) / (_PRIOR + count)
    return limits


def _off(taught: TaughtShapes, vectors: Floats, examples: Floats) -> Floats:
    """Return ``(N * E, D)`` differences."""
    off = differences(vectors, examples, points=taught.skeleton != HAND, upright=taught.upright)
    return off.reshape(-1, off.shape[-1])


def _mean_square(values: Floats, *, axis: int = 0) -> Floats:
    """Return the mean square of what is seen along an axis; NaN where nothing is."""
    seen = np.isfinite(values)
    count = seen.sum(axis=axis)
    total = np.square(np.where(seen, values, 0.0)).sum(axis=axis)
    mean: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
