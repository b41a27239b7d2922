"""Pictures that are not where a file says: moved, from another system, named from another folder, in archives."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import format_kit as kit
import pytest

from poise.datasets import convert, open_dataset, read_spec
from poise.datasets.doctor import check
from poise.errors import FormatError

ROW = "0 0.5 0.5 0.4 0.4 0.35 0.35 2 0.65 0.35 2 0.5 0.65 1\n"
END = "kpt_shape: [3, 3]\nflip_idx: [1, 0, 2]\nnames: [cat]\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in another folder than the data set's, with a cache of its own."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("POISE_DATASETS", raising=False)
    return tmp_path / "cwd"


def yolo(folder: Path, text: str, *names: str) -> Path:
    """Write a description, and a picture with a label for each name below the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        picture = kit.picture(folder, name, (60, 40))
        label = Path(str(picture).replace("/images/", "/labels/")).with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(ROW)
    (folder / "data.yaml").write_text(text + END)
    return folder / "data.yaml"


def notes(file: Path, split: str = "train") -> tuple[str, ...]:
    found = open_dataset(file, split)
    assert all(path.is_file() for path in found.paths)
    assert all(len(found.read(i)[0]) == 1 for i in range(len(found)))
    return found.notes  # type: ignore[attr-defined, no-any-return]


MOVED = {
    "as Roboflow writes it": ("train: ../train/images\nval: ../valid/images\n", "train/images/a.png"),
    "a drive of Windows": ("path: C:\\Users\\me\\set\ntrain: images\\train\n", "images/train/a.png"),
    "a share of Windows": ("train: \\\\server\\share\\set\\images\\train\n", "images/train/a.png"),
    "another machine's folder": ("train: /home/somebody/datasets/set/images/train\n", "images/train/a.png"),
    "another machine's path": ("path: /content/datasets/set\ntrain: images/train\n", "images/train/a.png"),
    "the set's name before it": ("train: set/images/train\n", "images/train/a.png"),
}


@pytest.mark.parametrize("name", MOVED)
def test_folders_are_found_by_the_last_parts_of_their_paths_and_it_is_told(tmp_path: Path, name: str) -> None:
    text, picture = MOVED[name]

    told = notes(yolo(tmp_path / "set", text, picture))

    assert told
    assert all(" is taken" in note for note in told)


def test_a_split_is_never_taken_for_another(tmp_path: Path) -> None:
    file = yolo(
        tmp_path / "set", "train: ../train/images\nval: ../valid/images\n", "train/images/a.png", "images/b.png"
    )

    with pytest.raises(FormatError, match=r"valid/images: no such folder"):
        open_dataset(file, "val")


def test_a_test_split_that_exports_only_name_is_no_error(tmp_path: Path) -> None:
    text = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n"
    file = yolo(tmp_path / "set", text, "train/images/a.png", "valid/images/b.png")

    found = check(file, fast=True)
    done = convert(file, tmp_path / "out", format="coco")

    assert found.ok
    assert [p.kind for p in found.problems if p.message.startswith("test:")] == ["missing-split"]
    assert done.pictures == {"train": 1, "val": 1}
    assert done.whole


