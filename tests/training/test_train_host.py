"""What a training leaves behind in its host, and how it stands up to signals and to another training in its folder."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import settings, start_command

torch = pytest.importorskip("torch")

from poise.errors import ModelError, PoiseError  # noqa: E402
from poise.training.callbacks import Callbacks  # noqa: E402
from poise.training.loop import train  # noqa: E402
from poise.training.run import settings_of  # noqa: E402


def test_the_host_is_as_it_was(cards: Path, tmp_path: Path) -> None:
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(3)
    expected = random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(3)
    environment = dict(os.environ)
    child = getattr(signal, "SIGCHLD", None)
    handler = child and signal.getsignal(child)

    train(settings_of(settings(cards, epochs=1, workers=1, project=str(tmp_path))))

    assert (random.random(), np.random.random(), torch.rand(1).item()) == expected  # noqa: NPY002
    assert dict(os.environ) == environment
    assert child is None or signal.getsignal(child) == handler
    assert not list(tmp_path.rglob(".lock"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_sigterm_leaves_an_interrupted_training_and_no_process(cards: Path, tmp_path: Path) -> None:
    process = start_command(cards, tmp_path)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("epoch 1/"):
            # Nobody else may go on with it meanwhile.
            last = next(tmp_path.rglob("last.pt"))
            with pytest.raises(PoiseError, match="another training is at work"):
                train(settings_of({"resume": str(last)}))
            process.terminate()

    assert process.wait() == 143
    assert "Go on with: poise train --resume" in said[-1]
    assert "Traceback" not in "".join(said)
    run = next(tmp_path.rglob("manifest.json"))
    assert json.loads(run.read_text("utf-8"))["status"] == "interrupted"
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part") or path.name == ".lock"]


def test_an_error_of_any_kind_is_in_the_manifest(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("something inside broke")

    monkeypatch.setattr("poise.training.loop.set_rates", broken)
    with pytest.raises(RuntimeError, match="something inside"):
        train(settings_of(settings(cards, epochs=1, project=str(tmp_path))))

    said = json.loads(next(tmp_path.rglob("manifest.json")).read_text("utf-8"))
    assert (said["status"], said["errors"]) == ("failed", ["RuntimeError: something inside broke"])


@pytest.mark.parametrize("event", ["on_pretrain_routine_end", "on_train_start", "on_train_batch_end", "on_model_save"])
def test_an_error_of_a_callback_is_in_the_manifest(cards: Path, tmp_path: Path, event: str) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError):
        train(
            settings_of(settings(cards, epochs=1, val=False, project=str(tmp_path))),
            callbacks=Callbacks({event: [broken]}),
        )

    said = json.loads(next(tmp_path.rglob("manifest.json")).read_text("utf-8"))
    assert (said["status"], said["errors"]) == ("failed", ["ZeroDivisionError: mine"])
    assert not list(tmp_path.rglob(".lock"))


def test_a_training_that_cannot_begin_has_failed(cards: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="start from a checkpoint"):
        train(settings_of(settings(cards, head_only=True, project=str(tmp_path))))

    said = json.loads(next(tmp_path.rglob("manifest.json")).read_text("utf-8"))
    assert (said["status"], said["errors"][0][:9]) == ("failed", "head_only")
    assert not list(tmp_path.rglob(".lock"))


def test_going_on_before_the_first_checkpoint_is_told(tmp_path: Path) -> None:
    (tmp_path / "run/weights").mkdir(parents=True)
    with pytest.raises(PoiseError, match=r"last\.pt"):
        settings_of({"resume": str(tmp_path / "run")})
