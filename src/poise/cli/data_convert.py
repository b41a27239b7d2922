"""``poise data convert``: a data set in another format."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import track

from poise.datasets import Conversion
from poise.datasets import convert as convert_
from poise.files.text import say, say_json, screen
from poise.skeletons import get

_SHOWN = 20  # problems that are listed; the others are counted


def convert(
    source: Path,
    dest: Path,
    /,
    *,
    format: str,
    split: str | None = None,
    copy: bool = False,
    link: bool = False,
    images: Path | None = None,
    source_format: str | None = None,
    skeleton: str | None = None,
    min_conf: float = 0.0,
    json: bool = False,
) -> int:
    """Write the data set SOURCE in another format to the folder or file DEST.

    Exit code 1 means that some pictures were left out; each is named.

    Args:
        source: A data YAML, its folder, or a label file.
        dest: A folder to make, or for one split the label file.
        format: yolo, coco, cvat, labelstudio, labelme, dlc, sleap or parquet.
        split: Only train, val or test.
        copy: Copy the pictures. Without this and --link they are copied for yolo, and stay where they are otherwise.
        link: Make links to the pictures.
        images: Folder of the source's pictures.
        source_format: The source's format, where its name and content do not say.
        skeleton: What the source's keypoints are, where its files do not give their order: a name or a .toml file.
        min_conf: Of labels that are saved predictions: a keypoint counts as labelled above this confidence.
        json: Print JSON on standard output.
    """
    if copy and link:
        raise ValueError("--copy and --link: choose one")
    console = screen(stderr=True)

    def watch(indices: Iterable[int]) -> Iterable[int]:
        return track(indices, "reading", console=console, transient=True, disable=not console.is_terminal)

    done = convert_(
        source,
        dest,
        format=format,
        split=split,
        pictures="copy" if copy else "link" if link else None,
        images=images,
        source_format=source_format,
        skeleton=get(skeleton) if skeleton is not None else None,
        min_conf=min_conf,
        watch=watch,
    )
    _report(done, console)
    if json:
        say_json(_table(done), indent=2)
    else:
        for file in done.files:
            say(file)
    return 0 if done.whole else 1


def _report(done: Conversion, console: Console) -> None:
    for problem in done.problems[:_SHOWN]:
        # Shown whatever the console is: silence must not mean success.
        say(f"poise: {problem.severity}: {problem}", file=sys.stderr)
    if len(done.problems) > _SHOWN:
        console.print(f"… and {len(done.problems) - _SHOWN} more; --json lists all", markup=False)
    for name, count in done.pictures.items():
        console.print(f"{name}: {count} pictures, {done.instances[name]} instances", markup=False)
    for text in done.notes:
        console.print(f"in the source: {text}", soft_wrap=True)
    for text in done.lost:
        console.print(f"{done.format} cannot hold: {text}", soft_wrap=True)


def _table(done: Conversion) -> dict[str, object]:
    return {
        "format": done.format,
        "files": [str(file) for file in done.files],
        "pictures": dict(done.pictures),
        "instances": dict(done.instances),
        "lost": list(done.lost),
        "notes": list(done.notes),
        "problems": [{"severity": p.severity, "kind": p.kind, "text": str(p)} for p in done.problems],
    }
