"""Average precision of people's keypoints by the COCO protocol, from annotation files, for the benchmarks here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise import files
from poise.errors import FormatError, require
from poise.skeletons import Skeleton, get

Row = dict[str, Any]
Truth = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeypointScores:
    """COCO keypoint scores, 0 to 1 (NaN where there is nothing to find).

    Attributes:
        ap: Mean average precision over OKS 0.50, 0.55 … 0.95, the COCO score.
        ap50: Average precision at OKS 0.50.
        ap75: Average precision at OKS 0.75.
        apm: Average precision on medium people, segment area 32² to 96² square pixels.
        apl: Average precision on large people, segment area above 96² square pixels.
        ar: Mean recall over the same OKS, at most 20 people a picture.
    """

    ap: float
    ap50: float
    ap75: float
    apm: float
    apl: float
    ar: float


def coco_truth(images: Iterable[Row], annotations: Iterable[Row], *, skeleton: Skeleton | None = None) -> Truth:
    """Build a ground truth dictionary of one category.

    Args:
        images: COCO image records: ``id``, ``width``, ``height``, ``file_name``.
        annotations: COCO person annotations: ``image_id``, ``bbox``, ``area``, ``keypoints``, ``num_keypoints``,
            ``iscrowd``.
        skeleton: What the keypoints are; coco17 unless given.
    """
    skeleton = skeleton or get("coco17")
    category = {"id": 1, "name": skeleton.instance, "keypoints": list(skeleton.keypoints), "skeleton": []}
    return {"images": list(images), "annotations": list(annotations), "categories": [category]}


def read_truth(path: str | Path) -> Truth:
    """Read a COCO keypoint annotation file.

    Raises:
        FormatError: The file is not one, and what it lacks.
    """
    path = Path(path)
    try:
        truth = json.loads(files.read_bytes(path, most=files.MOST_NETWORK))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not a readable JSON file: {error}") from error
    missing = [k for k in ("images", "annotations", "categories") if not isinstance(truth, dict) or k not in truth]
    if missing:
        raise FormatError(f"{path}: not a COCO annotation file: it has no {', '.join(map(repr, missing))}")
    return dict(truth)


def evaluate_keypoints(truth: Truth, rows: Sequence[Row], *, skeleton: Skeleton | None = None) -> KeypointScores:
    """Score keypoints by the COCO protocol.

    Args:
        truth: COCO ground truth, as from :func:`read_truth`.
        rows: Found people of all pictures, as from :func:`coco_rows`; keep every one, however unlikely, because AP
            ranks them.
        skeleton: Gives the OKS sigmas; coco17 unless given.

    Raises:
        MissingExtra: hotcoco is not installed.
        ValueError: A row names an image that the truth does not have.

    Source:
        Lin et al. 2014, arXiv:1405.0312, and cocodataset.org/#keypoints-eval.
    """
    hotcoco = require("hotcoco", extra="eval", feature="COCO evaluation")
    known = {image["id"] for image in truth["images"]}
    for row in rows:
        if row["image_id"] not in known:
            raise ValueError(f"a result names image {row['image_id']!r}, which the ground truth does not have")
    if not any(a.get("num_keypoints", 0) and not a.get("iscrowd", 0) for a in truth["annotations"]):
        return KeypointScores(*[float("nan")] * 6)
    if not rows:
        return KeypointScores(*[0.0] * 6)
    expected = hotcoco.COCO(truth)
    run = hotcoco.COCOeval(expected, expected.load_res(list(rows)), "keypoints")
    run.params.kpt_oks_sigmas = (skeleton or get("coco17")).sigmas.tolist()
    run.evaluate()
    run.accumulate()
    # From the tables: hotcoco's own summary would print. Axes: OKS, recall, category, area range, people a picture.
    precision, recall = (np.asarray(run.eval[name], dtype=np.float64) for name in ("precision", "recall"))
    areas = list(run.params.area_rng_lbl)
    whole, medium, large = (areas.index(name) for name in ("all", "medium", "large"))
    return KeypointScores(
        ap=_mean(precision[:, :, :, whole]),
        ap50=_mean(precision[0, :, :, whole]),
        ap75=_mean(precision[5, :, :, whole]),
        apm=_mean(precision[:, :, :, medium]),
        apl=_mean(precision[:, :, :, large]),
        ar=_mean(recall[:, :, whole]),
    )


def _mean(table: NDArray[np.float64]) -> float:
    """Average what was measured; the protocol marks with -1 where there is nothing to find."""
    known = table[table > -1]
    return float(known.mean()) if known.size else float("nan")
