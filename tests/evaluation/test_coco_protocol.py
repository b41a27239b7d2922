"""COCO's protocol on columns."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from score_scenes import scene

from poise.datasets import open_dataset, scan
from poise.evaluation import Expected, Found, score_by_coco
from poise.skeletons import get
from poise.validation import expectation

pytest.importorskip("hotcoco")
SIGMAS = get("coco17").sigmas
SETS = {"plain": {}, "crowds": {"crowds": True}, "unlabelled": {"unlabelled": True}}


def score(expected: Expected, found: Found, kind: str, pictures: int, names: dict[int, str] | None = None):
    names = names or {0: "person"}
    return score_by_coco(expected, found, kind=kind, names=names, pictures=pictures, sigmas=SIGMAS)


def by_pycocotools(expected: Expected, found: Found, kind: str, pictures: int, classes: int = 1) -> list[float]:
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    annotations = []
    for i in range(len(expected)):
        x1, y1, x2, y2 = expected.boxes[i].tolist()
        flat = np.c_[np.nan_to_num(expected.xy[i]), expected.visibility[i]].ravel().tolist()
        annotations.append(
            {
                "id": i + 1,
                "image_id": int(expected.picture[i]),
                "category_id": int(expected.classes[i]) + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": float(expected.area[i]),
                "iscrowd": int(expected.crowd[i]),
                "keypoints": flat,
                "num_keypoints": int((expected.visibility[i] > 0).sum()),
            }
        )
    rows = []
    for i in range(len(found)):
        x1, y1, x2, y2 = found.boxes[i].tolist()
        row = {"image_id": int(found.picture[i]), "category_id": int(found.classes[i]) + 1}
        row["score"] = float(found.conf[i])
        if kind == "bbox":
            row["bbox"] = [x1, y1, x2 - x1, y2 - y1]
        else:
            row["keypoints"] = np.c_[found.xy[i], np.ones(17)].ravel().tolist()
        rows.append(row)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "images": [{"id": i, "width": 500, "height": 500} for i in range(pictures)],
            "annotations": annotations,
            "categories": [{"id": i + 1, "name": str(i)} for i in range(classes)],
        }
        truth.createIndex()
        run = cocoeval.COCOeval(truth, truth.loadRes(rows), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    medium, large = (3, 4) if kind == "keypoints" else (4, 5)
    return [run.stats[i] for i in (0, 1, 2, medium, large)]


@pytest.mark.parametrize("kind", ["keypoints", "bbox"])
@pytest.mark.parametrize("options", SETS.values(), ids=SETS)
@pytest.mark.parametrize("seed", [0, 1])
def test_scores_equal_pycocotools(kind: str, options: dict[str, bool], seed: int) -> None:
    expected, found = scene(seed, **options)

    scores, _ = score(expected, found, kind, 12)

    got = [scores.map, scores.map50, scores.map75, scores.by_area["medium"], scores.by_area["large"]]
    assert got == pytest.approx(by_pycocotools(expected, found, kind, 12), abs=1e-9)


def test_scores_of_two_classes_equal_pycocotools() -> None:
    expected, found = scene(3, classes=2)

    scores, _ = score(expected, found, "keypoints", 12, {0: "a", 1: "b"})

    assert scores.map == pytest.approx(by_pycocotools(expected, found, "keypoints", 12, 2)[0], abs=1e-9)
    assert scores.maps.mean() == pytest.approx(scores.map)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("kind", ["keypoints", "bbox"])
def test_scores_on_real_labels_equal_pycocotools(shared: Path, split: str, kind: str) -> None:
    dataset = open_dataset(shared / f"data/coco-mini/annotations/person_keypoints_{split}2017.json", split)
    expected = expectation(scan(dataset), list(range(len(dataset))))
    rng = np.random.default_rng(0)
    scale = np.sqrt(expected.area + 1)[:, None]
    inside = expected.boxes[:, None, :2] + rng.random(expected.xy.shape) * np.diff(
        expected.boxes.reshape(-1, 2, 2), axis=1
    )
    points = np.where(np.isnan(expected.xy), inside, expected.xy) + rng.normal(0, 0.04, inside.shape) * scale[..., None]
    boxes = expected.boxes + rng.normal(0, 0.05, expected.boxes.shape) * scale
    nan = np.full(points.shape, np.nan)
    conf = rng.permutation(np.linspace(0.1, 0.9, len(points)))
    found = Found(expected.picture, expected.classes, boxes, conf, points, nan[..., 0], nan)

    scores, _ = score(expected, found, kind, len(dataset))

    assert scores.map == pytest.approx(by_pycocotools(expected, found, kind, len(dataset))[0], abs=1e-9)


def test_finds_in_a_crowd_count_neither_way() -> None:
    expected, found = scene(0, crowds=True)

    _, matches = score(expected, found, "bbox", 12)

    assert matches.ignored.any()
    assert len(matches.target_classes) == (~expected.crowd).sum()


def test_no_finds_score_zero() -> None:
    expected, _ = scene(0)

    scores, matches = score(expected, Found.empty(17), "keypoints", 12)

    assert (scores.map, scores.mr, len(matches.conf)) == (0.0, 0.0, 0)


def test_a_keypoint_that_was_not_predicted_does_not_spoil_the_others() -> None:
    expected, found = scene(0)
    points = found.xy.copy()
    points[:, 0] = np.nan
    points[0] = np.nan

    scores, _ = score(
        expected,
        Found(found.picture, found.classes, found.boxes, found.conf, points, found.point_conf, found.sigma),
        "keypoints",
        12,
    )

    assert 0 < scores.map < 1
