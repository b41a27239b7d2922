"""The scores of a real run of the original package, from its rows and through our own inference."""

import json
from pathlib import Path

import numpy as np
import pytest

from poise.datasets import Dataset, open_dataset, scan
from poise.evaluation import Expected, Found, Scores, match_boxes, match_keypoints
from poise.evaluation.metrics import PoseMetrics
from poise.validation import expectation, validate

BRANCHES = {"default_one2many_nms": False, "end2end_one2one": True}


@pytest.fixture(scope="module")
def tiger(shared: Path) -> Dataset:
    pytest.importorskip("yaml")
    return open_dataset(shared / "data/tiger-pose/tiger-pose.yaml", "val")


@pytest.fixture(scope="module")
def run(shared: Path) -> Path:
    return shared / "fixtures/tiger"


def scored(run: Path, branch: str) -> dict[str, float]:
    metrics = json.loads((run / "yolo26n-pose-val-metrics.json").read_text())[branch]
    return {key: value for key, value in metrics.items() if key.startswith("metrics/") or key == "fitness"}


def rows_of(run: Path, branch: str, dataset: Dataset) -> Found:
    rows = json.loads((run / f"yolo26n-pose-valpath-{branch}.json").read_text())
    numbers = {path.name: i for i, path in enumerate(dataset.paths)}
    picture = np.array([numbers[row["image"]] for row in rows])
    order = np.argsort(picture, kind="stable")
    boxes = np.array([row["bbox_ltwh"] for row in rows])[order]
    xy = np.array([row["keypoints"] for row in rows]).reshape(-1, 12, 2)[order]
    return Found(
        picture[order],
        np.zeros(len(rows)),
        np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        np.array([row["score"] for row in rows])[order],
        xy,
        np.full(xy.shape[:2], np.nan),
        np.full(xy.shape, np.nan),
    )


def truth(dataset: Dataset) -> Expected:
    read = scan(dataset)
    return expectation(read, list(range(len(dataset))))


@pytest.mark.parametrize("branch", BRANCHES)
def test_stored_rows_give_the_original_scores(run: Path, tiger: Dataset, branch: str) -> None:
    expected, found = truth(tiger), rows_of(run, branch, tiger)
    scale = np.full((53, 2), 320 / 1280)  # distances were measured in the network's input

    pose = Scores.of(match_keypoints(expected, found, pictures=53, sigmas=np.full(12, 1 / 12), scale=scale), 1)
    box = Scores.of(match_boxes(expected, found, pictures=53, scale=scale), 1)

    metrics = PoseMetrics(pose, box, "yolo", {0: "tiger"}, 53, 53, {})
    # The rows are stored with three decimals of a pixel and five of a score.
    assert metrics.results_dict == pytest.approx(scored(run, branch), abs=1e-5)


@pytest.mark.parametrize("branch", BRANCHES)
def test_stored_rows_give_the_original_average_precision_at_every_threshold(
    run: Path, tiger: Dataset, branch: str
) -> None:
    expected, found = truth(tiger), rows_of(run, branch, tiger)
    scale = np.full((53, 2), 320 / 1280)

    pose = Scores.of(match_keypoints(expected, found, pictures=53, sigmas=np.full(12, 1 / 12), scale=scale), 1)
    box = Scores.of(match_boxes(expected, found, pictures=53, scale=scale), 1)

    stored = json.loads((run / "yolo26n-pose-val-metrics.json").read_text())[branch]
    assert pose.all_ap[0] == pytest.approx(stored["all_ap_pose"], abs=1e-4)
    assert box.all_ap[0] == pytest.approx(stored["all_ap_box"], abs=1e-4)


@pytest.mark.parametrize(("branch", "end2end"), BRANCHES.items())
def test_own_inference_gives_the_original_scores(run: Path, tiger: Dataset, branch: str, end2end: bool) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from poise.networks import open_session

    session = open_session(run / "yolo26n-pose-best.pt", end2end=end2end)

    metrics = validate(session, tiger, protocol="yolo", imgsz=320)

    assert metrics.results_dict == pytest.approx(scored(run, branch), abs=1e-3)
    assert (metrics.images, metrics.instances) == (53, 53)
