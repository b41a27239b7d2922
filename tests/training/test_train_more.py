"""Ways to train that are not the plain one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from tiny import draw, settings  # noqa: E402

from poise.datasets import open_dataset, scan  # noqa: E402
from poise.errors import ModelError  # noqa: E402
from poise.networks import load  # noqa: E402
from poise.training import Callbacks, PoseLoss, settings_of, train  # noqa: E402
from poise.training.devices import choose_device  # noqa: E402
from poise.training.scoring import Scorer  # noqa: E402
from poise.training.step import find_batch_size, fit_batch_size  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def best(cards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint for cards."""
    made = settings(cards, epochs=1, val=False, project=str(tmp_path_factory.mktemp("runs")))
    return Path(train(settings_of(made)).best)


def run(file: Path, *, callbacks: dict[str, list[Any]] | None = None, **changes: Any) -> Any:
    return train(settings_of(settings(file, **changes)), callbacks=Callbacks(callbacks))


def test_head_alone_learns_on_kept_features(cards: Path, best: Path, tmp_path: Path) -> None:
    done = run(cards, model=str(best), head_only=True, variants=1, val=False, project=str(tmp_path))

    before, after = load(best)[0].state_dict(), done.model.state_dict()
    moved = {key.split(".")[1] for key, value in after.items() if not torch.equal(value, before[key])}
    assert moved == {"23"}
    assert len(done.rows) == 2


def test_head_alone_resumes_exactly(cards: Path, best: Path, tmp_path: Path) -> None:
    how = {"model": str(best), "head_only": True, "variants": 1, "val": False, "project": str(tmp_path)}
    whole = run(cards, name="whole", **how)

    def stop(training: Any) -> None:
        if training.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(cards, name="broken", callbacks={"on_train_batch_end": [stop]}, **how)
    resumed = train(settings_of({"resume": str(tmp_path / "broken")}))

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


@pytest.mark.parametrize("changes", [{"rect": True}, {"amp": "bf16"}, {"multi_scale": 0.5}, {"cos_lr": True}])
def test_settings_that_change_the_step(cards: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    done = run(cards, epochs=1, val=False, project=str(tmp_path), **changes)

    assert all(np.isfinite(value) for value in done.loss_items.values())


def test_continuing_with_another_setting_is_refused(cards: Path, tmp_path: Path) -> None:
    def stop(training: Any) -> None:
        if training.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(cards, val=False, project=str(tmp_path), callbacks={"on_train_batch_end": [stop]})

    with pytest.raises(ValueError, match="imgsz=96: this training was started with imgsz=64"):
        settings_of({"resume": str(tmp_path / "train"), "imgsz": 96})


def test_newest_unfinished_run_is_found(cards: Path, tmp_path: Path) -> None:
    def stop(training: Any) -> None:
        if training.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(cards, val=False, project=str(tmp_path), name="a", callbacks={"on_train_batch_end": [stop]})
    run(cards, val=False, project=str(tmp_path), name="b", epochs=1)

    assert settings_of({"resume": True, "project": str(tmp_path)}).resume == str(tmp_path / "a/weights/last.pt")


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
