"""Labels that a model writes are read back as labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from poise import Pose, Results
from poise.cli import main
from poise.datasets import open_dataset, scan

pytest.importorskip("yaml")
YAML = "path: .\ntrain: images\nval: images\nkpt_shape: [17, {d}]\nnames: [thing]\n"


def described(folder: Path, d: int = 3) -> Path:
    file = folder / "data.yaml"
    file.write_text(YAML.format(d=d))
    return file


def picture(folder: Path, source: Path) -> Path:
    (folder / "images").mkdir()
    path = folder / "images" / source.name
    path.write_bytes(source.read_bytes())
    return path


def test_labels_of_a_model_are_a_data_set(tmp_path: Path, photo: Path) -> None:
    path = picture(tmp_path, photo)
    (result,) = Pose("body-fast", threads=1)(path)

    result.save_txt(tmp_path / "labels" / f"{photo.stem}.txt")

    read = scan(open_dataset(described(tmp_path), "val"))
    assert read.problems == []
    assert len(read.labels[0]) == len(result) == 1
    conf, labels = result.keypoints.conf, read.labels[0]
    np.testing.assert_array_equal(labels.visibility, np.where(conf >= 0.5, 2, np.where(conf >= 0.25, 1, 0)))
    seen = labels.visibility > 0
    np.testing.assert_allclose(labels.xy[seen], result.keypoints.xy[seen], atol=2e-3)
    np.testing.assert_allclose(labels.boxes, result.boxes.xyxy.clip(0, [640, 425, 640, 425]), atol=2e-3)


def test_labels_of_the_command_are_a_data_set(tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture(tmp_path, photo)
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(path), "--model", "body-fast", "--save-txt", "--project", ".", "--name", "run"]) == 0
    (tmp_path / "run/labels").rename(tmp_path / "labels")

    read = scan(open_dataset(described(tmp_path), "val"))

    assert (read.problems, len(read.labels[0])) == ([], 1)


def test_labels_without_confidence_say_what_is_missing(tmp_path: Path, photo: Path) -> None:
    picture(tmp_path, photo)
    points = np.full((1, 17, 2), 20.0)
    points[0, 1:3] = [[np.nan, np.nan], [700.0, 30.0]]
    result = Results.of(np.zeros((425, 640, 3), np.uint8), [[10, 10, 90, 90, 0.9, 0]], points)

    result.save_txt(tmp_path / "labels" / f"{photo.stem}.txt")

    (labels,) = scan(open_dataset(described(tmp_path, d=2), "val")).labels
    assert labels.visibility[0].tolist() == [2, 0, 0] + [2] * 14


def test_predictions_in_the_place_of_labels_are_named(tmp_path: Path, photo: Path) -> None:
    path = picture(tmp_path, photo)
    (result,) = Pose("body-fast", threads=1)(path)
    result.save_txt(tmp_path / "labels" / f"{photo.stem}.txt", save_conf=True)

    read = scan(open_dataset(described(tmp_path), "val"))

    assert read.problems[0].kind == "confidences"
    assert "the third value of a keypoint is a confidence" in str(read.problems[0])
    assert "or save predictions without confidences" in str(read.problems[0])
