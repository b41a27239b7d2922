"""What is measured on bodies of 17 points in one frame: pixels and degrees, for every body at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poise.geometry import Bools, Floats

# Keypoints of coco17, shoulder to ankle, left and right. Source: skeletons/coco17.toml.
_LIMBS = np.array([[5, 7, 9, 11, 13, 15], [6, 8, 10, 12, 14, 16]])
_HEAD = slice(0, 5)  # nose, eyes, ears
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
    "shoulders_height",
    "feet_height",
    "shoulder_width",
    "knees_level",
    "feet_gap",
)
_DEGREES = ("arm_lift", "elbow_angle", "knee_angle", "leg_lift", "trunk_lean", "trunk_upright")
# Which measures are lengths, to be divided by the trunk.
LENGTHS: Bools = np.array([not name.endswith(_DEGREES) for name in NAMES])
# What else is told of a body: trunk, facing, x and y of the shoulders.
ABOUT = 4
# The points of each kind of measure, as places in a limb of shoulder, elbow, wrist, hip, knee, ankle.
_USES = {
    "wrist_lift": (0, 2), "wrist_over_elbow": (1, 2), "wrist_side": (0, 2), "wrist_over_head": (2,),
    "hand_from_head": (1, 2), "elbow_side": (0, 1), "reach": (0, 2), "wrist_to_other_elbow": (2,), "ankle_lift": (5,),
    "ankle_side": (5,), "arm_lift": (0, 1), "elbow_angle": (0, 1, 2), "knee_angle": (3, 4, 5), "leg_lift": (3, 5),
    "wrist_gap": (2,), "wrists_crossed": (2,), "trunk_lean": (0, 3), "trunk_upright": (0,), "leg_height": (3, 5),
    "hips_height": (3,), "shoulders_height": (0,), "feet_height": (5,), "shoulder_width": (0,), "knees_level": (4,),
    "feet_gap": (5,),
}  # fmt: skip


def _points() -> NDArray[np.intp]:
    """Return ``(M, 6)`` keypoints of each measure, repeated where it has fewer."""
    rows = []
    for name in NAMES:
        side, _, rest = name.partition("_")
        limbs = _LIMBS if name in _USES else _LIMBS[["left", "right"].index(side)][None]
        used = limbs[:, _USES[name if name in _USES else rest]].ravel().tolist()
        rows.append((used * 6)[:6])
    return np.array(rows, dtype=np.intp)


_POINTS = _points()
# Lines of a limb: elbow from shoulder, shoulder from elbow, wrist from elbow, hip from knee, ankle from knee, ankle
# from hip, wrist from shoulder.
_ENDS, _STARTS = np.array([1, 0, 2, 3, 5, 5, 2]), np.array([0, 1, 1, 4, 4, 3, 0])
_OUTWARDS = np.array([1.0, -1.0])
_DEGREE = 180.0 / np.pi
# How a measure changes its sign where the person's own left is on the picture's left: those that say left or right.
TURNS: Bools = np.array([name.endswith(("_side", "trunk_lean", "wrists_crossed")) for name in NAMES])
# Of a grown-up who stands: shoulders to hips over the distance between the shoulder joints. Assumed, from ordinary
# body proportions; it keeps the unit when somebody bends forwards or the hips are out of the picture.
_TORSO_A_WIDTH = 1.4
# The middle of the hand lies this many forearms beyond the wrist. Source: Winter, Biomechanics and Motor Control of
# Human Movement, table 4.1: forearm 0.146 and hand 0.108 of the height, the hand's centre at 0.506 of its length.
_HAND_BEYOND = 0.37


def body_scale(xy: Floats) -> float:
    """Return the length of the trunk in pixels, the median over ``(T, 17, 2)``; NaN where no shoulders are seen."""
    trunk = _length((xy[:, 5] + xy[:, 6] - xy[:, 11] - xy[:, 12]) / 2)
    length = np.fmax(trunk, _length(xy[:, 5] - xy[:, 6]) * _TORSO_A_WIDTH)
    length = length[length > 0]
    return float(np.median(length)) if len(length) else float("nan")


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
    n = len(xy)
    seen = np.where((conf >= min_conf)[..., None], xy, np.nan)
    limbs = seen.take(_LIMBS, axis=1)  # (N, 2, 6, 2)
    lines = limbs.take(_ENDS, axis=2) - limbs.take(_STARTS, axis=2)  # (N, 2, 7, 2)
    lengths = _length(lines)
    wrist, ankle = limbs[:, :, 2], limbs[:, :, 5]
    head = _middle(seen[:, _HEAD])
    rows: Floats = np.empty((n, len(NAMES)))
    sided = rows[:, : 2 * len(_SIDED)].reshape(n, len(_SIDED), 2)  # a view
    sided[:, 0] = -lines[:, :, 6, 1]
    sided[:, 1] = -lines[:, :, 2, 1]
    sided[:, 2] = lines[:, :, 6, 0] * _OUTWARDS
    sided[:, 3] = seen[:, :1, 1] - wrist[..., 1]
    sided[:, 4] = _length(wrist + lines[:, :, 2] * _HAND_BEYOND - head[:, None])
    sided[:, 5] = lines[:, :, 0, 0] * _OUTWARDS
    sided[:, 6] = lengths[:, :, 6]
    sided[:, 7] = _length(wrist - limbs[:, ::-1, 1])
    sided[:, 8] = ankle[:, ::-1, 1] - ankle[..., 1]
    sided[:, 9] = ankle[..., 0] * _OUTWARDS
    cosines = sided[:, 10:]
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines[:, 0] = lines[:, :, 0, 1] / lengths[:, :, 0]
        cosines[:, 1] = _dot(lines[:, :, 1], lines[:, :, 2]) / (lengths[:, :, 1] * lengths[:, :, 2])
        cosines[:, 2] = _dot(lines[:, :, 3], lines[:, :, 4]) / (lengths[:, :, 3] * lengths[:, :, 4])
        cosines[:, 3] = lines[:, :, 5, 1] / lengths[:, :, 5]
    cosines[:] = np.arccos(np.minimum(np.maximum(cosines, -1.0), 1.0)) * _DEGREE
    pairs = limbs[:, 0] - limbs[:, 1]  # left less right, (N, 6, 2)
    gaps = _length(pairs)
    middles = (limbs[:, 0] + limbs[:, 1]) / 2
    trunk = middles[:, 0] - middles[:, 3]
    lean = np.arctan2(trunk[:, 0], -trunk[:, 1]) * _DEGREE
    neck = head - middles[:, 0]
    upright = np.abs(np.where(np.isnan(lean), np.arctan2(neck[:, 0], -neck[:, 1]) * _DEGREE, lean))
    whole = rows[:, 2 * len(_SIDED) :]
    whole[:, 0] = gaps[:, 2]
    whole[:, 1] = -pairs[:, 2, 0]
    whole[:, 2] = lean
    whole[:, 3] = upright
    whole[:, 4] = middles[:, 5, 1] - middles[:, 3, 1]
    whole[:, 5] = -middles[:, 3, 1]
    whole[:, 6] = -middles[:, 0, 1]
    whole[:, 7] = -ankle[..., 1].max(axis=1)
    whole[:, 8] = np.abs(pairs[:, 0, 0])
    whole[:, 9] = np.abs(pairs[:, 4, 1])
    whole[:, 10] = gaps[:, 5]
    about: Floats = np.empty((n, len(NAMES) + ABOUT))
    about[:, :-ABOUT] = np.minimum.reduce(conf.take(_POINTS, axis=1), axis=-1)
    about[:, -4] = np.fmax(_length(trunk), gaps[:, 0] * _TORSO_A_WIDTH)
    about[:, -3] = pairs[:, 0, 0]
    about[:, -2:] = middles[:, 0]
    return rows, about


def _length(vectors: Floats) -> Floats:
    length: Floats = np.sqrt(np.square(vectors[..., 0]) + np.square(vectors[..., 1]))
    return length


def _dot(a: Floats, b: Floats) -> Floats:
    product: Floats = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]
    return product


def _middle(points: Floats) -> Floats:
    """Return the mean of the ``(N, P, 2)`` points that are seen; NaN where none is."""
    there = np.isfinite(points)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle: Floats = np.where(there, points, 0.0).sum(axis=1) / there.sum(axis=1)
    return middle
