"""The training loop, end to end on a data set that the test draws."""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny import Interrupt, draw, run, same, settings, start_command  # noqa: E402

from poise import Pose  # noqa: E402
from poise.cli import main  # noqa: E402
from poise.errors import FormatError, ModelError, PoiseError  # noqa: E402
from poise.training import EVENTS, Callbacks, PoseLoss, settings_of, train  # noqa: E402
from poise.training.losses import Losses  # noqa: E402
from poise.training.scoring import Score, Scorer  # noqa: E402


def test_resumed_training_equals_an_unbroken_one(cards: Path, tmp_path: Path) -> None:
    # Three batches an epoch and two a step: a gradient waits over the end of the epoch.
    how = {"optimizer": "AdamW", "val": False, "project": str(tmp_path)}
    whole = run(cards, name="whole", **how)
    with pytest.raises(KeyboardInterrupt):
        run(cards, name="broken", callbacks={"on_train_batch_end": [Interrupt(1)]}, **how)

    resumed = train(settings_of({"resume": str(tmp_path / "broken")}))

    assert same(whole, resumed)


def test_an_interrupt_counts_the_epochs_that_can_be_gone_on_from(cards: Path, tmp_path: Path) -> None:
    def stop(training: Any) -> None:
        # The second epoch is measured, and not yet in last.pt.
        if len(training.rows) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"stopped in epoch 2; .*last\.pt holds the 1 before it"):
        run(cards, epochs=3, project=str(tmp_path), callbacks={"on_fit_epoch_end": [stop]})


