"""The flow of one prediction: frames in, results out, saved and shown on the way."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from poise.errors import SourceError, WindowClosed
from poise.estimators import Estimator, estimate_stream
from poise.model.series import Series, is_frame
from poise.model.settings import Settings
from poise.results import Results

if TYPE_CHECKING:
    from poise.model.run import Run

_log = logging.getLogger("poise")


def predict(
    source: Any,
    settings: Settings,
    estimator: Estimator,
    *,
    series: Series,
    facts: Callable[[], dict[str, Any]],
) -> Generator[Results]:
    """Give the results of a source, frame by frame.

    Args:
        source: What :func:`poise.sources.open_source` takes.
        settings: Of the prediction.
        estimator: What runs the networks.
        series: What goes on from an earlier call: number and time of frames passed one by one, tracks, filters.
        facts: Gives what a manifest says of the model; called only where something is saved.

    Raises:
        SourceError: The source cannot be read. One unreadable file among several is told and left out.
        StreamLost: A live source broke off for good, after its last frame; only where there is no ``on_error``.
    """
    from poise.sources import StreamLost, is_lazy, is_one, open_source

    alone = is_one(source)
    errors: list[str] = []
    notes: list[str] = []
    lost: list[SourceError] = []

    def failed(error: SourceError) -> None:
        errors.append(str(error))
        if isinstance(error, StreamLost):
            lost.append(error)
        if settings.on_error is not None:
            settings.on_error(error)
        elif not lost:
            _log.warning("%s", error)

    def noted(note: str) -> None:
        notes.append(note)
        _log.warning("%s", note)

    # Around the other: a window closes once what was seen in it is written.
    with ExitStack() as last, suppress(WindowClosed), ExitStack() as stack:
        frames = stack.enter_context(
            open_source(
                source,
                vid_stride=settings.vid_stride,
                stream_buffer=settings.stream_buffer,
                follow=settings.follow,
                reconnect=settings.reconnect,
                on_error=failed,
                on_note=noted,
            )
        )
        run = _run(stack, source, settings, series, facts, errors, notes) if settings.saves else None
        lazy = is_lazy(source)
        showing = None
        if settings.show:
            from poise.model.showing import Showing

            showing = Showing(settings, series, source, alone=alone, lazy=lazy, run=run)
            last.callback(showing.close)
        numbered = series.number(frames, settings, alone=alone, lazy=lazy)
        results = estimate_stream(
            numbered,
            estimator,
            settings.options,
            batch=settings.batch,
            boxes=settings.boxes,
            memories=series.memories,
        )
        if series.tracker is not None:
            from poise.tracking import follow_stream

            results = follow_stream(results, series.tracker, last=series.last)
        if settings.smooth is not False:
            from poise.filters.stream import smooth_stream

            results = smooth_stream(results, series.smoother(settings.smooth), last=series.last)
        for result in results:
            series.last = result.media
            if run is not None:
                result = result.replace(save_dir=str(run.path))
                run.write(result)
            going = showing is None or showing.take(result)
            if settings.verbose is not False:
                _log.info("%s frame %d: %s", result.path, result.frame, result.verbose())
            if settings.verbose:
                _say(_line(result))
            if run is not None and run is series.run:
                run.flush()
            yield result
            if not going:
                raise WindowClosed
        if alone:
            series.rest()
    if run is not None and run is not series.run and run.path.is_dir():
        _told(run, settings)
    if lost and settings.on_error is None:
        raise lost[0]


def _line(result: Results) -> str:
    """Return what is printed of a frame: where it is from, its size, what was found, and the time that it took."""
    height, width = result.orig_shape
    number = f" frame {result.frame}" if result.media.kind != "image" else ""
    return f"{result.path}{number}: {height}x{width} {result.verbose()}{sum(result.speed.values()):.1f} ms"


def _told(run: Run, settings: Settings) -> None:
    """Print where results are saved, unless somebody else is told."""
    if settings.verbose is not False and settings.on_saved is None:
        _say(f"Results saved to {run.path}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _run(
    stack: ExitStack,
    source: Any,
    settings: Settings,
    series: Series,
    facts: Callable[[], dict[str, Any]],
    errors: list[str],
    notes: list[str],
) -> Run:
    """Return the run in which a call is saved: frames passed one by one share one, everything else has its own."""
    alone = is_frame(source)
    if alone and series.run is not None and series.run.takes(settings):
        return series.run
    from poise.model.run import Run  # brings drawing and the writers of files

    run = Run(settings, source=source, model=facts(), errors=errors, notes=notes)
    if alone:
        series.keep(run)
        _told(run, settings)
    else:
        stack.enter_context(run)
    return run
