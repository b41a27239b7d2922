"""What kinds of errors a model makes on labelled people, for accuracy.py.

Source:
    Ronchi and Perona, "Benchmarking and error diagnosis in multi-instance pose estimation", ICCV 2017, section 3: the
    kinds of keypoint errors and their thresholds on the keypoint's similarity (0.5 and 0.85).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from poise.estimators import Estimate
from poise.geometry import box_iou, oks
from poise.skeletons import Skeleton

FOUND = 0.1  # OKS from which an instance is that person at all
GOOD, CLOSE = 0.85, 0.5


@dataclass
class Errors:
    """Counts over pictures.

    Attributes:
        conf: Instances below it do not count.
        people: Labelled people.
        missed: Of them, those whom no instance is like (OKS below 0.1).
        instances: Instances that can be judged.
        false: Of them, those that are like nobody and lie on nobody who is labelled without keypoints.
        empty: Pictures without people; ``alarms``: instances in them.
        points: Kinds of the labelled keypoints of people who were found.
    """

    conf: float
    people: int = 0
    missed: int = 0
    instances: int = 0
    false: int = 0
    empty: int = 0
    alarms: int = 0
    points: Counter[str] = field(default_factory=Counter)

    def add(self, found: Estimate, people: list[dict[str, Any]], skeleton: Skeleton) -> None:
        """Count one picture."""
        rows = found.boxes[:, 4] >= self.conf
        xy, boxes = found.xy[rows].astype(float), found.boxes[rows, :4]
        if not people:
            self.empty += 1
            self.alarms += len(xy)
            return
        posed = [p for p in people if p["num_keypoints"] and not p["iscrowd"]]
        points = np.array([p["keypoints"] for p in posed], float).reshape(len(posed), len(skeleton), 3)
        area = np.array([p["area"] for p in posed], float)
        labelled = points[..., 2] > 0
        alike = oks(xy, points[..., :2], area=area, visible=labelled, sigmas=skeleton.sigmas)
        self.people += len(posed)
        self.missed += int((alike.max(axis=0, initial=0) < FOUND).sum())
        nobody = alike.max(axis=1, initial=0) < FOUND
        unknown = np.zeros(len(xy), dtype=bool)
        for p in people:
            if not p["num_keypoints"] or p["iscrowd"]:
                x, y, w, h = p["bbox"]
                middle = (boxes[:, :2] + boxes[:, 2:]) / 2
                inside = ((middle >= [x, y]) & (middle <= [x + w, y + h])).all(axis=1)
                unknown |= (box_iou(boxes, np.array([[x, y, x + w, y + h]]))[:, 0] > 0.3) | inside
        self.instances += int((~(nobody & unknown)).sum())
        self.false += int((nobody & ~unknown).sum())
        for j in range(len(posed)):
            if len(xy) and alike[:, j].max() >= FOUND:
                self._judge(xy[int(alike[:, j].argmax())], j, points, area, skeleton)

    def _judge(self, xy: Any, j: int, points: Any, area: Any, skeleton: Skeleton) -> None:
        # Similarity of each predicted keypoint with every labelled one of every person, by its own spread.
        far = np.square(xy[:, None, None] - points[None, :, :, :2]).sum(-1)
        spread = 2 * area[j] * np.square(2 * skeleton.sigmas)[:, None, None]
        similar = np.where(points[..., 2][None] > 0, np.exp(-far / spread), 0)  # (K predicted, people, K labelled)
        for k in np.flatnonzero(points[j, :, 2] > 0):
            own, mirror = similar[k, j, k], similar[k, j, skeleton.flip_idx[k]]
            others = np.delete(similar[k][:, [k, skeleton.flip_idx[k]]], j, axis=0).max(initial=0)
            if own >= GOOD:
                kind = "good"
            elif own >= CLOSE:
                kind = "jitter"
            elif mirror >= CLOSE and skeleton.flip_idx[k] != k:
                kind = "inversion"
            elif others >= CLOSE:
                kind = "swap"
            else:
                kind = "miss"
            self.points[kind] += 1

    def row(self, name: str) -> Mapping[str, Any]:
        """Return a row of the table, in percent."""
        total = max(sum(self.points.values()), 1)
        kinds = {k: 100 * self.points[k] / total for k in ("good", "jitter", "inversion", "swap", "miss")}
        return {
            "model": name,
            "conf": self.conf,
            "missed people %": 100 * self.missed / max(self.people, 1),
            "false people %": 100 * self.false / max(self.instances, 1),
            "false in 100 pictures without people": 100 * self.alarms / max(self.empty, 1),
            **{f"{k} %": v for k, v in kinds.items()},
        }
