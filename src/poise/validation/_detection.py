"""Find the instances of every picture of a data set."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poise.datasets import Dataset, Problem
from poise.errors import SourceError
from poise.estimators import Estimator, Options
from poise.estimators.letterbox import Placement
from poise.estimators.yolo import Yolo
from poise.evaluation.instances import Found
from poise.validation._batches import Group, group_by_shape, group_in_order, place_picture

# Batches that are read while the network works on another: one ready, one being read.
_AHEAD = 2

_STEPS = ("preprocess", "inference", "postprocess")

Watch = Callable[[Iterable[Any]], Iterable[Any]]


@dataclass(slots=True)
class Detections:
    """What was found in the pictures of a data set.

    Attributes:
        parts: Picture number to its columns without the picture's number, as :class:`Found` has them; None for a
            column that the network does not give.
        scale: ``(pictures, 2)`` from pixels of the picture to those of the network's input, x and y.
        problems: Pictures that could not be read.
        seconds: Time spent on each step by the thread that runs the network; reading goes on beside it.
    """

    scale: NDArray[np.float64]
    parts: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_STEPS, 0.0))

    def join(self, keypoints: int) -> Found:
        """Join the pictures."""
        numbers = sorted(self.parts)
        parts = [self.parts[i] for i in numbers]
        picture = np.repeat(numbers, [len(part[0]) for part in parts]) if parts else np.empty(0, np.int64)
        if not len(picture):
            return Found.empty(keypoints)
        shapes = ((len(picture), keypoints), (len(picture), keypoints, 2))
        columns = [np.concatenate(column) for column in zip(*(part[:4] for part in parts), strict=True)]
        for column, shape in zip((4, 5), shapes, strict=True):
            values = [part[column] for part in parts]
            # What no picture has takes no memory.
            missing = all(part is None for part in values)
            columns.append(np.broadcast_to(np.float32(np.nan), shape) if missing else np.concatenate(values))
        return Found(picture, *columns)


def detect(
    model: Yolo | Estimator,
    dataset: Dataset,
    sizes: Sequence[tuple[int, int]],
    usable: Sequence[int],
    *,
    options: Options,
    imgsz: int | None,
    batch: int,
    watch: Watch | None = None,
) -> Detections:
    """Find the instances of every usable picture.

    Args:
        model: The network.
        dataset: The pictures.
        sizes: Width and height of each, pixels.
        usable: Numbers of these pictures.
        options: What to keep.
        imgsz: Longer side of the network's input; None: the network's own.
        batch: Pictures a run.
        watch: Wraps the batches, for a progress bar.
    """
    detections = Detections(np.ones((len(dataset), 2)))
    if isinstance(model, Yolo):
        _detect_yolo(model, dataset, sizes, usable, detections, options=options, imgsz=imgsz, batch=batch, watch=watch)
    else:
        _detect_other(model, dataset, usable, detections, options=options, watch=watch)
    return detections


def _detect_yolo(
    model: Yolo,
    dataset: Dataset,
    sizes: Sequence[tuple[int, int]],
    usable: Sequence[int],
    detections: Detections,
    *,
    options: Options,
    imgsz: int | None,
    batch: int,
    watch: Watch | None,
) -> None:
    side = max(model.imgsz) if imgsz is None or not model.free else -(-imgsz // model.stride) * model.stride
    if model.free:
        groups = group_by_shape(sizes, usable, imgsz=side, batch=model.batch or batch, stride=model.stride)
    else:
        groups = group_in_order(usable, size=model.imgsz, batch=model.batch or batch)

    def prepare(group: Group) -> tuple[NDArray[Any], list[Placement | SourceError]]:
        width, height = group.size
        images = np.empty((model.batch or len(group.indices), 3, height, width), dtype=model.dtype)
        placements: list[Placement | SourceError] = []
        for row, i in enumerate(group.indices):
            try:
                placements.append(place_picture(dataset.image(int(i)), images[row], imgsz=side))
            except SourceError as error:
                images[row] = 0
                placements.append(error)
        images[len(group.indices) :] = 0
        return images, placements

    seconds = detections.seconds
    for group, reading in _read_ahead(groups, prepare, watch):
        start = time.perf_counter()
        images, placements = reading.result()
        ready = time.perf_counter()
        rows, sigma = model.run(images)
        ran = time.perf_counter()
        for row, (i, placed) in enumerate(zip(group.indices, placements, strict=True)):
            if isinstance(placed, SourceError):
                detections.problems.append(_unreadable(dataset, int(i), placed))
                continue
            chosen, spread = model.pick(rows[row], None if sigma is None else sigma[row], options)
            scale = np.array(placed.inner) / np.array(placed.source)
            shift = np.array([placed.left, placed.top])
            detections.scale[i] = scale
            points = chosen.points.astype(np.float64)
            n = len(points)
            detections.parts[int(i)] = (
                chosen.classes,
                ((chosen.boxes.reshape(n, 2, 2) - shift) / scale).reshape(n, 4),
                chosen.conf.astype(np.float64),
                ((points[..., :2] - shift) / scale).astype(np.float32),
                chosen.points[..., 2] if points.shape[2] == 3 else None,
                None if spread is None else (spread / scale).astype(np.float32),
            )
        seconds["preprocess"] += ready - start
        seconds["inference"] += ran - ready
        seconds["postprocess"] += time.perf_counter() - ran


def _detect_other(
    model: Estimator,
    dataset: Dataset,
    usable: Sequence[int],
    detections: Detections,
    *,
    options: Options,
    watch: Watch | None,
) -> None:
    groups = group_in_order(usable, size=(1, 1), batch=1)

    def prepare(group: Group) -> Any:
        try:
            return dataset.image(int(group.indices[0]))
        except SourceError as error:
            return error

    for group, reading in _read_ahead(groups, prepare, watch):
        start = time.perf_counter()
        image, i = reading.result(), int(group.indices[0])
        detections.seconds["preprocess"] += time.perf_counter() - start
        if isinstance(image, SourceError):
            detections.problems.append(_unreadable(dataset, i, image))
            continue
        (estimate,) = model([image], options)
        for step in ("preprocess", "inference", "postprocess"):
            detections.seconds[step] += estimate.speed.get(step, 0.0) / 1e3
        boxes = estimate.boxes.astype(np.float64)
        detections.parts[i] = (
            boxes[:, 5].astype(np.int64),
            boxes[:, :4],
            boxes[:, 4],
            estimate.xy,
            estimate.conf,
            estimate.sigma,
        )


def _unreadable(dataset: Dataset, i: int, error: Exception) -> Problem:
    """Say which picture could not be read."""
    text = str(error).removeprefix(f"{dataset.paths[i]}: ")
    return Problem("unreadable-picture", "error", dataset.paths[i], None, text, "mend or remove the picture")


def _read_ahead(
    groups: Sequence[Group], prepare: Callable[[Group], Any], watch: Watch | None
) -> Iterator[tuple[Group, Future[Any]]]:
    """Prepare batches in a thread beside the network, never more than a few."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="poise-read") as pool:
        waiting: deque[tuple[Group, Future[Any]]] = deque()
        left = iter(groups)
        for group in left:
            waiting.append((group, pool.submit(prepare, group)))
            if len(waiting) == _AHEAD:
                break
        for _ in watch(groups) if watch else groups:
            ready = waiting.popleft()
            following = next(left, None)
            if following is not None:
                waiting.append((following, pool.submit(prepare, following)))
            yield ready
