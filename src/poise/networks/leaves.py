"""Which weights a network needs: its description run over sizes alone. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from poise.errors import ModelError
from poise.networks.architectures import FAMILIES, Layer, plan
from poise.networks.blocks import block
from poise.networks.checkpoint import Checkpoint
from poise.networks.decoding import expectation
from poise.networks.heads import Head, raw

# The parts of a block in the order in which checkpoints list them: random weights are drawn, and the state of an
# optimiser is kept, in this order.
_ORDER = ("attn", "ffn", "qkv", "proj", "pe", "cv1", "cv2", "cv3", "one2one_cv2", "one2one_cv3", "dfl", "cv4") + (
    "one2one_cv4",
    "flow_model",
    "cv4_kpts",
    "cv4_sigma",
    "one2one_cv4_kpts",
    "one2one_cv4_sigma",
    "m",
)
# Couplings of the learned density of errors, and width of its perceptrons.
COUPLINGS, WIDTH = 6, 64


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part of a network that has weights of its own.

    Attributes:
        name: Its place, such as ``"m.0.cv1"``.
        inputs: Channels that it takes.
        channels: Channels that it gives.
        kernel: Side of its window.
        stride: Cells from one window to the next.
        groups: Groups of channels that do not see each other.
        norm: It has a batch norm, and no bias.
        act: It has an activation.
        bias: It has a bias of its own; without bias and norm its weights are not learned.
    """

    name: str
    inputs: int
    channels: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    norm: bool = True
    act: bool = True
    bias: bool = False

    def tensors(self, *, fused: bool) -> dict[str, tuple[int, ...]]:
        """Return its tensors' shapes by name."""
        shape = (self.channels, self.inputs // self.groups, self.kernel, self.kernel)
        one = (self.channels,)
        if not self.norm:
            return {"weight": shape, **({"bias": one} if self.bias else {})}
        if fused:
            return {"conv.weight": shape, "conv.bias": one}
        norm: dict[str, tuple[int, ...]] = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), one)
        return {"conv.weight": shape, **{f"bn.{k}": v for k, v in {**norm, "num_batches_tracked": ()}.items()}}


@dataclass(frozen=True, slots=True)
class _Sized:
    """A value of which only the shape is known, 0 for an axis that depends on the picture."""

    shape: tuple[int, ...]

    def __add__(self, other: object) -> _Sized:
        return self

    __mul__ = __add__


