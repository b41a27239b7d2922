"""Faces: a short-range detector proposes rotated regions, a mesh network finds 468 points."""

from __future__ import annotations

import numpy as np

from poise.estimators._clock import Clock
from poise.estimators._estimator import Opener, Options
from poise.estimators.anchors import Floats64, anchor_centres, sigmoid
from poise.estimators.roi import AnchorDetector, Looked, RoiEstimator, cut, upward_angle
from poise.frames import Image
from poise.geometry import affine_apply
from poise.skeletons import Skeleton
from poise.weights import Card

# Source: MediaPipe face_detection_short_range graph: stride 8 with 2 anchors a cell, three layers of stride 16.
_LAYERS = ((8, 2), (16, 6))
# Outer corners of the person's right and left eye among the 468 points.
_RIGHT_EYE, _LEFT_EYE = 33, 263


def rois_from_eyes(boxes: Floats64, right: Floats64, left: Floats64, *, scale: float = 1.5) -> Floats64:
    """Return the region of each face: turned so that the line between the eyes lies level.

    Args:
        boxes: ``(N, 4)`` xyxy faces, pixels.
        right: ``(N, 2)`` the person's right eye, on the left in an unmirrored picture.
        left: ``(N, 2)`` the person's left eye.
        scale: Side of the region over the longer side of the box.

    Source:
        MediaPipe face_detection_front_detection_to_roi and face_landmark_landmarks_to_roi (scale 1.5, square_long).
    """
    angle = upward_angle(right, left) - 90.0
    size = boxes[:, 2:] - boxes[:, :2]
    return np.column_stack([(boxes[:, :2] + boxes[:, 2:]) / 2, scale * size.max(axis=1, initial=0.0), angle])


class Face(RoiEstimator):
    """468 points a face.

    The mesh's depth is in units of the crop, not metres, and no known length in the face fixes its scale, so ``xyz``
    is not given. The network scores a face as a whole: every keypoint of a face carries the face's score.

    Card settings: as for :class:`poise.estimators.hands.Hands`.
    """

    def __init__(self, card: Card, open_network: Opener, skeleton: Skeleton) -> None:
        super().__init__(card, open_network, skeleton, {0: "face"})
        detector, self._mesh = self.networks
        self._detect = AnchorDetector(
            detector, anchor_centres(128, _LAYERS), scale=2 / 255, shift=-1.0, min_overlap=0.3
        )

    def _propose(self, image: Image, options: Options, clock: Clock, *, thorough: bool) -> Floats64:
        boxes, points, _ = self._detect.search(image, options, self.settings, clock, thorough=thorough)
        with clock.stage("postprocess"):
            return rois_from_eyes(boxes, points[:, 0], points[:, 1])

    def _look(self, image: Image, rois: Floats64, options: Options, clock: Clock) -> Looked:
        size = int(self._mesh.inputs[0].shape[1] or 0)
        with clock.stage("preprocess"):
            crops, back = cut(image, rois, size)
            feeds = crops.astype(np.float32) / np.float32(255)
        with clock.stage("inference"):
            outs = [self._mesh.run({"image": feed[None]}) for feed in feeds]
        with clock.stage("postprocess"):
            points = np.array([out["landmarks"] for out in outs], dtype=np.float64).reshape(-1, 468, 3)
            score = sigmoid(np.array([out["face_logit"] for out in outs], dtype=np.float64).reshape(-1))
            xy = affine_apply(back, points[..., :2])
            boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=-1)
            following = rois_from_eyes(boxes, xy[:, _RIGHT_EYE], xy[:, _LEFT_EYE])
            conf = np.repeat(score[:, None], 468, axis=1)
            return Looked(xy, score, conf, np.zeros(len(xy), dtype=np.intp), following)
