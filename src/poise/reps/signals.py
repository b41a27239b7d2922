"""Scale-free measures of one person over time: angles, and distances in torso lengths.

Everything here is a pure function of ``(T, 17, 2)`` keypoints, vectorised over frames, so that the live counter (T = 1)
and the offline pass (T = the whole clip) see the same numbers. Sides are the person's own left and right; which of the
two the network calls left does not matter to any exercise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Bools, Floats

# Projection can only shorten a limb, so the longest limb for its anatomical share is the best ruler.
# Source: Drillis and Contini (1966), segment lengths as shares of body height, as printed in Winter, "Biomechanics and
# Motor Control of Human Movement", 4th ed. 2009, fig. 4.1: shoulder 0.818 - hip 0.530, biacromial 0.259, upper arm
# 0.186, forearm 0.146, thigh 0.245, shank 0.246.
_TORSO = 0.288
_LIMBS = np.array(
    [(5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10), (11, 13), (12, 14), (13, 15), (14, 16)], dtype=np.intp
)
_SHARES = np.array([0.288, 0.288, 0.259, 0.186, 0.186, 0.146, 0.146, 0.245, 0.245, 0.246, 0.246])

# COCO's indices, left then right.
_SHOULDER, _ELBOW, _WRIST = (5, 6), (7, 8), (9, 10)
_HIP, _KNEE, _ANKLE = (11, 12), (13, 14), (15, 16)

SIDED: dict[str, tuple[str, str]] = {
    "elbow_angle": ("degrees", "shoulder-elbow-wrist; 180 is a straight arm"),
    "shoulder_angle": ("degrees", "hip-shoulder-elbow; 0 is an arm along the trunk"),
    "hip_angle": ("degrees", "shoulder-hip-knee; 180 is a straight body"),
    "knee_angle": ("degrees", "hip-knee-ankle; 180 is a straight leg"),
    "wrist_reach": ("torsos", "distance from shoulder to wrist"),
    "wrist_lift": ("torsos", "height of the wrist over the shoulder"),
    "wrist_over_elbow": ("torsos", "height of the wrist over the elbow"),
    "elbow_lift": ("torsos", "height of the elbow over the shoulder"),
    "wrist_over_hip": ("torsos", "height of the wrist over the hip"),
    "wrist_out": ("torsos", "horizontal distance from shoulder to wrist"),
    "hip_lift": ("torsos", "height of the hip over the ankle"),
    "hip_over_knee": ("torsos", "height of the hip over the knee"),
    "ankle_over_hip": ("torsos", "height of the ankle over the hip"),
    "thigh_reach": ("torsos", "distance from shoulder to knee"),
    "leg_reach": ("torsos", "distance from hip to ankle"),
}
# What people are shown of a joint: its name, the inner angle at which it reads 0, and what that is. The convention is
# that of poise.clips.angles, so that one bend has one number in tables, on videos and in reports.
SHOWN: dict[str, tuple[str, float, str]] = {
    "elbow_angle": ("elbow flexion", 180.0, "0 is a straight arm"),
    "shoulder_angle": ("shoulder elevation", 0.0, "0 is an arm along the trunk"),
    "hip_angle": ("hip flexion", 180.0, "0 is a straight body"),
    "knee_angle": ("knee flexion", 180.0, "0 is a straight leg"),
}
WHOLE: dict[str, tuple[str, str]] = {
    "trunk_lean": ("degrees", "trunk from vertical: 0 upright, 90 lying, 180 upside down"),
    "shoulder_over_hip": ("torsos", "height of the shoulders over the hips"),
    "shoulder_over_wrist": ("torsos", "height of the shoulders over the wrists"),
    "shoulder_over_ankle": ("torsos", "height of the shoulders over the ankles"),
    "ankle_gap": ("torsos", "horizontal distance of the ankles"),
    "ankle_stagger": ("torsos", "vertical distance of the ankles in the picture"),
    "ankle_distance": ("torsos", "distance of the ankles"),
    "wrist_gap": ("torsos", "distance of the wrists"),
    "shoulder_width": ("torsos", "distance of the shoulders: near 0.8 from the front, near 0 from the side"),
    "knee_gap": ("torsos", "distance of the knees"),
    "knee_stagger": ("torsos", "vertical distance of the knees in the picture"),
    "knee_difference": ("degrees", "difference of the two knees' angles"),
    "hip_difference": ("degrees", "difference of the two hips' angles"),
    "trunk_tilt": ("torsos", "height of the shoulders over the hips, without its sign"),
    "head_lift": ("torsos", "height of the head over the shoulders"),
    "head_over_hip": ("torsos", "height of the head over the hips"),
    "head_to_knee": ("torsos", "distance from the head to the knees"),
    "hip_x": ("torsos", "horizontal place of the hips in the picture"),
    "hip_y": ("torsos", "height of the hips in the picture"),
    "shoulder_x": ("torsos", "horizontal place of the shoulders in the picture"),
    "shoulder_y": ("torsos", "height of the shoulders in the picture"),
    "wrist_y": ("torsos", "height of the wrists in the picture"),
    "ankle_y": ("torsos", "height of the ankles in the picture"),
}
NAMES: tuple[str, ...] = tuple(f"{side}_{name}" for name in SIDED for side in ("left", "right")) + tuple(WHOLE)
COLUMN: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
_UNITS = [SIDED[name][0] for name in SIDED for _ in range(2)] + [WHOLE[name][0] for name in WHOLE]
# Which measures are lengths, and follow the ruler.
LENGTHS: NDArray[np.bool_] = np.array([unit == "torsos" for unit in _UNITS])


def body_scale(xy: Floats, conf: Floats, *, min_conf: float = 0.3) -> Floats:
    """Estimate the length of the torso as it would be seen square on, in each frame.

    Args:
        xy: ``(T, 17, 2)`` pixels.
        conf: ``(T, 17)``.
        min_conf: Points below this are not used.

    Returns:
        ``(T,)`` pixels; NaN where no limb was seen.
    """
    seen = (conf >= min_conf) & np.isfinite(xy).all(axis=-1)
    a, b = _LIMBS.T
    length = np.linalg.norm(xy[:, a] - xy[:, b], axis=-1) / _SHARES * _TORSO
    length = np.where(seen[:, a] & seen[:, b], length, -np.inf)
    # The third longest of eleven: one misplaced point spoils at most two or three limbs.
    ordered = np.sort(length, axis=1)[:, ::-1]
    count = np.isfinite(ordered).sum(axis=1)
    pick = np.clip(np.minimum(2, count - 1), 0, None)
    best: Floats = ordered[np.arange(len(xy)), pick]
    return np.where(np.isfinite(best), best, np.nan)


def angle(a: Floats, b: Floats, c: Floats) -> Floats:
    """Return the angle at ``b`` in degrees, 0 to 180, of ``(..., 2)`` points."""
    u, v = a - b, c - b
    cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    out: Floats = np.degrees(np.arctan2(np.abs(cross), (u * v).sum(axis=-1)))
    return out


def measure(xy: Floats, conf: Floats, scale: Floats, *, min_conf: float = 0.3) -> tuple[Floats, Floats]:
    """Measure a person in every frame.

    Args:
        xy: ``(T, 17, 2)`` pixels, COCO's order.
        conf: ``(T, 17)``.
        scale: ``(T,)`` torso length, pixels (:func:`body_scale`, steadied).
        min_conf: A measure that needs a point below this is NaN.

    Returns:
        ``(T, S)`` values in the order of :data:`NAMES`, NaN where not seen, and ``(T, S)`` confidence: that of the
        least confident point that the measure needs.
    """
    points = np.where((conf >= min_conf)[..., None], xy, np.nan).astype(np.float64)
    unit = np.asarray(scale, dtype=np.float64)
    values, sure = [], []

    def add(value: Floats, *used: int | tuple[int, int]) -> None:
        # Of a pair whose middle is used, one that is not seen is not missed.
        pairs = [conf[:, list(k)] if isinstance(k, tuple) else conf[:, [k, k]] for k in used]
        each = [np.where(two.min(axis=1) >= min_conf, two.min(axis=1), two.max(axis=1)) for two in pairs]
        values.append(value)
        sure.append(np.min(each, axis=0))

    columns: dict[str, list[tuple[Floats, tuple[int, ...]]]] = {name: [] for name in SIDED}
    for s in (0, 1):
        sh, el, wr, hi, kn, an = (j[s] for j in (_SHOULDER, _ELBOW, _WRIST, _HIP, _KNEE, _ANKLE))
        p = points
        columns["elbow_angle"].append((angle(p[:, sh], p[:, el], p[:, wr]), (sh, el, wr)))
        columns["shoulder_angle"].append((angle(p[:, hi], p[:, sh], p[:, el]), (hi, sh, el)))
        columns["hip_angle"].append((angle(p[:, sh], p[:, hi], p[:, kn]), (sh, hi, kn)))
        columns["knee_angle"].append((angle(p[:, hi], p[:, kn], p[:, an]), (hi, kn, an)))
        columns["wrist_reach"].append((_distance(p, sh, wr) / unit, (sh, wr)))
        columns["wrist_lift"].append((_above(p, wr, sh) / unit, (sh, wr)))
        columns["wrist_over_elbow"].append((_above(p, wr, el) / unit, (el, wr)))
        columns["elbow_lift"].append((_above(p, el, sh) / unit, (sh, el)))
        columns["wrist_over_hip"].append((_above(p, wr, hi) / unit, (hi, wr)))
        columns["wrist_out"].append((np.abs(p[:, sh, 0] - p[:, wr, 0]) / unit, (sh, wr)))
        columns["hip_lift"].append((_above(p, hi, an) / unit, (hi, an)))
        columns["hip_over_knee"].append((_above(p, hi, kn) / unit, (hi, kn)))
        columns["ankle_over_hip"].append((_above(p, an, hi) / unit, (hi, an)))
        columns["thigh_reach"].append((_distance(p, sh, kn) / unit, (sh, kn)))
        columns["leg_reach"].append((_distance(p, hi, an) / unit, (hi, an)))
    for pairs in columns.values():
        for value, used in pairs:
            add(value, *used)

    shoulders, hips, wrists, ankles = (_middle(points, j) for j in (_SHOULDER, _HIP, _WRIST, _ANKLE))
    up = hips[:, 1] - shoulders[:, 1]
    add(np.degrees(np.arctan2(np.abs(shoulders[:, 0] - hips[:, 0]), up)), _SHOULDER, _HIP)
    add(up / unit, _SHOULDER, _HIP)
    add((wrists[:, 1] - shoulders[:, 1]) / unit, _SHOULDER, _WRIST)
    add((ankles[:, 1] - shoulders[:, 1]) / unit, _SHOULDER, _ANKLE)
    add(np.abs(points[:, 15, 0] - points[:, 16, 0]) / unit, 15, 16)
    add(np.abs(points[:, 15, 1] - points[:, 16, 1]) / unit, 15, 16)
    add(_distance(points, 15, 16) / unit, 15, 16)
    add(_distance(points, 9, 10) / unit, 9, 10)
    add(_distance(points, 5, 6) / unit, 5, 6)
    add(_distance(points, 13, 14) / unit, 13, 14)
    add(np.abs(points[:, 13, 1] - points[:, 14, 1]) / unit, 13, 14)
    hip, knee = (columns[name] for name in ("hip_angle", "knee_angle"))
    add(np.abs(knee[0][0] - knee[1][0]), 11, 12, 13, 14, 15, 16)
    add(np.abs(hip[0][0] - hip[1][0]), 5, 6, 11, 12, 13, 14)
    add(np.abs(up) / unit, _SHOULDER, _HIP)
    # The head is the middle of those of nose, eyes and ears that are seen; hands often hide some.
    face = points[:, :5]
    there = np.asarray(np.isfinite(face).all(axis=-1))
    count = np.asarray(there.sum(axis=1))
    with np.errstate(invalid="ignore"):
        head = np.where(there[..., None], face, 0.0).sum(axis=1) / np.where(count > 0, count, np.nan)[:, None]
    knees = _middle(points, _KNEE)
    face_conf = np.where(there, conf[:, :5], 0.0).sum(axis=1) / np.maximum(count, 1)
    for value in (shoulders[:, 1] - head[:, 1], hips[:, 1] - head[:, 1], np.linalg.norm(head - knees, axis=-1)):
        values.append(value / unit)
        sure.append(face_conf)
    add(hips[:, 0] / unit, _HIP)
    add(-hips[:, 1] / unit, _HIP)
    add(shoulders[:, 0] / unit, _SHOULDER)
    add(-shoulders[:, 1] / unit, _SHOULDER)
    add(-wrists[:, 1] / unit, _WRIST)
    add(-ankles[:, 1] / unit, _ANKLE)
    return np.stack(values, axis=1), np.stack(sure, axis=1)


def _distance(p: Floats, a: int, b: int) -> Floats:
    out: Floats = np.linalg.norm(p[:, a] - p[:, b], axis=-1)
    return out


def _above(p: Floats, a: int, b: int) -> Floats:
    """Return how far point ``a`` is above point ``b``, pixels."""
    return p[:, b, 1] - p[:, a, 1]


def _middle(p: Floats, pair: tuple[int, int]) -> Floats:
    """Return the middle of a pair of points, or the one of the two that is there."""
    a, b = p[:, pair[0]], p[:, pair[1]]
    both: Floats = np.where(np.isnan(a), b, np.where(np.isnan(b), a, (a + b) / 2))
    return both


def fill_gaps(time: Floats, values: Floats, *, max_gap_s: float) -> Floats:
    """Fill NaN in ``(T, S)`` columns by straight lines, where the gap is not longer than ``max_gap_s``; ends stay."""
    out = values.copy()
    for j in range(values.shape[1]):
        good = np.flatnonzero(np.isfinite(values[:, j]))
        if len(good) < 2 or len(good) == len(values):
            continue
        bad = np.flatnonzero(~np.isfinite(values[:, j]))
        after = np.searchsorted(good, bad)
        inside = (after > 0) & (after < len(good))
        bad, after = bad[inside], after[inside]
        bad = bad[time[good[after]] - time[good[after - 1]] <= max_gap_s]
        out[bad, j] = np.interp(time[bad], time[good], values[good, j])
    return out


def smooth(time: Floats, values: Floats, *, seconds: float) -> Floats:
    """Smooth ``(T,)`` or ``(T, S)`` without lag by a Gaussian in time; NaN stays NaN and spoils no neighbour.

    Args:
        time: ``(T,)`` seconds, increasing, unevenly spaced or not.
        values: ``(T,)`` or ``(T, S)``.
        seconds: Standard deviation of the Gaussian.
    """
    columns = values.reshape(len(time), -1)
    good = np.isfinite(columns)
    filled = np.where(good, columns, 0.0)
    step = max(float(np.median(np.diff(time))) if len(time) > 1 else 1.0, 1e-3)
    reach = int(np.ceil(3 * seconds / step))
    total, weight = np.zeros_like(filled), np.zeros_like(filled)
    for shift in range(-reach, reach + 1):
        to, by = slice(max(0, -shift), len(time) - max(0, shift)), slice(max(0, shift), len(time) - max(0, -shift))
        if to.start >= to.stop:
            continue
        w = np.exp(-0.5 * ((time[by] - time[to]) / seconds) ** 2)[:, None]
        total[to] += w * filled[by]
        weight[to] += w * good[by]
    with np.errstate(invalid="ignore", divide="ignore"):
        out = np.where(good, total / weight, np.nan)
    return out.reshape(values.shape)


def runs(mask: Bools) -> NDArray[np.intp]:
    """Return ``(R, 2)`` first and past-the-last index of every run of True."""
    edge = np.diff(np.concatenate([[0], np.asarray(mask, dtype=np.int8), [0]]))
    return np.stack([np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)], axis=1)
