"""Accuracy of the body models on real photos: python benchmarks/accuracy.py [--models body …] [--study] [--json].

COCO keypoint protocol (OKS AP) on every picture of coco-mini and coco8-pose, those without people too, with a
95 % interval from drawing the pictures anew. ``--study`` scores the choices behind the defaults as well.
"""

from __future__ import annotations

import argparse
import json
import re
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
from poise.estimators import Estimator, Opener, Options, build
from poise.evaluation import KeypointScores, bootstrap_keypoints, coco_truth, evaluate_keypoints, read_truth
from poise.evaluation.coco import coco_rows_of
from poise.frames import Image
from poise.runtime import Session, open_session
from poise.weights import Card

MODELS = ("body-fast", "body", "body-accurate")
# YOLO labels have no segment; COCO's segments of people fill 0.53 of their boxes on average.
FILL = 0.53
SHARED = ("rtmdet-nano", "picodet-s", "tinypose-256x192", "tinypose-128x96")
FEW = 5  # labelled keypoints; OKS over one or two of them says little about a pose
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
        """The pictures with one person, large, of whom enough is labelled to say whether the pose is right."""
        people: dict[int, list[dict[str, Any]]] = {}
        for a in self.truth["annotations"]:
            people.setdefault(a["image_id"], []).append(a)
        return self.subset(
            i for i, p in people.items() if len(p) == 1 and p[0]["num_keypoints"] >= FEW and p[0]["area"] > LARGE
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


@cache
def network(name: str) -> Session:
    return open_session(weights.load(name), threads=2, name=name)


def networks_of(shared: Path) -> Opener:
    """Return what opens a network by its name: a bundled one, or one of the shared files."""

    def opened(name: str) -> Session:
        path = shared / "weights" / f"{name}.onnx"
        return shared_network(path) if name in SHARED else network(name)

    return opened


@cache
def shared_network(path: Path) -> Session:
    return open_session(path, threads=2, name=path.stem)


@dataclass(frozen=True)
class Report:
    """One row of the table."""

    name: str
    scores: KeypointScores
    interval: tuple[float, float]
    single_large: float
    images: int
    people: int
    median_ms: float


def measure(name: str, estimator: Estimator, pictures: Pictures, options: Options, resamples: int) -> Report:
    rows: list[dict[str, Any]] = []
    times = []
    for image_id in pictures.paths:
        image = pictures.image(image_id)
        start = time.perf_counter()
        found = estimator([image], options)[0]
        times.append((time.perf_counter() - start) * 1e3)
        rows += coco_rows_of(found.xy, found.conf, found.boxes[:, 4], image_id)
    single = pictures.single_large()
    single_rows = [row for row in rows if row["image_id"] in single.paths]
    interval = bootstrap_keypoints(pictures.truth, rows, resamples=resamples)["ap"] if resamples else (0.0, 0.0)
    return Report(
        name,
        evaluate_keypoints(pictures.truth, rows),
        interval,
        evaluate_keypoints(single.truth, single_rows).ap,
        len(pictures.paths),
        len(pictures.labelled),
        statistics.median(times),
    )


def changed(model: str, shared: Path, **settings: Any) -> Estimator:
    card: Card = weights.model(model)
    return build(replace(card, settings={**card.settings, **settings}), networks_of(shared))


# Name -> model, changed settings, changed options: the choices behind the defaults.
STUDY: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("body-fast, one size 256", "body-fast", {"imgsz": [256]}, {}),
    ("body-fast, one size 320", "body-fast", {"imgsz": [320]}, {}),
    ("body-fast, one size 384", "body-fast", {"imgsz": [384]}, {}),
    ("body-fast, one size 512", "body-fast", {"imgsz": [512]}, {}),
    ("body-fast, 256 + 384", "body-fast", {"imgsz": [256, 384]}, {}),
    ("body-fast, 256 + 512", "body-fast", {"imgsz": [256, 512]}, {}),
    ("body-fast, 256 + 640", "body-fast", {"imgsz": [256, 640]}, {}),
    ("body-fast, augment", "body-fast", {}, {"augment": True}),
    ("body-fast, tile", "body-fast", {}, {"tile": True}),
    ("body, one size 384", "body", {"imgsz": [384]}, {}),
    ("body, 256 + 384", "body", {"imgsz": [256, 384]}, {}),
    ("body, 256 + 512", "body", {"imgsz": [256, 512]}, {}),
    ("body, 256 + 384 + 640", "body", {"imgsz": [256, 384, 640]}, {}),
    ("body, people over 192 px left to the small size", "body", {"biggest": 192}, {}),
    ("body, crops 256 x 256", "body", {"crop": [256, 256]}, {}),
    ("body, crops 320 high x 256 wide", "body", {"crop": [256, 320]}, {}),
    ("body, crops 1.15 times the box", "body", {"expand": 1.15}, {}),
    ("body, crops 1.35 times the box", "body", {"expand": 1.35}, {}),
    ("body, proposals from 0.04", "body", {"min_proposal": 0.04}, {}),
    ("body, proposals from 0.1", "body", {"min_proposal": 0.1}, {}),
    ("body, OKS threshold 0.7", "body", {"max_oks": 0.7}, {}),
    ("body, score from all keypoints", "body", {"confident": 0.0}, {}),
    ("body, Thunder's keypoints alone", "body", {"trust": 0.0}, {}),
    ("body, MultiPose's keypoints as heavy again", "body", {"trust": 1.0}, {}),
    ("body, augment (flip)", "body", {}, {"augment": True}),
    ("body, tile", "body", {}, {"tile": True}),
    ("body-accurate, no flip", "body-accurate", {"flip": False}, {}),
    ("body-accurate, Thunder's keypoints alone", "body-accurate", {"trust": 0.0}, {}),
    ("body-accurate, 256 + 640", "body-accurate", {"imgsz": [256, 640]}, {}),
    ("body-accurate, NanoDet from 0.2", "body-accurate", {"min_box": 0.2}, {}),
    ("body-accurate, NanoDet from 0.4", "body-accurate", {"min_box": 0.4}, {}),
    ("body-accurate, score from confident keypoints", "body-accurate", {"confident": 0.2}, {}),
    ("body-accurate, crops 256 x 256", "body-accurate", {"crop": [256, 256]}, {}),
]