LISTS = {
    "from CVAT": "data/images/train/a.png\n",
    "from the working folder": "set/images/train/a.png\n",
    "from Windows": ".\\images\\train\\a.png\n",
    "of another machine": "/mnt/disk/set/images/train/a.png\n",
    "with the drive": "D:\\set\\images\\train\\a.png\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_start_where_their_writers_start_them(tmp_path: Path, name: str) -> None:
    file = yolo(tmp_path / "set", "path: .\ntrain: train.txt\n", "images/train/a.png")
    (tmp_path / "set/train.txt").write_text(LISTS[name])

    (note,) = notes(file)

    assert "is not beside the list" in note


def test_a_list_in_another_folder_counts_from_path(tmp_path: Path) -> None:
    file = yolo(tmp_path / "set", "path: .\ntrain: lists/train.txt\n", "images/train/a.png")
    kit.picture(tmp_path, "set/lists/readme.png", (9, 9))
    (tmp_path / "set/lists/train.txt").write_text("images/train/a.png\n")

    assert open_dataset(file).paths == [tmp_path / "set/images/train/a.png"]


def test_a_list_from_the_working_folder_is_followed(tmp_path: Path, elsewhere: Path) -> None:
    file = yolo(tmp_path / "set", "path: .\ntrain: train.txt\n")
    kit.picture(elsewhere, "somewhere/images/a.png", (60, 40))
    (tmp_path / "set/train.txt").write_text("somewhere/images/a.png\n")

    assert [path.name for path in open_dataset(file).paths] == ["a.png"]


def test_a_list_without_a_picture_says_where_it_looked(tmp_path: Path) -> None:
    file = yolo(tmp_path / "set", "path: .\ntrain: train.txt\n")
    (tmp_path / "set/train.txt").write_text("x/y.png\nx/z.png\n")

    with pytest.raises(
        FormatError, match=r"none of the 2 pictures in .*train\.txt is there \(x/y\.png, …\); looked from"
    ):
        open_dataset(file)


def test_an_absolute_path_is_not_mended_by_an_environment_variable(tmp_path: Path) -> None:
    file = yolo(tmp_path / "set", "train: /nowhere/at/all\n")

    with pytest.raises(FormatError, match="correct 'train:'") as raised:
        open_dataset(file)
    assert "POISE_DATASETS" not in str(raised.value)


KEYS = {
    "Train: images/train\nVal: images/train\n": {"Train": "train", "Val": "val"},
    "train: images/train\nvalidation: images/train\n": {"validation": "val"},
    "PATH: .\ntrain: images/train\nvalid: images/train\n": {"PATH": "path", "valid": "val"},
}


@pytest.mark.parametrize("text", KEYS)
def test_keys_that_are_spelled_otherwise_are_read_and_told(tmp_path: Path, text: str) -> None:
    spec = read_spec(yolo(tmp_path / "set", text, "images/train/a.png"))

    assert list(spec.splits) == ["train"] + ["val"] * ("al" in text.lower().replace("train", ""))
    assert spec.notes == tuple(f"the key {key!r} is read as {meant!r}" for key, meant in KEYS[text].items())


def test_a_key_that_is_not_known_is_told_with_its_line(tmp_path: Path) -> None:
    file = yolo(tmp_path / "set", "train: images/train\nflip_indx: [1, 0, 2]\nroboflow: {a: 1}\n", "images/train/a.png")

    (problem,) = [p for p in check(file).problems if p.kind == "unknown-key"]

    assert problem.message == "the key 'flip_indx' is not known and not read; did you mean 'flip_idx'?"
    assert problem.line == 2


def coco(folder: Path, name: str, *, file: str = "ann.json", size: tuple[int, int] = (64, 48), **more: Any) -> Path:
    """Write a COCO file about one picture of that name, 64 x 48."""
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 30, 30], "area": 900, "iscrowd": 0}
    table = {
        "images": [{"id": 1, "file_name": name, "width": size[0], "height": size[1]}],
        "categories": [{"id": 1, "name": "cat", "keypoints": ["nose", "tail"]}],
        "annotations": [annotation | {"keypoints": [10, 10, 2, 20, 20, 1]} | more],
    }
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table))
    return path


PLACES = [
    ("img\\a.png", "img/a.png"),
    ("C:\\data\\img\\a.png", "img/a.png"),
    ("D:/set/a.png", "images/a.png"),
    ("/home/me/set/a.png", "a.png"),
    ("a.jpg", "a.png"),
    ("a", "images/a.PNG"),
    ("old/a.png", "deep/er/a.png"),
]


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_a_coco_picture_is_found_and_told(tmp_path: Path, name: str, place: str) -> None:
    kit.picture(tmp_path / "set", place, (64, 48))

    found = open_dataset(coco(tmp_path / "set", name))

    assert found.paths == [tmp_path / "set" / place]
    assert any(name in note for note in found.notes)  # type: ignore[attr-defined]


