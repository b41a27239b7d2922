"""What the doctor advises: nothing that deletes what is there once, and nothing that spoils good labels."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from poise.datasets.doctor import Diagnosis, check
from poise.training import TrainSettings

ROW = "0 0.5 0.5 0.4 0.4 0.35 0.35 2 0.65 0.35 2 0.5 0.65 1\n"
END = "kpt_shape: [3, 3]\nflip_idx: [1, 0, 2]\nnames: [thing]\n"


def photo(path: Path, seed: int) -> Path:
    """Draw soft blobs that no two seeds have alike."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize((96, 96), Image.Resampling.BICUBIC).save(path)
    label = Path(str(path).replace("/images/", "/labels/")).with_suffix(".txt")
    label.parent.mkdir(parents=True, exist_ok=True)
    label.write_text(ROW)
    return path


def described(folder: Path, train: str = "images/train", val: str = "images/val") -> Path:
    (folder / "data.yaml").write_text(f"path: .\ntrain: {train}\nval: {val}\n{END}")
    return folder / "data.yaml"


def deletes(found: Diagnosis) -> list[str]:
    """Return the files that the advice deletes."""
    return [
        name for p in found.problems for text in re.findall(r"\brm ('.*)", p.mend) for name in text.split("'")[1::2]
    ]


def kinds(found: Diagnosis) -> list[str]:
    about = {"same-pictures", "leak", "copy-in-other-split", "near-copy-in-other-split", "same-bytes", "listed-twice",
             "repeated-pictures"}  # fmt: skip
    return [p.kind for p in found.problems if p.kind in about]


def test_val_that_is_train_is_said_once(tmp_path: Path) -> None:
    for i in range(3):
        photo(tmp_path / f"images/train/{i}.png", i)
    found = check(described(tmp_path, val="images/train"))

    assert kinds(found) == ["same-pictures"]
    assert deletes(found) == []


def test_pictures_that_both_splits_list_are_said_once(tmp_path: Path) -> None:
    names = [photo(tmp_path / f"images/{i}.png", i) for i in range(4)]
    (tmp_path / "a.txt").write_text("".join(f"{p}\n" for p in names[:3]))
    (tmp_path / "b.txt").write_text("".join(f"{p}\n" for p in names[2:]))
    found = check(described(tmp_path, "a.txt", "b.txt"))

    assert kinds(found) == ["same-pictures"]
    assert "1 pictures in common, such as 2.png" in next(p.message for p in found.problems if p.kind == "same-pictures")
    assert deletes(found) == []


def test_links_to_train_pictures_are_the_same_pictures(tmp_path: Path) -> None:
    for i in range(2):
        photo(tmp_path / f"images/train/{i}.png", i)
    (tmp_path / "images/val").mkdir()
    (tmp_path / "images/val/x.png").symlink_to(tmp_path / "images/train/0.png")
    found = check(described(tmp_path))

    assert kinds(found) == ["same-pictures"]
    assert deletes(found) == []


def test_a_picture_that_is_listed_twice_is_not_called_a_copy(tmp_path: Path) -> None:
    photo(tmp_path / "images/0.png", 0), photo(tmp_path / "images/1.png", 1)
    (tmp_path / "a.txt").write_text("images/0.png\nimages/0.png\nimages/1.png\n")
    found = check(described(tmp_path, "a.txt", "images"))

    assert "listed-twice" in kinds(found)
    assert "same-bytes" not in kinds(found)
    assert deletes(found) == []


def test_an_entry_of_coco_that_is_there_twice_deletes_nothing(tmp_path: Path) -> None:
    photo(tmp_path / "a.png", 0)
    images = [{"id": i, "file_name": "a.png", "width": 96, "height": 96} for i in (1, 2)]
    table = {"images": images, "categories": [{"id": 1, "name": "cat", "keypoints": ["nose"]}]}
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 30, 30], "keypoints": [10, 10, 2]}
    (tmp_path / "ann.json").write_text(json.dumps(table | {"annotations": [row]}))
    found = check(tmp_path / "ann.json")

    assert kinds(found) == ["listed-twice"]
    assert deletes(found) == []


@pytest.mark.parametrize("equal", [True, False])
def test_a_true_copy_may_go_only_where_its_labels_are_equal(tmp_path: Path, equal: bool) -> None:
    first = photo(tmp_path / "images/train/0.png", 0)
    second = Path(shutil.copy(photo(tmp_path / "images/train/1.png", 1), tmp_path / "images/train/1.png.bak"))
    shutil.copy(first, tmp_path / "images/train/1.png")
    second.unlink()
    if not equal:
        (tmp_path / "labels/train/1.txt").write_text("")
    photo(tmp_path / "images/val/9.png", 9)
    found = check(described(tmp_path))

    expected = [tmp_path / "images/train/1.png", tmp_path / "labels/train/1.txt"] if equal else []
    assert {Path(name) for name in deletes(found)} == set(expected)
    assert all(Path(name) != first for name in deletes(found))


def test_a_copy_that_val_uses_stays(tmp_path: Path) -> None:
    first = photo(tmp_path / "images/train/0.png", 0)
    photo(tmp_path / "images/train/1.png", 1)
    shutil.copy(first, tmp_path / "images/train/1.png")
    (tmp_path / "val.txt").write_text("images/train/1.png\n")
    found = check(described(tmp_path, val="val.txt"))

    assert {"same-pictures", "same-bytes"} <= set(kinds(found))
    assert deletes(found) == []


