"""Single-shot detectors run over whole pictures and over tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from poise.estimators._clock import Clock
from poise.estimators._estimator import Options
from poise.estimators.anchors import Floats64, blend, decode
from poise.estimators.people import boxes_to_picture
from poise.estimators.regions import Effort, sample
from poise.frames import Image
from poise.geometry import affine_apply, affine_invert, box_iou
from poise.runtime import Session

# Score from which MediaPipe takes detections into its means. Source: min_score_thresh of its palm and face graphs.
_SURE = 0.5
# Share of a tile that the next one repeats, so that what one tile cuts in two lies whole in another.
_TILE_OVERLAP = 0.25
# A longer side of the picture beyond this many tiles is searched no finer: keeps 30,000-pixel strips affordable.
_MAX_TILES_A_SIDE = 8


class AnchorDetector:
    """A single-shot detector with a fixed square input, over whole pictures and over tiles.

    Args:
        session: The network: input ``image`` [1, S, S, 3], outputs ``boxes`` and ``logits``.
        centres: ``(A, 2)`` anchors.
        scale: What a pixel value is multiplied by.
        shift: What is added then.
        min_overlap: IoU from which detections are blended.
        min_score: Detections below this are dropped.
    """

    def __init__(
        self,
        session: Session,
        centres: Floats64,
        *,
        scale: float,
        shift: float,
        min_overlap: float,
        min_score: float,
    ) -> None:
        self.session, self.centres, self.min_overlap, self.min_score = session, centres, min_overlap, min_score
        self.scale, self.shift = np.float32(scale), np.float32(shift)
        self.size = int(session.inputs[0].shape[1] or 0)

    def search(
        self, image: Image, options: Options, settings: Mapping[str, Any], clock: Clock, *, effort: Effort
    ) -> tuple[Floats64, Floats64, Floats64]:
        """Find boxes and points at the sizes that the options and the card ask for.

        The whole picture first, at ``imgsz`` where given; with ``tile`` in tiles as well. A still is searched in tiles
        of the card's ``sides`` too, a video where the whole picture shows nothing, and a glance never.
        """
        first = options.imgsz or self.size
        sides = [first]
        if options.tile:
            sides += [side for side in settings["tile"] if side > first]
        finer = [] if options.imgsz or options.tile else settings["sides"]
        if effort == "still":
            sides += finer
        found = self(image, sides=sides, clock=clock)
        if effort == "search" and not len(found[0]) and finer:
            found = self(image, sides=finer, clock=clock)
        return found

    def __call__(self, image: Image, *, sides: Sequence[int], clock: Clock) -> tuple[Floats64, Floats64, Floats64]:
        """Find boxes and points.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            sides: Lengths of the picture's longer side to search at, pixels; above the network's input in tiles.
            clock: Where time is added.

        Returns:
            ``(M, 4)`` boxes, ``(M, P, 2)`` points in pixels of the picture, ``(M,)`` scores. What one side shows stands
            as it is; later sides add what it does not, and raise scores.
        """
        found = self._search(image, sides[0], clock)
        for side in sides[1:]:
            more = self._search(image, side, clock)
            with clock.stage("postprocess"):
                alike = box_iou(found[0], more[0]) > self.min_overlap
                new = ~alike.any(axis=0)
                scores = np.maximum(found[2], np.where(alike, more[2], 0.0).max(axis=1, initial=0.0))
                found = (
                    np.concatenate([found[0], more[0][new]]),
                    np.concatenate([found[1], more[1][new]]),
                    np.concatenate([scores, more[2][new]]),
                )
        return found

    def _search(self, image: Image, side: int, clock: Clock) -> tuple[Floats64, Floats64, Floats64]:
        found = []
        for canvas, matrix in self._views(image, side, clock):
            with clock.stage("preprocess"):
                feed = canvas[None] * self.scale + self.shift
            with clock.stage("inference"):
                out = self.session.run({"image": feed})
            with clock.stage("postprocess"):
                boxes, points, scores = decode(
                    out["boxes"][0], out["logits"][0, :, 0], self.centres, min_score=self.min_score
                )
                back = affine_invert(matrix)
                boxes = boxes_to_picture(boxes, back)
                found.append((boxes, affine_apply(back, points), scores))
        with clock.stage("postprocess"):
            boxes, points, scores = (np.concatenate(column) for column in zip(*found, strict=True))
            return blend(boxes, points, scores, min_overlap=self.min_overlap, sure=_SURE)

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