HEAD = "| model | AP [95 %] | AP50 | AP75 | APM | APL | AR | single large AP | ms / picture |"


def line(report: Report) -> str:
    s = report.scores
    columns = " | ".join(f"{100 * v:.1f}" for v in (s.ap50, s.ap75, s.apm, s.apl, s.ar, report.single_large))
    low, high = report.interval
    ap = f"{100 * s.ap:.1f}" + (f" [{100 * low:.0f}, {100 * high:.0f}]" if high else "")
    return f"| {report.name} | {ap} | {columns} | {report.median_ms:.0f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--study", action="store_true", help="score the choices behind the defaults too")
    parser.add_argument("--rows", help="of the study only the rows whose name holds this regular expression")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--resamples", type=int, default=200, help="draws for the interval")
    chosen = parser.parse_args(arguments)
    pictures = read_pictures(chosen.shared)
    print(f"{len(pictures.paths)} pictures, {len(pictures.labelled)} labelled people", file=sys.stderr)
    plan = [(name, name, {}, {}, chosen.resamples) for name in chosen.models]
    if chosen.study:
        plan += [(*row, 0) for row in STUDY if row[1] in chosen.models and re.search(chosen.rows or "", row[0])]
    reports = []
    if not chosen.json:
        print(HEAD, "|---|" + "---|" * 8, sep="\n", flush=True)
    for name, model, settings, options, resamples in plan:
        # Every person is kept, however unlikely: AP ranks them.
        report = measure(
            name, changed(model, chosen.shared, **settings), pictures, Options(conf=0.0, **options), resamples
        )
        reports.append(report)
        if not chosen.json:
            print(line(report), flush=True)
    if chosen.json:
        print(json.dumps([asdict(report) for report in reports], indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