def test_a_folder_that_cannot_be_made_is_told_before_the_labels_are_read(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("poise.training.loop.open_data", lambda _: pytest.fail("the labels were read"))

    with pytest.raises(PoiseError, match="cannot be written: part of the path is a file"):
        run(cards, project=str(tmp_path / "file"))


@pytest.mark.slow
def test_interrupt_ends_the_command_with_130_and_says_how_to_go_on(cards: Path, tmp_path: Path) -> None:
    process = start_command(
        cards,
        tmp_path,
        start_new_session=True,
        # What a shell starts in the background ignores the signal, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("epoch 1/"):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too

    assert process.wait() == 130
    assert "Go on with: poise train --resume" in said[-1]
    assert "Traceback" not in "".join(said)


def test_the_best_is_chosen_by_fitness_and_training_stops_when_nothing_gets_better(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = iter([0.1, 0.5, 0.3, 0.2])
    monkeypatch.setattr(Scorer, "__call__", lambda *_: Score({}, next(worth)))
    monkeypatch.setattr(Scorer, "score_file", lambda *_: Score())

    done = run(cards, epochs=50, patience=2, project=str(tmp_path))

    assert (done.best_epoch, done.best_fitness) == (2, 0.5)
    assert len(done.rows) == 4
    assert "no better fitness in the last 2 epochs" in done.why


def test_training_stops_when_its_time_is_over(cards: Path, tmp_path: Path) -> None:
    done = run(cards, epochs=500, time=1e-6, val=False, project=str(tmp_path))

    assert len(done.rows) == 1
    assert "is over" in done.why


def test_callbacks_are_called_in_their_order(trained: Any) -> None:
    assert list(dict.fromkeys(trained.events)) == list(EVENTS)


def test_callback_may_end_the_training(cards: Path, tmp_path: Path) -> None:
    def stop(training: Any) -> None:
        training.stop = True

    done = run(cards, epochs=9, val=False, project=str(tmp_path), callbacks={"on_fit_epoch_end": [stop]})

    assert len(done.rows) == 1


def test_unknown_callback_is_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'on_train_end'"):
        Callbacks({"on_train_ends": [print]})


def test_loss_that_is_no_number_stops_with_its_batch_kept(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PoseLoss.__call__

    def broken(self: PoseLoss, *given: Any) -> Losses:
        found = real(self, *given)
        return Losses(found.total * math.nan, found.items)

    monkeypatch.setattr(PoseLoss, "__call__", broken)
    with pytest.raises(PoiseError, match=r"epoch 1: the loss is not a number .*bad-batch-epoch1\.npz"):
        run(cards, project=str(tmp_path))

    kept = np.load(tmp_path / "train/bad-batch-epoch1.npz")
    assert kept["images"].shape == (2, 3, 64, 64)
    assert kept["keypoints"].shape[1:] == (4, 2)


def test_frozen_layers_do_not_move(cards: Path, tmp_path: Path) -> None:
    before: dict[str, Any] = {}
    take = {"on_train_start": [lambda t: before.update({k: v.clone() for k, v in t.model.state_dict().items()})]}

    done = run(cards, epochs=1, freeze="backbone", val=False, project=str(tmp_path), callbacks=take)

    after = done.model.state_dict()
    moved = {key.split(".")[1] for key, value in after.items() if not torch.equal(value, before[key])}
    assert moved == {"22"}


def test_table_has_the_columns_of_this_field(trained: Any) -> None:
    folder = trained.training.save_dir

    with (folder / "results.csv").open() as file:
        row, _ = csv.DictReader(file)
    lines = (folder / "results.jsonl").read_text().splitlines()
    assert [*row][:2] == ["epoch", "time"]
    assert {f"train/{part}_loss" for part in ("box", "pose", "kobj", "cls", "l1", "rle")} <= set(row)
    assert {"metrics/mAP50(B)", "metrics/mAP50-95(P)", "lr/pg0", "lr/pg2"} <= set(row)
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


def test_a_trained_network_is_validated_on_its_own_data_unasked(trained: Any) -> None:
    assert Pose(trained.training.best).val(imgsz=64).images == 2


def test_settings_are_written_beside_the_weights(trained: Any) -> None:
    assert settings_of({}, cfg=trained.training.save_dir / "args.yaml").imgsz == 64


def test_out_of_memory_on_a_cpu_is_a_clear_stop(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(PoseLoss, "__call__", full)
    with pytest.raises(
        PoiseError, match="not enough memory for batches of 2 pictures at 64 pixels; set a smaller batch"
    ):
        run(cards, project=str(tmp_path))


def test_out_of_memory_on_a_gpu_halves_the_batch(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = PoseLoss.__call__, []

    def tight(self: PoseLoss, raw: Any, targets: Any, *more: Any) -> Losses:
        seen.append(len(raw["feats"][0]))
        if seen[-1] > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, raw, targets, *more)

    def on_gpu(training: Any) -> None:
        training.device = "cuda:0"  # what the rule looks at; the work itself stays on the CPU

    monkeypatch.setattr(PoseLoss, "__call__", tight)
    done = run(cards, epochs=1, val=False, project=str(tmp_path), callbacks={"on_train_start": [on_gpu]})

    assert done.batch_size == 1
    assert seen == [2, 1, 1, 1, 1, 1, 1]


def test_empty_train_set(tmp_path: Path) -> None:
    file = draw(tmp_path, train=0)

    with pytest.raises(FormatError, match="train: no pictures"):
        run(file)


def test_train_set_without_any_label(tmp_path: Path) -> None:
    file = draw(tmp_path)
    for label in (tmp_path / "labels/train").iterdir():
        label.unlink()

    with pytest.raises(FormatError, match="6 train pictures have no labels at all"):
        run(file)


def test_labels_of_another_number_of_keypoints_name_file_and_line(tmp_path: Path) -> None:
    file = draw(tmp_path)
    file.write_text(
        file.read_text()
        .replace("[4, 3]", "[5, 3]")
        .replace("[1, 0, 3, 2]", "[1, 0, 3, 2, 4]")
        .replace("bottom_left]", "bottom_left, middle]")
    )

    with pytest.raises(FormatError, match=r"none of its 6 train pictures can be used: .*0\.txt:1"):
        run(file)


def test_val_without_labels_trains_all_the_same(tmp_path: Path) -> None:
    file = draw(tmp_path)
    for label in (tmp_path / "labels/val").iterdir():
        label.unlink()

    done = run(file, epochs=1)

    assert done.results is None
    assert done.best.is_file()
    assert any("val: its 2 pictures have no labels" in note for note in done.data.notes)


def test_picture_without_and_with_an_empty_label_file_is_background(tmp_path: Path) -> None:
    file = draw(tmp_path)
    (tmp_path / "labels/train/0.txt").unlink()
    (tmp_path / "labels/train/1.txt").write_text("")

    done = run(file, epochs=1, val=False)

    assert done.data.notes[0] == "train: 6 pictures, 4 instances, 2 without any (background)"


def test_corrupt_picture_in_the_middle_of_an_epoch_is_replaced(tmp_path: Path) -> None:
    file = draw(tmp_path)
    whole = (tmp_path / "images/train/3.png").read_bytes()

    def spoil(_: Any) -> None:
        (tmp_path / "images/train/3.png").write_bytes(whole[:200])

    done = run(file, epochs=1, val=False, callbacks={"on_train_start": [spoil]})

    assert len(done.rows) == 1


@pytest.fixture(scope="module")
def taught(cards: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pose, Any]:
    """A model that was trained, and its metrics."""
    model = Pose("yolov8n-pose")
    with pytest.raises(ModelError, match="has no weights yet"):
        model(np.zeros((64, 64, 3), np.uint8))
    model.add_callback("on_train_end", lambda training: None)
    metrics = model.train(**settings(cards, epochs=1, project=str(tmp_path_factory.mktemp("runs"))))
    return model, metrics


def test_pose_trains_and_then_holds_the_best_weights(taught: tuple[Pose, Any]) -> None:
    model, metrics = taught

    assert 0 <= metrics.pose.map <= 1
    assert model.names == {0: "card"}
    assert len(model(np.zeros((64, 64, 3), np.uint8))) == 1


def test_a_model_that_was_trained_holds_no_gradients_and_is_pickled(taught: tuple[Pose, Any]) -> None:
    model, _ = taught

    assert all(parameter.grad is None for parameter in model.trainer.model.parameters())
    assert not model.trainer.optimizer.state
    content = pickle.dumps(model)
    assert len(content) < 20_000
    assert pickle.loads(content).names == {0: "card"}  # noqa: S301 - made here


def test_command_prints_the_best_checkpoint(cards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["model=yolov8n-pose", "epochs=1", "imgsz=64", "batch=2", "workers=0", "cache=True", "plots=False"]

    code = main(["train", f"data={cards}", *words, f"project={tmp_path}"])

    assert code == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "train/weights/best.pt")


def test_finished_training_cannot_be_resumed(trained: Any, tmp_path: Path) -> None:
    shutil.copytree(trained.training.save_dir, tmp_path / "train")

    with pytest.raises(ModelError, match="no training to go on with"):
        settings_of({"resume": True, "project": str(tmp_path)})
