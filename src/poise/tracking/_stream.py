"""Ids for a stream of results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from poise.frames import Media, continues
from poise.results import Results
from poise.tracking._tracker import Tracker


def follow_stream(results: Iterable[Results], tracker: Tracker, *, last: Media | None = None) -> Iterator[Results]:
    """Pass frames on with the ids of their instances.

    Every video begins anew, with id 1. Pictures that follow each other are taken for the frames of one scene.

    Args:
        results: Frames in order; of one source after the other.
        tracker: Does the work.
        last: The source of the frame that the tracker saw last, where it goes on from an earlier call.
    """
    media = last
    for result in results:
        if media is not None and not continues(result.media, media):
            tracker.reset()
        media = result.media
        yield tracker.update(result)
