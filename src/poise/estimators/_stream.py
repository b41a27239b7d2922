"""A stream of frames through an estimator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poise.estimators._estimator import Estimator, Memory, Options, to_results
from poise.frames import Frame, Image, Media
from poise.results import Results


def estimate_stream(
    frames: Iterable[Frame],
    estimator: Estimator,
    options: Options,
    *,
    batch: int = 1,
    boxes: Sequence[NDArray[np.float32]] | None = None,
) -> Iterator[Results]:
    """Find the instances of frames of one source after the other.

    Args:
        frames: In order.
        estimator: Does the work; what it keeps of a video lives in a memory made here, one a video.
        options: What the user asked for.
        batch: Pictures a run.
        boxes: The user's own: one array for every picture, or one a picture.

    Raises:
        ValueError: There are fewer arrays of boxes than pictures.
    """
    if boxes is not None:
        yield from _boxed(frames, estimator, options, boxes)
        return
    media: Media | None = None
    memory: Memory | None = None
    for group in _batches(frames, batch):
        if group[0].media is not media:
            media = group[0].media
            memory = None if media.kind == "image" else estimator.memory()
        images: list[Image] = [frame.image for frame in group]
        found = estimator(images, options, memory, times=[frame.time for frame in group])
        for frame, estimate in zip(group, found, strict=True):
            yield to_results(frame, estimate, estimator)


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Group pictures; frames of a video come one by one, since each needs what the last one left in memory."""
    batch: list[Frame] = []
    for frame in frames:
        if frame.media.kind != "image":
            if batch:
                yield batch
                batch = []
            yield [frame]
            continue
        batch.append(frame)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _boxed(
    frames: Iterable[Frame], estimator: Estimator, options: Options, boxes: Sequence[NDArray[np.float32]]
) -> Iterator[Results]:
    """Look into boxes that are given."""
    for n, frame in enumerate(frames):
        if 1 < len(boxes) <= n:
            raise ValueError(
                f"boxes has {len(boxes)} arrays, one a picture, but there is a picture {n + 1}: {frame.media.name}"
            )
        own = replace(options, boxes=boxes[n if len(boxes) > 1 else 0])
        yield to_results(frame, estimator([frame.image], own, None)[0], estimator)
