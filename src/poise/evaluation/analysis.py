"""Everything that can be said of a validation beside its scores, made from its evidence when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.evaluation.bootstrap import Comparison, Interval, average_precisions, compare, draws, interval
from poise.evaluation.metrics import Evidence, PoseMetrics
from poise.evaluation.pairs import (
    AngleRow,
    ErrorRow,
    Pairs,
    angle_errors,
    error_tables,
    pair_up,
    pck,
    picture_scores,
)
from poise.evaluation.reliability import (
    Coverage,
    Reliability,
    coverage,
    fit_sigma_scale,
    fit_temperature,
    keypoint_evidence,
    reliability,
)

# Shares of the reference length within which a keypoint is right. Source: as in ``pairs.reference_length``.
PCK = {"bbox": 0.2, "torso": 0.2, "head": 0.5}
# Scores with intervals: name, which matches, index of the threshold (None: the mean of all).
_SCORES = (
    ("pose mAP50-95", "pose", None),
    ("pose mAP50", "pose", 0),
    ("box mAP50-95", "box", None),
    ("box mAP50", "box", 0),
)


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What a validation shows beside its scores.

    Attributes:
        intervals: Score name to its value and bootstrap interval.
        tables: Errors of all keypoints, and by keypoint, size and occlusion.
        pck: Reference length to the mean over keypoints of the share within it; only those that can be measured.
        angles: Errors of the angles between limbs.
        instances: Reliability of the boxes' confidence (right: OKS of at least 0.5).
        keypoints: Reliability of the keypoints' confidence; None where the network gives none.
        sigma: Errors against standard deviations; None where the network gives none.
        temperature: That mends the keypoints' confidence; NaN where it cannot be fitted.
        sigma_scale: That mends the standard deviations; NaN where it cannot be fitted.
        fitted_on: Number of labelled keypoints that were found.
    """

    intervals: Mapping[str, Interval]
    tables: Mapping[str, tuple[ErrorRow, ...]]
    pck: Mapping[str, float]
    angles: tuple[AngleRow, ...]
    instances: Reliability
    keypoints: Reliability | None
    sigma: Coverage | None
    temperature: float
    sigma_scale: float
    fitted_on: int

    def record(self) -> dict[str, Any]:
        """Return all of it as plain numbers and lists for JSON; null for NaN."""
        return {
            "intervals": {name: plain(asdict(value)) for name, value in self.intervals.items()},
            "tables": {name: [plain(asdict(row)) for row in rows] for name, rows in self.tables.items()},
            "pck": dict(self.pck),
            "angles": [plain(asdict(row)) for row in self.angles],
            "reliability": {
                "instances": plain(asdict(self.instances)),
                "keypoints": plain(asdict(self.keypoints)) if self.keypoints else None,
                "sigma": plain(asdict(self.sigma)) if self.sigma else None,
            },
            "calibration": plain({"temperature": self.temperature, "sigma_scale": self.sigma_scale}),
        }


def analyse(metrics: PoseMetrics, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> Analysis:
    """Make tables, intervals and reliabilities of a validation.

    Args:
        metrics: What :func:`poise.validation.validate` returned.
        resamples: How often the pictures are drawn anew.
        level: Share of the resamples inside an interval.
        seed: Of the draws.

    Raises:
        ValueError: The metrics hold no evidence.
    """
    evidence = _evidence(metrics)
    pairs = pair_up(evidence.expected, evidence.found, pictures=len(evidence.pictures))
    skeleton, sigmas = evidence.skeleton, evidence.sigmas
    shares = {}
    for by, within in PCK.items():
        each = pck(pairs, skeleton, by=by, within=within)
        if np.isfinite(each).any():
            shares[by] = float(np.nanmean(each))
    conf, right = keypoint_evidence(pairs, sigmas)
    spread = coverage(pairs)
    counted = ~evidence.pose.ignored[:, 0]
    return Analysis(
        intervals=intervals(metrics, resamples=resamples, level=level, seed=seed),
        tables=error_tables(pairs, skeleton, sigmas),
        pck=shares,
        angles=angle_errors(pairs, skeleton),
        instances=reliability(evidence.pose.conf[counted], evidence.pose.pair[counted, 0] >= 0),
        keypoints=reliability(conf, right) if len(conf) else None,
        sigma=spread if spread.count else None,
        temperature=fit_temperature(conf, right),
        sigma_scale=fit_sigma_scale(pairs),
        fitted_on=int((pairs.labelled & pairs.taken[:, None]).sum()),
    )


def intervals(
    metrics: PoseMetrics, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Return the main scores with how far they may be off by the choice of pictures."""
    evidence = _evidence(metrics)
    counts = draws(evidence.used, total=len(evidence.pictures), resamples=resamples, seed=seed)
    drawn = {
        kind: average_precisions(getattr(evidence, kind), counts, protocol=metrics.protocol) for kind in ("pose", "box")
    }
    out = {}
    for name, kind, threshold in _SCORES:
        scores = getattr(metrics, kind)
        value = scores.map if threshold is None else scores.map50
        sample = drawn[kind].mean(axis=1) if threshold is None else drawn[kind][:, threshold]
        out[name] = interval(value, sample, level=level)
    return out


@dataclass(frozen=True, slots=True)
class PictureChange:
    """One picture that two models read differently: the mean OKS of its instances by each, 0 to 1."""

    picture: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Paired:
    """Two models on the same pictures.

    Attributes:
        scores: Score name to the second's less the first's, with its interval.
        pictures: Pictures by how much they differ, most first.
    """

    scores: Mapping[str, Comparison]
    pictures: tuple[PictureChange, ...]


def compare_metrics(
    first: PoseMetrics, second: PoseMetrics, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Paired:
    """Compare two validations of the same pictures.

    Raises:
        ValueError: They are of different pictures or protocols.
    """
    a, b = _evidence(first), _evidence(second)
    if first.protocol != second.protocol or a.pictures != b.pictures or not np.array_equal(a.used, b.used):
        raise ValueError("two validations can only be compared on the same pictures by the same protocol")
    counts = draws(a.used, total=len(a.pictures), resamples=resamples, seed=seed)
    scores = {
        name: compare(
            getattr(a, kind),
            getattr(b, kind),
            counts,
            protocol=first.protocol,
            threshold=threshold,
            level=level,
        )
        for name, kind, threshold in _SCORES
    }
    each = [_pictures(evidence) for evidence in (a, b)]
    order = np.argsort(-np.abs(each[1] - each[0]), kind="stable")
    rows = [i for i in order if np.isfinite(each[0][i])]
    return Paired(scores, tuple(PictureChange(a.pictures[i], float(each[0][i]), float(each[1][i])) for i in rows))


def _pictures(evidence: Evidence) -> NDArray[np.float64]:
    total = len(evidence.pictures)
    pairs: Pairs = pair_up(evidence.expected, evidence.found, pictures=total)
    return picture_scores(pairs, evidence.sigmas, pictures=total)


def _evidence(metrics: PoseMetrics) -> Evidence:
    if metrics.evidence is None:
        raise ValueError("these metrics hold no evidence; use what validate() returned")
    return metrics.evidence


def plain(table: Mapping[str, Any]) -> dict[str, Any]:
    """Turn arrays into lists and NaN into None, as JSON needs."""
    return {key: _plain(value) for key, value in table.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    return None if isinstance(value, float) and np.isnan(value) else value
