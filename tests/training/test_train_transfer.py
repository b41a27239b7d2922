"""Weights that move from one network to another."""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import poise.training  # noqa: E402
from poise.errors import ModelError  # noqa: E402
from poise.networks import arrays, build, read_checkpoint, save  # noqa: E402
from poise.networks.checkpoint import Checkpoint  # noqa: E402
from poise.skeletons import get  # noqa: E402
from poise.training.initialisation import start_network, transfer  # noqa: E402


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A YOLO11 network for persons and dogs."""
    torch.manual_seed(0)
    network = build("yolo11", "n", 2, (17, 3))
    about = Checkpoint(Path("x"), "poise", "yolo11", "n", {0: "person", 1: "dog"}, (17, 3), get("coco17"), weights={})
    path = save(tmp_path_factory.mktemp("w") / "a.safetensors", about, arrays(network))
    return read_checkpoint(path)


def test_all_weights_move_to_the_same_network(source: Checkpoint) -> None:
    network, moved = start_network(source.source, names=source.names, kpt_shape=(17, 3))

    assert moved.fresh == ()
    assert all((value.numpy() == source.weights[key]).all() for key, value in network.state_dict().items())


def test_rows_of_classes_move_by_their_names(source: Checkpoint) -> None:
    network, moved = start_network(source.source, names={0: "cat", 1: "dog", 2: "person"}, kpt_shape=(17, 3))

    rows = network.state_dict()["model.23.cv3.0.2.bias"]
    old = source.weights["model.23.cv3.0.2.bias"]
    assert moved.classes == ("dog", "person")
    assert rows[1:].tolist() == [old[1], old[0]]


def test_rows_stay_where_no_class_is_known_by_name(source: Checkpoint) -> None:
    network, _ = start_network(source.source, names={0: "cat", 1: "cow"}, kpt_shape=(17, 3))

    rows = network.state_dict()["model.23.cv3.0.2.bias"]
    assert rows.tolist() == source.weights["model.23.cv3.0.2.bias"].tolist()


def test_other_keypoints_leave_their_branch_random_and_say_so(source: Checkpoint) -> None:
    _, moved = start_network(source.source, names=source.names, kpt_shape=(5, 2))

    assert {name.split(".")[2] for name in moved.fresh} == {"cv4"}
    assert "start from random weights: model.23.cv4" in str(moved)


def test_other_size_of_network_takes_nothing_wrong(source: Checkpoint) -> None:
    network = build("yolo11", "s", 1, (17, 3))
    before = network.state_dict()["model.0.conv.weight"].clone()

    transfer(network, source, {0: "person"})

    assert torch.equal(network.state_dict()["model.0.conv.weight"], before)


def test_pretrained_false_keeps_the_architecture_only(source: Checkpoint) -> None:
    network, moved = start_network(source.source, names={0: "person"}, kpt_shape=(17, 3), pretrained=False)

    assert network.family == "yolo11"
    assert str(moved) == "random weights"


def test_folded_checkpoint_cannot_be_trained(source: Checkpoint) -> None:
    network = build("yolo11", "n", 1, (17, 3))

    with pytest.raises(ModelError, match="folded"):
        transfer(network, replace(source, fused=True), {0: "person"})


def test_no_file_of_the_room_hides_a_name_that_it_offers() -> None:
    files = {module.name for module in pkgutil.iter_modules(poise.training.__path__)}

    assert files.isdisjoint(poise.training.__all__)


def test_unknown_model_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError, match="did you mean 'yolo26n-pose'"):
        start_network("yolo26nn-pose", names={0: "a"}, kpt_shape=(17, 3))
