"""How long the zoo's RTMPose networks take on this machine: python benchmarks/zoo_time.py

The time of a network does not depend on its weights, so RTMPose t, s, m and l are built here with random ones: the
backbone CSPNeXt and the head RTMCC (Jiang et al. 2023, arXiv:2303.07399; Lyu et al. 2022, arXiv:2212.07784; layers as
in MMDetection and MMPose, Apache-2.0). That they are the right ones, their parameters and multiply-adds say, which are
printed beside those that the makers publish. Beside them run NanoDet and Thunder, which are bundled, and TinyPose where
the folder of test data is there. Needs torch and onnx.
"""

from __future__ import annotations

import io
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from _common import arguments, save, table
from torch import Tensor, nn
from torch.nn import functional as F

from poise import weights

# Deepen and widen factors of MMPose's configurations.
SIZES = {"rtmpose-t": (0.167, 0.375), "rtmpose-s": (0.33, 0.5), "rtmpose-m": (0.67, 0.75), "rtmpose-l": (1.0, 1.0)}
KEYPOINTS, WIDTH, HEIGHT = 17, 192, 256


class Conv(nn.Sequential):
    """Convolution, batch norm, SiLU."""

    def __init__(self, inward: int, outward: int, side: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inward, outward, side, stride, side // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outward),
            nn.SiLU(),
        )


class Block(nn.Module):
    """CSPNeXt block: a 3 x 3 convolution, then a depthwise 5 x 5 and a pointwise one."""

    def __init__(self, channels: int, *, identity: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Conv(channels, channels, 3), Conv(channels, channels, 5, groups=channels), Conv(channels, channels)
        )
        self.identity = identity

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x if self.identity else self.layers(x)


class Stage(nn.Module):
    """CSP layer with channel attention."""

    def __init__(self, channels: int, blocks: int, *, identity: bool) -> None:
        super().__init__()
        half = channels // 2
        self.main = nn.Sequential(Conv(channels, half), *(Block(half, identity=identity) for _ in range(blocks)))
        self.short = Conv(channels, half)
        self.attend = nn.Conv2d(channels, channels, 1)
        self.final = Conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat((self.main(x), self.short(x)), dim=1)
        return self.final(joined * F.hardsigmoid(self.attend(joined.mean(dim=(2, 3), keepdim=True))))