@pytest.mark.parametrize("named", ["person_keypoints_val2017.json", "./person_keypoints_val2017.json"])
def test_a_coco_file_is_opened_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    kit.picture(tmp_path / "set", "val2017/a.png", (64, 48))
    file = coco(tmp_path / "set", "a.png", file="annotations/person_keypoints_val2017.json")
    monkeypatch.chdir(file.parent)

    assert open_dataset(named).paths[0].resolve() == tmp_path / "set/val2017/a.png"


def test_two_pictures_of_one_name_are_not_guessed(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        kit.picture(tmp_path / "set" / folder, "a.png", (64, 48))

    with pytest.raises(FormatError, match=r"say where: --images FOLDER \(images=FOLDER\)"):
        open_dataset(coco(tmp_path / "set", "old/a.png"))


def test_a_given_folder_is_used(tmp_path: Path) -> None:
    kit.picture(tmp_path, "pictures/a.png", (64, 48))
    file = coco(tmp_path / "set", "somewhere/a.png")

    assert open_dataset(file, images=tmp_path / "pictures").paths == [tmp_path / "pictures/a.png"]
    assert check(file, images=tmp_path / "pictures").ok


def test_a_given_folder_is_where_a_yaml_starts(tmp_path: Path) -> None:
    file = yolo(tmp_path / "set", "train: images/train\n", "images/train/a.png")
    moved = tmp_path / "yaml" / "data.yaml"
    moved.parent.mkdir()
    file.rename(moved)

    assert open_dataset(moved, images=tmp_path / "set").paths == [tmp_path / "set/images/train/a.png"]


def test_labels_of_another_size_are_left_out_and_named(tmp_path: Path) -> None:
    kit.picture(tmp_path / "set", "a.png", (64, 48))
    file = coco(tmp_path / "set", "a.png", size=(128, 96))

    (problem,) = [p for p in check(file).problems if p.severity == "error" and p.kind == "size-mismatch"]

    assert "a.png: 128 x 96 in the file, but the picture is 64 x 48" in problem.message
    with pytest.raises(FormatError, match=r"nothing to write: .*128 x 96 in the file"):
        convert(file, tmp_path / "out", format="yolo")


def labelme(folder: Path, name: str) -> Path:
    shapes = [
        {"label": "cat", "points": [[5, 5], [40, 40]], "group_id": 1, "shape_type": "rectangle"},
        {"label": "nose", "points": [[10, 10]], "group_id": 1, "shape_type": "point"},
    ]
    path = folder / "a.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"shapes": shapes, "imagePath": name, "imageWidth": 64, "imageHeight": 48}))
    return folder


@pytest.mark.parametrize(
    "name", ["../../JPEGImages/a.png", "C:\\Users\\me\\Pictures\\a.png", "/data/x/a.png", "..\\a.png", "renamed.png"]
)
def test_a_labelme_picture_is_beside_its_file(tmp_path: Path, name: str) -> None:
    kit.picture(tmp_path / "set", "a.png", (64, 48))

    found = open_dataset(labelme(tmp_path / "set", name))

    assert found.paths == [tmp_path / "set/a.png"]
    assert any("found by their names" in note for note in found.notes)  # type: ignore[attr-defined]


def test_a_labelme_file_brings_its_picture_along(tmp_path: Path) -> None:
    import base64

    picture = kit.picture(tmp_path / "other", "a.png", (64, 48))
    folder = labelme(tmp_path / "set", "lost.png")
    table = json.loads((folder / "a.json").read_text())
    table["imageData"] = base64.b64encode(picture.read_bytes()).decode()
    (folder / "a.json").write_text(json.dumps(table))
    picture.unlink()

    found = open_dataset(folder)

    assert found.image(0).shape == (48, 64, 3)
    assert found.notes == (  # type: ignore[attr-defined]
        "1 pictures are not where the files say; those in the files themselves are used",
    )


@pytest.mark.parametrize("stray", ['{"hello": 1}', "[1, 2]", '{"categories": [{"id": 0, "name": "cat"}]}'])
def test_one_stray_file_does_not_spoil_a_folder(tmp_path: Path, stray: str) -> None:
    kit.picture(tmp_path / "set", "a.png", (64, 48))
    folder = labelme(tmp_path / "set", "a.png")
    (folder / "meta.json").write_text(stray)

    found = open_dataset(folder)

    assert len(found) == 1
    assert found.notes[0] == "meta.json: not a LabelMe file, passed over"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["labeled-data\\v1\\img001.png", "C:\\dlc\\labeled-data\\v1\\img001.png"])
