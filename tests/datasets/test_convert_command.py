"""``poise data convert`` and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import format_kit as kit
import numpy as np
import pytest

from poise.cli import main
from poise.datasets import Labels, convert, open_dataset, write_datasets
from poise.errors import FormatError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A COCO data set of two splits with a hidden keypoint and an area."""
    labels = Labels.of([0], [[1, 2, 30, 40]], [[[5, 6], [7, 8], [9, 10]]], [[1, 2, 2]], area=np.array([99.0]))
    train = kit.table(tmp_path / "made", [labels, Labels.empty(3)])
    val = kit.table(tmp_path / "more", [labels])
    val.split = "val"
    write_datasets([train, val], tmp_path / "coco", format="coco")
    return tmp_path / "coco"


def test_it_prints_what_to_open_and_says_what_is_lost(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["data", "convert", str(source), str(tmp_path / "yolo"), "--format", "yolo"])

    out, err = capsys.readouterr()
    assert code == 0
    assert out == f"{tmp_path}/yolo/data.yaml\n"
    assert "train: 2 pictures, 1 instances\nval: 1 pictures, 1 instances\n" in err
    assert "yolo cannot hold: train: area: those of 1 instances" in err


def test_json_has_the_whole_report(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "convert", str(source / "data.yaml"), str(tmp_path / "x"), "--format", "dlc", "--json"])

    table = json.loads(capsys.readouterr().out)
    assert table["pictures"] == {"train": 2, "val": 1}
    assert len(table["lost"]) == 6


def test_one_split_goes_into_one_file(source: Path, tmp_path: Path) -> None:
    code = main(["data", "convert", str(source), str(tmp_path / "v.xml"), "--format", "cvat", "--split", "val"])

    assert code == 0
    assert len(open_dataset(tmp_path / "v.xml")) == 1


def test_two_splits_do_not_fit_into_one_file(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["data", "convert", str(source), str(tmp_path / "v.xml"), "--format", "cvat"])

    assert code == 2
    assert "holds one split, the source has 2" in capsys.readouterr().err


@pytest.mark.parametrize(("flag", "linked"), [("--copy", False), ("--link", True)])
@pytest.mark.parametrize("form", ["yolo", "coco", "labelme"])
def test_pictures_are_copied_or_linked(source: Path, tmp_path: Path, form: str, flag: str, linked: bool) -> None:
    main(["data", "convert", str(source), str(tmp_path / "out"), "--format", form, flag])

    pictures = list((tmp_path / "out").rglob("*.png"))
    assert len(pictures) == 3
    assert all(path.is_symlink() == linked for path in pictures)
    assert all((tmp_path / "out") in path.parents for path in open_dataset(tmp_path / "out").paths)


def test_copies_move_with_their_folder(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out", format="labelstudio", pictures="copy")

    (tmp_path / "out").rename(tmp_path / "elsewhere")

    assert open_dataset(tmp_path / "elsewhere", "val").image(0).shape == (480, 640, 3)


def test_pictures_left_out_make_exit_code_1(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "made" / "0.png").write_bytes(b"no picture")

    code = main(["data", "convert", str(source), str(tmp_path / "out"), "--format", "yolo"])

    assert code == 1
    assert "0.png: not a picture" in capsys.readouterr().err


def test_pictures_of_one_name_and_two_endings_get_labels_of_their_own(tmp_path: Path) -> None:
    made = kit.table(tmp_path / "made", [Labels.of([0], [[i, 1, 9, 9]], [[[i, 2]] * 3]) for i in range(2)])
    made.paths = [kit.picture(tmp_path, name, (640, 480)) for name in ("a.png", "a.bmp")]

    done = write_datasets([made], tmp_path / "out", format="yolo")

    found = open_dataset(tmp_path / "out")
    assert [problem.message for problem in done.problems] == ["is written as images/train/a-2.bmp"]
    assert done.whole
    assert sorted(path.name for path in found.paths) == ["a-2.bmp", "a.png"]
    assert sorted(found.read(i)[0].boxes[0, 0] for i in range(2)) == pytest.approx([0, 1])


@pytest.mark.parametrize("words", [["--copy", "--link"], ["--format", "cocoa"]])
def test_wrong_use_is_exit_code_2(source: Path, tmp_path: Path, words: list[str]) -> None:
    assert main(["data", "convert", str(source), str(tmp_path / "out"), "--format", "yolo", *words]) == 2


def test_wrong_rows_leave_their_picture_out(tmp_path: Path) -> None:
    for i in range(2):
        kit.picture(tmp_path, f"images/{i}.png", (10, 10))
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{i}.txt").write_text("0 .5 .5 1 1 .5 .5\n" + "0 .5 .5 1 1 7 7\n" * i)
    (tmp_path / "data.yaml").write_text("train: images\nkpt_shape: [1, 2]\nnames: [cat]\n")

    done = convert(tmp_path, tmp_path / "out", format="coco")

    assert done.pictures == {"train": 1}
    assert [str(problem.file.name) for problem in done.problems] == ["1.txt"]


def test_a_source_without_a_usable_picture_is_an_error(tmp_path: Path) -> None:
    made = kit.table(tmp_path / "made", [Labels.empty(3)])
    made.paths[0].unlink()

    with pytest.raises(FormatError, match=r"nothing to write: .*no such picture"):
        write_datasets([made], tmp_path / "out", format="coco")


@pytest.mark.parametrize("form", ["yolo", "coco", "parquet"])
def test_a_picture_that_is_listed_twice_is_written_once(tmp_path: Path, form: str) -> None:
    pytest.importorskip("pyarrow")
    made = kit.table(tmp_path / "made", [Labels.of([0], [[i, 1, 9, 9]], [[[i, 2]] * 3]) for i in range(2)])
    made.paths = [made.paths[0]] * 2

    done = write_datasets([made], tmp_path / "out", format=form)

    assert [problem.kind for problem in done.problems] == ["picture-twice"]
    assert open_dataset(tmp_path / "out").read(0)[0].xy[0, 0].tolist() == pytest.approx([0, 2])


def test_two_classes_of_one_name_are_refused(tmp_path: Path) -> None:
    made = kit.table(tmp_path / "made", [Labels.empty(3)], classes=("cat", "cat"))

    with pytest.raises(FormatError, match="two classes are called 'cat'"):
        write_datasets([made], tmp_path / "out", format="coco")


def test_keypoints_without_mirror_map_stay_without(tmp_path: Path) -> None:
    kit.picture(tmp_path, "images/0.png", (10, 10))
    (tmp_path / "data.yaml").write_text("train: images\nkpt_shape: [4, 3]\nnames: [cat]\n")

    convert(tmp_path, tmp_path / "out", format="coco")

    assert not open_dataset(tmp_path / "out").spec.flip_known
