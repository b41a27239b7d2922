"""How far limbs point out of the picture, and what that does to angles.

A camera sees a limb shortened by the cosine of its angle to the image plane. How long it really is, in the picture's
pixels, is told by the person's own longest view of it in the clip and by the usual proportions of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from poise.bodies.angles import norms
from poise.bodies.proportions import SHARES, SHOULDER_JOINTS
from poise.bodies.scale import standing_height
from poise.clips.angles._names import AngleSet
from poise.geometry import Floats

# A limb seen at this share of its usual length or more is taken to have lain in the image plane at its longest, since
# people differ. One never seen so long has pointed at the camera all the time, and the usual proportion counts, less
# what people differ by.
_IN_PLANE, _TOLERANCE = 0.75, 0.9

# Keypoints less sure than this say nothing about lengths.
_MIN_CONF = 0.3

# Distance to the camera changes slowly: the scale is taken over this long, seconds.
_WINDOW_S = 1.0

# An angle that may be off by more is warned of.
WARN_DEG = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the camera's view does to the angles of one id.

    Attributes:
        facing: ``(T,)`` degrees between the line of the shoulders and the image plane: 0 from the front or the back,
            90 from the side. NaN where unknown.
        off_plane: ``(T, A)`` degrees by which the limbs of each angle point out of the image plane, the worse of two.
        error: ``(T, A)`` degrees by which the angle in space may differ from the one in the picture because of that.
        height: ``(T,)`` the person's standing height in pixels as the limbs tell it: the picture's scale.
    """

    facing: Floats
    off_plane: Floats
    error: Floats
    height: Floats

    def warnings(self, names: tuple[str, ...], *, max_error: float = WARN_DEG) -> list[str]:
        """Return a sentence for each angle that cannot be trusted in more than a third of the frames."""
        lines = []
        for a, name in enumerate(names[: self.error.shape[1]]):
            known = np.isfinite(self.error[:, a])
            if known.any() and np.mean(self.error[known, a] > max_error) > 1 / 3:
                typical = float(np.median(self.error[known, a]))
                lines.append(
                    f"{name}: limbs point out of the picture, the angle may be off by {typical:.0f}°; "
                    "film from where they move across the picture"
                )
        return lines


def view(xy: Floats, conf: Floats, times: Floats, angles: AngleSet, inner: Floats | None = None) -> View:
    """Estimate how far the limbs of one id point out of the image plane.

    Args:
        xy: ``(T, K, 2)`` pixels; the steadier, the better.
        conf: ``(T, K)``.
        times: ``(T,)`` seconds.
        angles: Whose limbs.
        inner: ``(T, A)`` values from :func:`poise.clips.angles.measure`; without them ``error`` is NaN.

    Returns:
        The view; NaN for angles whose limbs are not among those of known proportion, and for distances.

    Source:
        Weak perspective: apparent length = true length × cos φ. The angle between two limbs in space is one of two,
        cos θ = cos φ₁ cos φ₂ cos θ' ± sin φ₁ sin φ₂, since which end is nearer is not seen;
        the error is the root mean square of both.
    """
    names = angles.skeleton.keypoints
    pairs = _limbs_of(angles)
    shares = np.array([_share(angles.skeleton.keypoints, a, b) for a, b in pairs])
    ends = np.array(pairs, dtype=np.intp).reshape(-1, 2, 2) if pairs else np.empty((0, 2, 2), dtype=np.intp)
    points = xy[..., ends, :].mean(axis=-2)  # (T, L, 2 ends, 2)
    sure = np.min(conf[:, ends.reshape(len(ends), -1)], axis=-1, initial=np.inf) >= _MIN_CONF
    long = np.where(sure, norms(points[..., 1, :] - points[..., 0, :]), np.nan)
    height = _height(long, shares, times)
    relative = long / height[:, None]
    own = np.array([_high(column, 90) for column in relative.T])
    true = np.where(own >= _IN_PLANE * shares, own, _TOLERANCE * shares)
    with np.errstate(invalid="ignore"):
        tilt = np.degrees(np.arccos(np.clip(relative / true, 0.0, 1.0)))
    off, error = _per_angle(angles, pairs, tilt, inner)
    facing = _facing(xy, conf, names, height)
    return View(facing, off, error, height)


