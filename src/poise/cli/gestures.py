"""``poise gestures``: what hands and bodies show, in pictures and video."""

from __future__ import annotations

import json as json_
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import Parameter

from poise.cli._app import STDIN
from poise.cli._report import Reporter
from poise.cli.teach import teach

if TYPE_CHECKING:
    from poise.frames import Image
    from poise.results import Results

gestures = cyclopts.App(name="gestures", help="Say what hands and bodies show.")
gestures.command(teach)


@gestures.default
def watch(
    *source: str,
    set: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    json: bool = False,
    events: Annotated[bool, Parameter(negative=())] = False,
    save: Annotated[bool, Parameter(negative=())] = False,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    mirrored: bool = False,
    body: str = "body-fast",
    hands: str = "hands",
    hands_only: Annotated[bool, Parameter(negative=())] = False,
    vid_stride: int = 1,
    overwrite: bool = False,
    threads: int | None = None,
    device: str | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Say what the hands and bodies in SOURCE show: pictures, folders, videos, webcam.

    Without --json, one line a gesture of a picture, and one as a gesture of a video begins and ends.

    Args:
        source: Picture, video, folder, glob, camera number or webcam, address, or - for standard input.
        set: hands, numbers, body, moves, or a .toml of your own; several are joined (default: hands body).
        json: Print one JSON line a hand or person and frame on standard output.
        events: With --json: print only what begins and ends.
        save: Write the annotated pictures or video under runs/pose/gestures.
        out: Write them here: a video (.mp4), a picture, or a folder of pictures.
        mirrored: The pictures are mirrored, as a selfie camera gives them.
        body: Body model; its wrists help to find hands.
        hands: Hand model.
        hands_only: Use no body model: faster, but small hands are missed and nobody has an id.
        vid_stride: Read every n-th frame of a video.
        overwrite: Let --out replace a file.
        threads: CPU threads a network uses.
        device: cpu, cuda, cuda:1, ...
        quiet: Show nothing but results and errors.
    """
    if not source:
        raise ValueError("gestures needs a source: a picture, video, folder, camera number, webcam, or - for input")
    from poise.gesturing import drawn, watch_gestures
    from poise.model import Pose
    from poise.motion.gestures import GestureRecognizer
    from poise.sinks import open_sink

    report = Reporter(quiet=quiet, lines=False)
    recognizer = GestureRecognizer(set, mirrored=mirrored)
    for sentence in recognizer.conflicts:
        report.console.print(f"poise: {sentence}", soft_wrap=True, markup=False)
    parts = recognizer.parts
    if hands_only and "hand" not in parts:
        raise ValueError("--hands-only needs a set with gestures of hands")
    find_hands = Pose(hands, threads=threads, device=device) if "hand" in parts else None
    find_bodies = None if hands_only else Pose(body, threads=threads, device=device)
    words = ["-" if word == STDIN else "0" if word == "webcam" else word for word in source]
    seen = watch_gestures(
        words if len(words) > 1 else words[0],
        recognizer,
        hands=find_hands,
        body=find_bodies,
        on_error=report.error,
        vid_stride=vid_stride,
    )
    with ExitStack() as stack:
        stack.callback(seen.close)
        sink = None
        folder = out or (_free(Path("runs/pose/gestures")) if save else None)
        for one in seen:
            if folder is not None and (one.hands is not None or one.bodies is not None):
                if sink is None:
                    video = one.frame.media.kind != "image" and not folder.suffix
                    stem = Path(one.frame.media.name).stem or "camera"
                    sink = stack.enter_context(
                        open_sink(folder / f"{stem}.mp4" if video else folder, render=_plain, overwrite=overwrite)
                    )
                sink.write(drawn(one))
            if json and not events:
                for line in one.records():
                    _say(json_.dumps(line, ensure_ascii=False))
            elif json:
                for event in one.events:
                    _say(json_.dumps({"source": one.frame.media.name} | event.record(), ensure_ascii=False))
            elif one.frame.media.kind == "image":
                for gesture in one.gestures:
                    _say(f"{one.frame.media.name}  {gesture.part}  {gesture.gesture}  {gesture.conf:.2f}")
            else:
                for event in one.events:
                    who = "" if event.id is None else f"#{event.id} "
                    _say(f"{event.time:8.2f} s  {who}{event.part}  {event.gesture}  {event.state}")
    if folder is not None:
        report.console.print(f"saved to {folder}", soft_wrap=True)
    return report.finish()


def _plain(result: Results) -> Image:
    """Give a picture that is drawn on already."""
    return result.orig_img


def _free(folder: Path) -> Path:
    """Return the first of folder, folder2, folder3 … that does not exist."""
    n = 1
    while (found := folder.with_name(f"{folder.name}{n if n > 1 else ''}")).exists():
        n += 1
    return found


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
