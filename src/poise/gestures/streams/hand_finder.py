"""Hands of a source, found by the hand model and a body model together, each helping the other.

The hand model looks for palms in the whole picture and misses small and dark ones. The body model knows where the
wrists are. Where a wrist is seen without a hand, the hand model looks again at a square round it, at its own scale; in
a video what it finds there is followed from then on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from poise.bodies.points import read_points
from poise.estimators import Estimate, Options, to_results
from poise.estimators.hands import rois_from_hands
from poise.estimators.roi import RoiMemory
from poise.frames import Frame, Media, continues
from poise.geometry import Floats
from poise.gestures.streams.hand_follower import MIN_WRIST, forearms
from poise.results import Results

if TYPE_CHECKING:
    from poise.model import Pose

# A hand's middle lies this share of the forearm beyond the wrist. The square's side in forearms: a hand is about 0.75
# of a forearm long, and the palm detector wants a palm of about a quarter of the picture.
_BEYOND, _SIDE = 0.4, 2.2
# Longer side at which the palm detector takes a picture.
_PALM_SIDE = 192
# Hands are looked for at wrists from this confidence on, and kept from it; MediaPipe's own limit.
MIN_HAND = 0.5
# Seconds between two looks round wrists without a hand in a video, and at how many of them: a wrist costs as much as
# following two hands, and a crowd must not stop the video. The others' turn comes at the next look.
_AGAIN_S, _A_LOOK = 0.12, 2
# In a video smaller squares are left out: their hands have under 20 pixels, of which no gesture is told.
_MIN_SQUARE = 60.0


def wrist_squares(xy: Floats, conf: Floats) -> Floats:
    """Return where the hands of bodies should be.

    Args:
        xy: ``(N, 17, 2)`` coco17 keypoints, pixels.
        conf: ``(N, 17)``.

    Returns:
        ``(N, 2, 3)`` centre x, centre y and side of a square for the left and the right hand, pixels; NaN where the
        wrist is not seen.
    """
    elbow, wrist = xy[:, [7, 8]], xy[:, [9, 10]]
    # Without its elbow nobody knows on which side of the wrist the hand is.
    along = np.where(conf[:, [7, 8], None] >= MIN_WRIST, wrist - elbow, 0.0)
    sides = _SIDE * forearms(xy, conf)[..., None]
    squares = np.concatenate([wrist + _BEYOND * along, sides], axis=-1)
    return np.where(np.isfinite(sides), squares, np.nan)


class HandFinder:
    """Finds the hands of one source, with the help of what a body model saw.

    Args:
        hands: ``Pose("hands")``.
    """

    def __init__(self, hands: Pose) -> None:
        self._estimator = hands.estimator
        self._options = Options(conf=MIN_HAND)
        # In video: the whole of what is given once, as the palm detector takes it.
        self._quick = Options(conf=MIN_HAND, imgsz=_PALM_SIDE)
        self._media: Media | None = None
        self._memory: RoiMemory | None = None
        self._looked, self._turn = -np.inf, 0

    def find(self, frame: Frame, bodies: Results | None = None) -> Results:
        """Find the hands of the next frame."""
        if not continues(frame.media, self._media, scene=False):
            video = frame.media.kind != "image"
            memory = self._estimator.memory() if video else None
            self._media, self._looked = frame.media, -np.inf
            self._memory = memory if isinstance(memory, RoiMemory) else None
        # Beside bodies no second look at the whole picture in tiles is needed: the looks round wrists are sharper.
        options = self._options if self._memory is None or bodies is None else self._quick
        (found,) = self._estimator([frame.image], options, self._memory, times=[frame.time])
        result = to_results(frame, found, self._estimator)
        if bodies is None or not len(bodies) or bodies.skeleton.name != "coco17":
            return result
        empty = _empty(wrist_squares(*read_points(bodies)), result)
        if self._memory is not None:
            empty = self._turn_of(empty, frame.time)
        if not len(empty):
            return result
        more = [one for square in empty if (one := self._look(frame, square)) is not None]
        return _joined(frame, [found, *more], self._estimator, self._memory)

    def _turn_of(self, squares: Floats, time: float) -> Floats:
        """Return the squares of a video that are looked into now."""
        squares = squares[squares[:, 2] >= _MIN_SQUARE]
        if not len(squares) or 0 <= time - self._looked < _AGAIN_S:
            return squares[:0]
        self._looked = time
        self._turn += _A_LOOK
        return squares[np.unique((self._turn + np.arange(_A_LOOK)) % len(squares))]

    def _look(self, frame: Frame, square: Floats) -> Estimate | None:
        """Look into one square of the picture; returns the best hand, in pixels of the picture."""
        height, width = frame.image.shape[:2]
        low = np.clip(np.floor(square[:2] - square[2] / 2), 0, [width, height]).astype(int)
        high = np.clip(np.ceil(square[:2] + square[2] / 2), 0, [width, height]).astype(int)
        if (high - low < 16).any():
            return None
        crop = np.ascontiguousarray(frame.image[low[1] : high[1], low[0] : high[0]])
        (found,) = self._estimator([crop], self._options if self._memory is None else self._quick)
        if not len(found.boxes):
            return None
        boxes = found.boxes[:1].copy()
        boxes[:, :4] += np.tile(low, 2)
        return replace(
            found,
            boxes=boxes,
            xy=(found.xy[:1] + low).astype(np.float32),
            conf=None if found.conf is None else found.conf[:1],
            xyz=None if found.xyz is None else found.xyz[:1],
        )


def _empty(squares: Floats, hands: Results) -> Floats:
    """Return the ``(S, 3)`` squares in whose middle half no hand was found."""
    flat = squares.reshape(-1, 3)
    flat = flat[np.isfinite(flat).all(axis=1)]
    middle = np.asarray(hands.keypoints.xy, dtype=np.float64).mean(axis=1).reshape(-1, 2)
    off = np.linalg.norm(middle[None] - flat[:, None, :2], axis=-1)
    empty: Floats = flat[(off > flat[:, 2:] / 2).all(axis=1)]
    return empty


def _joined(frame: Frame, found: list[Estimate], estimator: Any, memory: RoiMemory | None) -> Results:
    """Join what was found in the whole picture and round wrists; each hand once, the surer stays."""
    boxes = np.concatenate([one.boxes for one in found])
    xy = np.concatenate([one.xy for one in found])
    xyz = np.concatenate([one.xyz for one in found if one.xyz is not None])
    conf = np.concatenate([one.conf for one in found if one.conf is not None])
    kept: list[int] = []
    for row in np.argsort(-boxes[:, 4], kind="stable").tolist():
        size = np.linalg.norm(boxes[row, 2:4] - boxes[row, :2])
        apart = np.linalg.norm(xy[kept].mean(axis=1) - xy[row].mean(axis=0), axis=-1) if kept else np.array([np.inf])
        if apart.min() > size / 4:
            kept.append(row)
    if memory is not None:
        new = [row for row in kept if row >= len(found[0].boxes)]
        memory.rois = np.concatenate([memory.rois, rois_from_hands(xy[new].astype(np.float64))])
    joined = Estimate(boxes[kept], xy[kept], conf[kept], xyz=xyz[kept], speed=found[0].speed)
    return to_results(frame, joined, estimator)
