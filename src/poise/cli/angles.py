"""``poise angles``: joint angles of a video as a table."""

from __future__ import annotations

import sys
from pathlib import Path

from poise.cli._app import STDIN
from poise.cli._options import Opening, OutFile, RunName, Several, Switch
from poise.cli._report import Reporter
from poise.files.text import say


def angles(
    video: Path,
    /,
    *,
    out: OutFile = None,
    plot: Path | None = None,
    save: Switch = False,
    names: Several = None,
    model: str = "body",
    repair: bool = True,
    overwrite: bool = False,
    quiet: bool = False,
    run: RunName | None = None,
    opening: Opening | None = None,
) -> int:
    """Measure joint and segment angles, distances and symmetry of the people in VIDEO.

    One row a frame, person and angle: frame, time, id, name, value, unit, sigma, conf, speed, view, view_error and
    trusted. Without --out, --plot and --save, CSV goes to standard output; a terminal is shown the range of each
    joint's angle instead, unless --out - asks for CSV. Angles that the camera's view falsifies are named on standard
    error.

    Args:
        video: A video file, or a clip that Clip.save wrote (.npz).
        out: The table; .csv or .parquet, or - for CSV on standard output.
        plot: Draw the angles over time into this picture; .png, .jpg or .webp.
        save: Write the video with the angles drawn at the joints, and the plot, under runs/pose/angles.
        names: Only these angles, such as left_knee_flexion.
        model: A name from 'poise models', a network file, or a published name.
        repair: Repair the clip first, as 'poise fix' does.
        overwrite: Replace an existing table or plot.
        quiet: Show nothing but results and errors.
        run: Where it is saved.
        opening: How the model is opened.
    """
    from poise.cli._angle_files import check_plot, ranges, save_run, write_plot
    from poise.clips import Clip
    from poise.clips.angles import angle_rows, check_table, csv_text, write_table
    from poise.model.second_pass import second_pass
    from poise.sinks import RunFolder

    printed = str(out) == STDIN
    if printed:
        out = None
    if out is not None:
        check_table(out, overwrite=overwrite)
    if plot is not None:
        check_plot(plot, overwrite=overwrite)
    if save and video.suffix == ".npz":
        raise ValueError(f"{video}: --save draws on the video, so give the video itself; a saved clip has no pictures")
    opening, run = opening or Opening(), run or RunName()
    told = [f"--{key}" for key in ("detector", "skeleton") if getattr(opening, key) is not None]
    if told and video.suffix == ".npz":
        raise ValueError(f"{video}: nothing is searched in a saved clip; leave {' and '.join(told)} out")
    report = Reporter(quiet=quiet, lines=False)
    if video.suffix == ".npz":
        clip = Clip.load(video)
    else:
        found = opening.open(model).track(str(video), stream=True, verbose=False, on_error=report.error)
        clip = Clip.of(report.watch(found))
    if repair:
        clip, _ = second_pass(clip)
    table, warnings = angle_rows(clip, names=names)
    for line in warnings:
        report.say(f"warning: {line}")
    if plot is not None:
        write_plot(table, plot, names)
        report.say(f"plot in {plot}")
    if save:
        folder = RunFolder(run.project or "runs/pose", run.name or "angles", exist_ok=run.exist_ok)
        save_run(folder, clip, table, video, names=names, overwrite=run.exist_ok, errors=report.errors)
        report.saved(folder.path)
    if out is not None:
        write_table(table, out, overwrite=overwrite)
        report.say(f"{len(table['frame'])} rows in {out}")
    if printed or (out is None and plot is None and not save and not sys.stdout.isatty()):
        sys.stdout.write(csv_text(table))
    elif out is None and plot is None and not save:
        # A row a frame and angle would fill a terminal's memory; a pipe still gets them all.
        say(ranges(table, names))
        say("the table, a row a frame and angle: --out angles.csv; as curves: --plot angles.png")
    return report.finish()
