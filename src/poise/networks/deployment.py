"""Make a trained network ready for use: fold batch norms, drop what is only for training, choose a branch."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from poise.networks.blocks import Conv
from poise.networks.flow import unit_std
from poise.networks.network import PoseNetwork
from poise.networks.pose26_head import BRANCHES, PARTS, Pose26Head


def fold(network: nn.Module) -> None:
    """Fold every batch norm into the convolution before it, in place.

    ``W' = W g / sqrt(var + eps)`` and ``b' = beta - mean g / sqrt(var + eps)`` for each output channel.
    """
    for module in network.modules():
        if isinstance(module, Conv) and isinstance(module.bn, nn.BatchNorm2d):
            conv, bn = module.conv, module.bn
            assert bn.running_mean is not None
            assert bn.running_var is not None
            with torch.no_grad():
                # In double precision: the variance of a dead channel is tiny, and the folding is done once.
                gain = bn.weight.double() / torch.sqrt(bn.running_var.double() + bn.eps)
                weight = conv.weight.double() * gain.view(-1, 1, 1, 1)
                bias = bn.bias.double() - bn.running_mean.double() * gain
            conv.weight = nn.Parameter(weight.to(conv.weight.dtype), requires_grad=False)
            conv.bias = nn.Parameter(bias.to(conv.weight.dtype), requires_grad=False)
            module.bn = nn.Identity()


def drop(network: PoseNetwork, *, branches: set[str], sigma: bool, flow: bool) -> None:
    """Remove parts of a YOLO26 head, in place: branches that are not named, the sigma convolutions, the flow."""
    head = network.head
    if not isinstance(head, Pose26Head):
        return
    for branch, prefix in BRANCHES.items():
        for part in PARTS:
            if branch not in branches or (part == "cv4_sigma" and not sigma):
                head._modules.pop(prefix + part, None)
    if not flow:
        head._modules.pop("flow_model", None)


def deploy(network: PoseNetwork, *, end2end: bool = False, sigma: bool = True, folded: bool = True) -> PoseNetwork:
    """Return a copy of a network that is ready for use.

    Args:
        network: A trained network; it is not changed.
        end2end: Use the one-to-one branch, which needs no suppression of doubles (YOLO26 only).
        sigma: Keep the keypoints' standard deviation as a second output (YOLO26; the others have none).
        folded: Fold batch norms into convolutions.

    Returns:
        In evaluation mode, without gradients. Its ``forward`` gives ``(output0,)`` or ``(output0, sigma)``.

    Raises:
        ValueError: The branch that is wanted is not there.
    """
    return deploy_in_place(deepcopy(network), end2end=end2end, sigma=sigma, folded=folded)


def deploy_in_place(
    network: PoseNetwork, *, end2end: bool = False, sigma: bool = True, folded: bool = True
) -> PoseNetwork:
    """Make a network itself ready for use; see :func:`deploy`."""
    made: PoseNetwork = network.eval().requires_grad_(False)
    head = made.head
    if isinstance(head, Pose26Head):
        branch = "one2one" if end2end else "one2many"
        if BRANCHES[branch] + "cv2" not in head._modules:
            raise ValueError(f"this network holds only its other branch; end2end must be {not end2end}")
        head.end2end = end2end
        head.sigma = sigma and BRANCHES[branch] + "cv4_sigma" in head._modules
        if head.sigma and "flow_model" in head._modules:
            head.unit_std = unit_std(head.flow_model).to(head.unit_std.device)
        drop(made, branches={branch}, sigma=head.sigma, flow=False)
    elif end2end:
        raise ValueError(f"{network.family} has no one-to-one branch; end2end must be False")
    if folded:
        fold(made)
    return made