Pair = tuple[tuple[int, int], tuple[int, int]]


def _limbs_of(angles: AngleSet) -> list[Pair]:
    """Return the different limbs of joints and segments whose true length is known, ends in one order."""
    found: dict[Pair, None] = {}
    for limb in _each_limb(angles):
        found.setdefault(limb)
    names = angles.skeleton.keypoints
    return [pair for pair in found if np.isfinite(_share(names, *pair))]


def _each_limb(angles: AngleSet) -> list[Pair]:
    limbs = [(j[i], j[i + 1]) for j in angles.joint_points.tolist() for i in (0, 1)]
    limbs += [(s[0], s[1]) for s in angles.segment_points.tolist()]
    return [_ordered(tuple(a), tuple(b)) for a, b in limbs]


def _ordered(a: Any, b: Any) -> Pair:
    return (a, b) if a <= b else (b, a)


def _share(names: tuple[str, ...], a: tuple[int, int], b: tuple[int, int]) -> float:
    """Return the limb's share of body height; NaN where none is known or its ends are of different sides."""
    words = [{names[i].split("_", 1)[-1] for i in end} for end in (a, b)]
    sides = [{names[i].split("_", 1)[0] for i in end} for end in (a, b)]
    if len(words[0]) != 1 or len(words[1]) != 1 or sides[0] != sides[1]:
        return float("nan")
    one, other = words[0].pop(), words[1].pop()
    return SHARES.get((one, other), SHARES.get((other, one), float("nan")))


def _height(long: Floats, shares: Floats, times: Floats) -> Floats:
    """Return ``(T,)`` body height in pixels: each limb, short or not, says it is at least so much.

    The third largest in each frame, so that a wild point and long arms do not count, and of those the 80th percentile
    around each time.
    """
    height, count = standing_height(long, shares)
    third = np.where(count >= 3, height, np.nan)
    low = np.searchsorted(times, times - _WINDOW_S)
    high = np.searchsorted(times, times + _WINDOW_S, side="right")
    return np.array([_high(third[a:b], 80) for a, b in zip(low, high, strict=True)])


def _high(values: Floats, percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if len(known) else float("nan")


def _facing(xy: Floats, conf: Floats, names: tuple[str, ...], height: Floats) -> Floats:
    if "left_shoulder" not in names or "right_shoulder" not in names:
        return np.full(len(xy), np.nan)
    left, right = names.index("left_shoulder"), names.index("right_shoulder")
    wide = norms(xy[:, left] - xy[:, right]) / height / SHOULDER_JOINTS
    sure = np.minimum(conf[:, left], conf[:, right]) >= _MIN_CONF
    return np.where(sure, np.degrees(np.arccos(np.clip(wide, 0.0, 1.0))), np.nan)


def _per_angle(angles: AngleSet, pairs: list[Pair], tilt: Floats, inner: Floats | None) -> tuple[Floats, Floats]:
    count, a = len(tilt), len(angles.names)
    off, error = np.full((count, a), np.nan), np.full((count, a), np.nan)
    where = {pair: i for i, pair in enumerate(pairs)}
    limbs = _each_limb(angles)
    j = len(angles.joints)
    for i in range(j):
        one, two = (where.get(limb, -1) for limb in limbs[2 * i : 2 * i + 2])
        if one < 0 or two < 0:
            continue
        off[:, i] = np.maximum(tilt[:, one], tilt[:, two])
        if inner is not None:
            seen = np.radians(angles.joint_sign[i] * inner[:, i] + angles.joint_neutral[i])
            first, second = np.radians(tilt[:, one]), np.radians(tilt[:, two])
            flat, deep = np.cos(first) * np.cos(second) * np.cos(seen), np.sin(first) * np.sin(second)
            both = [np.arccos(np.clip(flat + sign * deep, -1.0, 1.0)) for sign in (1, -1)]
            error[:, i] = np.degrees(np.sqrt(np.mean([np.square(theta - seen) for theta in both], axis=0)))
    for i in range(len(angles.segments)):
        at = where.get(limbs[2 * j + i], -1)
        if at >= 0:
            off[:, j + i] = tilt[:, at]
            error[:, j + i] = 0.0 * tilt[:, at]  # a direction in the picture is what it says
    return off, error
