"""The head of YOLO26-pose: two branches of the same make, and a standard deviation a keypoint."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from poise.networks.architectures import STRIDES
from poise.networks.blocks import Conv
from poise.networks.decoding import anchors, centres, corners, keypoints, select
from poise.networks.flow import RealNVP
from poise.networks.pose_head import Raw, box_branches, class_branches, over_levels, set_biases

BRANCHES = {"one2many": "", "one2one": "one2one_"}
PARTS = ("cv2", "cv3", "cv4", "cv4_kpts", "cv4_sigma")
LIMIT = 300


class Pose26Head(nn.Module):
    """Boxes, classes, keypoints and their sigma from three feature maps.

    The one-to-many branch finds an instance at several anchors and needs non-maximum suppression; the one-to-one branch
    finds it at one. Both are trained; one is used.

    Args:
        inputs: Channels of the three feature maps, finest first.
        nc: Number of classes.
        kpt_shape: Keypoints, and values a keypoint (2: x, y; 3: x, y, confidence).

    Attributes:
        end2end: Outside training, use the one-to-one branch and give its best rows.
        sigma: Outside training, give sigma too.
    """

    unit_std: Tensor

    def __init__(self, inputs: Sequence[int], nc: int, kpt_shape: tuple[int, int]) -> None:
        super().__init__()
        self.nc, self.kpt_shape = nc, kpt_shape
        self.end2end = False
        self.sigma = False
        k, values = kpt_shape
        width = max(inputs[0] // 4, k * (values + 2))
        self.cv2 = box_branches(inputs, 1)
        self.cv3 = class_branches(inputs, nc, depthwise=True)
        set_biases(self.cv2, self.cv3, nc)
        self.one2one_cv2 = deepcopy(self.cv2)
        self.one2one_cv3 = deepcopy(self.cv3)
        self.cv4 = nn.ModuleList(nn.Sequential(Conv(c, width, 3), Conv(width, width, 3)) for c in inputs)
        self.one2one_cv4 = deepcopy(self.cv4)
        self.flow_model = RealNVP()
        self.cv4_kpts = nn.ModuleList(nn.Conv2d(width, k * values, 1) for _ in inputs)
        self.cv4_sigma = nn.ModuleList(nn.Conv2d(width, 2 * k, 1) for _ in inputs)
        self.one2one_cv4_kpts = deepcopy(self.cv4_kpts)
        self.one2one_cv4_sigma = deepcopy(self.cv4_sigma)
        # Standard deviation of x and y of an error at sigma 1; set from the flow when the network is deployed.
        self.register_buffer("unit_std", torch.ones(2), persistent=False)

    def raw(self, maps: Sequence[Tensor], branch: str, *, sigma: bool) -> dict[str, Tensor]:
        """Return what a branch says: ``boxes`` (B, 4, A), ``scores`` logits, ``kpts``, ``kpts_sigma`` (B, 2K, A)."""
        part: dict[str, nn.ModuleList] = {
            name: module
            for name in PARTS
            if isinstance(module := getattr(self, BRANCHES[branch] + name, None), nn.ModuleList)
        }
        trunks = [trunk(level) for trunk, level in zip(part["cv4"], maps, strict=True)]
        found = {
            "boxes": over_levels(part["cv2"], maps),
            "scores": over_levels(part["cv3"], maps),
            "kpts": over_levels(part["cv4_kpts"], trunks),
        }
        if sigma:
            found["kpts_sigma"] = over_levels(part["cv4_sigma"], trunks)
        return found

    def forward(self, maps: list[Tensor]) -> dict[str, Raw] | tuple[Tensor, ...]:
        """Return both branches' raw dictionaries in training, else what is deployed.

        Training: ``{"one2many": {…}, "one2one": {…}}``, each with ``feats``; the one-to-one branch sees detached maps,
        so that only the other one shapes the backbone.

        Otherwise ``(output0,)`` or ``(output0, sigma)``, pixels of the network's input: (B, 4 + nc + K * D, A) and
        (B, 2K, A), or with ``end2end`` (B, min(300, A), 6 + K * D) and (B, min(300, A), 2K).
        """
        if self.training:
            detached = [level.detach() for level in maps]
            return {
                "one2many": {**self.raw(maps, "one2many", sigma=True), "feats": maps},
                "one2one": {**self.raw(detached, "one2one", sigma=True), "feats": detached},
            }
        raw = self.raw(maps, "one2one" if self.end2end else "one2many", sigma=self.sigma)
        points, strides = anchors(maps, STRIDES)
        distances, scores = raw["boxes"].float(), raw["scores"].float().sigmoid()
        xy = keypoints(raw["kpts"].float(), points, strides, self.kpt_shape[1], factor=1.0, offset=0.0)
        sigma = self._pixels(raw["kpts_sigma"].float(), strides) if self.sigma else None
        if self.end2end:
            return select(corners(distances, points, strides), scores, xy, sigma, LIMIT)
        output = torch.cat((centres(distances, points, strides), scores, xy), 1)
        return (output,) if sigma is None else (output, sigma)

    def _pixels(self, raw: Tensor, strides: Tensor) -> Tensor:
        """Turn raw sigma ``(B, 2K, A)`` into standard deviations in pixels: sigmoid is the scale in cells."""
        return raw.sigmoid() * (strides * self.unit_std.repeat(self.kpt_shape[0]).unsqueeze(1))
