"""An ONNX graph as nodes and weights that can be changed. What is not understood is kept as it is.

Source: onnx.proto of ONNX (Apache-2.0), of which only the field numbers used here are repeated.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.graphs.messages import NUMBERS, STORED, Tensor, operator_sets
from poise.graphs.protobuf import MOST_FIELDS, Damaged, Message, again, block, fields, number

# The field in which a tensor lists whole numbers of a type, and how many at most are of interest: shapes and indices.
_LISTED = {NUMBERS["int32"]: 5, NUMBERS["int64"]: 7}
_MOST_LISTED = 4096


@dataclass(slots=True, eq=False)
class Node:
    """One operation. Attributes are kept as the bytes of their messages, by name."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, bytes] = field(default_factory=dict)
    domain: str = ""
    name: str = ""

    def ints(self, name: str, default: Sequence[int] = ()) -> list[int]:
        """Return a whole-number attribute, or a list of them."""
        if name not in self.attributes:
            return list(default)
        return Message(memoryview(self.attributes[name])).wholes(3, 8)

    def set_ints(self, name: str, values: int | Sequence[int]) -> None:
        """Set a whole-number attribute, or a list of them."""
        one = isinstance(values, int)
        body = number(3, values) if one else b"".join(number(8, v) for v in values)  # type: ignore[arg-type, union-attr]
        self.attributes[name] = block(1, name) + body + number(20, 2 if one else 7)


@dataclass(slots=True, eq=False)
class Weight:
    """A number of the graph: its message as it came, and its values once somebody looks or changes them."""

    raw: bytes
    values: NDArray[Any] | None = None


class Graph:
    """A model's graph.

    Args:
        data: An ONNX file.

    Attributes:
        nodes: In an order in which they can run.
        inputs: Names of what it takes, without its own weights.
        outputs: Names of what it gives.
        opset: Version of the standard operators.

    Raises:
        Damaged: The bytes are not an ONNX file; says why.
    """

    def __init__(self, data: bytes) -> None:
        self._model: list[bytes] = []  # every field of the model but its graph, and where that stood
        self._rest: list[bytes] = []  # every field of the graph that is not below
        self.nodes: list[Node] = []
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self._weights: dict[str, Weight] = {}
        self._taken: set[str] = set()
        self._made = Counter[str]()
        self.opset = 0
        model = Message(memoryview(data))
        self.opset = operator_sets(model).get("", 0)
        graph = model.block(7)
        if graph is None:
            raise Damaged("it holds no graph")
        self._model += [again(*one) for one in fields(memoryview(data)) if one[0] != 7]
        for at, wire, value in fields(graph):
            if at == 1:
                self.nodes.append(_node(Message(value)))
            elif at == 5:
                weight = Message(value)
                self._weights[weight.text(8)] = Weight(bytes(value))
            elif at != 13:  # shapes of what is in between, which may change
                self._rest.append(again(at, wire, value))
                if at in (11, 12):
                    (self.inputs if at == 11 else self.outputs).append(Message(value).text(1))
            if len(self.nodes) > MOST_FIELDS:
                raise Damaged(f"more than {MOST_FIELDS:,} operations")
        self.inputs = [name for name in self.inputs if name not in self._weights]
        self._taken |= {*self._weights, *self.inputs, *(name for node in self.nodes for name in node.outputs)}

    def write(self) -> bytes:
        """Return the file, without weights and operations that lead to nothing."""
        self.prune()
        used = {name for node in self.nodes for name in node.inputs} | set(self.outputs)
        parts = [block(1, _written(node)) for node in self.nodes]
        parts += [block(5, weight.raw) for name, weight in self._weights.items() if name in used]
        return b"".join(self._model) + block(7, b"".join([*self._rest, *parts]))

    def prune(self) -> None:
        """Drop operations whose outputs nobody needs."""
        needed = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                kept.append(node)
                needed |= set(node.inputs)
        self.nodes = kept[::-1]

    @property
    def makers(self) -> dict[str, Node]:
        """Which operation makes a tensor."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    @property
    def users(self) -> dict[str, list[Node]]:
        """Which operations need a tensor, one as often as it does."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node.inputs:
                found.setdefault(name, []).append(node)
        return found

    def constant(self, name: str, makers: Mapping[str, Node]) -> NDArray[Any] | None:
        """Return a constant's values, perhaps behind a conversion of its type, or None where it is none."""
        weight = self._stored(name, makers)
        return None if weight is None else weight[1].astype(self._type(name, makers), copy=False)

    def new_constant(self, values: NDArray[Any], like: str, makers: Mapping[str, Node]) -> tuple[str, list[Node]]:
        """Store values as another constant is stored: half precision with a conversion stays that.

        Returns:
            Its name, and the operations that must come before it is used.
        """
        stored = self._stored(like, makers)
        kind = values.dtype if stored is None else stored[1].dtype
        name = self.fresh(f"{like}_turned")
        if stored is None or kind == values.dtype:
            self._weights[name] = _stored_weight(name, values)
            return name, []
        inner = self.fresh(f"{like}_{kind}")
        self._weights[inner] = _stored_weight(inner, values.astype(kind))
        cast = Node("Cast", [inner], [name])
        cast.set_ints("to", NUMBERS[values.dtype.name])
        return name, [cast]

    def add_constant(self, name: str, values: NDArray[Any]) -> str:
        """Store values under a new name like the given one, and return it."""
        name = self.fresh(name)
        self._weights[name] = _stored_weight(name, values)
        return name

    def fresh(self, name: str) -> str:
        """Return a name that is not taken."""
        while True:
            self._made[name] += 1
            found = f"{name}_{self._made[name]}"
            if found not in self._taken:
                self._taken.add(found)
                return found

    def replace(self, changes: Mapping[int, Sequence[Node]]) -> None:
        """Put operations in place of others, which are given by ``id``."""
        self.nodes = [new for node in self.nodes for new in changes.get(id(node), (node,))]

    def split(self, source: str, targets: Sequence[str], sizes: Sequence[int]) -> Node:
        """Return the operation that cuts the channels of a map into pieces."""
        node = Node("Split", [source], list(targets))
        node.set_ints("axis", 1)
        if self.opset < 13:
            node.set_ints("split", list(sizes))
        else:
            node.inputs.append(self.add_constant(f"{source}_sizes", np.array(sizes, np.int64)))
        return node

    def sort(self) -> None:
        """Put operations in an order in which each comes after those that it needs."""
        makers = self.makers
        placed: set[int] = set()
        kept: list[Node] = []
        for start in self.nodes:
            stack = [(start, False)]
            while stack:
                node, ready = stack.pop()
                if id(node) in placed:
                    continue
                if ready:
                    placed.add(id(node))
                    kept.append(node)
                    continue
                stack.append((node, True))
                stack += [(makers[n], False) for n in node.inputs if n in makers and id(makers[n]) not in placed]
        self.nodes = kept

    def _stored(self, name: str, makers: Mapping[str, Node]) -> tuple[str, NDArray[Any]] | None:
        """Return the weight behind a tensor, and its values as they are stored."""
        for _ in range(4):
            if name in self._weights:
                weight = self._weights[name]
                if weight.values is None:
                    weight.values = _values(weight.raw)
                return None if weight.values is None else (name, weight.values)
            maker = makers.get(name)
            if maker is None:
                return None
            if maker.kind == "Constant" and "value" in maker.attributes:
                tensor = Message(memoryview(maker.attributes["value"])).block(5)
                values = None if tensor is None else _values(bytes(tensor))
                return None if values is None else (name, values)
            if maker.kind not in ("Cast", "Identity"):
                return None
            name = maker.inputs[0]
        return None

    def _type(self, name: str, makers: Mapping[str, Node]) -> np.dtype[Any]:
        """Return the type of a constant after the conversions before it."""
        maker = makers.get(name)
        if maker is not None and maker.kind == "Cast":
            return STORED.get(maker.ints("to")[0], np.dtype(np.float32))
        if maker is not None and maker.kind == "Identity":
            return self._type(maker.inputs[0], makers)
        stored = self._stored(name, makers)
        assert stored is not None
        return stored[1].dtype


