"""YOLO-pose networks and their checkpoints.

Reading a checkpoint needs numpy alone; what needs torch is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from poise.errors import require
from poise.networks.architectures import FAMILIES
from poise.networks.checkpoint import Checkpoint, read_checkpoint
from poise.networks.cost import Cost, cost
from poise.networks.metadata import metadata
from poise.networks.own import save
from poise.networks.ready import graph_of

if TYPE_CHECKING:
    from poise.networks.deployment import arrays, deploy, fold
    from poise.networks.loading import from_checkpoint, load, open_session
    from poise.networks.network import PoseNetwork, build

_TORCH = {
    "PoseNetwork": "network",
    "arrays": "deployment",
    "build": "network",
    "deploy": "deployment",
    "fold": "deployment",
    "from_checkpoint": "loading",
    "load": "loading",
    "open_session": "loading",
}

__all__ = [
    "FAMILIES",
    "Checkpoint",
    "Cost",
    "PoseNetwork",
    "arrays",
    "build",
    "cost",
    "deploy",
    "fold",
    "from_checkpoint",
    "graph_of",
    "load",
    "metadata",
    "open_session",
    "read_checkpoint",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _TORCH:
        raise AttributeError(f"module 'poise.networks' has no attribute {name!r}")
    require("torch", extra="train", feature=f"poise.networks.{name}")
    value = getattr(import_module(f"poise.networks.{_TORCH[name]}"), name)
    globals()[name] = value
    return value
