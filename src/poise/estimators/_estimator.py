"""What every family of networks offers, and the choice of a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from poise.frames import Frame, Image
from poise.results import Results, Speed
from poise.runtime import Session
from poise.skeletons import Skeleton, get
from poise.weights import Card

# Family -> "module:class"; the class is called with (card, open, skeleton).
FAMILIES = {
    "top-down": "poise.estimators.topdown:TopDown",
    "blazepose": "poise.estimators.blazepose:BlazePose",
    "hands": "poise.estimators.hands:Hands",
    "face": "poise.estimators.face:Face",
}

# Opens one of the model's networks by its registry name; the same object for the same name.
Opener = Callable[[str], Session]


@dataclass(frozen=True, slots=True)
class Options:
    """What a call of ``predict`` asks of an estimator.

    Attributes:
        conf: Drop instances below this confidence, 0 to 1.
        iou: Of two instances more alike than this (IoU of boxes, OKS of keypoints), the better stays; None: the
            family's own.
        max_det: Most instances a picture.
        classes: Class numbers to keep; None keeps all.
        imgsz: Longer side of the picture as the detecting network sees it, pixels; None: the family's own.
        augment: Run mirrored too and average (flip test).
        tile: Search overlapping tiles as well, for small instances.
        agnostic: Let instances of different classes suppress each other.
        nms: What likeness is: ``"iou"`` of boxes or ``"oks"`` of keypoints, where the family lets choose.
        boxes: ``(N, 4)`` xyxy boxes of the user's own, pixels: nothing is searched, each is looked into.
        multi_label: One place may give an instance of each class above ``conf``, as evaluation counts them.
    """

    conf: float = 0.25
    iou: float | None = None
    max_det: int = 300
    classes: tuple[int, ...] | None = None
    imgsz: int | None = None
    augment: bool = False
    tile: bool = False
    agnostic: bool = False
    nms: Literal["iou", "oks"] = "iou"
    boxes: NDArray[np.float32] | None = None
    multi_label: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What an estimator found in one picture; N instances of K keypoints, best first.

    Attributes:
        boxes: ``(N, 6)`` float32 x1, y1, x2, y2 in pixels of the picture (clipped to it), conf, class.
        xy: ``(N, K, 2)`` float32 pixels of the picture; NaN for a keypoint that was not predicted.
        conf: ``(N, K)`` float32 in [0, 1], or None where the network gives none.
        sigma: ``(N, K, 2)`` pixels, or None.
        xyz: ``(N, K, 3)`` metres, or None.
        speed: Milliseconds for ``preprocess``, ``inference``, ``postprocess``.
    """

    boxes: NDArray[np.float32]
    xy: NDArray[np.float32]
    conf: NDArray[np.float32] | None = None
    sigma: NDArray[np.float32] | None = None
    xyz: NDArray[np.float32] | None = None
    speed: Mapping[str, float] = field(default_factory=dict)


class Memory(Protocol):
    """What an estimator keeps from frame to frame of one video. Made by ``Estimator.memory()``; one a video."""


class Estimator(Protocol):
    """A family of networks, loaded. Holds no state between calls, so many threads may call one object.

    State over a video lives in a ``Memory`` that the caller holds and passes in.
    """

    skeleton: Skeleton
    names: Mapping[int, str]

    def memory(self) -> Memory | None:
        """Return an empty memory for one video, or None where the family needs none."""
        ...

    def __call__(
        self, images: Sequence[Image], options: Options, memory: Memory | None = None, *, times: Sequence[float] = ()
    ) -> list[Estimate]:
        """Find the instances of each picture.

        Args:
            images: ``(H, W, 3)`` uint8 BGR pictures; with a memory, consecutive frames of its video.
            options: What the user asked for.
            memory: The video's memory; changed in place. None: the pictures have nothing to do with each other.
            times: Presentation time of each picture, seconds; needed only with a memory.
        """
        ...


def build(card: Card, open_network: Opener) -> Estimator:
    """Make the estimator of a model card."""
    made: Estimator = resolve_name(FAMILIES[card.estimator])(card, open_network, get(card.skeleton))
    return made


def to_results(frame: Frame, found: Estimate, estimator: Estimator, **speed: Any) -> Results:
    """Join a frame and what was found in it."""
    return Results.of(
        frame,
        found.boxes,
        found.xy,
        found.conf,
        skeleton=estimator.skeleton,
        names=estimator.names,
        sigma=found.sigma,
        xyz=found.xyz,
        speed=Speed({**found.speed, **speed}, getattr(estimator, "engine", "")),
    )
