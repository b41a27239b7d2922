"""What exercises are told by: angles, and distances in torso lengths, of one person over time.

Everything here is a pure function of ``(T, 17, 2)`` keypoints, vectorised over frames, so that the live counter (T = 1)
and the offline pass (T = the whole clip) see the same numbers. Sides are the person's own left and right; which of the
two the network calls left does not matter to any exercise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.bodies.measures import MeasureTable, both_sides
from poise.bodies.points import HEAD, PAIRS, extend_conf, extend_points, mean_of_seen
from poise.geometry import Floats

# How each is measured on either side, see :class:`poise.bodies.measures.MeasureTable`, and what that is.
_SIDED = {
    "elbow_angle": ("angle *shoulder *elbow *wrist", "shoulder-elbow-wrist; 180 is a straight arm"),
    "shoulder_angle": ("angle *hip *shoulder *elbow", "hip-shoulder-elbow; 0 is an arm along the trunk"),
    "hip_angle": ("angle *shoulder *hip *knee", "shoulder-hip-knee; 180 is a straight body"),
    "knee_angle": ("angle *hip *knee *ankle", "hip-knee-ankle; 180 is a straight leg"),
    "wrist_reach": ("distance *shoulder *wrist", "distance from shoulder to wrist"),
    "wrist_lift": ("above *wrist *shoulder", "height of the wrist over the shoulder"),
    "wrist_over_elbow": ("above *wrist *elbow", "height of the wrist over the elbow"),
    "elbow_lift": ("above *elbow *shoulder", "height of the elbow over the shoulder"),
    "wrist_over_hip": ("above *wrist *hip", "height of the wrist over the hip"),
    "wrist_out": ("across *shoulder *wrist", "horizontal distance from shoulder to wrist"),
    "hip_lift": ("above *hip *ankle", "height of the hip over the ankle"),
    "hip_over_knee": ("above *hip *knee", "height of the hip over the knee"),
    "ankle_over_hip": ("above *ankle *hip", "height of the ankle over the hip"),
    "thigh_reach": ("distance *shoulder *knee", "distance from shoulder to knee"),
    "leg_reach": ("distance *hip *ankle", "distance from hip to ankle"),
}
# The same of both sides together; a difference is that between both sides of an angle.
_WHOLE = {
    "trunk_lean": ("tilt shoulders hips", "trunk from vertical: 0 upright, 90 lying, 180 upside down"),
    "shoulder_over_hip": ("above shoulders hips", "height of the shoulders over the hips"),
    "shoulder_over_wrist": ("above shoulders wrists", "height of the shoulders over the wrists"),
    "shoulder_over_ankle": ("above shoulders ankles", "height of the shoulders over the ankles"),
    "ankle_gap": ("across left_ankle right_ankle", "horizontal distance of the ankles"),
    "ankle_stagger": ("level left_ankle right_ankle", "vertical distance of the ankles in the picture"),
    "ankle_distance": ("distance left_ankle right_ankle", "distance of the ankles"),
    "wrist_gap": ("distance left_wrist right_wrist", "distance of the wrists"),
    "shoulder_width": (
        "distance left_shoulder right_shoulder",
        "distance of the shoulders: near 0.8 from the front, near 0 from the side",
    ),
    "knee_gap": ("distance left_knee right_knee", "distance of the knees"),
    "knee_stagger": ("level left_knee right_knee", "vertical distance of the knees in the picture"),
    "knee_difference": ("difference knee_angle", "difference of the two knees' angles"),
    "hip_difference": ("difference hip_angle", "difference of the two hips' angles"),
    "trunk_tilt": ("level shoulders hips", "height of the shoulders over the hips, without its sign"),
    "head_lift": ("above head shoulders?", "height of the head over the shoulders"),
    "head_over_hip": ("above head hips?", "height of the head over the hips"),
    "head_to_knee": ("distance head knees?", "distance from the head to the knees"),
    "hip_x": ("right hips corner", "horizontal place of the hips in the picture"),
    "hip_y": ("above hips corner", "height of the hips in the picture"),
    "shoulder_x": ("right shoulders corner", "horizontal place of the shoulders in the picture"),
    "shoulder_y": ("above shoulders corner", "height of the shoulders in the picture"),
    "wrist_y": ("above wrists corner", "height of the wrists in the picture"),
    "ankle_y": ("above ankles corner", "height of the ankles in the picture"),
}


def _told(rows: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    angles = ("angle", "tilt", "difference")
    return {name: ("degrees" if how.split()[0] in angles else "torsos", what) for name, (how, what) in rows.items()}


# Unit of each measure and what it is.
SIDED, WHOLE = _told(_SIDED), _told(_WHOLE)
# What people are shown of a joint: its name, the inner angle at which it reads 0, and what that is. The convention is
# that of poise.clips.angles, so that one bend has one number in tables, on videos and in reports.
SHOWN: dict[str, tuple[str, float, str]] = {
    "elbow_angle": ("elbow flexion", 180.0, "0 is a straight arm"),
    "shoulder_angle": ("shoulder elevation", 0.0, "0 is an arm along the trunk"),
    "hip_angle": ("hip flexion", 180.0, "0 is a straight body"),
    "knee_angle": ("knee flexion", 180.0, "0 is a straight leg"),
}
NAMES: tuple[str, ...] = tuple(f"{side}_{name}" for name in SIDED for side in ("left", "right")) + tuple(WHOLE)
COLUMN: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
_UNITS = [SIDED[name][0] for name in SIDED for _ in range(2)] + [WHOLE[name][0] for name in WHOLE]
# Which measures are lengths, and follow the ruler.
LENGTHS: NDArray[np.bool_] = np.array([unit == "torsos" for unit in _UNITS])

_DIFFERENCES = {name: how.split()[1] for name, (how, _) in _WHOLE.items() if how.startswith("difference")}
_TABLE = MeasureTable(
    dict(both_sides({name: how for name, (how, _) in _SIDED.items()}))
    | {name: how for name, (how, _) in _WHOLE.items() if name not in _DIFFERENCES}
)
_MEASURED = np.array([COLUMN[name] for name in _TABLE.names])
# Places in the picture: they say more of the camera than of the person.
PLACES = ("hip_x", "hip_y", "shoulder_x", "shoulder_y", "wrist_y", "ankle_y")


def measure(xy: Floats, conf: Floats, scale: Floats, *, min_conf: float = 0.3) -> tuple[Floats, Floats]:
    """Measure a person in every frame.

    Args:
        xy: ``(T, 17, 2)`` pixels, COCO's order.
        conf: ``(T, 17)``.
        scale: ``(T,)`` torso length, pixels (:func:`poise.bodies.scale.torso_length`, steadied).
        min_conf: A measure that needs a point below this is NaN.

    Returns:
        ``(T, S)`` values in the order of :data:`NAMES`, NaN where not seen, and ``(T, S)`` confidence: that of the
        least confident point that the measure needs. Of a pair whose middle is used, one that is not seen is not
        missed.
    """
    seen = np.where((conf >= min_conf)[..., None], xy, np.nan).astype(np.float64)
    pairs, sure = seen[:, PAIRS], conf[:, PAIRS]
    points = extend_points(seen, mean_of_seen(pairs, np.isfinite(pairs[..., 0])))
    there = np.isfinite(seen[:, HEAD, 0])
    least, most = sure.min(axis=2), sure.max(axis=2)
    middles = np.where(least >= min_conf, least, most)
    head = np.where(there, conf[:, HEAD], 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    values, trust = np.empty((2, len(xy), len(NAMES)))
    values[:, _MEASURED] = _TABLE.measure(points)
    trust[:, _MEASURED] = _TABLE.confidence(extend_conf(conf, middles, head))
    for name, of in _DIFFERENCES.items():
        left, right = COLUMN[f"left_{of}"], COLUMN[f"right_{of}"]
        values[:, COLUMN[name]] = np.abs(values[:, left] - values[:, right])
        trust[:, COLUMN[name]] = np.minimum(trust[:, left], trust[:, right])
    unit = np.asarray(scale, dtype=np.float64)[:, None]
    return np.where(LENGTHS, values / unit, values), trust
