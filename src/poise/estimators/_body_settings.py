"""The settings of a body model, as the registry of weights holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from poise.errors import FormatError, suggest
from poise.weights import Card


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings table of a body model in the registry.

    Attributes:
        imgsz: Longer sides of the picture as MultiPose sees it, pixels, one run each. Its people are sharpest when
            they fill the picture, so that a small size finds the large people and a large one the small.
        biggest: Box side in input pixels above which a person is left to the smallest size.
        crop: Width and height of Thunder's crops, pixels.
        expand: Side of a crop over the side of the person's box.
        min_proposal: MultiPose score below which a proposal is not refined.
        min_box: NanoDet probability below which a box is not refined.
        max_oks: Of two people more alike, the better stays; the scores of less alike ones are lowered.
        trust: Weight of MultiPose's keypoints in the mean with Thunder's of a person whom both see equally large.
        confident: Keypoints with a raw score above it make the person score.
        flip: Run crops mirrored too, without being asked.
        chunk: Most crops a run of Thunder. On a CPU one at a time is as fast as many.
        refresh: Seconds of video between searches of the whole picture.
        tile: Side of a tile over the longer side of the picture.
        conf: ``(slope, shift)``: person conf = sigmoid(slope * ln(raw score) + shift).
        keypoint_conf: The same for keypoints.
    """

    imgsz: tuple[int, ...] = (384,)
    biggest: int = 256
    crop: tuple[int, int] = (192, 256)
    expand: float = 1.25
    min_proposal: float = 0.06
    min_box: float = 0.3
    max_oks: float = 0.9
    trust: float = 0.5
    confident: float = 0.2
    flip: bool = False
    chunk: int = 1
    refresh: float = 0.4
    tile: float = 0.6
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
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in card.settings.items()}
        return cls(**values)
