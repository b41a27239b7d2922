"""The options of every command that runs a model on sources, written once."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from poise.cli._app import STDIN
from poise.cli._report import Reporter, ready
from poise.errors import PoiseError
from poise.files.text import say_json
from poise.files.writing import check_writable

if TYPE_CHECKING:
    from poise.model import Pose

# Kinds of options that many commands have: a flag without its negative, --quiet, --out, and several words.
Switch = Annotated[bool, Parameter(negative=())]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())]
OutFile = Annotated[Path | None, Parameter(name=["--out", "-o"])]
Several = Annotated[list[str] | None, Parameter(consume_multiple=True)]


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that exists or cannot be written, before any work is done.

    Raises:
        PoiseError: With what is in the way.
    """
    if path.exists() and not overwrite:
        raise PoiseError(f"{path} exists; pass --overwrite to replace it")
    check_writable(path)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Engine:
    """What runs the networks of a command.

    Attributes:
        device: cpu, cuda, cuda:1, ...
        runtime: onnxruntime, openvino, torch (checkpoints) or auto.
        threads: CPU threads a network uses.
        precision: f32, or auto to allow a faster one.
    """

    device: str | None = None
    runtime: str = "auto"
    threads: int | None = None
    precision: str = "f32"

    def open(self, model: str) -> Pose:
        """Open a model with these options."""
        from poise.model import Pose

        return Pose(ready(model), **asdict(self))


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Opening(Engine):
    """How a command opens the model of the user's choice.

    Attributes:
        end2end: Use a YOLO26 checkpoint's one-to-one head, which needs no suppression.
        calibration: File of 'poise val --calibrate', which mends the confidences of keypoints.
        detector: What finds the instances for a network that looks at one a crop: a model, a detector or its file.
        skeleton: What a network file's keypoints are: a name, or a .toml or .yaml file.
    """

    end2end: bool | None = None
    calibration: Path | None = None
    detector: str | None = None
    skeleton: str | None = None

    def engine(self) -> Engine:
        """Return what runs the networks, for a second model of the same command."""
        return Engine(**{field.name: getattr(self, field.name) for field in fields(Engine)})


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunName:
    """Where a command saves its run.

    Attributes:
        project: Folder of the runs (runs/pose).
        name: Name of the run (that of the command, with a number from the second on).
        exist_ok: Write into an existing run's folder.
    """

    project: Path | None = None
    name: str | None = None
    exist_ok: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """The same as arguments of what saves."""
        return asdict(self)


