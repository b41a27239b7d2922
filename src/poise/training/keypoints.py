"""Keypoints in training: similarity to the truth, and the losses made of it. Every function works row by row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

# COCO's 17 keypoints move farthest at the limbs' ends: elbows, wrists, knees and ankles count more in the likelihood
# loss. Source: the published recipe of YOLO26-pose.
_COCO_WEIGHTS = {7: 1.2, 8: 1.2, 9: 1.5, 10: 1.5, 13: 1.2, 14: 1.2, 15: 1.5, 16: 1.5}

# Keypoints whose density is computed at once; beyond it, parts of this many are computed again for the gradient, which
# bounds the memory (about 12 kB each in the published flow of six couplings) at the cost of a third more time.
_AT_ONCE = 1 << 15


def likelihood_weights(kpt_shape: tuple[int, int]) -> Tensor:
    """Return ``(K,)`` weights of the keypoints in :func:`likelihood_loss`."""
    weights = torch.ones(kpt_shape[0])
    if kpt_shape == (17, 3):
        for keypoint, weight in _COCO_WEIGHTS.items():
            weights[keypoint] = weight
    return weights


def oks(predicted: Tensor, truth: Tensor, visible: Tensor, area: Tensor, sigmas: Tensor) -> Tensor:
    """Compare predicted with true keypoints, row by row.

    Args:
        predicted: ``(P, K, 2)`` pixels.
        truth: ``(P, K, 2)`` pixels.
        visible: ``(P, K)`` True where the true keypoint is labelled.
        area: ``(P,)`` square pixels.
        sigmas: ``(K,)`` spread of each keypoint, as COCO publishes them.

    Returns:
        ``(P,)`` in [0, 1]; 0 for rows without a visible keypoint.

    Source:
        COCO keypoint evaluation; 1e-9 keeps an empty box finite.
    """
    squared = (predicted - truth).square_().sum(2)
    scale = torch.outer(area + 1e-9, (2 * sigmas).square() * 2)
    near = torch.exp(-squared / scale) * visible
    return near.sum(1) / visible.sum(1).clamp_min(1)


def similarity_loss(predicted: Tensor, truth: Tensor, visible: Tensor, area: Tensor, sigmas: Tensor) -> Tensor:
    """One minus the similarity of each visible keypoint; instances with few visible keypoints weigh as much as others.

    Args:
        predicted: ``(P, K, 2)`` cells.
        truth: ``(P, K, 2)`` cells.
        visible: ``(P, K)``.
        area: ``(P,)`` square cells.
        sigmas: ``(K,)``.

    Returns:
        Mean over instances and keypoints; 0 without instances.

    Source:
        Maji et al. 2022 (YOLO-Pose), arXiv:2204.06806, section 3.4.
    """
    rows, count = visible.shape
    squared = (predicted - truth).square().sum(2)
    scale = torch.outer(area + 1e-9, (2 * sigmas).square() * 2)
    factor = count / (visible.sum(1, keepdim=True) + 1e-9)
    return (factor * (1 - torch.exp(-squared / scale)) * visible).sum() / max(rows * count, 1)


def likelihood_loss(flow: nn.Module, errors: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
    """Negative log likelihood of keypoints' errors under a Laplace density times a learned one.

    Args:
        flow: Log density of ``(R, 2)`` errors over sigma.
        errors: ``(R, 2)`` predicted minus true position of visible keypoints, cells.
        logits: ``(R, 2)`` what the head says of sigma; their sigmoid is the scale in cells.
        weights: ``(R,)`` of each keypoint.

    Returns:
        Mean over keypoints, at least 0; 0 without keypoints.

    Source:
        Residual log-likelihood estimation, Li et al. 2021, arXiv:2107.11291, equations 8 and 9. As the published
        checkpoints were trained, the flow's log density counts once an axis, log sigma twice, and scaled errors end at
        100.
    """
    sigma = logits.sigmoid().clamp_min(torch.finfo(logits.dtype).tiny)
    scaled = errors / (sigma + 1e-9)
    finite = scaled.isfinite().all(1)
    if not finite.all():
        scaled, sigma, weights = scaled[finite], sigma[finite], weights[finite]
    scaled = scaled.clamp(-100, 100)
    each = sigma.log() - _log_density(flow, scaled).unsqueeze(1) + (2 * sigma).log() + scaled.abs()
    mean: Tensor = (each * weights.unsqueeze(1)).sum() / max(len(scaled), 1)
    return mean.clamp_min(0)


def _log_density(flow: nn.Module, scaled: Tensor) -> Tensor:
    if len(scaled) <= _AT_ONCE:
        density: Tensor = flow(scaled)
        return density
    return torch.cat([checkpoint(flow, part, use_reentrant=False) for part in torch.split(scaled, _AT_ONCE)])


def default_sigmas(kpt_shape: Sequence[int]) -> tuple[float, ...]:
    """Return the spreads that training assumes where a data set gives none.

    Source:
        COCO's own for exactly 17 keypoints of 3 values, else 1 / K: the published recipe.
    """
    if tuple(kpt_shape) == (17, 3):
        return _COCO_SIGMAS
    return (1 / kpt_shape[0],) * kpt_shape[0]


# fmt: off
# Source: COCO keypoint evaluation, cocodataset.org; half of the constants that it calls k.
_COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
)
# fmt: on
