"""What every detector and every refiner offers. A family is a small file in ``detectors/`` or ``refiners/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from poise.estimators.spec import Spec
from poise.frames import Image

Floats = NDArray[np.float32]
Outputs = Mapping[str, NDArray[Any]]


class People(NamedTuple):
    """Instances as columns, outer-corner convention; N of them with K keypoints.

    Attributes:
        boxes: ``(N, 4)`` xyxy.
        xy: ``(N, K, 2)`` keypoints; NaN where there are none.
        conf: ``(N, K)`` raw keypoint scores in [0, 1]; 0 where there are none.
        score: ``(N,)`` raw scores in [0, 1].
    """

    boxes: Floats
    xy: Floats
    conf: Floats
    score: Floats

    def take(self, rows: NDArray[Any]) -> People:
        """Return the instances of some rows, by indices or mask."""
        return People(*(column[rows] for column in self))

    @classmethod
    def boxed(cls, boxes: NDArray[Any], score: NDArray[Any], keypoints: int) -> People:
        """Return instances that have a box and no keypoints yet."""
        shape = (len(boxes), keypoints)
        return cls(
            np.asarray(boxes, np.float32).reshape(-1, 4),
            np.full((*shape, 2), np.nan, np.float32),
            np.zeros(shape, np.float32),
            np.asarray(score, np.float32),
        )


class Detector(Protocol):
    """Finds the instances of a whole picture: boxes, and of some families (MultiPose, RTMO) keypoints too.

    Made by ``Family(spec, session)``; holds no state.

    Attributes:
        spec: Of the network.
        keypoints: K of the keypoints that it gives; 0 where it gives boxes only.
    """

    spec: Spec
    keypoints: int

    def prepare(self, image: Image, longer: int | None = None) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
        """Make the network's feeds of one picture.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            longer: Longer side of the picture as the network sees it, pixels; None, or where the network takes one
                size only: ``spec.size``.

        Returns:
            Input name to array, and the ``(2, 3)`` map from input pixels back to the picture's.
        """
        ...

    def decode(self, outputs: Outputs, *, min_score: float) -> People:
        """Decode one picture; input pixels, duplicates dropped, best first; xy and conf are ``(N, 0)`` for boxes."""
        ...


class Refiner(Protocol):
    """Finds the keypoints of the one instance in the middle of each crop.

    Made by ``Family(spec, session)``; holds no state.

    Attributes:
        spec: Of the network: ``size`` of the crops and ``expand``.
        keypoints: K.
    """

    spec: Spec
    keypoints: int

    def prepare(self, crops: Image) -> dict[str, NDArray[Any]]:
        """Make the network's feeds of ``(N, H, W, 3)`` uint8 BGR crops of the size ``spec.size``."""
        ...

    def decode(
        self, outputs: Outputs, hint: Floats | None = None, trust: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Decode crops.

        Args:
            outputs: Of the network.
            hint: ``(N, K, 2)`` where the keypoints are thought to be, crop pixels; NaN where nothing is known. Families
                that cannot use it leave it alone.
            trust: ``(N, K)`` how sure each of them is, in [0, 1].

        Returns:
            ``(N, K, 2)`` keypoints in crop pixels and their ``(N, K)`` raw scores in [0, 1].
        """
        ...

    def average(self, outputs: Outputs, mirrored: Outputs, flip_idx: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Average outputs with those of the mirrored crops (flip test).

        Args:
            outputs: Of the plain crops.
            mirrored: Of the crops with their columns reversed.
            flip_idx: The keypoint that each one becomes in a mirror.
        """
        ...
