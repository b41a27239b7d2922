"""Checks of picture files: damage, size, turn, and pictures that are in two splits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from doctor_kit import copy, kinds

from poise.datasets import open_dataset
from poise.datasets.doctor import check
from poise.datasets.doctor._duplicates import _candidates, _hamming, find_likeness
from poise.datasets.doctor._pictures import examine, join


@pytest.fixture
def coco8(shared: Path, tmp_path: Path) -> Path:
    return copy(shared / "data/coco8-pose", tmp_path / "set")


def first(yaml: Path) -> Path:
    return yaml.parent / "images/train/000000000036.jpg"


def test_every_val_frame_of_the_tiger_video_has_a_twin_in_train(shared: Path) -> None:
    found = check(shared / "data/tiger-pose/tiger-pose.yaml")

    assert found.statistics["alike"]["val"]["like_another_split"] == 53
    leak = next(p for p in found.problems if p.kind == "leak")
    assert "frames of one video" in leak.message


def test_frame_with_the_same_bytes_is_named(shared: Path) -> None:
    found = check(shared / "data/tiger-pose/tiger-pose.yaml", splits=("train",))

    (same,) = (p for p in found.problems if p.kind == "same-bytes")
    assert {same.file.name, Path(same.message.split()[-1]).name} == {"Frame_0.jpg", "Frame_1.jpg"}


def test_different_photos_are_not_called_alike(shared: Path) -> None:
    folder = shared / "data/coco-mini/annotations"
    sets = [open_dataset(folder / f"person_keypoints_{s}2017.json", s) for s in ("train", "val")]
    seen = [examine(d.paths, workers=2) for d in sets]

    found = find_likeness(join(seen), np.repeat([0, 1], [len(d) for d in sets]))

    assert (found.other < 0).all()
    assert (found.earlier < 0).all()


@pytest.mark.parametrize("change", ["scaled", "brighter", "recompressed", "cropped a little"])
def test_changed_copy_of_a_training_picture_in_val_is_found(coco8: Path, change: str) -> None:
    with PIL.Image.open(first(coco8)) as opened:
        picture = opened.convert("RGB")
    if change == "scaled":
        picture = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3))
    if change == "brighter":
        picture = picture.point(lambda value: min(255, int(value * 1.15)))
    if change == "cropped a little":
        picture = picture.crop((3, 3, picture.width - 3, picture.height - 3))
    picture.save(coco8.parent / "images/val/copy.jpg", quality=60)

    found = check(coco8)

    assert "near-copy-in-other-split" in kinds(found)
    assert found.ok


def test_same_file_in_train_and_val_is_an_error(coco8: Path) -> None:
    shutil.copy(first(coco8), coco8.parent / "images/val/copy.jpg")

    assert {p.kind for p in check(coco8).problems if p.severity == "error"} == {"copy-in-other-split"}


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda data: data[: len(data) // 2], "truncated"),
        (lambda data: b"", "not a picture"),
        (lambda data: b"x" * 99, "not"),
    ],
)
def test_damaged_picture_is_an_error_and_left_out(coco8: Path, damage: object, word: str) -> None:
    first(coco8).write_bytes(damage(first(coco8).read_bytes()))  # type: ignore[operator]

    found = check(coco8)

    problem = next(p for p in found.problems if p.kind == "unreadable-picture")
    assert problem.file == first(coco8)
    assert word in problem.message
    assert found.statistics["splits"]["train"]["left_out"] == 1


def test_turned_picture_is_noted(coco8: Path) -> None:
    with PIL.Image.open(first(coco8)) as opened:
        exif = opened.getexif()
        exif[0x0112] = 6
        opened.save(first(coco8), exif=exif)

    assert [p.file for p in check(coco8).problems if p.kind == "exif-turned"] == [first(coco8)]


def test_picture_of_another_size_than_its_annotations_is_named(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/coco-mini"
    table = json.loads((source / "annotations/person_keypoints_val2017.json").read_text())
    table["images"] = table["images"][:3]
    for record in table["images"]:
        shutil.copy(source / "val2017" / record["file_name"], tmp_path / record["file_name"])
    name = table["images"][0]["file_name"]
    with PIL.Image.open(tmp_path / name) as opened:
        opened.resize((200, 150)).save(tmp_path / name)
    (tmp_path / "annotations.json").write_text(json.dumps(table))

    problem = next(p for p in check(tmp_path / "annotations.json").problems if p.kind == "size-mismatch")

    assert name in problem.message


def test_search_by_bands_finds_all_near_hashes_that_comparing_all_finds() -> None:
    generator = np.random.default_rng(0)
    hashes = generator.integers(0, 2**63, 400, dtype=np.uint64)
    flips = np.array(
        [np.bitwise_or.reduce(np.uint64(1) << generator.choice(64, 8, False).astype(np.uint64)) for _ in range(400)]
    )
    hashes = np.concatenate([hashes, hashes ^ flips])

    found = {
        tuple(sorted(pair)) for a, b in _candidates(hashes, 8) for pair in zip(a.tolist(), b.tolist(), strict=True)
    }

    near = np.argwhere(np.triu(_hamming(hashes[:, None], hashes[None]) <= 8, 1))
    assert found == {tuple(pair) for pair in near.tolist()}


def test_pictures_of_one_colour_are_not_called_alike(tmp_path: Path) -> None:
    paths = []
    for i, value in enumerate((0, 128, 255)):
        paths.append(tmp_path / f"{i}.png")
        PIL.Image.new("RGB", (64, 64), (value,) * 3).save(paths[-1])

    found = find_likeness(examine(paths, workers=1), np.array([0, 0, 1]))

    assert (found.other < 0).all()
