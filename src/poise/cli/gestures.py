"""``poise gestures``: what hands and bodies show, in pictures and video."""

from __future__ import annotations

import json as json_
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import Parameter

from poise.cli._app import STDIN
from poise.cli._help import INSIDE
from poise.cli._options import Engine, OutFile, Quiet, Switch
from poise.cli._report import Reporter, window_for
from poise.cli.teach import teach
from poise.files.text import plain

if TYPE_CHECKING:
    from poise.frames import Image
    from poise.gestures import GestureFrame, GesturePainter, GestureTally
    from poise.results import Results
    from poise.sinks import SinkBase

gestures = cyclopts.App(name="gestures", help="Say what hands and bodies show.", group_commands=INSIDE)
gestures.command(teach)


@gestures.default
def watch(
    *source: str,
    set: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    json: Switch = False,
    events: Switch = False,
    save: Switch = False,
    out: OutFile = None,
    show: Switch = False,
    mirrored: bool = False,
    body: str | None = None,
    hands: str = "hands",
    hands_only: Switch = False,
    vid_stride: int = 1,
    overwrite: bool = False,
    quiet: Quiet = False,
    engine: Engine | None = None,
) -> int:
    """Say what the hands and bodies in SOURCE show: pictures, folders, videos, webcam.

    Without --json, one line a gesture of a picture, and one as a gesture of a video begins and ends; then standard
    error says which were seen, when and how often.

    Args:
        source: Picture, video, folder, glob, camera number or webcam, address, or - for standard input.
        set: hands, numbers, body, moves, or a .toml of your own; several are joined (default: hands body).
        json: Print one JSON line a hand or person and frame on standard output.
        events: With --json: print only what begins and ends.
        save: Write the annotated pictures or video under runs/pose/gestures.
        out: Write them here: a video (.mp4, .gif), a picture, or a folder.
        show: Show pictures, and videos in a window (q ends, space pauses, f fills the screen, s saves the frame).
        mirrored: The pictures are mirrored, as a selfie camera gives them.
        body: Body model; its wrists help to find hands (default: body-fast, or body-3d for movements taught with it).
        hands: Hand model.
        hands_only: Use no body model: faster, but small hands are missed and every hand has an id of its own.
        vid_stride: Read every n-th frame of a video.
        overwrite: Let --out replace a file.
        quiet: Show nothing but results and errors.
        engine: What runs the networks.
    """
    if not source:
        raise ValueError("gestures needs a source: a picture, video, folder, camera number, webcam, or - for input")
    if events and not json:
        raise ValueError("--events goes with --json; without --json only what begins and ends is printed of a video")
    from poise.drawing import Viewers, WindowClosed
    from poise.gestures import GesturePainter, GestureRecognizer, GestureTally, watch_gestures

    report, engine = Reporter(quiet=quiet, lines=False), engine or Engine()
    recognizer = GestureRecognizer(set, mirrored=mirrored)
    for sentence in recognizer.conflicts:
        report.note(sentence)
    parts = recognizer.parts
    if hands_only and "hand" not in parts:
        raise ValueError("--hands-only needs a set with gestures of hands")
    if hands_only and (whole := [one.name for one in recognizer.moves if one.part != "hand"]):
        raise ValueError(f"--hands-only leaves out the body that the movements of {', '.join(whole)} need")
    find_hands = engine.open(hands) if "hand" in parts else None
    body = body or ("body-3d" if recognizer.in_space else "body-fast")
    find_bodies = None if hands_only else engine.open(body)
    if find_bodies is not None:
        recognizer.check_body(body, find_bodies.skeleton.name)
    words = ["-" if word == STDIN else "0" if word == "webcam" else word for word in source]
    seen = watch_gestures(
        words if len(words) > 1 else words[0],
        recognizer,
        hands=find_hands,
        body=find_bodies,
        on_error=report.error,
        vid_stride=vid_stride,
    )
    say = (_events if events else _records) if json else _lines
    painter, tally = GesturePainter(), GestureTally()
    viewers, window = Viewers(), window_for("--save writes what is drawn", show=show)
    with suppress(WindowClosed), ExitStack() as stack:
        if window is not None:
            stack.callback(window.close)
        if not json:
            # However it ends: a camera is ended by Ctrl-C.
            stack.callback(_told, report, tally)
        # Closing the generator is what frees the camera when Ctrl-C comes between two frames.
        stack.callback(seen.close)
        sinks = _pictures(stack, report, save=save, out=out, overwrite=overwrite)
        for one in _watched(report, seen):
            painter.take(one)
            looked = one.hands is not None or one.bodies is not None
            if sinks and looked:
                picture = painter.draw(one)
                for sink in sinks:
                    sink.write(picture)
            for line in say(one):
                sys.stdout.write(plain(line) + "\n")
            sys.stdout.flush()
            tally.add(one)
            if window is not None and looked:
                paint = partial(_drawn, painter, one)
                if one.frame.media.kind == "image":
                    viewers.show(paint, Path(one.frame.media.name).stem)
                elif not window.show(one.frame, paint):
                    raise WindowClosed
    return report.finish()


def _watched(report: Reporter, seen: Iterable[GestureFrame]) -> Iterator[GestureFrame]:
    """Pass frames through the progress bar; those that only say what ended are not counted."""
    waiting: list[GestureFrame] = []

    def results() -> Iterator[Results]:
        for one in seen:
            waiting.append(one)
            result = one.hands if one.bodies is None else one.bodies
            if result is not None:
                yield result

    for _ in report.watch(results()):
        yield from waiting
        waiting.clear()
    yield from waiting


def _pictures(stack: ExitStack, report: Reporter, *, save: bool, out: Path | None, overwrite: bool) -> list[SinkBase]:
    """Open what the drawn frames are written to."""
    from poise.sinks import RunFolder, RunSink, open_sink

    sinks: list[SinkBase] = []
    if save:
        folder = RunFolder("runs/pose", "gestures")
        report.saved(folder.path)
        drawn = RunSink(folder.path, render=_plain)
        sinks.append(drawn)
        folder.at_end(lambda: {"counts": {"frames": report.frames}, "errors": report.errors, "files": drawn.paths})
        stack.enter_context(folder)
    if out is not None:
        a_file = out.suffix and not out.is_dir()
        sinks.append(
            open_sink(out, render=_plain, overwrite=overwrite)
            if a_file
            else RunSink(out, render=_plain, overwrite=overwrite)
        )
        report.saved(out)
    for sink in sinks:
        stack.callback(sink.close)
    return sinks


def _records(one: GestureFrame) -> list[str]:
    return [json_.dumps(line, ensure_ascii=False) for line in one.records()]


def _events(one: GestureFrame) -> list[str]:
    source = {"source": one.frame.media.name}
    return [json_.dumps(source | event.record(), ensure_ascii=False) for event in one.events]


def _lines(one: GestureFrame) -> list[str]:
    """Return what people read: of a picture every gesture, of a video what begins and ends."""
    from poise.gestures.streams.painter import format_event

    if one.frame.media.kind != "image":
        return [format_event(event) for event in one.events]
    name = one.frame.media.name
    said = [f"{name}  {seen.part.replace('_', ' ')}  {seen.gesture}  {seen.conf:.2f}" for seen in one.gestures]
    return said or [f"{name}  nothing found"]


def _told(report: Reporter, tally: GestureTally) -> None:
    for line in tally.lines():
        report.say(line)


def _drawn(painter: GesturePainter, one: GestureFrame) -> Image:
    return painter.draw(one).orig_img


def _plain(result: Results) -> Image:
    """Give a picture that is drawn on already."""
    return result.orig_img
