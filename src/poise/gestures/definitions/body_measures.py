"""What gestures ask of bodies of 17 points in one frame: pixels and degrees, for every body at once."""

from __future__ import annotations

import numpy as np

from poise.bodies.measures import MeasureTable, both_sides
from poise.bodies.points import PAIRS, extend_conf, extend_points
from poise.bodies.scale import trunk_length
from poise.geometry import Bools, Floats

_SIDED = {
    "wrist_lift": "above *wrist *shoulder",
    "wrist_over_elbow": "above *wrist *elbow",
    "wrist_side": "right *wrist *shoulder",
    "wrist_over_head": "above *wrist nose?",
    "hand_from_head": "distance *hand head?",
    "elbow_side": "right *elbow *shoulder",
    "reach": "distance *shoulder *wrist",
    "wrist_to_other_elbow": "distance *wrist ~elbow?",
    "ankle_lift": "above *ankle ~ankle?",
    "ankle_side": "right *ankle corner",
    "arm_lift": "tilt *shoulder *elbow",
    "elbow_angle": "angle *shoulder *elbow *wrist",
    "knee_angle": "angle *hip *knee *ankle",
    "leg_lift": "tilt *hip *ankle",
}
_WHOLE = {
    "wrist_gap": "distance left_wrist right_wrist",
    "wrists_crossed": "right right_wrist left_wrist",
    "trunk_lean": "lean shoulders hips",
    "trunk_upright": "tilt shoulders hips?",
    "leg_height": "above hips ankles",
    "hips_height": "above hips corner",
    "shoulders_height": "above shoulders corner",
    "feet_height": "above lower_ankle corner",
    "shoulder_width": "across left_shoulder right_shoulder",
    "knees_level": "level left_knee right_knee",
    "feet_gap": "distance left_ankle right_ankle",
}
_TABLE = MeasureTable(dict(both_sides(_SIDED)) | _WHOLE)
NAMES = _TABLE.names
# Which measures are lengths, to be divided by the trunk.
LENGTHS: Bools = _TABLE.lengths
# What else is told of a body: trunk, facing, x and y of the shoulders.
ABOUT = 4
# How a measure changes its sign where the person's own left is on the picture's left: those that say left or right.
TURNS: Bools = np.array([name.endswith(("_side", "trunk_lean", "wrists_crossed")) for name in NAMES])
# Outwards is to the picture's right for the own left of somebody who faces the camera, and to its left for the right.
_OUTWARDS = np.where([name.startswith("right_") and name.endswith("_side") for name in NAMES], -1.0, 1.0)
_UPRIGHT, _NECK = NAMES.index("trunk_upright"), MeasureTable({"neck": "tilt head shoulders"})


def body_measures(xy: Floats, conf: Floats, *, min_conf: float = 0.3) -> tuple[Floats, Floats]:
    """Measure bodies in one frame.

    Args:
        xy: ``(N, 17, 2)`` pixels, y down.
        conf: ``(N, 17)``.
        min_conf: What is surer than this is used; the default is where the bundled networks' points begin to lie
            within a fifth of the trunk.

    Returns:
        ``(N, M)`` measures in the order of :data:`NAMES`, lengths in pixels, NaN where a point is not seen; and
        ``(N, M + 4)`` how sure each is, the least confidence of the points it needs, then in pixels the length of the
        trunk, how far the left shoulder is right of the right one (above 0 for who faces the camera, below 0 for who
        turns the back to it), and x and y of the middle of the shoulders.

        ``wrist_lift``, ``ankle_lift``: above the shoulder, above the other ankle. ``wrist_side``, ``elbow_side``: away
        from the own shoulder, outwards. ``ankle_side``: where the ankle is, outwards. ``hand_from_head``: from the
        middle of the hand to that of nose, eyes and ears. ``reach``: wrist from shoulder. ``arm_lift``, ``leg_lift``:
        degrees of the upper arm, and of the line from hip to ankle, from hanging. ``trunk_lean``: degrees from upright,
        towards the own left. ``trunk_upright``: degrees from upright; of the head over the shoulders where the hips are
        not seen. ``leg_height``: hips over ankles. ``hips_height``, ``shoulders_height``: of their middle.
        ``feet_height``: of the lower ankle. These three are over the picture's upper edge, so only their changes mean
        something. ``shoulder_width``: across the picture, small from the side.
        ``knees_level``: how much higher one knee is. ``feet_gap``: between the ankles. ``wrists_crossed``: how far the
        left wrist is on the right of the right one. Outwards and the own left are for somebody who faces the camera;
        see :data:`TURNS`.
    """
    seen = np.where((conf >= min_conf)[..., None], xy, np.nan)
    pairs = seen.take(PAIRS, axis=1)
    points = extend_points(seen, pairs.mean(axis=2))
    values = _TABLE.measure(points) * _OUTWARDS
    values[:, _UPRIGHT] = np.where(np.isnan(values[:, _UPRIGHT]), _NECK.measure(points)[:, 0], values[:, _UPRIGHT])
    sure = extend_conf(conf, conf.take(PAIRS, axis=1).min(axis=2), 1.0)
    about: Floats = np.empty((len(xy), len(NAMES) + ABOUT))
    about[:, :-ABOUT] = _TABLE.confidence(sure)
    across = pairs[:, 0, 0] - pairs[:, 0, 1]
    about[:, -4] = trunk_length(points[:, 17], points[:, 19], np.hypot(across[:, 0], across[:, 1]))
    about[:, -3] = across[:, 0]
    about[:, -2:] = points[:, 17]
    return values, about
