"""Which way is up, where the ground is, and what may rest on it.

One camera does not say how it is tilted. People do: over a clip they stand upright, so the way from their feet to their
shoulders is up, whatever lean the network gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, radians

import numpy as np
from numpy.typing import NDArray

from poise.mocap.body import Body, Placed, Pose
from poise.mocap.landmarks import SOLES, point

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MARKS = np.array([point(name) for name in SOLES])
# Points that rest on the ground and how high they are above it then, in heights of a person: the soles as they are at
# rest, wrists and knuckles of a flat hand, knees.
_THICK = {"wrist": 0.022, "index": 0.01, "knee": 0.032}
SUPPORTS = np.concatenate([MARKS, [point(f"{side}_{part}") for side in ("left", "right") for part in _THICK]])
# Points that are never below it, and how thick the body is there: from who lies on the ground.
_NEVER = {"pinky": 0.008, "elbow": 0.025, "hip": 0.05, "shoulder": 0.03, "ear": 0.045}
FLOOR = np.array([*(point(f"{side}_{part}") for side in ("left", "right") for part in _NEVER), point("nose")])
# All of that by the point, in heights of a person.
THICKNESS = {point(f"{side}_{part}"): high for side in ("left", "right")
          for part, high in {**_THICK, **_NEVER}.items()}  # fmt: skip
_UP = np.array([0.0, 1.0, 0.0])
# A point of the sole is this much lower than when it stands, metres, before the ground holds it.
SINKING = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """When something stands on the ground, and how firmly it is held then.

    Attributes:
        slow: A point of the sole that is slower than this comes to stand, metres a second.
        fast: One that is faster than this no longer stands.
        slide: One that moves on at this speed for a quarter of a second slides, metres a second.
        drift: A sole that is further than this from where it stood until now has moved on, metres.
        low: Highest it may be above the ground, metres.
        low_hand: The same of hands and knees.
        lift: How far a heel rises above the tip of its foot, or the tip above it, before it is off the ground, metres.
        least_s: Shortest time for which a foot stands, seconds.
        gap_s: Longest time for which one may seem to move in between.
        along: Share of the speed along the view that counts: depth is unsure.
        firm: Standard deviation with which a foot is held, metres.
        blend_s: Time over which the hold comes and goes, seconds.
        touch_low: A place that is less above or below the ground is taken to be on it, metres.
        touch_blend_s: Shortest time over which a hold comes and goes, seconds.
    """

    slow: float = 0.4
    fast: float = 0.7
    slide: float = 0.25
    drift: float = 0.08
    low: float = 0.09
    low_hand: float = 0.12
    lift: float = 0.03
    least_s: float = 0.08
    gap_s: float = 0.08
    along: float = 0.1
    firm: float = 0.001
    blend_s: float = 0.1
    touch_low: float = 0.1
    touch_blend_s: float = 0.04


# Somebody counts as standing the less the more knees and hips are bent, at this many radians a third; and not at all
# who leans further than this, a cosine.
_BENT, _LEAN = radians(15.0), cos(radians(45.0))
# Cosine of the lean from which hands may carry weight.
_LEANS = 0.65
# Soles that rest so much deeper than the ground are on another one, metres: deeper than depth is off.
_STEP = 0.3
# Seconds of standing that are enough to know.
_ENOUGH_S = 0.5
# Seconds of standing that count as much as the picture's own vertical does, and how much a trunk alone counts.
PRIOR_S, TRUNK = 0.5, 0.03


def upright(body: Body, pose: Pose, placed: Placed, sure: Floats, duration: Floats) -> Floats:
    """Return ``(3,)`` the direction up.

    Args:
        body: Whose.
        pose: ``(T, …)``.
        placed: The same in space.
        sure: ``(T, K)`` how far the points are to be believed.
        duration: ``(T,)`` seconds of each frame.
    """
    whole, trunk, stands, sits = axes_of(body, pose, placed, sure)
    weight = duration * stands
    total = _UP * PRIOR_S + (weight[:, None] * whole).sum(0)
    # Who never stands straight has a trunk at least: it counts where that does not.
    missing = max(1 - weight.sum() / min(_ENOUGH_S, duration.sum()), 0.0)
    total = total + missing * TRUNK * ((duration * sits)[:, None] * trunk).sum(0)
    return np.asarray(_unit(total))


def axes_of(body: Body, pose: Pose, placed: Placed, sure: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return ``(…, 3)`` axes of the whole body and of the trunk, and ``(…)`` how far each tells what is up."""

    def known(*parts: str) -> Bools:
        rows = [point(f"{s}_{part}") for part in parts for s in ("left", "right")]
        return np.asarray(sure.take(rows, axis=-1).min(axis=-1) > 0.3)

    pairs = placed.places.take(_sides(body.rig.bones, ("UpperArm", "UpperLeg", "Foot")), axis=-2)
    middles = (pairs[..., 0, :] + pairs[..., 1, :]) / 2  # of shoulders, hips and feet
    ways = _unit(middles.take((0, 1, 0), axis=-2) - middles.take((1, 2, 2), axis=-2))
    trunk, legs, whole = ways[..., 0, :], ways[..., 1, :], ways[..., 2, :]
    knees = body.hinged.searchsorted(_sides(body.rig.bones, ("LowerLeg",))[0])
    hips_bend = np.arccos(np.minimum(np.maximum((trunk * legs).sum(-1), -1.0), 1.0))
    bends = np.maximum(hips_bend, pose.hinges[..., 0].take(knees, axis=-1).max(axis=-1))
    stands = np.exp(-np.square(bends / _BENT)) * (known("ankle", "hip", "shoulder") & (whole[..., 1] > _LEAN))
    return whole, trunk, stands, np.asarray(1.0 * (known("hip", "shoulder") & (trunk[..., 1] > _LEAN)))


