"""Fit the confidences of the top-down models on labelled photos: python benchmarks/fit_scores.py [--models body …]

Prints the ``point`` and ``person`` tables for ``src/poise/weights/registry.toml``, AP by nested cross-validation over
pictures (every score is of a model that has not seen the picture) beside AP with the printed numbers, AP with a perfect
ranking of the same instances, and the reliability of the confidences out of fold.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _coco import evaluate_keypoints
from accuracy import Pictures, networks_of, read_pictures
from numpy.typing import NDArray

from poise.estimators import Opener, Options, build
from poise.estimators._clock import Clock
from poise.estimators.people import alike_or_part, decay
from poise.estimators.protocols import People
from poise.estimators.scoring import Looks, PersonScore, PointScore
from poise.estimators.topdown import TopDown
from poise.evaluation import coco_rows_of
from poise.geometry import box_iou, oks
from poise.skeletons import get
from poise.weights import model

FOLDS = 6
SEEN = 0.1  # OKS from which an instance is somebody labelled
COCO8 = 8  # the last pictures: their labels leave out people, so that what is not labelled there is not wrong
GROUPS = np.array([0] * 5 + [1] * 2 + [2] * 2 + [3] * 2 + [4] * 2 + [5] * 2 + [6] * 2)  # face, shoulders, elbows …
Floats = NDArray[np.float64]
Ranked = tuple[NDArray[np.intp], NDArray[np.float32]]  # rows, best first, and their scores


@dataclass(frozen=True, eq=False)
class Candidates:
    """What a model proposes in one picture, and how right it is.

    Attributes:
        people: With their final keypoints.
        looks: What their scores rest on.
        found: ``(N, D)`` evidence of the detectors.
        oks: ``(N,)`` likeness to the labelled person that each is most like.
        who: ``(N,)`` number of that person, -1 for nobody.
        unknown: ``(N,)`` True where nobody can say whether it is right.
        similarity: ``(N, K)`` terms of OKS with that person; NaN where not labelled.
    """

    people: People
    looks: Looks
    found: Floats
    oks: Floats
    who: NDArray[np.intp]
    unknown: NDArray[np.bool_]
    similarity: Floats


def candidates(estimator: TopDown, pictures: Pictures, image_id: int, *, coco8: bool) -> Candidates:
    image = pictures.image(image_id)
    clock, options = Clock(), Options(conf=0.0)
    proposals, looks = estimator._refined(image, estimator._find(image, options, clock), options, clock)
    people = proposals.people
    n, k = people.conf.shape
    best, similarity, unknown = np.zeros(n), np.full((n, k), np.nan), np.zeros(n, dtype=bool)
    who = np.full(n, -1)
    for person in (a for a in pictures.truth["annotations"] if a["image_id"] == image_id):
        x, y, w, h = person["bbox"]
        if not person["num_keypoints"] or person["iscrowd"]:
            middle = (people.boxes[:, :2] + people.boxes[:, 2:]) / 2
            inside = ((middle >= [x, y]) & (middle <= [x + w, y + h])).all(axis=-1)
            overlap = box_iou(people.boxes, np.array([[x, y, x + w, y + h]]))[:, 0]
            unknown |= (overlap > 0.3) | (inside & bool(person["iscrowd"]))
            continue
        points = np.array(person["keypoints"], float).reshape(k, 3)
        labelled = points[:, 2] > 0
        area, sigmas = np.array([person["area"]]), estimator.skeleton.sigmas
        alike = oks(people.xy, points[None, :, :2], area=area, visible=labelled[None], sigmas=sigmas)[:, 0]
        better = alike > best
        far = np.square(people.xy - points[:, :2]).sum(-1) / (2 * area * np.square(2 * sigmas))
        similarity[better] = np.where(labelled, np.exp(-far), np.nan)[better]
        who[better] = person["id"]
        best = np.maximum(best, alike)
    unknown = (unknown | coco8) & (best < SEEN)
    return Candidates(people, looks, proposals.found, best, who, unknown, similarity)


def logistic(features: Floats, target: Floats, *, shrink: float) -> Floats:
    """Fit a logistic regression on targets in [0, 1]: weights, then the bias, by Newton's method."""
    mean, scale = features.mean(0), features.std(0) + 1e-9
    x = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    beta = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        curve = (x * (p * (1 - p))[:, None]).T @ x + shrink * np.eye(len(beta))
        beta -= np.linalg.solve(curve, x.T @ (p - target) + shrink * beta)
    weights = beta[:-1] / scale
    return np.append(weights, beta[-1] - weights @ mean)


def fit_points(every: Iterable[Candidates]) -> PointScore:
    """Fit a keypoint's expected similarity on the people whom a label belongs to."""
    rows, targets = [], []
    for c in every:
        some = np.flatnonzero(c.oks >= SEEN)
        looks = c.looks.take(some)
        columns = [np.log(looks.conf + 0.03), looks.support, looks.spread, looks.size]
        if np.ptp(np.concatenate([columns[1].ravel(), [1.0]])) < 1e-6:
            columns[1:3] = [np.zeros_like(columns[1])] * 2
        groups = np.broadcast_to(np.eye(GROUPS.max() + 1)[GROUPS], (*looks.conf.shape, GROUPS.max() + 1))
        known = np.isfinite(c.similarity[some])
        rows.append(np.concatenate([np.stack(columns, -1), groups], -1)[known])
        targets.append(c.similarity[some][known])
    beta = logistic(np.concatenate(rows), np.concatenate(targets), shrink=2.0)
    return PointScore(tuple(beta[:4].tolist()), tuple((beta[4:-1][GROUPS] + beta[-1]).tolist()))


