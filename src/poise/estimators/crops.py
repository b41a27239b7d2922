"""Look at instances one by one with a refining network, once or several times, and average what the looks agree on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.estimators._clock import Clock
from poise.estimators._topdown_settings import Settings
from poise.estimators.people import regions, spreads
from poise.estimators.protocols import Floats, People, Refiner
from poise.estimators.scoring import Looks
from poise.frames import Image
from poise.geometry import affine_apply, affine_invert, box_area
from poise.image import crop
from poise.runtime import Session

_WITHIN = 2.5  # spreads between two predictions of one keypoint that are taken for the same
_LEAST = 1e-6


class Looker:
    """The refiner of a model, loaded.

    Args:
        settings: Of the model.
        refiner: Family of the network.
        session: The network.
        flip_idx: The keypoint that each one becomes in a mirror.
        sigmas: ``(K,)`` spreads of the keypoints.
    """

    def __init__(
        self, settings: Settings, refiner: Refiner, session: Session, flip_idx: tuple[int, ...], sigmas: NDArray[Any]
    ) -> None:
        self._refiner, self._session = refiner, session
        self._flip_idx, self._sigmas = flip_idx, sigmas
        self.looks = settings.looks or ((*refiner.spec.size, refiner.spec.expand),)
        self._chunk, self._flip, self._trust = settings.chunk, settings.flip, settings.trust

    def __call__(
        self,
        image: Image,
        boxes: Floats,
        hint: People,
        scale: Floats,
        clock: Clock,
        *,
        flip: bool = False,
        once: bool = False,
    ) -> tuple[Floats, Looks]:
        """Look at instances.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            boxes: ``(N, 4)`` xyxy of the instances.
            hint: The same instances with the keypoints that are thought to be theirs.
            scale: ``(N,)`` input pixels a picture pixel of the network that gave the hint; 0: the hint only points.
            clock: Told how long things take.
            flip: Look mirrored too.
            once: Take the first look only.

        Returns:
            ``(N, K, 2)`` keypoints, pixels of the picture, and what the looks say of them.
        """
        looks = self.looks[:1] if once else self.looks
        seen = [self._look(image, boxes, hint, look, clock, flip=flip or self._flip) for look in looks]
        points = [xy for xy, _ in seen]
        weights = [conf for _, conf in seen]
        # A network is as sharp as another where it sees the instance as large; the variance of either grows with the
        # square of a pixel's size.
        side = (boxes[:, 2:] - boxes[:, :2]).max(axis=-1, initial=0) * scale
        _, height, expand = looks[0]
        sharp = np.minimum(side * (expand / height), 1) ** 2
        points.append(hint.xy)
        weights.append(hint.conf * (self._trust * sharp)[:, None])
        every, weight = np.stack(points), np.stack(weights)
        mean: Floats = np.asarray(np.mean(weights[:-1], axis=0), dtype=np.float32)
        out = agree(every, weight, mean, boxes, self._sigmas)
        clock.lap("postprocess")
        return out

    def _look(
        self, image: Image, boxes: Floats, hint: People, look: tuple[int, int, float], clock: Clock, *, flip: bool
    ) -> tuple[Floats, Floats]:
        """Run the network on the region of each instance."""
        k = self._refiner.keypoints
        size = look[:2]
        around = regions(boxes, size, look[2])
        xy, conf = np.empty((len(boxes), k, 2), np.float32), np.empty((len(boxes), k), np.float32)
        for start in range(0, len(boxes), self._chunk):
            part = slice(start, start + self._chunk)
            cut, matrices = crop(image, around[part], size)
            feeds = self._refiner.prepare(cut)
            clock.lap("preprocess")
            outputs = self._session.run(feeds)
            if flip:
                mirrored = self._session.run(self._refiner.prepare(cut[:, :, ::-1]))
                outputs = self._refiner.average(outputs, mirrored, self._flip_idx)
            clock.lap("inference")
            near = affine_apply(matrices, hint.xy[part]).astype(np.float32)
            points, conf[part] = self._refiner.decode(outputs, near, hint.conf[part])
            xy[part] = affine_apply(affine_invert(matrices), points)
            clock.lap("postprocess")
        return xy, conf


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
