"""The second look at a video that has been tracked once: broken tracks joined, then points repaired, then written.

Joining is tracking, repairing is motion; rooms side by side do not know each other, so they meet here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from poise.clips import Clip, FixReport, fix
from poise.files.writing import write_atomically
from poise.frames import Frame
from poise.sinks import RunFolder, RunSink
from poise.tracking import relink


def second_pass(clip: Clip, *, max_join_s: float = 2.0, **options: Any) -> tuple[Clip, FixReport]:
    """Join the broken tracks of a clip and repair its points.

    Args:
        clip: The clip.
        max_join_s: Longest time for which somebody may have been away between two tracks that are joined, seconds; 0
            joins none.
        **options: Those of :func:`poise.clips.fix`: ``swaps``, ``gate``, ``max_gap_s``, ``steady``, ``agility``.

    Returns:
        The repaired clip, and what was done.
    """
    joined: tuple[str, ...] = ()
    if max_join_s > 0:
        clip, joins = relink(clip, max_gap_seconds=max_join_s)
        joined = tuple(str(join) for join in joins)
    mended, report = fix(clip, **options)
    return mended, report.replace(joined=joined)


def write(
    clip: Clip,
    report: FixReport,
    frames: Iterable[Frame],
    *,
    project: str | Path | None = None,
    name: str | None = None,
    exist_ok: bool = False,
    errors: Sequence[str] = (),
    **facts: Any,
) -> Path:
    """Write the repaired, annotated video, ``results.jsonl`` and ``report.json`` into a new folder of a run.

    Args:
        clip: The repaired clip.
        report: What was repaired.
        frames: The source's frames once more.
        project: Folder of the runs, ``runs/pose`` unless given.
        name: Name of the run, ``fix`` unless given.
        exist_ok: Write into an existing run's folder.
        errors: Messages of what could not be read in the first pass: with one the run has failed.
        **facts: What the manifest says besides: the arguments, the model.

    Returns:
        The folder.
    """
    folder = RunFolder(project or "runs/pose", name or "fix", exist_ok=exist_ok)
    folder.manifest("running", source=clip.source, **facts)
    with folder:
        path = folder.path / "report.json"
        write_atomically(path, json.dumps(report.summary(), indent=2) + "\n")
        sink = RunSink(folder.path, save=True, save_json=True, overwrite=exist_ok)
        told: dict[str, Any] = {"errors": list(errors)} if errors else {}
        counts = {"frames": len(clip)}
        folder.at_end(lambda: {"counts": counts, "notes": sink.notes, "files": [*sink.paths, path], **told})
        with sink:
            for result in clip.results(frames):
                sink.write(result)
    return folder.path
