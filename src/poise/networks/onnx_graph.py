"""The described networks as ONNX graphs, with the weights of a checkpoint. No torch here, and no ONNX.

Batch norms are folded into the convolutions. What a graph gives equals what the deployed network gives in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.extras.version import __version__
from poise.graphs import Builder
from poise.networks.architectures import plan
from poise.networks.blocks import block, features
from poise.networks.checkpoint import Checkpoint
from poise.networks.folding import with_norm
from poise.networks.heads import Head, branch_of, pixels
from poise.networks.leaves import check, joined
from poise.networks.sigma import unit_std

OPSET = 17
# Half precision is ONNX's number 10, single 1, 64-bit whole numbers 7.
_SINGLE, _HALF, _WHOLE = 1, 10, 7

Length = int | None


@dataclass(frozen=True, slots=True)
class Symbol:
    """A tensor of a graph.

    Attributes:
        scope: Where it is computed.
        name: In the graph.
        shape: Of it; None for an axis that depends on the input.
        half: It is of half precision.
        whole: It is of whole numbers.
    """

    scope: GraphScope
    name: str
    shape: tuple[Length, ...]
    half: bool = False
    whole: bool = False

    def _with(self, kind: str, other: Symbol | float) -> Symbol:
        if not isinstance(other, Symbol):
            dtype = np.int64 if self.whole else np.float16 if self.half else np.float32
            other = Symbol(self.scope, self.scope.builder.constant(np.array(other, dtype)), ())
        return self.scope.made(kind, [self.name, other.name], _broadcast(self.shape, other.shape), self)

    def __add__(self, other: Symbol | float) -> Symbol:
        return self._with("Add", other)

    def __sub__(self, other: Symbol | float) -> Symbol:
        return self._with("Sub", other)

    def __mul__(self, other: Symbol | float) -> Symbol:
        return self._with("Mul", other)

    def __floordiv__(self, other: Symbol | int) -> Symbol:
        return self._with("Div", other)

    def __mod__(self, other: Symbol | int) -> Symbol:
        return self._with("Mod", other)


@dataclass(slots=True)
class _Ground:
    """What all places of a network share."""

    builder: Builder
    weights: Mapping[str, NDArray[Any]]
    eps: float
    images: str
    sides: dict[int, list[Symbol]] = field(default_factory=dict)


class GraphScope:
    """A place in a network that is written as a graph; see :class:`poise.networks.scope.Scope`.

    Args:
        ground: What all places share.
        path: The place's name.
        reduction: Input pixels per cell of the maps there.
    """

    def __init__(self, ground: _Ground, path: str = "", reduction: int = 1) -> None:
        self.builder, self.path, self._ground, self._reduction = ground.builder, path, ground, reduction

    def __truediv__(self, name: str) -> GraphScope:
        """Return the place of a part."""
        return GraphScope(self._ground, joined(self.path, name), self._reduction)

    def _sides(self, reduction: int) -> list[Symbol]:
        """Return height and width of maps whose size is free, ``(1,)`` whole numbers each.

        They are computed from the size of the input and not of the map: where an operation asks for the shape of a map
        of 8-bit numbers, OpenVINO (2026.4) computes what comes after it wrongly.
        """
        known = self._ground.sides
        if 1 not in known:
            shape = self.builder.node("Shape", [self._ground.images], name="sides")[0]
            found = (self.builder.node("Gather", [shape, self.numbers([i])], name=f"sides.{i}")[0] for i in (2, 3))
            known[1] = [Symbol(self, name, (1,), whole=True) for name in found]
        if reduction not in known:
            known[reduction] = [side // reduction for side in known[1]]
        return known[reduction]

    def made(
        self,
        kind: str,
        inputs: Sequence[str],
        shape: Sequence[Length],
        like: Symbol,
        name: str = "",
        *,
        whole: bool | None = None,
        **attributes: Any,
    ) -> Symbol:
        """Add an operation with one output, of the same kind of numbers as another tensor."""
        found = self.builder.node(kind, inputs, name=name or joined(self.path, kind), **attributes)[0]
        return Symbol(self, found, tuple(shape), like.half, like.whole if whole is None else whole)

    def array(self, values: NDArray[Any]) -> Symbol:
        """Store a few numbers as a tensor."""
        whole = values.dtype.kind == "i"
        return Symbol(
            self, self.builder.constant(values.astype(np.int64) if whole else values), values.shape, whole=whole
        )

    def numbers(self, values: Sequence[int]) -> str:
        """Store a list of whole numbers, such as a shape."""
        return self.builder.constant(np.array(values, np.int64))

    def conv(
        self,
        name: str,
        x: Symbol,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        act: bool = True,
    ) -> Symbol:
        """Convolve and activate."""
        place = joined(self.path, name)
        weight = self._ground.weights[f"{place}.conv.weight"]
        bias = self._ground.weights.get(f"{place}.conv.bias")
        if bias is None:
            parts = ("weight", "bias", "running_mean", "running_var")
            norm = [self._ground.weights[f"{place}.bn.{part}"].astype(np.float64) for part in parts]
            weight, bias = with_norm(weight.astype(np.float64), norm, self._ground.eps)
        y = self._convolve(f"{place}.conv", x, weight, bias, kernel, stride, groups)
        return self.made("Mul", [y.name, self.sigmoid(y).name], y.shape, y, name=f"{place}.act") if act else y

    def bare(self, name: str, x: Symbol, channels: int, *, bias: bool = True) -> Symbol:
        """Convolve with a kernel of one cell."""
        place = joined(self.path, name)
        shift = self._ground.weights[f"{place}.bias"] if bias else None
        return self._convolve(place, x, self._ground.weights[f"{place}.weight"], shift, 1, 1, 1)

    def _convolve(self, name: str, x: Symbol, weight: Any, bias: Any, kernel: int, stride: int, groups: int) -> Symbol:
        dtype = np.float16 if x.half else np.float32
        # By way of single precision, as torch does: halving at once may round the last bit the other way.
        parts = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        stored = [
            self.builder.weight(f"{name}.{part}", values.astype(np.float32).astype(dtype, copy=False))
            for part, values in parts.items()
        ]
        batch, _, *sides = x.shape
        shape = (batch, len(weight), *(None if n is None else (n - 1) // stride + 1 for n in sides))
        window: dict[str, Any] = {
            "kernel_shape": [kernel] * 2,
            "strides": [stride] * 2,
            "pads": [kernel // 2] * 4,
            "group": groups,
        }
        return self.made("Conv", [x.name, *stored], shape, x, name=name, dilations=[1, 1], **window)

    def pool(self, x: Symbol) -> Symbol:
        """Take the largest of 5 x 5 cells around each."""
        return self.made("MaxPool", [x.name], x.shape, x, kernel_shape=[5, 5], strides=[1, 1], pads=[2, 2, 2, 2])

    def double(self, x: Symbol) -> Symbol:
        """Repeat each cell."""
        # What is left out was not yet optional in the first version of this operation.
        region = self.builder.constant(np.empty(0, np.float32)) if self.builder.opset < 13 else ""
        scales = self.builder.constant(np.array([1, 1, 2, 2], np.float32))
        shape = (*x.shape[:2], *(None if n is None else 2 * n for n in x.shape[2:]))
        how: dict[str, Any] = {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
        return self.made("Resize", [x.name, region, scales], shape, x, **how)

    def split(self, x: Symbol, sizes: Sequence[int], axis: int = 1) -> list[Symbol]:
        """Cut into pieces."""
        name = joined(self.path, "Split")
        if self.builder.opset < 13:
            found = self.builder.node("Split", [x.name], name=name, outputs=len(sizes), axis=axis, split=list(sizes))
        else:
            found = self.builder.node("Split", [x.name, self.numbers(sizes)], name=name, outputs=len(sizes), axis=axis)
        shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
        return [Symbol(self, one, shape, x.half) for one, shape in zip(found, shapes, strict=True)]

    def concat(self, values: Sequence[Symbol], axis: int = 1) -> Symbol:
        """Join."""
        first, lengths = values[0], [x.shape[axis] for x in values]
        length = None if None in lengths else sum(n for n in lengths if n is not None)
        shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
        return self.made("Concat", [x.name for x in values], shape, first, axis=axis)

    def reshape(self, x: Symbol, shape: Sequence[int]) -> Symbol:
        """Reorder into a shape."""
        known: list[Length] = [x.shape[i] if n == 0 else n for i, n in enumerate(shape)]
        if -1 in known:
            rest = [n for n in known if n != -1]
            free = None in x.shape or None in rest
            # An axis that stays as it was need not be known.
            if free and shape[0] == 0 and None not in (*x.shape[1:], *rest[1:]):
                free, rest, whole = False, rest[1:], prod(n or 1 for n in x.shape[1:])
            else:
                whole = prod(n or 1 for n in x.shape)
            known[known.index(-1)] = None if free else whole // prod(n or 1 for n in rest)
        return self.made("Reshape", [x.name, self.numbers(shape)], known, x)

    def like(self, x: Symbol, other: Symbol) -> Symbol:
        """Reorder into the shape of another tensor."""
        channels, *sides = (n or 0 for n in other.shape[1:])
        if all(sides):
            shape = self.numbers([0, channels, *sides])
        else:
            parts = [self.numbers([0, channels]), self._sides(self._reduction)[0].name, self.numbers([-1])]
            shape = self.builder.node("Concat", parts, name=joined(self.path, "shape"), axis=0)[0]
        return self.made("Reshape", [x.name, shape], other.shape, x)

    def transpose(self, x: Symbol, axes: Sequence[int]) -> Symbol:
        """Reorder the axes."""
        return self.made("Transpose", [x.name], [x.shape[i] for i in axes], x, perm=list(axes))

    def matmul(self, x: Symbol, y: Symbol) -> Symbol:
        """Multiply matrices."""
        return self.made("MatMul", [x.name, y.name], (*x.shape[:-1], y.shape[-1]), x)

    def softmax(self, x: Symbol, axis: int) -> Symbol:
        """Make a distribution along an axis."""
        last = len(x.shape) - 1
        if self.builder.opset >= 13 or axis == last:
            return self.made("Softmax", [x.name], x.shape, x, axis=axis)
        # Older ones take all axes from the given one on for a single one.
        order = [i for i in range(last + 1) if i != axis] + [axis]
        found = self.softmax(self.transpose(x, order), last)
        return self.transpose(found, [order.index(i) for i in range(last + 1)])

    def sigmoid(self, x: Symbol) -> Symbol:
        """Squash into 0 to 1."""
        return self.made("Sigmoid", [x.name], x.shape, x)

    def exact(self, x: Symbol) -> Symbol:
        """Go on in single precision."""
        return self.single(x) if x.half else x

    def single(self, x: Symbol) -> Symbol:
        """Turn numbers of any kind, or what is true or not, into single precision."""
        return self.cast(x, _SINGLE)

    def cast(self, x: Symbol, to: int) -> Symbol:
        """Turn into another type of number."""
        made = self.made("Cast", [x.name], x.shape, x, to=to)
        return Symbol(self, made.name, made.shape, to == _HALF, to == _WHOLE)

    def anchors(self, maps: Sequence[Symbol], strides: Sequence[int]) -> tuple[Symbol, Symbol]:
        """Place one anchor in the middle of every cell; their places are computed where the size is free."""
        found = [self._grid(level, stride) for level, stride in zip(maps, strides, strict=True)]
        points, sizes = (self.concat(parts) for parts in zip(*found, strict=True))
        return points, sizes

    def _grid(self, level: Symbol, stride: int) -> tuple[Symbol, Symbol]:
        height, width = level.shape[2:]
        if height is not None and width is not None:
            row, column = np.divmod(np.arange(height * width, dtype=np.float32), np.float32(width))
            places = np.stack((column, row)) + np.float32(0.5)
            return self.array(places), self.array(np.full((1, height * width), stride, np.float32))
        h, w = self._sides(stride)
        count = self.made("ReduceProd", [(h * w).name], (), h, keepdims=0)
        zero, one = (self.array(np.array(n)).name for n in (0, 1))
        cells = self.made("Range", [zero, count.name, one], (None,), h)
        x, y = (self.reshape(self.single(part), (1, -1)) + 0.5 for part in (cells % w, cells // w))
        return self.concat((x, y), 0), x * 0.0 + float(stride)

    def largest(self, x: Symbol) -> Symbol:
        """Take the largest along axis 1."""
        shape = (x.shape[0], x.shape[2])
        if self.builder.opset < 18:
            return self.made("ReduceMax", [x.name], shape, x, axes=[1], keepdims=0)
        return self.made("ReduceMax", [x.name, self.numbers([1])], shape, x, keepdims=0)

    def fewer(self, x: Symbol, limit: int) -> Symbol | int:
        """Return the smaller of a limit and the length of the last axis."""
        length = x.shape[-1]
        if length is not None:
            return min(limit, length)
        shape = self.made("Shape", [x.name], (len(x.shape),), x, whole=True)
        last = self.made("Gather", [shape.name, self.numbers([len(x.shape) - 1])], (1,), shape)
        most = self.array(np.array([limit]))
        if self.builder.opset >= 12:
            return self.made("Min", [last.name, most.name], (1,), shape)
        # The smallest was not yet defined for whole numbers.
        parts = [self.single(part) for part in (last, most)]
        return self.cast(self.made("Min", [part.name for part in parts], (1,), parts[0]), _WHOLE)

    def top(self, x: Symbol, count: Symbol | int) -> tuple[Symbol, Symbol]:
        """Return the largest of each row, best first, and where they are."""
        length = count if isinstance(count, int) else None
        name = self.numbers([count]) if isinstance(count, int) else count.name
        values, places = self.builder.node("TopK", [x.name, name], outputs=2, axis=1, largest=1, sorted=1)
        shape = (x.shape[0], length)
        return Symbol(self, values, shape), Symbol(self, places, shape, whole=True)

    def pick(self, x: Symbol, index: Symbol) -> Symbol:
        """Take from each row the numbers at places."""
        return self.made("GatherElements", [x.name, index.name], index.shape, x, axis=1)

    def rows(self, x: Symbol, index: Symbol) -> Symbol:
        """Take columns at places, as rows."""
        channels = x.shape[1]
        wide = self.made("Expand", [self.unsqueeze(index).name, self.numbers([1, 1, channels or 1])], (), index)
        turned = self.transpose(x, (0, 2, 1))
        return self.made("GatherElements", [turned.name, wide.name], (*index.shape, channels), x, axis=1)

    def column(self, x: Symbol) -> Symbol:
        """Turn numbers of any kind into a column of single precision."""
        return self.unsqueeze(self.single(x) if x.whole else x)

    def unsqueeze(self, x: Symbol) -> Symbol:
        """Add an axis of length one behind the last."""
        shape, axes = (*x.shape, 1), [len(x.shape)]
        if self.builder.opset < 13:
            return self.made("Unsqueeze", [x.name], shape, x, axes=axes)
        return self.made("Unsqueeze", [x.name, self.numbers(axes)], shape, x)


def _broadcast(one: tuple[Length, ...], other: tuple[Length, ...]) -> tuple[Length, ...]:
    length = max(len(one), len(other))
    pairs = zip(*((1,) * (length - len(shape)) + shape for shape in (one, other)), strict=True)
    return tuple(b if a == 1 else a for a, b in pairs)


# Adds to a graph: takes its scope and outputs, and returns others.
Finish = Callable[[GraphScope, tuple[Symbol, ...]], tuple[Symbol, ...]]


def write_graph(
    checkpoint: Checkpoint,
    metadata: Mapping[str, str],
    *,
    end2end: bool = False,
    sigma: bool = True,
    shape: tuple[int, int, int] | None = None,
    opset: int = OPSET,
    half: bool = False,
    finish: Finish | None = None,
) -> bytes:
    """Write the network of a checkpoint as an ONNX file.

    Args:
        checkpoint: The network.
        metadata: What the file says of itself.
        end2end: Use the one-to-one branch, which needs no suppression of doubles (YOLO26 only).
        sigma: Give the keypoints' standard deviation as a second output (YOLO26; the others have none).
        shape: Pictures a run, height and width of the input, pixels; None: all three are free.
        opset: Version of the standard operators, 11 to 20.
        half: Compute in half precision. Input and output are single all the same, and so is the decoding: half
            precision has 11 bits, half a pixel at 640.
        finish: Adds to the graph.

    Returns:
        The file: ``images`` (B, 3, H, W) float32 RGB in [0, 1] to ``output0`` and perhaps ``sigma``, as
        :func:`poise.networks.heads.pixels` says.

    Raises:
        ModelError: The tensors are not those of the network.
        ValueError: The branch that is wanted is not there.
    """
    check(checkpoint)
    branch = branch_of(checkpoint.family, checkpoint.branches, end2end=end2end)
    builder = Builder(opset)
    layers = plan(checkpoint.family, checkpoint.scale)
    head = Head(checkpoint.family, layers[-1].inputs, checkpoint.nc, checkpoint.kpt_shape)
    batch, height, width = shape or (None, None, None)
    free = ("batch", "height", "width") if shape is None else shape
    name = builder.input("images", "float32", [free[0], 3, *free[1:]])
    ground = _Ground(builder, checkpoint.weights, checkpoint.bn_eps, name)
    images = Symbol(GraphScope(ground), name, (batch, 3, height, width))
    with_sigma = sigma and checkpoint.sigma
    at = GraphScope(ground, f"model.{layers[-1].index}")
    maps = features(
        layers,
        images.scope.cast(images, _HALF) if half else images,
        lambda layer, inputs: block(GraphScope(ground, f"model.{layer.index}", layer.reduction), layer, inputs),
    )
    unit = np.tile(np.array(_unit(checkpoint, at.path), np.float32), checkpoint.kpt_shape[0])[:, None]
    found = pixels(at, head, maps, branch=branch, sigma=with_sigma, selected=end2end, unit=at.array(unit))
    if finish is not None:
        found = finish(at, found)
    for tensor, name in zip(found, ("output0", "sigma"), strict=False):
        builder.output(tensor.name, name, "float32", _axes(tensor.shape))
    return builder.write(metadata, version=__version__)


def _axes(shape: Sequence[Length]) -> list[int | str]:
    """Name the axes that are free: the rows of a selection, or the cells of all levels."""
    names = ("batch", "rows", "anchors")
    return [names[i] if n is None else n for i, n in enumerate(shape)]


def _unit(checkpoint: Checkpoint, head: str) -> tuple[float, float]:
    """Return the standard deviation of an error along x and y at sigma 1: of the flow, or as the file says it."""
    if not checkpoint.flow:
        return checkpoint.unit_std or (1.0, 1.0)
    start = f"{head}.flow_model."
    return unit_std({k.removeprefix(start): v for k, v in checkpoint.weights.items() if k.startswith(start)})
