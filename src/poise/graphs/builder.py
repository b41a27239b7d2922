"""Write an ONNX graph from nothing, without ONNX: operations, weights, free axes, metadata.

Source: onnx.proto of ONNX (Apache-2.0), of which only the field numbers used here are repeated.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.graphs.messages import NUMBERS, metadata
from poise.graphs.protobuf import Message, again, block, fields, head, number

# Version of the file format that came with an operator set, so that old engines read old sets.
# Source: docs/Versioning.md of ONNX.
_FORMATS = {11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9}
_FLOAT, _INT, _STRING, _FLOATS, _INTS = 1, 2, 3, 6, 7

Attribute = int | float | str | Sequence[int] | Sequence[float]


class Builder:
    """An ONNX file that grows operation by operation.

    Args:
        opset: Version of the standard operators, 11 to 20. Whoever adds operations writes them as it asks.
    """

    def __init__(self, opset: int) -> None:
        if opset not in _FORMATS:
            raise ValueError(f"opset must be {min(_FORMATS)} to {max(_FORMATS)}, got {opset}")
        self.opset = opset
        self._nodes: list[tuple[str, list[str], list[str], str, dict[str, Attribute]]] = []
        self._weights: dict[str, NDArray[Any]] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._taken: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        """Return a name that is not taken: the name itself, or with a number after it."""
        count = self._taken[name] = self._taken.get(name, -1) + 1
        return self.fresh(f"{name}_{count}") if count else name

    def weight(self, name: str, values: NDArray[Any]) -> str:
        """Store numbers under a name like the given one, and return it."""
        name = self.fresh(name)
        self._weights[name] = values
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """Store a few numbers, once however often they are needed, and return their name."""
        key = (values.dtype.name, values.shape, values.tobytes())
        if key not in self._known:
            self._known[key] = self.weight("constant", values)
        return self._known[key]

    def node(
        self, kind: str, inputs: Sequence[str], *, name: str = "", outputs: int = 1, **attributes: Attribute
    ) -> list[str]:
        """Add an operation.

        Args:
            kind: Of the standard operators.
            inputs: Names of what it takes; empty for one that is left out.
            name: What it and its outputs are called; its kind unless given.
            outputs: How many it gives.
            **attributes: Whole numbers, numbers with a point, text, or lists of one kind of number.

        Returns:
            The names of its outputs.
        """
        given = self.fresh(name or kind)
        made = [given] if outputs == 1 else [f"{given}:{i}" for i in range(outputs)]
        self._nodes.append((kind, list(inputs), made, given, attributes))
        return list(made)

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        """Say what the graph takes; an axis with a name is free."""
        self._inputs.append(_info(name, dtype, shape))
        return self.fresh(name)

    def output(self, value: str, name: str, dtype: str, shape: Sequence[int | str]) -> None:
        """Say what the graph gives: an operation's output under another name."""
        self._outputs.append(_info(name, dtype, shape))
        for _, inputs, outputs, _, _ in self._nodes:
            for names in (inputs, outputs):
                names[:] = [name if one == value else one for one in names]

    def write(self, metadata: Mapping[str, str], *, producer: str = "poise", version: str = "") -> bytes:
        """Return the file.

        Args:
            metadata: Text by name, for whoever reads it.
            producer: What wrote it.
            version: Of the producer.
        """
        graph: list[bytes | memoryview] = [block(1, _node(*parts)) for parts in self._nodes]
        graph.append(block(2, "network"))
        for name, values in self._weights.items():
            graph += _tensor(name, values)
        graph += [block(11, info) for info in self._inputs] + [block(12, info) for info in self._outputs]
        start = number(1, _FORMATS[self.opset]) + block(2, producer) + block(3, version)
        end = block(8, block(1, "") + number(2, self.opset)) + b"".join(map(_entry, metadata.items()))
        # Weights are a hundred times the rest, so they are copied once.
        return b"".join([start, head(7, sum(map(len, graph))), *graph, end])


def said(data: bytes) -> dict[str, str]:
    """Return the metadata of an ONNX file.

    Raises:
        Damaged: The bytes are not an ONNX file.
    """
    return metadata(Message(memoryview(data)))


def stamped(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return an ONNX file that says more of itself, or something else under names that it has already.

    Raises:
        Damaged: The bytes are not an ONNX file.
    """
    kept = [again(at, wire, value) for at, wire, value in fields(memoryview(data)) if at not in (2, 14)]
    return b"".join([*kept, block(2, "poise"), *map(_entry, (said(data) | dict(metadata)).items())])


def _entry(pair: tuple[str, str]) -> bytes:
    return block(14, block(1, pair[0]) + block(2, pair[1]))


def _node(kind: str, inputs: Iterable[str], outputs: Iterable[str], name: str, attributes: Mapping[str, Any]) -> bytes:
    parts = [block(1, one) for one in inputs] + [block(2, one) for one in outputs] + [block(3, name), block(4, kind)]
    return b"".join(parts + [block(5, _attribute(key, value)) for key, value in attributes.items()])


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        kind, body = _INT, number(3, value)
    elif isinstance(value, float):
        kind, body = _FLOAT, _real(2, value)
    elif isinstance(value, str):
        kind, body = _STRING, block(4, value)
    elif all(isinstance(one, int) for one in value):
        kind, body = _INTS, b"".join(number(8, int(one)) for one in value)
    else:
        kind, body = _FLOATS, b"".join(_real(7, one) for one in value)
    return block(1, name) + body + number(20, kind)


def _real(field: int, value: float) -> bytes:
    """Write a field of four bytes."""
    return bytes([field << 3 | 5]) + struct.pack("<f", value)


def _tensor(name: str, values: NDArray[Any]) -> list[bytes | memoryview]:
    # Not ascontiguousarray, which gives a single number an axis.
    values = np.asarray(values, dtype=values.dtype.newbyteorder("<"), order="C")
    about = b"".join(number(1, n) for n in values.shape) + number(2, NUMBERS[values.dtype.name]) + block(8, name)
    about += head(9, values.nbytes)
    return [head(5, len(about) + values.nbytes) + about, values.reshape(-1).view(np.uint8).data]


def _info(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    axes = b"".join(block(1, block(2, n) if isinstance(n, str) else number(1, n)) for n in shape)
    return block(1, name) + block(2, block(1, number(1, NUMBERS[dtype]) + block(2, axes)))
