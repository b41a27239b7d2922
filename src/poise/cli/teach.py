"""``poise gestures teach``: gestures learned from folders of examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from poise.cli._options import Engine, Quiet, Switch, check_target
from poise.cli._report import Reporter
from poise.files.text import say


def teach(
    out: Path,
    /,
    *,
    examples: Annotated[list[Path], Parameter(name="--from", consume_multiple=True, negative=())],
    moving: Switch = False,
    part: Literal["hand", "body", "both"] = "hand",
    split: Switch = False,
    mirror: bool | None = None,
    mirrored: Switch = False,
    upright: bool | None = None,
    name: str | None = None,
    body: str = "body-fast",
    hands: str = "hands",
    overwrite: bool = False,
    quiet: Quiet = False,
    engine: Engine | None = None,
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
        quiet: Show nothing but results and errors.
        engine: What runs the networks.
    """
    from poise.gestures.shapes.examples import format_confusion
    from poise.gestures.streams.teaching import teach_moves, teach_shapes

    if out.suffix != ".toml":
        raise ValueError(f"a set of gestures is a .toml file, got {str(out)!r}")
    check_target(out, overwrite=overwrite)
    if not moving and (part == "both" or split):
        raise ValueError("--part both and --split are for movements: add --moving")
    report, engine = Reporter(quiet=quiet, lines=False), engine or Engine()
    find_bodies = engine.open(body)
    find_hands = None if part == "body" else engine.open(hands)
    if moving:
        taught = teach_moves(
            out, examples, part=part, hands=find_hands, body=find_bodies, name=name, split=split, mirror=bool(mirror),
            mirrored=mirrored, watch=report.watch,
        )  # fmt: skip
    else:
        taught = teach_shapes(
            out, examples, hands=find_hands, body=find_bodies, name=name, upright=upright, mirror=mirror,
            mirrored=mirrored, watch=report.watch,
        )  # fmt: skip
    for sentence in taught.notes:
        report.note(sentence)
    say(format_confusion(taught.judged))
    say(f"{out}: {out.stat().st_size / 1000:.1f} kB, {', '.join(taught.gestures)}")
    return 0