class _Listing:
    """A scope that computes nothing and lists what has weights."""

    def __init__(self, path: str, found: list[Leaf]) -> None:
        self._path, self._found = path, found

    def __truediv__(self, name: str) -> _Listing:
        return _Listing(joined(self._path, name), self._found)

    def conv(
        self,
        name: str,
        x: _Sized,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        act: bool = True,
    ) -> _Sized:
        self._found.append(Leaf(joined(self._path, name), x.shape[1], channels, kernel, stride, groups, act=act))
        return _Sized((0, channels, 0, 0))

    def bare(self, name: str, x: _Sized, channels: int, *, bias: bool = True) -> _Sized:
        place = joined(self._path, name)
        self._found.append(Leaf(place, x.shape[1], channels, norm=False, act=False, bias=bias))
        return _Sized((0, channels, 0, 0))

    def split(self, x: _Sized, sizes: Sequence[int], axis: int = 1) -> list[_Sized]:
        return [_Sized((*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in sizes]

    def concat(self, values: Sequence[_Sized], axis: int = 1) -> _Sized:
        first = values[0].shape
        return _Sized((*first[:axis], sum(x.shape[axis] for x in values), *first[axis + 1 :]))

    def reshape(self, x: _Sized, shape: Sequence[int]) -> _Sized:
        return _Sized(tuple(max(n, 0) for n in shape))

    def like(self, x: _Sized, other: _Sized) -> _Sized:
        return other

    def transpose(self, x: _Sized, axes: Sequence[int]) -> _Sized:
        return _Sized(tuple(x.shape[i] for i in axes))

    def matmul(self, x: _Sized, y: _Sized) -> _Sized:
        return x

    def softmax(self, x: _Sized, axis: int) -> _Sized:
        return x

    def pool(self, x: _Sized) -> _Sized:
        return x

    double = pool


def joined(path: str, name: str) -> str:
    """Return the name of a part of a place; either may be empty."""
    return f"{path}.{name}" if path and name else path or name


def of_layer(layer: Layer) -> list[Leaf]:
    """Return the leaves of a layer that is not the head, in the order of checkpoints."""
    found: list[Leaf] = []
    block(_Listing("", found), layer, [_Sized((0, channels, 0, 0)) for channels in layer.inputs])  # type: ignore[arg-type]
    return sorted(found, key=_place)


def of_head(head: Head) -> list[Leaf]:
    """Return the leaves of a head with all its branches, in the order of checkpoints; the flow of YOLO26 has none."""
    found: list[Leaf] = []
    at = _Listing("", found)
    for branch in FAMILIES[head.family].branches:
        maps = [_Sized((0, channels, 0, 0)) for channels in head.inputs]
        boxes = raw(at, head, maps, branch=branch, sigma=head.spread)["boxes"]  # type: ignore[arg-type]
        if head.bins > 1:
            expectation(at, boxes, head.bins)  # type: ignore[arg-type]
    return sorted(found, key=_place)


def tensors(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the tensors that the network of a checkpoint has."""
    layers = plan(checkpoint.family, checkpoint.scale)
    head = Head(checkpoint.family, layers[-1].inputs, checkpoint.nc, checkpoint.kpt_shape)
    parts = [(layer.index, leaf) for layer in layers[:-1] for leaf in of_layer(layer)]
    parts += [(layers[-1].index, leaf) for leaf in of_head(head) if _held(leaf, checkpoint)]
    found = {
        f"model.{joined(str(index), leaf.name)}.{name}": shape
        for index, leaf in parts
        for name, shape in leaf.tensors(fused=checkpoint.fused).items()
    }
    return {**found, **(_flow(f"model.{layers[-1].index}.flow_model") if checkpoint.flow else {})}


def check(checkpoint: Checkpoint) -> None:
    """Hold the tensors of a checkpoint against those that its network has.

    Raises:
        ModelError: Tensors are missing, left over, or of another shape.
    """
    expected = tensors(checkpoint)
    missing = [key for key in expected if key not in checkpoint.weights and not key.endswith("num_batches_tracked")]
    surplus = [key for key in checkpoint.weights if key not in expected]
    what = f"{checkpoint.source}: not the weights of {checkpoint.name} with {checkpoint.nc} classes and kpt_shape "
    what += str(list(checkpoint.kpt_shape))
    for kind, keys in (("missing", missing), ("surplus", surplus)):
        if keys:
            raise ModelError(
                f"{what}: {len(keys)} tensors are {kind}: {', '.join(keys[:3])}{', …' if keys[3:] else ''}"
            )
    for key, shape in expected.items():
        found = np.shape(checkpoint.weights[key]) if key in checkpoint.weights else shape
        if found != shape:
            raise ModelError(f"{what}: tensor {key!r} has shape {list(found)}, expected {list(shape)}")


def _place(leaf: Leaf) -> list[int]:
    return [
        int(part) if part.isdigit() else _ORDER.index(part) if part in _ORDER else 0 for part in leaf.name.split(".")
    ]


def _held(leaf: Leaf, checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint holds a part of the head."""
    part = leaf.name.split(".")[0]
    branch = "one2one" if part.startswith("one2one_") else "one2many"
    return branch in checkpoint.branches and (checkpoint.sigma or not part.endswith("cv4_sigma"))


def _flow(name: str) -> Mapping[str, tuple[int, ...]]:
    sizes = (2, WIDTH, WIDTH, 2)
    found: dict[str, tuple[int, ...]] = {f"{name}.loc": (2,), f"{name}.cov": (2, 2), f"{name}.mask": (COUPLINGS, 2)}
    for part, i, (j, (c1, c2)) in product("st", range(COUPLINGS), enumerate(pairwise(sizes))):
        found |= {f"{name}.{part}.{i}.{2 * j}.weight": (c2, c1), f"{name}.{part}.{i}.{2 * j}.bias": (c2,)}
    return found
