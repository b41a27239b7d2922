"""``poise batch``: a command's work on many files, each exactly once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from poise.cli._options import Opening, OutFile, Quiet, Several, Switch
from poise.cli._report import ready
from poise.files.text import one_line, say, say_json, screen

if TYPE_CHECKING:
    from poise.batch import BatchReport


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WorkOptions:
    """What a work can be asked for; each work takes those of its command.

    Attributes:
        conf: Drop instances below this confidence, 0 to 1.
        iou: Of two instances more alike than this, the better stays.
        imgsz: Longer side of the picture as the network sees it, pixels.
        max_det: Most instances a frame.
        classes: Class numbers to keep.
        augment: Run mirrored too and average: more accurate, slower.
        tile: Search overlapping tiles as well, for small people: slower.
        vid_stride: Read every n-th frame of a video.
        smooth: Steady the keypoints of a video: one-euro or kalman.
        tracker: pose.yaml, bytetrack.yaml, botsort.yaml, or the path of such a file.
        exercise: With --work reps: its name, the path of a .toml, or auto.
        exercises: With --work reps: a folder of your own exercises.
        zone: With --work events: a .toml of zones, lines and triggers; may be repeated.
        falls: With --work events: look for falls.
        posture: With --work events: look for changes of posture.
        reps: With --work events: count the repetitions of this exercise, or auto.
        gestures: With --work events: look for gestures of these sets.
        set: With --work gestures: hands, numbers, body, moves, or a .toml of your own.
        mirrored: With gestures: the pictures are mirrored.
        hands: With gestures: hand model.
        body: With --work gestures: body model.
        hands_only: With --work gestures: use no body model.
        names: With --work angles: only these angles.
        repair: With --work angles: repair the clip first.
    """

    conf: float | None = None
    iou: float | None = None
    imgsz: int | None = None
    max_det: int | None = None
    classes: Annotated[list[int] | None, Parameter(consume_multiple=True)] = None
    augment: bool | None = None
    tile: bool | None = None
    vid_stride: int | None = None
    smooth: Literal["one-euro", "kalman"] | None = None
    tracker: str | None = None
    exercise: str | None = None
    exercises: Path | None = None
    zone: list[Path] | None = None
    falls: Annotated[bool | None, Parameter(negative=())] = None
    posture: Annotated[bool | None, Parameter(negative=())] = None
    reps: str | None = None
    gestures: Several = None
    set: Several = None
    mirrored: Annotated[bool | None, Parameter(negative=())] = None
    hands: str | None = None
    body: str | None = None
    hands_only: Annotated[bool | None, Parameter(negative=())] = None
    names: Several = None
    repair: bool | None = None


def batch(
    *source: str,
    out: OutFile = None,
    status: Switch = False,
    work: str = "predict",
    model: str | None = None,
    workers: int | None = None,
    ray: str | None = None,
    format: Literal["parquet", "jsonl", "coco"] = "parquet",
    rows: Literal["person", "keypoint"] = "person",
    time_limit: float | None = None,
    stall_limit: float = 300.0,
    retries: int = 1,
    retry_failed: Switch = False,
    dedupe: Switch = False,
    follow: Switch = False,
    split: float = 600.0,
    json: Switch = False,
    quiet: Quiet = False,
    options: WorkOptions | None = None,
    opening: Opening | None = None,
) -> int:
    """Do what a command does with every file of SOURCE, on all cores, each exactly once.

    Stopped or killed at any moment, the same command goes on where it was. Exit code: 0 all done, 1 something could not
    be read (the list is in --status and summary.html), 2 wrong use, 130 stopped by Ctrl-C, which finishes first what is
    in work.

    Args:
        source: Files, folders, patterns, .txt lists, columns of a CSV (list.csv:column), addresses, in any mixture;
            with --status the folder of a batch.
        out: Folder of the batch: shards/, manifest.sqlite, summary.html.
        status: Say how far a batch is: done, left, failed and why, speed, time left.
        work: predict, track, reps, gestures, events or angles; or module:function of your own.
        model: A name from 'poise models', a network file, or a published name (default: that of the command).
        workers: Processes; one a core unless given. With --ray: actors.
        ray: Work on a Ray cluster: auto, or its address.
        format: parquet, jsonl or coco.
        rows: A row of Parquet is a person or a keypoint.
        time_limit: Seconds that one file may take; it is set aside then.
        stall_limit: Seconds without a frame after which a worker is replaced.
        retries: How often a file that ends its worker is tried again, alone.
        retry_failed: Try again what has failed before.
        dedupe: Leave out files that equal an earlier one, byte for byte.
        follow: Let lists name files outside their own folder, and addresses.
        split: Divide long videos at key frames into pieces of so many seconds, with --work predict; 0 never does.
        json: Print what came of it as JSON on standard output.
        quiet: Show nothing but results and errors.
        options: Of the work.
        opening: How the model is opened.
    """
    from poise.batch import read_status, run_batch

    if status:
        folder = Path(source[0]) if len(source) == 1 and out is None else out
        if folder is None or (source and out is not None):
            raise ValueError("--status needs the folder of one batch: poise batch results/ --status")
        return _tell(read_status(folder), json=json)
    if out is None:
        raise ValueError("batch needs --out: the folder of the results, in which it goes on when it is started again")
    from poise.cli._batch_table import BatchTable

    console = screen(stderr=True, quiet=quiet)
    given = {**_given(options or WorkOptions()), **_given(opening or Opening(), leave=_DEFAULT)}
    with BatchTable(console) as table:
        report = run_batch(
            list(source),
            out,
            work=work,
            model=None if model is None else ready(model),
            workers=workers,
            ray=ray,
            format=format,
            rows=rows,
            time_limit=time_limit,
            stall_limit=stall_limit,
            retries=retries,
            retry_failed=retry_failed,
            dedupe=dedupe,
            follow=follow,
            split=split or None,
            on_progress=table.show,
            on_note=table.note,
            **given,
        )
    if json:
        say_json(report.record())
    else:
        for line in _lines(report):
            console.print(line, soft_wrap=True)
    return 1 if report.failed else 0


# What the options of opening a model are where nobody gives them: a batch has the same.
_DEFAULT = {"runtime": "auto", "precision": "f32"}


def _given(options: Any, leave: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the options that somebody gave."""
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return {name: value for name, value in values.items() if value is not None and (leave or {}).get(name) != value}


def _tell(report: BatchReport, *, json: bool) -> int:
    if json:
        say_json(report.record())
    else:
        for line in _lines(report):
            say(line)
    return 0


def _lines(report: BatchReport) -> list[str]:
    """Return what people are told of a batch."""
    from poise.cli._batch_table import duration

    state = "running" if report.running else "stopped" if report.left else "complete"
    parts = [f"{report.done} of {report.items} done"]
    parts += [f"{report.left} left"] if report.left else []
    parts += [f"{report.failed} failed"] if report.failed else []
    parts += [f"{report.same} left out, equal to others"] if report.same else []
    lines = [f"{report.folder}: {state}: {', '.join(parts)}; {report.frames} frames, {report.rows} rows"]
    if report.rate:
        left = f", {duration(report.left_s)} left" if report.left_s is not None else ""
        lines.append(f"{report.rate:.1f} items/s{left}")
    for reason in report.reasons:
        lines.append(f"failed {reason.items}x: {one_line(reason.said)}")
        lines += [f"  {one_line(name)}" for name in reason.sources]
    page = report.folder / "summary.html"
    return [*lines, *([f"more in {page}"] if page.exists() else [])]
