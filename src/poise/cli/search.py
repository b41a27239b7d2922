"""``poise search``: poses that are alike, in what a batch or ``--out`` has written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from poise.cli._options import Opening, Quiet, Switch
from poise.cli._report import Reporter
from poise.files.text import one_line, say, say_json

if TYPE_CHECKING:
    from poise.model import Pose
    from poise.search import Hit


def search(
    *poses: Path,
    like: str,
    top: int = 20,
    person: int | None = None,
    window: Switch = False,
    mirror: Switch = False,
    upright: Switch = False,
    max_distance: float | None = None,
    every_frame: Switch = False,
    looks: bool = True,
    sheet: Path | None = None,
    sources: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    json: Switch = False,
    overwrite: Switch = False,
    model: str = "body",
    quiet: Quiet = False,
    opening: Opening | None = None,
) -> int:
    """Find every moment in POSES in which somebody stands, sits or moves like this.

    POSES are files that 'poise batch' or 'poise predict --out' wrote (.parquet, .jsonl, .csv), or folders with such
    files. A line a hit: distance (0 the same pose, about 0.1 alike to the eye, from 0.3 on another one), when, and
    where. Exit code: 0 done, also when nothing is alike; 1 something could not be read or written; 2 wrong use.

    Args:
        poses: Files and folders of poses.
        like: A picture, clip.mp4@12.5 (a frame), clip.mp4@10-12 with --window (a movement), a file of poses, or
            set.toml:NAME (a taught gesture of bodies).
        top: Most hits.
        person: Which person of --like, numbered by size from 1 (default: everybody; of a movement who is seen longest).
        window: Look for a movement: stretches of time in which somebody goes through the same poses.
        mirror: Look for the mirrored pose too.
        upright: Up in the picture matters, but for a tilt of 15 degrees: who lies is not like who stands.
        max_distance: Leave out hits that are farther, 0 to 1.
        every_frame: Each frame is a hit; otherwise frames in which a person stays like this are one.
        looks: Look at the picture of --like three times, turned a little to both sides.
        sheet: Write the hits with their pictures into this .html file.
        sources: Folders in which the pictures and videos lie now, if they were moved.
        json: Print one JSON line a hit on standard output.
        overwrite: Let --sheet replace a file that exists.
        model: What looks at --like: a name from 'poise models', a network file, or a published name; best the one that
            found the poses.
        quiet: Show nothing but results and errors.
        opening: How the model is opened.
    """
    if not poses:
        raise ValueError("search needs the poses that are searched: files or folders of 'poise batch' or --out")
    from poise.files.writing import check_writable
    from poise.search import PoseIndex, read_like, search_movements, write_sheet
    from poise.search import search as search_poses
    from poise.search.nearest import check_numbers
    from poise.sinks import refuse_existing

    check_numbers(top=top, max_distance=max_distance)
    if sheet is not None:
        if sheet.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"{sheet}: a sheet is written as .html, got {sheet.suffix or 'no ending'!r}")
        refuse_existing(sheet, overwrite=overwrite)
        check_writable(sheet)
    if window and every_frame:
        raise ValueError("--window finds stretches of time, so --every-frame says nothing; leave one of them out")
    report = Reporter(quiet=quiet, lines=False)

    def opened() -> Pose:
        return (opening or Opening()).open(model)

    wanted = read_like(like, model=opened, person=person, window=window, looks=looks)
    begun = time.perf_counter()
    index = PoseIndex.read(*poses, on_error=report.error)
    read = time.perf_counter()
    if window:
        hits = search_movements(index, wanted, top=top, mirror=mirror, upright=upright, max_distance=max_distance)
    else:
        hits = search_poses(
            index,
            wanted,
            top=top,
            mirror=mirror,
            upright=upright,
            max_distance=max_distance,
            moments=not every_frame,
        )
    done = time.perf_counter()
    for hit in hits:
        if json:
            say_json(hit.record())
        else:
            say(_line(hit, window=window))
    report.console.print(
        f"{len(hits)} found among {len(index):,} poses of {len(index.sources):,} "
        f"source{'' if len(index.sources) == 1 else 's'}; read in {read - begun:.1f} s, searched in {done - read:.2f} s"
    )
    if sheet is not None:
        lost: list[str] = []
        told = ["mirrored too"] if mirror else []
        told += ["up matters"] if upright else []
        told += [f"at most {max_distance:g} away"] if max_distance is not None else []
        roots = [*(sources or ()), *(place if place.is_dir() else place.parent for place in poses)]
        write_sheet(sheet, index, wanted, hits, about=told, roots=roots, on_error=lost.append)
        if lost:
            report.console.print(
                f"poise: {len(lost)} of {len(hits)} could not be shown with their pictures ({lost[0]}); "
                "--sources names the folder in which they lie now",
                soft_wrap=True,
            )
        report.say(f"sheet in {sheet}")
    return report.code


def _line(hit: Hit, *, window: bool) -> str:
    when = f"{hit.start:9.2f} to {hit.end:.2f} s" if window else f"{hit.time:9.2f} s"
    who = "" if hit.id is None else f"#{hit.id}"
    mirrored = "  mirrored" if hit.mirrored else ""
    return f"{hit.distance:6.3f}  {when}  {who:>4}  {one_line(hit.source)}{mirrored}"
