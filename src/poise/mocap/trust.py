"""How far each bone is to be trusted: whether its points were seen, and whether the body could reach them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from poise.mocap.landmarks import point
from poise.mocap.rig import Rig

Floats = NDArray[np.float64]

# Points on which the rotation of a bone rests; of a side those of the side.
_RESTS: dict[str, tuple[str, ...]] = {
    "hips": ("left_hip", "right_hip"),
    "spine": ("left_hip", "right_hip", "left_shoulder", "right_shoulder"),
    "chest": ("left_shoulder", "right_shoulder"),
    "neck": ("nose", "left_shoulder", "right_shoulder"),
    "head": ("nose", "left_eye", "right_eye"),
    "Shoulder": ("shoulder",),
    "UpperArm": ("shoulder", "elbow"),
    "LowerArm": ("elbow", "wrist"),
    "Hand": ("wrist", "index", "pinky"),
    "UpperLeg": ("hip", "knee"),
    "LowerLeg": ("knee", "ankle"),
    "Foot": ("ankle", "heel", "foot_index"),
    "Toes": ("ankle", "foot_index"),
}
# A point so many standard deviations off halves the trust.
_OFF = 3.0


def trusted(rig: Rig, sure: Floats, off: Floats) -> Floats:
    """Return ``(…, J)`` trust in [0, 1]: that of the worst of a bone's points.

    Args:
        rig: J bones.
        sure: ``(…, K)`` how far the network's points are to be believed, 0 where there is none.
        off: ``(…, K)`` how many standard deviations each lies off the solved body.
    """
    good = sure / (1 + np.square(off / _OFF))
    return np.asarray(good.take(_rows(rig.bones), axis=-1).min(axis=-1))


@cache
def _rows(bones: tuple[str, ...]) -> NDArray[np.intp]:
    """Return ``(J, 4)`` rows of the points on which bones rest, some of them twice."""
    return np.array([(_of(bone) * 4)[:4] for bone in bones])


def _of(bone: str) -> list[int]:
    for side in ("left", "right"):
        if bone.startswith(side):
            part = bone[len(side) :]
            # Fingers are trusted as the hand is.
            return [point(f"{side}_{name}") for name in _RESTS.get(part, _RESTS["Hand"])]
    return [point(name) for name in _RESTS[bone]]