def _node(said: Message) -> Node:
    attributes = {Message(body).text(1): bytes(body) for body in said.blocks(5)}
    return Node(said.text(4), said.texts(1), said.texts(2), attributes, domain=said.text(7), name=said.text(3))


def _written(node: Node) -> bytes:
    parts = [block(1, name) for name in node.inputs] + [block(2, name) for name in node.outputs]
    parts += [block(3, node.name)] if node.name else []
    parts += [block(4, node.kind)] + [block(5, body) for body in node.attributes.values()]
    return b"".join(parts + ([block(7, node.domain)] if node.domain else []))


def _values(raw: bytes) -> NDArray[Any] | None:
    """Decode a tensor's message; None where its type or place is not known here."""
    tensor = Tensor.read(Message(memoryview(raw)))
    if tensor.kind not in STORED or tensor.outside:
        return None
    dtype, count = STORED[tensor.kind], math.prod(tensor.shape)
    if tensor.raw is not None:
        if len(tensor.raw) != count * dtype.itemsize:
            raise Damaged(f"a weight of shape {list(tensor.shape)} holds {len(tensor.raw)} bytes")
        return np.frombuffer(tensor.raw, dtype).reshape(tensor.shape)
    if tensor.kind == NUMBERS["float32"]:
        listed = np.frombuffer(b"".join(tensor.said.blocks(4)), dtype)
    elif tensor.kind in _LISTED and 0 <= count <= _MOST_LISTED:
        listed = np.array(list(islice(tensor.said.each_whole(_LISTED[tensor.kind]), count + 1)), dtype)
    else:
        return None
    return listed.reshape(tensor.shape) if len(listed) == count else None


def _stored_weight(name: str, values: NDArray[Any]) -> Weight:
    values = np.ascontiguousarray(values)
    about = b"".join(number(1, n) for n in values.shape) + number(2, NUMBERS[values.dtype.name]) + block(8, name)
    return Weight(about + block(9, values.tobytes()), values)


def single(nodes: Iterable[Node]) -> Node | None:
    """Return the only one, or None."""
    listed = list(nodes)
    return listed[0] if len(listed) == 1 else None
