"""``poise val``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from poise.cli import main

pytest.importorskip("yaml")
YAML = "path: .\nval: images\nkpt_shape: [17, 3]\nnames: [person]\n"


@pytest.fixture
def data(tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of one picture, labelled by hand as far as the command needs it."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    shutil.copy(photo, tmp_path / "images" / "man.jpg")
    points = " ".join(f"{0.4 + 0.01 * k:.2f} {0.3 + 0.02 * k:.2f} {2 - k % 2}" for k in range(17))
    (tmp_path / "labels" / "man.txt").write_text(f"0 0.5 0.5 0.5 0.8 {points}\n")
    (tmp_path / "data.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_json_holds_exactly_what_is_promised(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["val", "--model", "body-fast", "--data", "data.yaml", "--json"])

    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert list(printed) == ["protocol", "images", "instances", "pose", "box", "confusion", "speed"]
    assert (printed["protocol"], printed["images"], printed["instances"]) == ("yolo", 1, 1)
    assert list(printed["pose"]) == ["map", "map50", "map75", "p", "r"]


def test_json_tells_what_was_found_missed_and_false(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["val", "--model", "body-fast", "--data", "data.yaml", "--json"]) == 0

    confusion = json.loads(capsys.readouterr().out)["confusion"]
    assert confusion["names"] == ["person", "background"]
    assert (confusion["conf"], confusion["iou"]) == (0.25, 0.5)
    (found, false), (missed, nothing) = confusion["matrix"]
    assert (found + missed, found + false, nothing) == (1, 1, 0)


def test_the_fields_spelling_works(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pose", "val", "model=body-fast", "data=data.yaml", "tables=True"]) == 0

    printed = capsys.readouterr().out
    for word in ("keypoints", "boxes", "mAP50-95", "left_wrist", "hidden", "angle at", "0.53 x its box", "missed"):
        assert word in printed


def test_two_models_are_compared(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["val", "body-fast", "body", "--data", "data.yaml", "--json"]) == 0

    printed = json.loads(capsys.readouterr().out)
    assert [model["model"] for model in printed["models"]] == ["body-fast", "body"]
    assert "pose mAP50-95" in printed["difference"]
    assert printed["pictures"][0]["picture"] == "images/man.jpg"


def test_plots_are_written_when_asked_for(data: Path) -> None:
    assert main(["val", "body-fast", "--data", "data.yaml", "--plots", "--save-json"]) == 0

    folder = data / "runs/pose/val"
    names = {path.name for path in folder.iterdir()}
    assert {"PosePR_curve.png", "BoxF1_curve.png", "reliability.png", "val_pred.jpg", "report.json"} <= names
    assert {"confusion_matrix.png", "confusion_matrix_normalized.png"} <= names
    assert json.loads((folder / "manifest.json").read_text())["scores"]["images"] == 1
    assert len(json.loads((folder / "predictions.json").read_text())) >= 1


def test_nothing_is_written_unasked(data: Path) -> None:
    assert main(["val", "body-fast", "--data", "data.yaml"]) == 0

    assert not (data / "runs").exists()


def test_a_picture_that_is_left_out_is_named_even_when_quiet(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "images" / "broken.jpg").write_bytes(b"no picture")

    assert main(["val", "body-fast", "--data", "data.yaml", "--quiet"]) == 0

    assert "left out: images/broken.jpg" in capsys.readouterr().err.replace(str(data) + "/", "")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["body-fast"], 2, "val needs --data"),
        (["--data", "data.yaml"], 2, "val needs a model, or two to compare, got 0"),
        (["body-fast", "--data", "data.yaml", "--protocol", "coko"], 2, "did you mean 'coco'"),
        (["body-fast", "--data", "nothing.yaml"], 1, "nothing.yaml: no such file"),
        (["body-fast", "--data", "data.yaml", "--split", "train"], 1, "no split 'train'; it has val"),
        (["body-fast", "body", "--data", "data.yaml", "--calibrate", "c.toml"], 2, "--calibrate takes one model"),
    ],
)
def test_wrong_use_says_what_to_do(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    assert main(["val", *words]) == code

    assert message in capsys.readouterr().err


def test_too_few_keypoints_to_calibrate_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["val", "body-fast", "--data", "data.yaml", "--calibrate", "c.toml"]) == 1

    assert "too few keypoints were found" in " ".join(capsys.readouterr().err.split())
    assert not (data / "c.toml").exists()


def test_a_calibration_is_fitted_written_and_used(shared: Path, tmp_path: Path) -> None:
    folder, path = shared / "data/coco-mini", tmp_path / "c.toml"
    table = json.loads((folder / "annotations/person_keypoints_val2017.json").read_text())
    most = sorted(table["annotations"], key=lambda a: -a["num_keypoints"])[:8]
    table["images"] = [record for record in table["images"] if record["id"] in {a["image_id"] for a in most}]
    labels = tmp_path / "some.json"
    labels.write_text(json.dumps(table))

    words = ["val", "body-fast", "--data", str(labels), "--images", str(folder / "val2017")]
    assert main([*words, "--calibrate", str(path), "--json"]) == 0

    assert "temperature" in path.read_text()
    assert main([*words, "--calibration", str(path), "--json"]) == 0


def test_labels_of_another_size_are_not_scored(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    with Image.open(data / "images" / "man.jpg") as picture:
        width, height = picture.size
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 50], "area": 900, "iscrowd": 0}
    table = {
        "images": [{"id": 1, "file_name": "images/man.jpg", "width": 2 * width, "height": 2 * height}],
        "categories": [{"id": 1, "name": "person", "keypoints": [f"p{i}" for i in range(17)]}],
        "annotations": [row | {"keypoints": [20, 20, 2] * 17}],
    }
    (data / "ann.json").write_text(json.dumps(table))

    code = main(["val", "--model", "body-fast", "--data", "ann.json", "--json"])

    assert code == 1
    assert f"{2 * width} x {2 * height} in the file, but the picture is {width} x {height}" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["val body-fast --data nowhere.yaml --calibrate", "data check nowhere.yaml --sheet"])
def test_a_file_that_cannot_be_written_is_told_before_the_work(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    target = tmp_path / f"file/sheet{'.html' if words.startswith('data') else '.toml'}"

    assert main([*words.split(), str(target)]) == 1

    expected = f"poise: {target}: cannot be written: part of the path is a file that exists already\n"
    assert capsys.readouterr().err == expected


def test_keypoints_that_nobody_labelled_are_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "labels/man.txt").write_text(f"0 0.5 0.5 0.5 0.8 {' '.join(['0 0 0'] * 17)}\n")

    assert main(["val", "body-fast", "--data", "data.yaml"]) == 0

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "keypoint error: median -, 90 % below - pixels" in lines
    assert "no instance has a labelled keypoint: the scores of keypoints say nothing" in lines