_OPENING = tuple(field.name for field in fields(Opening))
# Options of running a model that the command itself deals with; the rest are arguments of the call.
_OURS = ("model", "conf", "smooth", "json", "out", "overwrite", "quiet", "verbose")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunOptions(Opening):
    """What a command that runs a model can be asked for.

    Attributes:
        model: A name from 'poise models' or 'poise models --zoo', a network file, or a published name such as
            yolo26n-pose.pt.
        conf: Drop instances below this confidence, 0 to 1; 0.25 unless given, 0.1 in tracking.
        iou: Of two instances more alike than this, the better stays.
        imgsz: Longer side of the picture as the network sees it, pixels.
        max_det: Most instances a frame.
        classes: Class numbers to keep.
        augment: Run mirrored too and average: more accurate, slower.
        tile: Search overlapping tiles as well, for small people: slower.
        batch: Pictures a run.
        vid_stride: Read every n-th frame of a video.
        follow: Let lists and playlists name files outside their own folder, addresses and cameras.
        stream_buffer: Keep every frame of a camera instead of the newest.
        reconnect: Open a live source that breaks off again, at most so often in a row.
        save: Write annotated pictures and videos; done without it too, unless --json or --out is given without --name.
        save_txt: Write YOLO text labels.
        save_conf: Write confidences into them, as predictions; they are no labels to train from then.
        save_crop: Write one picture an instance.
        save_frames: Write a video's annotated frames as pictures.
        json: Print one JSON line a frame on standard output.
        out: Also write results here; the ending picks the format (.jsonl, .csv, .parquet, .coco.json,
            .mp4), and - prints JSON lines. May be repeated.
        overwrite: Let --out replace files that exist.
        show: Show pictures, and a video or camera in one window (q ends, space pauses, f fills the screen, s saves
            the frame).
        project: Folder of the runs (runs/pose).
        name: Name of the run (predict, predict2, ...).
        exist_ok: Write into an existing run's folder.
        line_width: Width of boxes and limbs, pixels.
        kpt_radius: Radius of keypoints, pixels.
        kpt_line: Draw limbs.
        show_labels: Draw labels.
        show_conf: Draw confidences.
        show_boxes: Draw boxes.
        font: A font file or the name of an installed font, for labels.
        smooth: Steady the keypoints of a video: one-euro (follows within a few frames) or kalman.
        quiet: Show nothing but results and errors.
        verbose: The opposite of --quiet.
    """

    model: str = "body"
    conf: float | None = None
    iou: float | None = None
    imgsz: int | None = None
    max_det: int = 300
    classes: Annotated[list[int] | None, Parameter(consume_multiple=True)] = None
    augment: bool = False
    tile: bool = False
    batch: int = 1
    vid_stride: int = 1
    follow: bool = False
    stream_buffer: bool = False
    reconnect: int = 4
    save: bool | None = None
    save_txt: bool = False
    save_conf: bool = False
    save_crop: bool = False
    save_frames: bool = False
    json: bool = False
    out: Annotated[list[Path] | None, Parameter(name=["--out", "-o"])] = None
    overwrite: bool = False
    show: bool = False
    project: Path | None = None
    name: str | None = None
    exist_ok: bool = False
    line_width: int | None = None
    kpt_radius: int | None = None
    kpt_line: bool = True
    show_labels: bool = True
    show_conf: bool = True
    show_boxes: bool = True
    font: str | None = None
    smooth: Literal["one-euro", "kalman"] | None = None
    quiet: Quiet = False
    verbose: bool = True


_RUNNING = tuple(f.name for f in fields(RunOptions) if f.name not in (*_OPENING, *_OURS))


def run_model(
    call: Literal["predict", "track"], source: tuple[str, ...], options: RunOptions | None, **more: Any
) -> int:
    """Run a model on sources, and write what was asked for; returns the exit code.

    Args:
        call: The method of :class:`poise.Pose`.
        source: Words of the command line.
        options: Its options; None: all as they are.
        **more: Arguments of the method that only this command has.

    Raises:
        ValueError: There is no source.
    """
    if not source:
        raise ValueError(
            f"{call} needs a source: a picture, video, folder, camera number, address, or - for standard input"
        )
    options = options or RunOptions()
    from poise.sinks import open_sink, record

    outs: list[str | Path] = ["-" if str(path) in (STDIN, "-") else path for path in options.out or ()]
    if options.json and "-" in outs:
        raise ValueError("--json and --out - both print results on standard output; give one of them")
    report = Reporter(quiet=options.quiet or not options.verbose, lines=not (options.json or "-" in outs))
    words = ["-" if word == STDIN else word for word in source]
    pose = Opening(**{name: getattr(options, name) for name in _OPENING}).open(options.model)
    arguments = {name: getattr(options, name) for name in _RUNNING} | more
    arguments |= {name: getattr(options, name) for name in ("conf", "smooth") if getattr(options, name) is not None}
    if options.save is None:
        # Who names the run wants one, whatever else is asked for.
        others = options.save_txt or options.save_crop or options.save_frames
        named = (options.name or options.project) and not others
        arguments["save"] = bool(named) or not (options.json or options.out)
    with ExitStack() as stack:
        results = getattr(pose, call)(
            words if len(words) > 1 else words[0],
            stream=True,
            on_error=report.error,
            on_saved=report.saved,
            **arguments,
        )
        # Closing the generator is what finishes the videos when Ctrl-C comes between two frames.
        stack.callback(results.close)
        sinks = [stack.enter_context(open_sink(path, overwrite=options.overwrite)) for path in outs]
        for result in report.watch(results):
            for sink in sinks:
                sink.write(result)
            if options.json:
                say_json(record(result), flush=True)
    return report.finish()