def test_two_pictures_of_one_label_file_do_not_lose_it(tmp_path: Path) -> None:
    first = photo(tmp_path / "images/train/0.png", 0)
    shutil.copy(first, tmp_path / "images/train/0.bmp.png")
    first.rename(tmp_path / "images/train/0.PNG")
    shutil.copy(tmp_path / "images/train/0.PNG", tmp_path / "images/train/0.png")
    (tmp_path / "images/train/0.bmp.png").unlink()
    found = check(described(tmp_path, val="images/train"))

    assert "same-bytes" in kinds(found)
    assert deletes(found) == []


def test_a_copy_in_val_is_an_error_that_deletes_nothing(tmp_path: Path) -> None:
    first = photo(tmp_path / "images/train/0.png", 0)
    photo(tmp_path / "images/train/1.png", 1)
    photo(tmp_path / "images/val/2.png", 2)
    shutil.copy(first, tmp_path / "images/val/x.png")
    found = check(described(tmp_path))

    assert "copy-in-other-split" in kinds(found)
    assert deletes(found) == []


def test_unreadable_pictures_and_lonely_labels_are_not_deleted(tmp_path: Path) -> None:
    photo(tmp_path / "images/train/0.png", 0)
    (tmp_path / "images/train/1.png").write_bytes(b"no picture")
    (tmp_path / "labels/train/7.txt").write_text(ROW)
    found = check(described(tmp_path, val="images/train"))

    assert {"unreadable-picture", "label-without-picture"} <= {p.kind for p in found.problems}
    assert deletes(found) == []


def fish(path: Path, seed: int, *, ground: int = 0) -> Path:
    """Draw a fish before one colour: outline and place are much the same, the pattern on it is its own."""
    rng = np.random.default_rng(seed)
    photo(path, seed)
    picture = Image.new("L", (160, 160), ground)
    x, y = 80 + rng.integers(-6, 7, 2)
    draw = ImageDraw.Draw(picture)
    draw.ellipse([x - 46, y - 26, x + 46, y + 26], fill=150)
    for _ in range(14):
        px, py = x + rng.integers(-36, 36), y + rng.integers(-18, 18)
        r = int(rng.integers(4, 12))
        draw.ellipse([px - r, py - r, px + r, py + r], fill=int(rng.integers(60, 255)))
    picture.convert("RGB").save(path)
    return path


@pytest.mark.parametrize("ground", [0, 255, 200])
def test_different_things_before_one_colour_are_no_copies(tmp_path: Path, ground: int) -> None:
    for i in range(24):
        fish(tmp_path / f"images/{'train' if i < 16 else 'val'}/{i}.png", i, ground=ground)

    assert kinds(check(described(tmp_path))) == []


@pytest.mark.parametrize("ground", [0, 255])
def test_a_changed_copy_before_one_colour_is_found(tmp_path: Path, ground: int) -> None:
    for i in range(8):
        fish(tmp_path / f"images/train/{i}.png", i, ground=ground)
    fish(tmp_path / "images/val/9.png", 9, ground=ground)
    with Image.open(tmp_path / "images/train/3.png") as picture:
        picture.resize((150, 150)).save(tmp_path / "images/val/again.jpg", quality=60)
    found = check(described(tmp_path))

    (problem,) = [p for p in found.problems if p.kind == "near-copy-in-other-split"]
    assert problem.file.name == "again.jpg"
    assert "3.png" in problem.message


def rows(folder: Path, boxes: list[np.ndarray], points: list[np.ndarray]) -> Path:
    """Write a set of one instance a picture, in fractions of it."""
    for i, (box, xy) in enumerate(zip(boxes, points, strict=True)):
        photo(folder / f"images/train/{i}.png", i)
        centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        values = [*centre, *size, *np.concatenate([xy, np.full((len(xy), 1), 2)], axis=1).ravel()]
        (folder / f"labels/train/{i}.txt").write_text("0 " + " ".join(f"{v:.6f}" for v in values) + "\n")
    return described(folder)


@pytest.mark.parametrize("margin", ["none", "pixels", "share"])
def test_the_outermost_point_of_boxes_drawn_round_the_points_is_no_default(tmp_path: Path, margin: str) -> None:
    rng = np.random.default_rng(0)
    points, boxes = [], []
    for _ in range(30):
        low, high = rng.uniform(0.1, 0.3, 2), rng.uniform(0.7, 0.9, 2)
        # The first is always at the top left of all, the last at the bottom right.
        xy = np.stack([low, rng.uniform(0.4, 0.6, 2), high])
        extra = {"none": 0.0, "pixels": 5 / 96, "share": 0.1 * (high - low)}[margin]
        points.append(xy)
        boxes.append(np.concatenate([low - extra, high + extra]))

    assert "constant-point" not in {p.kind for p in check(rows(tmp_path, boxes, points)).problems}


def test_a_default_of_the_tool_is_still_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    boxes = [np.array([*rng.uniform(0.05, 0.3, 2), *rng.uniform(0.6, 0.95, 2)]) for _ in range(30)]
    points = [
        np.stack([b[:2], *(b[:2] + rng.uniform(0.2, 0.8, (2, 2)) * (b[2:] - b[:2]))]) for b in boxes
    ]  # the first stays where the tool has put it: in the corner of the box

    (problem,) = [p for p in check(rows(tmp_path, boxes, points)).problems if p.kind == "constant-point"]
    assert "'point_0' is at the same place of the box (0.000, 0.000) in 30 of 30" in problem.message


def test_training_stops_before_it_learns_from_empty_boxes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from poise.errors import FormatError
    from poise.training.data import open_data

    for i in range(3):
        photo(tmp_path / f"images/train/{i}.png", i)
        (tmp_path / f"labels/train/{i}.txt").write_text("0 .5 .5 0 0 .5 .5 2 0 0 0 0 0 0\n")
    file = described(tmp_path, val="images/train")

    with pytest.raises(FormatError, match="the boxes of all 3 instances are empty"):
        open_data(TrainSettings.of({"data": str(file)}))
