"""Whom ``poise mocap`` captures: what --id, --list and --sheet mean, and following one person live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poise.cli._report import Reporter
from poise.errors import PoiseError
from poise.files.text import say, say_json
from poise.files.writing import write_atomically

if TYPE_CHECKING:
    from poise.clips import Clip
    from poise.mocap import LiveCapture, MotionFrame
    from poise.model import Pose

# What --id says for a file of each person.
EVERYBODY = "all"
# Who is seen for less is left out of "all": pieces of tracks, people at the edge of the picture.
_SHORT_S = 0.5
_MOST_NAMED = 12


def whom_of(id: str | None) -> int | str | None:
    """Return the id that --id names: a number, :data:`EVERYBODY`, or None.

    Raises:
        ValueError: It is neither.
    """
    if id is None or id == EVERYBODY:
        return id
    if not id.isdecimal() or int(id) < 1:
        raise ValueError(f"--id is a whole number from 1, or {EVERYBODY}, got {id}; --list says who is there")
    return int(id)


def everybody(clip: Clip, report: Reporter) -> list[int]:
    """Return the ids of everybody who is seen long enough for a file of their own, in their order.

    Raises:
        PoiseError: There is nobody, or nobody for long enough.
    """
    from poise.mocap.people import people

    seen = people(clip)
    long = [one for one in seen if one.seconds >= _SHORT_S]
    if not long:
        raise PoiseError(f"{clip.source}: nobody is seen for {_SHORT_S:g} s or longer, so there is nobody to capture")
    short = [one for one in seen if one not in long]
    if short:
        named = ", ".join(map(str, short[:_MOST_NAMED])) + (", …" if len(short) > _MOST_NAMED else "")
        report.console.print(
            f"left out, seen for less than {_SHORT_S:g} s: id {named}; --id NUMBER takes one of them",
            soft_wrap=True,
            markup=False,
        )
    return sorted(one.id for one in long)


def numbered_path(path: Path, id: int) -> Path:
    """Return the file of one of several people.

    Example:
        >>> numbered_path(Path("dance.bvh"), 2).name
        'dance-2.bvh'
    """
    return path.with_name(f"{path.stem}-{id}{path.suffix}")


def tell_people(clip: Clip, report: Reporter, *, json: bool, sheet: Path | None, video: Any) -> None:
    """Print who is in a clip, a line each, and write their picture.

    Raises:
        PoiseError: Nobody is there, or the picture cannot be written.
    """
    from poise.mocap.people import people, picture_of

    seen = people(clip)
    if not seen:
        raise PoiseError(f"{clip.source}: nobody is seen in {len(clip)} frames")
    if json:
        for one in seen:
            say_json(
                {
                    "source": clip.source, "id": one.id, "frames": one.frames, "seconds": round(one.seconds, 3),
                    "start": round(one.start, 3), "end": round(one.end, 3), "share_of_height": round(one.share, 3),
                }
            )  # fmt: skip
    else:
        say("  id   seen for   from        to          height in the picture")
        for one in seen:
            say(f"{one.id:>4}   {one.seconds:6.1f} s   {one.start:7.2f} s   {one.end:7.2f} s   {one.share:4.0%}")
    if sheet is not None:
        from poise.image import encode

        write_atomically(sheet, encode(picture_of(clip, video, seen), sheet.suffix))
        report.console.print(f"picture in {sheet}", soft_wrap=True, markup=False)


def follow(source: str, id: Any, report: Reporter, *, capture: LiveCapture, model: Pose, **options: Any) -> None:
    """Follow one person live until the source ends; see :func:`poise.mocap.live.run_live`.

    Raises:
        PoiseError: A person was asked for by id, and has never been in sight.
    """
    from poise.mocap.live import run_live

    seen: set[int] = set()
    calibrated: set[int] = set()
    tell = report.console.print
    if capture.calibrate:
        tell(f"hold the {capture.calibrate} for a second, facing the camera, to be measured")

    def each(_: object, moments: Sequence[MotionFrame]) -> None:
        seen.update(moment.id for moment in moments)
        for one in sorted(capture.calibrated - calibrated):
            calibrated.add(one)
            tell(f"id {one} is calibrated by the {capture.calibrate}")

    done = run_live(source, capture=capture, model=model, id=id, tell=tell, each=each, **options)
    if id is not None and not done.moved:
        others = f"id {', '.join(map(str, sorted(seen)[:_MOST_NAMED]))}" if seen else "nobody"
        raise PoiseError(f"{source}: person {id} was never in sight, so no movement was sent; in sight: {others}")