class Pyramid(nn.Module):
    """Spatial pyramid pooling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = Conv(channels, channels // 2)
        self.after = Conv(channels * 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        return self.after(torch.cat((x, *(F.max_pool2d(x, side, 1, side // 2) for side in (5, 9, 13))), dim=1))


class ScaleNorm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.scale, self.gain = size**-0.5, nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x / (x.norm(dim=-1, keepdim=True) * self.scale).clamp(min=1e-5) * self.gain


class GatedAttention(nn.Module):
    """Gated attention unit over the keypoints."""

    def __init__(self, size: int = 256, shared: int = 128) -> None:
        super().__init__()
        self.wide, self.shared = 2 * size, shared
        self.norm = ScaleNorm(size)
        self.uv = nn.Linear(size, 2 * self.wide + shared, bias=False)
        self.gamma, self.beta = nn.Parameter(torch.rand(2, shared)), nn.Parameter(torch.rand(2, shared))
        self.out = nn.Linear(self.wide, size, bias=False)
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        u, v, base = F.silu(self.uv(self.norm(x))).split([self.wide, self.wide, self.shared], dim=-1)
        q, k = (base.unsqueeze(2) * self.gamma + self.beta).unbind(dim=2)
        kernel = F.relu(q @ k.transpose(1, 2) / self.shared**0.5).square()
        return x * self.scale + self.out(u * (kernel @ v))


class RtmPose(nn.Module):
    def __init__(self, deepen: float, widen: float) -> None:
        super().__init__()
        channels = [int(c * widen) for c in (64, 128, 256, 512, 1024)]
        half = channels[0] // 2
        layers: list[nn.Module] = [Conv(3, half, 3, 2), Conv(half, half, 3), Conv(half, channels[0], 3)]
        for i, blocks in enumerate((3, 6, 6, 3)):
            last = i == 3
            layers += [Conv(channels[i], channels[i + 1], 3, 2), *([Pyramid(channels[i + 1])] if last else [])]
            layers.append(Stage(channels[i + 1], max(round(blocks * deepen), 1), identity=not last))
        self.backbone = nn.Sequential(*layers)
        cells = WIDTH // 32 * (HEIGHT // 32)
        self.maps = nn.Conv2d(channels[4], KEYPOINTS, 7, padding=3)
        self.embed = nn.Sequential(ScaleNorm(cells), nn.Linear(cells, 256, bias=False))
        self.attention = GatedAttention()
        self.x, self.y = nn.Linear(256, 2 * WIDTH, bias=False), nn.Linear(256, 2 * HEIGHT, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found = self.attention(self.embed(self.maps(self.backbone(x)).flatten(2)))
        return self.x(found), self.y(found)


def multiply_adds(model: nn.Module, feed: Tensor) -> float:
    """Return the billions of multiply-adds of the convolutions and linear layers."""
    counted = 0

    def count(layer: Any, inward: tuple[Tensor, ...], outward: Tensor) -> None:
        nonlocal counted
        each = layer.weight[0].numel()
        counted += outward.numel() * each

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        model(feed)
    for hook in hooks:
        hook.remove()
    return counted / 1e9


def exported(model: nn.Module, feed: Tensor) -> bytes:
    data = io.BytesIO()
    torch.onnx.export(model, (feed,), data, input_names=["input"], opset_version=17, dynamo=False)
    return data.getvalue()


def milliseconds(network: bytes | Path, feed: np.ndarray, threads: int, repeats: int) -> tuple[float, float]:
    """Return the least wall and the median CPU milliseconds of one run: others who use the machine only add to wall."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # As Poise opens networks: threads that wait for the next one sleep.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(network if isinstance(network, bytes) else str(network), options)
    name = session.get_inputs()[0].name
    for _ in range(3):
        session.run(None, {name: feed})
    wall: list[float] = []
    cpu: list[float] = []
    for _ in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        session.run(None, {name: feed})
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    return min(wall) * 1e3, statistics.median(cpu) * 1e3


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", help="networks whose name holds this")
    options = parser.parse_args()
    torch.manual_seed(0)
    noise = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []

    def add(name: str, network: bytes | Path, feed: np.ndarray, **more: Any) -> None:
        if options.only and options.only not in name:
            return
        wall, cpu = milliseconds(network, feed, options.threads, options.repeats)
        per = {"CPU ms / GFLOP": round(cpu / more["GFLOPs"], 1)} if more.get("GFLOPs") else {}
        rows.append({"network": name, **more, "least wall ms": round(wall, 1), "CPU ms": round(cpu, 1), **per})

    feed = noise.normal(size=(1, 3, HEIGHT, WIDTH)).astype(np.float32)
    for name, (deepen, widen) in SIZES.items():
        if options.only and options.only not in name:
            continue
        model = RtmPose(deepen, widen).eval()
        published = weights.network(name)
        add(
            f"{name} (random weights)",
            exported(model, torch.from_numpy(feed)),
            feed,
            **{
                "M parameters": round(sum(p.numel() for p in model.parameters()) / 1e6, 2),
                "published": published.params,
                "GFLOPs": round(multiply_adds(model, torch.from_numpy(feed)), 2),
                "published GFLOPs": published.gflops,
            },
        )
    crop = noise.integers(0, 255, (1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    add("nanodet-416 (bundled)", weights.load("nanodet-416"), noise.normal(size=(1, 3, 416, 416)).astype(np.float32))
    add("movenet-thunder (bundled)", weights.load("movenet-thunder"), crop)
    tiny = options.shared / "weights/tinypose-256x192.onnx"
    if tiny.is_file():
        add("tinypose-256x192", tiny, crop, GFLOPs=weights.network("tinypose-256x192").gflops)
    heads = dict.fromkeys(key for row in rows for key in row)
    table([{key: row.get(key) for key in heads} for row in rows])
    save(options.json, zoo=rows)


if __name__ == "__main__":
    main()
