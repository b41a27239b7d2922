"""From a file to a network that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from poise.errors import ModelError
from poise.networks.about import metadata
from poise.networks.checkpoint import Checkpoint, read_checkpoint
from poise.networks.deployment import deploy_in_place, drop, fold
from poise.networks.leaves import check
from poise.networks.network import Pose26Head, PoseNetwork, build
from poise.runtime import Session
from poise.runtime.torch import TorchSession


def load(path: str | Path, *, kpt_shape: tuple[int, int] | None = None) -> tuple[PoseNetwork, Checkpoint]:
    """Read a checkpoint and make its network, in float32 and evaluation mode.

    Args:
        path: A ``.pt`` or ``.safetensors`` file.
        kpt_shape: Keypoints and values a keypoint, for weights that do not tell it.

    Raises:
        ModelError: As :func:`read_checkpoint`, and for tensors that are missing, left over, or of another shape.
    """
    checkpoint = read_checkpoint(path, kpt_shape=kpt_shape)
    return from_checkpoint(checkpoint), checkpoint


def from_checkpoint(checkpoint: Checkpoint) -> PoseNetwork:
    """Make the network of a checkpoint that was read; see :func:`load`."""
    check(checkpoint)
    network = build(checkpoint.family, checkpoint.scale, checkpoint.nc, checkpoint.kpt_shape, empty=True)
    if checkpoint.fused:
        fold(network)
    drop(network, branches=set(checkpoint.branches), sigma=checkpoint.sigma, flow=checkpoint.flow)
    weights = {key: _tensor(value) for key, value in checkpoint.weights.items()}
    for key, value in network.state_dict().items():  # integers that an older file does not count
        if key not in weights:  # torch.zeros_like on the meta device would import half a compiler
            weights[key] = torch.zeros(value.shape, dtype=value.dtype, device="cpu")
    network.load_state_dict(weights, strict=True, assign=True)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = checkpoint.bn_eps
    head = network.head
    if isinstance(head, Pose26Head):
        head.unit_std = torch.tensor(checkpoint.unit_std or (1.0, 1.0))
        head.end2end = "one2many" not in checkpoint.branches
    for key, parameter in network.named_parameters():
        parameter.requires_grad_(".dfl." not in key)
    network.eval()
    return network


def open_session(
    path: str | Path,
    *,
    device: str = "cpu",
    threads: int | None = None,
    precision: str = "f32",
    end2end: bool | None = None,
    keep_sigma: bool = True,
    kpt_shape: tuple[int, int] | None = None,
) -> Session:
    """Open a checkpoint as a session of torch, like an exported network.

    Args:
        path: A ``.pt`` or ``.safetensors`` file.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; one that is not there is an error.
        threads: CPU threads; torch has one number for the whole process, and this sets it.
        precision: ``"f32"``, or ``"auto"`` for half precision where the device is fast at it.
        end2end: Use the one-to-one branch (YOLO26); None: as the file asks, or the only branch that it holds.
        keep_sigma: Give the keypoints' standard deviation as a second output (YOLO26).
        kpt_shape: Keypoints and values a keypoint, for weights that do not tell it.

    Raises:
        ModelError: The file cannot be used, the branch is not there, or the device is not.
    """
    network, checkpoint = load(path, kpt_shape=kpt_shape)
    chosen = checkpoint.end2end or "one2many" not in checkpoint.branches if end2end is None else end2end
    try:
        ready = deploy_in_place(network, end2end=chosen, sigma=keep_sigma)
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from None
    about = metadata(checkpoint, end2end=chosen)
    return TorchSession(ready, about, device=device, threads=threads, precision=precision)


def _tensor(array: NDArray[Any]) -> Tensor:
    """Copy an array into a tensor; every kind of float becomes float32, in which networks run."""
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return torch.tensor(native, dtype=torch.float32 if native.dtype.kind == "f" else torch.int64)
