"""Validating a network on the data that its file says it was trained on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from poise import Pose
from poise.cli import main
from poise.errors import ModelError
from poise.model.training_data import trained_on
from poise.networks import Checkpoint, save
from poise.skeletons import get

YAML = "path: .\nval: images\nkpt_shape: [17, 3]\nnames: [person]\n"


@pytest.fixture(scope="module")
def weights() -> Mapping[str, np.ndarray]:
    pytest.importorskip("torch")
    from poise.networks import arrays, build

    return arrays(build("yolo11", "n", 1, (17, 3)))


@pytest.fixture
def recorded(
    weights: Mapping[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[object], Path]:
    """Write a checkpoint that records some data, as a training does."""
    monkeypatch.chdir(tmp_path)

    def make(data: object) -> Path:
        path = tmp_path / "best.safetensors"
        args = {} if data is None else {"data": data}
        about = Checkpoint(
            path, "poise", "yolo11", "n", {0: "person"}, (17, 3), get("coco17"), weights, train_args=args
        )
        return save(path, about)

    return make


def test_a_file_that_is_there_is_taken_as_it_was_written(recorded: Callable[[object], Path], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(YAML)

    assert trained_on(recorded("mine.yaml")) == "mine.yaml"


def test_a_folder_with_a_description_is_taken(recorded: Callable[[object], Path], tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/data.yaml").write_text(YAML)

    assert trained_on(recorded("set")) == "set"


@pytest.mark.parametrize("told", ["coco-pose.yaml", "/usr/src/package/cfg/datasets/coco-pose.yaml"])
def test_the_fields_own_descriptions_are_the_bundled_ones(
    recorded: Callable[[object], Path], tmp_path: Path, told: str
) -> None:
    (tmp_path / "datasets/coco-pose").mkdir(parents=True)

    assert trained_on(recorded(told)) == "coco-pose.yaml"


def test_a_description_without_its_pictures_says_where_they_belong(recorded: Callable[[object], Path]) -> None:
    with pytest.raises(ModelError, match=r"pictures are not in datasets.coco-pose .* set POISE_DATASETS .* or give"):
        trained_on(recorded("coco-pose.yaml"))


@pytest.mark.parametrize("told", [None, "", "  ", 3, ["a.yaml"]])
def test_a_file_without_a_record_says_what_to_give(recorded: Callable[[object], Path], told: object) -> None:
    with pytest.raises(ModelError, match=r"does not say on which data it was trained; give the data: data='data.yaml'"):
        trained_on(recorded(told))


@pytest.mark.parametrize("told", ["gone.yaml", "/elsewhere/coco-pose.yaml", "set"])
def test_data_that_are_gone_are_named(recorded: Callable[[object], Path], told: str) -> None:
    with pytest.raises(ModelError, match=rf"was trained on '{told}', which is not here \(from .*give the data"):
        trained_on(recorded(told))


@pytest.mark.parametrize("told", ["//host/share/a.yaml", "\\\\host\\share\\a.yaml", "http://host/a.yaml", "a\0.yaml"])
def test_a_record_of_another_machine_is_never_looked_at(
    recorded: Callable[[object], Path], monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    path = recorded(told)
    monkeypatch.setattr(Path, "is_dir", lambda _: pytest.fail("the disk was asked"))

    with pytest.raises(ModelError, match="is not on this machine"):
        trained_on(path)


@pytest.mark.parametrize("told", ["labels.pkl", "labels.h5"])
def test_only_plain_text_is_read_unasked(recorded: Callable[[object], Path], tmp_path: Path, told: str) -> None:
    (tmp_path / told).write_bytes(b"\x80\x04")

    with pytest.raises(ModelError, match="files are read unasked"):
        trained_on(recorded(told))


def test_a_folder_without_a_description_is_not_searched(recorded: Callable[[object], Path], tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/labels.h5").write_bytes(b"")

    with pytest.raises(ModelError, match="files are read unasked"):
        trained_on(recorded("set"))


def test_a_bundled_model_needs_data() -> None:
    with pytest.raises(ValueError, match="needs data"):
        Pose("body-fast").val()


def test_the_originals_checkpoint_is_validated_on_its_own_data(
    shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    monkeypatch.chdir(shared / "data/tiger-pose")  # it records tiger-pose.yaml
    weights = shared / "fixtures/tiger/yolo26n-pose-best.pt"

    assert main(["val", "--model", str(weights), "--imgsz", "320"]) == 0

    shown = capsys.readouterr()
    assert "53 pictures, 53 instances" in shown.out
    assert f"data: tiger-pose.yaml, on which {weights} was trained" in shown.err


def test_two_models_need_data_to_be_compared_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["val", "a.pt", "b.pt"]) == 2

    assert "needs --data to compare two models on" in capsys.readouterr().err


def test_a_data_set_is_read_where_torch_is_not_installed(shared: Path) -> None:
    data = shared / "data/coco8-pose/coco8-pose.yaml"
    network = shared / "fixtures/yolo/yolo11n-pose-coco-256x192.onnx"
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from poise.cli import main\n"
        f"sys.exit(main(['val', {str(network)!r}, '--data', {str(data)!r}, '--quiet']))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "4 pictures" in done.stdout
