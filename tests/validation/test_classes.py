"""A network of several classes: what was found as what, in the metrics, on the screen and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from poise.cli._scores import report
from poise.datasets import Dataset, open_dataset
from poise.estimators import Estimate
from poise.evaluation import PoseMetrics, analyse
from poise.skeletons import get
from poise.validation import validate, write_pictures

pytest.importorskip("yaml")
YAML = "path: .\nval: images\nkpt_shape: [17, 3]\nnames: [dog, cat]\n"
# The boxes of every picture, 100 x 100 pixels: two true ones, and what is found.
DOG, CAT, NOTHING = (0, 0, 40, 40), (50, 50, 90, 90), (60, 0, 90, 30)


class Confused:
    """Takes every cat for a dog, with a false alarm in each picture; its classes are in another order."""

    skeleton, names = get("coco17"), {0: "cat", 1: "dog", 2: "horse"}

    def memory(self) -> None:
        return None

    def __call__(self, images: Sequence[Any], options: Any, *_: Any, **__: Any) -> list[Estimate]:
        boxes = np.array([[*DOG, 0.9, 1], [*CAT, 0.8, 1], [*NOTHING, 0.7, 0], [*CAT, 0.6, 2]], np.float32)
        return [Estimate(boxes, np.full((4, 17, 2), 20, np.float32)) for _ in images]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("classes")
    for part in ("images", "labels"):
        (folder / part).mkdir()
    points = " ".join(["0.2 0.2 2"] * 17)
    for i in range(2):
        PIL.Image.new("RGB", (100, 100)).save(folder / f"images/{i}.png")
        (folder / f"labels/{i}.txt").write_text(f"0 0.2 0.2 0.4 0.4 {points}\n1 0.7 0.7 0.4 0.4 {points}\n")
    (folder / "data.yaml").write_text(YAML)
    return open_dataset(folder / "data.yaml", "val")


@pytest.fixture(scope="module")
def metrics(data: Dataset) -> PoseMetrics:
    return validate(Confused(), data)


def test_cats_that_are_taken_for_dogs_are_counted(metrics: PoseMetrics) -> None:
    confusion = metrics.confusion

    assert confusion is not None
    assert confusion.names == ("dog", "cat", "background")
    assert confusion.matrix.tolist() == [[2, 2, 0], [0, 0, 2], [0, 0, 0]]
    assert metrics.record()["confusion"]["matrix"] == confusion.matrix.tolist()


@pytest.mark.parametrize("tables", [True, False])
def test_the_command_prints_what_was_found_as_what(
    metrics: PoseMetrics, capsys: pytest.CaptureFixture[str], tables: bool
) -> None:
    report(metrics, analyse(metrics, resamples=5), tables=tables)

    printed = capsys.readouterr().out
    assert "at conf 0.25 and IoU 0.5: 2 found, 2 as another class, 0 missed, 2 false" in printed
    assert ("found as (true class)  dog  cat  background" in printed) is tables


def test_a_run_gets_both_pictures(metrics: PoseMetrics, data: Dataset, tmp_path: Path) -> None:
    names = {path.name for path in write_pictures(metrics, data, tmp_path)}

    assert {"confusion_matrix.png", "confusion_matrix_normalized.png"} <= names
    with PIL.Image.open(tmp_path / "confusion_matrix.png") as picture:
        assert min(picture.size) > 250
