"""What one frame shows of one person or hand, taken from results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poise.bodies import hands as hand_measures
from poise.bodies.points import read_points
from poise.geometry import Floats
from poise.results import Results

# Hands below this are too doubtful; MediaPipe's own limit.
_MIN_HAND = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What one frame shows of a person.

    Attributes:
        xy: ``(K, 2)`` pixels of the body, or of the one hand; NaN where not seen.
        conf: ``(K,)``.
        xyz: ``(K, 3)`` metres of the one hand or the body where its network gives them, or None.
        hands: ``(2, 21, 3)`` of the left and the right hand in space, NaN where not seen; see
            :func:`hand_measures.spatial`. Used with part "both".
        flat: ``(2, 21, 2)`` the same in pixels.
        left: Whether the one hand is a left one.
    """

    xy: Floats
    conf: Floats
    xyz: Floats | None = None
    hands: Floats | None = None
    flat: Floats | None = None
    left: bool = False


def observe_body(bodies: Results, row: int) -> Observation:
    """Return what a row of a body model's results shows."""
    xy, conf = read_points(bodies)
    space = np.asarray(bodies.keypoints.xyz[row], dtype=np.float64)
    return Observation(xy[row], conf[row], xyz=space if np.isfinite(space).all() else None)


def observe_hand(hands: Results, row: int, *, left: bool) -> Observation:
    """Return what a row of the hand model's results shows.

    Args:
        hands: Of 21 points a hand.
        row: Which.
        left: Whether it is a left hand in a picture that is not mirrored.
    """
    xy = np.asarray(hands.keypoints.xy[row], dtype=np.float64)
    seen = float(hands.boxes.conf[row]) >= _MIN_HAND
    space = np.asarray(hands.keypoints.xyz[row], dtype=np.float64)
    return Observation(xy if seen else np.full_like(xy, np.nan), np.ones(len(xy)), xyz=space, left=left)


def observe_person(bodies: Results, row: int, hands: Results | None, rows: Sequence[int]) -> Observation:
    """Return a body together with the shapes of its hands.

    Which hand is which follows from the wrist that it is nearer to: the body model sees the whole arm.

    Args:
        bodies: Results of coco17.
        row: Whose.
        hands: Results of the hand model, or None.
        rows: Which of them belong to this body.
    """
    observation = observe_body(bodies, row)
    flat, space = np.full((2, 21, 2), np.nan), np.full((2, 21, 3), np.nan)
    if hands is None or not len(rows):
        return Observation(observation.xy, observation.conf, hands=space, flat=flat)
    wrists = observation.xy[[9, 10]]
    taken = np.full(2, np.inf)
    for hand in rows:
        if float(hands.boxes.conf[hand]) < _MIN_HAND:
            continue
        xy = np.asarray(hands.keypoints.xy[hand], dtype=np.float64)
        away = np.linalg.norm(wrists - xy[0], axis=-1)
        side = int(away.argmin())
        if away[side] < taken[side]:
            taken[side] = away[side]
            flat[side] = xy
            xyz = np.asarray(hands.keypoints.xyz[hand], dtype=np.float64)
            space[side] = hand_measures.spatial(xy[None], xyz[None])[0]
    return Observation(observation.xy, observation.conf, hands=space, flat=flat)
