"""The instances of one frame as a tracker sees them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.bodies.limbs import relative_lengths
from poise.frames import Image
from poise.geometry import Bools, Floats, box_iou, xyxy_to_xywh
from poise.results import Results
from poise.skeletons import Skeleton
from poise.tracking._tracks import Tracks
from poise.tracking.appearance import colours

_CROWDED = 0.2  # IoU with somebody else from which one hides the other, and nothing is learnt


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """N instances, as columns.

    Attributes:
        row: ``(N,)`` row in the frame's result.
        boxes: ``(N, 4)`` xyxy, pixels.
        score: ``(N,)`` confidence.
        kind: ``(N,)`` class number.
        xy: ``(N, K, 2)`` pixels; NaN where not seen.
        weight: ``(N, K)`` confidence of the keypoints; 0 where not seen.
        measured: ``(N, D)`` centre, width, height, keypoints, pixels.
        noise: ``(N, D)`` variance of those, square pixels.
        size: ``(N,)`` square root of the box's area, pixels.
        crowded: ``(N,)`` whether somebody else is in the way.
        limbs: ``(N, E)`` limb lengths.
        look: ``(N, 6)`` colours.
        looked: Whether those two have been measured.
    """

    row: NDArray[np.intp]
    boxes: Floats
    score: Floats
    kind: NDArray[np.intp]
    xy: Floats
    weight: Floats
    measured: Floats
    noise: Floats
    size: Floats
    crowded: Bools
    limbs: Floats
    look: Floats
    looked: bool = False

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, result: Results, min_score: float, box_off: float) -> Detections:
        """Read a frame's instances.

        Args:
            result: The frame. An instance without a box of some extent is left out.
            min_score: Least confidence.
            box_off: Standard deviation of a box's edge over the instance's size.
        """
        data = np.asarray(result.boxes.data, dtype=np.float64)
        side = data[:, 2:4] - data[:, :2]
        row = np.flatnonzero((side > 0).all(axis=1) & np.isfinite(side).all(axis=1) & (data[:, -2] >= min_score))
        data, points = data[row], result.keypoints
        boxes = data[:, :4]
        xy = np.asarray(points.xy, dtype=np.float64)[row]
        n, k = xy.shape[:2]
        there = np.asarray(np.isfinite(xy).all(axis=-1))
        weight = np.ones((n, k)) if points.conf is None else np.asarray(points.conf, np.float64)[row]
        weight = np.where(there & (weight > 0), weight, 0.0)
        xy = np.where(there[..., None], xy, np.nan)
        centre = xyxy_to_xywh(boxes)
        size = np.sqrt(centre[:, 2] * centre[:, 3])
        # Where the network gives no sigma: the spread of annotators, more where it is less sure.
        overlap = box_iou(boxes, boxes)
        np.fill_diagonal(overlap, 0.0)
        guess = result.skeleton.sigmas * size[:, None] / np.maximum(weight, 0.1)
        sigma = np.asarray(points.sigma, dtype=np.float64)[row]
        sigma = np.where(np.isfinite(sigma), sigma, guess[..., None])
        sigma = np.maximum(sigma, 0.01 * size[:, None, None])
        off = np.concatenate([np.repeat(box_off * size[:, None], 4, axis=1), sigma.reshape(n, 2 * k)], axis=1)
        return cls(
            row,
            boxes,
            data[:, -2],
            data[:, -1].astype(np.intp),
            xy,
            weight,
            np.concatenate([centre, xy.reshape(n, 2 * k)], axis=1),
            off * off,
            size,
            np.asarray((overlap > _CROWDED).any(axis=1)),
            np.full((n, len(result.skeleton.edges)), np.nan),
            np.full((n, 6), np.nan),
        )

    def take(self, rows: NDArray[Any]) -> Detections:
        """Return the instances of some rows."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "looked"})

    def described(self, image: Image, skeleton: Skeleton, *, limbs: bool = True) -> Detections:
        """Return the same with colours and, where wanted, with proportions."""
        if not len(self):
            return self
        edges = np.array(skeleton.edges, dtype=np.intp).reshape(-1, 2)
        return replace(
            self,
            looked=True,
            limbs=relative_lengths(self.xy, self.weight, edges) if limbs else self.limbs,
            look=colours(image, self.boxes),
        )

    def born(self, rows: NDArray[np.intp], first_speed: Floats, time: float) -> Tracks:
        """Begin tracks with some of the instances.

        Args:
            rows: Which.
            first_speed: ``(N, D)`` variance of the unknown velocity of each instance.
            time: Of the frame, seconds.
        """
        from poise.tracking import kalman

        state = kalman.start(self.measured[rows], self.noise[rows], first_speed[rows])
        n = len(rows)
        return Tracks(
            state,
            state,
            self.measured[rows],
            self.weight[rows],
            np.full(n, time),
            np.zeros(n, dtype=np.intp),
            np.ones(n, dtype=np.intp),
            np.zeros(n, dtype=np.intp),
            self.kind[rows],
            self.limbs[rows],
            self.look[rows],
        )
