"""The network as it is exported: folded, in its precision, and with non-maximum suppression where that is wanted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from poise.export._what import Wish
from poise.networks import PoseNetwork, deploy


class Graph(nn.Module):
    """What is traced: pictures ``(B, 3, H, W)`` float32 in, ``(output0,)`` or ``(output0, sigma)`` float32 out.

    Args:
        network: A deployed network.
        wish: What the export shall be.
    """

    def __init__(self, network: PoseNetwork, wish: Wish) -> None:
        super().__init__()
        self.network = network
        self.half_ = wish.precision == "fp16" and wish.format in ("onnx", "torchscript")
        self.wish = wish
        if self.half_:
            network.half()
            head = network.head
            # Coordinates are decoded in float32: half precision has 11 bits, half a pixel at 640.
            for name in ("dfl", "unit_std"):
                if isinstance(part := getattr(head, name, None), nn.Module | Tensor):
                    setattr(head, name, part.float())

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Run, and choose the rows if the graph is to."""
        outputs: tuple[Tensor, ...] = self.network(images.half() if self.half_ else images)
        if not self.wish.nms:
            return outputs
        classes = self.network.nc
        return suppress(outputs, int(classes), self.wish)


def make(network: PoseNetwork, wish: Wish) -> Graph:
    """Return the graph of a trained network; the network itself is not changed.

    Raises:
        ValueError: The branch that is wanted is not there.
    """
    return Graph(deploy(network, end2end=wish.end2end, sigma=wish.sigma), wish).eval().requires_grad_(False)


def suppress(outputs: tuple[Tensor, ...], classes: int, wish: Wish) -> tuple[Tensor, ...]:
    """Keep the best rows of each picture, as the estimator would outside.

    Args:
        outputs: ``(B, 4 + classes + K * D, A)``, and perhaps sigma ``(B, 2K, A)``.
        classes: Number of classes.
        wish: With ``conf``, ``iou`` and ``max_det``.

    Returns:
        ``(B, max_det, 6 + K * D)`` x1, y1, x2, y2, score, class, keypoints, best first, zeros after the last; sigma
        likewise ``(B, max_det, 2K)``.
    """
    rows, spread = outputs[0], outputs[1:]
    parts = [2, 2, classes, rows.shape[1] - 4 - classes]
    centre, size, scores, points = rows.split(parts, 1)  # type: ignore[no-untyped-call]
    boxes = torch.cat((centre - size / 2, centre + size / 2), 1)
    if classes > 1:
        # An anchor gives a row for its best class only.
        scores = torch.where(scores == scores.amax(1, keepdim=True), scores, torch.zeros_like(scores))
    limits = (wish.max_det, wish.iou, wish.conf)
    chosen: Tensor = _Suppression.apply(boxes.transpose(1, 2), scores, *limits)  # type: ignore[no-untyped-call]
    picture, label, anchor = chosen.unbind(1)
    kept = torch.zeros_like(scores)
    kept[picture, label, anchor] = 1.0
    # Room for max_det rows even where there are fewer anchors.
    flat = torch.cat(((scores * kept).flatten(1), torch.zeros_like(scores[:, 0, :1]).expand(-1, wish.max_det)), 1)
    best, place = flat.topk(wish.max_det, 1)
    count = scores.shape[2]
    index = (place % count).unsqueeze(1)
    there = (best > 0).to(best.dtype).unsqueeze(2)

    def take(table: Tensor) -> Tensor:
        return table.gather(2, index.expand(-1, table.shape[1], -1)).transpose(1, 2) * there

    kind = torch.div(place, count, rounding_mode="floor").to(best.dtype).unsqueeze(2) * there
    found = torch.cat((take(boxes), best.unsqueeze(2), kind, take(points)), 2)
    return (found, *(take(s) for s in spread))


class _Suppression(torch.autograd.Function):
    """ONNX's NonMaxSuppression as one operation of the graph."""

    @staticmethod
    def forward(ctx: Any, boxes: Tensor, scores: Tensor, most: int, iou: float, conf: float) -> Tensor:
        """Return rows of picture, class and anchor; when traced, any will do."""
        del ctx, scores, most, iou, conf
        return torch.zeros((1, 3), dtype=torch.int64, device=boxes.device)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, most: int, iou: float, conf: float) -> Any:
        """Write the operation."""
        numbers = (
            g.op("Constant", value_t=torch.tensor([most], dtype=torch.int64)),
            g.op("Constant", value_t=torch.tensor([iou], dtype=torch.float32)),
            g.op("Constant", value_t=torch.tensor([conf], dtype=torch.float32)),
        )
        return g.op("NonMaxSuppression", boxes, scores, *numbers)
