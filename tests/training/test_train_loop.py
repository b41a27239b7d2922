"""The training loop, end to end on a data set that the test draws."""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from test_train_checkpoints import Interrupt  # noqa: E402
from tiny import draw, settings  # noqa: E402

from poise import Pose  # noqa: E402
from poise.cli import main  # noqa: E402
from poise.errors import FormatError, ModelError, PoiseError  # noqa: E402
from poise.training import EVENTS, Callbacks, PoseLoss, settings_of, train  # noqa: E402
from poise.training.losses import Losses  # noqa: E402
from poise.training.scoring import Score, Scorer  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("data"))


def run(file: Path, *, callbacks: dict[str, list[Any]] | None = None, **changes: Any) -> Any:
    return train(settings_of(settings(file, **changes)), callbacks=Callbacks(callbacks))


def same(one: Any, other: Any) -> bool:
    """Whether two trainings have the same losses, metrics and weights, bit by bit."""
    rows = [[{k: v for k, v in row.items() if k != "time"} for row in t.rows] for t in (one, other)]
    pairs = [(one.model, other.model), (one.ema.network, other.ema.network)]
    weights = all(torch.equal(value, b.state_dict()[key]) for a, b in pairs for key, value in a.state_dict().items())
    return rows[0] == rows[1] and weights


@pytest.mark.parametrize("optimizer", ["AdamW", "MuSGD"])
def test_resumed_training_equals_an_unbroken_one(cards: Path, tmp_path: Path, optimizer: str) -> None:
    # Three batches an epoch and two a step: a gradient waits over the end of the epoch.
    how = {"epochs": 3, "optimizer": optimizer, "project": str(tmp_path)}
    whole = run(cards, name="whole", **how)
    with pytest.raises(KeyboardInterrupt):
        run(cards, name="broken", callbacks={"on_train_batch_end": [Interrupt(2)]}, **how)

    resumed = train(settings_of({"resume": str(tmp_path / "broken")}))

    assert same(whole, resumed)
    tables = [(tmp_path / name / "results.csv").read_text().splitlines() for name in ("whole", "broken")]
    assert len(tables[0]) == len(tables[1]) == 4


