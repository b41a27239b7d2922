"""Validate a network on a data set."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poise.datasets import Dataset, DataSpec, Problem, Scan, scan, stack
from poise.errors import FormatError, ModelError, require, suggest
from poise.estimators import Estimator, Options
from poise.estimators.calibration import Calibrated
from poise.estimators.yolo import Yolo
from poise.evaluation.coco_protocol import score_by_coco
from poise.evaluation.confusion import CONF, confuse
from poise.evaluation.instances import Expected, Found, Matches, match_boxes, match_keypoints
from poise.evaluation.metrics import Evidence, PoseMetrics, Scores
from poise.geometry import BOX_AREA
from poise.runtime import Session
from poise.skeletons import Skeleton, get
from poise.validation._detection import Watch, detect

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
        watch: Wraps the batches, for a progress bar; each has ``indices``, the numbers of its pictures, and runs right
            after it came out of the wrapper.

    A picture that cannot be read, or whose labels are wrong, is left out of finds and labels alike and named in
    ``skipped`` of the result.

    Raises:
        FormatError: There is nothing to score: no labels, or no picture that can be used.
        ModelError: The network finds other keypoints or other classes than those that are labelled.
        ValueError: An argument that cannot be.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"no protocol named {protocol!r}{suggest(protocol, PROTOCOLS)}")
    if protocol == "coco":
        require("hotcoco", extra="eval", feature="COCO evaluation")
    estimator, calibration = (model.inner, model.calibration) if isinstance(model, Calibrated) else (model, None)
    if not callable(estimator):
        estimator = Yolo(estimator)
    spec = dataset.spec
    classes, notes = agree(estimator.skeleton, estimator.names, spec)
    order, order_notes = ordered(estimator.skeleton, spec)
    labels = scan(dataset) if labels is None else labels
    usable = [i for i, good in enumerate(labels.usable) if good]
    most = max((len(labels.labels[i]) for i in usable), default=0)
    if not most:
        raise _no_labels(dataset, labels.problems)
    options = Options(conf=conf, iou=iou, max_det=max(max_det, most), imgsz=imgsz, multi_label=True)
    detections = detect(
        estimator, dataset, labels.sizes, usable, options=options, imgsz=imgsz, batch=batch, watch=watch
    )
    start = time.perf_counter()
    problems = [problem for problem in labels.problems if problem.severity == "error"] + detections.problems
    unread = {problem.file for problem in detections.problems}
    used = [i for i in usable if dataset.paths[i] not in unread]
    if not any(len(labels.labels[i]) for i in used):
        raise _no_labels(dataset, problems)
    found, expected = _renumber_classes(detections.join(spec.kpt_shape[0]), classes), expectation(labels, used)
    if order is not None:
        reordered = {name: getattr(found, name)[:, order] for name in ("xy", "point_conf", "sigma")}
        found = replace(found, **reordered)
    if calibration is not None:
        found = replace(
            found, point_conf=calibration.confidence(found.point_conf), sigma=calibration.spread(found.sigma)
        )
    score = _by_coco if protocol == "coco" else _by_yolo
    pose, box, evidence, score_notes = score(expected, found, detections.scale, dataset, labels, used)
    if not (spec.kpt_names or spec.skeleton.edges):
        evidence = replace(evidence, skeleton=estimator.skeleton)  # the data set has no names for its keypoints
    confusion = confuse(
        evidence.expected, evidence.found, spec.names, conf=max(CONF, conf), ignore_crowds=protocol == "coco"
    )
    seconds = {**detections.seconds, "evaluate": time.perf_counter() - start}
    return PoseMetrics(
        pose=pose,
        box=box,
        protocol=protocol,
        names=spec.names,
        images=len(used),
        instances=len(evidence.box.target_classes),
        speed={step: 1e3 * value / max(len(used), 1) for step, value in seconds.items()},
        notes=(*notes, *order_notes, *score_notes, *_unlabelled(expected), *_label_assumptions(dataset, labels)),
        skipped=tuple(str(problem) for problem in problems),
        evidence=evidence,
        confusion=confusion,
    )


def _unlabelled(expected: Expected) -> list[str]:
    """Return a note where no keypoint is labelled: scores of keypoints are 0 then, whatever the network finds."""
    if (expected.visibility > 0).any():
        return []
    return ["no instance has a labelled keypoint: the scores of keypoints say nothing"]


def _label_assumptions(dataset: Dataset, labels: Scan) -> list[str]:
    """Return what was assumed in reading the labels, but not what of them no score needs."""
    notes = [note for note in getattr(dataset, "notes", ()) if not note.startswith("not read")]
    return notes + [str(problem) for problem in labels.problems if problem.kind == "confidences"]


def expectation(scanned: Scan, pictures: list[int]) -> Expected:
    """Join the labels of some pictures; 0.53 of the box stands for an area that is not known."""
    parts = [scanned.labels[i] for i in pictures]
    picture = np.repeat(np.asarray(pictures, dtype=np.int64), [len(part) for part in parts])
    joined = stack(parts)
    boxes = joined.boxes.astype(np.float64)
    xy, area = joined.xy.astype(np.float64), joined.whole_area
    return Expected(picture, joined.classes, boxes, xy, joined.visibility, area, joined.crowd)


def yolo_sigmas(spec: DataSpec) -> NDArray[np.float64]:
    """Return the OKS spreads that the original package takes: the data set's own, COCO's for 17 x 3, else 1/K."""
    k, values = spec.kpt_shape
    if spec.skeleton.sigmas_source.startswith("kpt_oks_sigmas"):
        return spec.skeleton.sigmas
    return get("coco17").sigmas if (k, values) == (17, 3) else np.full(k, 1 / k)


def _no_labels(dataset: Dataset, problems: Sequence[Problem]) -> FormatError:
    """Say why there is nothing to score."""
    errors = [problem for problem in problems if problem.severity == "error"]
    where = f"{dataset.spec.file}: {dataset.split}: "
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return FormatError(f"{where}no picture with labels that can be used: {errors[0]}{more}")
    return FormatError(
        f"{where}{len(dataset)} pictures, none with a label; validation needs labels (a .txt file a picture below "
        f"'labels', or annotations in the JSON file)"
    )


def agree(skeleton: Skeleton, names: Mapping[int, str], spec: DataSpec) -> tuple[dict[int, int], tuple[str, ...]]:
    """Hold a model against a data set.

    Returns:
        Class of the model to class of the data set, and what a reader must know of it.

    Raises:
        ModelError: Keypoints or classes differ.
    """
    k = len(skeleton)
    if k != spec.kpt_shape[0]:
        raise ModelError(
            f"the network finds {k} keypoints ({skeleton.name}), but {spec.file} labels {spec.kpt_shape[0]} "
            f"(kpt_shape {list(spec.kpt_shape)}); use a model that was trained for this data"
        )
    if dict(names) == dict(spec.names):
        return {number: number for number in names}, ()
    own = {name.lower(): number for number, name in names.items()}
    wanted = {number: name.lower() for number, name in spec.names.items()}
    if len(names) == len(wanted) == 1:
        note = f"the network's class {names[min(names)]!r} is scored as {spec.names[0]!r}"
        return {min(names): 0}, (note,)
    missing = [spec.names[number] for number, name in wanted.items() if name not in own]
    if missing:
        raise ModelError(
            f"the network's classes ({', '.join(list(names.values())[:10])}) lack {', '.join(map(repr, missing[:5]))}, "
            f"which {spec.file} labels{suggest(missing[0], names.values())}"
        )
    return {own[name]: number for number, name in wanted.items()}, ("classes are compared by name",)


def ordered(skeleton: Skeleton, spec: DataSpec) -> tuple[list[int] | None, tuple[str, ...]]:
    """Hold the names of a model's keypoints against those of a data set.

    Returns:
        The model's keypoints in the order of the data set, or None where that is their own order; and what a reader
        must know of it.
    """
    own, wanted = skeleton.keypoints, spec.skeleton.keypoints
    if own == wanted or not spec.kpt_names:
        return None, ()
    if set(own) == set(wanted):
        return [own.index(name) for name in wanted], ("keypoints are compared by name: their order differs",)
    first = next(i for i, (a, b) in enumerate(zip(own, wanted, strict=True)) if a != b)
    return None, (f"keypoints are compared by number: the network's {own[first]!r} is scored as {wanted[first]!r}",)


def _renumber_classes(found: Found, classes: Mapping[int, int]) -> Found:
    """Give finds the data set's class numbers, and drop those of classes that it has not."""
    if all(old == new for old, new in classes.items()) and np.isin(found.classes, list(classes)).all():
        return found
    kept = found[np.isin(found.classes, list(classes))]
    return replace(kept, classes=np.array([classes[int(c)] for c in kept.classes], dtype=np.int64))


