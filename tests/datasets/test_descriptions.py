"""The descriptions that come with Poise, and which format a file is in."""

from __future__ import annotations

from pathlib import Path

import format_kit as kit
import numpy as np
import pytest

from poise.datasets import Labels, open_dataset, read_spec, write_datasets
from poise.datasets.formats._registry import recognise
from poise.errors import FormatError
from poise.skeletons import check_flip, get

BUNDLED = {
    "coco-pose": ("coco17", 3, "person"),
    "coco8-pose": ("coco17", 3, "person"),
    "tiger-pose": ("tiger12", 2, "tiger"),
    "dog-pose": ("dog24", 3, "dog"),
    "hand-keypoints": ("hand21", 3, "hand"),
}


@pytest.mark.parametrize(("name", "expected"), BUNDLED.items())
def test_a_bundled_description_is_that_of_its_skeleton(name: str, expected: tuple[str, int, str]) -> None:
    spec = read_spec(f"{name}.yaml")

    skeleton = get(expected[0])
    assert spec.skeleton.keypoints == skeleton.keypoints
    assert spec.skeleton.edges == skeleton.edges
    assert spec.skeleton.flip_idx == skeleton.flip_idx
    np.testing.assert_array_equal(spec.skeleton.sigmas, skeleton.sigmas)
    assert spec.kpt_shape == (len(skeleton), expected[1])
    assert spec.names == {0: expected[2]}
    assert spec.flip_known


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_mirror_maps_agree_with_the_names(name: str) -> None:
    assert check_flip(read_spec(name).skeleton) == []


def test_the_tiger_changes_sides_in_a_mirror() -> None:
    pairs = read_spec("tiger-pose.yaml").skeleton.pairs

    assert pairs == ((4, 7), (5, 6), (8, 10), (9, 11))


def test_a_mirrored_hand_keeps_its_names() -> None:
    assert read_spec("hand-keypoints.yaml").skeleton.pairs == ()


def test_a_mirrored_dog_changes_its_legs() -> None:
    skeleton = read_spec("dog-pose.yaml").skeleton

    assert {tuple(sorted(map(skeleton.keypoints.__getitem__, pair))) for pair in skeleton.pairs} == {
        *((f"front_left_{part}", f"front_right_{part}") for part in ("paw", "knee", "elbow")),
        *((f"rear_left_{part}", f"rear_right_{part}") for part in ("paw", "knee", "elbow")),
        *((f"left_{part}", f"right_{part}") for part in ("ear_base", "ear_tip", "eye")),
    }


@pytest.mark.parametrize(("name", "split", "count"), [("tiger-pose", "train", 210), ("coco8-pose.yaml", "val", 4)])
def test_a_bundled_description_finds_its_pictures(
    shared: Path, monkeypatch: pytest.MonkeyPatch, name: str, split: str, count: int
) -> None:
    monkeypatch.setenv("POISE_DATASETS", str(shared / "data"))

    assert len(open_dataset(name, split)) == count


def test_pictures_that_are_not_there_are_looked_for_in_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POISE_DATASETS", raising=False)

    with pytest.raises(FormatError, match=r"datasets/dog-pose/images/train: no such folder.*POISE_DATASETS"):
        open_dataset("dog-pose")


def test_an_unknown_description_gets_the_nearest_one() -> None:
    with pytest.raises(FormatError, match=r"did you mean 'tiger-pose\.yaml'"):
        open_dataset("tigre-pose.yaml")


WRITTEN = [
    ("yolo", "data.yaml"),
    ("coco", "annotations/train.json"),
    ("cvat", "train.xml"),
    ("labelstudio", "train.json"),
    ("labelme", "train"),
    ("labelme", "train/0.json"),
    ("dlc", "train.csv"),
    ("sleap", "train.slp"),
    ("parquet", "train.parquet"),
]


@pytest.mark.parametrize(("name", "file"), WRITTEN)
def test_the_format_is_recognised(tmp_path: Path, name: str, file: str) -> None:
    pytest.importorskip({"sleap": "sleap_io", "parquet": "pyarrow"}.get(name, "json"))
    labels = Labels.of([0], [[1, 2, 30, 40]], [[[5, 6], [7, 8], [9, 10]]])
    write_datasets([kit.table(tmp_path / "made", [labels])], tmp_path / "out", format=name)

    assert recognise(tmp_path / "out" / file) == name
    assert open_dataset(tmp_path / "out" / file).read(0)[0].xy[0, 0].tolist() == [5, 6]


def test_an_unknown_ending_asks_for_the_format(tmp_path: Path) -> None:
    (tmp_path / "labels.doc").write_text("")

    with pytest.raises(FormatError, match="not the ending of a label file"):
        open_dataset(tmp_path / "labels.doc")


def test_an_unknown_format_gets_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no label format named 'lableme'; did you mean 'labelme'"):
        open_dataset(tmp_path, format="lableme")


def test_a_folder_is_opened_by_its_description(shared: Path) -> None:
    assert len(open_dataset(shared / "data/coco8-pose", "val")) == 4
