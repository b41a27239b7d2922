"""What is measured on bodies and hands: joint angles, lengths of limbs, heights. Pure functions on arrays.

``angles`` and ``limbs`` hold for any skeleton, ``points``, ``scale`` and ``measures`` for 17 points in COCO's order,
``hands`` for 21 points a hand; ``proportions`` are those of an ordinary grown-up. ``pose_embedding`` makes poses of any
skeleton vectors that can be compared.
"""

from poise.bodies.angles import angle_between, joint_angle, lean, tilt
from poise.bodies.limbs import lengths, limbs, pair_groups, relative_lengths
from poise.bodies.measures import MeasureTable
from poise.bodies.points import mean_of_seen, read_coco_points, read_points
from poise.bodies.scale import standing_height, torso_length

__all__ = [
    "MeasureTable",
    "angle_between",
    "joint_angle",
    "lean",
    "lengths",
    "limbs",
    "mean_of_seen",
    "pair_groups",
    "read_coco_points",
    "read_points",
    "relative_lengths",
    "standing_height",
    "tilt",
    "torso_length",
]
