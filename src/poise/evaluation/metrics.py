"""The scores of a validation, with the attribute names that users of this field know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.evaluation.average_precision import THRESHOLDS, Table, average_precision
from poise.evaluation.confusion import Confusion
from poise.evaluation.instances import Expected, Found, Matches
from poise.skeletons import Skeleton

_KEYS = ("precision", "recall", "mAP50", "mAP50-95")


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The scores of boxes, or of keypoints; 0 to 1, NaN where there is nothing to find.

    Attributes:
        nc: Number of classes.
        ap_class_index: ``(C,)`` the classes that have true instances; rows of the others belong to these.
        all_ap: ``(C, 10)`` average precision at similarities 0.50, 0.55 … 0.95.
        p: ``(C,)`` precision at the confidence where the mean F1 is best.
        r: ``(C,)`` recall there.
        f1: ``(C,)`` F1 there.
        conf: That confidence.
        curves: The precision, recall and F1 curves; None where a protocol has none.
        by_area: Mean average precision of ``"medium"`` and ``"large"`` instances, where the protocol has it.
    """

    nc: int
    ap_class_index: NDArray[np.int64]
    all_ap: NDArray[np.float64]
    p: NDArray[np.float64]
    r: NDArray[np.float64]
    f1: NDArray[np.float64]
    conf: float
    curves: Table | None = None
    by_area: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, matches: Matches, nc: int) -> Scores:
        """Score matches by the protocol of the original package."""
        table = average_precision(matches.pair >= 0, matches.conf, matches.classes, matches.target_classes)
        return cls.of_table(table, nc)

    @classmethod
    def of_table(
        cls,
        table: Table,
        nc: int,
        *,
        ap: NDArray[np.float64] | None = None,
        by_area: Mapping[str, float] | None = None,
    ) -> Scores:
        """Take the scores from a table; ``ap`` replaces its average precisions."""
        found = table.ap if ap is None else ap
        return cls(nc, table.classes, found, table.p, table.r, table.f1, table.conf, table, by_area or {})

    @property
    def ap(self) -> NDArray[np.float64]:
        """``(C,)`` mean over the ten thresholds."""
        mean: NDArray[np.float64] = self.all_ap.mean(axis=1)
        return mean

    @property
    def ap50(self) -> NDArray[np.float64]:
        """``(C,)`` at 0.50."""
        return self.all_ap[:, 0]

    @property
    def mp(self) -> float:
        """Mean precision over the classes."""
        return _mean(self.p)

    @property
    def mr(self) -> float:
        """Mean recall over the classes."""
        return _mean(self.r)

    @property
    def map50(self) -> float:
        """Mean average precision at 0.50."""
        return self.map_at(0.5)

    @property
    def map75(self) -> float:
        """Mean average precision at 0.75."""
        return self.map_at(0.75)

    @property
    def map(self) -> float:
        """Mean average precision over 0.50, 0.55 … 0.95."""
        return _mean(self.all_ap)

    def map_at(self, threshold: float) -> float:
        """Return the mean average precision at one of the ten thresholds."""
        return _mean(self.all_ap[:, int(np.abs(THRESHOLDS - threshold).argmin())])

    @property
    def maps(self) -> NDArray[np.float64]:
        """``(nc,)`` average precision of each class; the mean where a class has no true instance."""
        out = np.full(self.nc, self.map)
        out[self.ap_class_index] = self.ap
        return out

    @property
    def fitness(self) -> float:
        """What a training run looks at: the mean average precision over all thresholds."""
        return 0.0 if np.isnan(self.map) else self.map

    def mean_results(self) -> list[float]:
        """Return precision, recall, mAP50 and mAP50-95."""
        return [self.mp, self.mr, self.map50, self.map]

    def class_result(self, i: int) -> tuple[float, float, float, float]:
        """Return precision, recall, AP50 and AP50-95 of row ``i`` of ``ap_class_index``."""
        return float(self.p[i]), float(self.r[i]), float(self.ap50[i]), float(self.ap[i])

    def record(self) -> dict[str, float | None]:
        """Return what ``poise val --json`` prints; null where there is nothing to find."""
        values = {"map": self.map, "map50": self.map50, "map75": self.map75, "p": self.mp, "r": self.mr}
        return {key: None if np.isnan(value) else value for key, value in values.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What scores were made from: every table, interval and plot is made from this again.

    Attributes:
        expected: True instances.
        found: Found instances.
        pose: Which find is which instance by keypoints.
        box: The same by boxes.
        pictures: Name of every picture of the data set, by its number.
        used: Numbers of the pictures that were scored.
        sizes: Width and height of every picture.
        skeleton: What the keypoints are.
        sigmas: ``(K,)`` OKS spreads that were used.
        scale: ``(pictures, 2)`` from pixels of the picture to those of the network's input, x and y.
    """

    expected: Expected
    found: Found
    pose: Matches
    box: Matches
    pictures: tuple[str, ...]
    used: NDArray[np.int64]
    sizes: tuple[tuple[int, int], ...]
    skeleton: Skeleton
    sigmas: NDArray[np.float64]
    scale: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PoseMetrics:
    """The result of a validation.

    Attributes:
        pose: Scores of keypoints.
        box: Scores of boxes.
        protocol: ``"yolo"`` or ``"coco"``.
        names: Class number to class name.
        images: Number of pictures that were scored.
        instances: Number of true instances in them that count.
        speed: Milliseconds a picture: ``preprocess`` (as long as the network had to wait for pictures, which are read
            beside it), ``inference``, ``postprocess`` and ``evaluate``.
        notes: What a reader of the scores must know: the areas, spreads and classes that were taken.
        skipped: What is wrong with each picture that was left out, file and reason.
        evidence: What the scores were made from; None when they were made by hand.
        confusion: Which class was found as which; None when they were made by hand.
    """

    pose: Scores
    box: Scores
    protocol: str
    names: Mapping[int, str]
    images: int
    instances: int
    speed: Mapping[str, float]
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    evidence: Evidence | None = None
    confusion: Confusion | None = None

    def __repr__(self) -> str:
        scores = f"pose mAP50-95 {self.pose.map:.3f}, box mAP50-95 {self.box.map:.3f}"
        return f"PoseMetrics({self.protocol}, {self.images} pictures, {self.instances} instances: {scores})"

    @property
    def fitness(self) -> float:
        """The sum of both mean average precisions, by which training chooses its best weights."""
        return self.pose.fitness + self.box.fitness

    @property
    def keys(self) -> list[str]:
        """Names of :meth:`mean_results`, as the field writes them: (B) of boxes, (P) of keypoints."""
        return [f"metrics/{key}({kind})" for kind in "BP" for key in _KEYS]

    def mean_results(self) -> list[float]:
        """Return precision, recall, mAP50 and mAP50-95 of boxes, then of keypoints."""
        return self.box.mean_results() + self.pose.mean_results()

    def class_result(self, i: int) -> tuple[float, ...]:
        """Return the same of row ``i`` of ``ap_class_index``."""
        return self.box.class_result(i) + self.pose.class_result(i)

    @property
    def results_dict(self) -> dict[str, float]:
        """The scores by the field's names, and ``fitness``."""
        return dict(zip([*self.keys, "fitness"], [*self.mean_results(), self.fitness], strict=True))

    @property
    def maps(self) -> NDArray[np.float64]:
        """``(nc,)`` sum of both average precisions of each class."""
        return self.box.maps + self.pose.maps

    @property
    def confusion_matrix(self) -> Confusion | None:
        """The same as ``confusion``, by the field's name."""
        return self.confusion

    @property
    def ap_class_index(self) -> NDArray[np.int64]:
        """The classes that have true instances."""
        return self.box.ap_class_index

    def record(self) -> dict[str, Any]:
        """Return what ``poise val --json`` prints."""
        return {
            "protocol": self.protocol,
            "images": self.images,
            "instances": self.instances,
            "pose": self.pose.record(),
            "box": self.box.record(),
            "confusion": self.confusion and self.confusion.record(),
            "speed": dict(self.speed),
        }


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")
