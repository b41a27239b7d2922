"""Network files for tests, made here: the original package's format without the package."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from poise.networks import PoseNetwork, build
from poise.networks.network import Block

PLACES = {
    "PoseNetwork": "ultralytics.nn.tasks.PoseModel",
    "Conv": "ultralytics.nn.modules.conv.Conv",
    "Concat": "ultralytics.nn.modules.conv.Concat",
    "Upsample": "ultralytics.nn.modules.conv.Upsample",
    "C2f": "ultralytics.nn.modules.block.C2f",
    "C3k2": "ultralytics.nn.modules.block.C3k2",
    "SPPF": "ultralytics.nn.modules.block.SPPF",
    "C2PSA": "ultralytics.nn.modules.block.C2PSA",
    "Part": "ultralytics.nn.modules.block.C3k",
    "RealNVP": "ultralytics.nn.modules.block.RealNVP",
    "PoseHead": "ultralytics.nn.modules.head.Pose",
    "Pose26Head": "ultralytics.nn.modules.head.Pose26",
}


@contextmanager
def places(extra: dict[str, str]) -> Iterator[dict[str, type]]:
    """Put empty classes where the original package has its own, for as long as a pickle is written."""
    made: dict[str, type] = {}
    modules: dict[str, ModuleType] = {}
    for ours, path in {**PLACES, **extra}.items():
        module, _, name = path.rpartition(".")
        for depth in range(1, module.count(".") + 2):
            parent = ".".join(module.split(".")[:depth])
            modules.setdefault(parent, ModuleType(parent))
        made[ours] = type(name, (nn.Module,), {"__module__": module})
        setattr(modules[module], name, made[ours])
    assert not modules.keys() & sys.modules.keys()
    sys.modules.update(modules)
    try:
        yield made
    finally:
        for name in modules:
            del sys.modules[name]


def disguise(module: nn.Module, classes: dict[str, type]) -> nn.Module:
    """Return a copy of a module tree whose classes are the empty ones."""
    name = module.layer.block if isinstance(module, Block) else type(module).__name__
    kind = classes.get(name, type(module))
    copy = kind.__new__(kind)
    copy.__dict__.update({key: value for key, value in module.__dict__.items() if key not in ("layer", "about")})
    copy._buffers = dict(module._buffers)
    copy._modules = {name: disguise(child, classes) for name, child in module._modules.items() if child is not None}
    return copy  # type: ignore[no-any-return]


def random_network(family: str, scale: str = "n", nc: int = 1, kpt_shape: tuple[int, int] = (17, 3)) -> PoseNetwork:
    """Make a network whose batch norms are not the identity."""
    torch.manual_seed(0)
    network = build(family, scale, nc, kpt_shape)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.8, 1.2)  # type: ignore[arg-type]
    return network.eval()


def save_published(
    path: Path,
    network: PoseNetwork,
    *,
    dtype: torch.dtype = torch.float16,
    extra: dict[str, str] | None = None,
    state: dict[str, Any] | None = None,
    top: dict[str, Any] | None = None,
    ema: bool = False,
) -> Path:
    """Write a network as the original package does: a pickled dictionary with the whole module in half precision."""
    with places(extra or {}) as classes:
        model = disguise(deepcopy(network), classes).to(dtype)
        about = {
            "yaml": {"nc": network.nc, "scale": network.scale, "kpt_shape": list(network.kpt_shape)},
            "names": {i: f"class {i}" for i in range(network.nc)},
            "nc": network.nc,
            "kpt_shape": list(network.kpt_shape),
            "stride": torch.tensor([8.0, 16.0, 32.0]),
            "task": "pose",
        }
        model.__dict__.update({**about, **(state or {})})
        for name in ("layers", "family", "scale"):
            del model.__dict__[name]
        head = list(model.model.children())[-1]
        head._buffers.pop("unit_std", None)
        head._non_persistent_buffers_set = set()
        saved = {
            "epoch": -1,
            "model": None if ema else model,
            "ema": model if ema else None,
            "optimizer": None,
            "train_args": {"imgsz": 320, "epochs": 3, "data": "animals.yaml"},
            "train_metrics": {"fitness": 0.5},
            "train_results": {"epoch": [1, 2, 3]},
            "date": "2026-01-02",
            "version": "8.4",
            "license": "AGPL-3.0",
            **(top or {}),
        }
        torch.save(saved, path)
    return path
