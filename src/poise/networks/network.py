"""The described networks as modules of torch: to be trained, and to run where only torch does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import groupby, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from poise.networks.architectures import FAMILIES, STRIDES, Layer, plan
from poise.networks.blocks import block, features
from poise.networks.flow import RealNVP
from poise.networks.heads import Head, pixels, raw
from poise.networks.leaves import Leaf, of_head, of_layer

Raw = dict[str, Tensor | list[Tensor]]


class Conv(nn.Module):
    """Convolution, batch norm, SiLU; padded so that stride 1 keeps the size."""

    def __init__(self, leaf: Leaf) -> None:
        super().__init__()
        k = leaf.kernel
        self.conv = nn.Conv2d(leaf.inputs, leaf.channels, k, leaf.stride, k // 2, groups=leaf.groups, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(leaf.channels, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True) if leaf.act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(B, c1, H, W)`` to ``(B, c2, H / stride, W / stride)``."""
        return self.act(self.bn(self.conv(x)))  # type: ignore[no-any-return]


class Part(nn.Module):
    """What holds the parts of a block by their names; what is computed with them, the description says."""

    def grow(self, leaves: Iterable[Leaf]) -> None:
        """Make the parts that have weights, with random ones, and what holds them."""
        for leaf in leaves:
            names = leaf.name.split(".")
            holder: nn.Module = self
            for name, inner in pairwise(names):
                if name not in holder._modules:
                    holder.add_module(name, nn.ModuleList() if inner.isdigit() else Part())
                holder = holder._modules[name]  # type: ignore[assignment]
            holder.add_module(names[-1], _module(leaf))


def _module(leaf: Leaf) -> nn.Module:
    if leaf.norm:
        return Conv(leaf)
    made = nn.Conv2d(leaf.inputs, leaf.channels, 1, bias=leaf.bias)
    if not leaf.bias:  # the bins of a distribution
        made.requires_grad_(False)
        made.weight.data = torch.arange(leaf.inputs, dtype=torch.float32).view(1, -1, 1, 1)
    return made