def test_tables_of_deeplabcut_on_windows_are_followed(tmp_path: Path, name: str) -> None:
    picture = kit.picture(tmp_path / "set", "labeled-data/v1/img001.png", (64, 48))
    head = "scorer,JD,JD,JD,JD\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"
    (picture.parent / "CollectedData_JD.csv").write_text(f"{head}{name},10,20,30,40\n")

    assert open_dataset(tmp_path / "set").paths == [picture]


@pytest.mark.parametrize("place", ["frame_000000.PNG", "images/frame_000000.jpg"])
def test_cvat_images_without_an_ending_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    kit.picture(tmp_path / "set", place, (64, 48)) if place.endswith("PNG") else _jpeg(tmp_path / "set" / place)
    shapes = '<points label="nose" points="10,10;20,20" group_id="0"></points>'
    body = f'<image id="0" name="frame_000000" width="64" height="48">{shapes}</image>'
    (tmp_path / "set/annotations.xml").write_text(f"<annotations><version>1.1</version>{body}</annotations>")
    monkeypatch.chdir(tmp_path / "set")

    assert open_dataset("annotations.xml").paths[0].resolve() == tmp_path / "set" / place
    assert open_dataset(tmp_path / "set").paths[0].resolve() == tmp_path / "set" / place


def _jpeg(path: Path) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(path)


def test_a_folder_of_label_studios_yolo_export_names_the_right_one(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    kit.picture(folder, "images/a.png", (64, 48))
    (folder / "labels").mkdir()
    (folder / "labels/a.txt").write_text(ROW)
    (folder / "classes.txt").write_text("cat\n")
    (folder / "notes.json").write_text('{"categories": [{"id": 0, "name": "cat"}], "info": {}}')

    with pytest.raises(FormatError, match=r"Label Studio's export 'YOLO' .*export the project as 'JSON'"):
        open_dataset(folder)


def test_a_folder_with_one_description_of_any_name_is_opened(tmp_path: Path) -> None:
    yolo(tmp_path / "set", "train: images/train\n", "images/train/a.png").rename(tmp_path / "set/my-fish.yaml")
    (tmp_path / "set/hyp.yaml").write_text("lr0: 0.1\n")

    assert len(open_dataset(tmp_path / "set")) == 1


def packed(source: Path, file: Path, *, below: str = "") -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                archive.write(path, below + path.relative_to(source).as_posix())
    return file


@pytest.mark.parametrize("below", ["", "set/", "a/b/"])
def test_an_archive_is_opened_as_its_folder(tmp_path: Path, below: str) -> None:
    yolo(tmp_path / "set", "train: ../train/images\nval: ../valid/images\n", "train/images/a.png", "valid/images/b.png")
    archive = packed(tmp_path / "set", tmp_path / "export.zip", below=below)

    assert [len(open_dataset(archive, split)) for split in ("train", "val")] == [1, 1]
    assert check(archive).statistics["splits"]["train"]["instances"] == 1
    assert convert(archive, tmp_path / "out", format="coco").pictures == {"train": 1, "val": 1}
    assert len(list((tmp_path / "cache/datasets").iterdir())) == 1


def test_an_archive_of_cvat_is_opened(tmp_path: Path) -> None:
    kit.picture(tmp_path / "set", "images/a.png", (64, 48))
    body = '<image id="0" name="a.png" width="64" height="48"><points label="x" points="1,1;2,2"></points></image>'
    (tmp_path / "set/annotations.xml").write_text(f"<annotations>{body}</annotations>")

    assert len(open_dataset(packed(tmp_path / "set", tmp_path / "task.zip"))) == 1


def _link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("images/train/link.png")
    entry.external_attr = 0o120777 << 16
    archive.writestr(entry, "/etc/passwd")


def test_a_link_in_an_archive_is_none_of_its_pictures(tmp_path: Path) -> None:
    yolo(tmp_path / "set", "train: images/train\n", "images/train/a.png")
    archive = packed(tmp_path / "set", tmp_path / "export.zip")
    with zipfile.ZipFile(archive, "a") as more:
        _link(more)

    assert [path.name for path in open_dataset(archive).paths] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("../evil.png", b"x", "would be written elsewhere"),
        ("/tmp/evil.png", b"x", "would be written elsewhere"),
        ("C:/evil.png", b"x", "would be written elsewhere"),
        ("..\\evil.png", b"x", "would be written elsewhere"),
        ("bomb.json", b"\0" * (64 << 20), "more than pictures and labels do"),
    ],
)
def test_an_archive_that_means_harm_is_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)

    with pytest.raises(FormatError, match=message):
        open_dataset(file)
    assert not [p for p in tmp_path.rglob("evil*") if p.is_file()]
    assert not (tmp_path / "cache/datasets").exists() or not list((tmp_path / "cache/datasets").iterdir())


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 nothing")

    with pytest.raises(FormatError, match=r"a\.zip: not a readable \.zip file"):
        open_dataset(tmp_path / "a.zip")


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    (tmp_path / "ann.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")

    with pytest.raises(FormatError, match=r"ann\.json: a Git LFS pointer, not the file itself \(run: git lfs pull\)"):
        open_dataset(tmp_path / "ann.json")


