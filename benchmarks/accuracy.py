"""Accuracy of the body models on real photos: python benchmarks/accuracy.py [--models body …] [--study] [--json].

COCO keypoint protocol (OKS AP) on every picture of coco-mini and coco8-pose, those without people too, with a
95 % interval from drawing the pictures anew. ``--study`` scores the choices behind the defaults as well.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from poise import weights
from poise.estimators import Estimator, Options, build
from poise.evaluation import KeypointScores, bootstrap_keypoints, coco_truth, evaluate_keypoints, read_truth
from poise.evaluation.coco import coco_rows_of
from poise.frames import Image
from poise.runtime import Session, open_session
from poise.weights import Card

MODELS = ("body-fast", "body", "body-accurate")
# YOLO labels have no segment; COCO's segments of people fill 0.53 of their boxes on average.
FILL = 0.53
LARGE = 96**2  # square pixels, COCO's border between medium and large


@dataclass(frozen=True)
class Pictures:
    """Pictures and the people in them."""

    paths: dict[int, Path]
    truth: dict[str, Any]

    def image(self, image_id: int) -> Image:
        with PIL.Image.open(self.paths[image_id]) as picture:
            return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])

    def subset(self, ids: Iterable[int]) -> Pictures:
        keep = set(ids)
        truth = {
            "images": [i for i in self.truth["images"] if i["id"] in keep],
            "annotations": [a for a in self.truth["annotations"] if a["image_id"] in keep],
            "categories": self.truth["categories"],
        }
        return Pictures({i: p for i, p in self.paths.items() if i in keep}, truth)

    @property
    def labelled(self) -> list[dict[str, Any]]:
        return [a for a in self.truth["annotations"] if a["num_keypoints"] and not a["iscrowd"]]

    def single_large(self) -> Pictures:
        """The pictures with one person, labelled and large."""
        people: dict[int, list[dict[str, Any]]] = {}
        for a in self.truth["annotations"]:
            people.setdefault(a["image_id"], []).append(a)
        return self.subset(
            i for i, p in people.items() if len(p) == 1 and p[0]["num_keypoints"] and p[0]["area"] > LARGE
        )


def read_pictures(shared: Path) -> Pictures:
    """Read coco-mini and coco8-pose from a folder of data."""
    data = shared / "data"
    if not data.is_dir():
        raise SystemExit(f"{data}: no such folder; name the one that holds data/coco-mini by --shared DIR")
    paths: dict[int, Path] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for part in ("train2017", "val2017"):
        truth = read_truth(data / "coco-mini" / "annotations" / f"person_keypoints_{part}.json")
        for image in truth["images"]:
            paths[image["id"]] = data / "coco-mini" / part / image["file_name"]
        images += truth["images"]
        annotations += truth["annotations"]
    for path in sorted((data / "coco8-pose" / "images").glob("*/*.jpg")):
        image_id = int(path.stem)
        if image_id in paths:
            continue
        with PIL.Image.open(path) as picture:
            width, height = picture.size
        paths[image_id] = path
        images.append({"id": image_id, "width": width, "height": height, "file_name": path.name})
        label = path.parents[2] / "labels" / path.parent.name / f"{path.stem}.txt"
        for row in np.loadtxt(label, ndmin=2):
            annotations.append(_yolo_person(row, image_id, width, height))
    annotations = [{**a, "id": i} for i, a in enumerate(annotations, start=1)]
    return Pictures(paths, coco_truth(images, annotations))


def _yolo_person(row: np.ndarray[Any, Any], image_id: int, width: int, height: int) -> dict[str, Any]:
    scale = np.array([width, height])
    centre, size = row[1:3] * scale, row[3:5] * scale
    points = row[5:].reshape(-1, 3).copy()
    points[:, :2] *= scale
    points[points[:, 2] == 0] = 0
    return {
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [*(centre - size / 2).tolist(), *size.tolist()],
        "area": float(size.prod() * FILL),
        "keypoints": points.reshape(-1).tolist(),
        "num_keypoints": int((points[:, 2] > 0).sum()),
    }
