"""Search whole pictures for instances with one or more detectors, and join what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poise.errors import ModelError
from poise.estimators._clock import Clock
from poise.estimators._estimator import Opener, Options
from poise.estimators._fitting import fitting
from poise.estimators._topdown_settings import Search, Settings
from poise.estimators.detectors import detector
from poise.estimators.people import AGREE, alike, join, tiles, to_picture
from poise.estimators.protocols import Detector, Floats, People
from poise.estimators.spec import Spec
from poise.frames import Image
from poise.geometry import box_iou, nms
from poise.runtime import Session

_WHISPER = 0.03  # score from which a find counts as evidence for what others propose
_LARGE = 1.5  # a picture so much larger than a further size of a detector is searched at that size too
_FINE = 1.5  # least score of a find of that further size over the least of the others: it sees more that is nothing
_BORDER = 0.01  # share of a tile's side: what comes nearer to an inner border is cut off by it


class Proposals(NamedTuple):
    """Instances that a search proposes; N of them.

    Attributes:
        people: Boxes, keypoints where a detector gives them, and the proposing detector's score.
        found: ``(N, D)`` what each detector found at their places.
        scale: ``(N,)`` input pixels a picture pixel of the run that gave the keypoints.
    """

    people: People
    found: Floats
    scale: Floats

    def take(self, rows: NDArray[Any]) -> Proposals:
        """Return the instances of some rows, by indices or mask."""
        return Proposals(self.people.take(rows), self.found[rows], self.scale[rows])


class _Run(NamedTuple):
    """What one run of a detector found: picture pixels."""

    people: People
    size: int
    scale: float


class Finder:
    """The detectors of a model, loaded.

    Args:
        settings: Of the model.
        open_network: Opens a network by its name.
        spec: Gives the description of a network.
        sigmas: ``(K,)`` spreads of the skeleton's keypoints.

    Raises:
        FormatError: A detector that gives other keypoints than the skeleton has.
    """

    def __init__(
        self, settings: Settings, open_network: Opener, spec: Callable[[str], Spec], sigmas: NDArray[Any]
    ) -> None:
        self.settings = settings
        self.sigmas = sigmas
        self.parts: list[tuple[Search, Detector, Session]] = []
        for search in settings.detectors:
            about = spec(search.network)
            if search.classes:
                about = replace(about, options={**about.options, "classes": search.classes})
            session = open_network(search.network)
            self.parts.append((search, detector(about, session), session))

    def __call__(self, image: Image, options: Options, clock: Clock) -> Proposals:
        """Search a picture.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            options: ``imgsz`` is the finest size at which to look in place of the model's; ``tile`` adds tiles.
            clock: Told how long things take.

        Raises:
            ModelError: The model has no detector: it only looks into boxes that are given.
        """
        if not self.parts:
            raise ModelError(
                "no detector is known for this network's instances; name one, such as "
                "Pose(…, detector='rtmdet-nano-hand'), or pass the boxes: predict(…, boxes=[[x1, y1, x2, y2]])"
            )
        runs = [self._runs(image, part, options, clock) for part in self.parts]
        people, scale = self._joined(image, runs)
        found = np.stack(
            [
                _evidence(people.boxes, each, part.keypoints)
                for each, (_, part, _) in zip(runs, self.parts, strict=True)
            ],
            axis=-1,
        )
        clock.lap("postprocess")
        return Proposals(people, found, scale)

    def sizes(self, search: Search, part: Detector, imgsz: int | None, longer: int = 0) -> list[int]:
        """Return the longer sides at which a detector looks: its own, or its own up to the one that is asked for.

        Args:
            search: How the detector searches.
            part: The detector.
            imgsz: The finest size that is asked for; None: what fits the picture.
            longer: Longer side of the picture, pixels.
        """
        own = list(search.imgsz) or [max(part.spec.size)]
        if imgsz is None:
            return [*own, search.fine] if search.fine and longer >= _LARGE * search.fine else own
        return [*(size for size in own if size < imgsz), imgsz]

    def _runs(self, image: Image, part: tuple[Search, Detector, Session], options: Options, clock: Clock) -> list[_Run]:
        search, network, _ = part
        sizes = self.sizes(search, network, options.imgsz, max(image.shape[:2]))
        runs = [self._run(image, part, size, clock) for size in sizes]
        if options.tile:
            runs += self._tiles(image, part, sizes[-1], clock)
        return runs

    def _run(self, image: Image, part: tuple[Search, Detector, Session], size: int, clock: Clock) -> _Run:
        search, network, session = part
        feeds, back = network.prepare(image, size)
        clock.lap("preprocess")
        outputs = session.run(feeds)
        clock.lap("inference")
        with fitting(search.network, network.spec.family, outputs):
            people = to_picture(network.decode(outputs, min_score=_WHISPER), back)
        if network.keypoints != len(self.sigmas):
            people = People.boxed(people.boxes, people.score, len(self.sigmas))
        clock.lap("postprocess")
        return _Run(people, size, float(1 / back[0, 0]))

    def _tiles(self, image: Image, part: tuple[Search, Detector, Session], size: int, clock: Clock) -> Iterator[_Run]:
        """Search overlapping tiles; instances cut by a tile's inner border are left out."""
        height, width = image.shape[:2]
        for x0, y0, x1, y1 in tiles(width, height, self.settings.tile):
            run = self._run(image[y0:y1, x0:x1], part, size, clock)
            margin = _BORDER * max(x1 - x0, y1 - y0)
            low = np.array([x0 + margin if x0 else -np.inf, y0 + margin if y0 else -np.inf])
            high = np.array([x1 - margin if x1 < width else np.inf, y1 - margin if y1 < height else np.inf])
            move = np.array([x0, y0], dtype=np.float32)
            boxes = run.people.boxes + np.tile(move, 2)
            whole = np.concatenate([boxes[:, :2] >= low, boxes[:, 2:] <= high], axis=-1).all(axis=-1)
            moved = run.people._replace(boxes=boxes, xy=run.people.xy + move)
            yield run._replace(people=moved.take(np.asarray(whole)))

    def _joined(self, image: Image, runs: Sequence[Sequence[_Run]]) -> tuple[People, Floats]:
        """Put what the detectors propose in one list, each instance once."""
        likely: list[tuple[People, Floats]] = []
        for each, (search, _, _) in zip(runs, self.parts, strict=True):
            some = [self._likely(run, search, smallest=run.size == each[0].size) for run in each]
            people = join([run.people for run in some])
            likely.append(
                (people, np.concatenate([np.full(len(run.people.score), run.scale, np.float32) for run in some]))
            )
        poses = [found for found, (_, part, _) in zip(likely, self.parts, strict=True) if self._poses(part)]
        kept = People.boxed(np.zeros((0, 4)), np.zeros(0), len(self.sigmas))
        scale = np.zeros(0, np.float32)
        for (people, scales), (_, part, _) in zip(likely, self.parts, strict=True):
            if self._poses(part):
                rows = nms(alike(people, self.sigmas), people.score, max_similarity=self.settings.same_pose)
            else:
                same = box_iou(people.boxes, people.boxes)
                rows = nms(same, people.score, max_similarity=self.settings.same_box)
            new = box_iou(people.boxes[rows], kept.boxes).max(axis=1, initial=0) < self.settings.same_box
            people, scales = people.take(rows[new]), scales[rows[new]]
            if not self._poses(part) and poses:
                every = join([found for found, _ in poses])
                people, scales = _posed(people, scales, every, np.concatenate([each for _, each in poses]))
            kept, scale = join([kept, people]), np.concatenate([scale, scales])
        return kept, scale

    def _poses(self, part: Detector) -> bool:
        return part.keypoints == len(self.sigmas)

    def _likely(self, run: _Run, search: Search, *, smallest: bool) -> _Run:
        people = run.people
        fine = run.size == search.fine and not smallest
        keep = people.score >= (_FINE * search.min_score if fine else search.min_score)
        if not smallest:
            side = (people.boxes[:, 2:] - people.boxes[:, :2]).max(axis=-1, initial=0) * run.scale
            keep &= side <= search.biggest
        return run._replace(people=people.take(np.asarray(keep)))


def _posed(people: People, scales: Floats, posed: People, posed_scale: Floats) -> tuple[People, Floats]:
    """Give boxes the keypoints that a detector sees in them."""
    if not len(posed.score) or not len(people.score):
        return people, scales
    overlap = box_iou(people.boxes, posed.boxes)
    best = overlap.argmax(axis=1)
    seen = overlap.max(axis=1) > AGREE
    xy = np.where(seen[:, None, None], posed.xy[best], np.nan).astype(np.float32)
    conf = np.where(seen[:, None], posed.conf[best], 0).astype(np.float32)
    return people._replace(xy=xy, conf=conf), np.where(seen, posed_scale[best], scales).astype(np.float32)


def _evidence(boxes: Floats, runs: Sequence[_Run], keypoints: int) -> Floats:
    """Return the ``(N,)`` scores that one detector gives to places.

    Where it gives keypoints, what it finds at several sizes, or twice, vouches for each other.
    """
    total = np.zeros(len(boxes), np.float32)
    for run in runs:
        score = np.where(box_iou(boxes, run.people.boxes) > AGREE, run.people.score, 0)
        if keypoints:
            total += score.sum(axis=1)
        else:
            total = np.maximum(total, score.max(axis=1, initial=0))
    return total
