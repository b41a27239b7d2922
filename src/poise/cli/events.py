"""``poise events``: what happens in video."""

from __future__ import annotations

import json as json_
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.cli._app import STDIN
from poise.cli._options import Opening, Quiet, RunName, Several, Switch
from poise.cli._report import Reporter, window_for
from poise.files.text import plain

if TYPE_CHECKING:
    from poise.results import Results


def events(
    *source: str,
    zone: list[Path] | None = None,
    falls: Switch = False,
    posture: Switch = False,
    reps: str | None = None,
    gestures: Several = None,
    mirrored: bool = False,
    hands: str = "hands",
    json: Switch = False,
    csv: Path | None = None,
    post: str | None = None,
    heatmap: Path | None = None,
    save: Switch = False,
    show: Switch = False,
    overwrite: bool = False,
    model: str | None = None,
    tracker: str = "pose.yaml",
    vid_stride: int = 1,
    quiet: Quiet = False,
    run: RunName | None = None,
    opening: Opening | None = None,
) -> int:
    """Say what happens in SOURCE: falls, postures, gestures, who enters a zone or crosses a line.

    Without --json, one line an event that people read. Exit code: 0 done, 1 something could not be read or written or
    did not arrive, 2 wrong use.

    Args:
        source: Video, camera number, address, folder of frames, or - for standard input.
        zone: A .toml of zones, lines and triggers; may be repeated.
        falls: Look for falls.
        posture: Look for changes between standing, sitting, bending and lying.
        reps: Count the repetitions of this exercise, or of those that are recognised (auto).
        gestures: Look for gestures: hands, numbers, body, moves, or a .toml of your own; several are joined (default:
            hands body). Write it after the source.
        mirrored: With --gestures: the pictures are mirrored, as a selfie camera gives them.
        hands: With --gestures: hand model.
        json: Print one JSON line an event on standard output.
        csv: Also write the events into this table.
        post: Also post each event as JSON to this http or https address.
        heatmap: Write a picture of where people were.
        save: Write the video with zones, counters and events under runs/pose/events; --name asks for it too.
        show: Show the same in a window (q ends, space pauses, f fills the screen, s saves the frame).
        overwrite: Let --csv and --heatmap replace files that exist.
        model: A name from 'poise models', a network file, or a published name (default: body-fast with --falls, because
            it sees people who lie, else body).
        tracker: pose.yaml, bytetrack.yaml, botsort.yaml, or the path of such a file.
        vid_stride: Read every n-th frame of a video.
        quiet: Show nothing but results and errors.
        run: Where it is saved.
        opening: How the model is opened.
    """
    if not source:
        hint = f"; {gestures[0]!r} was taken for a set of gestures: write the source first" if gestures else ""
        raise ValueError(f"events needs a source: a video, camera number, address, folder of frames, or -{hint}")
    from poise.drawing import WindowClosed
    from poise.events.event import EventStream
    from poise.events.heatmap import Heatmap
    from poise.events.pipeline import EventPainter, EventVideo, detectors, run_events, save_heatmap
    from poise.files.writing import check_writable
    from poise.sinks import EventCsvSink, Webhook, refuse_existing

    report, opening, run = Reporter(quiet=quiet, lines=False), opening or Opening(), run or RunName()
    more: list[Any] = []
    watch: GestureWatch | None = None
    if gestures is not None:
        from poise.gestures import GestureRecognizer, GestureWatch

        asked = GestureRecognizer(gestures or None, mirrored=mirrored)
        found_by = opening.engine().open(hands) if "hand" in asked.parts else None
        more.append(watch := GestureWatch(asked, hands=found_by))
    if reps is not None:
        from poise.reps import RepWatch

        more.append(RepWatch(reps))
    wanted = detectors(zones=zone or (), falls=falls, posture=posture, more=more)
    told = _notes(wanted)
    for note in told:
        report.note(note)
    heat, picture = Heatmap(), None
    if heatmap is not None:
        refuse_existing(heatmap, overwrite=overwrite)
        check_writable(heatmap)
    space = watch is not None and watch.recognizer.in_space
    model = model or ("body-3d" if space else "body-fast" if falls else "body")
    pose = opening.open(model)
    if watch is not None:
        watch.recognizer.check_body(model, pose.skeleton.name)
    words = ["-" if word == STDIN else "0" if word == "webcam" else word for word in source]
    window = window_for("--save writes the video", show=show)
    screen, seen = EventPainter(wanted), None
    webhook: Webhook | None = None
    with suppress(WindowClosed), ExitStack() as stack:
        if window is not None:
            stack.callback(window.close)
        webhook = None if post is None else Webhook(post)
        sinks: list[Any] = [one for one in (webhook,) if one is not None]
        if csv is not None:
            sinks.append(EventCsvSink(csv, overwrite=overwrite))
        for sink in sinks:
            stack.callback(sink.close)
        results = pose.track(
            words if len(words) > 1 else words[0],
            stream=True,
            tracker=tracker,
            vid_stride=vid_stride,
            verbose=False,
            on_error=report.error,
        )
        stack.callback(results.close)
        video = None
        if save or run.name or run.project:
            video = stack.enter_context(
                EventVideo(
                    wanted,
                    **run.arguments,
                    errors=report.errors,
                    source=words,
                    model=pose.name,
                )
            )
            report.saved(video.path)
        try:
            for result, found in run_events(report.watch(results), EventStream(wanted), sinks):
                for event in found:
                    line = event.record()
                    _say(json_.dumps(line, ensure_ascii=False) if json else _read(line))
                if video is not None:
                    video.write(result, found)
                if heatmap is not None:
                    heat.add(result)
                    picture = result.orig_img if picture is None else picture
                # The last frame comes again, with what ended.
                if window is not None and seen != (at := (result.media.key, result.frame)):
                    seen = at
                    screen.take(result, found)
                    if not window.show(result, partial(screen.draw, result), wait=_frames(result)):
                        raise WindowClosed
        finally:
            # A live stream ends by Ctrl-C; what was seen until then is wanted.
            if heatmap is not None and picture is not None:
                save_heatmap(heatmap, heat, picture)
    for note in [text for text in _notes(wanted) if text not in told]:  # what the size of the picture showed
        report.note(note)
    code = report.finish()
    if webhook is not None and webhook.note:
        report.error(ValueError(webhook.note))
        return 1
    return code


def _frames(result: Results) -> bool | None:
    """Return True for pictures that are frames of a recording; of others their source says whether they are."""
    return True if result.media.kind == "image" else None


def _notes(wanted: list[Any]) -> list[str]:
    return [text for one in wanted for text in getattr(one, "notes", ())]


def _say(line: str) -> None:
    sys.stdout.write(plain(line) + "\n")
    sys.stdout.flush()


def _read(line: dict[str, Any]) -> str:
    who = "" if line["id"] is None else f"#{line['id']}"
    return f"{line['time']:8.2f} s  {who:>4}  {line['event']}  {line['value']}"
