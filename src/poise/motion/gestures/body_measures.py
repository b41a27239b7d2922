"""What is measured on a body of 17 points over time, in lengths of the trunk and degrees."""

from __future__ import annotations

import numpy as np

from poise.geometry import Floats

# Keypoints of coco17. Source: skeletons/coco17.toml.
SIDES = {"left": (5, 7, 9, 11, 13, 15), "right": (6, 8, 10, 12, 14, 16)}
_SIDED = (
    "wrist_lift",
    "wrist_over_elbow",
    "wrist_side",
    "wrist_over_head",
    "arm_lift",
    "elbow_angle",
    "reach",
    "wrist_to_other_elbow",
    "ankle_lift",
    "ankle_x",
    "knee_angle",
)
NAMES = (
    *(f"{side}_{name}" for side in SIDES for name in _SIDED),
    "wrist_gap",
    "wrists_crossed",
    "trunk_lean",
    "trunk_upright",
    "leg_height",
    "hips_height",
    "feet_height",
    "shoulder_width",
)
# Of a grown-up who stands: shoulders to hips over the distance between the shoulder joints. Assumed, from ordinary
# body proportions; it keeps the unit when somebody bends forwards or the hips are out of the picture.
_TORSO_A_WIDTH = 1.4


def body_scale(xy: Floats) -> float:
    """Return the length of the trunk in pixels, the median over ``(T, 17, 2)``; NaN where no shoulders are seen."""
    shoulders, hips = xy[:, [5, 6]].mean(axis=1), xy[:, [11, 12]].mean(axis=1)
    trunk = np.linalg.norm(shoulders - hips, axis=-1)
    width = np.linalg.norm(xy[:, 5] - xy[:, 6], axis=-1) * _TORSO_A_WIDTH
    length = np.fmax(trunk, width)
    length = length[np.isfinite(length) & (length > 0)]
    return float(np.median(length)) if len(length) else float("nan")


def body_measures(xy: Floats, conf: Floats, *, min_conf: float = 0.3) -> Floats:
    """Measure one body over time.

    Args:
        xy: ``(T, 17, 2)`` pixels, y down.
        conf: ``(T, 17)``.
        min_conf: What is surer than this is used; the default is where the bundled networks' points begin to lie
            within a fifth of the trunk.

    Returns:
        ``(T, M)`` in the order of :data:`NAMES`; NaN where a point is not seen. Lengths are in trunks (the median over
        the T frames), "left" is the person's own. ``wrist_lift``, ``ankle_lift``: above the shoulder, above the other
        ankle. ``wrist_side``: away from the own shoulder, outwards. ``arm_lift``: degrees of the upper arm from
        hanging. ``reach``: wrist from shoulder. ``trunk_lean``: degrees from upright, towards the own left.
        ``trunk_upright``: degrees from upright. ``leg_height``: hips over ankles. ``hips_height``, ``feet_height``:
        above where they were in the first frame. ``shoulder_width``: across the picture, small
        from the side. ``wrists_crossed``: how far each wrist is on the other side.
    """
    scale = body_scale(xy)
    seen = np.where((conf >= min_conf)[..., None], xy, np.nan).astype(np.float64) / scale
    shoulders, hips = seen[:, [5, 6]].mean(axis=1), seen[:, [11, 12]].mean(axis=1)
    across = seen[:, 5, 0] - seen[:, 6, 0]
    # Facing the camera the own left is on the picture's right. One answer for the window: seen from the side, networks
    # exchange left and right from frame to frame, and that is not a movement.
    facing = across[np.isfinite(across)]
    own_left = -1.0 if len(facing) and np.median(facing) < 0 else 1.0
    nose = seen[:, 0]
    columns = []
    for side, outwards in (("left", own_left), ("right", -own_left)):
        shoulder, elbow, wrist, hip, knee, ankle = (seen[:, k] for k in SIDES[side])
        other = SIDES["right" if side == "left" else "left"]
        columns += [
            shoulder[:, 1] - wrist[:, 1],
            elbow[:, 1] - wrist[:, 1],
            (wrist[:, 0] - shoulder[:, 0]) * outwards,
            nose[:, 1] - wrist[:, 1],
            _angle(elbow - shoulder, np.array([0.0, 1.0])),
            _angle(shoulder - elbow, wrist - elbow),
            np.linalg.norm(wrist - shoulder, axis=-1),
            np.linalg.norm(wrist - seen[:, other[1]], axis=-1),
            seen[:, other[5], 1] - ankle[:, 1],
            ankle[:, 0],
            _angle(hip - knee, ankle - knee),
        ]
    middle = shoulders[:, 0]
    crossed = np.minimum((middle - seen[:, 9, 0]) * own_left, (seen[:, 10, 0] - middle) * own_left)
    lean = np.rad2deg(np.arctan2((shoulders[:, 0] - hips[:, 0]) * own_left, hips[:, 1] - shoulders[:, 1]))
    feet = seen[:, [15, 16], 1]
    lowest = feet.max(axis=1)
    columns += [
        np.linalg.norm(seen[:, 9] - seen[:, 10], axis=-1),
        crossed,
        lean,
        np.abs(lean),
        feet.mean(axis=1) - hips[:, 1],
        hips[:1, 1] - hips[:, 1],
        lowest[:1] - lowest,
        np.abs(across),
    ]
    measures: Floats = np.column_stack(columns)
    return measures


def _angle(a: Floats, b: Floats) -> Floats:
    """Return the degrees between vectors along the last axis; NaN where one has no length."""
    length = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (a * b).sum(axis=-1) / length
    angle: Floats = np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return angle
