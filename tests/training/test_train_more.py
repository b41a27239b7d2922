"""Ways to train that are not the plain one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from tiny import Interrupt, draw, run  # noqa: E402

from poise.datasets import open_dataset, scan  # noqa: E402
from poise.errors import ModelError  # noqa: E402
from poise.networks import load  # noqa: E402
from poise.training import PoseLoss, settings_of, train  # noqa: E402
from poise.training.devices import choose_device  # noqa: E402
from poise.training.scoring import Scorer  # noqa: E402
from poise.training.step import find_batch_size, fit_batch_size  # noqa: E402


@pytest.fixture(scope="module")
def head_only(trained: Any) -> dict[str, Any]:
    """Settings of a training of the head alone, from a checkpoint for cards."""
    return {"model": str(trained.training.best), "head_only": True, "variants": 1, "val": False}


@pytest.fixture(scope="module")
def whole(cards: Path, head_only: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A training of the head alone, without a break."""
    return run(cards, **head_only, project=str(tmp_path_factory.mktemp("runs")))


def test_head_alone_learns_on_kept_features(trained: Any, whole: Any) -> None:
    before, after = load(trained.training.best)[0].state_dict(), whole.model.state_dict()

    moved = {key.split(".")[1] for key, value in after.items() if not torch.equal(value, before[key])}
    assert moved == {"23"}
    assert len(whole.rows) == 2


def test_head_alone_resumes_exactly(cards: Path, head_only: dict[str, Any], whole: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(cards, **head_only, project=str(tmp_path), callbacks={"on_train_batch_end": [Interrupt(1)]})

    resumed = train(settings_of({"resume": str(tmp_path / "train")}))

    state = resumed.model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in whole.model.state_dict().items())


def test_head_alone_needs_a_trained_network(cards: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="start from a checkpoint"):
        run(cards, head_only=True, project=str(tmp_path))


def test_classes_can_be_made_one(tmp_path: Path) -> None:
    file = draw(tmp_path)
    file.write_text(file.read_text().replace("  0: card", "  0: card\n  1: coin"))
    label = tmp_path / "labels/train/0.txt"
    label.write_text("1" + label.read_text()[1:])

    done = run(file, epochs=1, single_cls=True)

    assert dict(done.data.spec.names) == {0: "object"}
    assert done.results is not None


@pytest.mark.parametrize("changes", [{"rect": True, "cos_lr": True}, {"amp": "bf16", "multi_scale": 0.5}])
def test_settings_that_change_the_step(cards: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    done = run(cards, epochs=1, val=False, project=str(tmp_path), **changes)

    assert all(np.isfinite(value) for value in done.loss_items.values())


def test_continuing_with_another_setting_is_refused(stopped: Path) -> None:
    with pytest.raises(ValueError, match="imgsz=96: this training was started with imgsz=64"):
        settings_of({"resume": str(stopped), "imgsz": 96})


def test_newest_unfinished_run_is_found(stopped: Path, trained: Any) -> None:
    project = trained.training.save_dir.parent  # the finished one beside it is newer

    assert settings_of({"resume": True, "project": str(project)}).resume == str(stopped / "weights/last.pt")


def test_validation_in_training_equals_the_original_packages(shared: Path) -> None:
    data = shared / "data/tiger-pose/tiger-pose.yaml"
    network, about = load(shared / "fixtures/tiger/yolo26n-pose-best.pt")
    made = settings_of({"data": str(data), "imgsz": 320, "batch": 8})
    val = open_dataset(data, "val")
    from poise.training.data import Data

    pictures = Data(val.spec, val, scan(val), val, scan(val), ())
    loss = PoseLoss(network, sigmas=[1 / 12] * 12, epochs=30)

    score = Scorer(made, pictures, loss, "cpu", print)(network, about)

    assert score.results["metrics/mAP50-95(P)"] == pytest.approx(0.49903, abs=1e-3)
    assert score.results["metrics/mAP50-95(B)"] == pytest.approx(0.83490, abs=1e-3)
    assert 0.5 < score.results["val/box_loss"] < 1


def test_batch_that_fits_follows_a_straight_line() -> None:
    assert fit_batch_size([1, 2, 4, 8], [120, 140, 180, 260], 1000) == 45


def test_batch_that_fits_is_one_where_nothing_else_did() -> None:
    assert fit_batch_size([1], [500], 1000) == 1


def test_batch_on_a_cpu_is_said(cards: Path) -> None:
    said: list[str] = []

    assert find_batch_size(None, None, imgsz=64, device="cpu", amp=True, log=said.append) == 16  # type: ignore[arg-type]
    assert "batch: 16" in said[0]


def test_devices_in_the_words_of_this_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    assert [choose_device(word) for word in (None, "", "0", "cuda", "cuda:1", "cpu")] == [
        "cuda:0",
        "cuda:0",
        "cuda:0",
        "cuda:0",
        "cuda:1",
        "cpu",
    ]
    with pytest.raises(ModelError, match=r"device '5' is not available in this torch; available: cpu, cuda:0, cuda:1"):
        choose_device("5")
    with pytest.raises(ValueError, match="torchrun --nproc-per-node 2"):
        choose_device("0,1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device("0,1") == "cuda:1"
