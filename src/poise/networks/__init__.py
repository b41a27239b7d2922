"""YOLO-pose networks and their checkpoints.

Reading a checkpoint and building its graph need numpy alone; whatever a name needs is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poise.extras.lazy import lazy_names

if TYPE_CHECKING:
    from poise.networks.about import metadata
    from poise.networks.architectures import FAMILIES
    from poise.networks.checkpoint import Checkpoint, read_checkpoint
    from poise.networks.deployment import arrays, deploy, fold
    from poise.networks.loading import from_checkpoint, load, open_session
    from poise.networks.network import PoseNetwork, build
    from poise.networks.onnx_graph import write_graph
    from poise.networks.own import save
    from poise.networks.ready import graph_of
    from poise.networks.size import Cost, cost

_LIGHT = {
    "FAMILIES": "architectures",
    "Checkpoint": "checkpoint",
    "Cost": "size",
    "cost": "size",
    "graph_of": "ready",
    "metadata": "about",
    "read_checkpoint": "checkpoint",
    "save": "own",
    "write_graph": "onnx_graph",
}
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
    "write_graph",
]


__getattr__ = lazy_names(__name__, _LIGHT | _TORCH, torch=_TORCH)
