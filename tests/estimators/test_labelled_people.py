"""The body models on the repository's own photos, against people labelled by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from poise import Pose
from poise.geometry import box_iou, oks
from poise.skeletons import get

ASSETS = Path(__file__).resolve().parents[1] / "assets"
LABELS = json.loads((ASSETS / "people.coco.json").read_text(encoding="utf-8"))
MODELS = ("body-fast", "body", "body-accurate")


def labelled(picture: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoints ``(G, 17, 3)``, areas and boxes of a picture's people."""
    (image,) = (image["id"] for image in LABELS["images"] if image["file_name"] == picture)
    people = [person for person in LABELS["annotations"] if person["image_id"] == image]
    boxes = np.array([person["bbox"] for person in people])
    boxes[:, 2:] += boxes[:, :2]
    points = np.array([person["keypoints"] for person in people], float).reshape(len(people), 17, 3)
    return points, np.array([person["area"] for person in people]), boxes


def similarity(found: np.ndarray, picture: str) -> np.ndarray:
    points, area, _ = labelled(picture)
    return oks(found, points[..., :2], area=area, visible=points[..., 2] > 0, sigmas=get("coco17").sigmas)


@pytest.mark.parametrize("name", MODELS)
def test_the_man_of_the_demo_is_found(name: str, photo: Path) -> None:
    result = Pose(name)(photo, verbose=False)[0]

    assert len(result) == 1
    assert similarity(np.asarray(result.keypoints.xy), "demo.jpg").min() > 0.9
    assert box_iou(np.asarray(result.boxes.xyxy), labelled("demo.jpg")[2]).min() > 0.75


@pytest.mark.parametrize("name", MODELS)
def test_three_people_in_a_park_are_told_apart(name: str) -> None:
    result = Pose(name)(ASSETS / "park.jpg", verbose=False)[0]

    assert len(result) == 3
    scores = similarity(np.asarray(result.keypoints.xy), "park.jpg")
    # One who jumps, one who walks, and one who runs, half hidden by himself.
    assert (scores.max(axis=0) > [0.85, 0.85, 0.65]).all()
    assert sorted(scores.argmax(axis=1)) == [0, 1, 2]
    assert box_iou(np.asarray(result.boxes.xyxy), labelled("park.jpg")[2]).max(axis=0).min() > 0.75
