"""COCO files of other sets, and what is said about annotations that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import format_kit as kit
import pytest

from poise.datasets import open_dataset, scan
from poise.errors import FormatError

OPENED = {
    "animals/ak/test_animalkingdom.json": (2, 23, 0),
    "animals/animalpose/test_animalpose.json": (2, 20, 2),
    "animals/ap10k/test_ap10k.json": (2, 17, 2),
    "animals/atrw/test_atrw.json": (2, 15, 2),
    "animals/horse10/test_horse10.json": (3, 22, 3),
    "animals/macaque/test_macaque.json": (2, 17, 2),
    "animals/zebra/test_zebra.json": (2, 9, 2),
    "coco-mini/annotations/person_keypoints_train2017.json": (48, 17, 110),
    "coco-mini/annotations/person_keypoints_val2017.json": (47, 17, 56),
    "mmpose-samples/aic/test_aic.json": (3, 14, 9),
    "mmpose-samples/coco/test_coco.json": (4, 17, 14),
    "mmpose-samples/coco/test_coco_wholebody.json": (4, 17, 14),
    "mmpose-samples/crowdpose/test_crowdpose.json": (2, 14, 5),
    "mmpose-samples/freihand/test_freihand.json": (8, 21, 8),
    "mmpose-samples/mpii/test_mpii_trb.json": (5, 40, 5),
    "mmpose-samples/ochuman/test_ochuman.json": (3, 17, 5),
    "mmpose-samples/onehand10k/test_onehand10k.json": (4, 21, 4),
    "posetrack/annotations/test_posetrack18_val.json": (3, 17, 14),
    "posetrack/annotations/val/003418_mpii_test.json": (1, 17, 1),
    "posetrack/annotations/val/009473_mpii_test.json": (1, 17, 2),
    "posetrack/annotations/val/012834_mpii_test.json": (1, 17, 11),
}


@pytest.mark.parametrize(("name", "expected"), OPENED.items())
def test_files_of_real_sets_open(shared: Path, name: str, expected: tuple[int, int, int]) -> None:
    found = open_dataset(shared / "data" / name)

    labels = scan(found).labels
    assert (len(found), found.spec.kpt_shape[0], sum(map(len, labels))) == expected
    assert all(path.is_file() for path in found.paths)


@pytest.mark.parametrize("name", ["coco/test_coco_det_AP_H_56.json", "mpii/test_mpii.json"])
def test_files_that_are_no_annotation_files_say_so(shared: Path, name: str) -> None:
    with pytest.raises(FormatError, match="not a COCO annotation file: it has no list 'images'"):
        open_dataset(shared / "data/mmpose-samples" / name, format="coco")


def test_animals_of_categories_that_are_not_listed_are_not_dropped_in_silence(shared: Path) -> None:
    found = scan(open_dataset(shared / "data/animals/ak/test_animalkingdom.json"))

    assert [problem.message for problem in found.problems] == [
        f"annotation {i}: category_id 4 is none of the file's categories" for i in (1, 2)
    ]
    assert found.usable == [False, False]


def coco(folder: Path, **change: Any) -> Path:
    """Write a file of one picture and one annotation, with changes to the annotation."""
    kit.picture(folder, "a.png", (100, 80))
    annotation = {"id": 7, "image_id": 1, "category_id": 3, "keypoints": [1, 2, 2], "bbox": [1, 2, 3, 4], "area": 12}
    table = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}],
        "annotations": [annotation | change],
        "categories": [{"id": 3, "name": "cat", "keypoints": ["nose"]}, {"id": 5, "name": "car"}],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(table))
    return path


BAD = [
    ({"category_id": 9}, "category_id 9 is none of the file's categories"),
    ({"keypoints": [1, 2]}, "keypoints must hold 3 numbers (1 x 3), got 2"),
    ({"keypoints": [1, "2", 2]}, "keypoints: '2' is not a number of pixels"),
    ({"keypoints": [float("nan"), 2, 2]}, "keypoints: 'nan' is not a number of pixels"),
    ({"bbox": [1, 2, -3, 4]}, "bbox must be [x, y, width, height], got [1, 2, -3, 4]"),
    ({"bbox": [1, 2, 3]}, "bbox must be [x, y, width, height], got [1, 2, 3]"),
    ({"area": "big"}, "area must be a number of square pixels, got big"),
    ({"iscrowd": 2}, "iscrowd must be 0 or 1, got 2"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_an_annotation_that_cannot_be_used_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    labels, (problem,) = open_dataset(coco(tmp_path, **change)).read(0)

    assert len(labels) == 0
    assert problem.message == f"annotation 7: {message}"


def test_a_category_without_keypoints_is_a_note(tmp_path: Path) -> None:
    _, (problem,) = open_dataset(coco(tmp_path, category_id=5)).read(0)

    assert (problem.severity, problem.message) == ("note", "annotation 7: category 'car' has no keypoints; left out")


def test_an_odd_visibility_is_a_warning(tmp_path: Path) -> None:
    labels, (problem,) = open_dataset(coco(tmp_path, keypoints=[1, 2, 0.7])).read(0)

    assert labels.visibility.tolist() == [[2]]
    assert problem.severity == "warning"


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"segmentation": [[1, 2]], "track_id": 4}, "not read: segmentation (1), track_id (1)"),
        ({"bbox": None}, "1 annotations have no bbox: the box around their labelled keypoints is taken"),
        ({"image_id": 12}, "1 annotations belong to no picture in the list (image_id 12, …)"),
    ],
)
def test_what_is_not_read_is_noted(tmp_path: Path, change: dict[str, Any], note: str) -> None:
    assert open_dataset(coco(tmp_path, **change)).notes[0] == note  # type: ignore[attr-defined]


def test_names_that_only_count_do_not_say_what_a_mirror_does(tmp_path: Path) -> None:
    path = coco(tmp_path, keypoints=[1, 2, 2, 3, 4, 2])
    table = json.loads(path.read_text())
    table["categories"][0]["keypoints"] = ["point_0", "point_1"]
    path.write_text(json.dumps(table))

    assert not open_dataset(path).spec.flip_known


def test_two_pictures_of_one_id_are_refused(tmp_path: Path) -> None:
    path = coco(tmp_path)
    table = json.loads(path.read_text())
    path.write_text(json.dumps(table | {"images": table["images"] * 2}))

    with pytest.raises(FormatError, match=r"images\[1\]: the id 1 is there twice"):
        open_dataset(path)


@pytest.mark.parametrize("of_picture", [7, "7"])
@pytest.mark.parametrize("named", [7, 7.0, "7"])
def test_ids_are_the_same_however_a_tool_writes_them(tmp_path: Path, of_picture: int | str, named: float | str) -> None:
    kit.picture(tmp_path, "a.png", (60, 40))
    annotation = {"id": 1, "image_id": named, "category_id": named, "bbox": [5, 5, 20, 20], "keypoints": [9, 8, 2]}
    (tmp_path / "a.json").write_text(
        json.dumps(
            {
                "images": [{"id": of_picture, "file_name": "a.png", "width": 60, "height": 40}],
                "categories": [{"id": of_picture, "name": "fish", "keypoints": ["nose"]}],
                "annotations": [annotation],
            }
        )
    )
    data = open_dataset(tmp_path / "a.json", "train")
    labels, problems = data.read(0)
    assert labels.xy.tolist() == [[[9, 8]]]
    assert not problems
    assert not any("no picture" in note for note in data.notes)  # type: ignore[attr-defined]


def test_results_are_not_taken_for_labels(tmp_path: Path) -> None:
    row = {"image_id": 1, "category_id": 1, "keypoints": [9, 8, 2], "score": 0.5}
    (tmp_path / "a.json").write_text(json.dumps([row]))
    with pytest.raises(FormatError, match=r"COCO results: predictions.* expected the annotation file"):
        open_dataset(tmp_path / "a.json", "train")
