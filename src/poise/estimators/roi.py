"""Rotated square regions of interest: cut, look, map back, and follow from frame to frame.

A region is a row ``(centre x, centre y, side, angle)``: pixels of the picture, and degrees that the region's up
direction is turned clockwise on the screen. Hands, faces and bodies differ in how regions are proposed, in the
network that looks into one, and in the region that its points ask for in the next frame; the rest is here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators._clock import Clock
from poise.estimators._estimator import Estimate, Memory, Opener, Options
from poise.estimators.anchors import Floats64, blend, decode
from poise.frames import Image
from poise.geometry import affine_apply, affine_invert, box_iou, nms, roi_to_crop
from poise.image import warp
from poise.runtime import Session
from poise.skeletons import Skeleton
from poise.weights import Card

# The networks were made for, and are compared with, pictures sampled as MediaPipe's CPU graphs do it: the four
# nearest pixels, no smoothing, and pixel i of the crop lies at i / size of the region, not at (i + 0.5) / size, in a
# picture whose first pixel lies at 0. Smoothing first finds fewer palms. Source: image_to_tensor_converter_opencv.
# Beyond this shrink factor single pixels say too little, so the picture is averaged down by half of it first.
_SMOOTH_FROM = 8.0
# Looks into one region of one frame: a face lying on its side needs three until the region is turned right.
_MAX_LOOKS = 3
# Share of a tile that the next one repeats, so that what one tile cuts in two lies whole in another.
_TILE_OVERLAP = 0.25
# A longer side of the picture beyond this many tiles is searched no finer: keeps 30,000-pixel strips affordable.
_MAX_TILES_A_SIDE = 8


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a landmark network saw in N regions.

    Attributes:
        xy: ``(N, K, 2)`` pixels of the picture.
        score: ``(N,)`` probability that the region holds an instance.
        conf: ``(N, K)`` confidence of each keypoint.
        cls: ``(N,)`` class numbers.
        following: ``(N, 4)`` regions to look into in the next frame.
        xyz: ``(N, K, 3)`` metres along the picture's axes, or None.
    """

    xy: Floats64
    score: Floats64
    conf: Floats64
    cls: NDArray[np.intp]
    following: Floats64
    xyz: Floats64 | None = None

    def __getitem__(self, rows: Any) -> Looked:
        """Return some of the rows."""
        xyz = None if self.xyz is None else self.xyz[rows]
        return Looked(self.xy[rows], self.score[rows], self.conf[rows], self.cls[rows], self.following[rows], xyz)

    def joined(self, rows: NDArray[np.intp], other: Looked) -> Looked:
        """Return the same with some rows exchanged."""

        def put(mine: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
            out = mine.copy()
            out[rows] = theirs
            return out

        xyz = None if self.xyz is None or other.xyz is None else put(self.xyz, other.xyz)
        return Looked(
            put(self.xy, other.xy),
            put(self.score, other.score),
            put(self.conf, other.conf),
            put(self.cls, other.cls),
            put(self.following, other.following),
            xyz,
        )


@dataclass(slots=True)
class RoiMemory:
    """The regions that one video's next frame is expected to fill.

    Attributes:
        rois: ``(N, 4)`` regions.
        searched: Time of the last full search, seconds; -inf: never.
        frames: Frames seen since the last full search.
    """

    rois: Floats64 = field(default_factory=lambda: np.empty((0, 4)))
    searched: float = -math.inf
    frames: int = 0


def roi_boxes(rois: Floats64) -> Floats64:
    """Return the ``(N, 4)`` upright xyxy boxes of the same centre and side, the turn left out."""
    half = rois[:, 2:3] / 2
    return np.concatenate([rois[:, :2] - half, rois[:, :2] + half], axis=-1)


def upward_angle(start: Floats64, end: Floats64) -> Floats64:
    """Return the degrees, clockwise from the picture's up, of the direction from ``(N, 2)`` start to end."""
    x, y = np.moveaxis(end - start, -1, 0)
    angle: Floats64 = np.rad2deg(np.arctan2(x, -y))
    return angle


def turn(vectors: Floats64, angle: Floats64) -> Floats64:
    """Turn ``(N, ..., 2 or 3)`` vectors clockwise on the screen by ``(N,)`` degrees; a third component stays."""
    radians = np.deg2rad(angle).reshape(-1, *(1,) * (vectors.ndim - 2))
    cos, sin = np.cos(radians), np.sin(radians)
    turned: Floats64 = np.array(vectors, dtype=np.float64)
    turned[..., 0] = cos * vectors[..., 0] - sin * vectors[..., 1]
    turned[..., 1] = sin * vectors[..., 0] + cos * vectors[..., 1]
    return turned


def sample(image: Image, matrices: Floats64, size: int) -> NDArray[np.uint8]:
    """Cut square regions out of a picture, sampled as the networks expect it.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        matrices: ``(N, 2, 3)`` maps from picture to crop.
        size: Side of the crops, pixels.

    Returns:
        ``(N, size, size, 3)`` uint8 RGB.
    """
    shifted = np.array(matrices, dtype=np.float64)
    shifted[..., 2] += 0.5 - shifted[..., :2].sum(axis=-1) * 0.5
    return warp(image, shifted, (size, size), smooth_from=_SMOOTH_FROM)[..., ::-1]


def cut(image: Image, rois: Floats64, size: int) -> tuple[NDArray[np.uint8], Floats64]:
    """Cut regions out of a picture.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        rois: ``(N, 4)`` regions.
        size: Side of the crops, pixels.

    Returns:
        ``(N, size, size, 3)`` uint8 RGB crops, and ``(N, 2, 3)`` maps from crop to picture.
    """
    sides = np.repeat(np.maximum(rois[:, 2:3], 1e-3), 2, axis=1)
    matrices = roi_to_crop(rois[:, :2], sides, rois[:, 3], (size, size))
    return sample(image, matrices, size), affine_invert(matrices)


def extent(xy: Floats64, image: Image, *, pad: float) -> Floats64:
    """Return ``(N, 4)`` xyxy boxes round ``(N, K, 2)`` points, wider by a share ``pad``, clipped to the picture."""
    low, high = xy.min(axis=1), xy.max(axis=1)
    margin = (high - low) * pad / 2
    limit = np.array([image.shape[1], image.shape[0]])
    return np.concatenate([np.clip(low - margin, 0, limit), np.clip(high + margin, 0, limit)], axis=-1)


class AnchorDetector:
    """A single-shot detector with a fixed square input, over whole pictures and over tiles.

    Args:
        session: The network: input ``image`` [1, S, S, 3], outputs ``boxes`` and ``logits``.
        centres: ``(A, 2)`` anchors.
        scale: What a pixel value is multiplied by.
        shift: What is added then.
        min_overlap: IoU from which detections are blended.
    """

    def __init__(self, session: Session, centres: Floats64, *, scale: float, shift: float, min_overlap: float) -> None:
        self.session, self.centres, self.min_overlap = session, centres, min_overlap
        self.scale, self.shift = np.float32(scale), np.float32(shift)
        self.size = int(session.inputs[0].shape[1] or 0)

    def search(
        self, image: Image, options: Options, settings: Mapping[str, Any], clock: Clock, *, thorough: bool
    ) -> tuple[Floats64, Floats64, Floats64]:
        """Find boxes and points at the sizes that the options and the card ask for.

        Whole picture first (at ``imgsz`` where given); with ``tile`` in tiles as well; and in tiles when the whole
        picture showed nothing, if ``thorough``.
        """
        first = options.imgsz or self.size
        sides = [first]
        if options.tile:
            sides += [side for side in settings["tile"] if side > first]
        found = self(image, sides=sides, min_score=settings["propose"], clock=clock)
        second = settings["second_look"]
        if thorough and not len(found[0]) and not options.imgsz and not options.tile and second:
            found = self(image, sides=second, min_score=settings["propose"], clock=clock)
        return found

    def __call__(
        self, image: Image, *, sides: Sequence[int], min_score: float, clock: Clock
    ) -> tuple[Floats64, Floats64, Floats64]:
        """Find boxes and points.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            sides: Lengths of the picture's longer side to search at, pixels; above the network's input in tiles.
            min_score: Drop detections below this.
            clock: Where time is added.

        Returns:
            ``(M, 4)`` boxes, ``(M, P, 2)`` points in pixels of the picture, ``(M,)`` scores; best first.
        """
        found = []
        for side in sides:
            for canvas, matrix in self._views(image, side, clock):
                with clock.stage("preprocess"):
                    feed = canvas[None] * self.scale + self.shift
                with clock.stage("inference"):
                    out = self.session.run({"image": feed})
                with clock.stage("postprocess"):
                    boxes, points, scores = decode(
                        out["boxes"][0], out["logits"][0, :, 0], self.centres, min_score=min_score
                    )
                    back = affine_invert(matrix)
                    boxes = affine_apply(back, boxes.reshape(-1, 2, 2)).reshape(-1, 4)
                    found.append((boxes, affine_apply(back, points), scores))
        with clock.stage("postprocess"):
            boxes, points, scores = (np.concatenate(column) for column in zip(*found, strict=True))
            return blend(boxes, points, scores, min_overlap=self.min_overlap)

    def _views(self, image: Image, side: int, clock: Clock) -> Iterator[tuple[Image, Floats64]]:
        """Yield RGB canvases and the maps from picture to canvas: one, or tiles where the picture does not fit."""
        scale = side / max(image.shape[:2])
        step = self.size * (1 - _TILE_OVERLAP)
        starts = []
        for length in (image.shape[1] * scale, image.shape[0] * scale):
            count = min(_MAX_TILES_A_SIDE, max(1, math.ceil((length - self.size) / step - 1e-6) + 1))
            # What fits along an axis lies in the middle; else the tiles are spread evenly.
            starts.append(np.linspace(0, length - self.size, count) if count > 1 else [(length - self.size) / 2])
        for y in starts[1]:
            for x in starts[0]:
                with clock.stage("preprocess"):
                    matrix = np.array([[scale, 0.0, -x], [0.0, scale, -y]])
                    canvas = sample(image, matrix[None], self.size)[0]
                yield canvas, matrix


class RoiEstimator(ABC):
    """Propose regions, look into them, and follow them over a video.

    Card settings:
        presence: Probability from which a region is followed into the next frame.
        research_s: Seconds between full searches while regions are followed.
        research_frames: Frames between full searches, whichever is later in a slow video.
        same_roi: IoU from which a proposal counts as a region that is being followed.
        iou: IoU of two instances' boxes above which the better stays.
        relook_degrees: Look again when the points turn the region by more than this.
        pad: Share by which a box is wider than its points' extent.
    """

    def __init__(self, card: Card, open_network: Opener, skeleton: Skeleton, names: Mapping[int, str]) -> None:
        self.skeleton = skeleton
        self.names = names
        self.settings = card.settings
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
    def _propose(self, image: Image, options: Options, clock: Clock, *, thorough: bool) -> Floats64:
        """Return ``(N, 4)`` regions that may hold an instance, best first.

        ``thorough`` asks for a second look where the first finds nothing.
        """

    @abstractmethod
    def _look(self, image: Image, rois: Floats64, options: Options, clock: Clock) -> Looked:
        """Run the landmark network on regions."""

    def _see(self, image: Image, rois: Floats64, options: Options, clock: Clock) -> Looked:
        """Look into regions, and again where the points say that the region was turned the wrong way."""
        seen = self._look(image, rois, options, clock)
        for _ in range(_MAX_LOOKS - 1):
            off = np.abs((seen.following[:, 3] - rois[:, 3] + 180) % 360 - 180)
            rows = np.flatnonzero((off > self.settings["relook_degrees"]) & (seen.score >= options.conf))
            if not len(rows):
                break
            again = self._look(image, seen.following[rows], options, clock)
            better = again.score >= np.minimum(seen.score[rows], self.settings["presence"])
            rois = rois.copy()
            rois[rows] = np.where(better[:, None], seen.following[rows], [np.nan] * 4)  # NaN: not to be looked at again
            seen = seen.joined(rows[better], again[better])
        return seen

    def _still(self, image: Image, options: Options) -> Estimate:
        clock = Clock()
        rois = self._propose(image, options, clock, thorough=True)
        seen = self._see(image, rois, options, clock)
        with clock.stage("postprocess"):
            boxes = extent(seen.xy, image, pad=self.settings["pad"])
            kept = self._distinct(boxes, seen.score, options)
            return self._estimate(seen[kept], boxes[kept], options, clock)

    def _next(self, image: Image, options: Options, memory: RoiMemory, when: float) -> Estimate:
        clock = Clock()
        rois = memory.rois
        memory.frames += 1
        # A clock that runs backwards (a seek) starts a new search as well. In a slow video, where few frames lie in
        # between, searching every few frames would save nothing.
        waited = when - memory.searched
        due = waited < 0 or (
            waited >= self.settings["research_s"]
            and (memory.frames >= self.settings["research_frames"] or memory.searched == -math.inf)
        )
        followed = len(rois)
        if not followed or due:
            # With nothing to follow every frame is searched, but a second look only as often as a full search.
            new = self._propose(image, options, clock, thorough=due)
            if followed and len(new):
                overlap = box_iou(roi_boxes(new), roi_boxes(rois)).max(axis=1)
                new = new[overlap < self.settings["same_roi"]]
            rois = np.concatenate([rois, new])
            if due:
                memory.searched, memory.frames = when, 0
        seen = self._see(image, rois, options, clock)
        with clock.stage("postprocess"):
            boxes = extent(seen.xy, image, pad=self.settings["pad"])
            kept = self._distinct(boxes, seen.score, options)
            seen, boxes = seen[kept], boxes[kept]
            memory.rois = seen.following[seen.score >= self.settings["presence"]][: options.max_det]
            if len(memory.rois) < followed:
                # Something was lost, perhaps only from its region: look for it in the next frame.
                memory.searched = -math.inf
            return self._estimate(seen, boxes, options, clock)

    def _distinct(self, boxes: Floats64, score: Floats64, options: Options) -> NDArray[np.intp]:
        """Return the rows to keep, best first: visible, sure enough, and each instance once."""
        limit = self.settings["iou"] if options.iou is None else options.iou
        size = boxes[:, 2:] - boxes[:, :2]
        rows = np.flatnonzero((score >= min(options.conf, self.settings["presence"])) & (size > 0).all(axis=-1))
        return rows[nms(box_iou(boxes[rows], boxes[rows]), score[rows], max_similarity=limit)]

    def _estimate(self, seen: Looked, boxes: Floats64, options: Options, clock: Clock) -> Estimate:
        wanted = seen.score >= options.conf
        if options.classes is not None:
            wanted &= np.isin(seen.cls, options.classes)
        rows = np.flatnonzero(wanted)[: options.max_det]
        columns = np.concatenate([boxes[rows], seen.score[rows, None], seen.cls[rows, None]], axis=-1)
        return Estimate(
            columns.astype(np.float32),
            seen.xy[rows].astype(np.float32),
            seen.conf[rows].astype(np.float32),
            xyz=None if seen.xyz is None else seen.xyz[rows].astype(np.float32),
            speed=clock.speed,
        )
