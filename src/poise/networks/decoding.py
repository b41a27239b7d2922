"""From what a head says a cell to boxes and keypoints in pixels of the network's input."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def anchors(maps: Sequence[Tensor], strides: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Place one anchor in the middle of every cell.

    Args:
        maps: ``(B, C, H, W)`` feature maps, finest first.
        strides: Input pixels per cell of each.

    Returns:
        ``(2, A)`` x and y in cells of the own level, and ``(1, A)`` strides; levels one after the other, rows first.
    """
    points, sizes = [], []
    for level, stride in zip(maps, strides, strict=True):
        h, w = level.shape[2:]
        x = torch.arange(w, device=level.device, dtype=torch.float32) + 0.5
        y = torch.arange(h, device=level.device, dtype=torch.float32) + 0.5
        grid = torch.stack((x.expand(h, w), y.unsqueeze(1).expand(h, w))).flatten(1)
        points.append(grid)
        sizes.append(torch.full_like(grid[:1], stride))
    return torch.cat(points, 1), torch.cat(sizes, 1)


def corners(distances: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """Turn ``(B, 4, A)`` distances left, top, right, bottom in cells into x1, y1, x2, y2 in pixels."""
    near, far = distances.chunk(2, 1)
    return torch.cat((points - near, points + far), 1) * strides


def centres(distances: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """Turn ``(B, 4, A)`` distances left, top, right, bottom in cells into centre, width, height in pixels."""
    near, far = distances.chunk(2, 1)
    first, second = points - near, points + far
    return torch.cat(((first + second) / 2, second - first), 1) * strides


def keypoints(raw: Tensor, points: Tensor, strides: Tensor, values: int, *, factor: float, offset: float) -> Tensor:
    """Turn ``(B, K * values, A)`` raw numbers into pixels, and the third of three into a confidence.

    ``pixel = (factor * raw + point + offset) * stride``.
    """
    b, rows, count = raw.shape
    parts = raw.view(b, rows // values, values, count)
    xy = (parts[:, :, :2] * factor + (points + offset)) * strides
    if values == 2:
        return xy.reshape(b, rows, count)
    return torch.cat((xy, parts[:, :, 2:].sigmoid()), 2).reshape(b, rows, count)


def select(boxes: Tensor, scores: Tensor, points: Tensor, sigma: Tensor | None, limit: int) -> tuple[Tensor, ...]:
    """Keep the best (anchor, class) pairs of a head that gives one anchor an instance.

    The best ``limit`` anchors by their best class are taken first, then the best ``limit`` pairs among these anchors:
    one anchor may appear with several classes.

    Args:
        boxes: ``(B, 4, A)`` corners.
        scores: ``(B, C, A)`` in [0, 1].
        points: ``(B, K * D, A)``.
        sigma: ``(B, 2K, A)`` or None.
        limit: Most rows.

    Returns:
        ``(B, n, 6 + K * D)`` x1, y1, x2, y2, score, class, keypoints, best first, and ``(B, n, 2K)`` sigma if given;
        n is the smaller of ``limit`` and A.
    """
    b, classes, count = scores.shape
    n = min(limit, count)
    best = scores.amax(1).topk(n, 1).indices
    among = scores.transpose(1, 2).gather(1, best.unsqueeze(2).expand(b, n, classes))
    top, pair = among.reshape(b, n * classes).topk(n, 1)
    anchor = best.gather(1, pair // classes)

    def rows(columns: Tensor) -> Tensor:
        return columns.transpose(1, 2).gather(1, anchor.unsqueeze(2).expand(b, n, columns.shape[1]))

    label = (pair % classes).to(top.dtype)
    found = torch.cat((rows(boxes), top.unsqueeze(2), label.unsqueeze(2), rows(points)), 2)
    return (found,) if sigma is None else (found, rows(sigma))
