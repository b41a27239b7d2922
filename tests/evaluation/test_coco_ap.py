"""COCO keypoint scores, as the benchmarks count them, and the rows that they are counted from."""

import contextlib
import io
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from poise.errors import FormatError
from poise.evaluation import coco_rows_of

pytest.importorskip("hotcoco")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from _coco import coco_truth, evaluate_keypoints, read_truth


def person(image_id: int, points: np.ndarray, *, number: int, crowd: int = 0, labelled: int = 17) -> dict:
    visible = np.where(np.arange(17) < labelled, 2, 0)
    low, high = points.min(axis=0), points.max(axis=0)
    flat = np.where(visible[:, None] > 0, np.c_[points, visible], 0)
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": crowd,
        "bbox": [*low.tolist(), *(high - low).tolist()],
        "area": float(0.53 * np.prod(high - low)),
        "keypoints": flat.reshape(-1).tolist(),
        "num_keypoints": labelled,
    }


def scene(seed: int = 0, images: int = 12) -> tuple[dict, list[dict]]:
    """Random people, found with errors, with false alarms, one missed an image, some without labels."""
    rng = np.random.default_rng(seed)
    people, rows = [], []
    for image in range(1, images + 1):
        for _ in range(3):
            size = rng.uniform(30, 300)
            points = rng.uniform(0, size, (17, 2)) + rng.uniform(0, 200, 2)
            labelled = int(rng.choice([0, 4, 17]))
            people.append(person(image, points, number=len(people) + 1, labelled=labelled))
            found = points + rng.normal(0, size * 0.05, points.shape)
            rows += coco_rows_of(found[None], None, [rng.random()], image)
        rows += coco_rows_of(rng.uniform(0, 300, (1, 17, 2)), None, [rng.random()], image)
    records = [{"id": i, "width": 640, "height": 480, "file_name": f"{i}.jpg"} for i in range(1, images + 1)]
    return coco_truth(records, people), rows


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_equal_pycocotools(seed: int) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    truth, rows = scene(seed)

    found = evaluate_keypoints(truth, rows)

    with contextlib.redirect_stdout(io.StringIO()):
        expected = coco.COCO()
        expected.dataset = truth
        expected.createIndex()
        run = cocoeval.COCOeval(expected, expected.loadRes(rows), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    ours = [found.ap, found.ap50, found.ap75, found.apm, found.apl, found.ar]
    assert ours == pytest.approx(run.stats[:6].tolist(), abs=1e-9)


def test_perfect_keypoints_score_one() -> None:
    points = np.random.default_rng(0).uniform(0, 200, (17, 2))
    truth = coco_truth([{"id": 1, "width": 300, "height": 300}], [person(1, points, number=1)])

    scores = evaluate_keypoints(truth, coco_rows_of(points[None], None, [0.5], 1))

    assert (scores.ap, scores.ar) == pytest.approx((1.0, 1.0))


def test_false_alarm_above_the_person_halves_precision() -> None:
    points = np.random.default_rng(0).uniform(0, 200, (17, 2))
    truth = coco_truth([{"id": 1, "width": 300, "height": 300}], [person(1, points, number=1)])
    rows = coco_rows_of(np.stack([points + 150, points]), None, [0.9, 0.5], 1)

    assert evaluate_keypoints(truth, rows).ap == pytest.approx(0.5)


def test_nothing_found_scores_zero() -> None:
    truth, _ = scene()

    assert evaluate_keypoints(truth, []).ap == 0.0


def test_nothing_to_find_scores_nan() -> None:
    truth = coco_truth([{"id": 1, "width": 300, "height": 300}], [])

    assert math.isnan(evaluate_keypoints(truth, coco_rows_of(np.zeros((1, 17, 2)), None, [0.5], 1)).ap)


def test_unknown_image_is_an_error() -> None:
    truth, _ = scene()

    with pytest.raises(ValueError, match="image 99"):
        evaluate_keypoints(truth, coco_rows_of(np.zeros((1, 17, 2)), None, [0.5], 99))


def test_rows_of_results_spell_a_missing_keypoint() -> None:
    xy = np.random.default_rng(0).uniform(10, 90, (2, 17, 2)).astype(np.float32)
    xy[0, 3] = np.nan
    xy[1] = np.nan

    rows = coco_rows_of(xy, np.ones((2, 17)), [0.7, 0.4], 5)

    assert len(rows) == 1
    assert rows[0]["score"] == pytest.approx(0.7)
    assert rows[0]["keypoints"][9:12] == pytest.approx([*np.nanmin(xy[0], axis=0).tolist(), 0.0])


def test_damaged_annotation_file_is_named(tmp_path) -> None:
    path = tmp_path / "people.json"
    path.write_text('{"images": []}')

    with pytest.raises(FormatError, match=r"people\.json.*'annotations', 'categories'"):
        read_truth(path)
