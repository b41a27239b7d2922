"""Propose regions, look into them, and follow them from frame to frame.

Hands, faces and bodies differ in how regions are proposed, in the network that looks into one, in the region that its
points ask for in the next frame, and in what speaks for an instance; the rest is here. What a region is:
:mod:`poise.estimators.regions`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from poise.estimators._clock import Clock
from poise.estimators._estimator import Estimate, Memory, Opener, Options
from poise.estimators.anchors import Floats64
from poise.estimators.evidence import Scorer, newer
from poise.estimators.regions import Effort, cut, extent, roi_boxes
from poise.frames import Image
from poise.geometry import box_iou, nms
from poise.runtime import Session
from poise.skeletons import Skeleton
from poise.weights import Card

# Looks into one region of one frame: a face lying on its side needs three until the region is turned right.
_MAX_LOOKS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """Regions that may hold an instance, best first.

    Attributes:
        rois: ``(N, 4)`` regions.
        points: ``(N, P, 2)`` where the proposing network sees its own points, pixels of the picture.
        evidence: ``(N, F)`` what it says of each; the columns that it does not know are NaN.
    """

    rois: Floats64
    points: Floats64
    evidence: Floats64

    def __getitem__(self, rows: Any) -> Proposals:
        """Return some of the rows."""
        return Proposals(self.rois[rows], self.points[rows], self.evidence[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a landmark network saw in N regions.

    Attributes:
        xy: ``(N, K, 2)`` pixels of the picture.
        presence: ``(N,)`` probability that the region holds an instance, by the network itself.
        cls: ``(N,)`` class numbers.
        following: ``(N, 4)`` regions to look into in the next frame.
        evidence: ``(N, F)`` what speaks for each; the columns that a look does not know are NaN.
        conf: ``(N, K)`` confidence of each keypoint, or None where the network gives none.
        xyz: ``(N, K, 3)`` metres along the picture's axes, or None.
    """

    xy: Floats64
    presence: Floats64
    cls: NDArray[np.intp]
    following: Floats64
    evidence: Floats64
    conf: Floats64 | None = None
    xyz: Floats64 | None = None

    def __getitem__(self, rows: Any) -> Looked:
        """Return some of the rows."""
        columns: list[Any] = [None if column is None else column[rows] for column in self._columns()]
        return Looked(*columns)

    def joined(self, rows: NDArray[np.intp], other: Looked) -> Looked:
        """Return the same with some rows exchanged."""
        columns: list[Any] = [None if column is None else column.copy() for column in self._columns()]
        for mine, theirs in zip(columns, other._columns(), strict=True):
            if mine is not None and theirs is not None:
                mine[rows] = theirs
        return Looked(*columns)

    def _columns(self) -> tuple[Any, ...]:
        return self.xy, self.presence, self.cls, self.following, self.evidence, self.conf, self.xyz


@dataclass(slots=True)
class RoiMemory:
    """The regions that one video's next frame is expected to fill.

    Attributes:
        rois: ``(N, 4)`` regions. More may be added by who knows better.
        evidence: What is known of the first of them, ``(M, F)``; NaN where nothing is.
        searched: Time of the last full search, seconds; -inf: never.
        frames: Frames seen since the last full search.
    """

    rois: Floats64 = field(default_factory=lambda: np.empty((0, 4)))
    evidence: Floats64 = field(default_factory=lambda: np.empty((0, 0)))
    searched: float = -math.inf
    frames: int = 0


