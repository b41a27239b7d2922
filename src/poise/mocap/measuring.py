"""This person's bones: lengths that stay the same over the whole clip, from all of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poise.mocap.landmarks import Landmarks, point
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
# A limb weighs by this power of the cosine of its angle to the picture's plane; this quantile of its lengths counts.
_PLAIN, _QUANTILE = 8, 0.6
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

    A limb is measured where it lies in the picture's plane, and there mostly across the view. Along it xyz is unsure:
    of its square there only what the unsureness does not explain counts, so that somebody who stands aslant all the
    time is not taken for narrow, nor somebody whose points waver in depth for wide. Sides are taken to be equal, the
    whole to be ``height``; what was seen in few frames is drawn towards common proportions.

    Args:
        points: ``(T, K, 3)`` xyz in the network's metres, x and y across the view.
        sure: ``(T, K)`` from :func:`poise.mocap.sight.certainty`.
        height: Metres.
        fingers: Whether the rig has fingers.
    """
    common = Rig.of_height(height, fingers=fingers)
    usual = _common_lengths(common, height)
    deep = np.square(Landmarks.of(common, height).along)
    found = {name: _length(points, sure, pairs, deep) for name, (pairs, _) in _LIMBS.items()}
    known = {name: length for name, (length, seen) in found.items() if seen > 0}
    upright = [name for name in _UPRIGHT if name in known] or list(known)
    gain = 1.0
    if upright:
        weights = np.array([min(found[name][1], _PRIOR_FRAMES) for name in upright])
        logs = np.array([np.log(usual[name] / known[name]) for name in upright])
        weights *= [usual[name] for name in upright]
        gain = float(np.exp((weights * logs).sum() / weights.sum()))
    ratios = {}
    for name, (length, seen) in found.items():
        share = seen / (seen + _PRIOR_FRAMES)
        ratio = gain * length / usual[name] if seen > 0 else 1.0
        ratios[name] = float(np.clip(1 + share * (ratio - 1), _LEAST, _MOST))
    # The whole keeps its height whatever its parts are.
    tall = sum(ratios[name] * usual[name] for name in _UPRIGHT) / sum(usual[name] for name in _UPRIGHT)
    ratios = {name: ratio / tall for name, ratio in ratios.items()}
    return Measured(stretched(common, ratios), gain / tall, {name: seen for name, (_, seen) in found.items()})


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


def _common_lengths(rig: Rig, height: float) -> dict[str, float]:
    marks = Landmarks.of(rig, height)
    places = rig.rest()[marks.bones] + marks.offsets
    sure = np.ones((1, len(places)))
    ends = {name: [_end(places[None], sure, end)[0][0] for end in pairs[0]] for name, (pairs, _) in _LIMBS.items()}
    return {name: float(np.linalg.norm(a - b)) for name, (a, b) in ends.items()}


def _length(points: Floats, sure: Floats, pairs: tuple[tuple[str, str], ...], deep: Floats) -> tuple[float, float]:
    """Return a limb's length in the network's metres, and in how many frames it was well seen."""
    lengths, weights = [], []
    for first, second in pairs:
        (a, sure_a), (b, sure_b) = _end(points, sure, first), _end(points, sure, second)
        line = np.where(((sure_a > 0) & (sure_b > 0))[:, None], a - b, 0.0)
        flat = np.linalg.norm(line[:, :2], axis=-1)
        plain = flat / np.maximum(np.linalg.norm(line, axis=-1), 1e-9)
        unsure = _variance(deep, first) + _variance(deep, second)
        lengths.append(np.sqrt(np.square(flat) + np.maximum(np.square(line[:, 2]) - unsure, 0.0)))
        weights.append(np.where(flat > 0, np.square(sure_a * sure_b) * plain**_PLAIN, 0.0))
    length, weight = np.concatenate(lengths), np.concatenate(weights)
    seen = float(weight.sum()) / len(pairs)
    if seen <= 0:
        return 0.0, 0.0
    order = np.argsort(length)
    middle = np.searchsorted(np.cumsum(weight[order]), _QUANTILE * weight.sum())
    return float(length[order][min(middle, len(order) - 1)]), seen


def _variance(deep: Floats, name: str) -> float:
    """Return the variance along the view of the end of a limb; that of the middle of two points is half as large."""
    side, _, part = name.partition("_")
    return float(deep[point(f"left_{part}")] / 2 if side == "mid" else deep[point(name)])


def _end(points: Floats, sure: Floats, name: str) -> tuple[Floats, Floats]:
    side, _, part = name.partition("_")
    if side == "mid":
        a, b = point(f"left_{part}"), point(f"right_{part}")
        return (points[:, a] + points[:, b]) / 2, np.minimum(sure[:, a], sure[:, b])
    at = point(name)
    return points[:, at], sure[:, at]
