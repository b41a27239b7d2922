"""``poise reps``: repetitions counted in a video, live or from the whole of it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import cyclopts

from poise.cli._help import INSIDE
from poise.cli._options import Opening, OutFile, Quiet, Switch, check_target
from poise.cli._report import Reporter, window_for
from poise.files.text import say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poise.model import Pose
    from poise.reps import RepClip, RepEvent
    from poise.results import Results

reps = cyclopts.App(name="reps", help="Count the repetitions of an exercise in a video.", group_commands=INSIDE)


@reps.default
def count(
    source: str,
    /,
    *,
    exercise: str = "auto",
    json: bool = False,
    report: Path | None = None,
    save: Switch = False,
    out: OutFile = None,
    live: Switch = False,
    show: Switch = False,
    exercises: Path | None = None,
    model: str = "body",
    overwrite: bool = False,
    quiet: Quiet = False,
    opening: Opening | None = None,
) -> int:
    """Count the repetitions in SOURCE: a video, or with --live a camera (webcam) or address.

    Args:
        source: The video.
        exercise: Its name, the path of a .toml, or auto to recognise it.
        json: Print JSON on standard output: the whole result, or with --live one line a repetition.
        report: Write a page with the pictures, curves and repetitions: one file that opens offline.
        save: Write the video with the counter drawn on it, under runs/pose/reps.
        out: Write that video here.
        live: Count as the frames come, without looking ahead.
        show: Show the frames in a window, with the counter on them (q ends, space pauses).
        exercises: A folder of your own exercises (.toml).
        model: A name from 'poise models', or a network file.
        overwrite: Let --out and --report replace files that exist.
        quiet: Show nothing but results and errors.
        opening: How the model is opened.
    """
    from poise.reps import count_reps, get_exercise

    if exercise != "auto":
        get_exercise(exercise, folder=exercises)  # a wrong name is told before the network is loaded
    for target in (report, out):
        if target is not None:
            check_target(target, overwrite=overwrite)
    reporter = Reporter(quiet=quiet, lines=True)
    pose = (opening or Opening()).open(model)
    frames = reporter.watch(_people(pose, source, reporter))
    if not (quiet or reporter.console.is_terminal):
        frames = _progress(frames)
    if live:
        for result, events in _counted(frames, exercise, exercises, show=show):
            for event in events:
                _say(event, result, json=json)
        return reporter.code
    if show:
        frames = (result for result, _ in _counted(frames, exercise, exercises, show=True))
    if report is not None or save or out is not None:
        from poise.reps.replay import Replay

        replay = Replay()
        frames = replay.keep(frames)
    clip = count_reps(frames, exercise, folder=exercises)
    if json:
        say_json(clip.record())
    else:
        _tell(clip)
    for warning in dict.fromkeys(w for one in clip.people for w in one.found.warnings):
        reporter.note(warning)
    if report is not None:
        reporter.say(f"report: {replay.write_report(clip, report, overwrite=overwrite)}")
    if save or out is not None:
        video = replay.write_video(clip, out, overwrite=overwrite, errors=reporter.errors)
        reporter.say(f"video: {video}")
    return reporter.code


@reps.command
def learn(
    source: str,
    /,
    *,
    reps: int,
    name: str,
    out: OutFile = None,
    model: str = "body",
    overwrite: bool = False,
    quiet: Quiet = False,
    opening: Opening | None = None,
) -> int:
    """Learn an exercise from a video of somebody doing it, and write its TOML.

    Args:
        source: The demonstration: begins and ends at rest.
        reps: How many repetitions it shows.
        name: What the exercise is to be called.
        out: Where to write it; NAME.toml unless given.
        model: A name from 'poise models', or a network file.
        overwrite: Replace the file if it exists.
        quiet: Show nothing but results and errors.
        opening: How the model is opened.
    """
    from poise.reps.learning import learn_from_clip, write_exercise

    target = out or Path(f"{name}.toml")
    check_target(target, overwrite=overwrite)
    reporter = Reporter(quiet=quiet, lines=True)
    found = reporter.watch(_people((opening or Opening()).open(model), source, reporter))
    exercise, again = learn_from_clip(found, name, reps=reps, source=source)
    write_exercise(exercise, target)
    say(f"{target}: {again} of {reps} repetitions of the demonstration are counted with it")
    return reporter.code


def _people(pose: Pose, source: str, reporter: Reporter) -> Iterator[Results]:
    """Follow everybody in a video."""
    return pose.track(source, stream=True, verbose=False, on_error=reporter.error)


def _progress(frames: Iterator[Results], *, every_s: float = 10.0) -> Iterator[Results]:
    """Say on standard error how far it is, where no bar can be shown."""
    said = monotonic()
    for result in frames:
        if monotonic() - said > every_s:
            said = monotonic()
            total = f" of {result.media.frames}" if result.media.frames else ""
            say(f"poise: {result.frame + 1}{total} frames", file=sys.stderr)
        yield result


def _counted(
    frames: Iterator[Results], exercise: str, folder: Path | None, *, show: bool
) -> Iterator[tuple[Results, list[RepEvent]]]:
    """Count as the frames come, and show them until the window is closed."""
    from poise.reps import RepPainter

    painter, window = RepPainter(exercise, folder=folder), window_for("--save writes the video", show=show)
    try:
        for result in frames:
            yield result, painter.take(result)
            if window is not None and not window.show(result, partial(painter.draw, result)):
                break
    finally:
        if window is not None:
            window.close()


def _say(event: RepEvent, result: Results, *, json: bool) -> None:
    if json:
        say_json({"time": round(result.time, 3), **event.record()}, flush=True)
    else:
        say(f"{result.time:8.2f} s  #{event.id}  {event.exercise}  {event.count}", flush=True)


def _tell(clip: RepClip) -> None:
    """Print what was counted, for people."""
    shown = [one for one in clip.people if one.found.count or one.found.hold_s] or list(clip.people[:1])
    if not shown:
        say("nobody was found")
    for one in shown:
        found = one.found
        if found.hold_s:
            say(f"#{one.person.id}  {found.exercise}: held {found.hold_s:.1f} s")
        elif found.exercise == "none":
            say(f"#{one.person.id}  no exercise recognised")
        else:
            between = f" ({found.count_low} to {found.count_high})" if found.count_low != found.count_high else ""
            say(f"#{one.person.id}  {found.exercise}: {found.count}{between}")
        for n, rep in enumerate(found.reps, 1):
            down, up = rep.tempo
            say(
                f"  {n:3d}  {rep.start:6.2f} to {rep.end:6.2f} s  depth {rep.depth:4.0%}  {down:.1f} + {up:.1f} s  "
                f"{rep.side:5s}  conf {rep.conf:.2f}"
            )
        for no in found.rejected:
            say(f"    -  {no.start:6.2f} to {no.end:6.2f} s  not counted: {no.reason}")
