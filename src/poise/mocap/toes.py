"""Toes that stay flat on the ground while the heel rises: the foot turns about its ball."""

from __future__ import annotations

from functools import cache
from math import radians

import numpy as np
from numpy.typing import NDArray

from poise.mocap.body import Placed
from poise.mocap.rig import Rig

Floats = NDArray[np.float64]

# Toes bend up so far (Kapandji gives 50 to 60 degrees by themselves, 90 and more under weight).
_MOST = radians(80.0)
# Seconds over which they straighten when the foot is lifted; as a speed, radians a second.
_EASE_S, EASE = 0.07, radians(600.0)
_SIDES = ("left", "right")


def bends(rig: Rig, placed: Placed, level: float = 0.0) -> Floats:
    """Return ``(…, 2)`` radians by which the left and the right toes must bend up so as not to point into the ground.

    Nothing else is needed of when a foot stands: toes in the air are further above the ground than they are long.

    Args:
        rig: Its toes are on the ground at rest.
        placed: In space.
        level: Height of the ground there, metres.
    """
    feet, toes = (_rows(rig.bones, part) for part in ("Foot", "Toes"))
    long = np.maximum(np.sqrt(np.square(rig.tips.take(toes, axis=0)).sum(-1)), 1e-6)
    turns = placed.turns[..., 1, :].take(feet, axis=-2)  # how far their axes rise
    lowest = -np.maximum(placed.places[..., 1].take(toes, axis=-1) - level, 0.0) / long
    # Bent by b, toes rise by ahead cos b + up sin b.
    ahead, up = turns[..., 2], turns[..., 1]
    # A foot that is upside down has no toes that could be flat.
    bent = (ahead < lowest) & (up > -0.5)
    if not bent.any():
        return np.zeros(bent.shape)
    steep = np.maximum(np.sqrt(ahead * ahead + up * up), 1e-9)
    bend = np.arctan2(up, ahead) - np.arccos(np.minimum(np.maximum(lowest / steep, -1.0), 1.0))
    return np.where(bent, np.minimum(np.maximum(bend, 0.0), _MOST), 0.0)


def eased(bent: Floats, times: Floats) -> Floats:
    """Return ``(T, 2)`` bends that come and go smoothly and are nowhere less than those given."""
    if len(times) < 3:
        return bent
    half = max(1, round(_EASE_S / float(np.median(np.diff(times)))))
    kernel = 1.0 - np.abs(np.arange(-half, half + 1)) / (half + 1)
    padded = np.pad(bent, ((2 * half, 2 * half), (0, 0)), mode="edge")
    most = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0).max(axis=-1)
    around = np.lib.stride_tricks.sliding_window_view(most, 2 * half + 1, axis=0)
    return np.asarray(around @ (kernel / kernel.sum()))


def flattened(rig: Rig, rotations: Floats, bent: Floats) -> Floats:
    """Return ``(…, J, 4)`` rotations with the toes bent up by ``(…, 2)`` radians."""
    out, half, toes = rotations.copy(), bent / 2, np.zeros((*bent.shape, 4))
    toes[..., 0], toes[..., 3] = -np.sin(half), np.cos(half)
    out[..., _rows(rig.bones, "Toes"), :] = toes
    return out


@cache
def _rows(bones: tuple[str, ...], part: str) -> NDArray[np.intp]:
    """Return ``(2,)`` where the left and the right one of a part are among the bones."""
    return np.array([bones.index(side + part) for side in _SIDES])
