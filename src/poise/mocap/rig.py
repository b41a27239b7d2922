"""The bones of a person: names and parents as VRM 1.0 has them, lengths in metres.

Axes are glTF's: right-handed, y up; a person at rest stands in a T-pose, looks along +z and has the left arm along +x.
At rest no bone is turned: its rotation is the identity, and its axes are the world's. So one rotation means the same on
every person and every character, whatever its own rest pose is (:mod:`poise.mocap.retargeting` puts that right).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.errors import suggest
from poise.mocap import quaternions as quat

Floats = NDArray[np.float64]

_TRUNK = {"hips": None, "spine": "hips", "chest": "spine", "neck": "chest", "head": "neck"}
_SIDE = {
    "Shoulder": "chest",
    "UpperArm": "Shoulder",
    "LowerArm": "UpperArm",
    "Hand": "LowerArm",
    "UpperLeg": "hips",
    "LowerLeg": "UpperLeg",
    "Foot": "LowerLeg",
    "Toes": "Foot",
}
_FINGERS = {
    "Thumb": ("Metacarpal", "Proximal", "Distal"),
    **dict.fromkeys(("Index", "Middle", "Ring", "Little"), ("Proximal", "Intermediate", "Distal")),
}


def _parents() -> dict[str, str | None]:
    parents: dict[str, str | None] = dict(_TRUNK)
    for side in ("left", "right"):
        for bone, above in _SIDE.items():
            parents[side + bone] = above if above in parents else side + above
    for side in ("left", "right"):
        for finger, parts in _FINGERS.items():
            above = side + "Hand"
            for part in parts:
                parents[side + finger + part] = above
                above = side + finger + part
    return parents


# Every bone that a rig may have, parents before children: a subset of VRM 1.0's humanoid bones, by their names.
PARENTS: Mapping[str, str | None] = _parents()
BONES: tuple[str, ...] = tuple(PARENTS)
# Without fingers.
BODY_BONES: tuple[str, ...] = tuple(name for name in BONES if not any(f in name for f in _FINGERS))
FINGER_BONES: tuple[str, ...] = tuple(name for name in BONES if name not in BODY_BONES)

# Where a bone begins, seen from its parent, in heights of a standing person, the left side's. Lengths of limbs after
# Drillis and Contini, Body segment parameters, 1966; the places inside the trunk and the hand after common rigs.
_SHARES: dict[str, tuple[float, float, float]] = {
    "hips": (0.0, 0.53, 0.0),
    "spine": (0.0, 0.06, 0.0),
    "chest": (0.0, 0.10, 0.0),
    "neck": (0.0, 0.14, 0.0),
    "head": (0.0, 0.05, 0.01),
    "Shoulder": (0.02, 0.115, 0.0),
    "UpperArm": (0.09, 0.0, 0.0),
    "LowerArm": (0.172, 0.0, 0.0),
    "Hand": (0.157, 0.0, 0.0),
    "UpperLeg": (0.052, 0.0, 0.0),
    "LowerLeg": (0.0, -0.245, 0.0),
    "Foot": (0.0, -0.246, 0.0),
    "Toes": (0.0, -0.039, 0.09),
    "ThumbMetacarpal": (0.015, -0.003, 0.012),
    "ThumbProximal": (0.018, 0.0, 0.018),
    "ThumbDistal": (0.013, 0.0, 0.013),
    "IndexProximal": (0.055, 0.0, 0.014),
    "IndexIntermediate": (0.025, 0.0, 0.0),
    "IndexDistal": (0.015, 0.0, 0.0),
    "MiddleProximal": (0.055, 0.0, 0.002),
    "MiddleIntermediate": (0.027, 0.0, 0.0),
    "MiddleDistal": (0.017, 0.0, 0.0),
    "RingProximal": (0.052, 0.0, -0.009),
    "RingIntermediate": (0.025, 0.0, 0.0),
    "RingDistal": (0.016, 0.0, 0.0),
    "LittleProximal": (0.048, 0.0, -0.019),
    "LittleIntermediate": (0.019, 0.0, 0.0),
    "LittleDistal": (0.012, 0.0, 0.0),
}
# Where the last bone of a chain ends, seen from where it begins.
_TIPS: dict[str, tuple[float, float, float]] = {
    "head": (0.0, 0.12, 0.0),
    "Hand": (0.1, 0.0, 0.0),
    "Toes": (0.0, 0.0, 0.04),
    **{f"{finger}Distal": (0.012, 0.0, 0.0) for finger in _FINGERS},
    "ThumbDistal": (0.0085, 0.0, 0.0085),
}


@dataclass(frozen=True, eq=False)
class Rig:
    """The bones of one person.

    Attributes:
        bones: J names of :data:`BONES`, parents before children; the first is ``hips``.
        offsets: ``(J, 3)`` metres: where each bone begins, seen from the beginning of its parent, at rest. That of the
            hips is where they stand above the ground.
        tips: ``(J, 3)`` metres: where a bone without children ends, seen from its beginning; zero for the others.
    """

    bones: tuple[str, ...]
    offsets: Floats
    tips: Floats

    def __post_init__(self) -> None:
        _parents_of(self.bones)
        for name in ("offsets", "tips"):
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.shape != (len(self.bones), 3) or not np.isfinite(value).all():
                raise ValueError(f"{name} must be finite, of shape ({len(self.bones)}, 3), got {value.shape}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @classmethod
    def of_height(cls, height: float, *, fingers: bool = False) -> Rig:
        """Return a person of common proportions.

        Args:
            height: Standing height, metres.
            fingers: Whether it has fingers.
        """
        bones = BONES if fingers else BODY_BONES
        return cls(bones, height * np.array([_share(b, _SHARES) for b in bones]), height * _tips(bones))

    def with_offsets(self, offsets: Floats) -> Rig:
        """Return the same bones with other ``(J, 3)`` offsets, unchecked: live they ease every frame."""
        other = object.__new__(Rig)
        offsets.setflags(write=False)
        other.__dict__.update(self.__dict__, offsets=offsets)
        return other

    @property
    def parents(self) -> NDArray[np.intp]:
        """``(J,)`` row of each bone's parent, -1 for the hips."""
        return _parents_of(self.bones)

    def row(self, bone: str) -> int:
        """Return the row of a bone.

        Raises:
            KeyError: The rig has no such bone.
        """
        if bone not in self.bones:
            raise KeyError(f"the rig has no bone {bone!r}{suggest(bone, self.bones)}")
        return self.bones.index(bone)

    @property
    def height(self) -> float:
        """From the sole to the crown at rest, metres."""
        places = self.rest()
        return float((places + self.tips)[:, 1].max() - places[:, 1].min())

    def rest(self) -> Floats:
        """``(J, 3)`` where the bones begin at rest, metres, ground at y = 0."""
        places = np.array(self.offsets)
        for at, above in enumerate(self.parents):
            if above >= 0:
                places[at] += places[above]
        return places


