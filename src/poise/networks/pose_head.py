"""The head of YOLOv8-pose and YOLO11-pose."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from poise.networks.architectures import STRIDES
from poise.networks.blocks import Conv
from poise.networks.decoding import anchors, centres, keypoints

Raw = dict[str, Tensor | list[Tensor]]


def plain_branch(c1: int, width: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions and a bare 1x1."""
    return nn.Sequential(Conv(c1, width, 3), Conv(width, width, 3), nn.Conv2d(width, outputs, 1))


def depthwise_branch(c1: int, width: int, outputs: int) -> nn.Sequential:
    """Two depthwise-separable convolutions and a bare 1x1."""
    return nn.Sequential(
        nn.Sequential(Conv(c1, c1, 3, groups=c1), Conv(c1, width)),
        nn.Sequential(Conv(width, width, 3, groups=width), Conv(width, width)),
        nn.Conv2d(width, outputs, 1),
    )


def box_branches(inputs: Sequence[int], bins: int) -> nn.ModuleList:
    """One box branch a level: four distances of ``bins`` numbers."""
    width = max(16, inputs[0] // 4, 4 * bins)
    return nn.ModuleList(plain_branch(c, width, 4 * bins) for c in inputs)


def class_branches(inputs: Sequence[int], nc: int, depthwise: bool) -> nn.ModuleList:
    """One class branch a level."""
    width = max(inputs[0], min(nc, 100))
    make = depthwise_branch if depthwise else plain_branch
    return nn.ModuleList(make(c, width, nc) for c in inputs)


def set_biases(boxes: nn.ModuleList, classes: nn.ModuleList, nc: int) -> None:
    """Start from boxes of four cells and about five objects in a picture of 640 x 640 pixels."""
    for box, kind, stride in zip(boxes, classes, STRIDES, strict=True):
        nn.init.constant_(box[-1].bias, 2.0)  # type: ignore[index]
        nn.init.constant_(kind[-1].bias, math.log(5 / nc / (640 / stride) ** 2))  # type: ignore[index]


def over_levels(branches: nn.ModuleList, maps: Sequence[Tensor]) -> Tensor:
    """Run each level's branch and join the cells of all levels: ``(B, C, A)``."""
    return torch.cat([branch(level).flatten(2) for branch, level in zip(branches, maps, strict=True)], 2)


class Expectation(nn.Module):
    """The mean of a distribution over bins 0 … n-1, kept as a frozen convolution for its name in checkpoints."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(bins, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data = torch.arange(bins, dtype=torch.float32).view(1, bins, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, 4 * bins, A)`` to ``(B, 4, A)``."""
        b, rows, count = x.shape
        return self.conv(x.view(b, 4, rows // 4, count).transpose(1, 2).softmax(1)).view(b, 4, count)  # type: ignore[no-any-return]


class PoseHead(nn.Module):
    """Boxes, classes and keypoints from three feature maps.

    Args:
        inputs: Channels of the three feature maps, finest first.
        nc: Number of classes.
        kpt_shape: Keypoints, and values a keypoint (2: x, y; 3: x, y, confidence).
        depthwise: The class branch is made of depthwise convolutions (YOLO11).
    """

    end2end = False

    def __init__(self, inputs: Sequence[int], nc: int, kpt_shape: tuple[int, int], *, depthwise: bool) -> None:
        super().__init__()
        self.nc, self.kpt_shape = nc, kpt_shape
        rows = kpt_shape[0] * kpt_shape[1]
        self.cv2 = box_branches(inputs, 16)
        self.cv3 = class_branches(inputs, nc, depthwise)
        self.dfl = Expectation(16)
        width = max(inputs[0] // 4, rows)
        self.cv4 = nn.ModuleList(plain_branch(c, width, rows) for c in inputs)
        set_biases(self.cv2, self.cv3, nc)

    def raw(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return what the branches say: ``boxes`` (B, 64, A), ``scores`` logits (B, nc, A), ``kpts`` (B, K * D, A)."""
        return {
            "boxes": over_levels(self.cv2, maps),
            "scores": over_levels(self.cv3, maps),
            "kpts": over_levels(self.cv4, maps),
        }

    def forward(self, maps: list[Tensor]) -> Raw | tuple[Tensor, ...]:
        """Return the raw dictionary with ``feats`` in training, else ``(output0,)``: (B, 4 + nc + K * D, A) pixels."""
        raw = self.raw(maps)
        if self.training:
            return {**raw, "feats": maps}
        points, strides = anchors(maps, STRIDES)
        box = centres(self.dfl(raw["boxes"].float()), points, strides)
        xy = keypoints(raw["kpts"].float(), points, strides, self.kpt_shape[1], factor=2.0, offset=-0.5)
        return (torch.cat((box, raw["scores"].float().sigmoid(), xy), 1),)
