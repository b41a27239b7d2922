"""Accuracy of the body models on real photos: python benchmarks/accuracy.py [--models body …] [--study] [--json].

COCO keypoint protocol (OKS AP) on every picture of coco-mini and coco8-pose, those without people too, with a
95 % interval from drawing the pictures anew. ``--errors`` tells the kinds of errors too, ``--turned`` how many people
are found in pictures that are turned. ``--zoo`` adds pipelines of networks that are not ours, where their files are in
``weights/`` of the shared folder. ``--compact`` scores the models as ``poise web --compact`` writes them, too.
``--study`` scores the choices behind the defaults as well.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from _coco import KeypointScores, coco_truth, evaluate_keypoints, read_truth
from _common import table
from _errors import Errors

from poise import weights
from poise.estimators import Estimator, Opener, Options, build
from poise.estimators.spec import Spec, registered
from poise.estimators.topdown import TopDown
from poise.evaluation import coco_rows_of
from poise.evaluation.bootstrap import interval
from poise.frames import Image
from poise.geometry import oks
from poise.graphs import compact
from poise.runtime import Session, open_session
from poise.skeletons import get
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
def network(name: str, *, small: bool = False) -> Session:
    data = weights.load(name)
    return open_session(compact(data)[0] if small else data, threads=2, name=name)


def networks_of(shared: Path, *, small: bool = False) -> Opener:
    """Return what opens a network by its name: a bundled one, perhaps with weights of a byte, or a shared file."""

    def opened(name: str) -> Session:
        path = shared / "weights" / f"{name}.onnx"
        return shared_network(path) if name in SHARED else network(name, small=small)

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


def measure(
    name: str, estimator: Estimator, pictures: Pictures, options: Options, resamples: int, errors: Sequence[Errors] = ()
) -> Report:
    rows: list[dict[str, Any]] = []
    times = []
    people: dict[int, list[dict[str, Any]]] = {}
    for a in pictures.truth["annotations"]:
        people.setdefault(a["image_id"], []).append(a)
    for image_id in pictures.paths:
        image = pictures.image(image_id)
        # What a user waits for: the default threshold, below which nothing is refined to the end.
        start = time.perf_counter()
        estimator([image], replace(options, conf=0.25))
        times.append((time.perf_counter() - start) * 1e3)
        found = estimator([image], options)[0]
        rows += coco_rows_of(found.xy, found.conf, found.boxes[:, 4], image_id)
        for one in errors:
            one.add(found, people.get(image_id, []), estimator.skeleton)
    single = pictures.single_large()
    single_rows = [row for row in rows if row["image_id"] in single.paths]
    spread = bootstrap(pictures.truth, rows, resamples) if resamples else (0.0, 0.0)
    return Report(
        name,
        evaluate_keypoints(pictures.truth, rows),
        spread,
        evaluate_keypoints(single.truth, single_rows).ap,
        len(pictures.paths),
        len(pictures.labelled),
        statistics.median(times),
    )


def bootstrap(truth: dict[str, Any], rows: Sequence[dict[str, Any]], resamples: int) -> tuple[float, float]:
    """Return how far the average precision may be off by the choice of pictures: they are drawn anew, as Efron 1979."""
    images = {image["id"]: image for image in truth["images"]}
    ids = list(images)
    annotations: dict[int, list[dict[str, Any]]] = defaultdict(list)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for listed, by_image in ((truth["annotations"], annotations), (rows, found)):
        for row in listed:
            by_image[row["image_id"]].append(row)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(resamples):
        sample: dict[str, Any] = {"images": [], "annotations": [], "categories": truth["categories"]}
        again: list[dict[str, Any]] = []
        for new, i in enumerate(rng.integers(len(ids), size=len(ids)), start=1):
            old = ids[i]
            sample["images"].append({**images[old], "id": new})
            for a in annotations[old]:
                sample["annotations"].append({**a, "image_id": new, "id": len(sample["annotations"]) + 1})
            again += [{**row, "image_id": new} for row in found[old]]
        drawn.append(evaluate_keypoints(sample, again).ap)
    ends = interval(float("nan"), np.array(drawn))
    return ends.low, ends.high


def turned(name: str, estimator: Estimator, pictures: Pictures) -> dict[str, Any]:
    """Count the labelled people who are found (OKS of 0.5 or more) in pictures that are turned."""
    row: dict[str, Any] = {"model": name, "people": len(pictures.labelled)}
    for quarter in range(4):
        count = 0
        for image_id in {a["image_id"] for a in pictures.labelled}:
            image = pictures.image(image_id)
            found = estimator([np.ascontiguousarray(np.rot90(image, -quarter))], Options())[0]
            xy = found.xy.astype(float)
            for turn in range(quarter, 0, -1):
                # The last of these turns clockwise took (x, y) to (height - y, x).
                height = image.shape[turn % 2 == 0]
                xy = np.stack([xy[..., 1], height - xy[..., 0]], axis=-1)
            count += _found(xy, [a for a in pictures.labelled if a["image_id"] == image_id], estimator.skeleton.sigmas)
        row[f"found at {90 * quarter} degrees"] = count
    return row


def _found(xy: np.ndarray[Any, Any], people: Sequence[dict[str, Any]], sigmas: np.ndarray[Any, Any]) -> int:
    points = np.array([a["keypoints"] for a in people], float).reshape(len(people), -1, 3)
    area = np.array([a["area"] for a in people], float)
    alike = oks(xy, points[..., :2], area=area, visible=points[..., 2] > 0, sigmas=sigmas)
    return int((alike.max(axis=0, initial=0) >= 0.5).sum())


def changed(model: str, shared: Path, *, small: bool = False, **settings: Any) -> Estimator:
    card: Card = weights.model(model)
    return build(replace(card, settings={**card.settings, **settings}), networks_of(shared, small=small))


# Pipelines of networks that users fetch from their makers, as the shared files have them.
BODY = "movenet-multipose"
TINY: dict[str, Any] = {"refiner": "tinypose-256x192"}
RTM, PICO = "rtmdet-nano", "picodet-s"
ZOO: dict[str, dict[str, Any]] = {
    "NanoDet + TinyPose": {**TINY, "detectors": [{"network": "nanodet-416", "min_score": 0.1}]},
    "RTMDet 512 + TinyPose": {**TINY, "detectors": [{"network": RTM, "imgsz": [512], "min_score": 0.2}]},
    "RTMDet 640 + PicoDet + TinyPose, flip": {
        **TINY,
        "flip": True,
        "same_box": 0.6,
        "detectors": [{"network": RTM, "imgsz": [640], "min_score": 0.2}, {"network": PICO, "min_score": 0.2}],
    },
}
SPECS: dict[str, dict[str, Any]] = {
    "tinypose-256x192": {"family": "heatmap", "size": [192, 256], "layout": "nhwc", "dtype": "uint8"},
    RTM: {"family": "rtmdet", "size": [512, 512], "layout": "nhwc", "dtype": "uint8", "colour": "bgr"},
    PICO: {"family": "picodet", "size": [320, 320], "layout": "nhwc", "dtype": "uint8"},
}


def spec_of(name: str) -> Spec:
    return Spec.of(SPECS[name], name=name) if name in SPECS else registered(name)


def zoo(name: str, shared: Path) -> Estimator:
    settings = ZOO[name]
    networks = (*(d["network"] for d in settings["detectors"]), settings["refiner"])
    card = Card(name, "", "top-down", networks, "coco17", settings)
    return TopDown(card, networks_of(shared), get("coco17"), spec_of)


def searching(*sizes: int, nanodet: Sequence[int] = (416,), box: float = 0.15) -> list[dict[str, Any]]:
    multipose = {"network": BODY, "imgsz": list(sizes), "min_score": 0.05}
    boxes = {"network": "nanodet-416", "imgsz": list(nanodet), "min_score": box}
    return [d for d in (multipose, boxes) if d["imgsz"]]


# Name -> model, changed settings, changed options: the choices behind the defaults. The scores stay as they were fitted
# for the defaults, which favours those by a little; benchmarks/fit_scores.py fits and compares fairly.
STUDY: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("body-fast, crops 128 x 160", "body-fast", {"looks": [[128, 160, 1.1]]}, {}),
    ("body-fast, augment", "body-fast", {}, {"augment": True}),
    ("body, one look", "body", {"looks": [[160, 224, 1.1]]}, {}),
    ("body, both looks 160 x 224", "body", {"looks": [[160, 224, 1.1], [160, 224, 1.35]]}, {}),
    ("body, MultiPose at 256 and 512", "body", {"detectors": searching(256, 512)}, {}),
    ("body, MultiPose at 256 and 640", "body", {"detectors": searching(256, 640)}, {}),
    ("body, NanoDet at 416 and 640", "body", {"detectors": searching(256, nanodet=[416, 640])}, {}),
    ("body, boxes from 0.1", "body", {"detectors": searching(256, box=0.1)}, {}),
    ("body, boxes from 0.25", "body", {"detectors": searching(256, box=0.25)}, {}),
    ("body, OKS threshold 0.7", "body", {"max_oks": 0.7}, {}),
    ("body, Thunder's keypoints alone", "body", {"trust": 0.0}, {}),
    ("body, augment (flip)", "body", {}, {"augment": True}),
    ("body, tile", "body", {}, {"tile": True}),
    ("body-accurate, no flip", "body-accurate", {"flip": False}, {}),
    ("body-accurate, Thunder's keypoints alone", "body-accurate", {"trust": 0.0}, {}),
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
    parser.add_argument("--errors", action="store_true", help="print the kinds of errors too")
    parser.add_argument("--turned", action="store_true", help="count the people found in turned pictures too")
    parser.add_argument("--zoo", action="store_true", help="score pipelines of the shared networks too")
    parser.add_argument("--compact", action="store_true", help="score them with weights of a byte each too")
    parser.add_argument("--study", action="store_true", help="score the choices behind the defaults too")
    parser.add_argument("--rows", help="of the study only the rows whose name holds this regular expression")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--resamples", type=int, default=200, help="draws for the interval")
    chosen = parser.parse_args(arguments)
    pictures = read_pictures(chosen.shared)
    print(f"{len(pictures.paths)} pictures, {len(pictures.labelled)} labelled people", file=sys.stderr)
    plan: list[tuple[str, Estimator, dict[str, Any], int]]
    plan = [(name, changed(name, chosen.shared), {}, chosen.resamples) for name in chosen.models]
    if chosen.compact:
        plan += [
            (f"{name}, compact", changed(name, chosen.shared, small=True), {}, chosen.resamples)
            for name in chosen.models
        ]
    if chosen.zoo:
        plan += [(name, zoo(name, chosen.shared), {}, chosen.resamples) for name in ZOO]
    if chosen.study:
        plan += [
            (name, changed(model, chosen.shared, **settings), options, 0)
            for name, model, settings, options in STUDY
            if model in chosen.models and re.search(chosen.rows or "", name)
        ]
    wrong_rows: list[dict[str, Any]] = []
    turned_rows: list[dict[str, Any]] = []
    reports = []
    if not chosen.json:
        print(HEAD, "|---|" + "---|" * 8, sep="\n", flush=True)
    for name, estimator, options, resamples in plan:
        wrong = [Errors(conf) for conf in (0.1, 0.25)] if chosen.errors else []
        # Every person is kept, however unlikely: AP ranks them.
        report = measure(name, estimator, pictures, Options(conf=0.0, **options), resamples, wrong)
        wrong_rows += [dict(one.row(name)) for one in wrong]
        if chosen.turned:
            turned_rows.append(turned(name, estimator, pictures))
        reports.append(report)
        if not chosen.json:
            print(line(report), flush=True)
    if chosen.json:
        print(json.dumps([asdict(report) for report in reports], indent=1))
    if wrong_rows:
        table(wrong_rows, title="Errors")
    if turned_rows:
        table(turned_rows, title="Turned pictures")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