def fit_person(every: Sequence[Candidates], points: Sequence[PointScore]) -> PersonScore:
    """Fit an instance's expected OKS; each picture's keypoints have a score of their own."""
    plain = PersonScore(evidence=(0.0,))
    rows, targets = [], []
    for c, point in zip(every, points, strict=True):
        known = ~c.unknown
        expected = np.clip(plain.expected(point(c.looks), c.looks), 1e-3, 1 - 1e-3)
        rows.append(np.column_stack([np.log(c.found + 0.03), np.log(expected / (1 - expected))])[known])
        targets.append(c.oks[known])
    beta = logistic(np.concatenate(rows), np.concatenate(targets), shrink=0.5)
    return PersonScore(tuple(beta[:-2].tolist()), float(beta[-2]), float(beta[-1]))


def recalibrated(person: PersonScore, scores: Floats, good: Floats) -> PersonScore:
    """Turn an expected OKS into the probability that OKS is 0.5 or more; the order of instances stays."""
    scores = np.clip(scores, 1e-4, 1 - 1e-4)
    slope, shift = logistic(np.log(scores / (1 - scores))[:, None], good, shrink=0.1)
    return PersonScore(
        tuple(slope * w for w in person.evidence), float(slope * person.points), float(slope * person.bias + shift)
    )


def ordered(c: Candidates, score: NDArray[np.float32], sigmas: Floats) -> Ranked:
    return decay(alike_or_part(c.people, sigmas, get("coco17").flip_idx), score, decay_from=0.3, max_similarity=0.9)


def kept(c: Candidates, point: PointScore, person: PersonScore, sigmas: Floats) -> Ranked:
    """Return the rows that suppression leaves, best first, and their scores."""
    similarity = point(c.looks)
    return ordered(c, person(c.found, person.expected(similarity, c.looks)), sigmas)


def right(c: Candidates, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which instances, best first, are right; of several on one person only the first is."""
    first = np.zeros(len(order), dtype=bool)
    first[np.unique(np.where(c.oks[order] >= 0.5, c.who[order], -2), return_index=True)[1]] = True
    return first & (c.oks[order] >= 0.5)


def reliability(scores: Floats, good: Floats) -> str:
    edges = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    cells = []
    for low, high in itertools.pairwise(edges):
        some = (scores >= low) & (scores < high)
        if some.any():
            cells.append(f"{low:.2f}-{high:.2f}: {good[some].mean():.2f} of {some.sum()}")
    return "; ".join(cells)


def report(name: str, pictures: Pictures, opener: Opener) -> None:
    """Fit one model's scores, and print them with what they reach."""
    ids = list(pictures.paths)
    folds = np.random.default_rng(0).permutation(len(ids)) % FOLDS
    card = model(name)
    bare = {k: v for k, v in card.settings.items() if k not in ("point", "person")}
    estimator = build(replace(card, settings=bare), opener)
    assert isinstance(estimator, TopDown)
    sigmas = estimator.skeleton.sigmas
    every = [candidates(estimator, pictures, i, coco8=n >= len(ids) - COCO8) for n, i in enumerate(ids)]

    def ap(ranked: Sequence[Ranked]) -> float:
        rows: list[dict[str, Any]] = []
        for i, c, (keep, score) in zip(ids, every, ranked, strict=True):
            rows += coco_rows_of(c.people.xy[keep], c.people.conf[keep], score, i)
        return 100 * evaluate_keypoints(pictures.truth, rows).ap

    # Inner folds: the person score is fitted on keypoint scores of pictures that those have not seen.
    points = [fit_points(c for n, c in enumerate(every) if folds[n] != f) for f in range(FOLDS)]
    persons = []
    for f in range(FOLDS):
        outside = [n for n in range(len(ids)) if folds[n] != f]
        persons.append(fit_person([every[n] for n in outside], [points[folds[n]] for n in outside]))
    unseen = [kept(c, points[folds[n]], persons[folds[n]], sigmas) for n, c in enumerate(every)]
    known = [~c.unknown[rows] for c, (rows, _) in zip(every, unseen, strict=True)]
    scores = np.concatenate([s[m] for (_, s), m in zip(unseen, known, strict=True)])
    good = np.concatenate([right(c, rows)[m] for c, (rows, _), m in zip(every, unseen, known, strict=True)])
    point = fit_points(every)
    person = recalibrated(fit_person(every, [point] * len(every)), scores, good)
    step = recalibrated(PersonScore((), 1.0, 0.0), scores, good)
    odds = np.log(np.clip(scores, 1e-4, 1 - 1e-4) / (1 - np.clip(scores, 1e-4, 1 - 1e-4)))
    honest = 1 / (1 + np.exp(-(step.points * odds + step.bias)))
    best = [ordered(c, c.oks.astype(np.float32), sigmas) for c in every]
    fitted = [kept(c, point, person, sigmas) for c in every]
    print(f"# {name}: {sum(len(c.oks) for c in every) / len(ids):.1f} instances a picture before suppression")
    print(f"# AP by nested cross-validation {ap(unseen):.1f}, with these numbers {ap(fitted):.1f}, ", end="")
    print(f"in perfect order {ap(best):.1f}")
    print(f"# share right by conf, out of fold: {reliability(honest, good)}")
    print(f"[models.{name}.settings.point]")
    print(f"weights = {[round(v, 3) for v in point.weights]}")
    print(f"bias = {[round(v, 3) for v in point.bias]}")
    print(f"[models.{name}.settings.person]")
    print(f"evidence = {[round(float(v), 3) for v in person.evidence]}")
    print(f"points = {person.points:.3f}\nbias = {person.bias:.3f}\n", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--models", nargs="+", default=["body-fast", "body", "body-accurate"])
    chosen = parser.parse_args()
    pictures = read_pictures(chosen.shared)
    for name in chosen.models:
        report(name, pictures, networks_of(chosen.shared))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
