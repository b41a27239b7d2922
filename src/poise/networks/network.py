"""A whole network: the layers of a plan, one after the other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from poise.networks.architectures import FAMILIES, plan
from poise.networks.blocks import build_block
from poise.networks.pose26_head import Pose26Head
from poise.networks.pose_head import PoseHead


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
        layers = plan(family, scale)
        self.family, self.scale, self.nc, self.kpt_shape = family, scale, nc, kpt_shape
        self.sources = [layer.source for layer in layers]
        self.kept = {s for layer in layers for s in layer.source if s != layer.index - 1}
        head: nn.Module
        if FAMILIES[family].head == "Pose26":
            head = Pose26Head(layers[-1].inputs, nc, kpt_shape)
        else:
            head = PoseHead(layers[-1].inputs, nc, kpt_shape, depthwise=FAMILIES[family].depthwise)
        self.model = nn.ModuleList([*(build_block(layer) for layer in layers[:-1]), head])

    @property
    def head(self) -> PoseHead | Pose26Head:
        """The last layer."""
        head = self.model[-1]
        assert isinstance(head, PoseHead | Pose26Head)
        return head

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the three feature maps that the head reads, finest first."""
        kept: dict[int, Tensor] = {}
        x = images
        for i, (layer, source) in enumerate(zip(list(self.model)[:-1], self.sources, strict=False)):
            x = layer(x) if source == (i - 1,) else layer([x if s == i - 1 else kept[s] for s in source])
            if i in self.kept:
                kept[i] = x
        return [x if s == len(self.model) - 2 else kept[s] for s in self.sources[-1]]

    def forward(self, images: Tensor) -> Any:
        """Run on ``(B, 3, H, W)`` RGB pictures in [0, 1], H and W multiples of 32; the heads say what comes back."""
        return self.head(self.features(images))


def build(family: str, scale: str, nc: int, kpt_shape: tuple[int, int], *, empty: bool = False) -> PoseNetwork:
    """Make a network with random weights, or on the meta device without any (``empty``)."""
    if empty:
        with torch.device("meta"):
            return PoseNetwork(family, scale, nc, kpt_shape)
    return PoseNetwork(family, scale, nc, kpt_shape)