@pytest.mark.slow
def test_killed_training_resumes_exactly(cards: Path, tmp_path: Path) -> None:
    whole = run(cards, name="whole", project=str(tmp_path))
    code = (
        "import os, signal, sys, json, torch; torch.set_num_threads(1)\n"
        "from poise.training import Callbacks, settings_of, train\n"
        "die = lambda t: os.kill(os.getpid(), signal.SIGKILL) if t.epoch == 1 and t.batch == 1 else None\n"
        "train(settings_of(json.loads(sys.argv[1])), callbacks=Callbacks({'on_train_batch_end': [die]}))\n"
    )
    words = json.dumps(settings(cards, name="killed", project=str(tmp_path)))

    killed = subprocess.run(
        [sys.executable, "-c", code, words], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    resumed = train(settings_of({"resume": str(tmp_path / "killed/weights/last.pt")}))

    assert killed.returncode == -signal.SIGKILL
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
    monkeypatch.setattr("poise.training.assembly.open_data", lambda _: pytest.fail("the labels were read"))

    with pytest.raises(PoiseError, match="cannot be written: part of the path is a file"):
        run(cards, project=str(tmp_path / "file"))


@pytest.mark.slow
def test_interrupt_ends_the_command_with_130_and_says_how_to_go_on(cards: Path, tmp_path: Path) -> None:
    words = [f"--{k.replace('_', '-')}={v}" for k, v in settings(cards, epochs=60, workers=1).items() if k != "verbose"]
    words = [w for w in words if not w.startswith(("--plots", "--project"))] + ["--no-plots", f"--project={tmp_path}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "poise", "train", *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
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


def test_best_is_chosen_by_fitness(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worth = iter([0.1, 0.5, 0.3])
    monkeypatch.setattr(Scorer, "__call__", lambda *_: Score({}, next(worth)))
    monkeypatch.setattr(Scorer, "of_file", lambda *_: Score())

    done = run(cards, epochs=3, project=str(tmp_path))

    assert done.best_epoch == 2
    assert done.best_fitness == 0.5


def test_training_stops_when_nothing_gets_better(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worth = iter([0.5, 0.4, 0.3, 0.2])
    monkeypatch.setattr(Scorer, "__call__", lambda *_: Score({}, next(worth)))
    monkeypatch.setattr(Scorer, "of_file", lambda *_: Score())

    done = run(cards, epochs=50, patience=2, project=str(tmp_path))

    assert len(done.rows) == 3
    assert "no better fitness in the last 2 epochs" in done.why


def test_training_stops_when_its_time_is_over(cards: Path, tmp_path: Path) -> None:
    done = run(cards, epochs=500, time=1e-6, project=str(tmp_path))

    assert len(done.rows) == 1
    assert "is over" in done.why


def test_callbacks_are_called_in_their_order(cards: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run(
        cards,
        epochs=1,
        nbs=2,
        val=False,
        project=str(tmp_path),
        callbacks={event: [lambda _, event=event: said.append(event)] for event in EVENTS},
    )

    once = list(dict.fromkeys(said))
    assert once == list(EVENTS)


def test_callback_may_end_the_training(cards: Path, tmp_path: Path) -> None:
    def stop(training: Any) -> None:
        training.stop = True

    assert len(run(cards, epochs=9, project=str(tmp_path), callbacks={"on_fit_epoch_end": [stop]}).rows) == 1


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
    assert moved == {"23"}


def test_table_has_the_columns_of_this_field(cards: Path, tmp_path: Path) -> None:
    run(cards, epochs=1, project=str(tmp_path))

    with (tmp_path / "train/results.csv").open() as file:
        (row,) = csv.DictReader(file)
    lines = (tmp_path / "train/results.jsonl").read_text().splitlines()
    assert [*row][:2] == ["epoch", "time"]
    assert {f"train/{part}_loss" for part in ("box", "pose", "kobj", "cls", "l1", "rle")} <= set(row)
    assert {"metrics/mAP50(B)", "metrics/mAP50-95(P)", "lr/pg0", "lr/pg2"} <= set(row)
    assert json.loads(lines[0])["epoch"] == 1


def test_a_trained_network_is_validated_on_its_own_data_unasked(cards: Path, tmp_path: Path) -> None:
    best = run(cards, project=str(tmp_path), epochs=1).best

    assert Pose(best).val(imgsz=64).images == 2


def test_settings_are_written_beside_the_weights(cards: Path, tmp_path: Path) -> None:
    run(cards, epochs=1, val=False, project=str(tmp_path))

    assert settings_of({}, cfg=tmp_path / "train/args.yaml").imgsz == 64


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
        seen.append(len(raw["one2many"]["feats"][0]))
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


def test_pose_trains_and_then_holds_the_best_weights(cards: Path, tmp_path: Path) -> None:
    model = Pose("yolo26n-pose")
    with pytest.raises(ModelError, match="has no weights yet"):
        model(np.zeros((64, 64, 3), np.uint8))

    metrics = model.train(**settings(cards, epochs=1, project=str(tmp_path)))

    assert 0 <= metrics.pose.map <= 1
    assert model.names == {0: "card"}
    assert len(model(np.zeros((64, 64, 3), np.uint8))) == 1


def test_a_model_that_was_trained_holds_no_gradients_and_is_pickled(cards: Path, tmp_path: Path) -> None:
    model = Pose("yolo26n-pose")
    model.add_callback("on_train_end", lambda training: None)
    model.train(**settings(cards, epochs=1, val=False, project=str(tmp_path)))

    assert all(parameter.grad is None for parameter in model.trainer.model.parameters())
    assert not model.trainer.optimizer.state
    content = pickle.dumps(model)
    assert len(content) < 20_000
    assert pickle.loads(content).names == {0: "card"}  # noqa: S301 - made here


def test_command_prints_the_best_checkpoint(cards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["model=yolo26n-pose", "epochs=1", "imgsz=64", "batch=2", "workers=0", "cache=True", "plots=False"]

    code = main(["train", f"data={cards}", *words, f"project={tmp_path}"])

    assert code == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "train/weights/best.pt")


def test_finished_training_cannot_be_resumed(cards: Path, tmp_path: Path) -> None:
    run(cards, epochs=1, val=False, project=str(tmp_path))

    with pytest.raises(ModelError, match="no training to go on with"):
        settings_of({"resume": True, "project": str(tmp_path)})
