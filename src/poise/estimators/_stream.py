"""A stream of frames through an estimator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from poise.estimators._estimator import Estimator, Memory, Options, to_results
from poise.frames import Frame, Image, Media
from poise.results import Results


def estimate_stream(
    frames: Iterable[Frame], estimator: Estimator, options: Options, *, batch: int = 1
) -> Iterator[Results]:
    """Find the instances of frames of one source after the other.

    Args:
        frames: In order.
        estimator: Does the work; what it keeps of a video lives in a memory made here, one a video.
        options: What the user asked for.
        batch: Pictures a run.
    """
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
