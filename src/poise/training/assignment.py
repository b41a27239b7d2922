"""Which cells learn which instance: task-aligned assignment, for all pictures of a batch at once.

Source: Feng et al. 2021 (TOOD), arXiv:2108.07755, section 3.2; with keypoints in the place of boxes and the gate on
levels as YOLO26-pose is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from poise.geometry import BOX_AREA
from poise.networks.architectures import STRIDES
from poise.training.examples import Targets
from poise.training.loss_terms import ciou, oks

# Alignment = score^0.5 * overlap^6: the exponents of TOOD, 1 and 6, as later recipes changed them.
SCORE_POWER, OVERLAP_POWER = 0.5, 6.0

# Targets times cells that are compared at once; bounds the memory (about 100 bytes each) and not the result.
_AT_ONCE = 1 << 21


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The cells of all levels, one level after the other, rows first.

    Attributes:
        shapes: Height and width of each level in cells, finest first.
        points: ``(A, 2)`` middle of each cell, in cells of its own level.
        strides: ``(A,)`` pixels a cell.
    """

    shapes: tuple[tuple[int, int], ...]
    points: Tensor
    strides: Tensor

    def __len__(self) -> int:
        return len(self.strides)


def grid(maps: Sequence[Tensor]) -> Grid:
    """Lay the cells of feature maps ``(B, C, H, W)`` out."""
    device = maps[0].device
    points, strides, shapes = [], [], []
    for level, stride in zip(maps, STRIDES, strict=True):
        h, w = level.shape[2:]
        x = torch.arange(w, device=device, dtype=torch.float32) + 0.5
        y = torch.arange(h, device=device, dtype=torch.float32) + 0.5
        points.append(torch.stack((x.repeat(h), y.repeat_interleave(w)), 1))
        strides.append(torch.full((h * w,), float(stride), device=device))
        shapes.append((h, w))
    return Grid(tuple(shapes), torch.cat(points), torch.cat(strides))


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """The outputs of a branch, detached.

    Attributes:
        scores: ``(B, C, A)`` logits.
        boxes: ``(B, 4, A)`` distances left, top, right, bottom in cells.
        keypoints: ``(B, K * D, A)`` raw numbers of a YOLO26 head, x and y first: position from the cell's middle in
            cells. None: overlap is that of boxes and every level takes part, as YOLOv8 and YOLO11 are trained.
    """

    scores: Tensor
    boxes: Tensor
    keypoints: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """The cells that learn an instance, one row a cell, ordered by picture and cell.

    Attributes:
        picture: ``(P,)`` int64.
        cell: ``(P,)`` int64, place in the grid.
        target: ``(P,)`` int64, row of the batch's targets.
        score: ``(P,)`` float32 in [0, 1], what the cell's score for the instance's class should be.
    """

    picture: Tensor
    cell: Tensor
    target: Tensor
    score: Tensor

    def __len__(self) -> int:
        return len(self.cell)