class _TorchScope:
    """A place in a network of torch; see :class:`poise.networks.scope.Scope`, whose methods these are."""

    __slots__ = ("_module",)

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __truediv__(self, name: str) -> _TorchScope:
        return _TorchScope(self._at(name))

    def _at(self, name: str) -> nn.Module:
        module: Any = self._module
        for part in name.split(".") if name else ():
            module = module._modules[part]
        return module  # type: ignore[no-any-return]

    def conv(self, name: str, x: Tensor, *_: int, **__: Any) -> Tensor:
        return self._at(name)(x)  # type: ignore[no-any-return]

    bare = conv

    def pool(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 5, stride=1, padding=2)

    def double(self, x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")

    def split(self, x: Tensor, sizes: Sequence[int], axis: int = 1) -> Sequence[Tensor]:
        return x.split(sizes, axis)  # type: ignore[no-untyped-call,no-any-return]

    def concat(self, values: Sequence[Tensor], axis: int = 1) -> Tensor:
        return torch.cat(list(values), axis)

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        return x.reshape([n if n else x.shape[i] for i, n in enumerate(shape)])

    def like(self, x: Tensor, other: Tensor) -> Tensor:
        return x.reshape(other.shape)

    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        return x.permute(*axes)

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        return x @ y

    def softmax(self, x: Tensor, axis: int) -> Tensor:
        return x.softmax(axis)

    def sigmoid(self, x: Tensor) -> Tensor:
        return x.sigmoid()

    def exact(self, x: Tensor) -> Tensor:
        return x.float()

    def anchors(self, maps: Sequence[Tensor], strides: Sequence[int]) -> tuple[Tensor, Tensor]:
        points, sizes = [], []
        for level, stride in zip(maps, strides, strict=True):
            h, w = level.shape[2:]
            x = torch.arange(w, device=level.device, dtype=torch.float32) + 0.5
            y = torch.arange(h, device=level.device, dtype=torch.float32) + 0.5
            grid = torch.stack((x.expand(h, w), y.unsqueeze(1).expand(h, w))).flatten(1)
            points.append(grid)
            sizes.append(torch.full_like(grid[:1], stride))
        return torch.cat(points, 1), torch.cat(sizes, 1)

    def largest(self, x: Tensor) -> Tensor:
        return x.amax(1)

    def fewer(self, x: Tensor, limit: int) -> int:
        return min(limit, x.shape[-1])

    def top(self, x: Tensor, count: int) -> tuple[Tensor, Tensor]:
        found = x.topk(count, 1)
        return found.values, found.indices

    def pick(self, x: Tensor, index: Tensor) -> Tensor:
        return x.gather(1, index)

    def rows(self, x: Tensor, index: Tensor) -> Tensor:
        return x.transpose(1, 2).gather(1, index.unsqueeze(2).expand(-1, -1, x.shape[1]))

    def column(self, x: Tensor) -> Tensor:
        return x.unsqueeze(2).float()


class Block(Part):
    """A layer of a network that is not the head."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.grow(of_layer(layer))

    def forward(self, *inputs: Tensor) -> Tensor:
        """One map from those that the layer takes."""
        return block(_TorchScope(self), self.layer, inputs)  # type: ignore[no-any-return]


class PoseHead(Part):
    """The head of YOLOv8-pose and YOLO11-pose: boxes, classes and keypoints from three feature maps.

    Args:
        about: What it is made for.
    """

    end2end = False

    def __init__(self, about: Head) -> None:
        super().__init__()
        self.about, self.nc, self.kpt_shape = about, about.nc, about.kpt_shape
        for name, leaves in groupby(of_head(about), lambda leaf: leaf.name.split(".")[0]):
            self._grow(name, list(leaves))

    def _grow(self, name: str, leaves: Sequence[Leaf]) -> None:
        self.grow(leaves)
        if name in ("cv2", "cv3"):
            _set_biases(self._modules[name], None if name == "cv2" else self.nc)

    def raw(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return what the branches say: ``boxes`` (B, 64, A), ``scores`` logits (B, nc, A), ``kpts`` (B, K * D, A)."""
        return raw(_TorchScope(self), self.about, maps)

    def forward(self, maps: list[Tensor]) -> Raw | tuple[Tensor, ...]:
        """Return the raw dictionary with ``feats`` in training, else ``(output0,)``: (B, 4 + nc + K * D, A) pixels."""
        if self.training:
            return {**self.raw(maps), "feats": maps}
        return pixels(_TorchScope(self), self.about, maps)


class Pose26Head(PoseHead):
    """The head of YOLO26-pose: two branches of the same make, and a standard deviation a keypoint.

    The one-to-many branch finds an instance at several anchors and needs non-maximum suppression; the one-to-one branch
    finds it at one. Both are trained; one is used.

    Args:
        about: What it is made for.

    Attributes:
        end2end: Outside training, use the one-to-one branch and give its best rows.
        sigma: Outside training, give sigma too.
    """

    unit_std: Tensor

    def __init__(self, about: Head) -> None:
        super().__init__(about)
        self.end2end = False
        self.sigma = False
        # Standard deviation of x and y of an error at sigma 1; set from the flow when the network is deployed.
        self.register_buffer("unit_std", torch.ones(2), persistent=False)

    def _grow(self, name: str, leaves: Sequence[Leaf]) -> None:
        if name.startswith("one2one_"):  # both branches begin alike
            self.add_module(name, deepcopy(self._modules[name.removeprefix("one2one_")]))
            return
        if name == "cv4_kpts":
            self.flow_model = RealNVP()
        super()._grow(name, leaves)

    def raw(self, maps: Sequence[Tensor], branch: str = "one2many", *, sigma: bool = False) -> dict[str, Tensor]:
        """Return what a branch says: ``boxes`` (B, 4, A), ``scores`` logits, ``kpts``, ``kpts_sigma`` (B, 2K, A)."""
        return raw(_TorchScope(self), self.about, maps, branch=branch, sigma=sigma)

    def forward(self, maps: list[Tensor]) -> dict[str, Raw] | tuple[Tensor, ...]:  # type: ignore[override]
        """Return both branches' raw dictionaries in training, else what is deployed.

        Training: ``{"one2many": {…}, "one2one": {…}}``, each with ``feats``; the one-to-one branch sees detached maps,
        so that only the other one shapes the backbone.

        Otherwise what :func:`poise.networks.heads.pixels` says.
        """
        if self.training:
            detached = [level.detach() for level in maps]
            return {
                "one2many": {**self.raw(maps, "one2many", sigma=True), "feats": maps},
                "one2one": {**self.raw(detached, "one2one", sigma=True), "feats": detached},
            }
        return pixels(
            _TorchScope(self),
            self.about,
            maps,
            branch="one2one" if self.end2end else "one2many",
            sigma=self.sigma,
            selected=self.end2end,
            unit=self.unit_std.repeat(self.kpt_shape[0]).unsqueeze(1),
        )


def _set_biases(branch: Any, nc: int | None) -> None:
    """Start from boxes of four cells and about five objects in a picture of 640 x 640 pixels."""
    for level, stride in zip(branch, STRIDES, strict=True):
        nn.init.constant_(level[-1].bias, 2.0 if nc is None else math.log(5 / nc / (640 / stride) ** 2))


class PoseNetwork(nn.Module):
    """A YOLO-pose network.

    Args:
        family: ``"yolov8"``, ``"yolo11"`` or ``"yolo26"``.
        scale: ``"n"``, ``"s"``, ``"m"``, ``"l"`` or ``"x"``.
        nc: Number of classes.
        kpt_shape: Keypoints, and values a keypoint (2 or 3).

    Raises:
        ValueError: A family, size or number that there is not.
    """

    def __init__(self, family: str, scale: str, nc: int, kpt_shape: tuple[int, int]) -> None:
        super().__init__()
        if nc < 1:
            raise ValueError(f"nc must be 1 or more, got {nc}")
        if kpt_shape[0] < 1 or kpt_shape[1] not in (2, 3):
            raise ValueError(f"kpt_shape must be [K, 2] or [K, 3] with K of 1 or more, got {list(kpt_shape)}")
        self.family, self.scale, self.nc, self.kpt_shape = family, scale, nc, kpt_shape
        self.layers = plan(family, scale)
        about = Head(family, self.layers[-1].inputs, nc, kpt_shape)
        # The head draws its random weights first.
        head = Pose26Head(about) if FAMILIES[family].head == "Pose26" else PoseHead(about)
        self.model = nn.ModuleList([*map(_layer, self.layers[:-1]), head])

    @property
    def head(self) -> PoseHead | Pose26Head:
        """The last layer."""
        head = self.model[-1]
        assert isinstance(head, PoseHead)
        return head

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the three feature maps that the head reads, finest first."""
        return features(self.layers, images, lambda layer, inputs: self.model[layer.index](*inputs))

    def forward(self, images: Tensor) -> Any:
        """Run on ``(B, 3, H, W)`` RGB pictures in [0, 1], H and W multiples of 32; the heads say what comes back."""
        return self.head(self.features(images))


def _layer(layer: Layer) -> nn.Module:
    """Make a layer; one that is a single convolution is that, as checkpoints name it."""
    leaves = of_layer(layer)
    return _module(leaves[0]) if leaves and not leaves[0].name else Block(layer)


def build(family: str, scale: str, nc: int, kpt_shape: tuple[int, int], *, empty: bool = False) -> PoseNetwork:
    """Make a network with random weights, or on the meta device without any (``empty``)."""
    if empty:
        with torch.device("meta"):
            return PoseNetwork(family, scale, nc, kpt_shape)
    return PoseNetwork(family, scale, nc, kpt_shape)
