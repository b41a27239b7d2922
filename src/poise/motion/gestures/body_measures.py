"""What is measured on bodies of 17 points in one frame: pixels and degrees, for every body at once."""

from __future__ import annotations

import numpy as np

from poise.geometry import Bools, Floats

# Keypoints of coco17, shoulder to ankle, left and right. Source: skeletons/coco17.toml.
_LIMBS = np.array([[5, 7, 9, 11, 13, 15], [6, 8, 10, 12, 14, 16]])
_HEAD = [0, 1, 2, 3, 4]
_SIDED = (
    "wrist_lift",
    "wrist_over_elbow",
    "wrist_side",
    "wrist_over_head",
    "hand_from_head",
    "elbow_side",
    "reach",
    "wrist_to_other_elbow",
    "ankle_lift",
    "ankle_side",
    "arm_lift",
    "elbow_angle",
    "knee_angle",
    "leg_lift",
)
NAMES = (
    *(f"{side}_{name}" for name in _SIDED for side in ("left", "right")),
    "wrist_gap",
    "wrists_crossed",
    "trunk_lean",
    "trunk_upright",
    "leg_height",
    "hips_height",
    "feet_height",
    "shoulder_width",
    "knees_level",
    "feet_gap",
)
_DEGREES = ("arm_lift", "elbow_angle", "knee_angle", "leg_lift", "trunk_lean", "trunk_upright")
# Which measures are lengths, to be divided by the trunk.
LENGTHS: Bools = np.array([not name.endswith(_DEGREES) for name in NAMES])
# How a measure changes its sign where the person's own left is on the picture's left: those that say left or right.
TURNS: Bools = np.array([name.endswith(("_side", "trunk_lean", "wrists_crossed")) for name in NAMES])
# Of a grown-up who stands: shoulders to hips over the distance between the shoulder joints. Assumed, from ordinary
# body proportions; it keeps the unit when somebody bends forwards or the hips are out of the picture.
_TORSO_A_WIDTH = 1.4
# The middle of the hand lies this many forearms beyond the wrist. Source: Winter, Biomechanics and Motor Control of
# Human Movement, table 4.1: forearm 0.146 and hand 0.108 of the height, the hand's centre at 0.506 of its length.
_HAND_BEYOND = 0.37


def body_measures(xy: Floats, conf: Floats, *, min_conf: float = 0.3) -> tuple[Floats, Floats, Floats]:
    """Measure bodies in one frame.

    Args:
        xy: ``(N, 17, 2)`` pixels, y down.
        conf: ``(N, 17)``.
        min_conf: What is surer than this is used; the default is where the bundled networks' points begin to lie
            within a fifth of the trunk.

    Returns:
        ``(N, M)`` measures in the order of :data:`NAMES`, lengths in pixels, NaN where a point is not seen; ``(N,)``
        length of the trunk in pixels; ``(N,)`` how far the left shoulder is right of the right one, pixels: above 0
        for who faces the camera, below 0 for who turns the back to it.

        ``wrist_lift``, ``ankle_lift``: above the shoulder, above the other ankle. ``wrist_side``, ``elbow_side``: away
        from the own shoulder, outwards. ``ankle_side``: where the ankle is, outwards. ``hand_from_head``: from
        the middle of the hand to that of nose, eyes and ears. ``reach``: wrist from shoulder. ``arm_lift``, ``leg_lift``: degrees of the upper
        arm, and of the line from hip to ankle, from hanging. ``trunk_lean``: degrees from upright, towards the own
        left. ``trunk_upright``: degrees from upright. ``leg_height``: hips over ankles. ``hips_height``: of the middle
        of the hips. ``feet_height``: of the lower ankle. Both heights are over the picture's upper edge, so only their
        changes mean something. ``shoulder_width``: across the picture, small from the side. ``knees_level``: how much
        higher one knee is. ``feet_gap``: between the ankles. ``wrists_crossed``: how far the left wrist is on the right
        of the right one. Outwards and the own left are for somebody who faces the camera; see :data:`TURNS`.
    """
    seen = np.where((conf >= min_conf)[..., None], xy, np.nan)
    limbs = seen[:, _LIMBS]  # (N, 2, 6, 2)
    outwards = np.array([1.0, -1.0])
    vectors = limbs[:, :, [1, 0, 2, 3, 5, 5, 2]] - limbs[:, :, [0, 1, 1, 4, 4, 3, 0]]
    # elbow from shoulder, shoulder from elbow, wrist from elbow, hip from knee, ankle from knee, ankle from hip,
    # wrist from shoulder
    lengths = np.sqrt(np.square(vectors).sum(axis=-1))
    wrist, ankle = limbs[:, :, 2], limbs[:, :, 5]
    head = _middle(seen[:, _HEAD])
    from_head = wrist + vectors[:, :, 2] * _HAND_BEYOND - head[:, None]
    to_elbow = wrist - limbs[:, ::-1, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.stack(
            [
                vectors[:, :, 0, 1] / lengths[:, :, 0],
                (vectors[:, :, 1] * vectors[:, :, 2]).sum(axis=-1) / (lengths[:, :, 1] * lengths[:, :, 2]),
                (vectors[:, :, 3] * vectors[:, :, 4]).sum(axis=-1) / (lengths[:, :, 3] * lengths[:, :, 4]),
                vectors[:, :, 5, 1] / lengths[:, :, 5],
            ],
            axis=1,
        )
    angles = np.rad2deg(np.arccos(np.clip(cosines, -1.0, 1.0)))
    sided = np.stack(
        [
            -vectors[:, :, 6, 1],
            -vectors[:, :, 2, 1],
            vectors[:, :, 6, 0] * outwards,
            seen[:, None, 0, 1] - wrist[..., 1],
            np.sqrt(np.square(from_head).sum(axis=-1)),
            vectors[:, :, 0, 0] * outwards,
            lengths[:, :, 6],
            np.sqrt(np.square(to_elbow).sum(axis=-1)),
            ankle[:, ::-1, 1] - ankle[..., 1],
            ankle[..., 0] * outwards,
        ],
        axis=1,
    )
    pairs = limbs[:, 0] - limbs[:, 1]  # left less right, (N, 6, 2)
    middles = limbs.mean(axis=1)
    trunk = middles[:, 0] - middles[:, 3]
    lean = np.rad2deg(np.arctan2(trunk[:, 0], -trunk[:, 1]))
    gaps = np.sqrt(np.square(pairs).sum(axis=-1))
    whole = np.stack(
        [
            gaps[:, 2],
            -pairs[:, 2, 0],
            lean,
            np.abs(lean),
            middles[:, 5, 1] - middles[:, 3, 1],
            -middles[:, 3, 1],
            -ankle[..., 1].max(axis=1),
            np.abs(pairs[:, 0, 0]),
            np.abs(pairs[:, 4, 1]),
            gaps[:, 5],
        ],
        axis=1,
    )
    n = len(xy)
    rows: Floats = np.concatenate([sided.reshape(n, 20), angles.reshape(n, 8), whole], axis=1)
    scale = np.fmax(np.sqrt(np.square(trunk).sum(axis=-1)), gaps[:, 0] * _TORSO_A_WIDTH)
    return rows, scale, pairs[:, 0, 0]


def _middle(points: Floats) -> Floats:
    """Return the mean of the ``(N, P, 2)`` points that are seen; NaN where none is."""
    there = np.isfinite(points)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle: Floats = np.where(there, points, 0.0).sum(axis=1) / there.sum(axis=1)
    return middle
