"""Any detectors with any refiner: search the picture, look at each instance, score, and drop what is seen twice.

Without a refiner the keypoints of the detector stand (MultiPose, RTMO): one stage. What runs, at which sizes and how it
is scored is a model's entry in the registry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poise.estimators._clock import Clock
from poise.estimators._estimator import Estimate, Memory, Opener, Options
from poise.estimators._topdown_settings import Settings
from poise.estimators.crops import Looker
from poise.estimators.people import alike, alike_or_part, contested, decay, extent, move
from poise.estimators.protocols import Floats, People
from poise.estimators.refiners import refiner
from poise.estimators.scoring import Looks
from poise.estimators.search import Finder, Proposals
from poise.estimators.spec import Spec, registered
from poise.frames import Image
from poise.geometry import box_area, nms
from poise.skeletons import Skeleton
from poise.weights import Card

_DECAY_FROM = 0.3  # OKS with a better instance from which a score is lowered
# An instance whose score after the first look is below this share of the wanted one is not looked at again. Of 122 that
# reach 0.25 on labelled photos none had less than 0.15 after the first look, and 1 in 100 less than 0.31.
_DOUBT = 0.4
_IN_BOX = 0.6  # confidence from which a keypoint widens its instance's box
_CONTESTED = 0.2  # share of its confidence that a keypoint keeps when it is another instance's
# In video: an instance whose keypoints are less sure than this on average is lost; two more alike than this have run
# into one; a picture whose thumbnail changes by more grey levels than this is another scene.
_LOST, _MERGED, _SCENE = 0.08, 0.6, 30.0
# A search of the whole picture costs about as much as following this many people; more are lost sight of sooner than
# they are followed cheaply.
_CROWD = 3
_FRAME = 1 / 25  # seconds a frame where no times are given


@dataclass(slots=True)
class Followed:
    """What is kept of one video.

    Attributes:
        last: Instances of the last frame with what was found of them at the last search; None before the first.
        searched: Time of the last search of a whole picture, seconds.
        time: Time of the last frame, seconds.
        thumb: The last frame, very small.
    """

    last: Proposals | None = None
    searched: float = -math.inf
    time: float = -_FRAME
    thumb: NDArray[np.int16] | None = None


class TopDown:
    """Instances of one class with keypoints.

    Args:
        card: The model.
        open_network: Opens a network by its name.
        skeleton: What the keypoints are.
        spec: Gives the description of a network; the registry's unless given.

    Raises:
        FormatError: The card's settings are wrong, or a network gives other keypoints than the skeleton has.
    """

    def __init__(
        self, card: Card, open_network: Opener, skeleton: Skeleton, spec: Callable[[str], Spec] = registered
    ) -> None:
        self.skeleton = skeleton
        self.names: Mapping[int, str] = {0: skeleton.instance}
        self.settings = settings = Settings.of(card)
        self._find = Finder(settings, open_network, spec, skeleton.sigmas)
        self._look: Looker | None = None
        if settings.refiner:
            session = open_network(settings.refiner)
            network = refiner(spec(settings.refiner), session)
            self._look = Looker(settings, network, session, skeleton)

    @property
    def takes_boxes(self) -> bool:
        """Whether it can look into boxes that the user gives."""
        return self._look is not None

    def memory(self) -> Followed | None:
        """Return an empty memory for one video; None where every frame is searched."""
        return Followed() if self._look else None

    def __call__(
        self, images: Sequence[Image], options: Options, memory: Memory | None = None, *, times: Sequence[float] = ()
    ) -> list[Estimate]:
        """Find the instances of each picture; see :class:`poise.estimators.Estimator`.

        Between searches of the whole picture the refiner follows the instances of a memory's last frame. Without
        ``times`` 25 frames a second are assumed.
        """
        found = []
        for i, image in enumerate(images):
            if options.boxes is not None:
                found.append(self._boxed(image, options.boxes, options))
            elif isinstance(memory, Followed):
                time = float(times[i]) if i < len(times) else memory.time + _FRAME
                found.append(self._frame(image, options, memory, time))
            else:
                found.append(self._picture(image, options))
        return found

    def _picture(self, image: Image, options: Options) -> Estimate:
        clock = Clock()
        if _unwanted(options):
            return self._nothing(clock)
        proposals, looks = self._refined(image, self._find(image, options, clock), options, clock)
        return self._finish(image, proposals, looks, options, clock)[0]

    def _boxed(self, image: Image, boxes: Floats, options: Options) -> Estimate:
        """Look into the user's own boxes: every one of them gives an instance, in their order."""
        clock = Clock()
        n = len(boxes)
        people = People.boxed(boxes, np.ones(n), len(self.skeleton))
        given = Proposals(people, np.ones((n, len(self.settings.detectors)), np.float32), np.zeros(n, np.float32))
        looked, looks = self._refined(image, given, replace(options, conf=0.0), clock)
        similarity = self.settings.point(looks)
        conf = self.settings.person.expected(similarity, looks)
        # Nothing can be seen in a box beside the picture; its place in the order stays.
        size = np.array(image.shape[1::-1])
        beside: NDArray[np.bool_] = np.any((boxes[:, 2:] <= 0) | (boxes[:, :2] >= size), axis=1)[:, None]
        xy = np.where(beside[..., None], np.nan, looked.people.xy)
        points = np.where(beside, 0, similarity).astype(np.float32)
        sure = np.where(beside[:, 0], 0, conf).astype(np.float32)
        return self._estimate(image, looked.people._replace(xy=xy), points, sure, clock)

    def _frame(self, image: Image, options: Options, memory: Followed, time: float) -> Estimate:
        """Do one frame of a video."""
        clock = Clock()
        if _unwanted(options):
            return self._nothing(clock)
        thumb = image[:: max(1, image.shape[0] // 18), :: max(1, image.shape[1] // 32), 1].astype(np.int16)
        last = memory.thumb
        cut = last is None or last.shape != thumb.shape or float(np.abs(last - thumb).mean()) > _SCENE
        count = 0 if memory.last is None else len(memory.last.scale)
        pace = self.settings.refresh * min(1.0, (_CROWD / max(count, 1)) ** 2)
        due = cut or not 0 <= time - memory.searched < pace
        memory.thumb, memory.time = thumb, time
        clock.lap("preprocess")
        followed = None if due else self._follow(image, memory, options, clock)
        if followed is not None:
            return followed
        memory.searched = time
        proposals, looks = self._refined(image, self._find(image, options, clock), options, clock)
        estimate, kept = self._finish(image, proposals, looks, options, clock)
        memory.last = proposals.take(kept)
        return estimate

    def _follow(self, image: Image, memory: Followed, options: Options, clock: Clock) -> Estimate | None:
        """Refine the instances of the last frame where they were; None where the whole picture must be searched."""
        last = memory.last
        if self._look is None or last is None or not len(last.scale):
            return None
        middle = (last.people.boxes[:, :2] + last.people.boxes[:, 2:]) / 2
        here = (middle >= 0).all(axis=-1) & (middle <= np.array(image.shape[1::-1])).all(axis=-1)
        before = last.take(np.asarray(here))
        whole = extent(before.people.xy, before.people.conf, before.people.boxes)
        # The last frame's keypoints point, and are not averaged with.
        around = before._replace(people=before.people._replace(boxes=whole), scale=np.zeros_like(before.scale))
        _, xy, looks = self._look(image, around, clock, flip=options.augment, once=True)
        boxes = move(before.people.boxes, before.people.xy, xy, before.people.conf * looks.conf)
        people = People(boxes, xy, looks.conf, before.people.score)
        kept = np.flatnonzero(looks.conf.mean(axis=-1) >= _LOST)
        score = self._scores(looks, before.found)[1]
        kept = kept[nms(alike(people.take(kept), self.skeleton.sigmas), score[kept], max_similarity=_MERGED)]
        kept = np.sort(kept)
        clock.lap("postprocess")
        # Somebody lost is a reason to look around, but not in every frame: a doubtful one comes and goes.
        lost = len(kept) < len(last.scale)
        if not len(kept) or (lost and memory.time - memory.searched >= self.settings.refresh / 3):
            return None
        memory.last = before._replace(people=people).take(kept)
        return self._finish(image, memory.last, looks.take(kept), options, clock)[0]

    def _refined(self, image: Image, proposals: Proposals, options: Options, clock: Clock) -> tuple[Proposals, Looks]:
        """Give proposals their final keypoints; those that cannot reach the wanted conf are left out."""
        if self._look is not None:
            found = proposals.found

            def worth(rows: NDArray[np.intp], looks: Looks) -> NDArray[np.bool_]:
                return np.asarray(self._scores(looks, found[rows])[1] >= _DOUBT * options.conf)

            rows, xy, looks = self._look(image, proposals, clock, worth=worth, flip=options.augment)
            kept = proposals.take(rows)
            return kept._replace(people=kept.people._replace(xy=xy, conf=looks.conf)), looks
        people = proposals.people
        size = np.log(np.sqrt(np.maximum(box_area(people.boxes), 1)))[:, None]
        one = np.ones_like(people.conf)
        return proposals, Looks(people.conf, one, 0 * one, (size * one).astype(np.float32))

    def _scores(self, looks: Looks, found: Floats) -> tuple[Floats, Floats]:
        """Return the confidences of keypoints and instances."""
        similarity = self.settings.point(looks)
        return similarity, self.settings.person(found, self.settings.person.expected(similarity, looks))

    def _finish(
        self, image: Image, proposals: Proposals, looks: Looks, options: Options, clock: Clock
    ) -> tuple[Estimate, NDArray[np.intp]]:
        """Score, drop duplicates and unlikely instances; also give the rows that are kept."""
        people = proposals.people
        similarity, score = self._scores(looks, proposals.found)
        likely = np.flatnonzero(score >= options.conf)
        some = people.take(likely)
        max_oks = self.settings.max_oks if options.iou is None else options.iou
        same = alike_or_part(some, self.skeleton.sigmas, self.skeleton.flip_idx)
        keep, conf = decay(same, score[likely], decay_from=_DECAY_FROM, max_similarity=max_oks)
        sure = conf >= options.conf
        rows, conf = likely[keep[sure][: options.max_det]], conf[sure][: options.max_det]
        some, sure_points = people.take(rows), similarity[rows]
        reach = extent(some.xy, some.conf, some.boxes)
        theirs = contested(reach, some.xy, sure_points, self.skeleton.sigmas)
        points = np.where(theirs, _CONTESTED * sure_points, sure_points)
        if self.settings.point.weights:
            # A box holds the keypoints that are likely right; where no score was fitted, nobody knows which those are.
            some = some._replace(boxes=extent(some.xy, points, some.boxes, least=_IN_BOX))
        return self._estimate(image, some, points, conf, clock), rows

    def _estimate(self, image: Image, people: People, similarity: Floats, conf: Floats, clock: Clock) -> Estimate:
        height, width = image.shape[:2]
        boxes = np.clip(people.boxes, 0, np.array([width, height, width, height], dtype=np.float32))
        columns = [boxes, conf[:, None], np.zeros((len(conf), 1), np.float32)]
        estimate = Estimate(
            np.concatenate(columns, axis=-1).astype(np.float32),
            people.xy.astype(np.float32),
            similarity.astype(np.float32),
            speed=clock.speed,
        )
        clock.lap("postprocess")
        return replace(estimate, speed=dict(clock.speed))

    def _nothing(self, clock: Clock) -> Estimate:
        k = len(self.skeleton)
        return Estimate(
            np.zeros((0, 6), np.float32),
            np.zeros((0, k, 2), np.float32),
            np.zeros((0, k), np.float32),
            speed=clock.speed,
        )


def _unwanted(options: Options) -> bool:
    return options.classes is not None and 0 not in options.classes
