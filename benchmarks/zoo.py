"""Detectors and refiners of the field on real photos: python benchmarks/zoo.py [--rows REGEX] [--json OUT].

The files of the shared folder (RTMDet-nano, PicoDet-S, TinyPose), on the pictures and by the protocol of accuracy.py:
average precision of the boxes of people, and of keypoints in labelled boxes, by ways of decoding. The last table tells
how far TinyPose's keypoints are off on average, by which it is decided where a cell lies.
"""

from __future__ import annotations

import contextlib
import io
import re
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from _coco import evaluate_keypoints
from _common import arguments, save, table
from accuracy import Pictures, read_pictures

from poise.estimators import detectors, refiners
from poise.estimators.people import regions, to_picture
from poise.estimators.refiners.heatmap import Heatmap
from poise.estimators.spec import Spec
from poise.evaluation import coco_rows_of
from poise.geometry import affine_apply, affine_invert
from poise.image import crop
from poise.runtime import Session, open_session
from poise.skeletons import get

BYTES = {"layout": "nhwc", "dtype": "uint8"}
# Name -> network, spec, longer side of the picture.
DETECTORS: dict[str, tuple[str, dict[str, Any], int | None]] = {
    "PicoDet-S 320": ("picodet-s", {"family": "picodet", "size": (320, 320), **BYTES}, None),
    **{
        f"RTMDet-nano {side}{', square' if square else ''}": (
            "rtmdet-nano",
            {"family": "rtmdet", "size": (640, 640), "colour": "bgr", "options": {"square": square}, **BYTES},
            side,
        )
        for square in (False, True)
        for side in (320, 416, 512, 640)
    },
}
SIZES = {"tinypose-256x192": (192, 256), "tinypose-128x96": (96, 128)}
# Name -> options of decoding.
DECODING: dict[str, dict[str, Any]] = {
    "as Poise does": {},
    "half a pixel to the right and down": {"shift": 0.5},
    "half a pixel to the left and up": {"shift": -0.5},
    "mirrored maps not moved": {"flip_shift": 0},
    "mirrored maps moved by a cell": {"flip_shift": 1},
    "half a pixel, mirrored maps not moved": {"shift": 0.5, "flip_shift": 0},
    "the cell's middle (arg-max)": {"decode": "argmax"},
    "a quarter of a cell": {"decode": "quarter"},
    "no blur": {"blur": 1},
    "blur of 5 cells": {"blur": 5},
    "blur of 11 cells": {"blur": 11},
}
MIN_SCORE = 0.02  # of boxes; lower ones change no average precision
SURE = 0.3  # keypoints whose offset is told
NEAR = 6.0  # pixels of the crop; farther ones are mistaken, not inexact


@cache
def session(shared: Path, name: str) -> Session:
    return open_session(shared / "weights" / f"{name}.onnx", threads=1, name=name)


def boxes(shared: Path, pictures: Pictures, name: str) -> dict[str, Any]:
    """Score a detector of people by COCO's protocol for boxes."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    file, fields, longer = DETECTORS[name]
    network = session(shared, file)
    detector = detectors.detector(Spec(**fields), network)
    rows, times = [], []
    for image_id in pictures.paths:
        image = pictures.image(image_id)
        start = time.thread_time()
        feeds, back = detector.prepare(image, longer)
        people = detector.decode(network.run(feeds), min_score=MIN_SCORE)
        times.append((time.thread_time() - start) * 1e3)
        found = to_picture(people, back)
        edge = np.tile(image.shape[1::-1], 2)
        for box, score in zip(np.clip(found.boxes, 0, edge), found.score, strict=True):
            sides = [*box[:2], *(box[2:] - box[:2])]
            rows.append({"image_id": image_id, "category_id": 1, "bbox": sides, "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = dict(pictures.truth)
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(rows), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return {"detector": name, "box AP": 100 * run.stats[0], "AP50": 100 * run.stats[1], "CPU ms": np.median(times)}


@cache
def outputs(shared: Path, name: str) -> tuple[list[Any], Mapping[str, Any], Mapping[str, Any], Any]:
    """Return the labelled people, TinyPose's maps of their crops, plain and mirrored, and the maps to the crops."""
    pictures = read_pictures(shared)
    network, size = session(shared, name), SIZES[name]
    refiner = refiners.refiner(Spec(family="heatmap", size=size, layout="nhwc", dtype="uint8"), network)
    crops, matrices = [], []
    for person in pictures.labelled:
        box = np.array(person["bbox"], np.float32)
        box[2:] += box[:2]
        cut, matrix = crop(pictures.image(person["image_id"]), regions(box[None], size, 1.25), size)
        crops.append(cut[0])
        matrices.append(matrix[0])
    found = [[], []]
    for cut in crops:
        for kept, picture in zip(found, (cut, np.ascontiguousarray(cut[:, ::-1])), strict=True):
            kept.append(network.run(refiner.prepare(picture[None]))["heatmap"][0])
    plain, mirrored = ({"heatmap": np.stack(kept)} for kept in found)
    return pictures.labelled, plain, mirrored, np.stack(matrices)