class RoiEstimator(ABC):
    """Propose regions, look into them, and follow them over a video.

    The confidence of an instance is a logistic model of evidence (:class:`poise.estimators.evidence.Scorer`), fitted so
    that of the instances with 0.9 nine in ten are right. What a search shows of an instance (the proposal's score, its
    agreement with the points, a second look) is kept at its best while it is followed; what every look shows is new.

    Card settings:
        presence: The network's own probability from which a region is followed into the next frame.
        least: The network's own probability below which a region is dropped.
        score: Weights of the evidence.
        research_s: Seconds between full searches while regions are followed.
        research_frames: Frames between full searches, whichever is later in a slow video.
        same_roi: IoU from which a proposal counts as a region that is being followed.
        iou: IoU of two instances' boxes above which the better stays.
        part: Share of a box inside one at least twice as large from which both count as one instance; above 1: never.
        relook_degrees: Look again when the points turn the region by more than this.
        pad: Share by which a box is wider than its points' extent.
    """

    # Names of the evidence.
    evidence: ClassVar[tuple[str, ...]]

    def __init__(self, card: Card, open_network: Opener, skeleton: Skeleton, names: Mapping[int, str]) -> None:
        self.skeleton = skeleton
        self.names = names
        self.settings = card.settings
        self.scorer = Scorer.of(card, self.evidence)
        self.networks = [open_network(name) for name in card.networks]

    def memory(self) -> RoiMemory:
        """Return an empty memory for one video."""
        return RoiMemory()

    def __call__(
        self, images: Sequence[Image], options: Options, memory: Memory | None = None, *, times: Sequence[float] = ()
    ) -> list[Estimate]:
        """Find the instances of each picture; see :class:`poise.estimators.Estimator`."""
        if memory is None:
            return [self._still(image, options) for image in images]
        if not isinstance(memory, RoiMemory):
            raise TypeError(f"memory must come from this model's memory(), got {type(memory).__name__}")
        if len(times) != len(images):
            raise ValueError(f"times must have {len(images)} entries to match the frames, got {len(times)}")
        return [self._next(image, options, memory, when) for image, when in zip(images, times, strict=True)]

    @abstractmethod
    def _propose(self, image: Image, options: Options, clock: Clock, *, effort: Effort) -> Proposals:
        """Return the regions that may hold an instance, best first."""

    @abstractmethod
    def _look(self, image: Image, rois: Floats64, options: Options, clock: Clock) -> Looked:
        """Run the landmark network on regions."""

    @abstractmethod
    def _examine(self, image: Image, seen: Looked, found: Proposals, options: Options, clock: Clock) -> Floats64:
        """Return the ``(N, F)`` evidence of a search: what ``found`` and a further look say of what was seen."""

    def examine(self, image: Image, options: Options) -> tuple[Looked, Floats64]:
        """Return everything that was looked into in a picture, with its evidence, and its ``(N, 4)`` boxes."""
        return self._inspect(image, options, Clock())

    def _inspect(self, image: Image, options: Options, clock: Clock) -> tuple[Looked, Floats64]:
        found = self._propose(image, options, clock, effort="still")
        seen = self._see(image, found.rois, options, clock)
        kept = np.flatnonzero(seen.presence >= self.settings["least"])
        seen, found = seen[kept], found[kept]
        seen = replace(seen, evidence=self._examine(image, seen, found, options, clock))
        return seen, extent(seen.xy, image, pad=self.settings["pad"])

    def _see(self, image: Image, rois: Floats64, options: Options, clock: Clock) -> Looked:
        """Look into regions, and again where the points say that the region was turned the wrong way."""
        seen = self._look(image, rois, options, clock)
        for _ in range(_MAX_LOOKS - 1):
            off = np.abs((seen.following[:, 3] - rois[:, 3] + 180) % 360 - 180)
            rows = np.flatnonzero((off > self.settings["relook_degrees"]) & (seen.presence >= self.settings["least"]))
            if not len(rows):
                break
            again = self._look(image, seen.following[rows], options, clock)
            better = again.presence >= np.minimum(seen.presence[rows], self.settings["presence"])
            rois = rois.copy()
            rois[rows] = np.where(better[:, None], seen.following[rows], [np.nan] * 4)  # NaN: not to be looked at again
            seen = seen.joined(rows[better], again[better])
        return seen

    def _still(self, image: Image, options: Options) -> Estimate:
        clock = Clock()
        seen, boxes = self._inspect(image, options, clock)
        with clock.stage("postprocess"):
            score = self.scorer(seen.evidence)
            kept = self._distinct(boxes, score, options)
            return self._estimate(seen[kept], boxes[kept], score[kept], options, clock)

    def _next(self, image: Image, options: Options, memory: RoiMemory, when: float) -> Estimate:
        clock = Clock()
        memory.frames += 1
        # A clock that runs backwards (a seek) starts a new search as well. In a slow video, where few frames lie in
        # between, searching every few frames would save nothing.
        waited = when - memory.searched
        due = waited < 0 or (
            waited >= self.settings["research_s"]
            and (memory.frames >= self.settings["research_frames"] or memory.searched == -math.inf)
        )
        followed = len(memory.rois)
        known = self._unknown(followed)
        for row, evidence in zip(known, memory.evidence, strict=False):
            row[:] = evidence
        if not followed or due:
            # With nothing to follow every frame is searched, but thoroughly only as often as a full search.
            seen = self._search(image, options, memory.rois, known, clock, "search" if due else "glance")
            if due:
                memory.searched, memory.frames = when, 0
        else:
            seen = self._see(image, memory.rois, options, clock)
            seen = replace(seen, evidence=newer(seen.evidence, known))
        with clock.stage("postprocess"):
            boxes = extent(seen.xy, image, pad=self.settings["pad"])
            score = self.scorer(seen.evidence)
            kept = self._distinct(boxes, score, options)
            seen, boxes, score = seen[kept], boxes[kept], score[kept]
            stay = np.flatnonzero(seen.presence >= self.settings["presence"])[: options.max_det]
            memory.rois, memory.evidence = seen.following[stay], seen.evidence[stay]
            if len(memory.rois) < followed:
                # Something was lost, perhaps only from its region: look for it in the next frame.
                memory.searched = -math.inf
            return self._estimate(seen, boxes, score, options, clock)

    def _search(
        self, image: Image, options: Options, rois: Floats64, known: Floats64, clock: Clock, effort: Effort
    ) -> Looked:
        """Look into the regions that are followed, of which something is known, and into new ones."""
        found = self._propose(image, options, clock, effort=effort)
        overlap = box_iou(roi_boxes(rois), roi_boxes(found.rois))
        alike = overlap >= self.settings["same_roi"]
        new = np.flatnonzero(~alike.any(axis=0))
        # A followed region keeps its place, and takes what is proposed there beside; -1: nothing is.
        partner = np.where(alike, overlap, -1.0).argmax(axis=1) if alike.size else np.zeros(len(rois), dtype=np.intp)
        partner = np.concatenate([np.where(alike.any(axis=1), partner, -1), new])
        both = Proposals(
            np.concatenate([rois, found.rois[new]]), _rows(found.points, partner), _rows(found.evidence, partner)
        )
        seen = self._see(image, both.rois, options, clock)
        evidence = self._examine(image, seen, both, options, clock)
        known = np.concatenate([known, self._unknown(len(new))])
        # An instance that a search shows less well than an earlier one is still what it was.
        kept = np.where(np.isnan(seen.evidence), np.fmax(evidence, known), evidence)
        return replace(seen, evidence=kept)

    def _unknown(self, count: int) -> Floats64:
        """Return evidence of so many instances of which nothing is known yet."""
        return np.full((count, len(self.evidence)), np.nan)

    def _distinct(self, boxes: Floats64, score: Floats64, options: Options) -> NDArray[np.intp]:
        """Return the rows to keep, surest first: visible, and each instance once."""
        limit = self.settings["iou"] if options.iou is None else options.iou
        rows = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=-1))
        return rows[nms(likeness(boxes[rows], part=self.settings["part"]), score[rows], max_similarity=limit)]

    def _estimate(self, seen: Looked, boxes: Floats64, score: Floats64, options: Options, clock: Clock) -> Estimate:
        wanted = score >= options.conf
        if options.classes is not None:
            wanted &= np.isin(seen.cls, options.classes)
        rows = np.flatnonzero(wanted)[: options.max_det]
        columns = np.concatenate([boxes[rows], score[rows, None], seen.cls[rows, None]], axis=-1)
        conf = np.repeat(score[:, None], seen.xy.shape[1], axis=1) if seen.conf is None else seen.conf
        return Estimate(
            columns.astype(np.float32),
            seen.xy[rows].astype(np.float32),
            conf[rows].astype(np.float32),
            xyz=None if seen.xyz is None else seen.xyz[rows].astype(np.float32),
            speed=clock.speed,
        )


