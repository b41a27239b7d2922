"""Small networks of our own in the shapes of RTMPose, ViTPose, RTMO, YOLOX and RTMDet, for tests and comparisons.

Their filters are random but fixed, so that every output depends on the picture: points lie where a filter answers most.
They find nothing sensible. ``python benchmarks/_tiny_networks.py FOLDER`` writes them; needs torch and onnx.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

K = 17
CLASSES = 3
SIDE = 160  # of the detectors' input
CROP = (96, 128)  # width and height of the refiners' input


def filters(seed: int, count: int, width: int, gain: float) -> nn.Conv2d:
    """Return a convolution of random filters whose sum is 0, so that flat areas give its bias."""
    generator = torch.Generator().manual_seed(seed)
    conv = nn.Conv2d(3, count, width, stride=2, padding=width // 2)
    weight = torch.randn(conv.weight.shape, generator=generator)
    weight -= weight.mean(dim=(2, 3), keepdim=True) * 0.7
    # Rounded, so that they do not depend on the machine that draws them.
    conv.weight.data = (weight * gain / width * 4096).round() / 4096
    conv.bias.data = torch.zeros(count)
    return conv


def tilt(width: int, height: int) -> Tensor:
    """Return a slight slope over a map, so that no two places of a flat picture answer alike."""
    return 0.011 * torch.arange(width).float() + 0.017 * torch.arange(height).float()[:, None]


def bell(sigma: float) -> Tensor:
    """Return a Gaussian, 1 in its middle."""
    reach = round(2.5 * sigma)
    return torch.exp(-torch.arange(-reach, reach + 1).float().square() / (2 * sigma**2))


class SimCc(nn.Module):
    """Bins of x and y, two a pixel: a Gaussian about where a filter answers most."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = filters(1, K, 5, 1.0)
        self.bell: Tensor
        self.tilt: Tensor
        self.register_buffer("bell", bell(6)[None, None])
        self.register_buffer("tilt", tilt(CROP[0] // 4, CROP[1] // 4))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        heat = self.filters(functional.avg_pool2d(image, 2)) + self.tilt
        return self._row(heat.amax(dim=2), 2 * CROP[0]), self._row(heat.amax(dim=3), 2 * CROP[1])

    def _row(self, values: Tensor, bins: int) -> Tensor:
        fine = functional.interpolate(values, size=bins, mode="linear")
        spikes = torch.softmax(20 * fine, dim=2).reshape(-1, 1, bins)
        return functional.conv1d(spikes, self.bell, padding=self.bell.shape[2] // 2).reshape(-1, K, bins)


class Heatmaps(nn.Module):
    """One map a keypoint, a cell for 4 x 4 pixels: a Gaussian about where a filter answers most."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = filters(2, K, 5, 1.0)
        self.bell: Tensor
        self.tilt: Tensor
        self.register_buffer("tilt", tilt(CROP[0] // 4, CROP[1] // 4))
        self.register_buffer("bell", (bell(2)[:, None] * bell(2))[None, None])

    def forward(self, image: Tensor) -> Tensor:
        heat = self.filters(functional.avg_pool2d(image, 2)) + self.tilt
        h, w = CROP[1] // 4, CROP[0] // 4
        spikes = torch.softmax(20 * heat.flatten(2), dim=2).reshape(-1, 1, h, w)
        return functional.conv2d(spikes, self.bell, padding=self.bell.shape[2] // 2).reshape(-1, K, h, w)


def cells(stride: int) -> Tensor:
    """Return the ``(cells, 2)`` columns and rows of a grid."""
    n = SIDE // stride
    y, x = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2).float()


class Grid(nn.Module):
    """Channels for each cell of a stride, ``(1, cells, channels)``."""

    def __init__(self, seed: int, channels: int, stride: int) -> None:
        super().__init__()
        self.filters, self.pool = filters(seed, channels, 3, 1 / 60), stride // 2
        self.tilt: Tensor
        self.register_buffer("tilt", tilt(SIDE // stride, SIDE // stride))

    def forward(self, image: Tensor) -> Tensor:
        return (self.filters(functional.avg_pool2d(image, self.pool)) + self.tilt).flatten(2).transpose(1, 2)


class OneStage(nn.Module):
    """Boxes with their scores, and keypoints with theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = Grid(3, 5 + 3 * K, 32)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.grid(image)
        centre = (cells(32) + torch.sigmoid(rows[..., :2])) * 32
        half = 24 + 16 * torch.sigmoid(rows[..., 2:4])
        dets = torch.cat([centre - half, centre + half, torch.sigmoid(2 * rows[..., 4:5])], -1)
        points = rows[..., 5:].unflatten(-1, (K, 3))
        xy = centre[:, :, None] + 40 * torch.tanh(points[..., :2])
        return dets, torch.cat([xy, torch.sigmoid(points[..., 2:])], -1)


class Rows(nn.Module):
    """YOLOX's raw rows."""

    def __init__(self) -> None:
        super().__init__()
        self.grids = nn.ModuleList(Grid(4 + i, 5 + CLASSES, stride) for i, stride in enumerate((8, 16, 32)))

    def forward(self, image: Tensor) -> Tensor:
        rows = torch.cat([grid(image) for grid in self.grids], 1)
        box = torch.cat([torch.tanh(rows[..., :2]), 1 + torch.tanh(rows[..., 2:4])], -1)
        return torch.cat([box, torch.sigmoid(2 * rows[..., 4:])], -1)


class Boxes(nn.Module):
    """Boxes with their scores, best first, and their classes, as after suppression inside a network."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = Grid(8, 5, 32)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.grid(image)
        centre = (cells(32) + 0.5 + 0.1 * torch.tanh(rows[..., :2])) * 32
        half = 12 + 4 * torch.sigmoid(rows[..., 2:4])
        score, order = torch.sigmoid(2 * rows[..., 4]).sort(descending=True)
        dets = torch.cat([centre - half, centre + half], -1).gather(1, order[..., None].expand(-1, -1, 4))
        return torch.cat([dets, score[..., None]], -1), torch.zeros_like(order)


# File -> network, input shape (N, C, H, W), names of its outputs.
NETWORKS: dict[str, tuple[type[nn.Module], tuple[int, ...], Sequence[str]]] = {
    "simcc": (SimCc, (1, 3, CROP[1], CROP[0]), ("simcc_x", "simcc_y")),
    "heatmap": (Heatmaps, (1, 3, CROP[1], CROP[0]), ("heatmaps",)),
    "rtmo": (OneStage, (1, 3, SIDE, SIDE), ("dets", "keypoints")),
    "yolox": (Rows, (1, 3, SIDE, SIDE), ("output",)),
    "rtmdet": (Boxes, (1, 3, SIDE, SIDE), ("dets", "labels")),
}


def export(folder: Path) -> None:
    """Write the networks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (kind, shape, outputs) in NETWORKS.items():
        free: dict[str, Any] = {}
        if name in ("simcc", "heatmap"):
            free = {tensor: {0: "batch"} for tensor in ("input", *outputs)}
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                kind().eval(),
                (torch.zeros(shape),),
                str(folder / f"{name}.onnx"),
                input_names=["input"],
                output_names=list(outputs),
                dynamic_axes=free or None,
                opset_version=17,
                dynamo=False,
            )


if __name__ == "__main__":
    export(Path(sys.argv[1]))