@cache
def _parents_of(bones: tuple[str, ...]) -> NDArray[np.intp]:
    """Return the rows of the parents of bones that can be a rig: a live body has another every frame."""
    unknown = [name for name in bones if name not in PARENTS]
    if unknown:
        raise ValueError(f"no bone is called {unknown[0]!r}; known: {', '.join(BONES)}")
    if bones[:1] != ("hips",) or len(set(bones)) != len(bones):
        raise ValueError("the bones must begin with hips, each once")
    for at, name in enumerate(bones[1:], 1):
        if PARENTS[name] not in bones[:at]:
            raise ValueError(f"{name} comes before its parent {PARENTS[name]}, or without it")
    rows = np.array([-1 if PARENTS[b] is None else bones.index(PARENTS[b] or "") for b in bones])
    rows.setflags(write=False)
    return rows


def forward(rig: Rig, rotations: ArrayLike, root: ArrayLike) -> tuple[Floats, Floats]:
    """Return where the bones are (forward kinematics).

    Args:
        rig: J bones.
        rotations: ``(…, J, 4)`` each relative to its parent.
        root: ``(…, 3)`` metres: where the hips are.

    Returns:
        ``(…, J, 3)`` beginnings of the bones, metres, and ``(…, J, 4)`` their rotations in the world.
    """
    local = np.asarray(rotations, dtype=np.float64)
    world = np.empty_like(local)
    places = np.empty((*local.shape[:-1], 3))
    for at, above in enumerate(rig.parents):
        if above < 0:
            world[..., at, :], places[..., at, :] = local[..., at, :], root
        else:
            world[..., at, :] = quat.multiply(world[..., above, :], local[..., at, :])
            places[..., at, :] = places[..., above, :] + quat.rotate(world[..., above, :], rig.offsets[at])
    return places, world


def _share(bone: str, table: Mapping[str, tuple[float, float, float]]) -> Floats:
    """Return one bone's row of a table of the left side, mirrored for the right."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        if bone.startswith(side):
            return np.array(table.get(bone[len(side) :], (0.0, 0.0, 0.0))) * (sign, 1.0, 1.0)
    return np.array(table.get(bone, (0.0, 0.0, 0.0)))


def _tips(bones: tuple[str, ...]) -> Floats:
    above = {PARENTS[b] for b in bones}
    return np.array([np.zeros(3) if b in above else _share(b, _TIPS) for b in bones])
