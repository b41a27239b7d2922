"""People, 17 keypoints: MoveNet MultiPose, refined person by person by MoveNet Thunder; NanoDet may propose as well."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.errors import FormatError, suggest
from poise.estimators import movenet, nanodet
from poise.estimators._estimator import Estimate, Memory, Opener, Options
from poise.estimators.movenet import People
from poise.frames import Image
from poise.geometry import affine_apply, affine_invert, box_area, nms, oks, roi_to_crop
from poise.image import letterbox, warp
from poise.runtime import Session
from poise.skeletons import Skeleton
from poise.weights import Card

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings table of a body model in the registry.

    Attributes:
        imgsz: Longer side of the picture as MultiPose sees it, pixels.
        imgsz_too: Second sizes whose proposals join the first's.
        crop: Width and height of Thunder's crops, pixels.
        expand: Side of a crop over the side of the person's box.
        min_proposal: MultiPose score below which a proposal is not refined.
        min_box: NanoDet probability below which a box is not refined.
        max_oks: Of two people more alike, the better stays.
        flip: Run crops mirrored too, without being asked.
        chunk: Most crops a run of Thunder.
        conf: ``(slope, shift)``: person conf = sigmoid(slope * ln(raw score) + shift).
        keypoint_conf: The same for keypoints.
    """

    imgsz: int = 384
    imgsz_too: tuple[int, ...] = ()
    crop: tuple[int, int] = (192, 256)
    expand: float = 1.25
    min_proposal: float = 0.06
    min_box: float = 0.3
    max_oks: float = 0.7
    flip: bool = False
    chunk: int = 1
    conf: tuple[float, float] = (1.0, 0.0)
    keypoint_conf: tuple[float, float] = (1.0, 0.0)

    @classmethod
    def of(cls, card: Card) -> Settings:
        """Read the settings of a model card.

        Raises:
            FormatError: A key that is not known.
        """
        for key in card.settings:
            if key not in cls.__slots__:
                raise FormatError(f"model {card.name!r}: unknown setting {key!r}{suggest(key, cls.__slots__)}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in card.settings.items()})


class Clock:
    """Milliseconds a stage of one call."""

    def __init__(self) -> None:
        self.ms = {"preprocess": 0.0, "inference": 0.0, "postprocess": 0.0}
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap for a stage."""
        now = perf_counter()
        self.ms[stage] += (now - self._last) * 1e3
        self._last = now


class Body:
    """People with 17 COCO keypoints."""

    def __init__(self, card: Card, open_network: Opener, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self.names: Mapping[int, str] = {0: skeleton.instance}
        self.settings = Settings.of(card)
        self._multipose = open_network("movenet-multipose")
        self._thunder = open_network("movenet-thunder") if "movenet-thunder" in card.networks else None
        self._nanodet = open_network("nanodet-416") if "nanodet-416" in card.networks else None

    def memory(self) -> Memory | None:
        """Return an empty memory for one video."""
        return None

    def __call__(
        self, images: Sequence[Image], options: Options, memory: Memory | None = None, *, times: Sequence[float] = ()
    ) -> list[Estimate]:
        """Find the people of each picture."""
        return [self._picture(image, options) for image in images]

    def _picture(self, image: Image, options: Options) -> Estimate:
        clock = Clock()
        people = self._propose(image, options, clock)
        if self._thunder is not None:
            people = self._refine(image, people, options, clock)
        return self._finish(image, people, options, clock)

    def _propose(self, image: Image, options: Options, clock: Clock) -> People:
        sizes = (options.imgsz or self.settings.imgsz, *self.settings.imgsz_too)
        found = [self._detect(image, size, options.augment and self._thunder is None, clock) for size in sizes]
        if self._nanodet is not None:
            found.append(self._boxes(image, clock))
        people = join(found)
        clock.lap("postprocess")
        return people

    def _detect(self, image: Image, size: int, mirror: bool, clock: Clock) -> People:
        """Run MultiPose on the whole picture."""
        canvas, matrix = letterbox(image, canvas_size(image, size), centre=False)
        feed = canvas[None, ..., ::-1]
        if mirror:
            feed = np.concatenate([feed, feed[:, :, ::-1]])
        clock.lap("preprocess")
        maps: Mapping[str, NDArray[Any]] = self._multipose.run({"image": np.ascontiguousarray(feed)})
        clock.lap("inference")
        if mirror:
            maps = movenet.average_mirrored(
                {k: v[:1] for k, v in maps.items()}, {k: v[1:] for k, v in maps.items()}, self.skeleton.flip_idx
            )
        found = to_picture(movenet.decode_multipose(maps), affine_invert(matrix))
        clock.lap("postprocess")
        return found

    def _boxes(self, image: Image, clock: Clock) -> People:
        """Run NanoDet on the whole picture; its people have no keypoints yet."""
        assert self._nanodet is not None
        canvas, matrix = letterbox(image, (nanodet.SIDE, nanodet.SIDE))
        feed = nanodet.prepare(canvas)
        clock.lap("preprocess")
        outputs = self._nanodet.run({"image": feed})
        clock.lap("inference")
        boxes, score = nanodet.decode(outputs, min_score=self.settings.min_box)
        shape = (len(boxes), len(self.skeleton))
        blank = People(boxes, np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.float32), score)
        return to_picture(blank, affine_invert(matrix))

    def _refine(self, image: Image, people: People, options: Options, clock: Clock) -> People:
        """Run Thunder on a crop of each person."""
        keep = people.score >= self.settings.min_proposal
        people = People(*(column[keep] for column in people))
        matrices = rois(people.boxes, self.settings.crop, self.settings.expand)
        xy, conf = self._crops(image, matrices, options.augment or self.settings.flip, clock)
        found = People(people.boxes, xy, conf, people.score * conf.mean(axis=-1))
        clock.lap("postprocess")
        return found

    def _crops(self, image: Image, matrices: NDArray[np.float64], mirror: bool, clock: Clock) -> tuple[Floats, Floats]:
        assert self._thunder is not None
        k = len(self.skeleton)
        xy, conf = np.empty((len(matrices), k, 2), np.float32), np.empty((len(matrices), k), np.float32)
        for start in range(0, len(matrices), self.settings.chunk):
            part = slice(start, start + self.settings.chunk)
            crops = np.ascontiguousarray(warp(image, matrices[part], self.settings.crop)[..., ::-1])
            clock.lap("preprocess")
            maps: Mapping[str, NDArray[Any]] = self._thunder.run({"image": crops})
            if mirror:
                turned = self._thunder.run({"image": np.ascontiguousarray(crops[:, :, ::-1])})
                clock.lap("inference")
                maps = movenet.average_mirrored(maps, turned, self.skeleton.flip_idx)
            else:
                clock.lap("inference")
            points, conf[part], _ = movenet.decode_thunder(maps)
            xy[part] = affine_apply(affine_invert(matrices[part]), points)
            clock.lap("postprocess")
        return xy, conf

    def _finish(self, image: Image, people: People, options: Options, clock: Clock) -> Estimate:
        """Drop duplicates and unlikely people, and calibrate."""
        max_oks = self.settings.max_oks if options.iou is None else options.iou
        conf = calibrate(people.score, self.settings.conf)
        wanted = conf >= options.conf
        if options.classes is not None and 0 not in options.classes:
            wanted[:] = False
        people = People(*(column[wanted] for column in people))
        conf = conf[wanted]
        keep = nms(self._alike(people), people.score, max_similarity=max_oks)[: options.max_det]
        height, width = image.shape[:2]
        boxes = np.clip(people.boxes[keep], 0, np.array([width, height, width, height], dtype=np.float32))
        columns = [boxes, conf[keep, None], np.zeros((len(keep), 1), np.float32)]
        found = Estimate(
            np.concatenate(columns, axis=-1).astype(np.float32),
            people.xy[keep],
            calibrate(people.conf[keep], self.settings.keypoint_conf),
            speed=clock.ms,
        )
        clock.lap("postprocess")
        return found

    def _alike(self, people: People) -> NDArray[Any]:
        """Return the ``(N, N)`` OKS of every person with every other."""
        visible = np.ones(people.conf.shape, dtype=bool)
        return oks(people.xy, people.xy, area=box_area(people.boxes), visible=visible, sigmas=self.skeleton.sigmas)


def canvas_size(image: Image, longer: int) -> tuple[int, int]:
    """Return the width and height of the smallest canvas, in multiples of 32, whose longer side is ``longer``."""
    longer = max(32, math.ceil(longer / 32) * 32)
    height, width = image.shape[:2]
    scale = longer / max(height, width)
    return (max(1, math.ceil(width * scale / 32)) * 32, max(1, math.ceil(height * scale / 32)) * 32)


def to_picture(people: People, back: NDArray[np.float64]) -> People:
    """Carry people from network input pixels to the picture's by a ``(2, 3)`` map."""
    corners = affine_apply(back, people.boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    return people._replace(boxes=corners.astype(np.float32), xy=affine_apply(back, people.xy).astype(np.float32))


def join(found: Sequence[People]) -> People:
    """Put people of several proposers in one list."""
    return People(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def rois(boxes: Floats, crop: tuple[int, int], expand: float) -> NDArray[np.float64]:
    """Return the ``(N, 2, 3)`` maps from picture to crop around ``(N, 4)`` boxes, without changing proportions."""
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    high = np.maximum(size[:, 1], size[:, 0] * crop[1] / crop[0]) * expand
    sides = np.stack([high * crop[0] / crop[1], high], axis=-1)
    return roi_to_crop((boxes[:, :2] + boxes[:, 2:]) / 2, sides, np.zeros(len(boxes)), crop)


def calibrate(score: Floats, line: tuple[float, float]) -> Floats:
    """Turn raw scores into probabilities: sigmoid(slope * ln(score) + shift), 0 for a score of 0."""
    odds = np.exp(line[1]) * np.power(score, line[0])
    return (odds / (1 + odds)).astype(np.float32)
