"""What must be true of a stranger's ONNX file before an engine opens it: no other files, nothing that fills the memory.

An engine does what the file says. A file may name weights in any file of this machine, and a few bytes may ask for a
tensor of gigabytes. The sizes of tensors are followed as far as constants tell them; what depends on the picture is
taken for small, since the picture's size is limited elsewhere.

Source: onnx.proto and Operators.md of ONNX (Apache-2.0), of which only the field numbers and operators used here are
repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from math import prod
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.graphs.messages import STORED, Tensor
from poise.graphs.protobuf import MOST_FIELDS, Message, Refused

# Numbers in one tensor: half a gigabyte in float32. The largest map of a network here has 7 million.
MOST_NUMBERS = 1 << 27
# Numbers in one input: a batch of 32 pictures of 640 x 640 has 39 million, one of 4,096 x 4,096 has 50.
MOST_INPUT = 1 << 26
_MOST_DEPTH = 8
# Constants that may be sizes: a list of as many axes.
_FEW = 64


@dataclass(slots=True)
class _Found:
    """What is known of tensors: values of small constants, shapes, and a lower bound of how many numbers each has."""

    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    parts: int = 0


def look(data: bytes | memoryview) -> list[str]:
    """Return the places of weights that a file keeps in other files, after a look at the sizes that it asks for.

    Raises:
        Refused: It asks for more than any network needs, or names a place outside its own folder.
        Damaged: It is no ONNX file.
    """
    found = _Found()
    model = Message(memoryview(data))
    for graph in model.messages(7):
        _graph(graph, found, 0)
    for function in model.messages(25):  # its nodes may hold tensors as well
        for node in function.messages(7):
            _node(node, found, 0)
    for place in found.outside:
        parts = PurePosixPath(place).parts + PureWindowsPath(place).parts
        if not place or ".." in parts or PurePosixPath(place).is_absolute() or PureWindowsPath(place).anchor:
            raise Refused(f"its weights lie at {place[:80]!r}, outside its own folder")
    return list(dict.fromkeys(found.outside))


def _graph(said: Message, found: _Found, depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise Refused(f"graphs inside graphs more than {_MOST_DEPTH} deep")
    found.parts += len(said)
    if found.parts > MOST_FIELDS:
        raise Refused(f"more than {MOST_FIELDS:,} operations, weights, inputs and outputs")
    for weight in said.messages(5):
        _tensor(weight, found)
    for sparse in said.messages(15):
        for part in sparse.messages(1, 2):
            _tensor(part, found)
    if depth == 0:
        for taken in said.messages(11):
            _input(taken)
    for node in said.messages(1):
        _node(node, found, depth)


def _input(said: Message) -> None:
    """Refuse an input that no picture fills; free axes count as one."""
    axes = [said]
    for wanted in (2, 1, 2, 1):  # the type, the tensor in it, its shape, an axis
        axes = [inner for part in axes for inner in part.messages(wanted)]
    size = prod(axis.whole(1) or 1 for axis in axes[:_FEW])
    if size > MOST_INPUT:
        raise Refused(f"its input {said.text(1)[:60]!r} has {size:,} numbers, more than {MOST_INPUT:,}")


def _tensor(said: Message, found: _Found, name: str = "") -> None:
    tensor = Tensor.read(said)
    name = name or tensor.name
    if tensor.outside:
        found.outside.append(tensor.place)
    shape = tensor.shape
    if len(shape) > _FEW or any(n < 0 for n in shape):
        raise Refused(f"weight {name[:60]!r} has shape {list(shape[:_FEW])}")
    size = prod(shape)
    found.sizes[name] = size
    found.shapes[name] = shape
    if size > _FEW or tensor.outside:
        return
    if tensor.raw and tensor.kind in STORED and len(tensor.raw) == size * STORED[tensor.kind].itemsize:
        found.values[name] = np.frombuffer(tensor.raw, STORED[tensor.kind])
    elif tensor.kind in (6, 7):
        listed = list(islice(said.each_whole(5, 7), _FEW))
        if listed:
            found.values[name] = np.array(listed, np.int64)


def _node(said: Message, found: _Found, depth: int) -> None:
    kind, inputs, outputs = said.text(4), said.texts(1), said.texts(2)
    own = _Found()
    for attribute in said.messages(5):
        _attribute(attribute, found, own, depth)
    known = [found.values.get(name) for name in inputs]
    result = _value(kind, known, own)
    size = max((found.sizes.get(name, 1) for name in inputs), default=1)
    if kind == "Concat":
        size = sum(found.sizes.get(name, 1) for name in inputs)
    size = max(size if kind not in _SMALLER else 1, _asked(kind, known, size, own))
    shape = _shape(kind, [found.shapes.get(name) for name in inputs], known, own)
    if shape is not None:
        size = prod(shape)
    if size > MOST_NUMBERS:
        raise Refused(f"its {kind[:40]} asks for {size:,} numbers, more than {MOST_NUMBERS:,}")
    for name in outputs:
        found.sizes[name] = len(result) if result is not None else size
        if shape is not None:
            found.shapes[name] = shape
        if result is not None:
            found.values[name] = result


# What may give less than it takes; its size is not known.
_SMALLER = frozenset(
    ("Slice", "Split", "Gather", "GatherND", "TopK", "NonMaxSuppression", "Shape", "Size", "NonZero", "Conv", "MatMul")
    + ("Gemm", "MaxPool", "AveragePool", "GlobalAveragePool", "ArgMax", "ArgMin", "Compress", "If", "Loop", "Scan")
    + ("ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean", "ReduceProd", "Resize", "ConvTranspose", "Unique")
)


def _asked(kind: str, known: list[NDArray[Any] | None], size: int, own: _Found) -> int:
    """Return how many numbers an operation says that it gives; 1 where that is not a constant."""

    def product(at: int) -> int:
        values = known[at] if at < len(known) else None
        return 1 if values is None else prod(max(int(v), 1) for v in values.tolist() if abs(v) < 1e18)

    if kind in ("Expand", "Reshape"):
        return product(1)
    if kind == "ConstantOfShape":
        return product(0)
    if kind == "Tile":
        return size * product(1)
    if kind == "Resize":
        return max(product(3), product(2))
    if kind == "Upsample":
        return product(1)
    if kind == "OneHot":
        return size * product(1)
    if kind == "Range" and len(known) == 3 and all(v is not None and len(v) for v in known):
        start, stop, step = (float(v[0]) for v in known if v is not None)
        return int(min(abs((stop - start) / step), 1e18)) if step else 1
    if kind == "Pad":
        pads = known[1] if len(known) > 1 and known[1] is not None else own.values.get("pads")
        if pads is not None:
            ends = [max(int(v), 0) for v in pads.tolist()]
            half = len(ends) // 2
            return prod(1 + a + b for a, b in zip(ends[:half], ends[half:], strict=False))
    return 1


def _shape(
    kind: str, shapes: list[tuple[int, ...] | None], known: list[NDArray[Any] | None], own: _Found
) -> tuple[int, ...] | None:
    """Work out the shape of a result whose inputs' shapes are all known: a column and a row make a table."""
    if kind in ("Expand", "Reshape") and len(known) == 2 and known[1] is not None:
        wanted = tuple(int(v) for v in known[1].tolist() if abs(v) < 1e18)
        if kind == "Reshape":
            return wanted if min(wanted, default=1) > 0 else None
        return _broadcast([shapes[0] or (1,), wanted])
    whole_shapes = [shape for shape in shapes if shape is not None]
    if not shapes or len(whole_shapes) != len(shapes):
        return None
    if kind in _BROADCAST:
        return _broadcast(whole_shapes)
    if kind == "Transpose":
        axes = own.values.get("perm")
        first = whole_shapes[0]
        if axes is None:
            return first[::-1]
        order = [int(v) for v in axes.tolist()]
        return tuple(first[i] for i in order) if sorted(order) == list(range(len(first))) else None
    if kind == "Unsqueeze":
        axes = known[1] if len(known) > 1 else own.values.get("axes")
        if axes is None:
            return None
        made = list(whole_shapes[0])
        for at in sorted(int(v) for v in axes.tolist() if abs(v) <= _FEW):
            made.insert(at if at >= 0 else len(made) + 1 + at, 1)
        return tuple(made)
    if kind == "MatMul" and all(len(shape) >= 2 for shape in whole_shapes):
        left, right = whole_shapes[0], whole_shapes[-1]
        return (*(_broadcast([left[:-2], right[:-2]]) or ()), left[-2], right[-1])
    return None


