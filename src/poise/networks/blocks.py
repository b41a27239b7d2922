"""The building blocks. Children are named as in the published checkpoints, so that weights load by name.

Source: C2f and SPPF: YOLOv5/v8; C3k2 and C2PSA: YOLO11; position-sensitive attention: YOLOv10 (Wang et al. 2024,
arXiv:2405.14458), section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from poise.networks.architectures import Layer


class Conv(nn.Module):
    """Convolution, batch norm, SiLU; padded so that stride 1 keeps the size."""

    def __init__(
        self, c1: int, c2: int, kernel: int = 1, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = nn.Identity() if linear else nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, c1, H, W)`` to ``(B, c2, H / stride, W / stride)``."""
        return self.act(self.bn(self.conv(x)))  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """Two 3x3 convolutions through ``e`` times the channels, with a shortcut."""

    def __init__(self, channels: int, e: float, add: bool) -> None:
        super().__init__()
        hidden = int(channels * e)
        self.cv1 = Conv(channels, hidden, 3)
        self.cv2 = Conv(hidden, channels, 3)
        self.add = add

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C2f(nn.Module):
    """Split in two, send one half through a chain of blocks, and join every link of the chain."""

    def __init__(self, c1: int, c2: int, repeats: int, *, add: bool = False, e: float = 0.5) -> None:
        super().__init__()
        self.hidden = int(c2 * e)
        self.cv1 = Conv(c1, 2 * self.hidden)
        self.cv2 = Conv((2 + repeats) * self.hidden, c2)
        self.m = nn.ModuleList(self.link(self.hidden, add) for _ in range(repeats))

    def link(self, channels: int, add: bool) -> nn.Module:
        """Make one link of the chain."""
        return Bottleneck(channels, 1.0, add)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, c1, H, W)`` to ``(B, c2, H, W)``."""
        chain = list(self.cv1(x).split(self.hidden, 1))
        for link in self.m:
            chain.append(link(chain[-1]))
        return self.cv2(torch.cat(chain, 1))  # type: ignore[no-any-return]


class C3k(nn.Module):
    """Two paths, one through a chain of bottlenecks."""

    def __init__(self, channels: int, repeats: int) -> None:
        super().__init__()
        hidden = channels // 2
        self.cv1 = Conv(channels, hidden)
        self.cv2 = Conv(channels, hidden)
        self.cv3 = Conv(2 * hidden, channels)
        self.m = nn.Sequential(*(Bottleneck(hidden, 1.0, True) for _ in range(repeats)))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))  # type: ignore[no-any-return]


class C3k2(C2f):
    """A C2f whose links are narrow bottlenecks, C3k blocks, or a bottleneck with attention."""

    def __init__(
        self, c1: int, c2: int, repeats: int, *, c3k: bool = False, e: float = 0.5, attention: bool = False
    ) -> None:
        self.c3k, self.attention = c3k, attention
        super().__init__(c1, c2, repeats, add=True, e=e)

    def link(self, channels: int, add: bool) -> nn.Module:
        """Make one link of the chain."""
        if self.attention:
            return nn.Sequential(Bottleneck(channels, 0.5, add), PSABlock(channels))
        return C3k(channels, 2) if self.c3k else Bottleneck(channels, 0.5, add)


class SPPF(nn.Module):
    """Pool three times with the same window and join all four scales."""

    def __init__(self, c1: int, c2: int, *, linear: bool = False, add: bool = False) -> None:
        super().__init__()
        self.cv1 = Conv(c1, c1 // 2, linear=linear)
        self.cv2 = Conv(c1 // 2 * 4, c2)
        self.m = nn.MaxPool2d(5, stride=1, padding=2)
        self.add = add and c1 == c2

    def forward(self, x: Tensor) -> Tensor:
        """``(B, c1, H, W)`` to ``(B, c2, H, W)``."""
        scales = [self.cv1(x)]
        for _ in range(3):
            scales.append(self.m(scales[-1]))
        y: Tensor = self.cv2(torch.cat(scales, 1))
        return x + y if self.add else y


class Attention(nn.Module):
    """Self-attention over the cells of a feature map, with a depthwise convolution as position code."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.value = channels // heads
        self.key = self.value // 2
        self.qkv = Conv(channels, channels + 2 * self.key * heads, linear=True)
        self.proj = Conv(channels, channels, linear=True)
        self.pe = Conv(channels, channels, 3, groups=channels, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        b, c, h, w = x.shape
        # The channels of query, key and value lie together a head, not a kind.
        joined = self.qkv(x).view(b, self.heads, 2 * self.key + self.value, h * w)
        q, k, v = joined.split((self.key, self.key, self.value), 2)
        weights = ((q.transpose(-2, -1) @ k) * self.key**-0.5).softmax(-1)
        mixed = (v @ weights.transpose(-2, -1)).reshape(b, c, h, w)
        return self.proj(mixed + self.pe(v.reshape(b, c, h, w)))  # type: ignore[no-any-return]


class PSABlock(nn.Module):
    """Attention and a two-layer perceptron, each with a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attn = Attention(channels, max(channels // 64, 1))
        self.ffn = nn.Sequential(Conv(channels, 2 * channels), Conv(2 * channels, channels, linear=True))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        x = x + self.attn(x)
        return x + self.ffn(x)  # type: ignore[no-any-return]


class C2PSA(nn.Module):
    """Split in two and send one half through attention blocks."""

    def __init__(self, c1: int, c2: int, repeats: int) -> None:
        super().__init__()
        self.hidden = c2 // 2
        self.cv1 = Conv(c1, 2 * self.hidden)
        self.cv2 = Conv(2 * self.hidden, c2)
        self.m = nn.Sequential(*(PSABlock(self.hidden) for _ in range(repeats)))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, c1, H, W)`` to ``(B, c2, H, W)``."""
        a, b = self.cv1(x).split(self.hidden, 1)
        return self.cv2(torch.cat((a, self.m(b)), 1))  # type: ignore[no-any-return]


class Concat(nn.Module):
    """Join feature maps along their channels."""

    def forward(self, maps: list[Tensor]) -> Tensor:
        """``(B, c_i, H, W)`` each to ``(B, sum of c_i, H, W)``."""
        return torch.cat(maps, 1)


def build_block(layer: Layer) -> nn.Module:
    """Make the block of one layer of a plan; the head is made elsewhere."""
    c1, c2 = sum(layer.inputs), layer.channels
    match layer.block:
        case "Conv":
            return Conv(c1, c2, 3, **layer.options)
        case "C2f":
            return C2f(c1, c2, layer.repeats, **layer.options)
        case "C3k2":
            return C3k2(c1, c2, layer.repeats, **layer.options)
        case "SPPF":
            return SPPF(c1, c2, **layer.options)
        case "C2PSA":
            return C2PSA(c1, c2, layer.repeats)
        case "Upsample":
            return nn.Upsample(scale_factor=2, mode="nearest")
        case "Concat":
            return Concat()
    raise ValueError(f"no block named {layer.block!r}")
