"""This person's bones: lengths that stay the same over the whole clip, from all of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.mocap.landmarks import point
from poise.mocap.rig import Rig

Floats = NDArray[np.float64]

# Assumed where no height is given, metres.
HEIGHT = 1.70
# What is measured, as pairs of points of each side (or one pair), and which bones' offsets it stretches.
_SIDES = ("left", "right")
_LIMBS: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "hips": ((("left_hip", "right_hip"),), ("leftUpperLeg", "rightUpperLeg")),
    "shoulders": ((("left_shoulder", "right_shoulder"),), ("Shoulder across", "leftUpperArm", "rightUpperArm")),
    "upper arm": (tuple((f"{s}_shoulder", f"{s}_elbow") for s in _SIDES), ("leftLowerArm", "rightLowerArm")),
    "forearm": (tuple((f"{s}_elbow", f"{s}_wrist") for s in _SIDES), ("leftHand", "rightHand")),
    "thigh": (tuple((f"{s}_hip", f"{s}_knee") for s in _SIDES), ("leftLowerLeg", "rightLowerLeg")),
    "shin": (tuple((f"{s}_knee", f"{s}_ankle") for s in _SIDES), ("leftFoot", "rightFoot")),
    "trunk": ((("mid_hip", "mid_shoulder"),), ("spine", "chest", "Shoulder up")),
}
# Frames in which a limb was well seen that weigh as much as common proportions do.
_PRIOR_FRAMES = 15.0
# Nobody is further from common proportions than this.
_LEAST, _MOST = 0.75, 1.3
# What makes up the height: how large somebody is in xyz is told from these.
_UPRIGHT = ("thigh", "shin", "trunk")


@dataclass(frozen=True, slots=True)
class Measured:
    """A person's bones, and what one metre of xyz is to them.

    Attributes:
        rig: The bones.
        gain: Metres of the person in one metre of the network's xyz.
        seen: For each limb the frames in which it was well seen.
    """

    rig: Rig
    gain: float
    seen: dict[str, float]


def measure(points: Floats, sure: Floats, height: float, *, fingers: bool = False) -> Measured:
    """Measure somebody's bones.

    A limb is measured where it lies in the picture's plane: along the view xyz is unsure, and shrinks. Sides are taken
    to be equal, the whole to be ``height``; what was seen in few frames is drawn towards common proportions.

    Args:
        points: ``(T, K, 3)`` xyz in the network's metres, x and y across the view.
        sure: ``(T, K)`` from :func:`poise.mocap.sight.certainty`.
        height: Metres.
        fingers: Whether the rig has fingers.
    """
    common = Rig.of_height(height, fingers=fingers)
    usual = _common_lengths(common)
    found = {name: _length(points, sure, pairs) for name, (pairs, _) in _LIMBS.items()}
    known = {name: length for name, (length, seen) in found.items() if seen > 0}
    upright = [name for name in _UPRIGHT if name in known] or list(known)
    gain = 1.0
    if upright:
        weights = np.array([min(found[name][1], _PRIOR_FRAMES) for name in upright])
        logs = np.array([np.log(usual[name] / known[name]) for name in upright])
        gain = float(np.exp((weights * usual_of(usual, upright) * logs).sum() / (weights * usual_of(usual, upright)).sum()))
    ratios = {}
    for name, (length, seen) in found.items():
        share = seen / (seen + _PRIOR_FRAMES)
        ratio = gain * length / usual[name] if seen > 0 else 1.0
        ratios[name] = float(np.clip(1 + share * (ratio - 1), _LEAST, _MOST))
    # The whole keeps its height whatever its parts are.
    tall = sum(ratios[name] * usual[name] for name in _UPRIGHT) / sum(usual[name] for name in _UPRIGHT)
    ratios = {name: ratio / tall for name, ratio in ratios.items()}
    return Measured(stretched(common, ratios), gain / tall, {name: seen for name, (_, seen) in found.items()})


def usual_of(usual: dict[str, float], names: list[str]) -> Floats:
    """Return the common lengths of limbs by name."""
    return np.array([usual[name] for name in names])


def stretched(rig: Rig, ratios: dict[str, float]) -> Rig:
    """Return a rig with limbs so many times as long; the hips stand as high as the legs are long.

    Args:
        rig: Of common proportions.
        ratios: By name of limb.
    """
    offsets = np.array(rig.offsets)
    for name, (_, bones) in _LIMBS.items():
        for bone in bones:
            if bone == "Shoulder across":
                offsets[[rig.row("leftShoulder"), rig.row("rightShoulder")], 0] *= ratios[name]
            elif bone == "Shoulder up":
                offsets[[rig.row("leftShoulder"), rig.row("rightShoulder"), rig.row("neck")], 1] *= ratios[name]
            else:
                offsets[rig.row(bone)] *= ratios[name]
    hips, legs = rig.row("hips"), [rig.row(b) for b in ("leftLowerLeg", "leftFoot")]
    offsets[hips, 1] += -offsets[legs, 1].sum() + rig.offsets[legs, 1].sum()
    return Rig(rig.bones, offsets, rig.tips)


def _common_lengths(rig: Rig) -> dict[str, float]:
    places = rig.rest()

    def place(name: str) -> Floats:
        side, _, part = name.partition("_")
        if side == "mid":
            return np.asarray((place(f"left_{part}") + place(f"right_{part}")) / 2)
        bones = {"hip": "UpperLeg", "shoulder": "UpperArm", "elbow": "LowerArm", "wrist": "Hand", "knee": "LowerLeg"}
        return np.asarray(places[rig.row(side + bones.get(part, "Foot"))])

    return {
        name: float(np.linalg.norm(place(pairs[0][0]) - place(pairs[0][1]))) for name, (pairs, _) in _LIMBS.items()
    }


def _length(points: Floats, sure: Floats, pairs: tuple[tuple[str, str], ...]) -> tuple[float, float]:
    """Return a limb's length in the network's metres, and in how many frames it was well seen."""
    lengths, weights = [], []
    for first, second in pairs:
        (a, sure_a), (b, sure_b) = _end(points, sure, first), _end(points, sure, second)
        line = np.where(((sure_a > 0) & (sure_b > 0))[:, None], a - b, 0.0)
        long = np.linalg.norm(line, axis=-1)
        flat = np.square(np.linalg.norm(line[:, :2], axis=-1) / np.maximum(long, 1e-9))
        lengths.append(long)
        weights.append(np.where(long > 0, np.square(sure_a * sure_b * flat), 0.0))
    length, weight = np.concatenate(lengths), np.concatenate(weights)
    seen = float(weight.sum()) / len(pairs)
    if seen <= 0:
        return 0.0, 0.0
    order = np.argsort(length)
    middle = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
    return float(length[order][min(middle, len(order) - 1)]), seen


def _end(points: Floats, sure: Floats, name: str) -> tuple[Floats, Floats]:
    side, _, part = name.partition("_")
    if side == "mid":
        a, b = point(f"left_{part}"), point(f"right_{part}")
        return (points[:, a] + points[:, b]) / 2, np.minimum(sure[:, a], sure[:, b])
    at = point(name)
    return points[:, at], sure[:, at]
