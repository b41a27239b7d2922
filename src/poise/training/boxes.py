"""Boxes in training: what a cell predicts, and how far it is from the truth. Every function works row by row."""

from __future__ import annotations

import math

import torch
from torch import Tensor

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
