"""People, 17 keypoints: MoveNet MultiPose, refined person by person by MoveNet Thunder; NanoDet may propose as well."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators import movenet
from poise.estimators._body_settings import Settings
from poise.estimators._clock import Clock
from poise.estimators._estimator import Estimate, Memory, Opener, Options
from poise.estimators.detectors import nanodet
from poise.estimators.people import (
    AGREE,
    alike,
    alike_or_part,
    calibrate,
    decay,
    extent,
    fuse,
    join,
    move,
    regions,
    tiles,
    to_picture,
    vouch,
)
from poise.estimators.protocols import People
from poise.frames import Image
from poise.geometry import affine_apply, affine_invert, box_iou, nms
from poise.image import crop, letterbox
from poise.skeletons import Skeleton
from poise.weights import Card

Floats = NDArray[np.float32]

_SAME_BOX = 0.6  # IoU above which a NanoDet box is a person that MultiPose has proposed
_DECAY_FROM = 0.3  # OKS with a better person from which a score is lowered
# In video: a person whose refined keypoints are less sure than this on average is lost; two more alike than this have
# run into one; a picture whose thumbnail changes by more grey levels than this is another scene.
_LOST, _MERGED, _SCENE = 0.08, 0.6, 30.0
# A search of the whole picture costs about as much as following this many people; more are lost sight of sooner than
# they are followed cheaply.
_CROWD = 3
_FRAME = 1 / 25  # seconds a frame where no times are given


@dataclass(slots=True)
class BodyMemory:
    """What is kept of one video.

    Attributes:
        people: People of the last frame with the score of their proposal; None before the first.
        size: MultiPose input size for the frames until the next full search.
        searched: Time of the last full search, seconds.
        time: Time of the last frame, seconds.
        thumb: The last frame, very small.
    """

    people: People | None = None
    size: int = 0
    searched: float = -math.inf
    time: float = -_FRAME
    thumb: NDArray[np.int16] | None = None


class Body:
    """People with 17 COCO keypoints.

    Without Thunder among its networks it is MultiPose alone; with NanoDet, its boxes are refined as well.
    """

    def __init__(self, card: Card, open_network: Opener, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self.names: Mapping[int, str] = {0: skeleton.instance}
        self.settings = Settings.of(card)
        self._multipose = open_network("movenet-multipose")
        self._thunder = open_network("movenet-thunder") if "movenet-thunder" in card.networks else None
        self._nanodet = open_network("nanodet-416") if "nanodet-416" in card.networks else None

    def memory(self) -> BodyMemory:
        """Return an empty memory for one video."""
        return BodyMemory()

    def __call__(
        self, images: Sequence[Image], options: Options, memory: Memory | None = None, *, times: Sequence[float] = ()
    ) -> list[Estimate]:
        """Find the people of each picture.

        Args:
            images: ``(H, W, 3)`` uint8 BGR pictures; with a memory, consecutive frames of its video.
            options: What the user asked for. With ``imgsz`` MultiPose runs once, at that size.
            memory: The video's memory. Between searches of the whole picture Thunder follows the people of the last
                frame, and MultiPose alone runs at the one size that its people need.
            times: Presentation times, seconds; 25 frames a second are assumed where there are none.
        """
        if not isinstance(memory, BodyMemory):
            return [self._picture(image, options) for image in images]
        found = []
        for i, image in enumerate(images):
            time = float(times[i]) if i < len(times) else memory.time + _FRAME
            found.append(self._frame(image, options, memory, time))
        return found

    def _picture(self, image: Image, options: Options) -> Estimate:
        clock = Clock()
        if _unwanted(options):
            return self._finish(image, self._nobody(), options, clock)[0]
        people = self._propose(image, options, clock)
        if self._thunder is not None:
            people = self._refine(image, people, options, clock)
        return self._finish(image, people, options, clock)[0]

    def _frame(self, image: Image, options: Options, memory: BodyMemory, time: float) -> Estimate:
        """Do one frame of a video."""
        clock = Clock()
        if _unwanted(options):
            return self._finish(image, self._nobody(), options, clock)[0]
        thumb = image[:: max(1, image.shape[0] // 18), :: max(1, image.shape[1] // 32), 1].astype(np.int16)
        last = memory.thumb
        cut = last is None or last.shape != thumb.shape or float(np.abs(last - thumb).mean()) > _SCENE
        count = 0 if memory.people is None else len(memory.people.score)
        pace = self.settings.refresh * min(1.0, (_CROWD / max(count, 1)) ** 2)
        due = cut or not 0 <= time - memory.searched < pace
        memory.thumb, memory.time = thumb, time
        clock.lap("preprocess")
        if self._thunder is None:
            return self._frame_fast(image, options, memory, due, clock)
        followed = None if due else self._follow(image, memory, options, clock)
        if followed is not None:
            return self._finish(image, followed, options, clock)[0]
        memory.searched = time
        sought = self._propose(image, options, clock)
        sought = sought.take(self._worth(sought, options))
        people = self._refine(image, sought, options, clock)
        estimate, kept = self._finish(image, people, options, clock)
        memory.people = people.take(kept)._replace(score=sought.score[kept])
        return estimate

    def _frame_fast(self, image: Image, options: Options, memory: BodyMemory, due: bool, clock: Clock) -> Estimate:
        """Do one frame with MultiPose alone: every size now and then, the one that found the people in between."""
        if not due and options.imgsz is None and not options.tile:
            people = self._detect(image, memory.size, options.augment, clock)
            return self._finish(image, people, options, clock)[0]
        memory.searched = memory.time
        sizes = (options.imgsz,) if options.imgsz else self.settings.imgsz
        found = [self._detect(image, size, options.augment, clock) for size in sizes]
        people = self._join(image, found, sizes)
        if options.tile:
            people = self._merge([people, *self._tiles(image, options, clock)])
        estimate, kept = self._finish(image, people, options, clock)
        # The smallest size that sees everybody who was kept.
        memory.size = sizes[-1]
        for size, one in zip(sizes, found, strict=True):
            sure = one.boxes[calibrate(one.score, self.settings.conf) >= options.conf]
            if (box_iou(people.boxes[kept], sure).max(axis=1, initial=0) > AGREE).all():
                memory.size = size
                break
        return estimate

    def _follow(self, image: Image, memory: BodyMemory, options: Options, clock: Clock) -> People | None:
        """Refine the people of the last frame where they were; None where the whole picture must be searched."""
        last = memory.people
        if last is None or not len(last.score):
            return None
        low, high = last.boxes[:, :2], last.boxes[:, 2:]
        middle = (low + high) / 2
        here = (middle >= 0).all(axis=-1) & (middle <= np.array(image.shape[1::-1])).all(axis=-1)
        people = last.take(np.asarray(here))
        whole = extent(people.xy, people.conf, people.boxes)
        around = regions(whole, self.settings.crop, self.settings.expand)
        xy, conf = self._crops(image, around, people, options, clock)
        boxes = move(people.boxes, people.xy, xy, people.conf * conf)
        people = People(boxes, xy, conf, people.score).take(np.asarray(conf.mean(axis=-1) >= _LOST))
        similarity = alike(people, self.skeleton.sigmas)
        apart = nms(similarity, people.score * self._sureness(people.conf), max_similarity=_MERGED)
        people = people.take(np.sort(apart))
        clock.lap("postprocess")
        # Somebody lost is a reason to look around, but not in every frame: a doubtful person comes and goes.
        lost = len(people.score) < len(last.score)
        if not len(people.score) or (lost and memory.time - memory.searched >= self.settings.refresh / 3):
            return None
        memory.people = people
        return people._replace(score=people.score * self._sureness(people.conf))

    def _nobody(self) -> People:
        k = len(self.skeleton)
        zero = np.zeros(0, np.float32)
        return People(zero.reshape(0, 4), zero.reshape(0, k, 2), zero.reshape(0, k), zero)

    def _propose(self, image: Image, options: Options, clock: Clock) -> People:
        """Search the whole picture."""
        sizes = (options.imgsz,) if options.imgsz else self.settings.imgsz
        mirror = options.augment and self._thunder is None
        found = [self._detect(image, size, mirror, clock) for size in sizes]
        people = self._join(image, found, sizes)
        if options.tile:
            people = self._merge([people, *self._tiles(image, options, clock)])
        if self._nanodet is not None:
            people = self._add_boxes(people, found, self._boxes(image, clock))
        clock.lap("postprocess")
        return people

    def _detect(self, image: Image, size: int, mirror: bool, clock: Clock) -> People:
        """Run MultiPose on the whole picture."""
        feed, back = movenet.whole_picture(image, size)
        if mirror:
            feed = np.concatenate([feed, feed[:, :, ::-1]])
        clock.lap("preprocess")
        maps: Mapping[str, NDArray[Any]] = self._multipose.run({"image": feed})
        clock.lap("inference")
        if mirror:
            maps = movenet.average_mirrored(
                {k: v[:1] for k, v in maps.items()}, {k: v[1:] for k, v in maps.items()}, self.skeleton.flip_idx
            )
        found = to_picture(movenet.decode_multipose(maps), back)
        clock.lap("postprocess")
        return found

    def _join(self, image: Image, found: Sequence[People], sizes: Sequence[int]) -> People:
        """Put the people that MultiPose found at several sizes in one list without duplicates."""
        longer = max(image.shape[:2])
        kept = []
        for people, size in zip(found, sizes, strict=True):
            side = (people.boxes[:, 2:] - people.boxes[:, :2]).max(axis=-1, initial=0) * (size / longer)
            keep = side <= self.settings.biggest if size != min(sizes) else np.ones(len(side), dtype=bool)
            if self._thunder is not None:
                keep &= people.score >= self.settings.min_proposal
            kept.append(people.take(keep))
        return self._merge(kept) if len(kept) > 1 else kept[0]

    def _merge(self, found: Sequence[People]) -> People:
        people = join(found)
        if self._thunder is None:
            return people  # decay() comes later and needs the duplicates' scores no less
        return people.take(nms(alike(people, self.skeleton.sigmas), people.score, max_similarity=0.7))

    def _tiles(self, image: Image, options: Options, clock: Clock) -> Iterator[People]:
        """Search overlapping tiles, each at the last size; people cut by a tile's inner border are left out."""
        height, width = image.shape[:2]
        for x0, y0, x1, y1 in tiles(width, height, self.settings.tile):
            size = options.imgsz or self.settings.imgsz[-1]
            people = self._detect(image[y0:y1, x0:x1], size, options.augment and self._thunder is None, clock)
            margin = 0.01 * max(x1 - x0, y1 - y0)
            low = np.array([x0 + margin if x0 else -np.inf, y0 + margin if y0 else -np.inf])
            high = np.array([x1 - margin if x1 < width else np.inf, y1 - margin if y1 < height else np.inf])
            move = np.array([x0, y0], dtype=np.float32)
            boxes = people.boxes + np.tile(move, 2)
            whole = np.concatenate([boxes[:, :2] >= low, boxes[:, 2:] <= high], axis=-1).all(axis=-1)
            yield people._replace(boxes=boxes, xy=people.xy + move).take(np.asarray(whole))

    def _boxes(self, image: Image, clock: Clock) -> People:
        """Run NanoDet on the whole picture; its people have no keypoints yet."""
        assert self._nanodet is not None
        canvas, matrix = letterbox(image, (nanodet.SIDE, nanodet.SIDE))
        feed = nanodet.prepare(canvas)
        clock.lap("preprocess")
        outputs = self._nanodet.run({"image": feed})
        clock.lap("inference")
        boxes, score = nanodet.decode(outputs, min_score=0.1)
        shape = (len(boxes), len(self.skeleton))
        blank = People(boxes, np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.float32), score)
        return to_picture(blank, affine_invert(matrix))

    def _add_boxes(self, people: People, found: Sequence[People], boxes: People) -> People:
        """Add NanoDet's boxes, and score every proposal by what both networks say."""
        new = box_iou(boxes.boxes, people.boxes).max(axis=1, initial=0) < _SAME_BOX
        people = join([people, boxes.take(new & (boxes.score >= self.settings.min_box))])
        return vouch(people, join(found), boxes)

    def _worth(self, people: People, options: Options) -> NDArray[np.bool_]:
        """Return which proposals can still reach the wanted conf when every keypoint is sure."""
        best = calibrate(people.score * np.float32(0.7), self.settings.conf)  # Thunder's sureness seldom exceeds 0.7
        return np.asarray(best >= options.conf)

    def _refine(self, image: Image, people: People, options: Options, clock: Clock) -> People:
        """Run Thunder on a crop of each person."""
        people = people.take(self._worth(people, options))
        around = regions(people.boxes, self.settings.crop, self.settings.expand)
        xy, conf = self._crops(image, around, people, options, clock)
        refined = People(people.boxes, xy, conf, people.score * self._sureness(conf))
        # MultiPose is as sharp as Thunder where it sees the person as large; the variance of either grows with the
        # square of a pixel's size.
        size = options.imgsz or min(self.settings.imgsz)
        sides = (people.boxes[:, 2:] - people.boxes[:, :2]).max(axis=-1, initial=0) * (size / max(image.shape[:2]))
        sharp = np.minimum(sides * (self.settings.expand / self.settings.crop[1]), 1) ** 2
        return fuse(refined, people, self.settings.trust * sharp, self.skeleton.sigmas)

    def _sureness(self, conf: Floats) -> Floats:
        """Return the mean of each person's confident keypoint scores."""
        sure = conf > self.settings.confident
        mean: Floats = np.where(sure, conf, 0).sum(axis=-1) / np.maximum(sure.sum(axis=-1), 1)
        return mean

    def _crops(
        self, image: Image, boxes: NDArray[np.float64], hint: People, options: Options, clock: Clock
    ) -> tuple[Floats, Floats]:
        """Run Thunder on the region of each person; keypoints in the picture's pixels and their raw scores."""
        assert self._thunder is not None
        k = len(self.skeleton)
        xy, conf = np.empty((len(boxes), k, 2), np.float32), np.empty((len(boxes), k), np.float32)
        for start in range(0, len(boxes), self.settings.chunk):
            part = slice(start, start + self.settings.chunk)
            cut, matrices = crop(image, boxes[part], self.settings.crop)
            feed = np.ascontiguousarray(cut[..., ::-1])
            clock.lap("preprocess")
            maps: Mapping[str, NDArray[Any]] = self._thunder.run({"image": feed})
            if options.augment or self.settings.flip:
                turned = self._thunder.run({"image": np.ascontiguousarray(feed[:, :, ::-1])})
                clock.lap("inference")
                maps = movenet.average_mirrored(maps, turned, self.skeleton.flip_idx)
            else:
                clock.lap("inference")
            points, conf[part], _ = movenet.decode_thunder(
                maps, affine_apply(matrices, hint.xy[part]).astype(np.float32), hint.conf[part]
            )
            xy[part] = affine_apply(affine_invert(matrices), points)
            clock.lap("postprocess")
        return xy, conf

    def _finish(
        self, image: Image, people: People, options: Options, clock: Clock
    ) -> tuple[Estimate, NDArray[np.intp]]:
        """Drop duplicates and unlikely people, and calibrate; also give the rows of ``people`` that are kept."""
        likely = np.nonzero(calibrate(people.score, self.settings.conf) >= options.conf)[0]
        some = people.take(likely)
        max_oks = self.settings.max_oks if options.iou is None else options.iou
        keep, score = decay(
            alike_or_part(some, self.skeleton.sigmas), some.score, decay_from=_DECAY_FROM, max_similarity=max_oks
        )
        conf = calibrate(score, self.settings.conf)
        sure = conf >= options.conf
        keep, conf = keep[sure][: options.max_det], conf[sure][: options.max_det]
        some = some.take(keep)
        height, width = image.shape[:2]
        boxes = np.clip(some.boxes, 0, np.array([width, height, width, height], dtype=np.float32))
        columns = [boxes, conf[:, None], np.zeros((len(keep), 1), np.float32)]
        found = Estimate(
            np.concatenate(columns, axis=-1).astype(np.float32),
            some.xy.astype(np.float32),
            calibrate(some.conf, self.settings.keypoint_conf),
            speed=clock.speed,
        )
        clock.lap("postprocess")
        return found, likely[keep]


def _unwanted(options: Options) -> bool:
    return options.classes is not None and 0 not in options.classes
