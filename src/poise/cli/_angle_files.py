"""What ``poise angles`` writes besides its table: the plot and the annotated video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from poise.clips import Clip
from poise.clips.angles import csv_text, draw_angles, joint_names, plot_angles
from poise.errors import PoiseError
from poise.files.text import aligned

if TYPE_CHECKING:
    from poise.sinks import RunFolder

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
# People whose ranges are shown.
_MOST_IDS = 3


def check_plot(path: Path, *, overwrite: bool) -> None:
    """Say before any work whether the plot could be written there.

    Raises:
        ValueError: The ending is not that of a picture.
        PoiseError: The file exists.
    """
    if path.suffix.lower() not in _PICTURES:
        raise ValueError(f"{path}: a plot is written as {', '.join(_PICTURES)}, got {path.suffix or 'no ending'!r}")
    if path.exists() and not overwrite:
        raise PoiseError(f"{path}: exists already; choose another name, or pass --overwrite")


def ranges(table: dict[str, NDArray[Any]], names: Sequence[str] | None = None) -> str:
    """Return between which values each angle goes, as lines for a person.

    Args:
        table: Columns of :func:`poise.clips.angles.angle_rows`.
        names: Which angles; None: the joints.
    """
    every = table["name"].astype(str)
    people, frames = np.unique(table["id"], return_counts=True)
    longest = sorted(people[np.argsort(-frames, kind="stable")[:_MOST_IDS]].tolist())
    rows: list[tuple[str, ...]] = [("id", "angle", "least", "greatest", "±", "trusted")]
    for person in longest:
        for name in names if names is not None else joint_names(every):
            at = (every == name) & (table["id"] == person) & np.isfinite(table["value"])
            if at.any():
                value, sigma = table["value"][at], float(np.median(table["sigma"][at]))
                unit, digits = ("°", 0) if table["unit"][at][0] == "deg" else (" trunks", 2)
                ends = *(f"{v:z.{digits}f}{unit}" for v in (value.min(), value.max())), f"{sigma:.{digits}f}"
                rows.append((str(person), name, *ends, f"{table['trusted'][at].mean():.0%}"))
    if len(rows) == 1:
        return "nobody was seen whose angles could be measured"
    lines = aligned(rows, left=[1])
    more = len(people) - len(longest)
    return "\n".join([*lines, *([f"and {more} more, who were seen for less time"] if more else [])])


def write_plot(table: dict[str, NDArray[Any]], path: Path, names: Sequence[str] | None) -> None:
    """Draw the angles over time into a picture file."""
    from poise.drawing import save

    save(plot_angles(table, names), path)


def save_run(
    folder: RunFolder,
    clip: Clip,
    table: dict[str, NDArray[Any]],
    video: Path,
    *,
    names: Sequence[str] | None,
    overwrite: bool,
    errors: Sequence[str],
) -> None:
    """Write the video with its angles, the plot and the table into a run's folder.

    With messages of what could not be read, the run has failed.
    """
    from poise.sinks import open_sink
    from poise.sources import open_again

    folder.manifest("running", source=clip.source)
    plot, rows = folder.path / "angles.png", folder.path / "angles.csv"
    with folder:
        target = folder.path / f"{video.stem}.mp4"
        sink = open_sink(target, overwrite=overwrite, render=lambda result: draw_angles(result, names=names))
        told: dict[str, Any] = {"errors": list(errors)} if errors else {}
        counts = {"frames": len(clip)}
        folder.at_end(lambda: {"counts": counts, "files": [*sink.paths, plot, rows], **told})
        with open_again(video) as frames, sink:
            for result in clip.results(frames):
                sink.write(result)
        write_plot(table, plot, names)
        rows.write_text(csv_text(table), encoding="utf-8")