@pytest.mark.parametrize(
    ("written", "there"),
    [("my%20fish.png", "my fish.png"), ("a\u0308.png", "\u00e4.png"), ("\u00e4.png", "a\u0308.png")],
    ids=["percent", "accent of its own", "accent in the letter"],
)
def test_names_that_the_web_and_macos_write_otherwise(tmp_path: Path, written: str, there: str) -> None:
    kit.picture(tmp_path / "set", there, (60, 40))
    file = tmp_path / "set" / "a.json"
    table = {
        "images": [{"id": 1, "file_name": written, "width": 60, "height": 40}],
        "categories": [{"id": 1, "name": "fish", "keypoints": ["nose"]}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 20], "keypoints": [9, 8, 2]}],
    }
    file.write_text(json.dumps(table))
    assert any("found by their names" in note for note in notes(file))


ENDINGS = {
    "LabelMe": ("a.JSON", "labelme"),
    "CVAT": ("ANNOTATIONS.XML", "cvat"),
    "COCO": ("annotations/train.JSON", "coco"),
    "YOLO": ("SET.YAML", "yolo"),
    "DeepLabCut": ("labeled-data/v/CollectedData_me.CSV", "dlc"),
}


@pytest.mark.parametrize("tool", ENDINGS)
def test_files_of_a_folder_are_found_with_large_letters_in_their_endings(tmp_path: Path, tool: str) -> None:
    name, format = ENDINGS[tool]
    made, folder = tmp_path / "made", tmp_path / "set"
    done = convert(yolo(tmp_path / "yolo", "train: images\n", "images/a.png"), made, format=format, pictures="copy")
    picture = next(made.rglob("*.png"))
    kit.picture(folder, picture.relative_to(made).as_posix(), (60, 40))
    # Without the description that Poise writes beside them.
    for file in [path for path in made.rglob("*") if path.suffix in (".json", ".xml", ".csv", ".txt", ".yaml")]:
        if (file.suffix == ".yaml") == (format == "yolo") or file.suffix == ".txt":
            target = folder / (name if file.suffix != ".txt" else file.relative_to(made).with_suffix(".TXT"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.read_text().replace("path: .", ""))

    labels, problems = open_dataset(folder).read(0)

    assert done.whole
    assert problems == []
    assert labels.visibility.tolist() == [[2, 2, 1 if tool != "DeepLabCut" else 2]]


def test_a_description_that_is_no_plain_file_is_not_called_missing(tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe.yaml", tmp_path / "folder.yaml"
    os.mkfifo(pipe)
    folder.mkdir()

    for path, what in ((pipe, "pipe"), (folder, "folder")):
        with pytest.raises(FormatError) as caught:
            read_spec(path)
        assert str(caught.value) == f"{path}: a {what} where a file is expected"
    with pytest.raises(FormatError, match=r"none\.yaml: no such file"):
        read_spec(tmp_path / "none.yaml")
