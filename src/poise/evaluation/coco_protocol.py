"""COCO's protocol on columns, through hotcoco: average precision, and which find is which instance."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poise.errors import require
from poise.evaluation.average_precision import THRESHOLDS, average_precision
from poise.evaluation.instances import Expected, Found, Matches
from poise.evaluation.metrics import Scores

Kind = Literal["keypoints", "bbox"]
# Finds a picture that count, best first. Source: COCO's parameters for each kind.
MOST: Mapping[Kind, int] = {"keypoints": 20, "bbox": 100}
# Areas of medium and large instances, square pixels. Source: COCO.
AREAS: Mapping[str, tuple[float, float]] = {"medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}


def score_by_coco(
    expected: Expected,
    found: Found,
    *,
    kind: Kind,
    names: Mapping[int, str],
    pictures: int,
    sigmas: NDArray[np.float64],
) -> tuple[Scores, Matches]:
    """Score finds by COCO's protocol.

    Crowds and, for keypoints, people without labelled keypoints are ignored, with the finds that match them. Precision
    and recall, which COCO has not, are those at similarity 0.50 where F1 is best, from COCO's matches.

    Args:
        expected: True instances.
        found: Found instances; boxes must lie inside the picture.
        kind: Compare keypoints or boxes.
        names: Class number to name.
        pictures: Number of pictures.
        sigmas: ``(K,)`` OKS spreads.

    Raises:
        MissingExtra: hotcoco is not installed.

    Source:
        Lin et al. 2014, arXiv:1405.0312, and cocodataset.org/#keypoints-eval.
    """
    hotcoco = require("hotcoco", extra="eval", feature="COCO evaluation")
    with _no_collection():
        kept = _best(found, MOST[kind])
        truth = hotcoco.COCO(_truth(expected, names, pictures, kind))
        rows = _boxes(kept) if kind == "bbox" else _rows(kept)
        if not len(rows):
            return _none(expected, names, pictures, kind)
        results = truth.load_res(rows)
        run = hotcoco.COCOeval(truth, results, kind)
        run.params.max_dets = [MOST[kind]]
        run.params.area_rng = [[0.0, 1e10], *map(list, AREAS.values())]
        run.params.area_rng_lbl = ["all", *AREAS]
        if kind == "keypoints":
            run.params.kpt_oks_sigmas = sigmas.tolist()
        run.evaluate()
        run.accumulate()
        # Axes: similarity, recall, category, area range, finds a picture.
        precision = np.asarray(run.eval["precision"], dtype=np.float64)[..., 0]
        run.params.area_rng, run.params.area_rng_lbl = [[0.0, 1e10]], ["all"]
        run.evaluate()
        matches = _matches(run.eval_imgs, pictures)
    return _scores(matches, precision, names), matches


def _scores(matches: Matches, precision: NDArray[np.float64], names: Mapping[int, str]) -> Scores:
    counted = ~matches.ignored[:, 0]
    table = average_precision(
        matches.pair[counted, :1] >= 0, matches.conf[counted], matches.classes[counted], matches.target_classes
    )
    whole = precision[:, :, table.classes, 0].mean(axis=1).T
    by_area = {}
    for i, name in enumerate(AREAS, start=1):
        part = precision[:, :, :, i]
        known = part[part > -1]
        by_area[name] = float(known.mean()) if known.size else float("nan")
    return Scores.of_table(table, len(names), ap=whole, by_area=by_area)


def _none(expected: Expected, names: Mapping[int, str], pictures: int, kind: Kind) -> tuple[Scores, Matches]:
    counts = ~expected.crowd & ((expected.visibility > 0).any(axis=1) | (kind == "bbox"))
    empty, some = Found.empty(expected.xy.shape[1]), expected[counts]
    pair = np.empty((0, len(THRESHOLDS)), dtype=np.intp)
    matches = Matches(pictures, empty.picture, empty.classes, empty.conf, pair, pair >= 0, some.picture, some.classes)
    return Scores.of(matches, len(names)), matches


def _truth(expected: Expected, names: Mapping[int, str], pictures: int, kind: Kind) -> dict[str, Any]:
    """Return COCO's dictionary; an annotation's id is its row plus 1, a category's its class plus 1."""
    shown = expected.visibility > 0
    points = np.concatenate([np.where(shown[..., None], expected.xy, 0), expected.visibility[..., None]], axis=-1)
    corners = expected.boxes
    table = zip(
        expected.picture.tolist(),
        (expected.classes + 1).tolist(),
        np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist(),
        expected.area.tolist(),
        expected.crowd.astype(int).tolist(),
        points.reshape(len(points), 3 * points.shape[1]).tolist(),
        shown.sum(axis=1).tolist(),
        strict=True,
    )
    keys = ("image_id", "category_id", "bbox", "area", "iscrowd", "keypoints", "num_keypoints")
    annotations = [{"id": i, **dict(zip(keys, row, strict=True))} for i, row in enumerate(table, start=1)]
    if kind == "bbox":
        for annotation in annotations:
            del annotation["keypoints"], annotation["num_keypoints"]
    return {
        "images": [{"id": i, "width": 1, "height": 1, "file_name": ""} for i in range(pictures)],
        "annotations": annotations,
        "categories": [{"id": i + 1, "name": name} for i, name in names.items()],
    }


