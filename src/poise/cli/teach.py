"""``poise gestures teach``: gestures learned from folders of examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from poise.cli._report import Reporter, ready
from poise.files.text import say

if TYPE_CHECKING:
    from poise.model import Pose


def teach(
    out: Path,
    /,
    *,
    examples: Annotated[list[Path], Parameter(name="--from", consume_multiple=True, negative=())],
    moving: Annotated[bool, Parameter(negative=())] = False,
    part: Literal["hand", "body", "both"] = "hand",
    split: Annotated[bool, Parameter(negative=())] = False,
    mirror: bool | None = None,
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
        mirror: What is made with the other side is the same gesture (default: for faces and animals only).
        mirrored: The pictures are mirrored, as a selfie camera gives them.
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
    from poise.files.writing import check_writable
    from poise.model import Pose

    if out.suffix != ".toml":
        raise ValueError(f"a set of gestures is a .toml file, got {str(out)!r}")
    if out.exists() and not overwrite:
        raise PoiseError(f"{out} exists; pass --overwrite to replace it")
    check_writable(out)
    if not moving and (part == "both" or split):
        raise ValueError("--part both and --split are for movements: add --moving")
    report = Reporter(quiet=quiet, lines=False)
    find_bodies = Pose(ready(body), threads=threads, device=device)
    find_hands = None if part == "body" else Pose(ready(hands), threads=threads, device=device)
    if moving:
        told, said, gestures = _teach_moves(
            report,
            out,
            name or out.stem,
            examples,
            part,
            find_hands,
            find_bodies,
            split=split,
            mirror=bool(mirror),
            mirrored=mirrored,
        )
    else:
        told, said, gestures = _teach_shapes(
            report,
            out,
            name or out.stem,
            examples,
            find_hands,
            find_bodies,
            upright=upright,
            mirror=mirror,
            mirrored=mirrored,
        )
    for sentence in said:
        report.console.print(f"poise: {sentence}", soft_wrap=True, markup=False)
    say(told)
    say(f"{out}: {out.stat().st_size / 1000:.1f} kB, {', '.join(gestures)}")
    return 0


def _teach_shapes(
    report: Reporter,
    out: Path,
    name: str,
    examples: list[Path],
    hands: Pose | None,
    body: Pose,
    *,
    upright: bool | None,
    mirror: bool | None,
    mirrored: bool,
) -> tuple[str, list[str], list[str]]:
    """Write a set of shapes; returns the confusion table, what the user should know, and the gestures."""
    from poise.gestures import gather_examples
    from poise.gestures.examples import conflicts, confusion, meant, warnings
    from poise.gestures.setfile import write_taught
    from poise.gestures.taught import learn, leave_one_out
    from poise.skeletons import get

    skeleton = body.skeleton if hands is None else get("hand21")
    pictures = gather_examples(examples, hands=hands, body=body, mirrored=mirrored, watch=report.watch)
    upright = hands is None if upright is None else upright
    rows = meant(skeleton, pictures, upright=upright)
    used = [(one, row) for one, row in zip(pictures, rows, strict=True) if row >= 0]
    said = warnings(pictures, rows)
    _some([one.label for one, _ in used], said)
    sources = [one.source for one, _ in used]
    points = [(one.label, one.xy[row], one.xyz[row]) for one, row in used]
    taught = learn(name, skeleton, points, upright=upright, mirror=mirror, groups=sources)
    write_taught(taught, out)
    return confusion(leave_one_out(taught, sources)), said + conflicts(taught, sources), taught.names


def _teach_moves(
    report: Reporter,
    out: Path,
    name: str,
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
    from poise.gestures import gather_tries
    from poise.gestures.examples import confusion
    from poise.gestures.learning import alike, learn_moves, leave_one_out_moves
    from poise.gestures.movesfile import write_moves
    from poise.gestures.tries import usable

    skeleton = body.skeleton.name
    if part == "both" and skeleton != "coco17":
        raise ValueError(f"--part both needs a body model of skeleton coco17; {body.name} gives {skeleton}")
    tries = gather_tries(
        examples, part=part, hands=hands, body=body, split=split, mirrored=mirrored, watch=report.watch
    )
    used, said = usable(tries)
    _some([one.label for one in used], said)
    moves = learn_moves(name, part, used, skeleton=skeleton, mirror=mirror)
    write_moves(moves, out)
    return confusion(leave_one_out_moves(moves, used, mirror=mirror)), said + alike(moves), moves.names


def _some(labels: list[str], said: list[str]) -> None:
    """Make sure that there is something to learn.

    Raises:
        PoiseError: No example of a gesture is left; with what is known of why.
    """
    from poise.errors import PoiseError
    from poise.gestures.taught import NONE

    if not any(label != NONE for label in labels):
        raise PoiseError("\n".join(["there is no example of a gesture to learn from", *said]))
