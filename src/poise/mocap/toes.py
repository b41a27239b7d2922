"""Toes that stay flat on the ground while the heel rises: the foot turns about its ball."""

from __future__ import annotations

from math import radians

import numpy as np
from numpy.typing import NDArray

from poise.mocap.body import Placed
from poise.mocap.rig import Rig

Floats = NDArray[np.float64]

# Toes bend up so far (Kapandji gives 50 to 60 degrees by themselves, 90 and more under weight).
_MOST = radians(80.0)


def flattened(rig: Rig, rotations: Floats, placed: Placed, level: float = 0.0) -> Floats:
    """Return rotations in which no toe points into the ground: where it would, it is bent up as far as it must.

    Nothing else is needed of when a foot stands: toes in the air are further above the ground than they are long.

    Args:
        rig: J bones; their toes are on the ground at rest.
        rotations: ``(…, J, 4)`` relative to the parents.
        placed: The same in space.
        level: Height of the ground there, metres.
    """
    out = rotations.copy()
    for side in ("left", "right"):
        foot, toes = rig.row(f"{side}Foot"), rig.row(f"{side}Toes")
        long = float(np.linalg.norm(rig.tips[toes]))
        if long <= 0:
            continue
        turns = placed.turns[..., foot, 1, :]  # how far its axes rise
        lowest = -np.maximum(placed.places[..., toes, 1] - level, 0.0) / long
        # Bent by b, the toes rise by ahead cos b + up sin b.
        ahead, up = turns[..., 2], turns[..., 1]
        steep = np.maximum(np.sqrt(ahead * ahead + up * up), 1e-9)
        bend = np.arctan2(up, ahead) - np.arccos(np.minimum(np.maximum(lowest / steep, -1.0), 1.0))
        # A foot that is upside down has no toes that could be flat.
        bend = np.where((ahead < lowest) & (up > -0.5), np.minimum(np.maximum(bend, 0.0), _MOST), 0.0)
        out[..., toes, :] = 0.0
        out[..., toes, 0], out[..., toes, 3] = -np.sin(bend / 2), np.cos(bend / 2)
    return out
