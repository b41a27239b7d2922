"""A stream of frames through an estimator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poise.estimators._estimator import Estimator, Memory, Options, to_results
from poise.frames import Frame, Image, Media, continues
from poise.results import Results


class Memories:
    """The memory of the source that is being read; another source gets a fresh one.

    Args:
        scene: Frames of the user's own follow each other as those of a video do. Else each stands alone.
    """

    def __init__(self, *, scene: bool = False) -> None:
        self._scene = scene
        self._media: Media | None = None
        self._estimator: Estimator | None = None
        self._memory: Memory | None = None

    def follow(self, media: Media) -> bool:
        """Whether a source's frames have to do with each other."""
        return media.kind in ("video", "stream") or (media.kind == "frames" and self._scene)

    def of(self, media: Media, estimator: Estimator) -> Memory | None:
        """Return the memory for the next frame of a source, None where there is none."""
        if not continues(media, self._media, scene=False) or estimator is not self._estimator:
            self._media, self._estimator = media, estimator
            self._memory = estimator.memory() if self.follow(media) else None
        return self._memory


def estimate_stream(
    frames: Iterable[Frame],
    estimator: Estimator,
    options: Options,
    *,
    batch: int = 1,
    boxes: Sequence[NDArray[np.float32]] | None = None,
    memories: Memories | None = None,
) -> Iterator[Results]:
    """Find the instances of frames of one source after the other.

    Args:
        frames: In order.
        estimator: Does the work; what it keeps of a video lives in a memory made here, one a video.
        options: What the user asked for.
        batch: Pictures a run.
        boxes: The user's own: one array for every picture, or one a picture.
        memories: What the caller keeps from one call to the next, for frames passed one by one.

    Raises:
        ValueError: There are fewer arrays of boxes than pictures.
    """
    if boxes is not None:
        yield from _boxed(frames, estimator, options, boxes)
        return
    memories = memories or Memories()
    for group in _batches(frames, batch, memories):
        memory = memories.of(group[0].media, estimator)
        images: list[Image] = [frame.image for frame in group]
        found = estimator(images, options, memory, times=[frame.time for frame in group])
        for frame, estimate in zip(group, found, strict=True):
            yield to_results(frame, estimate, estimator)


def _batches(frames: Iterable[Frame], size: int, memories: Memories) -> Iterator[list[Frame]]:
    """Group pictures; frames of a video come one by one, since each needs what the last one left in memory."""
    batch: list[Frame] = []
    for frame in frames:
        if memories.follow(frame.media):
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
