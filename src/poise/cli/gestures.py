"""``poise gestures``: what hands and bodies show, in pictures and video."""

from __future__ import annotations

import json as json_
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
from cyclopts import Parameter

from poise.cli._app import STDIN
from poise.cli._report import Reporter

if TYPE_CHECKING:
    from poise.frames import Image
    from poise.model import Pose
    from poise.results import Results

gestures = cyclopts.App(name="gestures", help="Say what hands and bodies show.")


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


@gestures.command
def teach(
    out: Path,
    /,
    *,
    examples: Annotated[list[Path], Parameter(name="--from", consume_multiple=True)],
    moving: Annotated[bool, Parameter(negative=())] = False,
    part: Literal["hand", "body", "both"] = "hand",
    split: Annotated[bool, Parameter(negative=())] = False,
    mirror: Annotated[bool, Parameter(negative=())] = False,
    mirrored: Annotated[bool, Parameter(negative=())] = False,
    upright: bool | None = None,
    name: str | None = None,
    body: str = "body-fast",
    hands: str = "hands",
    overwrite: bool = False,
    threads: int | None = None,
    device: str | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Learn gestures from folders of examples and write a set that --set takes.

    Every folder is a gesture, named after it; 5 to 50 pictures, or some videos. With --moving a gesture is a movement,
    and each video is one try of it. A folder named none holds what is no gesture. How well each example is told by the
    others is printed at once.

    Args:
        out: The set to write (.toml).
        examples: Folders of pictures or video.
        moving: Learn movements instead of shapes.
        part: Learn from hand or body; with --moving also from both, as sign languages need.
        split: With --moving: a video holds several tries with a rest between them.
        mirror: With --moving: a movement made with the other side is the same gesture.
        mirrored: The videos are mirrored, as a selfie camera gives them.
        upright: Up and down matter, as for thumbs (default: for bodies only).
        name: The set's name (default: the file's).
        body: Body model.
        hands: Hand model.
        overwrite: Replace the file if it exists.
        threads: CPU threads a network uses.
        device: cpu, cuda, cuda:1, ...
        quiet: Show nothing but results and errors.
    """
    from poise.errors import PoiseError
    from poise.model import Pose

    if out.suffix != ".toml":
        raise ValueError(f"a set of gestures is a .toml file, got {str(out)!r}")
    if out.exists() and not overwrite:
        raise PoiseError(f"{out} exists; pass --overwrite to replace it")
    if not moving and (part == "both" or split or mirror or mirrored):
        raise ValueError("--part both, --split, --mirror and --mirrored are for movements: add --moving")
    report = Reporter(quiet=quiet, lines=False)
    find_bodies = Pose(body, threads=threads, device=device)
    find_hands = None if part == "body" else Pose(hands, threads=threads, device=device)
    if moving:
        told, said, gestures = _teach_moves(
            out,
            name or out.stem,
            examples,
            part,
            find_hands,
            find_bodies,
            split=split,
            mirror=mirror,
            mirrored=mirrored,
        )
    else:
        told, said, gestures = _teach_shapes(out, name or out.stem, examples, find_hands, find_bodies, upright=upright)
    for sentence in said:
        report.console.print(f"poise: {sentence}", soft_wrap=True, markup=False)
    print(told)  # noqa: T201
    print(f"{out}: {out.stat().st_size / 1000:.1f} kB, {', '.join(gestures)}")  # noqa: T201
    return 0


def _teach_shapes(
    report: Reporter,
    out: Path,
    name: str | None,
    examples: list[Path],
    hands: Pose | None,
    body: Pose,
    *,
    upright: bool | None,
) -> tuple[str, list[str], list[str]]:
    """Write a set of shapes; returns the confusion table, what the user should know, and the gestures."""
    from poise.gesturing import gather_examples
    from poise.motion.gestures.examples import confusion, meant, warnings
    from poise.motion.gestures.setfile import write_taught
    from poise.motion.gestures.taught import learn, leave_one_out
    from poise.skeletons import get

    skeleton = body.skeleton if hands is None else get("hand21")
    pictures = gather_examples(examples, hands=hands, body=body, watch=report.watch)
    upright = hands is None if upright is None else upright
    rows = meant(skeleton, pictures, upright=upright)
    used = [(one, row) for one, row in zip(pictures, rows, strict=True) if row >= 0]
    taught = learn(
        name or out.stem, skeleton, [(one.label, one.xy[row], one.xyz[row]) for one, row in used], upright=upright
    )
    write_taught(taught, out)
    told = leave_one_out(taught, [one.source for one, _ in used])
    return confusion(told), warnings(pictures, rows), taught.names


def _teach_moves(
    report: Reporter,
    out: Path,
    name: str | None,
    examples: list[Path],
    part: Literal["hand", "body", "both"],
    hands: Pose | None,
    body: Pose,
    *,
    split: bool,
    mirror: bool,
    mirrored: bool,
) -> tuple[str, list[str], list[str]]:
    """Write a set of movements; returns the confusion table, what the user should know, and the gestures."""
    from poise.gesturing import gather_tries
    from poise.motion.gestures.examples import confusion
    from poise.motion.gestures.movesfile import write_moves
    from poise.motion.gestures.moving import learn_moves, leave_one_out_moves, usable

    skeleton = body.skeleton.name
    if part == "both" and skeleton != "coco17":
        raise ValueError(f"--part both needs a body model of skeleton coco17; {body.name} gives {skeleton}")
    tries = gather_tries(examples, part=part, hands=hands, body=body, split=split, mirror=mirrored, watch=report.watch)
    used, said = usable(tries)
    moves = learn_moves(name or out.stem, part, used, skeleton=skeleton, mirror=mirror)
    write_moves(moves, out)
    return confusion(leave_one_out_moves(moves, used, mirror=mirror)), said, moves.names


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
