"""One skeleton, and the conversion of points from one to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from poise.errors import suggest
from poise.skeletons._sides import derive_flip, sides_of

Colour = tuple[int, int, int]

# Blue and orange stay apart for people with any kind of colour vision (Okabe and Ito, jfly.uni-koeln.de/color); these
# are lighter than theirs, so that they stand out on dark pictures too.
COLOURS: Mapping[str, Colour] = {"left": (31, 162, 255), "right": (255, 140, 26), "middle": (244, 241, 232)}


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A set of named keypoints and how they belong together.

    Two skeletons are equal when their names, keypoints, edges, mirror pairs and sigmas are.

    Attributes:
        name: Short name, as ``poise`` and JSON use it, such as ``"coco17"``.
        keypoints: The K keypoint names in the network's order.
        edges: E pairs of keypoint indices that are drawn as limbs.
        flip_idx: K indices: the keypoint that each one becomes in a mirrored picture. Left empty, it is derived from
            names with sides (``left_…`` / ``right_…``, ``lhip``, ``FL``, ``左耳``).
        sigmas: ``(K,)`` float64 OKS spreads (COCO's σ; nose 0.026). Left empty, every point gets 1/K, the field's
            usual assumption where none is published.
        subsets: Named groups of keypoint indices, such as ``"lips"``.
        sigmas_source: Where the sigmas come from.
        source: Where the definition comes from.
        instance: What one instance is, such as ``"person"``.
        colours: RGB of the sides ``left``, ``right`` and ``middle``.
        aliases: Other names of a keypoint, as other skeletons call it: other name to own name.
        derived: Keypoints that are by definition the middle of others: name to the names of those.

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
    colours: Mapping[str, Colour] = field(default_factory=lambda: dict(COLOURS))
    aliases: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
            found = sigmas.shape if sigmas.shape != (k,) else sigmas.min()
            raise ValueError(f"skeleton {self.name!r}: sigmas must be {k} positive numbers, got {found}")
        for label, members in self.subsets.items():
            if not all(0 <= i < k for i in members):
                raise ValueError(f"skeleton {self.name!r}: subset {label!r} must hold indices from 0 to {k - 1}")
        self._check_names()
        sigmas.flags.writeable = False
        object.__setattr__(self, "sigmas", sigmas)
        object.__setattr__(self, "flip_idx", tuple(int(i) for i in flip))
        object.__setattr__(self, "colours", {**COLOURS, **self.colours})

    def _check_names(self) -> None:
        for other, own in self.aliases.items():
            if own not in self or other in self.keypoints:
                raise ValueError(
                    f"skeleton {self.name!r}: alias {other!r} must be a new name of a keypoint, got {own!r}"
                )
        for name, parts in self.derived.items():
            for part in (name, *parts):
                if part not in self:
                    raise ValueError(
                        f"skeleton {self.name!r}: derived: no keypoint named {part!r}{suggest(part, self._index)}"
                    )
        for side, colour in self.colours.items():
            if side not in COLOURS:
                raise ValueError(f"skeleton {self.name!r}: colours: no side {side!r}{suggest(side, COLOURS)}")
            if len(colour) != 3 or not all(0 <= value <= 255 for value in colour):
                raise ValueError(f"skeleton {self.name!r}: colour {side!r} must be RGB from 0 to 255, got {colour}")

    def __len__(self) -> int:
        return len(self.keypoints)

    def __repr__(self) -> str:
        return f"Skeleton({self.name!r}, {len(self)} keypoints, {len(self.edges)} edges)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Skeleton):
            return NotImplemented
        return self is other or (self._identity == other._identity and np.array_equal(self.sigmas, other.sigmas))

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        return (self.name, self.keypoints, self.edges, self.flip_idx)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.keypoints)}

    @cached_property
    def _lookup(self) -> dict[str, int]:
        """Own names, and the other names that these points go by."""
        return {**{other: self._index[own] for other, own in self.aliases.items()}, **self._index}

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
        """``(K,)`` int8: -1 for a left keypoint, 1 for a right one, 0 for one without a side in its name."""
        return _frozen(sides_of(self.keypoints))

    @cached_property
    def edge_sides(self) -> NDArray[np.int8]:
        """``(E,)`` int8: -1 for a left limb, 1 for a right one, 0 for one in the middle or from side to side."""
        return _frozen([np.sign(self.sides[a] + self.sides[b]) for a, b in self.edges])

    def convert(self, points: NDArray[np.float32], to: Skeleton, *, derive: bool = False) -> NDArray[np.float32]:
        """Carry points over to another skeleton by their names.

        Args:
            points: ``(..., K, D)`` values a keypoint (x, y, conf, …) in this skeleton's order.
            to: The skeleton that is wanted.
            derive: Fill in the keypoints that ``to`` defines as the middle of others, such as the pelvis between the
                hips. Their values, confidence too, are the mean of those; NaN if one of them is NaN.

        Returns:
            ``(..., len(to), D)`` float32; NaN for a keypoint that this skeleton does not have.
        """
        if np.ndim(points) < 2 or np.shape(points)[-2] != len(self):
            raise ValueError(f"points must have shape (..., {len(self)}, D) for {self.name!r}, got {np.shape(points)}")
        source = np.array([self._find(name, to) for name in to.keypoints])
        given = np.asarray(points, dtype=np.float32)
        chosen = given[..., source, :]
        chosen[..., source < 0, :] = np.nan
        if derive:
            for name, parts in to.derived.items():
                found = [self._find(part, to) for part in parts]
                if source[to.index(name)] < 0 and min(found) >= 0:
                    chosen[..., to.index(name), :] = given[..., found, :].mean(axis=-2)
        return chosen

    def _find(self, name: str, to: Skeleton) -> int:
        """Where the keypoint that ``to`` calls ``name`` is here, under any of its names; -1: nowhere."""
        known = (name, *(other for other, own in to.aliases.items() if own == name))
        return next((self._lookup[n] for n in known if n in self._lookup), -1)


def _frozen(values: Sequence[int]) -> NDArray[np.int8]:
    array = np.array(values, dtype=np.int8)
    array.flags.writeable = False
    return array
