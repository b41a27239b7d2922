"""Checkpoints of a training."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from poise.errors import ModelError, PoiseError  # noqa: E402
from poise.networks import read_checkpoint  # noqa: E402
from poise.training.checkpoints import read_state, write_archive  # noqa: E402


def test_own_reader_knows_what_the_network_is(stopped: Path) -> None:
    found = read_checkpoint(stopped / "weights/best.pt")

    assert dict(found.names) == {0: "card"}
    assert found.kpt_shape == (4, 3)
    assert found.skeleton.keypoints == ("top_left", "top_right", "bottom_right", "bottom_left")
    assert found.skeleton.flip_idx == (1, 0, 3, 2)
    assert found.imgsz == 64
    assert found.train_args["epochs"] == 2
    assert "metrics/mAP50-95(P)" in found.train_metrics
    assert found.train_results["epoch"] == [1]


def test_kernels_are_half_precision_and_statistics_are_not(stopped: Path) -> None:
    weights = read_checkpoint(stopped / "weights/best.pt").weights

    assert weights["model.0.conv.weight"].dtype == np.float16
    assert weights["model.0.bn.running_var"].dtype == np.float32


def test_unfinished_checkpoint_can_be_used_as_a_network(stopped: Path) -> None:
    best, last = (read_checkpoint(stopped / f"weights/{name}.pt").weights for name in ("best", "last"))

    assert last["model.0.conv.weight"].dtype == np.float32
    np.testing.assert_array_equal(last["model.0.conv.weight"].astype(np.float16), best["model.0.conv.weight"])


def test_checkpoint_holds_nothing_but_tensors_and_plain_values(stopped: Path) -> None:
    # torch's own strict reader refuses any object.
    content = torch.load(stopped / "weights/last.pt", weights_only=True)

    assert content["training"]["epoch"] == 1


def test_state_comes_back_bit_by_bit(stopped: Path, tmp_path: Path) -> None:
    state = read_state(stopped / "weights/last.pt")
    trusted = torch.load(stopped / "weights/last.pt", weights_only=True)["training"]

    assert all(torch.equal(state.weights[key], value) for key, value in trusted["weights"].items())
    moments = trusted["optimizer"]["state"]
    assert all(torch.equal(state.optimizer["state"][k][n], v) for k, held in moments.items() for n, v in held.items())
    assert state.random["python"] == trusted["random"]["python"]


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "last.pt"
    write_archive(path, {"poise": "old"})
    yield path
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]  # no half-written file beside it


def test_full_disk_loses_nothing_that_was_saved(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        PoiseError, match=r"last\.pt: cannot be written: No space left on device; the last epoch is still there"
    ):
        write_archive(old, {"poise": "new"})

    assert old.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
def test_disk_that_fills_up_while_torch_writes(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.read_bytes()
    real = Path.open

    def full(self: Path, mode: str = "r", **more: Any) -> Any:
        return real(Path("/dev/full"), "wb", buffering=0) if mode == "wb" else real(self, mode, **more)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(PoiseError, match="cannot be written"):
        write_archive(old, {"model": {"a": torch.zeros(10_000)}})
    monkeypatch.undo()

    assert old.read_bytes() == before


def test_state_of_a_file_that_has_none(stopped: Path) -> None:
    with pytest.raises(ModelError, match=r"best\.pt: this training is finished; .* poise train --model"):
        read_state(stopped / "weights/best.pt")


def test_state_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_state(tmp_path / "last.pt")


def test_state_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("touch " + str(tmp_path / "pwned"),)

    torch.save({"poise": "{}", "model": {}, "training": Evil()}, tmp_path / "last.pt")

    with pytest.raises(ModelError, match=r"refused|never needs"):
        read_state(tmp_path / "last.pt")

    assert not (tmp_path / "pwned").exists()


def test_a_write_that_is_stopped_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "last.pt"
    write_archive(path, {"a": 1})
    old = path.read_bytes()
    monkeypatch.setattr("os.fsync", stop)

    with pytest.raises(KeyboardInterrupt):
        write_archive(path, {"a": 2})

    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == old
