"""The terms of the loss: how far predicted boxes and keypoints are from the truth. Every function works row by row."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_EPS = 1e-7


def ciou(first: Tensor, second: Tensor) -> Tensor:
    """Compare boxes row by row by complete intersection over union.

    Args:
        first: ``(..., 4)`` xyxy.
        second: ``(..., 4)`` xyxy in the same unit.

    Returns:
        ``(...)`` at most 1; below 0 for boxes far apart. The aspect ratio's weight has no gradient.

    Source:
        Zheng et al. 2020, arXiv:1911.08287, equations 8 to 11; 1e-7 is added to heights, union and diagonal, as the
        published checkpoints were trained.
    """
    ax1, ay1, ax2, ay2 = first.unbind(-1)
    bx1, by1, bx2, by2 = second.unbind(-1)
    aw, ah = ax2 - ax1, ay2 - ay1 + _EPS
    bw, bh = bx2 - bx1, by2 - by1 + _EPS
    common = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp_min(0)
    common = common * (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp_min(0)
    iou = common / (aw * ah + bw * bh - common + _EPS)
    width = torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)
    height = torch.maximum(ay2, by2) - torch.minimum(ay1, by1)
    diagonal = width.square() + height.square() + _EPS
    distance = ((bx1 + bx2 - ax1 - ax2).square() + (by1 + by2 - ay1 - ay2).square()) / 4
    aspect = (4 / math.pi**2) * (torch.atan(bw / bh) - torch.atan(aw / ah)).square()
    with torch.no_grad():
        alpha = aspect / (aspect - iou + (1 + _EPS))
    return iou - (distance / diagonal + aspect * alpha)


def corners(distances: Tensor, points: Tensor) -> Tensor:
    """Turn ``(P, 4)`` distances left, top, right, bottom from ``(P, 2)`` points into xyxy, all in one unit."""
    return torch.cat((points - distances[:, :2], points + distances[:, 2:]), 1)


def sides(boxes: Tensor, points: Tensor) -> Tensor:
    """Turn ``(P, 4)`` xyxy into distances left, top, right, bottom from ``(P, 2)`` points inside them."""
    return torch.cat((points - boxes[:, :2], boxes[:, 2:] - points), 1)


def expectation(rows: Tensor, bins: int) -> Tensor:
    """Turn ``(P, 4 * bins)`` logits over distances of 0, 1, … cells into ``(P, 4)`` mean distances."""
    if bins == 1:
        return rows
    values = torch.arange(bins, dtype=rows.dtype, device=rows.device)
    return rows.view(-1, 4, bins).softmax(2) @ values


def distribution_loss(rows: Tensor, distances: Tensor, bins: int) -> Tensor:
    """Cross entropy to the two bins next to each true distance, shared out by how near they are.

    Args:
        rows: ``(P, 4 * bins)`` logits.
        distances: ``(P, 4)`` true distances in cells; clamped to the bins that there are.
        bins: Bins a side.

    Returns:
        ``(P,)`` mean over the sides.

    Source:
        Distribution focal loss, Li et al. 2020, arXiv:2006.04388, equation 6; 0.01 keeps the upper bin in range.
    """
    logs = rows.view(-1, 4, bins).log_softmax(2)
    distances = distances.clamp(0, bins - 1 - 0.01)
    lower = distances.floor()
    index = lower.long().unsqueeze(2)
    below = logs.gather(2, index).squeeze(2)
    above = logs.gather(2, index + 1).squeeze(2)
    share = distances - lower
    return -((1 - share) * below + share * above).mean(1)


def distance_loss(predicted: Tensor, distances: Tensor, strides: Tensor, size: tuple[int, int]) -> Tensor:
    """Mean absolute error of the four sides, as a share of the picture's width and height.

    Args:
        predicted: ``(P, 4)`` cells.
        distances: ``(P, 4)`` cells.
        strides: ``(P,)`` pixels a cell.
        size: Height and width of the network's input.

    Returns:
        ``(P,)``.
    """
    h, w = size
    scale = strides.unsqueeze(1) / predicted.new_tensor([w, h, w, h])
    return ((predicted - distances) * scale).abs().mean(1)


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
    terms = sigma.log() - _log_density(flow, scaled).unsqueeze(1) + (2 * sigma).log() + scaled.abs()
    mean: Tensor = (terms * weights.unsqueeze(1)).sum() / max(len(scaled), 1)
    return mean.clamp_min(0)


def _log_density(flow: nn.Module, scaled: Tensor) -> Tensor:
    if len(scaled) <= _AT_ONCE:
        density: Tensor = flow(scaled)
        return density
    return torch.cat([checkpoint(flow, part, use_reentrant=False) for part in torch.split(scaled, _AT_ONCE)])
