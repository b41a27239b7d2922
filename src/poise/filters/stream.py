"""A stream of results, steadied: what ``smooth=`` of predict and track does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from poise.filters.smoothing import Kalman, OneEuro, Smoother
from poise.frames import Media, continues
from poise.results import Results


def smooth_stream(
    results: Iterable[Results], method: str | bool | OneEuro | Kalman | Smoother, *, last: Media | None = None
) -> Iterator[Results]:
    """Yield steadied results; each video or stream has a filter of its own, and single pictures pass as they are.

    Args:
        results: Results of one source or several after one another, in the order of time.
        method: See :class:`poise.filters.Smoother`; or one that goes on from an earlier call.
        last: The source of the frame that it saw last.
    """
    media = last
    smoother = method if isinstance(method, Smoother) else Smoother(method)
    for result in results:
        if result.media.kind == "image":
            yield result
            continue
        if not continues(result.media, media):
            smoother.reset()
        media = result.media
        yield smoother.update(result)