@cache
def _sides(bones: tuple[str, ...], parts: tuple[str, ...]) -> NDArray[np.intp]:
    """Return ``(P, 2)`` where the left and the right ones of parts are among the bones."""
    return np.array([[bones.index(f"{side}{part}") for side in ("left", "right")] for part in parts])


def _unit(v: Floats) -> Floats:
    return np.asarray(v / np.maximum(np.sqrt(np.square(v).sum(-1, keepdims=True)), 1e-9))


# Points of soles that are seen in a frame on the average, so that what they say counts.
_SEEN = 0.2


def resting_heights(body: Body, points: NDArray[np.intp]) -> Floats:
    """Return how high points are above the ground where they rest on it, metres."""
    heights = np.array([THICKNESS.get(int(p), 0.0) for p in points]) * body.rig.height
    soles = np.isin(points, MARKS)
    heights[soles] = body.rest_heights[points[soles]]
    return heights


def carries(body: Body, placed: Placed) -> Bools:
    """Return ``(…, P - 4)`` whether each of the supports beside the soles may carry weight: hands where the trunk leans
    and the arm is below the shoulder, knees always.
    """
    rows = body.rig.row
    trunk = _unit(placed.places[..., rows("neck"), :] - placed.places[..., rows("hips"), :])
    leans = trunk[..., 1] < _LEANS
    out = []
    for side in ("left", "right"):
        arm = _unit(placed.places[..., rows(f"{side}Hand"), :] - placed.places[..., rows(f"{side}UpperArm"), :])
        hand = leans & (arm[..., 1] < -0.5)
        out += [hand, hand, np.ones_like(hand)]
    return np.stack(out, axis=-1)


def ground_level(low: Floats, speed: Floats, seen: Bools, standing: Standing) -> float:
    """Return the height of the ground from ``(T, P)`` heights of the supports' points less what they have at rest."""
    still = seen & (speed < standing.slow)
    feet = low[:, : len(MARKS)]
    # Of a foot on its toes, the heel is above the ground; a hand counts by both of its points, and a knee not at all:
    # one that is still may be anywhere.
    parts = [_lower(feet[:, at : at + 2], still[:, at : at + 2]) for at in (0, 2)]
    parts += [np.where(still[:, at : at + 2].all(axis=1), low[:, at : at + 2].mean(axis=1), np.nan) for at in (4, 7)]
    values = np.stack(parts, axis=1)
    values = values[np.isfinite(values)]
    if len(values) >= 3:
        # A lifted foot that is still is above the ground.
        return float(np.percentile(values, 40))
    values = feet[seen[:, : len(MARKS)]]
    if len(values) >= _SEEN * len(feet):
        return float(np.percentile(values, 5))
    # Where feet are hardly ever seen, the legs hang at rest below hips that rise and fall.
    return float(np.percentile(feet.min(axis=1), 25))


def _lower(low: Floats, still: Bools) -> Floats:
    """Return ``(T,)`` the height of the lower of those points that are still, NaN where none is."""
    lowest = np.where(still, low, np.inf).min(axis=1)
    return np.where(np.isfinite(lowest), lowest, np.nan)


def is_flat(low: Floats, speed: Floats, seen: Bools, level: float, standing: Standing) -> bool:
    """Return whether soles rest nowhere far below the ground: there are no stairs that lead down."""
    feet = slice(0, len(MARKS))
    still = low[:, feet][(seen & (speed < standing.slow))[:, feet]]
    return len(still) < 3 or float(np.percentile(still, 5)) > level - _STEP
