"""The settings of a top-down model, as the registry of weights holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from poise.errors import FormatError, suggest
from poise.estimators.scoring import PersonScore, PointScore
from poise.weights import Card


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How one detector searches a picture.

    Attributes:
        network: Its name in the registry.
        imgsz: Longer sides of the picture as it sees it, pixels, one run each; empty: the network's usual one. Some
            networks are sharpest when an instance fills the picture: a small size finds the large ones and a large one
            the small.
        fine: A further size, for pictures whose longer side is one and a half times as large or more: in those the same
            number of pixels is a smaller part. 0: none.
        min_score: Score below which a find is left out.
        biggest: Box side in input pixels above which a find is left to the smallest size.
        classes: Class numbers that are wanted, of a detector with several.
    """

    network: str
    imgsz: tuple[int, ...] = ()
    fine: int = 0
    min_score: float = 0.2
    biggest: int = 256
    classes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings table of a top-down model in the registry.

    Attributes:
        detectors: Who searches the whole picture; the finds of the first count most.
        refiner: Name of the network that looks at each instance; empty: the detector's own keypoints stand.
        looks: One crop of each instance for each: width and height, pixels, and side over the side of its box. What
            they see is averaged where it agrees. Empty: one, as the network wants it. In video only the first follows.
        flip: Look mirrored too, without being asked.
        lying: Look once more, turned, at those whom a detector is sure of and the first look is not: they may lie or
            stand on their heads.
        chunk: Most crops a run of the refiner.
        same_box: IoU above which a box of a further detector is an instance that is proposed already.
        same_pose: OKS above which two proposals with keypoints are one.
        max_oks: Of two instances more alike, the better stays; the scores of less alike ones are lowered.
        trust: Weight of a detector's keypoints beside the refiner's, where both see the instance equally large.
        refresh: Seconds of video between searches of the whole picture.
        tile: Side of a tile over the longer side of the picture.
        person: Confidence of an instance.
        point: Confidence of a keypoint.
    """

    detectors: tuple[Search, ...]
    refiner: str = ""
    looks: tuple[tuple[int, int, float], ...] = ()
    flip: bool = False
    lying: bool = False
    chunk: int = 1
    same_box: float = 0.65
    same_pose: float = 0.7
    max_oks: float = 0.9
    trust: float = 0.5
    refresh: float = 0.4
    tile: float = 0.6
    person: PersonScore = field(default_factory=PersonScore)
    point: PointScore = field(default_factory=PointScore)

    @classmethod
    def of(cls, card: Card) -> Settings:
        """Read the settings of a model card.

        Raises:
            FormatError: A key that is not known.
        """
        table = dict(card.settings)
        name = f"model {card.name!r}"
        detectors = tuple(_read(Search, entry, name) for entry in table.pop("detectors", ()))
        person = _read(PersonScore, table.pop("person", {}), name)
        point = _read(PointScore, table.pop("point", {}), name)
        made: Settings = _read(cls, {**table, "detectors": detectors, "person": person, "point": point}, name)
        return made


def _read(kind: Any, table: Mapping[str, Any], name: str) -> Any:
    known = [f.name for f in fields(kind)]
    for key in table:
        if key not in known:
            raise FormatError(f"{name}: unknown setting {key!r}{suggest(key, known)}")
    return kind(**{k: _frozen(v) for k, v in table.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