def _by_yolo(
    expected: Expected, found: Found, scale: NDArray[np.float64], dataset: Dataset, labels: Scan, used: list[int]
) -> tuple[Scores, Scores, Evidence, tuple[str, ...]]:
    nc, sigmas = len(dataset.spec.names), yolo_sigmas(dataset.spec)
    pose = match_keypoints(expected, found, pictures=len(dataset), sigmas=sigmas, scale=scale)
    box = match_boxes(expected, found, pictures=len(dataset), scale=scale)
    evidence = _evidence(expected, found, pose, box, sigmas, scale, dataset, labels, used)
    notes = (f"area of an instance: {BOX_AREA} x its box", _describe_sigmas(sigmas))
    return Scores.of(pose, nc), Scores.of(box, nc), evidence, notes


def _by_coco(
    expected: Expected, found: Found, scale: NDArray[np.float64], dataset: Dataset, labels: Scan, used: list[int]
) -> tuple[Scores, Scores, Evidence, tuple[str, ...]]:
    size = np.array(labels.sizes, dtype=np.float64)[found.picture]
    inside = np.clip(found.boxes.reshape(-1, 2, 2), 0, size[:, None]).reshape(-1, 4)
    clipped = replace(found, boxes=inside)
    spec, n = dataset.spec, len(dataset)
    sigmas = spec.skeleton.sigmas
    pose, by_pose = score_by_coco(expected, clipped, kind="keypoints", names=spec.names, pictures=n, sigmas=sigmas)
    box, by_box = score_by_coco(expected, clipped, kind="bbox", names=spec.names, pictures=n, sigmas=sigmas)
    evidence = _evidence(expected, clipped, by_pose, by_box, sigmas, scale, dataset, labels, used)
    guessed = any(np.isnan(labels.labels[i].area).any() for i in used)
    area = f"area of an instance: {BOX_AREA} x its box, as the labels have none" if guessed else "areas from the labels"
    return pose, box, evidence, (area, _describe_sigmas(sigmas))


def _evidence(
    expected: Expected,
    found: Found,
    pose: Matches,
    box: Matches,
    sigmas: NDArray[np.float64],
    scale: NDArray[np.float64],
    dataset: Dataset,
    labels: Scan,
    used: list[int],
) -> Evidence:
    return Evidence(
        expected,
        found,
        pose,
        box,
        tuple(map(dataset.name, range(len(dataset)))),
        np.array(used, dtype=np.int64),
        tuple(labels.sizes),
        dataset.spec.skeleton,
        sigmas,
        scale,
    )


def _describe_sigmas(sigmas: NDArray[np.float64]) -> str:
    if np.ptp(sigmas) < 1e-12:
        return f"OKS sigma of every keypoint: {sigmas[0]:.4g}"
    return f"OKS sigmas: {sigmas.min():.3g} to {sigmas.max():.3g}"