def decoded(shared: Path, name: str, options: Mapping[str, Any], flip: bool) -> tuple[Any, Any, Any, Any]:
    """Return the labelled people, the keypoints found in the picture, their scores, and the maps to the crops."""
    people, plain, mirrored, matrices = outputs(shared, name)
    spec = Spec(family="heatmap", size=SIZES[name], layout="nhwc", dtype="uint8", options=options)
    refiner = Heatmap(spec, session(shared, name))
    maps = refiner.average(plain, mirrored, get("coco17").flip_idx) if flip else plain
    xy, conf = refiner.decode(maps)
    return people, affine_apply(affine_invert(matrices), xy).astype(np.float32), conf, matrices


def keypoints(shared: Path, pictures: Pictures, name: str, options: Mapping[str, Any], flip: bool) -> float:
    """Score keypoints in labelled boxes."""
    rows = []
    for person, xy, conf in zip(*decoded(shared, name, options, flip)[:3], strict=True):
        rows += coco_rows_of(xy[None], conf[None], conf.mean(keepdims=True), person["image_id"])
    return 100 * evaluate_keypoints(pictures.truth, rows).ap


def offset(shared: Path, name: str, options: Mapping[str, Any], flip: bool) -> dict[str, Any]:
    """Return how far keypoints lie to the right of and below their labels on average, pixels of the crop."""
    people, xy, conf, matrices = decoded(shared, name, options, flip)
    labels = np.array([person["keypoints"] for person in people], float).reshape(len(people), -1, 3)
    apart = (xy - labels[..., :2]) * matrices[:, None, [0, 1], [0, 1]]
    counted = (labels[..., 2] > 0) & (conf > SURE) & (np.linalg.norm(apart, axis=-1) < NEAR)
    means, errors = apart[counted].mean(axis=0), apart[counted].std(axis=0) / np.sqrt(counted.sum())
    words = [f"{mean:.2f} ± {error:.2f}" for mean, error in zip(means, errors, strict=True)]
    return {"right": words[0], "below": words[1], "keypoints": int(counted.sum())}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--rows", default="", help="only the rows whose name holds this regular expression")
    asked = parser.parse_args()
    if not (asked.shared / "weights/tinypose-256x192.onnx").is_file():
        raise SystemExit(f"{asked.shared}/weights: TinyPose is not there; name the folder by --shared DIR")
    pictures = read_pictures(asked.shared)
    found = [boxes(asked.shared, pictures, name) for name in DETECTORS if re.search(asked.rows, name)]
    table(found, title="boxes of people")
    refined, offsets = [], []
    for name in SIZES:
        for words, options in DECODING.items():
            if re.search(asked.rows, f"{name} {words}"):
                scores = [keypoints(asked.shared, pictures, name, options, flip) for flip in (False, True)]
                refined.append({"refiner": name, "decoding": words, "AP": scores[0], "AP, flip": scores[1]})
        for words in ("as Poise does", "mirrored maps not moved"):
            for flip in (False, True):
                row = {"refiner": name, "decoding": words, "flip": "yes" if flip else ""}
                offsets.append(row | offset(asked.shared, name, DECODING[words], flip))
    table(refined, title="keypoints in labelled boxes")
    table(offsets, title="mean place of a keypoint against its label, pixels of the crop")
    save(asked.json, boxes=found, keypoints=refined, offsets=offsets)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
