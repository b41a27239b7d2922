"""People in 33 points with metric xyz: MoveNet MultiPose proposes rotated regions, BlazePose looks into them.

BlazePose takes nearly everything that it is shown for a person, so NanoDet is asked too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators import movenet
from poise.estimators._clock import Clock
from poise.estimators._estimator import Opener, Options
from poise.estimators.anchors import Floats64, sigmoid
from poise.estimators.detectors import detector
from poise.estimators.evidence import logit, newer
from poise.estimators.people import boxes_to_picture
from poise.estimators.regions import Effort, extent, turn, upward_angle
from poise.estimators.roi import Looked, Proposals, RoiEstimator, look_into
from poise.estimators.spec import registered
from poise.frames import Image
from poise.geometry import affine_apply, box_iou, nms, oks
from poise.skeletons import Skeleton, get
from poise.weights import Card

# Points of BlazePose beyond the 33 of the body: centre and circle point of the region for the next frame.
_POINTS, _ALL = 33, 39
_HIPS, _SHOULDERS = [11, 12], [5, 6]  # COCO
# Of a grown-up who stands: shoulders to hips over the distance between the shoulder joints and over nose to shoulders,
# and hips to ankles over shoulders to hips. Assumed, from ordinary body proportions.
_TORSO_A_WIDTH, _TORSO_A_NECK, _LEG_A_TORSO = 1.4, 2.0, 1.5
# BlazePose's points in the order of coco17, right and left as the person's own.
COCO17 = np.array([0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
# Heatmap refinement: window in cells, least probability in it. Source: MediaPipe refine_landmarks_from_heatmap
# calculator with the options of its pose graph.
_WINDOW, _MIN_HEAT = 9, 0.5
# A box of NanoDet is a proposal's from this IoU on; one that has none is taken to have scored this.
_SHARED, _NO_BOX = 0.4, 0.02
# Least weight of a point of MultiPose in the agreement with BlazePose.
_LEAST_SHARE = 0.05


def rois_from_body(xy: Floats64, conf: Floats64, guess: Floats64, *, scale: float, min_conf: float) -> Floats64:
    """Return the region of each person from COCO keypoints.

    The circle round the middle of the hips through the farthest keypoint, times ``scale``, upright along the body. Of
    a person whose hips are not seen, mostly cut off by the picture's edge, the rest of the body is supplied from
    shoulders and head, because the network expects a whole body in its crop and squeezes one in otherwise.

    Args:
        xy: ``(N, 17, 2)`` keypoints, pixels.
        conf: ``(N, 17)`` their confidence.
        guess: ``(N, 17, 2)`` where the proposing network expects them, seen or not; used for hips and shoulders below
            ``min_conf``.
        scale: Factor on the circle.
        min_conf: Keypoints below this do not widen the circle.
    """
    sure = conf > min_conf
    body = np.where(sure[..., None], xy, guess)
    hips, shoulders = body[:, _HIPS].mean(axis=1), body[:, _SHOULDERS].mean(axis=1)
    width = np.linalg.norm(body[:, _SHOULDERS[0]] - body[:, _SHOULDERS[1]], axis=-1)
    neck = np.linalg.norm(body[:, 0] - shoulders, axis=-1)
    spine = np.linalg.norm(hips - shoulders, axis=-1)
    torso = np.maximum.reduce([spine, _TORSO_A_WIDTH * width, _TORSO_A_NECK * neck])
    cut_off = ~sure[:, _HIPS].any(axis=1)
    longer = np.divide(torso, spine, out=np.ones_like(torso), where=cut_off & (spine > 0))
    hips = shoulders + (hips - shoulders) * longer[:, None]
    reach = np.linalg.norm(xy - hips[:, None], axis=-1)
    reach = np.where(sure, reach, 0.0).max(axis=1, initial=1.0)
    reach = np.where(cut_off, np.maximum(reach, _LEG_A_TORSO * torso), reach)
    return np.column_stack([hips, 2 * scale * reach, upward_angle(hips, shoulders)])


def rois_from_circle(centre: Floats64, edge: Floats64, *, scale: float = 1.25) -> Floats64:
    """Return the region that BlazePose's own two points, ``(N, 2)`` each, ask for in the next frame.

    Source:
        MediaPipe pose_landmarks_to_roi (alignment points 33 and 34, scale 1.25, square_long).
    """
    reach = np.linalg.norm(edge - centre, axis=-1)
    return np.column_stack([centre, 2 * scale * reach, upward_angle(centre, edge)])


def refine(points: Floats64, heat: NDArray[np.float32], size: int) -> Floats64:
    """Move points to the centre of mass of their heatmaps nearby, where the heatmaps are sure.

    Args:
        points: ``(N, K, 2)`` pixels of the crop.
        heat: ``(N, h, w, K)`` logits.
        size: Side of the crop, pixels.
    """
    n, h, w, k = heat.shape
    cells = points * np.array([w, h]) / size
    half = _WINDOW // 2
    offset = np.arange(-half, half + 1)
    column = np.floor(cells[..., 0]).astype(np.intp)[..., None, None] + offset
    row = np.floor(cells[..., 1]).astype(np.intp)[..., None, None] + offset[:, None]
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    person = np.arange(n)[:, None, None, None]
    point = np.arange(k)[None, :, None, None]
    window = sigmoid(heat[person, row.clip(0, h - 1), column.clip(0, w - 1), point].astype(np.float64)) * inside
    total = window.sum(axis=(2, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        x = (window * column).sum(axis=(2, 3)) / total
        y = (window * row).sum(axis=(2, 3)) / total
    moved = np.stack([x * size / w, y * size / h], axis=-1)
    return np.where((window.max(axis=(2, 3), initial=0.0) >= _MIN_HEAT)[..., None], moved, points)


class BlazePose(RoiEstimator):
    """33 points a person with xyz in metres: origin between the hips, x right, y down, z away from the camera.

    A keypoint's confidence is the network's visibility times its presence.

    Evidence: log odds of MultiPose's person score (``proposal``), of what NanoDet, which knows 80 classes of things,
    gives a person in this place (``box``), and of BlazePose's presence (``presence``); how alike its points and
    MultiPose's are, as OKS weighed by the latter's confidence (``fit``), and the mean of its heatmaps at its points
    (``heat``).

    Card settings, besides those of :class:`RoiEstimator`:
        imgsz: Longer sides of the picture at which MultiPose looks, pixels; their findings are joined.
        propose: Least person score of a proposal.
        scale: Region over the circle through the farthest keypoint.
        min_conf: Keypoints below this do not widen the region.
    """

    evidence = ("proposal", "box", "fit", "heat", "presence")

    def __init__(self, card: Card, open_network: Opener, skeleton: Skeleton) -> None:
        super().__init__(card, open_network, skeleton, {0: "person"})
        self._multipose, self._nanodet, self._network = self.networks
        self._boxes = detector(registered(card.networks[1]), self._nanodet)
        self._sigmas = get("coco17").sigmas

    def _propose(self, image: Image, options: Options, clock: Clock, *, effort: Effort) -> Proposals:
        found = []
        for side in (options.imgsz,) if options.imgsz else self.settings["imgsz"]:
            with clock.stage("preprocess"):
                feed, back = movenet.whole_picture(image, side)
            with clock.stage("inference"):
                maps = self._multipose.run({"image": feed})
            with clock.stage("postprocess"):
                people, expected = movenet.decode_with_guesses(maps)
                boxes = boxes_to_picture(people.boxes, back)
                points = affine_apply(back, people.xy)
                columns = (points, people.conf, affine_apply(back, expected), people.score, boxes)
                found.append([column.astype(np.float64) for column in columns])
        with clock.stage("postprocess"):
            xy, conf, guess, score, boxes = (np.concatenate(column) for column in zip(*found, strict=True))
            kept = np.flatnonzero(score >= self.settings["propose"])
            low, high = xy[kept].min(axis=1, initial=np.inf), xy[kept].max(axis=1, initial=-np.inf)
            alike = oks(
                xy[kept],
                xy[kept],
                area=np.prod(high - low, axis=-1),
                visible=np.ones((len(kept), 17), dtype=bool),
                sigmas=self._sigmas,
            )
            kept = kept[nms(alike, score[kept], max_similarity=0.7)]
            rois = rois_from_body(
                xy[kept],
                conf[kept],
                guess[kept],
                scale=self.settings["scale"],
                min_conf=self.settings["min_conf"],
            )
            evidence = self._unknown(len(kept))
            evidence[:, 0] = logit(score[kept])
        if len(kept):
            evidence[:, 1] = logit(self._box_scores(image, boxes[kept], xy[kept], clock))
        return Proposals(rois, np.concatenate([xy[kept], conf[kept, :, None]], axis=-1), evidence)

    def _box_scores(self, image: Image, boxes: Floats64, xy: Floats64, clock: Clock) -> Floats64:
        """Return what NanoDet gives the best person that shares ``(N, 4)`` boxes or the extents of their points."""
        with clock.stage("preprocess"):
            feeds, back = self._boxes.prepare(image)
        with clock.stage("inference"):
            outputs = self._nanodet.run(feeds)
        with clock.stage("postprocess"):
            people = self._boxes.decode(outputs, min_score=_NO_BOX)
            theirs = boxes_to_picture(people.boxes, back)
            extents = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=-1)
            shared = np.maximum(box_iou(boxes, theirs), box_iou(extents, theirs)) > _SHARED
            scores: Floats64 = np.where(shared, people.score, _NO_BOX).max(axis=1, initial=_NO_BOX)
            return scores

    def _look(self, image: Image, rois: Floats64, options: Options, clock: Clock) -> Looked:
        shapes = {"landmarks": (_ALL, 5), "heatmap": (64, 64, _ALL), "world": (_ALL, 3), "pose_score": ()}
        (points, heat, world, score), back, size = look_into(self._network, image, rois, shapes, clock)
        with clock.stage("postprocess"):
            presence, body = score.astype(np.float64), world[:, :_POINTS].astype(np.float64)
            crop_xy = refine(points[..., :2].astype(np.float64), heat, size)
            xy = affine_apply(back, crop_xy)
            conf = np.prod(sigmoid(points[:, :_POINTS, 3:].astype(np.float64)), axis=-1)
            following = rois_from_circle(xy[:, 33], xy[:, 34])
            cls = np.zeros(len(xy), dtype=np.intp)
            evidence = self._unknown(len(xy))
            evidence[:, 3] = logit(heat_at(crop_xy[:, :_POINTS], heat, size).mean(axis=-1))
            evidence[:, 4] = logit(presence)
            return Looked(
                xy[:, :_POINTS],
                presence,
                cls,
                following,
                evidence,
                conf,
                turn(body, rois[:, 3]),
            )

    def _examine(self, image: Image, seen: Looked, found: Proposals, options: Options, clock: Clock) -> Floats64:
        with clock.stage("postprocess"):
            evidence = newer(seen.evidence, found.evidence)
            evidence[:, 2] = agreement(seen.xy[:, COCO17], found.points, extent(seen.xy, image, pad=0.0), self._sigmas)
            return evidence


def heat_at(points: Floats64, heat: NDArray[np.float32], size: int) -> Floats64:
    """Return the probabilities that heatmaps give ``(N, K, 2)`` pixels of the crop; see :func:`refine`."""
    n, h, w, _ = heat.shape
    column, row = np.moveaxis((points * np.array([w, h]) / size).astype(np.intp), -1, 0)
    each, which = np.arange(n)[:, None], np.arange(points.shape[1])
    return sigmoid(heat[each, row.clip(0, h - 1), column.clip(0, w - 1), which].astype(np.float64))


def agreement(xy: Floats64, theirs: Floats64, boxes: Floats64, sigmas: NDArray[Any]) -> Floats64:
    """Return how alike two networks' points of the same people are: OKS, each point weighed by its confidence.

    Args:
        xy: ``(N, 17, 2)`` pixels.
        theirs: ``(N, 17, 3)`` pixels and confidence; NaN where not known.
        boxes: ``(N, 4)`` of the people; half of one is taken for the person's area, as COCO's segments fill theirs.
        sigmas: ``(17,)`` COCO's.
    """
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1), 1.0) / 2
    squared = np.square(xy - theirs[..., :2]).sum(axis=-1)
    alike = np.exp(-squared / (2 * area[:, None] * np.square(2 * sigmas)))
    share = np.clip(theirs[..., 2], _LEAST_SHARE, 1.0)
    return np.asarray((alike * share).sum(axis=-1) / share.sum(axis=-1))
