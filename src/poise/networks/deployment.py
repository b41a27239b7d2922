"""Make a trained network ready for use: fold batch norms, drop what is only for training, choose a branch."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from poise.networks.folding import with_norm
from poise.networks.heads import BRANCHES, PARTS, branch_of
from poise.networks.network import Conv, Pose26Head, PoseNetwork
from poise.networks.sigma import unit_std


def fold(network: nn.Module) -> None:
    """Fold every batch norm into the convolution before it, in place."""
    for module in network.modules():
        if isinstance(module, Conv) and isinstance(module.bn, nn.BatchNorm2d):
            conv, bn = module.conv, module.bn
            norm: Any = (bn.weight, bn.bias, bn.running_mean, bn.running_var)
            with torch.no_grad():
                found = with_norm(conv.weight.double(), [part.double() for part in norm], bn.eps)
            conv.weight, conv.bias = (nn.Parameter(part.to(conv.weight.dtype), requires_grad=False) for part in found)
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
    held = [name for name, prefix in BRANCHES.items() if prefix + "cv2" in head._modules]
    branch = branch_of(made.family, held, end2end=end2end)
    if isinstance(head, Pose26Head):
        head.end2end = end2end
        head.sigma = sigma and BRANCHES[branch] + "cv4_sigma" in head._modules
        if head.sigma and "flow_model" in head._modules:
            head.unit_std = torch.tensor(unit_std(arrays(head.flow_model)), device=head.unit_std.device)
        drop(made, branches={branch}, sigma=head.sigma, flow=False)
    if folded:
        fold(made)
    return made


def arrays(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Return a network's state dict as numpy arrays, as :func:`poise.networks.save` takes them."""
    return {key: value.detach().cpu().numpy() for key, value in network.state_dict().items()}
