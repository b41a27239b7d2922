"""Pictures of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from tiny import draw, run  # noqa: E402

from poise.datasets import open_dataset, scan  # noqa: E402
from poise.sources import read_picture  # noqa: E402
from poise.training.examples import Batch, Targets  # noqa: E402
from poise.training.plots import Plots, draw_batch, draw_labels, draw_results, smooth  # noqa: E402


def batch_with(x: float, y: float, *, seen: bool = True) -> Batch:
    """A grey picture of 240 pixels with one labelled keypoint."""
    points = torch.zeros(1, 4, 2)
    points[0, 0] = torch.tensor([x, y])
    visible = torch.zeros(1, 4, dtype=torch.bool)
    visible[0, 0] = seen
    boxes = torch.tensor([[20.0, 20.0, 220.0, 220.0]])
    targets = Targets(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), boxes, points, visible)
    return Batch(torch.full((1, 3, 240, 240), 128, dtype=torch.uint8), targets, ("a.png",))


def test_a_keypoint_is_drawn_where_the_batch_has_it(cards: Path) -> None:
    spec = open_dataset(str(cards), "train").spec

    with_point = draw_batch(batch_with(90, 150), spec)
    without = draw_batch(batch_with(90, 150, seen=False), spec)

    rows, columns = np.nonzero((with_point != without).any(axis=-1))
    # The sheet has a margin of 10 pixels.
    assert abs(columns.mean() - 10 - 90) < 1.5
    assert abs(rows.mean() - 10 - 150) < 1.5


def test_a_picture_keeps_its_colours_in_the_sheet(cards: Path) -> None:
    batch = batch_with(90, 150, seen=False)
    batch.images[0] = torch.tensor([200, 100, 50], dtype=torch.uint8)[:, None, None]  # red, green, blue

    sheet = draw_batch(batch, open_dataset(str(cards), "train").spec)

    assert sheet[130, 130].tolist() == [50, 100, 200]


def test_label_overview_depends_on_the_labels(cards: Path, tmp_path: Path) -> None:
    first, other = (open_dataset(str(file), "train") for file in (cards, draw(tmp_path, seed=5)))

    pictures = [draw_labels(data.spec, scan(data)) for data in (first, other)]

    assert pictures[0].shape == pictures[1].shape
    assert (pictures[0] != pictures[1]).any()


def test_results_put_train_and_val_into_one_chart() -> None:
    rows = [
        {"epoch": i + 1, "train/box_loss": 1 / (i + 1), "val/box_loss": 2 / (i + 1), "metrics/mAP50(B)": i / 9}
        for i in range(9)
    ]

    both, one = draw_results(rows, 4), draw_results([{k: v for k, v in r.items() if "val" not in k} for r in rows], 4)

    assert both.shape == one.shape
    assert (both != one).any()


@pytest.mark.parametrize("rows", [1, 2, 200])
def test_results_of_any_length_are_drawn(rows: int) -> None:
    table = [{"epoch": i + 1, "train/a_loss": float("nan") if i == 1 else 1.0, "lr/pg0": 0.1} for i in range(rows)]

    assert draw_results(table).std() > 0


def test_smoothing_keeps_a_constant_and_leaves_gaps() -> None:
    values = np.full(40, 3.0)
    values[7] = np.nan

    out = smooth(values)

    assert np.isnan(out[7])
    assert np.delete(out, 7) == pytest.approx(np.full(39, 3.0))


def test_a_training_leaves_its_pictures(trained: Any) -> None:
    folder = trained.training.save_dir

    names = {path.name for path in folder.iterdir()}
    assert {
        "results.png", "labels.png", "train_batch0.jpg", "train_batch1.jpg", "train_batch2.jpg",
        "train_batch_no_mosaic.jpg", "val_batch0_labels.jpg", "val_batch0_pred.jpg", "PosePR_curve.png",
    } <= names  # fmt: skip
    assert read_picture(folder / "val_batch0_labels.jpg").std() > 10


def test_a_plot_that_cannot_be_written_is_one_note(cards: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    data = open_dataset(str(cards), "train")
    for name in ("labels.png", "train_batch0.jpg"):
        (tmp_path / name).mkdir()
    plots = Plots(tmp_path, notes.append)

    plots.draw_labels(data.spec, scan(data))
    plots.draw_batch(batch_with(90, 150), data.spec, epoch=0, index=0, mosaic=True)

    assert len(notes) == 1
    assert "labels.png" in notes[0]
    assert "the training goes on" in notes[0]


def test_a_picture_that_breaks_in_validation_is_named_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = draw(tmp_path)

    def spoil(training: object) -> None:
        picture = tmp_path / "images/val/0.png"
        picture.write_bytes(picture.read_bytes()[:300])

    run(file, verbose=True, epochs=1, callbacks={"on_train_start": [spoil]})

    # The line is wrapped by the terminal only.
    assert capsys.readouterr().err.count("it is left out") == 1