@torch.no_grad()
def assign(
    targets: Targets, predicted: Predicted, cells: Grid, *, sigmas: Tensor, topk: int = 10, single: bool = False
) -> Assignment:
    """Choose for every instance the cells whose predictions fit it best.

    A cell is a candidate when its middle lies in the instance's box (one side of it, where shorter, being widened to
    the second stride). Of these, each instance takes the ``topk`` of greatest alignment; a cell that several instances
    take goes to the one that it overlaps most, be it among them or not.

    Args:
        targets: Ground truth of the batch.
        predicted: The outputs of the branch.
        cells: Their cells.
        sigmas: ``(K,)`` OKS spread of each keypoint.
        topk: Cells an instance takes at most.
        single: Keep only the best cell of each instance (the one-to-one branch).
    """
    pictures, _, count = predicted.scores.shape
    device = predicted.scores.device
    best = torch.full((pictures * count,), -1.0, device=device)  # greatest overlap of each cell with any instance
    owner = torch.zeros(pictures * count, dtype=torch.long, device=device)
    taken: list[tuple[Tensor, Tensor, Tensor]] = []
    for start in range(0, len(targets), max(_AT_ONCE // count, 1)):
        part = slice(start, start + max(_AT_ONCE // count, 1))
        inside = candidates(targets.boxes[part], cells, gated=predicted.keypoints is not None)
        flat = inside.flatten().nonzero().squeeze(1)
        row, cell = flat // count, flat % count
        target = row + start
        key = targets.picture[target] * count + cell
        overlap = _overlap(targets, target, predicted, cell, cells, sigmas)
        metric = _alignment(targets, target, predicted, cell, overlap)

        table = torch.full((inside.numel(),), -1.0, device=device).index_copy_(0, flat, metric).view(inside.shape)
        top = table.topk(min(topk, count), 1)
        rows, place = (top.values > 0).nonzero(as_tuple=True)
        chosen = top.indices[rows, place]
        overlaps = torch.zeros(inside.numel(), device=device).index_copy_(0, flat, overlap)
        taken.append(
            (targets.picture[rows + start] * count + chosen, rows + start, overlaps[rows * count + chosen]),
        )
        _claim(best, owner, key, target, overlap)

    key, target, overlap = (torch.cat(column) for column in zip(*taken, strict=True)) if taken else _no_cells(device)
    return _settle(targets, predicted, key, target, overlap, best, owner, single=single)


def candidates(boxes: Tensor, cells: Grid, *, gated: bool) -> Tensor:
    """Find the cells in whose middle a box lies.

    Args:
        boxes: ``(M, 4)`` xyxy pixels.
        cells: The cells.
        gated: Leave out levels whose cells are too coarse (more than half of the box's side, the root of its area) or
            too fine (less than a twelfth), unless no candidate would be left.

    Returns:
        ``(M, A)`` bool.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    short = (STRIDES[1] - size).clamp_min(0) / 2
    low, high = boxes[:, :2] - short, boxes[:, 2:] + short
    across: list[Tensor] = []
    down: list[Tensor] = []
    for (h, w), stride in zip(cells.shapes, STRIDES, strict=True):
        for length, axis, inside in ((w, 0, across), (h, 1, down)):
            middle = (torch.arange(length, device=boxes.device, dtype=torch.float32) + 0.5) * stride
            near, far = low[:, axis, None], high[:, axis, None]
            inside.append((middle - near > 1e-9) & (far - middle > 1e-9))
    if gated:
        side = size.clamp_min(0).prod(1).sqrt()
        last = len(STRIDES) - 1
        allowed = torch.stack(
            [
                ((side >= 2 * s) if level else torch.ones_like(side, dtype=torch.bool))
                & ((side <= 12 * s) if level < last else torch.ones_like(side, dtype=torch.bool))
                for level, s in enumerate(STRIDES)
            ],
            1,
        )
        some = torch.stack([x.any(1) & y.any(1) for x, y in zip(across, down, strict=True)], 1)
        allowed |= ~(allowed & some).any(1, keepdim=True)
        down = [y & allowed[:, level, None] for level, y in enumerate(down)]
    return torch.cat([(y.unsqueeze(2) & x.unsqueeze(1)).flatten(1) for x, y in zip(across, down, strict=True)], 1)


def _overlap(
    targets: Targets, target: Tensor, predicted: Predicted, cell: Tensor, cells: Grid, sigmas: Tensor
) -> Tensor:
    """Compare pairs of an instance and a cell; ``(P,)`` at least 0."""
    picture, point, stride = targets.picture[target], cells.points[cell], cells.strides[cell].unsqueeze(1)

    def by_box(rows: Tensor | slice) -> Tensor:
        sides = predicted.boxes[picture[rows], :, cell[rows]]
        near, far = point[rows] - sides[:, :2], point[rows] + sides[:, 2:]
        return ciou(targets.boxes[target[rows]], torch.cat((near, far), 1) * stride[rows]).clamp_min(0)

    if predicted.keypoints is None:
        return by_box(slice(None))
    raw = predicted.keypoints[picture, :, cell]
    k = targets.visible.shape[1]
    xy = (raw.view(len(raw), k, -1)[:, :, :2] + point.unsqueeze(1)) * stride.unsqueeze(2)
    area = (targets.boxes[:, 2:] - targets.boxes[:, :2]).prod(1) * BOX_AREA
    overlap = oks(xy, targets.keypoints[target], targets.visible[target], area[target], sigmas)
    blind = (~targets.visible.any(1))[target].nonzero().squeeze(1)
    return overlap.index_copy_(0, blind, by_box(blind)) if len(blind) else overlap


def _alignment(targets: Targets, target: Tensor, predicted: Predicted, cell: Tensor, overlap: Tensor) -> Tensor:
    score = predicted.scores[targets.picture[target], targets.classes[target], cell].sigmoid()
    return score.pow(SCORE_POWER) * overlap.pow(OVERLAP_POWER)


def _claim(best: Tensor, owner: Tensor, key: Tensor, target: Tensor, overlap: Tensor) -> None:
    """Let each cell remember the instance that it overlaps most; of equals the first."""
    before = best.clone()
    best.scatter_reduce_(0, key, overlap, "amax")
    wins = (overlap == best[key]) & (overlap > before[key])
    first = torch.full_like(owner, torch.iinfo(owner.dtype).max)
    first.scatter_reduce_(0, key[wins], target[wins], "amin")
    owner.copy_(torch.where(best > before, first, owner))


def _settle(
    targets: Targets,
    predicted: Predicted,
    key: Tensor,
    target: Tensor,
    overlap: Tensor,
    best: Tensor,
    owner: Tensor,
    *,
    single: bool,
) -> Assignment:
    """Give each taken cell to one instance and score it."""
    count = predicted.scores.shape[2]
    times = torch.zeros_like(owner).index_add_(0, key, torch.ones_like(key))
    several = times[key] > 1
    target, overlap = torch.where(several, owner[key], target), torch.where(several, best[key], overlap)
    cells = times.nonzero().squeeze(1)
    target = torch.zeros_like(owner).index_copy_(0, key, target)[cells]
    overlap = torch.zeros_like(best).index_copy_(0, key, overlap)[cells]
    picture, cell = cells // count, cells % count
    metric = _alignment(targets, target, predicted, cell, overlap)
    if single:
        kept = _best_rows(metric, target, len(targets))
        picture, cell, target, overlap, metric = (x[kept] for x in (picture, cell, target, overlap, metric))
    zeros = torch.zeros(len(targets), device=metric.device)
    greatest = zeros.scatter_reduce(0, target, metric, "amax")
    furthest = zeros.scatter_reduce(0, target, overlap, "amax")
    score = metric / (greatest + 1e-9)[target] * furthest[target]
    return Assignment(picture, cell, target, score)


def _best_rows(metric: Tensor, target: Tensor, count: int) -> Tensor:
    """Return the row of greatest metric of each target that has one, ascending; of equals the first."""
    greatest = torch.full((count,), -1.0, device=metric.device).scatter_reduce_(0, target, metric, "amax")
    rows = (metric == greatest[target]).nonzero().squeeze(1)
    first = torch.full((count,), len(metric), device=metric.device).scatter_reduce_(0, target[rows], rows, "amin")
    return first[first < len(metric)].sort().values


def _no_cells(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    indices = torch.zeros(0, dtype=torch.long, device=device)
    return indices, indices, torch.zeros(0, device=device)