def look_into(
    network: Session, image: Image, rois: Floats64, shapes: Mapping[str, tuple[int, ...]], clock: Clock
) -> tuple[list[NDArray[np.float32]], Floats64, int]:
    """Run a network on the crops of N regions, one by one.

    Args:
        network: Takes ``image`` ``(1, S, S, 3)`` float32 in [0, 1].
        image: The picture.
        rois: ``(N, 4)`` regions.
        shapes: Which outputs are wanted, and the shape of each for one crop.
        clock: Of the picture.

    Returns:
        The outputs, ``(N, …)``; the ``(N, 2, 3)`` maps from the crops back to the picture; and S.
    """
    size = int(network.inputs[0].shape[1] or 0)
    with clock.stage("preprocess"):
        crops, back = cut(image, rois, size)
        feeds = crops.astype(np.float32) / np.float32(255)
    with clock.stage("inference"):
        outs = [network.run({"image": feed[None]}) for feed in feeds]
    with clock.stage("postprocess"):
        found = [
            np.array([out[name] for out in outs], dtype=np.float32).reshape(len(outs), *shape)
            for name, shape in shapes.items()
        ]
    return found, back, size


def likeness(boxes: Floats64, *, part: float) -> Floats64:
    """Return how much ``(N, 4)`` xyxy boxes are one instance, ``(N, N)``: their IoU, and 1 for a part of another."""
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1), 1e-9)
    size = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    shared = np.prod(np.maximum(size, 0.0), axis=-1)
    inside = (shared >= part * area[:, None]) & (2 * area[:, None] <= area[None, :])
    alike: Floats64 = np.where(inside | inside.T, 1.0, shared / (area[:, None] + area[None, :] - shared))
    return alike


def _rows(column: Floats64, rows: NDArray[np.intp]) -> Floats64:
    """Return some rows of a column; NaN for row -1."""
    return np.concatenate([column, np.full((1, *column.shape[1:]), np.nan)])[rows]
