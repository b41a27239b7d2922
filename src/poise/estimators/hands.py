"""Hands: a palm detector proposes rotated regions, a landmark network finds 21 points and says left or right."""

from __future__ import annotations

import numpy as np

from poise.estimators._clock import Clock
from poise.estimators._estimator import Opener, Options
from poise.estimators.anchors import Floats64, anchor_centres
from poise.estimators.evidence import apart, logit, newer
from poise.estimators.regions import Effort, turn, upward_angle
from poise.estimators.roi import Looked, Proposals, RoiEstimator, look_into
from poise.estimators.tiles import AnchorDetector
from poise.frames import Image
from poise.geometry import affine_apply
from poise.skeletons import Skeleton
from poise.weights import Card

# Source: MediaPipe palm_detection graph: stride 8 with 2 anchors a cell, three layers of stride 16 with 2 each.
_LAYERS = ((8, 2), (16, 6))
# Points of the palm detector: 0 wrist, 2 knuckle of the middle finger.
_WRIST, _MIDDLE = 0, 2
# Source: MediaPipe hand_landmark_landmarks_to_roi: wrist, thumb and the two lower points of each finger.
_PALM = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])
# The hand's points that the palm detector's seven are: wrist, four knuckles, the two lower points of the thumb.
_SEVEN = np.array([0, 5, 9, 13, 17, 1, 2])


def rois_from_palms(boxes: Floats64, points: Floats64, *, scale: float = 2.6, shift: float = 0.5) -> Floats64:
    """Return the region of each detected palm.

    Args:
        boxes: ``(N, 4)`` xyxy palms, pixels.
        points: ``(N, 7, 2)`` points of the palm detector.
        scale: Side of the region over the longer side of the palm.
        shift: How far the centre moves towards the fingers, in heights of the palm.

    Source:
        MediaPipe palm_detection_detection_to_roi (scale 2.6, shift_y -0.5, square_long).
    """
    angle = upward_angle(points[:, _WRIST], points[:, _MIDDLE])
    size = boxes[:, 2:] - boxes[:, :2]
    up = np.stack([np.zeros(len(boxes)), -shift * size[:, 1]], axis=-1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + turn(up, angle)
    return np.column_stack([centre, scale * size.max(axis=1, initial=0.0), angle])


def rois_from_hands(xy: Floats64, *, scale: float = 2.0, shift: float = 0.1) -> Floats64:
    """Return the region that ``(N, 21, 2)`` hand points ask for in the next frame.

    Source:
        MediaPipe hand_landmarks_to_rect_calculator and hand_landmark_landmarks_to_roi (scale 2.0, shift_y -0.1,
        square_long): direction from the wrist to the mean of the middle knuckle and of the mean of the index and
        ring knuckles; box of the palm's points along that direction.
    """
    knuckles = ((xy[:, 5] + xy[:, 13]) / 2 + xy[:, 9]) / 2
    angle = upward_angle(xy[:, 0], knuckles)
    palm = turn(xy[:, _PALM], -angle)
    low, high = palm.min(axis=1), palm.max(axis=1)
    size = high - low
    centre = (low + high) / 2 - np.stack([np.zeros(len(xy)), shift * size[:, 1]], axis=-1)
    return np.column_stack([turn(centre, angle), scale * size.max(axis=1, initial=0.0), angle])


class Hands(RoiEstimator):
    """21 points a hand, metric xyz, and whose hand it is.

    ``xyz`` is in metres with the origin at the hand's geometric centre, along the picture's axes. The network gives
    one presence score a hand and none a point, so every keypoint of a hand carries the hand's confidence.

    Evidence: log odds of the palm's score (``palm``) and of the network's presence (``presence``), and how near the
    palm's seven points lie to the hand's (``fit``): the negative logarithm of their mean distance over the hand's size.
    A second look tells no more than these.

    Card settings, besides those of :class:`RoiEstimator`:
        propose: Palm score from which a region is looked into.
        sides: Longer sides in pixels at which tiles of a still are searched besides the whole picture, and of a video
            when the whole picture shows no palm.
        tile: Longer sides in pixels at which tiles are searched with ``tile=True``.
    """

    evidence = ("palm", "fit", "presence")

    def __init__(self, card: Card, open_network: Opener, skeleton: Skeleton) -> None:
        super().__init__(card, open_network, skeleton, {0: "left_hand", 1: "right_hand"})
        detector, self._landmarks = self.networks
        self._detect = AnchorDetector(
            detector,
            anchor_centres(192, _LAYERS),
            scale=1 / 255,
            shift=0.0,
            min_overlap=0.3,
            min_score=self.settings["propose"],
        )

    def _propose(self, image: Image, options: Options, clock: Clock, *, effort: Effort) -> Proposals:
        boxes, points, score = self._detect.search(image, options, self.settings, clock, effort=effort)
        with clock.stage("postprocess"):
            evidence = self._unknown(len(boxes))
            evidence[:, 0] = logit(score)
            return Proposals(rois_from_palms(boxes, points), points, evidence)

    def _look(self, image: Image, rois: Floats64, options: Options, clock: Clock) -> Looked:
        shapes = {"landmarks": (21, 3), "world": (21, 3), "hand_score": (), "handedness": ()}
        seen, back, _ = look_into(self._landmarks, image, rois, shapes, clock)
        with clock.stage("postprocess"):
            points, world, score, high = (part.astype(np.float64) for part in seen)
            xy = affine_apply(back, points[..., :2])
            # High means the person's right hand in an unmirrored picture (22 of 22 hands whose side COCO's wrists
            # tell); MediaPipe prints the opposite because it takes its input to be a mirrored selfie.
            cls = np.where(high > 0.5, 1, 0).astype(np.intp)
            evidence = self._unknown(len(xy))
            evidence[:, 2] = logit(score)
            return Looked(xy, score, cls, rois_from_hands(xy), evidence, xyz=turn(world, rois[:, 3]))

    def _examine(self, image: Image, seen: Looked, found: Proposals, options: Options, clock: Clock) -> Floats64:
        with clock.stage("postprocess"):
            evidence = newer(seen.evidence, found.evidence)
            evidence[:, 1] = apart(seen.xy[:, _SEVEN], found.points, seen.xy)
            return evidence
