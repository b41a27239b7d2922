"""One skeleton, and the conversion of points from one to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from poise.errors import suggest


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A set of named keypoints and how they belong together.

    Attributes:
        name: Short name, as ``poise`` and JSON use it, such as ``"coco17"``.
        keypoints: The K keypoint names in the network's order.
        edges: Pairs of keypoint indices that are drawn as limbs.
        flip_idx: K indices: the keypoint that each one becomes in a mirrored picture. Left empty, it is derived from
            names that follow ``left_…`` / ``right_…``.
        sigmas: ``(K,)`` float64 OKS spreads (COCO's σ; nose 0.026). Left empty, every point gets 1/K, the field's
            usual assumption where none is published.
        subsets: Named groups of keypoint indices, such as ``"lips"``.
        sigmas_source: Where the sigmas come from.
        source: Where the definition comes from.
        instance: What one instance is, such as ``"person"``.

    Raises:
        ValueError: When lengths, indices or names do not fit together, naming the one that does not.
    """

    name: str
    keypoints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    flip_idx: tuple[int, ...] = ()
    sigmas: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    subsets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sigmas_source: str = "assumed: 1 / number of keypoints"
    source: str = ""
    instance: str = "object"

    def __post_init__(self) -> None:
        k = len(self.keypoints)
        if len(set(self.keypoints)) != k:
            twice = sorted({n for n in self.keypoints if self.keypoints.count(n) > 1})
            raise ValueError(f"skeleton {self.name!r}: keypoint names must differ, found twice: {', '.join(twice)}")
        for edge in self.edges:
            if len(edge) != 2 or not all(0 <= i < k for i in edge):
                raise ValueError(f"skeleton {self.name!r}: edge {edge} must be two indices from 0 to {k - 1}")
        flip = self.flip_idx or derive_flip(self.keypoints)
        if sorted(flip) != list(range(k)) or any(flip[flip[i]] != i for i in range(k)):
            raise ValueError(
                f"skeleton {self.name!r}: flip_idx must swap indices 0 to {k - 1} in pairs "
                f"(applying it twice gives back the order), got {list(flip)}"
            )
        sigmas = np.array(self.sigmas if np.size(self.sigmas) else [1.0 / max(k, 1)] * k, dtype=np.float64)
        if sigmas.shape != (k,) or not (sigmas > 0).all():
            raise ValueError(f"skeleton {self.name!r}: sigmas must be {k} positive numbers, got {sigmas.shape}")
        for label, members in self.subsets.items():
            if not all(0 <= i < k for i in members):
                raise ValueError(f"skeleton {self.name!r}: subset {label!r} must hold indices from 0 to {k - 1}")
        sigmas.flags.writeable = False
        object.__setattr__(self, "sigmas", sigmas)
        object.__setattr__(self, "flip_idx", tuple(int(i) for i in flip))

    def __len__(self) -> int:
        return len(self.keypoints)

    def __repr__(self) -> str:
        return f"Skeleton({self.name!r}, {len(self)} keypoints, {len(self.edges)} edges)"

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.keypoints)}

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def index(self, name: str) -> int:
        """Return the index of a keypoint by its name.

        Raises:
            KeyError: With the nearest name that there is.
        """
        try:
            return self._index[name]
        except KeyError:
            raise KeyError(
                f"no keypoint named {name!r} in skeleton {self.name!r}{suggest(name, self._index)}"
            ) from None

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The left-right pairs, each once: pairs of indices that a mirror swaps."""
        return tuple((i, j) for i, j in enumerate(self.flip_idx) if i < j)

    @cached_property
    def sides(self) -> NDArray[np.int8]:
        """``(K,)`` -1 for a left keypoint, 1 for a right one, 0 for one without a side."""
        side = np.zeros(len(self), dtype=np.int8)
        for i, name in enumerate(self.keypoints):
            words = name.split("_")
            side[i] = -1 if "left" in words else 1 if "right" in words else 0
        side.flags.writeable = False
        return side

    def convert(self, points: NDArray[np.float32], to: Skeleton) -> NDArray[np.float32]:
        """Carry points over to another skeleton by their names.

        Args:
            points: ``(..., K, D)`` values a keypoint (x, y, conf, …) in this skeleton's order.
            to: The skeleton that is wanted.

        Returns:
            ``(..., len(to), D)``; NaN for a keypoint that this skeleton does not have.
        """
        if np.ndim(points) < 2 or np.shape(points)[-2] != len(self):
            raise ValueError(f"points must have shape (..., {len(self)}, D) for {self.name!r}, got {np.shape(points)}")
        source = [self._index.get(name, -1) for name in to.keypoints]
        chosen = np.asarray(points, dtype=np.float32)[..., source, :]
        chosen[..., np.array(source) < 0, :] = np.nan
        return chosen


def derive_flip(keypoints: Sequence[str]) -> tuple[int, ...]:
    """Pair keypoints whose names differ only in the word ``left`` / ``right``; the others map to themselves.

    Example:
        >>> derive_flip(["nose", "left_eye", "right_eye"])
        (0, 2, 1)
    """
    swap = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "l": "r", "r": "l", "L": "R", "R": "L"}
    index = {name: i for i, name in enumerate(keypoints)}
    mirrored = ["_".join(swap.get(word, word) for word in name.split("_")) for name in keypoints]
    return tuple(index.get(name, i) for i, name in enumerate(mirrored))
