"""The loss of a pose network: its components, its branches, and their sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from poise.networks.architectures import FAMILIES
from poise.networks.network import Pose26Head, PoseNetwork
from poise.training.assignment import Assignment, Grid, Predicted, assign, grid
from poise.training.examples import Targets
from poise.training.loss_terms import (
    ciou,
    corners,
    distance_loss,
    distribution_loss,
    expectation,
    likelihood_loss,
    likelihood_weights,
    sides,
    similarity_loss,
)


@dataclass(frozen=True, slots=True)
class Gains:
    """What each component of the loss is multiplied by.

    Attributes:
        box: Complete IoU of the boxes.
        cls: Cross entropy of the classes.
        dfl: The boxes' sides: distribution (YOLOv8, YOLO11) or distance (YOLO26).
        pose: Similarity of the keypoints.
        kobj: Cross entropy of the keypoints' conf.
        rle: Likelihood of the keypoints' errors (YOLO26).

    Source:
        Defaults: the published recipes of the three families.
    """

    box: float = 7.5
    cls: float = 0.5
    dfl: float = 1.5
    pose: float = 12.0
    kobj: float = 1.0
    rle: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """The loss of one batch.

    Attributes:
        total: What to call ``backward`` on: the sum of the components, weighted over the branches, times the pictures
            of the batch.
        items: Component to its value a picture, detached, in the order of the log; of the one-to-one branch where there
            are two.
    """

    total: Tensor
    items: Mapping[str, Tensor]


# Cells an instance takes and whether it keeps one of them, by branch.
# Source: the published recipes; TOOD (arXiv:2108.07755) takes 13.
_TAKES = {"one2many": (10, False), "one2one": (7, True)}


def branch_weights(epoch: int, epochs: int) -> dict[str, float]:
    """Return the weights of YOLO26's branches: from 0.8 and 0.2 evenly to 0.1 and 0.9 in the last epoch.

    Args:
        epoch: Epochs that are finished.
        epochs: Epochs of the whole training.

    Source:
        The published recipe of YOLO26 ("progressive loss").
    """
    many = max(1 - epoch / max(epochs - 1, 1), 0) * (0.8 - 0.1) + 0.1
    return {"one2many": many, "one2one": 1 - many}


class PoseLoss:
    """The loss of a network; call it on what the network gives in training mode.

    Args:
        network: The network that is trained.
        sigmas: OKS spread of each of the K keypoints.
        gains: Weights of the components.
        epochs: Epochs of the whole training, by which the branches' weights move.
        add: Adds numbers up over all processes that train together. What the components are divided by is then of
            their whole batch: the sum of the processes' gradients is the gradient of one process with all pictures, and
            the sum of their items is its items.

    Raises:
        ValueError: Not one positive sigma a keypoint.
    """

    def __init__(
        self,
        network: PoseNetwork,
        *,
        sigmas: Sequence[float],
        gains: Gains | None = None,
        epochs: int,
        add: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        k, self.values = network.kpt_shape
        if len(sigmas) != k or not all(sigma > 0 for sigma in sigmas):
            raise ValueError(f"sigmas must be {k} positive numbers, one a keypoint, got {list(sigmas)}")
        head = network.head
        self.flow = head.flow_model if isinstance(head, Pose26Head) else None
        self.bins = FAMILIES[network.family].bins
        self.gains = gains or Gains()
        self.epochs = epochs
        self.add = add or (lambda numbers: numbers)
        self.sigmas = torch.tensor(sigmas, dtype=torch.float32)
        self.weights = likelihood_weights(network.kpt_shape)

    def alone(self) -> PoseLoss:
        """Return the loss of this process alone, whoever else trains."""
        single = copy(self)
        single.add = lambda numbers: numbers
        return single

    def __call__(self, raw: Mapping[str, Any], targets: Targets, size: tuple[int, int], epoch: int) -> Losses:
        """Compare the network's outputs with the truth.

        Args:
            raw: The network's output in training mode.
            targets: Ground truth of the batch, on the same device.
            size: Height and width of the network's input.
            epoch: Epochs that are finished.
        """
        branches = raw if "one2many" in raw else {"one2many": raw}
        maps = branches["one2many"]["feats"]
        device = maps[0].device
        self.sigmas, self.weights = self.sigmas.to(device), self.weights.to(device)
        shares = branch_weights(epoch, self.epochs) if len(branches) == 2 else {"one2many": 1.0}
        cells = grid(maps)
        with torch.autocast(device.type, enabled=False):
            components = {name: self.branch(name, branches[name], targets, cells, size) for name in branches}
            total = torch.stack(
                [shares[name] * part for name, parts in components.items() for part in parts.values()]
            ).sum()
        logged = components["one2one" if "one2one" in components else "one2many"]
        pictures = self.add(torch.tensor(float(len(maps[0])), device=device))
        return Losses(total * pictures, {name: part.detach() for name, part in logged.items()})

    def branch(
        self, name: str, raw: Mapping[str, Any], targets: Targets, cells: Grid, size: tuple[int, int]
    ) -> dict[str, Tensor]:
        """Return the components of one branch with their gains, a picture."""
        outputs = {key: raw[key].float() for key in ("boxes", "scores", "kpts", "kpts_sigma") if key in raw}
        assigned = self.assignment(name, outputs, targets, cells)
        scores = outputs["scores"]
        truth = torch.zeros_like(scores)
        truth[assigned.picture, targets.classes[assigned.target], assigned.cell] = assigned.score
        visible = targets.visible[assigned.target]
        counts = torch.stack((assigned.score.sum(), assigned.score.new_tensor(visible.numel()), visible.sum()))
        totals = self.add(counts).clamp_min(1)
        score_sum = totals[0]
        # The means over keypoints are of this process; they weigh as much as its part of all keypoints.
        labelled_share, visible_share = (counts[1:].clamp_min(1) / totals[1:]).unbind()
        cross_entropy = functional.binary_cross_entropy_with_logits(scores, truth, reduction="sum")
        box, side = self._boxes(outputs["boxes"], assigned, targets, cells, size)
        points = self._keypoints(outputs, assigned, targets, cells)
        return {
            "box": self.gains.box * box / score_sum,
            "pose": self.gains.pose * points["pose"] * labelled_share,
            "kobj": self.gains.kobj * points["kobj"] * labelled_share,
            "cls": self.gains.cls * cross_entropy / score_sum,
            ("dfl" if self.bins > 1 else "l1"): self.gains.dfl * side / score_sum,
            **({"rle": self.gains.rle * points["rle"] * visible_share} if "rle" in points else {}),
        }

    def assignment(self, name: str, outputs: Mapping[str, Tensor], targets: Targets, cells: Grid) -> Assignment:
        """Return which cells learn which instance in a branch."""
        topk, single = _TAKES[name]
        distances = outputs["boxes"].detach()
        if self.bins > 1:
            b, _, count = distances.shape
            values = torch.arange(self.bins, dtype=distances.dtype, device=distances.device).view(-1, 1)
            distances = (distances.view(b, 4, self.bins, count).softmax(2) * values).sum(2)
        keypoints = outputs["kpts"].detach() if self.flow is not None else None
        predicted = Predicted(outputs["scores"].detach(), distances, keypoints)
        return assign(targets, predicted, cells, sigmas=self.sigmas, topk=topk, single=single)

    def _boxes(
        self, boxes: Tensor, assigned: Assignment, targets: Targets, cells: Grid, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Sum the loss of boxes and that of their sides over cells, each weighing as much as its score."""
        rows = boxes[assigned.picture, :, assigned.cell]
        points, strides = cells.points[assigned.cell], cells.strides[assigned.cell]
        truth = targets.boxes[assigned.target] / strides.unsqueeze(1)
        predicted, wanted = expectation(rows, self.bins), sides(truth, points)
        iou_loss = 1 - ciou(corners(predicted, points), truth)
        if self.bins > 1:
            side_loss = distribution_loss(rows, wanted, self.bins)
        else:
            side_loss = distance_loss(predicted, wanted, strides, size)
        return (iou_loss * assigned.score).sum(), (side_loss * assigned.score).sum()

    def _keypoints(
        self, outputs: Mapping[str, Tensor], assigned: Assignment, targets: Targets, cells: Grid
    ) -> dict[str, Tensor]:
        """Return the means over cells and keypoints."""
        kpts, visible = outputs["kpts"], targets.visible[assigned.target]
        rows = kpts[assigned.picture, :, assigned.cell].view(*visible.shape, self.values)
        points, strides = cells.points[assigned.cell], cells.strides[assigned.cell]
        factor, offset = (1.0, 0.0) if self.flow is not None else (2.0, -0.5)
        xy = rows[:, :, :2] * factor + (points + offset).unsqueeze(1)
        truth = targets.keypoints[assigned.target] / strides.view(-1, 1, 1)
        boxes = targets.boxes[assigned.target]
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1) / strides.square()
        parts = {"pose": similarity_loss(xy, truth, visible, area, self.sigmas), "kobj": kpts.new_zeros(())}
        if self.values == 3:
            cross_entropy = functional.binary_cross_entropy_with_logits(
                rows[:, :, 2], visible.to(rows.dtype), reduction="sum"
            )
            parts["kobj"] = cross_entropy / max(visible.numel(), 1)
        if self.flow is not None:
            parts["rle"] = kpts.new_zeros(())
            if "kpts_sigma" in outputs:  # the head says it in training mode only
                sigma = outputs["kpts_sigma"][assigned.picture, :, assigned.cell].view(*visible.shape, 2)
                weights = self.weights.expand_as(visible)[visible]
                parts["rle"] = likelihood_loss(self.flow, (xy - truth)[visible], sigma[visible], weights)
        return parts