_BROADCAST = frozenset(
    ("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Sum", "Mean", "And", "Or", "Xor", "Equal", "Greater")
    + ("GreaterOrEqual", "Less", "LessOrEqual", "Where", "PRelu", "BitShift", "Identity", "Cast", "Relu", "Sigmoid")
    + ("Tanh", "Exp", "Log", "Sqrt", "Neg", "Abs", "Not", "Floor", "Ceil", "Round", "Softmax", "Erf", "Clip")
)


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    length = max(map(len, shapes), default=0)
    columns = zip(*((1,) * (length - len(shape)) + shape for shape in shapes), strict=True)
    return tuple(max(column) for column in columns)


def _value(kind: str, known: list[NDArray[Any] | None], own: _Found) -> NDArray[Any] | None:
    """Work out a small constant, as far as sizes are made of them."""
    if kind == "Constant":
        return next((own.values[name] for name in ("value", "value_ints", "value_int") if name in own.values), None)
    given = [value for value in known if value is not None]
    if not given or len(given) != len(known):
        return None
    if kind in ("Identity", "Cast", "Unsqueeze", "Squeeze", "Flatten"):
        return given[0]
    if kind == "Concat" and sum(map(len, given)) <= _FEW:
        return np.concatenate(given)
    if kind in ("Mul", "Add") and len({len(v) for v in given} - {1}) <= 1:
        with np.errstate(all="ignore"):
            left, right = given[0].astype(np.float64), given[-1].astype(np.float64)
            return left * right if kind == "Mul" else left + right
    return None


def _attribute(said: Message, found: _Found, own: _Found, depth: int) -> None:
    for tensor in said.messages(5, 10):
        part = _Found()
        _tensor(tensor, part, "value")
        own.values |= part.values
        found.outside += part.outside
    for sparse in said.messages(22, 23):
        for tensor in sparse.messages(1, 2):
            _tensor(tensor, found, "?")
    for graph in said.messages(6, 11):
        _graph(graph, found, depth + 1)
    numbers = list(islice(said.each_whole(3, 8), _FEW))
    if numbers:
        fitting = all(abs(n) < 1 << 62 for n in numbers)
        own.values[said.text(1)] = np.array(numbers, np.int64) if fitting else np.empty(0)
