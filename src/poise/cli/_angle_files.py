"""What ``poise angles`` writes besides its table: the plot and the annotated video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from poise.clips import Clip
from poise.clips.angles import csv_text, draw_angles, plot_angles
from poise.errors import PoiseError

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")


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


def write_plot(table: dict[str, NDArray[Any]], path: Path, names: Sequence[str] | None) -> None:
    """Draw the angles over time into a picture file."""
    from poise.drawing import save

    save(plot_angles(table, names), path)


def save_run(
    clip: Clip,
    table: dict[str, NDArray[Any]],
    video: Path,
    *,
    names: Sequence[str] | None,
    project: Path | None,
    name: str | None,
    exist_ok: bool,
) -> Path:
    """Write the video with its angles, the plot and the table into a run's folder; returns the folder."""
    from poise.sinks import RunFolder, open_sink
    from poise.sources import open_source

    folder = RunFolder(project or "runs/pose", name or "angles", exist_ok=exist_ok)
    folder.manifest("running", source=clip.source)
    plot, rows = folder.path / "angles.png", folder.path / "angles.csv"
    with folder:
        target = folder.path / f"{video.stem}.mp4"
        sink = open_sink(target, overwrite=exist_ok, render=lambda result: draw_angles(result, names=names))
        folder.at_end(lambda: {"counts": {"frames": len(clip)}, "files": [*sink.paths, plot, rows]})
        with open_source(str(video)) as frames, sink:
            for result in clip.results(frames):
                sink.write(result)
        write_plot(table, plot, names)
        rows.write_text(csv_text(table), encoding="utf-8")
    return folder.path
