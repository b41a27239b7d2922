"""Where the 33 points of ``blazepose33`` lie on the bones, and how far each is to be believed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from poise.mocap.rig import Rig
from poise.skeletons import get

Floats = NDArray[np.float64]

SKELETON = "blazepose33"

# Bone, where the point lies seen from its beginning, in heights of a standing person (the left side's: the right is its
# mirror image), and its standard deviation across and along the view, metres for somebody of 1.7 m. Face after common
# head measures with the ears' line and the eyes level (Frankfurt plane); hands, hips and feet as
# body-3d places its points: its hips are lower and wider than the joints. Of the ankles it does not tell from the front
# whether they lie under the knees: people who stand seem to bend theirs by twenty degrees.
_POINTS: dict[str, tuple[str, tuple[float, float, float], float, float]] = {
    "nose": ("head", (0.0, 0.034, 0.066), 0.012, 0.04),
    "left_eye_inner": ("head", (0.010, 0.053, 0.052), 0.012, 0.04),
    "left_eye": ("head", (0.019, 0.053, 0.050), 0.012, 0.04),
    "left_eye_outer": ("head", (0.027, 0.053, 0.046), 0.012, 0.04),
    "left_ear": ("head", (0.045, 0.045, 0.0), 0.012, 0.04),
    "mouth_left": ("head", (0.014, 0.012, 0.055), 0.012, 0.04),
    "left_shoulder": ("leftUpperArm", (0.0, 0.0, 0.0), 0.015, 0.05),
    "left_elbow": ("leftLowerArm", (0.0, 0.0, 0.0), 0.015, 0.06),
    "left_wrist": ("leftHand", (0.0, 0.0, 0.0), 0.015, 0.06),
    "left_pinky": ("leftHand", (0.048, 0.0, -0.019), 0.015, 0.04),
    "left_index": ("leftHand", (0.055, 0.0, 0.014), 0.015, 0.04),
    "left_thumb": ("leftHand", (0.014, -0.003, 0.014), 0.015, 0.04),
    "left_hip": ("hips", (0.058, -0.022, 0.0), 0.015, 0.04),
    "left_knee": ("leftLowerLeg", (0.0, 0.0, 0.0), 0.015, 0.06),
    "left_ankle": ("leftFoot", (0.0, 0.0, 0.0), 0.015, 0.12),
    "left_heel": ("leftFoot", (0.0, -0.029, -0.022), 0.015, 0.12),
    "left_foot_index": ("leftFoot", (0.0, -0.036, 0.085), 0.015, 0.12),
}
# Landmarks that touch the ground, two a foot: left heel and tip, right heel and tip.
SOLES = ("left_heel", "left_foot_index", "right_heel", "right_foot_index")


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The points of a skeleton, fastened to the bones of a rig.

    Attributes:
        bones: ``(K,)`` row of the bone that carries each point.
        offsets: ``(K, 3)`` metres, seen from the beginning of the bone, along its axes.
        across: ``(K,)`` standard deviation across the view, metres.
        along: ``(K,)`` the same along the view.
    """

    bones: NDArray[np.intp]
    offsets: Floats
    across: Floats
    along: Floats

    @classmethod
    def of(cls, rig: Rig, height: float) -> Landmarks:
        """Fasten the points of body-3d to somebody.

        Args:
            rig: The bones.
            height: How tall the person is, metres.
        """
        rows, offsets, spread = [], [], []
        for name in get(SKELETON).keypoints:
            bone, place, across, along, sign = _of(name)
            rows.append(rig.row(bone))
            offsets.append(np.array(place) * (sign, 1.0, 1.0) * height)
            spread.append((across, along))
        common = Rig.of_height(height)
        wide = np.array(spread) * height / 1.7
        return cls(np.array(rows), np.array(offsets), wide[:, 0], wide[:, 1]).on(rig, common)

    def on(self, rig: Rig, before: Rig) -> Landmarks:
        """Return the points on bones of other lengths: those of the hips are as far apart as the joints ask for.

        Args:
            rig: The bones.
            before: The bones that the points are on now.
        """
        offsets = self.offsets.copy()
        for hip, joint in _HIPS:
            offsets[hip, 0] *= rig.offsets[rig.row(joint), 0] / before.offsets[before.row(joint), 0]
        return Landmarks(self.bones, offsets, self.across, self.along)


@cache
def point(name: str) -> int:
    """Return the row of a point of body-3d."""
    return get(SKELETON).keypoints.index(name)


_HIPS = [(point(f"{side}_hip"), f"{side}UpperLeg") for side in ("left", "right")]


def _of(name: str) -> tuple[str, tuple[float, float, float], float, float, float]:
    """Return bone, place, deviations and side of a point; the right ones mirror the left ones."""
    if name in _POINTS:
        bone, place, across, along = _POINTS[name]
        return bone, place, across, along, 1.0
    bone, place, across, along = _POINTS[name.replace("right", "left")]
    return bone.replace("left", "right"), place, across, along, -1.0
