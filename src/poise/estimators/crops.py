"""Look at instances one by one with a refining network, once or several times, and average what the looks agree on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from poise.estimators._clock import Clock
from poise.estimators._fitting import fitting
from poise.estimators._topdown_settings import Settings
from poise.estimators._upright import Torso, quarters, upright
from poise.estimators.people import spreads
from poise.estimators.protocols import Floats, Refiner
from poise.estimators.scoring import Looks
from poise.estimators.search import Proposals
from poise.frames import Image
from poise.geometry import affine_apply, affine_invert, box_area
from poise.runtime import Session
from poise.skeletons import Skeleton

_WITHIN = 2.5  # spreads between two predictions of one keypoint that are taken for the same
_FINER = 2.0  # how much finer than the refiner a detector may see somebody and still gain by it
_LEAST = 1e-6
# Somebody with a detector's score of _BOXED or more, whose keypoints have a mean score below _POOR, may lie. A turned
# look counts where its mean score is _TURN times as high, and _LIES or more: nobody who stands on a labelled photo is
# lost by it.
_POOR, _BOXED, _TURN, _LIES = 0.45, 0.25, 1.6, 0.25
# How crops are shrunk (poise.image.crop): with _QUICK AP falls by 0.3 to 0.5, and a followed frame takes a tenth less.
_SHARP, _QUICK = 2.0, 1.0

# Rows of the proposals and what a look says of them -> which are worth another.
Worth = Callable[[NDArray[np.intp], Looks], NDArray[np.bool_]]


class _How(TypedDict):
    """How crops are looked at."""

    flip: bool
    gap: float


class Looker:
    """The refiner of a model, loaded.

    Args:
        settings: Of the model.
        refiner: Family of the network.
        session: The network.
        skeleton: What the keypoints are.
    """

    def __init__(self, settings: Settings, refiner: Refiner, session: Session, skeleton: Skeleton) -> None:
        self._refiner, self._session, self._name = refiner, session, settings.refiner
        self._flip_idx, self._sigmas = tuple(skeleton.flip_idx), skeleton.sigmas
        self._torso = Torso.of(skeleton)
        self.looks = settings.looks or ((*refiner.spec.size, refiner.spec.expand),)
        self._chunk, self._flip, self._trust = settings.chunk, settings.flip, settings.trust
        self._lying = settings.lying

    def __call__(
        self,
        image: Image,
        proposals: Proposals,
        clock: Clock,
        *,
        worth: Worth | None = None,
        flip: bool = False,
        once: bool = False,
    ) -> tuple[NDArray[np.intp], Floats, Looks]:
        """Look at instances.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            proposals: N instances. Their keypoints point at whom to look for, and are averaged with where ``scale`` is
                not 0.
            clock: Told how long things take.
            worth: After the first look, tells which of some rows are worth the others.
            flip: Look mirrored too.
            once: Take the first look only.

        Returns:
            The ``(M,)`` rows that were worth it, their ``(M, K, 2)`` keypoints, pixels of the picture, and what the
            looks say of them.
        """
        rows = np.arange(len(proposals.scale))
        turns = quarters(proposals.people.xy, proposals.people.conf, self._torso)
        seen: list[tuple[Floats, Floats]] = []
        for look in self.looks[:1] if once else self.looks:
            if seen and worth is not None:
                kept = np.flatnonzero(worth(rows, self._agreed(seen, proposals)[1]))
                rows, proposals, turns = rows[kept], proposals.take(kept), turns[kept]
                seen = [(xy[kept], conf[kept]) for xy, conf in seen]
                worth = None
            how: _How = {"flip": flip or self._flip, "gap": _QUICK if once else _SHARP}
            seen.append(self._look(image, proposals, turns, look, clock, **how))
            if len(seen) == 1 and not once:
                turns = self._turned(image, proposals, turns, seen[0], clock, **how)
        xy, looks = self._agreed(seen, proposals)
        clock.lap("postprocess")
        return rows, xy, looks

    def _agreed(self, seen: Sequence[tuple[Floats, Floats]], proposals: Proposals) -> tuple[Floats, Looks]:
        """Average looks with each other, and with the keypoints of the detectors."""
        people, scale = proposals.people, proposals.scale
        # A network is as sharp as another where it sees the instance as large; the variance of either grows with the
        # square of a pixel's size.
        side = (people.boxes[:, 2:] - people.boxes[:, :2]).max(axis=-1, initial=0) * scale
        _, height, expand = self.looks[0]
        sharp = np.minimum(side * (expand / height), _FINER) ** 2
        points = np.stack([*(xy for xy, _ in seen), people.xy])
        weights = np.stack([*(conf for _, conf in seen), people.conf * (self._trust * sharp)[:, None]])
        mean: Floats = np.asarray(np.mean(weights[:-1], axis=0), dtype=np.float32)
        return agree(points, weights, mean, people.boxes, self._sigmas)

    def _turned(
        self,
        image: Image,
        proposals: Proposals,
        turns: NDArray[np.intp],
        seen: tuple[Floats, Floats],
        clock: Clock,
        **how: Unpack[_How],
    ) -> NDArray[np.intp]:
        """Look once more, turned, at whom a detector is sure of and the first look is not; give the best turns."""
        if not self._lying or self._torso is None or not proposals.found.shape[1]:
            return turns
        xy, conf = seen
        turns = turns.copy()
        again = np.flatnonzero((conf.mean(axis=-1) < _POOR) & (proposals.found[:, 0] >= _BOXED) & (turns == 0))
        for turn in (1, 3, 2):
            lying = np.full(len(again), turn)
            xy_lying, conf_lying = self._look(image, proposals.take(again), lying, self.looks[0], clock, **how)
            lies = conf_lying.mean(axis=-1)
            better = (lies >= _LIES) & (lies > _TURN * conf[again].mean(axis=-1))
            rows = again[better]
            xy[rows], conf[rows], turns[rows] = xy_lying[better], conf_lying[better], turn
        return turns

    def _look(
        self,
        image: Image,
        proposals: Proposals,
        turns: NDArray[np.intp],
        look: tuple[int, int, float],
        clock: Clock,
        *,
        flip: bool,
        gap: float,
    ) -> tuple[Floats, Floats]:
        """Run the network on the region of each instance, turned as each one is."""
        k = self._refiner.keypoints
        hint, boxes = proposals.people, proposals.people.boxes
        xy, conf = np.empty((len(boxes), k, 2), np.float32), np.empty((len(boxes), k), np.float32)
        for part, turn in self._parts(turns):
            cut, matrices = upright(image, boxes[part], look, turn, gap=gap)
            feeds = self._refiner.prepare(cut)
            clock.lap("preprocess")
            outputs = self._session.run(feeds)
            if flip:
                mirrored = self._session.run(self._refiner.prepare(cut[:, :, ::-1]))
                outputs = self._refiner.average(outputs, mirrored, self._flip_idx)
            clock.lap("inference")
            near = affine_apply(matrices, hint.xy[part]).astype(np.float32)
            with fitting(self._name, self._refiner.spec.family, outputs):
                points, conf[part] = self._refiner.decode(outputs, near, hint.conf[part])
                xy[part] = affine_apply(affine_invert(matrices), points)
            clock.lap("postprocess")
        return xy, conf

    def _parts(self, turns: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], int]]:
        """Give the rows of each run: of one turn, and no more than a run takes."""
        for turn in np.unique(turns):
            rows = np.flatnonzero(turns == turn)
            for start in range(0, len(rows), self._chunk):
                yield rows[start : start + self._chunk], int(turn)


def agree(points: Floats, weights: Floats, conf: Floats, boxes: Floats, sigmas: NDArray[Any]) -> tuple[Floats, Looks]:
    """Average predictions of the same keypoints where they agree.

    Of each keypoint the prediction that most others support is taken, and averaged with those that lie near it.

    Args:
        points: ``(L, N, K, 2)`` predictions of L looks; NaN for none.
        weights: ``(L, N, K)``.
        conf: ``(N, K)`` mean raw score.
        boxes: ``(N, 4)`` xyxy of the instances.
        sigmas: ``(K,)`` COCO's spread of each keypoint over the instance's size.
    """
    there = np.asarray(np.isfinite(points).all(axis=-1))
    weights = np.where(there, weights, 0)
    points = np.where(there[..., None], points, 0)
    spread = spreads(boxes, sigmas)
    if len(points) > 2:
        apart = np.square(points[:, None] - points[None]).sum(axis=-1) / np.square(spread)
        support = (np.exp(-apart / 2) * weights[None]).sum(axis=1)
        best = np.where(there, support, -1).argmax(axis=0)
        base = np.take_along_axis(points, best[None, ..., None], axis=0)[0]
    else:
        base = points[0]
    far = np.linalg.norm(points - base, axis=-1) / spread
    near = np.where(far < _WITHIN, weights, 0)
    total = near.sum(axis=0)
    share = near / np.maximum(total, _LEAST)
    middle = np.where((total > 0)[..., None], (points * share[..., None]).sum(axis=0), base)
    looks = Looks(
        conf,
        (total / np.maximum(weights.sum(axis=0), _LEAST)).astype(np.float32),
        np.sqrt((share * np.square(np.minimum(far, _WITHIN))).sum(axis=0)).astype(np.float32),
        np.broadcast_to(np.log(np.sqrt(np.maximum(box_area(boxes), 1)))[:, None], conf.shape).astype(np.float32),
    )
    return middle.astype(np.float32), looks
