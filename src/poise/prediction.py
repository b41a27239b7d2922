"""The flow of one prediction: frames in, results out, saved and shown on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

from poise.errors import SourceError
from poise.estimators import Estimator, estimate_stream
from poise.motion.stream import smooth_stream
from poise.results import Results
from poise.settings import Settings
from poise.tracking import Tracker, follow_stream

_log = logging.getLogger("poise")


def predict(
    source: Any,
    settings: Settings,
    estimator: Estimator,
    *,
    tracker: Tracker | None = None,
    facts: Callable[[], dict[str, Any]],
) -> Generator[Results]:
    """Give the results of a source, frame by frame.

    Args:
        source: What :func:`poise.sources.open_source` takes.
        settings: Of the prediction.
        estimator: What runs the networks.
        tracker: Who is who; None: nobody asks.
        facts: Gives what a manifest says of the model; called only where something is saved.

    Raises:
        SourceError: The source cannot be read. One unreadable file among several is told and left out.
    """
    from poise.sources import open_source

    if settings.saves:
        from poise.run import Run

    errors: list[str] = []

    def failed(error: SourceError) -> None:
        errors.append(str(error))
        if settings.on_error is None:
            _log.warning("%s", error)
        else:
            settings.on_error(error)

    with ExitStack() as stack:
        frames = stack.enter_context(
            open_source(
                source,
                vid_stride=settings.vid_stride,
                stream_buffer=settings.stream_buffer,
                follow=settings.follow,
                on_error=failed,
            )
        )
        run = None
        if settings.saves:
            run = Run(settings, source=source, model=facts(), errors=errors)
            stack.enter_context(run)
        results = estimate_stream(frames, estimator, settings.options, batch=settings.batch, boxes=settings.boxes)
        if tracker is not None:
            results = follow_stream(results, tracker, keep=settings.persist)
        if settings.smooth is not False:
            results = smooth_stream(results, settings.smooth)
        for result in results:
            if run is not None:
                run.write(result)
            if settings.show:
                result.show(**settings.drawing)
            if settings.verbose:
                _log.info("%s frame %d: %s", result.path, result.frame, result.verbose())
            yield result
