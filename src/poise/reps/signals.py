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

# How each is measured; see :class:`poise.bodies.measures.MeasureTable`.
_SIDED = {
    "elbow_angle": "angle *shoulder *elbow *wrist",
    "shoulder_angle": "angle *hip *shoulder *elbow",
    "hip_angle": "angle *shoulder *hip *knee",
    "knee_angle": "angle *hip *knee *ankle",
    "wrist_reach": "distance *shoulder *wrist",
    "wrist_lift": "above *wrist *shoulder",
    "wrist_over_elbow": "above *wrist *elbow",
    "elbow_lift": "above *elbow *shoulder",
    "wrist_over_hip": "above *wrist *hip",
    "wrist_out": "across *shoulder *wrist",
    "hip_lift": "above *hip *ankle",
    "hip_over_knee": "above *hip *knee",
    "ankle_over_hip": "above *ankle *hip",
    "thigh_reach": "distance *shoulder *knee",
    "leg_reach": "distance *hip *ankle",
}
_WHOLE = {
    "trunk_lean": "tilt shoulders hips",
    "shoulder_over_hip": "above shoulders hips",
    "shoulder_over_wrist": "above shoulders wrists",
    "shoulder_over_ankle": "above shoulders ankles",
    "ankle_gap": "across left_ankle right_ankle",
    "ankle_stagger": "level left_ankle right_ankle",
    "ankle_distance": "distance left_ankle right_ankle",
    "wrist_gap": "distance left_wrist right_wrist",
    "shoulder_width": "distance left_shoulder right_shoulder",
    "knee_gap": "distance left_knee right_knee",
    "knee_stagger": "level left_knee right_knee",
    "trunk_tilt": "level shoulders hips",
    "head_lift": "above head shoulders?",
    "head_over_hip": "above head hips?",
    "head_to_knee": "distance head knees?",
    "hip_x": "right hips corner",
    "hip_y": "above hips corner",
    "shoulder_x": "right shoulders corner",
    "shoulder_y": "above shoulders corner",
    "wrist_y": "above wrists corner",
    "ankle_y": "above ankles corner",
}
_TABLE = MeasureTable(dict(both_sides(_SIDED)) | _WHOLE)
_MEASURED = np.array([COLUMN[name] for name in _TABLE.names])
# What is not in the table: the difference between both sides of a measure.
_DIFFERENCES = {"knee_difference": "knee_angle", "hip_difference": "hip_angle"}


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
