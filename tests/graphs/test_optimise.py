"""Rewritten networks give the same, have fewer copies, and hostile files are refused."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poise.errors import ModelError
from poise.graphs import optimise
from poise.model import opening
from poise.runtime import open_session

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
shared = Path(os.environ.get("POISE_SHARED", ROOT.parent / "shared"))
needs_shared = pytest.mark.skipif(
    not (shared / "weights/tinypose-256x192.onnx").is_file(), reason="the shared networks are not beside the repository"
)
SIDE = 8


class Builder:
    """A network in the making; every constant is random."""

    def __init__(self, seed: int, *, opset: int = 17, half: bool = False, as_nodes: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset, self.half, self.as_nodes = opset, half, as_nodes
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def constant(self, values: np.ndarray) -> str:
        name = self.name()
        if self.half and values.dtype == np.float32:
            self.weights.append(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            self.nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
        elif self.as_nodes:
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values)))
        else:
            self.weights.append(numpy_helper.from_array(values, name))
        return name

    def random(self, *shape: int) -> str:
        return self.constant(self.rng.standard_normal(shape).astype(np.float32))

    def add(self, kind: str, inputs: list[str], count: int = 1, **attributes: Any) -> Any:
        outputs = [self.name() for _ in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0] if count == 1 else outputs

    def conv(self, x: str, inside: int, outside: int, *, bias: bool = True, group: int = 1, width: int = 1) -> str:
        inputs = [x, self.random(outside, inside // group, width, width)] + ([self.random(outside)] if bias else [])
        return self.add("Conv", inputs, kernel_shape=[width, width], pads=[width // 2] * 4, group=group)

    def branch(self, x: str, width: int, style: int) -> str:
        """A block's way: a convolution over all channels, one of each, another over all."""
        y = self.add("Relu", [self.conv(x, width, width)])
        y = self.conv(y, width, width, group=width, width=3)
        if style == 1:
            y = self.add("Add", [y, self.random(1, width, 1, 1)])
        y = self.conv(y, width, width, bias=False)
        if style == 2:
            params = [self.random(width), self.random(width), self.random(width)]
            positive = self.constant(np.abs(self.rng.standard_normal(width)).astype(np.float32) + 0.5)
            y = self.add("BatchNormalization", [y, *params, positive])
        elif style == 1:
            y = self.add("Add", [self.random(width, 1, 1), y])
        return self.add("Relu", [y])

    def halves(self, x: str, width: int) -> list[str]:
        if self.opset < 13:
            return self.add("Split", [x], 2, axis=1, split=[width // 2, width // 2])
        return self.add("Split", [x, self.constant(np.array([width // 2] * 2, np.int64))], 2, axis=1)

    def shuffle(self, x: str, width: int) -> str:
        y = self.add("Reshape", [x, self.constant(np.array([0, 2, width // 2, SIDE, SIDE], np.int64))])
        y = self.add("Transpose", [y], perm=[0, 2, 1, 3, 4])
        return self.add("Reshape", [y, self.constant(np.array([0, width, SIDE, SIDE], np.int64))])

    def unit(self, x: str, width: int, style: int) -> str:
        first, second = self.halves(x, width)
        return self.shuffle(self.add("Concat", [first, self.branch(second, width // 2, style)], axis=1), width)

    def model(self, output: str, channels: int) -> bytes:
        shape = [None, channels, SIDE, SIDE]
        self.nodes.append(helper.make_node("Identity", [output], ["output"]))
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
            self.weights,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        made.ir_version = 8
        helper.set_model_props(made, {"licence": "ours"})
        onnx.checker.check_model(made)
        return made.SerializeToString()


def run(data: bytes, picture: np.ndarray) -> np.ndarray:
    session = open_session(data, threads=1)
    return session.run({session.inputs[0].name: picture})[session.outputs[0].name]


def same(before: bytes, after: bytes, picture: np.ndarray, tolerance: float = 2e-6) -> None:
    onnx.checker.check_model(onnx.load_from_string(after))
    expected, found = run(before, picture), run(after, picture)
    assert np.abs(expected).max() > 0.1
    # Sums of the same products in another order.
    assert np.abs(expected - found).max() <= tolerance * np.abs(expected).max()


def kinds(data: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(data).graph.node)


PICTURE = np.random.default_rng(1).standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)


@pytest.mark.parametrize("units", [1, 2, 3, 5])
@pytest.mark.parametrize("style", [0, 1, 2])
@pytest.mark.parametrize("opset", [11, 17])
def test_shuffles_before_a_convolution_need_no_copy_of_their_own(units: int, style: int, opset: int) -> None:
    b = Builder(7, opset=opset, half=style == 0, as_nodes=style == 1)
    x = b.add("Relu", [b.conv("image", 3, 16)])
    for _ in range(units):
        x = b.unit(x, 16, style)
    data = b.model(b.conv(x, 16, 5), 5)

    made, changes = optimise(data)

    assert (changes.shuffles, changes.folded) == (units, units)
    assert "Transpose" not in kinds(made)
    assert "Gather" not in kinds(made)
    same(data, made, PICTURE)


@pytest.mark.parametrize("units", [2, 4])
def test_where_the_order_matters_one_copy_is_left(units: int) -> None:
    b = Builder(8)
    x = b.add("Relu", [b.conv("image", 3, 16)])
    shuffled = x
    for _ in range(units):
        shuffled = b.unit(shuffled, 16, 0)
    # Added to another map, its channels must come as they did.
    data = b.model(b.conv(b.add("Relu", [b.add("Add", [shuffled, x])]), 16, 5), 5)

    made, changes = optimise(data)

    assert (changes.shuffles, changes.folded) == (units, units - 1)
    assert kinds(made)["Gather"] == 1
    assert "Transpose" not in kinds(made)
    same(data, made, PICTURE)


def test_a_shuffle_that_is_the_output_keeps_its_order() -> None:
    b = Builder(9)
    x = b.add("Relu", [b.conv("image", 3, 16)])
    data = b.model(b.unit(b.unit(x, 16, 1), 16, 1), 16)

    made, _ = optimise(data)

    same(data, made, PICTURE)


def test_a_shuffle_seen_by_single_channels_and_then_by_all() -> None:
    b = Builder(10)
    x = b.unit(b.add("Relu", [b.conv("image", 3, 16)]), 16, 0)
    one = b.add("Sigmoid", [b.conv(x, 16, 16, group=16, width=3)])
    scaled = b.add("Mul", [one, b.random(1, 16, 1, 1)])
    data = b.model(b.conv(scaled, 16, 4), 4)

    made, changes = optimise(data)

    assert changes.folded == 1
    assert "Gather" not in kinds(made)
    same(data, made, PICTURE)


def test_a_shared_constant_is_not_spoilt_for_others() -> None:
    b = Builder(11)
    weight = b.random(8, 16, 1, 1)
    x = b.unit(b.add("Relu", [b.conv("image", 3, 16)]), 16, 0)
    plain = b.add("Relu", [b.conv("image", 3, 16)])
    both = b.add("Add", [b.add("Conv", [x, weight]), b.add("Conv", [plain, weight])])
    data = b.model(both, 8)

    made, changes = optimise(data)

    assert changes.folded == 1
    same(data, made, PICTURE)


def test_doubled_maps_are_exact() -> None:
    b = Builder(12, half=True)
    x = b.conv("image", 3, 16)
    y = b.add("Add", [x, b.random(1, 16, 1, 1)])
    data = b.model(b.add("Add", [y, y]), 16)

    made, changes = optimise(data)

    assert changes.doubled == 1
    assert kinds(made)["Add"] == 1
    np.testing.assert_array_equal(run(data, PICTURE), run(made, PICTURE))


def test_a_map_that_others_see_is_not_doubled() -> None:
    b = Builder(13)
    x = b.conv("image", 3, 8)
    data = b.model(b.add("Concat", [b.add("Add", [x, x]), x], axis=1), 16)

    made, changes = optimise(data)

    assert changes.doubled == 0
    assert made == data


def bytes_network() -> bytes:
    """A network that takes pictures of bytes and normalises them before it turns their axes."""
    mean = numpy_helper.from_array(np.array([123.675, 116.28, 103.53], np.float32), "mean")
    scale = numpy_helper.from_array(np.array([0.017, 0.0175, 0.0174], np.float32), "scale")
    weight = numpy_helper.from_array(np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Cast", ["image"], ["a"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["a", "mean"], ["b"]),
        helper.make_node("Mul", ["b", "scale"], ["c"]),
        helper.make_node("Transpose", ["c"], ["d"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["d", "w"], ["output"], pads=[1, 1, 1, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 4, SIDE, SIDE])],
        [mean, scale, weight],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    helper.set_model_props(made, {"licence": "ours"})
    return made.SerializeToString()


def test_pictures_are_turned_before_they_are_normalised_bit_for_bit() -> None:
    data = bytes_network()
    picture = np.random.default_rng(2).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)

    made, changes = optimise(data)

    assert changes.pixels == 3
    assert next(iter(onnx.load_from_string(made).graph.node)).op_type == "Transpose"
    np.testing.assert_array_equal(run(data, picture), run(made, picture))


def test_what_a_file_says_of_itself_stays() -> None:
    made, _ = optimise(bytes_network())

    session = open_session(made, threads=1)
    assert session.metadata["licence"] == "ours"
    assert [(t.name, t.shape, t.dtype) for t in session.inputs] == [("image", (None, SIDE, SIDE, 3), np.uint8)]


def test_a_network_where_nothing_is_found_comes_back_as_it_was() -> None:
    b = Builder(14)
    data = b.model(b.conv("image", 3, 4), 4)

    assert optimise(data)[0] is data


def test_a_copy_is_only_kept_if_it_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes_network()
    made, changes = optimise(data)
    assert opening._rewritten(data) == made

    # The weights of another network in the same shape: it runs, and gives something else.
    other = data.replace(np.float32(116.28).tobytes(), np.float32(16.28).tobytes())
    assert other != data
    monkeypatch.setattr(opening, "optimise", lambda given: (other, changes))
    assert opening._rewritten(data) is None


@pytest.mark.parametrize("path", sorted((ROOT / "src/poise/weights/networks").glob("*.onnx")), ids=lambda p: p.name)
def test_bundled_networks_survive_being_read_and_written(path: Path) -> None:
    from poise.graphs.graph import Graph

    data = path.read_bytes()
    again = Graph(data).write()

    onnx.checker.check_model(onnx.load_from_string(again))
    assert kinds(again) == kinds(data)


def test_damaged_files_are_refused_with_a_reason() -> None:
    data = bytes_network()
    rng = random.Random(3)
    said = []
    for _ in range(300):
        spoilt = bytearray(data[: rng.randrange(len(data))] if rng.random() < 0.5 else data)
        for _ in range(rng.randrange(1, 6)):
            if spoilt:
                spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        try:
            optimise(bytes(spoilt), name="spoilt.onnx")
        except ModelError as error:
            said.append(str(error))

    assert len(said) > 100
    assert all(words.startswith("spoilt.onnx: not an ONNX network, or damaged: ") for words in said)


@needs_shared
@pytest.mark.parametrize("name", ["tinypose-256x192", "tinypose-128x96"])
def test_tinypose_gives_the_same_maps(name: str) -> None:
    data = (shared / f"weights/{name}.onnx").read_bytes()
    height, width = (256, 192) if "256" in name else (128, 96)
    picture = np.random.default_rng(4).integers(0, 256, (1, height, width, 3), dtype=np.uint8)

    made, changes = optimise(data)

    assert (changes.shuffles, changes.folded, changes.doubled, changes.pixels) == (49, 25, 16, 3)
    assert kinds(made)["Transpose"] == 1  # that of the picture
    assert np.abs(run(data, picture) - run(made, picture)).max() < 2e-6
