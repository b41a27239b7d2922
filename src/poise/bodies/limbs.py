"""Which keypoints of a skeleton are arms, legs, trunk and head, and how long limbs are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poise.bodies.angles import norms
from poise.geometry import Floats
from poise.skeletons import Skeleton

# Words in the names of keypoints that say which part they are of; the first that fits counts.
_WORDS = {
    "arms": ("elbow", "wrist", "hand", "pinky", "index", "thumb"),
    "legs": ("knee", "ankle", "heel", "toe", "foot"),
    "trunk": ("shoulder", "hip"),
    "head": ("eye", "ear", "mouth"),
}


def part_of(name: str) -> str:
    """Return ``"arms"``, ``"legs"``, ``"trunk"``, ``"head"``, or ``"other"`` for a name that says none of them.

    Example:
        >>> part_of("left_foot_index"), part_of("right_wrist"), part_of("tail")
        ('legs', 'arms', 'other')
    """
    if "foot" in name or "toe" in name:
        return "legs"
    return next((part for part, words in _WORDS.items() if any(word in name for word in words)), "other")


def pair_groups(skeleton: Skeleton) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the left-right pairs of each part that has any, (left, right) where the names tell."""
    groups: dict[str, list[tuple[int, int]]] = {}
    for a, b in skeleton.pairs:
        left, right = (b, a) if skeleton.sides[a] > 0 else (a, b)
        groups.setdefault(part_of(skeleton.keypoints[left]), []).append((left, right))
    return {part: tuple(pairs) for part, pairs in groups.items()}


def limbs(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    """Return the edges along one side of the body, such as hip to knee or shoulder to hip: what keeps its length.

    Edges from side to side are left out, since in a picture their length changes with every turn of the body; so are
    those of the face, which are short and bend.
    """
    part = [part_of(name) for name in skeleton.keypoints]
    stiff = {"arms", "legs", "trunk"}
    return tuple(
        (a, b)
        for (a, b), side in zip(skeleton.edges, skeleton.edge_sides.tolist(), strict=True)
        if side and {part[a], part[b]} <= stiff
    )


def lengths(xy: Floats, edges: Sequence[tuple[int, int]] | NDArray[np.intp]) -> Floats:
    """Return ``(..., E)`` lengths of limbs in the picture, pixels, from ``(..., K, 2)`` points."""
    ends = np.array(edges, dtype=np.intp).reshape(-1, 2)
    return norms(xy[..., ends[:, 0], :] - xy[..., ends[:, 1], :])


def relative_lengths(xy: Floats, conf: Floats, edges: NDArray[np.intp], *, min_conf: float = 0.3) -> Floats:
    """Measure the limbs relative to each other: the logarithm of each length less the mean of all.

    Args:
        xy: ``(N, K, 2)`` keypoints, pixels.
        conf: ``(N, K)``.
        edges: ``(E, 2)`` the limbs' keypoints.
        min_conf: Both ends must be this sure.

    Returns:
        ``(N, E)``, free of scale; NaN for a limb that is not seen.
    """
    if not edges.size or not len(xy):
        return np.full((len(xy), len(edges)), np.nan)
    length = lengths(xy, edges)
    seen = (conf[:, edges] >= min_conf).all(axis=-1) & (length > 1e-3)
    logs = np.where(seen, np.log(np.where(seen, length, 1.0)), 0.0)
    mean = logs.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.where(seen & (seen.sum(axis=1) >= 3)[:, None], logs - mean[:, None], np.nan)