def _best(found: Found, most: int) -> Found:
    """Keep the best finds of each picture and class: the others are never looked at."""
    order = np.lexsort((-found.conf, found.classes, found.picture))
    group = np.stack([found.picture[order], found.classes[order]])
    new = np.ones(len(order), dtype=bool)
    new[1:] = (group[:, 1:] != group[:, :-1]).any(axis=0)
    starts = np.flatnonzero(new)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return found[np.sort(order[rank < most])]


def coco_rows_of(
    xy: ArrayLike, conf: ArrayLike | None, score: ArrayLike, image_id: int, *, category_id: int = 1
) -> list[dict[str, Any]]:
    """Turn the instances of one picture into rows of a COCO keypoint results file.

    A keypoint that was not predicted (NaN) is put in the corner of the instance's other keypoints, because COCO has no
    spelling for it; an instance without any keypoint gives no row.

    Args:
        xy: ``(N, K, 2)`` pixels.
        conf: ``(N, K)`` confidences; None: 1 each.
        score: ``(N,)``.
        image_id: COCO's id of the picture.
        category_id: COCO's id of the class.
    """
    points = np.array(xy, dtype=np.float64)
    score = np.asarray(score, dtype=np.float64)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=-1))
    some: NDArray[np.bool_] = np.asarray(known.any(axis=-1))
    points, known, score = points[some], known[some], score[some]
    shown = np.ones(known.shape) if conf is None else np.asarray(conf, dtype=np.float64)[some]
    corner = np.where(known[..., None], points, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    points = np.where(known[..., None], points, corner)
    flat = np.concatenate([points, np.where(known, shown, 0)[..., None]], axis=-1)
    return [
        {
            "image_id": image_id,
            "category_id": category_id,
            "keypoints": row,
            "score": value,
        }
        for row, value in zip(flat.reshape(len(flat), 3 * known.shape[1]).tolist(), score.tolist(), strict=True)
    ]


def _rows(found: Found) -> list[dict[str, Any]]:
    some = found[np.isfinite(found.xy).all(axis=-1).any(axis=-1)]  # the others have no row
    rows = coco_rows_of(some.xy, None, some.conf, 0)
    for row, picture, number in zip(rows, some.picture.tolist(), (some.classes + 1).tolist(), strict=True):
        row["image_id"], row["category_id"] = picture, number
    return rows


def _boxes(found: Found) -> NDArray[np.float64]:
    size = found.boxes[:, 2:] - found.boxes[:, :2]
    columns = (found.picture, found.boxes[:, :2], size, found.conf, found.classes + 1)
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])


def _matches(entries: list[Any], pictures: int) -> Matches:
    """Join hotcoco's records of each picture and category."""
    some = sorted((e for e in entries if e), key=lambda e: e["image_id"])
    picture: list[int] = []
    classes: list[int] = []
    conf: list[float] = []
    pairs, ignored = [np.empty((0, len(THRESHOLDS)))], [np.empty((0, len(THRESHOLDS)))]
    target_picture: list[int] = []
    target_classes: list[int] = []
    for entry in some:
        count = len(entry["dtScores"])
        number, image = entry["category_id"] - 1, entry["image_id"]
        picture += [image] * count
        classes += [number] * count
        conf += entry["dtScores"]
        if count:
            pairs.append(np.array(entry["dtMatches"]).T)
            ignored.append(np.array(entry["dtIgnore"]).T)
        true = len(entry["gtIgnore"]) - sum(map(bool, entry["gtIgnore"]))
        target_picture += [image] * true
        target_classes += [number] * true
    return Matches(
        pictures,
        np.array(picture, dtype=np.int64),
        np.array(classes, dtype=np.int64),
        np.array(conf, dtype=np.float64),
        np.concatenate(pairs).astype(np.intp) - 1,
        np.concatenate(ignored).astype(bool),
        np.array(target_picture, dtype=np.int64),
        np.array(target_classes, dtype=np.int64),
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector, which would look through a million small objects again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
