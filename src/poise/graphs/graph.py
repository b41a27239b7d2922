"""An ONNX graph as nodes and weights that can be changed. What is not understood is kept as it is.

Source: onnx.proto of ONNX (Apache-2.0), of which only the field numbers used here are repeated.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.graphs.protobuf import Damaged, again, block, fields, message, number, text, whole, whole_list

# Of TensorProto: number type to numpy's; those that are not here are kept, but never changed.
_TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}
# Written, and never read: operations that change weights do not know that they stand for others.
_BYTES = {3: "|i1"}
_MOST_NODES = 200_000


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
        found: list[int] = []
        for at, wire, value in fields(memoryview(self.attributes[name])):
            if at in (3, 8):
                found += whole_list(wire, value)
        return found

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
        graph: memoryview | None = None
        for at, wire, value in fields(memoryview(data)):
            if at == 7:
                graph = message(value)
                continue
            self._model.append(again(at, wire, value))
            if at == 8:
                self.opset = max(self.opset, _opset(message(value)))
        if graph is None:
            raise Damaged("it holds no graph")
        for at, wire, value in fields(graph):
            if at == 1:
                self.nodes.append(_node(message(value)))
            elif at == 5:
                name, weight = _weight(message(value))
                self._weights[name] = weight
            elif at != 13:  # shapes of what is in between, which may change
                self._rest.append(again(at, wire, value))
                if at in (11, 12):
                    (self.inputs if at == 11 else self.outputs).append(_name(message(value)))
            if len(self.nodes) > _MOST_NODES:
                raise Damaged(f"more than {_MOST_NODES} operations")
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
        cast.set_ints("to", next(number for number, word in _TYPES.items() if np.dtype(word) == values.dtype))
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
                for at, _, value in fields(memoryview(maker.attributes["value"])):
                    if at == 5:
                        values = _values(bytes(message(value)))
                        return None if values is None else (name, values)
                return None
            if maker.kind not in ("Cast", "Identity"):
                return None
            name = maker.inputs[0]
        return None

    def _type(self, name: str, makers: Mapping[str, Node]) -> np.dtype[Any]:
        """Return the type of a constant after the conversions before it."""
        maker = makers.get(name)
        if maker is not None and maker.kind == "Cast":
            return np.dtype(_TYPES.get(maker.ints("to")[0], "<f4"))
        if maker is not None and maker.kind == "Identity":
            return self._type(maker.inputs[0], makers)
        stored = self._stored(name, makers)
        assert stored is not None
        return stored[1].dtype


def _node(data: memoryview) -> Node:
    node = Node("", [], [])
    for at, _, value in fields(data):
        if at == 1:
            node.inputs.append(text(value))
        elif at == 2:
            node.outputs.append(text(value))
        elif at == 3:
            node.name = text(value)
        elif at == 4:
            node.kind = text(value)
        elif at == 5:
            body = message(value)
            name = next((text(part) for inner, _, part in fields(body) if inner == 1), "")
            node.attributes[name] = bytes(body)
        elif at == 7:
            node.domain = text(value)
    return node


def _written(node: Node) -> bytes:
    parts = [block(1, name) for name in node.inputs] + [block(2, name) for name in node.outputs]
    parts += [block(3, node.name)] if node.name else []
    parts += [block(4, node.kind)] + [block(5, body) for body in node.attributes.values()]
    return b"".join(parts + ([block(7, node.domain)] if node.domain else []))


def _opset(data: memoryview) -> int:
    """Return the version of the standard operators that an import names, or 0 where it names others."""
    domain, version = "", 0
    for at, _, value in fields(data):
        if at == 1:
            domain = text(value)
        elif at == 2:
            version = whole(value)
    return version if domain in ("", "ai.onnx") else 0


def _name(data: memoryview) -> str:
    return next((text(value) for at, _, value in fields(data) if at == 1), "")


def _weight(data: memoryview) -> tuple[str, Weight]:
    name = next((text(value) for at, _, value in fields(data) if at == 8), "")
    return name, Weight(bytes(data))


def _values(raw: bytes) -> NDArray[Any] | None:
    """Decode a tensor's message; None where its type or place is not known here."""
    shape: list[int] = []
    kind, body, outside = 0, None, False
    listed: dict[int, list[int | float]] = {}
    for at, wire, value in fields(memoryview(raw)):
        if at == 1:
            shape += whole_list(wire, value)
        elif at == 2:
            kind = whole(value)
        elif at == 9:
            body = message(value)
        elif at == 14:
            outside = whole(value) == 1
        elif at in (5, 7):
            try:
                listed.setdefault(at, []).extend(whole_list(wire, value))
            except Damaged:
                return None  # a longer list than any shape or index that is of interest here
        elif at == 4:
            packed = message(value) if wire == 2 else value
            listed.setdefault(at, []).extend(np.frombuffer(bytes(packed), "<f4").tolist())
    if kind not in _TYPES or outside:
        return None
    dtype = np.dtype(_TYPES[kind])
    if body is None:
        field_of = {1: 4, 6: 5, 7: 7}.get(kind)
        numbers = listed.get(field_of, []) if field_of is not None else None
        if numbers is None or len(numbers) != math.prod(shape):
            return None
        return np.array(numbers, dtype).reshape(shape)
    if len(body) != math.prod(shape) * dtype.itemsize:
        raise Damaged(f"a weight of shape {shape} holds {len(body)} bytes")
    return np.frombuffer(body, dtype).reshape(shape)


def _stored_weight(name: str, values: NDArray[Any]) -> Weight:
    values = np.ascontiguousarray(values)
    kind = next(key for key, word in (_TYPES | _BYTES).items() if np.dtype(word) == values.dtype)
    raw = b"".join(number(1, n) for n in values.shape) + number(2, kind) + block(8, name) + block(9, values.tobytes())
    return Weight(raw, values)


def single(nodes: Iterable[Node]) -> Node | None:
    """Return the only one, or None."""
    listed = list(nodes)
    return listed[0] if len(listed) == 1 else None
