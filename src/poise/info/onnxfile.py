"""Look into an ONNX file without ONNX and without running it: a reader of its container that trusts nothing.

Source: onnx.proto of ONNX (Apache-2.0), of which only the field numbers used here are repeated.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np

from poise.errors import ModelError
from poise.graphs.messages import TYPES, Tensor, metadata, operator_sets
from poise.graphs.protobuf import Damaged, Message

# Bytes of one number, of the types of which numpy knows them.
_WIDTHS = {number: np.dtype(name).itemsize for number, name in TYPES.items() if name not in ("string", "bfloat16")}
_MOST_AXES = 16
_MOST_NUMBERS = 1 << 40
_SMALL = 64


@dataclass(frozen=True, slots=True)
class Value:
    """An input, output or weight: name, shape (text for a free axis), number type; of a small weight its bytes too."""

    name: str
    shape: tuple[int | str, ...]
    kind: str
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its kind, inputs, and its whole-number attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """What an ONNX file says.

    Attributes:
        producer: Program that wrote it, with its version.
        ir: Version of the container.
        opset: Version of the standard operators; 0: not said.
        domains: Other operator sets and their versions.
        inputs: What it takes, without its own weights.
        outputs: What it gives.
        weights: Its numbers: name, shape, type.
        nodes: Its operations.
        metadata: What it says of itself.
        external: Weights lie in other files.
    """

    producer: str = ""
    ir: int = 0
    opset: int = 0
    domains: Mapping[str, int] = field(default_factory=dict)
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()
    weights: tuple[Value, ...] = ()
    nodes: tuple[Node, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    external: bool = False

    @property
    def operations(self) -> Counter[str]:
        """How often each kind of operation is there."""
        return Counter(node.kind for node in self.nodes)

    @property
    def parameters(self) -> int:
        """Numbers in weights of float or 8-bit type; shapes, indices, scales and zero points do not count."""
        counted = {"float32", "float16", "bfloat16", "float64", "int8", "uint8", "int32"}
        beside = {
            name
            for node in self.nodes
            if node.kind in ("QuantizeLinear", "DequantizeLinear")
            for name in node.inputs[1:]
        }
        return sum(_size(w) for w in self.weights if w.kind in counted and w.shape and w.name not in beside)

    def gflops(self, height: int, width: int) -> float:
        """Return billions of operations of the convolutions for one picture; a multiplication with addition counts two.

        Feature maps are followed through the graph by how much smaller than the picture they are, so that free sizes
        do not matter.
        """
        weights = {w.name: w for w in self.weights}
        area: dict[str, float] = {value.name: 1.0 for value in self.inputs}
        made = {name: node for node in self.nodes for name in node.outputs}
        total = 0.0
        for node in self.nodes:
            share = min((area[name] for name in node.inputs if name in area), default=None)
            if share is None:
                continue
            stride = prod(node.attributes.get("strides", ())[:_MOST_AXES] or (1,))
            if node.kind in ("Conv", "MaxPool", "AveragePool"):
                share /= max(stride, 1)
            elif node.kind == "Resize":
                share *= _enlarged(node, weights)
            for name in node.outputs:
                area[name] = share
            if node.kind == "Conv" and len(node.inputs) > 1:
                total += _size(_weight(node.inputs[1], weights, made)) * share
        return 2 * total * height * width / 1e9


def _size(value: Value | None) -> int:
    return prod(n for n in value.shape if isinstance(n, int)) if value is not None else 0


def _weight(name: str, weights: Mapping[str, Value], made: Mapping[str, Node]) -> Value | None:
    """Find a convolution's weight, perhaps behind conversions such as an 8-bit network's."""
    for _ in range(4):
        if name in weights:
            return weights[name]
        if name not in made or not made[name].inputs:
            return None
        name = made[name].inputs[0]
    return None


def _enlarged(node: Node, weights: Mapping[str, Value]) -> float:
    """Return how many times more cells a Resize gives; its scales are its third input. 4: as in every network here."""
    scales = weights.get(node.inputs[2]) if len(node.inputs) > 2 else None
    if scales is None or len(scales.raw) != 16:
        return 4.0
    numbers = struct.unpack("<4f", scales.raw)
    found = prod(numbers)
    return found if 0 < found < 1e6 else 4.0


def read_onnx(path: Path, data: bytes | memoryview) -> OnnxFile:
    """Read what an ONNX file says.

    Args:
        path: How errors call the file.
        data: The whole file.

    Raises:
        ModelError: The bytes are not an ONNX file, or are damaged; says where.
    """
    try:
        return _model(Message(memoryview(data)))
    except Damaged as error:
        raise ModelError(f"{path}: not an ONNX network, or damaged: {error}; fetch or export the file again") from None


def _model(said: Message) -> OnnxFile:
    producer = f"{said.text(2)} {said.text(3)}".strip()
    graphs = said.messages(7)
    if not graphs:
        raise Damaged("it holds no graph")
    graph = graphs[-1]
    tensors = [Tensor.read(weight) for weight in graph.messages(5)]
    weights = tuple(map(_checked, tensors))
    nodes = tuple(map(_node, graph.messages(1)))
    if not nodes:
        raise Damaged("its graph holds no operation")
    known = {tensor.name for tensor in tensors}
    sets = operator_sets(said)
    return OnnxFile(
        producer=producer,
        ir=said.whole(1),
        opset=sets.pop("", 0),
        domains=sets,
        inputs=tuple(one for one in map(_value, graph.messages(11)) if one.name not in known),
        outputs=tuple(map(_value, graph.messages(12))),
        weights=weights,
        nodes=nodes,
        metadata=metadata(said),
        external=any(tensor.outside for tensor in tensors),
    )


def _node(said: Message) -> Node:
    kind = said.text(4)
    if not kind:
        raise Damaged("an operation without a name")
    attributes = {attribute.text(1): tuple(attribute.wholes(3, 8)) for attribute in said.messages(5)}
    return Node(kind, tuple(said.texts(1)), tuple(said.texts(2)), attributes)


def _checked(tensor: Tensor) -> Value:
    """Return a weight whose numbers are as many as its shape says."""
    name, shape = f"weight {tensor.name[:60]!r}", tensor.shape
    count, size = prod(shape), len(tensor.raw or b"")
    if len(shape) > _MOST_AXES or any(n < 0 for n in shape) or count > _MOST_NUMBERS:
        raise Damaged(f"{name} has shape {list(shape[:_MOST_AXES])}")
    if tensor.kind not in TYPES:
        raise Damaged(f"{name} has number type {tensor.kind}, which there is not")
    width = _WIDTHS.get(tensor.kind, 0)
    if size and width and size != count * width:
        raise Damaged(f"{name} of shape {list(shape)} holds {size} bytes, expected {count * width}")
    return Value(tensor.name, shape, TYPES[tensor.kind], bytes(tensor.raw or b"") if size <= _SMALL else b"")


def _value(said: Message) -> Value:
    """Read ValueInfoProto: name, and type → tensor type → element type and shape."""
    name, kind = said.text(1), 0
    shape: list[int | str] = []
    for tensor in (tensor for type_ in said.messages(2) for tensor in type_.messages(1)):
        kind = tensor.whole(1)
        axes = [axis for part in tensor.messages(2) for axis in part.messages(1)]
        if len(axes) > _MOST_AXES:
            raise Damaged(f"{name[:60]!r} has {len(axes)} axes")
        shape = [axis.text(2) or (axis.whole(1) if 1 in axis else "?") for axis in axes]
    return Value(name, tuple(shape), TYPES.get(kind, "unknown"))
