"""Sets taught from folders of examples: found, chosen, learned, written, and judged by each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from poise.errors import PoiseError
from poise.gestures.events import NONE
from poise.gestures.movements.examples import select_usable
from poise.gestures.movements.learning import find_move_conflicts, learn_moves, leave_one_out_moves
from poise.gestures.movements.move_file import write_moves
from poise.gestures.movements.traces import Part
from poise.gestures.shapes.examples import choose_rows, find_shape_conflicts, find_warnings
from poise.gestures.shapes.learning import learn_shapes, leave_one_out_shapes
from poise.gestures.shapes.shape_file import write_shapes
from poise.gestures.streams.example_folders import Watch, collect_moves, collect_shapes
from poise.skeletons import get

if TYPE_CHECKING:
    from poise.model import Pose


@dataclass(frozen=True, slots=True)
class TaughtFile:
    """A set that was taught and written.

    Attributes:
        path: The file.
        gestures: What it tells.
        judged: True class and what is said of each example, judged by the others alone.
        notes: What the user should know, one sentence each.
    """

    path: Path
    gestures: list[str]
    judged: list[tuple[str, str]]
    notes: list[str]


def teach_shapes(
    path: Path,
    folders: Sequence[str | Path],
    *,
    hands: Pose | None,
    body: Pose,
    name: str | None = None,
    upright: bool | None = None,
    mirror: bool | None = None,
    mirrored: bool = False,
    watch: Watch | None = None,
) -> TaughtFile:
    """Teach shapes from folders of pictures and videos, and write the set.

    Args:
        path: The file, ending in .toml.
        folders: One a gesture, named after it; "none" holds what is no gesture.
        hands: ``Pose("hands")`` to learn from hands; None: from bodies.
        body: Finds the bodies, and helps to find hands.
        name: Of the set; the default is the file's.
        upright: Whether up in the picture matters; None: for bodies only.
        mirror: Whether a mirrored example shows the same; see :func:`poise.gestures.learn_shapes`.
        mirrored: The pictures are mirrored, as selfie cameras give them.
        watch: Passes the results of each folder on, to show how far it is.

    Raises:
        SourceError: A folder is not there or holds nothing that can be read.
        PoiseError: No example of a gesture is left; with what is known of why.
    """
    skeleton = body.skeleton if hands is None else get("hand21")
    pictures = collect_shapes(folders, hands=hands, body=body, mirrored=mirrored, watch=watch)
    upright = hands is None if upright is None else upright
    rows = choose_rows(skeleton, pictures, upright=upright)
    used = [(one, row) for one, row in zip(pictures, rows, strict=True) if row >= 0]
    notes = find_warnings(pictures, rows)
    _check_labels([one.label for one, _ in used], notes)
    sources = [one.source for one, _ in used]
    points = [(one.label, one.xy[row], one.xyz[row]) for one, row in used]
    taught = learn_shapes(name or path.stem, skeleton, points, upright=upright, mirror=mirror, groups=sources)
    write_shapes(taught, path)
    judged = leave_one_out_shapes(taught, sources)
    return TaughtFile(path, taught.names, judged, notes + find_shape_conflicts(taught, sources))


def teach_moves(
    path: Path,
    folders: Sequence[str | Path],
    *,
    part: Part,
    hands: Pose | None,
    body: Pose,
    name: str | None = None,
    split: bool = False,
    mirror: bool = False,
    mirrored: bool = False,
    watch: Watch | None = None,
) -> TaughtFile:
    """Teach movements from folders of videos, and write the set.

    Args:
        path: The file, ending in .toml.
        folders: One a gesture, named after it; each video is one example. "none" holds what is no gesture.
        part: What to learn from.
        hands: ``Pose("hands")``; None where hands do not matter.
        body: Finds the bodies, and helps to find hands.
        name: Of the set; the default is the file's.
        split: A video holds several examples with rests in between.
        mirror: A movement counts as the same when it is made with the other side.
        mirrored: The videos are mirrored, as selfie cameras give them.
        watch: Passes the results of each folder on, to show how far it is.

    Raises:
        ValueError: Part "both" with a body model of another skeleton than coco17.
        SourceError: A folder is not there or holds no video that can be read.
        PoiseError: No example of a gesture is left; with what is known of why.
    """
    skeleton = body.skeleton.name
    if part == "both" and skeleton != "coco17":
        raise ValueError(f"--part both needs a body model of skeleton coco17; {body.name} gives {skeleton}")
    found = collect_moves(folders, part=part, hands=hands, body=body, split=split, mirrored=mirrored, watch=watch)
    used, notes = select_usable(found)
    _check_labels([one.label for one in used], notes)
    moves = learn_moves(name or path.stem, part, used, skeleton=skeleton, mirror=mirror)
    write_moves(moves, path)
    judged = leave_one_out_moves(moves, used, mirror=mirror)
    return TaughtFile(path, moves.names, judged, notes + find_move_conflicts(moves))


def _check_labels(labels: Sequence[str], notes: Sequence[str]) -> None:
    if not any(label != NONE for label in labels):
        raise PoiseError("\n".join(["there is no example of a gesture to learn from", *notes]))
