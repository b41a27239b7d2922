"""Faces: two detectors, for near and far, propose rotated regions; a mesh network finds 468 points."""

from __future__ import annotations

import numpy as np

from poise.estimators._clock import Clock
from poise.estimators._estimator import Opener, Options
from poise.estimators.anchors import Floats64, anchor_centres, sigmoid
from poise.estimators.evidence import apart, logit, newer
from poise.estimators.regions import Effort, upward_angle
from poise.estimators.roi import Looked, Proposals, RoiEstimator, look_into
from poise.estimators.tiles import AnchorDetector
from poise.frames import Image
from poise.geometry import affine_apply, box_iou
from poise.skeletons import Skeleton
from poise.weights import Card

# Stride and anchors a cell. Source: MediaPipe face_detection_short_range graph (stride 8 with 2 anchors a cell, three
# layers of stride 16) and face_detection_full_range graph.
_NEAR, _FAR = ((8, 2), (16, 6)), ((4, 1),)
# Two detections are of one face from this IoU on. Source: both graphs.
_SAME = 0.3
# IoU below which their boxes differ in size: of small faces the near detector often boxes the whole head, or two.
_LIKE = 0.5
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
    is not given. The network scores a face as a whole: every keypoint of a face carries the face's confidence.

    Evidence: log odds of the scores of the detector for near faces (``near``), of the one for far faces (``far``) and
    of the mesh's presence (``presence``; in a search the mean with that of a second look), and agreement of the second
    look's points with the first's (``again``): the negative logarithm of their mean distance over the face's size.

    Card settings, besides those of :class:`RoiEstimator`:
        propose: Score of the near and of the far detector from which a region is looked into.
        sides, tile: Of the far detector, as for hands.
    """

    evidence = ("near", "far", "again", "presence")

    def __init__(self, card: Card, open_network: Opener, skeleton: Skeleton) -> None:
        super().__init__(card, open_network, skeleton, {0: "face"})
        near, far, self._mesh = self.networks
        least = self.settings["propose"]
        common = {"scale": 2 / 255, "shift": -1.0, "min_overlap": _SAME}
        self._near = AnchorDetector(near, anchor_centres(128, _NEAR), min_score=least[0], **common)
        self._far = AnchorDetector(far, anchor_centres(192, _FAR), min_score=least[1], **common)

    def _propose(self, image: Image, options: Options, clock: Clock, *, effort: Effort) -> Proposals:
        near = self._near(image, sides=[self._near.size], clock=clock)
        far = self._far.search(image, options, self.settings, clock, effort=effort)
        least = self.settings["propose"]
        with clock.stage("postprocess"):
            # Of a face that both see alike the near detector's box is taken, for which the mesh was made.
            overlap = box_iou(near[0], far[0])
            same = overlap > _SAME
            taken = ~same.any(axis=1) | (overlap >= _LIKE).any(axis=1)
            alone = ~same[taken].any(axis=0)
            near_score = np.where(same, near[2][:, None], least[0]).max(axis=0, initial=least[0])
            far_score = np.where(same, far[2], least[1]).max(axis=1, initial=least[1])
            boxes, points = (np.concatenate([n[taken], f[alone]]) for n, f in zip(near[:2], far[:2], strict=True))
            evidence = self._unknown(len(boxes))
            # A detector that does not see a face at all is taken to have scored it just below its threshold.
            evidence[:, 0] = logit(np.concatenate([near[2][taken], near_score[alone]]))
            evidence[:, 1] = logit(np.concatenate([far_score[taken], far[2][alone]]))
            return Proposals(rois_from_eyes(boxes, points[:, 0], points[:, 1]), points, evidence)

    def _look(self, image: Image, rois: Floats64, options: Options, clock: Clock) -> Looked:
        shapes = {"landmarks": (468, 3), "face_logit": ()}
        seen, back, _ = look_into(self._mesh, image, rois, shapes, clock)
        with clock.stage("postprocess"):
            points, logits = (part.astype(np.float64) for part in seen)
            presence = sigmoid(logits)
            xy = affine_apply(back, points[..., :2])
            boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=-1)
            following = rois_from_eyes(boxes, xy[:, _RIGHT_EYE], xy[:, _LEFT_EYE])
            evidence = self._unknown(len(xy))
            evidence[:, 3] = logit(presence)
            return Looked(xy, presence, np.zeros(len(xy), dtype=np.intp), following, evidence)

    def _examine(self, image: Image, seen: Looked, found: Proposals, options: Options, clock: Clock) -> Floats64:
        again = self._look(image, seen.following, options, clock)
        with clock.stage("postprocess"):
            evidence = newer(seen.evidence, found.evidence)
            evidence[:, 2] = apart(seen.xy, again.xy, seen.xy)
            evidence[:, 3] = (seen.evidence[:, 3] + again.evidence[:, 3]) / 2
            return evidence
