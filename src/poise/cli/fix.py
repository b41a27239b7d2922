"""``poise fix``: the offline second pass over a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from poise.cli._options import Opening, RunName
from poise.cli._report import Reporter
from poise.files.text import say, say_json


def fix(
    video: Path,
    /,
    *,
    model: str = "body",
    save: bool = True,
    json: bool = False,
    max_gap: float = 0.5,
    max_join: float = 2.0,
    swaps: bool = True,
    gate: bool = True,
    steady: Annotated[str, Parameter(name=["--steady", "--smooth"])] = "rts",
    conf: float | None = None,
    quiet: bool = False,
    run: RunName | None = None,
    opening: Opening | None = None,
) -> int:
    """Track VIDEO, then repair it with knowledge of what comes after: broken tracks, gaps, swapped sides, trembling.

    Writes the corrected annotated video, results.jsonl and report.json under runs/pose/fix; prints the report.

    Args:
        video: A video file; it is read twice.
        model: A name from 'poise models', a network file, or a published name.
        save: Write the corrected video; --no-save prints the report only.
        json: Print the report as JSON on standard output.
        max_gap: Fill gaps of keypoints up to this long, seconds.
        max_join: Join tracks of somebody who was away up to this long, seconds.
        swaps: Look for exchanged left and right.
        gate: Leave out keypoints whose limb would be too long.
        steady: rts (Kalman smoother), savgol, butterworth or none.
        conf: Drop instances below this confidence, 0 to 1.
        quiet: Show nothing but results and errors.
        run: Where it is saved.
        opening: How the model is opened.
    """
    from poise.clips import Clip
    from poise.model.second_pass import second_pass, write
    from poise.sources import open_again

    report = Reporter(quiet=quiet, lines=False)
    pose = (opening or Opening()).open(model)
    wanted: dict[str, Any] = {"verbose": False, "on_error": report.error} | ({} if conf is None else {"conf": conf})
    found = pose.track(str(video), stream=True, **wanted)
    clip = Clip.of(report.watch(found))
    mended, fixed = second_pass(clip, max_join_s=max_join, max_gap_s=max_gap, swaps=swaps, gate=gate, steady=steady)
    if save:
        with open_again(video) as frames:
            folder = write(
                mended,
                fixed,
                frames,
                **(run or RunName()).arguments,
                errors=report.errors,
                model=pose.name,
                steady=steady,
            )
        report.saved(folder)
    say_json(fixed.summary()) if json else say(fixed.text())
    return report.finish()
