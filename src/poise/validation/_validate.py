"""Validate a network on a data set."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poise.datasets import Dataset, DataSpec, Problem, Scan, scan, stack
from poise.errors import FormatError, ModelError, suggest
from poise.estimators import Estimator
from poise.estimators._estimator import Options
from poise.estimators.yolo import Yolo
from poise.evaluation.average_precision import BOX_AREA
from poise.evaluation.instances import Expected, Found, match_boxes, match_keypoints
from poise.evaluation.metrics import PoseMetrics, Scores
from poise.geometry import box_area
from poise.runtime import Session
from poise.skeletons import get
from poise.validation._finding import Watch, find

Protocol = Literal["yolo", "coco"]
PROTOCOLS = ("yolo", "coco")


def validate(
    model: Session | Estimator | Yolo,
    dataset: Dataset,
    *,
    protocol: str = "yolo",
    imgsz: int | None = None,
    batch: int = 16,
    conf: float = 0.001,
    iou: float = 0.7,
    max_det: int = 300,
    labels: Scan | None = None,
    watch: Watch | None = None,
) -> PoseMetrics:
    """Score a network on the labelled pictures of a data set.

    Args:
        model: A YOLO-pose network as a session of any engine, or a loaded estimator of any family.
        dataset: Pictures with labels.
        protocol: ``"yolo"``: the original package's; ``"coco"``: COCO's.
        imgsz: Longer side of the network's input, pixels; None: the network's own.
        batch: Pictures a run.
        conf: Drop finds below this confidence; low, since average precision ranks them all.
        iou: Of two finds whose boxes overlap more than this, the better stays (YOLO networks).
        max_det: Most finds a picture; raised to the largest number of instances in a picture.
        labels: What :func:`poise.datasets.scan` found, where it is known already.
        watch: Wraps the batches, for a progress bar.

    A picture that cannot be read, or whose labels are wrong, is left out of finds and labels alike and named in
    ``problems`` of the result.

    Raises:
        FormatError: There is nothing to score: no labels, or no picture that can be used.
        ModelError: The network finds other keypoints or other classes than those that are labelled.
        ValueError: An argument that cannot be.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"no protocol named {protocol!r}{suggest(protocol, PROTOCOLS)}")
    estimator = model if callable(model) else Yolo(model)
    spec = dataset.spec
    if len(estimator.skeleton) != spec.kpt_shape[0]:
        raise ModelError(
            f"the network finds {len(estimator.skeleton)} keypoints, but {spec.file} labels {spec.kpt_shape[0]} "
            f"(kpt_shape {list(spec.kpt_shape)}); use a model that was trained for this data"
        )
    read = scan(dataset) if labels is None else labels
    usable = [i for i, good in enumerate(read.usable) if good]
    most = max((len(read.labels[i]) for i in usable), default=0)
    if not most:
        raise nothing(dataset, read)
    options = Options(conf=conf, iou=iou, max_det=max(max_det, most), multi_label=True)
    finds = find(estimator, dataset, read.sizes, usable, options=options, imgsz=imgsz, batch=batch, watch=watch)
    start = time.perf_counter()
    unread = {problem.file for problem in finds.problems}
    seen = [i for i in usable if dataset.paths[i] not in unread]
    found, expected = finds.found(spec.kpt_shape[0]), expectation(read, seen)
    metrics = _by_yolo(expected, found, len(dataset), finds.scale, spec)
    pose, box = metrics
    seconds = {**finds.seconds, "evaluate": time.perf_counter() - start}
    return PoseMetrics(
        pose=pose,
        box=box,
        protocol=protocol,
        names=spec.names,
        images=len(seen),
        instances=len(expected),
        speed={step: 1e3 * value / max(len(seen), 1) for step, value in seconds.items()},
    )


def expectation(read: Scan, pictures: list[int]) -> Expected:
    """Join the labels of some pictures; 0.53 of the box stands for an area that is not known."""
    labels = [read.labels[i] for i in pictures]
    picture = np.repeat(np.asarray(pictures, dtype=np.int64), [len(part) for part in labels])
    every = stack(labels)
    boxes = every.boxes.astype(np.float64)
    area = np.where(np.isnan(every.area), BOX_AREA * box_area(boxes), every.area)
    return Expected(picture, every.classes, boxes, every.xy.astype(np.float64), every.visibility, area, every.crowd)


def yolo_sigmas(spec: DataSpec) -> NDArray[np.float64]:
    """Return the OKS spreads that the original package takes: the data set's own, COCO's for 17 x 3, else 1/K."""
    k, values = spec.kpt_shape
    if spec.skeleton.sigmas_source.startswith("kpt_oks_sigmas"):
        return spec.skeleton.sigmas
    return get("coco17").sigmas if (k, values) == (17, 3) else np.full(k, 1 / k)


def nothing(dataset: Dataset, read: Scan) -> FormatError:
    """Say why there is nothing to score."""
    errors: list[Problem] = [p for p in read.problems if p.severity == "error"]
    where = f"{dataset.spec.file}: {dataset.split}: "
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return FormatError(f"{where}no picture with labels that can be used: {errors[0]}{more}")
    return FormatError(
        f"{where}{len(dataset)} pictures, none with a label; validation needs labels (a .txt file a picture below "
        f"'labels', or annotations in the JSON file)"
    )


def _by_yolo(
    expected: Expected, found: Found, pictures: int, scale: NDArray[np.float64], spec: DataSpec
) -> tuple[Scores, Scores]:
    nc = len(spec.names)
    pose = match_keypoints(expected, found, pictures=pictures, sigmas=yolo_sigmas(spec), scale=scale)
    box = match_boxes(expected, found, pictures=pictures, scale=scale)
    return Scores.of(pose, nc), Scores.of(box, nc)
