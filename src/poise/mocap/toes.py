"""Toes that stay flat on the ground while the heel rises: the foot turns about its ball."""

from __future__ import annotations

from math import radians

import numpy as np
from numpy.typing import NDArray

from poise.mocap import quaternions as quat
from poise.mocap.body import Placed
from poise.mocap.rig import Rig

Floats = NDArray[np.float64]

# Toes bend up so far (Kapandji gives 50 to 60 degrees by themselves, 90 and more under weight).
_MOST = radians(80.0)


def flattened(rig: Rig, rotations: Floats, placed: Placed) -> Floats:
    """Return rotations in which no toe points into the ground: where it would, it is bent up as far as it must.

    Nothing else is needed of when a foot stands: toes in the air are further above the ground than they are long.

    Args:
        rig: J bones.
        rotations: ``(…, J, 4)`` relative to the parents.
        placed: The same in space, the ground at y = 0.
    """
    out = rotations.copy()
    ground = min(rig.rest()[rig.row(f"{side}Toes"), 1] for side in _SIDES)
    for side in _SIDES:
        foot, toes = rig.row(f"{side}Foot"), rig.row(f"{side}Toes")
        long = float(np.linalg.norm(rig.tips[toes]))
        if long <= 0:
            continue
        ahead, up = placed.turns[..., foot, 1, 2], placed.turns[..., foot, 1, 1]  # the heights of its z and its y
        lowest = -np.maximum(placed.places[..., toes, 1] - ground, 0.0) / long
        # The toes' height is ahead cos b + up sin b, and a foot that is upside down has none that could be flat.
        steep = np.maximum(np.hypot(ahead, up), 1e-9)
        bend = np.arctan2(up, ahead) - np.arccos(np.clip(lowest / steep, -1.0, 1.0))
        bend = np.where((ahead < lowest) & (up > -0.5), np.clip(bend, 0.0, _MOST), 0.0)
        out[..., toes, :] = quat.from_axis_angle(np.array([-1.0, 0.0, 0.0]), bend)
    return out


_SIDES = ("left", "right")
