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

from poise.errors import ModelError
from poise.graphs.protobuf import Damaged, fields, message, text, whole, whole_list

# Onnx.proto, TensorProto.DataType: name and bytes of one number.
_KINDS = {
    1: ("float32", 4),
    2: ("uint8", 1),
    3: ("int8", 1),
    4: ("uint16", 2),
    5: ("int16", 2),
    6: ("int32", 4),
    7: ("int64", 8),
    8: ("string", 0),
    9: ("bool", 1),
    10: ("float16", 2),
    11: ("float64", 8),
    12: ("uint32", 4),
    13: ("uint64", 8),
    16: ("bfloat16", 2),
}
_MOST_NODES = 200_000
# Weights, inputs, outputs and pieces of metadata; the largest networks have some thousands.
_MOST_VALUES = 200_000
_MOST_AXES = 16
_MOST_INTS = 4096
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
        return _model(memoryview(data))
    except Damaged as error:
        raise ModelError(f"{path}: not an ONNX network, or damaged: {error}; fetch or export the file again") from None


def _model(data: memoryview) -> OnnxFile:
    producer, version, ir, opset = "", "", 0, 0
    domains: dict[str, int] = {}
    metadata: dict[str, str] = {}
    graph: memoryview | None = None
    for number, _, value in fields(data):
        if number == 1:
            ir = whole(value)
        elif number == 2:
            producer = text(value)
        elif number == 3:
            version = text(value)
        elif number == 7:
            graph = message(value)
        elif number == 8:
            domain, at = _pair(message(value))
            if domain in ("", "ai.onnx"):
                opset = at
            else:
                domains[domain] = at
        elif number == 14:
            key, said = _strings(message(value))
            metadata[key] = said
            if len(metadata) > _MOST_VALUES:
                raise Damaged(f"more than {_MOST_VALUES} pieces of metadata")
    if graph is None:
        raise Damaged("it holds no graph")
    inputs, outputs, weights, nodes, external = _graph(graph)
    known = {w.name for w in weights}
    return OnnxFile(
        producer=f"{producer} {version}".strip(),
        ir=ir,
        opset=opset,
        domains=domains,
        inputs=tuple(i for i in inputs if i.name not in known),
        outputs=tuple(outputs),
        weights=tuple(weights),
        nodes=tuple(nodes),
        metadata=metadata,
        external=external,
    )


def _pair(data: memoryview) -> tuple[str, int]:
    domain, version = "", 0
    for number, _, value in fields(data):
        if number == 1:
            domain = text(value)
        elif number == 2:
            version = whole(value)
    return domain, version


def _strings(data: memoryview) -> tuple[str, str]:
    found = {1: "", 2: ""}
    for number, _, value in fields(data):
        if number in found:
            found[number] = text(value)
    return found[1], found[2]


def _graph(data: memoryview) -> tuple[list[Value], list[Value], list[Value], list[Node], bool]:
    inputs: list[Value] = []
    outputs: list[Value] = []
    weights: list[Value] = []
    nodes: list[Node] = []
    external = False
    for number, _, value in fields(data):
        if number == 1:
            nodes.append(_node(message(value)))
            if len(nodes) > _MOST_NODES:
                raise Damaged(f"more than {_MOST_NODES} operations")
        elif number == 5:
            weight, outside = _tensor(message(value))
            weights.append(weight)
            external |= outside
        elif number == 11:
            inputs.append(_value(message(value)))
        elif number == 12:
            outputs.append(_value(message(value)))
        if len(weights) + len(inputs) + len(outputs) > _MOST_VALUES:
            raise Damaged(f"more than {_MOST_VALUES} weights, inputs and outputs")
    if not nodes:
        raise Damaged("its graph holds no operation")
    return inputs, outputs, weights, nodes, external


def _node(data: memoryview) -> Node:
    kind = ""
    inputs: list[str] = []
    outputs: list[str] = []
    attributes: dict[str, tuple[int, ...]] = {}
    for number, _, value in fields(data):
        if number == 1:
            inputs.append(text(value))
        elif number == 2:
            outputs.append(text(value))
        elif number == 4:
            kind = text(value)
        elif number == 5:
            name = ""
            numbers: list[int] = []
            for inner, wire, part in fields(message(value)):
                if inner == 1:
                    name = text(part)
                elif inner in (3, 8):
                    numbers += whole_list(wire, part)
                    if len(numbers) > _MOST_INTS:
                        raise Damaged(f"an attribute of more than {_MOST_INTS} numbers where a shape is expected")
            attributes[name] = tuple(numbers)
    if not kind:
        raise Damaged("an operation without a name")
    return Node(kind, tuple(inputs), tuple(outputs), attributes)


def _tensor(data: memoryview) -> tuple[Value, bool]:
    name, kind, size, outside, raw = "", 0, 0, False, b""
    shape: list[int] = []
    for number, wire, value in fields(data):
        if number == 1:
            shape += whole_list(wire, value)
        elif number == 2:
            kind = whole(value)
        elif number == 8:
            name = text(value)
        elif number == 9:
            size = len(message(value))
            raw = bytes(message(value)) if size <= _SMALL else b""
        elif number == 14:
            outside = whole(value) == 1
    if len(shape) > _MOST_AXES or any(n < 0 for n in shape) or prod(shape) > _MOST_NUMBERS:
        raise Damaged(f"weight {name[:60]!r} has shape {shape[:_MOST_AXES]}")
    if kind not in _KINDS:
        raise Damaged(f"weight {name[:60]!r} has number type {kind}, which there is not")
    word, width = _KINDS[kind]
    if size and width and size != prod(shape) * width:
        raise Damaged(f"weight {name[:60]!r} of shape {shape} holds {size} bytes, expected {prod(shape) * width}")
    return Value(name, tuple(shape), word, raw), outside


def _value(data: memoryview) -> Value:
    """Read ValueInfoProto: name, and type → tensor type → element type and shape."""
    name, kind = "", 0
    shape: list[int | str] = []
    for number, _, value in fields(data):
        if number == 1:
            name = text(value)
        elif number == 2:
            for inner, _, tensor in fields(message(value)):
                if inner != 1:
                    continue
                for part, _, said in fields(message(tensor)):
                    if part == 1:
                        kind = whole(said)
                    elif part == 2:
                        shape = [_axis(message(axis)) for n, _, axis in fields(message(said)) if n == 1]
                        if len(shape) > _MOST_AXES:
                            raise Damaged(f"{name[:60]!r} has {len(shape)} axes")
    return Value(name, tuple(shape), _KINDS.get(kind, ("unknown", 0))[0])


def _axis(data: memoryview) -> int | str:
    for number, _, value in fields(data):
        if number == 1:
            return whole(value)
        if number == 2:
            return text(value)
    return "?"
