"""``poise predict``: keypoints from pictures and video."""

from __future__ import annotations

import json as json_
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from poise.cli._app import STDIN
from poise.cli._report import Reporter, fetch


def predict(
    *source: str,
    model: str = "body",
    conf: float = 0.25,
    iou: float | None = None,
    imgsz: int | None = None,
    max_det: int = 300,
    classes: Annotated[list[int] | None, Parameter(consume_multiple=True)] = None,
    augment: bool = False,
    tile: bool = False,
    batch: int = 1,
    vid_stride: int = 1,
    stream_buffer: bool = False,
    save: bool | None = None,
    save_txt: bool = False,
    save_conf: bool = False,
    save_crop: bool = False,
    save_frames: bool = False,
    json: bool = False,
    out: Annotated[list[Path] | None, Parameter(name=["--out", "-o"])] = None,
    overwrite: bool = False,
    show: bool = False,
    project: Path | None = None,
    name: str | None = None,
    exist_ok: bool = False,
    line_width: int | None = None,
    kpt_radius: int | None = None,
    kpt_line: bool = True,
    show_labels: bool = True,
    show_conf: bool = True,
    show_boxes: bool = True,
    device: str | None = None,
    runtime: str = "auto",
    threads: int | None = None,
    precision: str = "f32",
    end2end: bool | None = None,
    calibration: Path | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
    verbose: bool = True,
) -> int:
    """Find keypoints in SOURCE: pictures, folders, videos, a camera, an address, in any mixture.

    Without --json, --out or --no-save, annotated pictures and videos are written under runs/pose/predict.
    Results go to standard output, everything else to standard error. Exit code: 0 done, 1 something could not be
    read or written, 2 wrong use.

    Args:
        source: Picture, video, folder, glob, text file of paths, camera number, address, or - for standard input.
        model: A name from 'poise models', a network file, or a published name such as yolo26n-pose.pt.
        conf: Drop instances below this confidence, 0 to 1.
        iou: Of two instances more alike than this, the better stays.
        imgsz: Longer side of the picture as the network sees it, pixels.
        max_det: Most instances a frame.
        classes: Class numbers to keep.
        augment: Run mirrored too and average: more accurate, slower.
        tile: Search overlapping tiles as well, for small people: slower.
        batch: Pictures a run.
        vid_stride: Read every n-th frame of a video.
        stream_buffer: Keep every frame of a camera instead of the newest.
        save: Write annotated pictures and videos.
        save_txt: Write YOLO text labels.
        save_conf: Add confidences to those labels.
        save_crop: Write one picture an instance.
        save_frames: Write a video's annotated frames as pictures.
        json: Print one JSON line a frame on standard output.
        out: Also write results here; the ending picks the format (.jsonl, .csv, .parquet, .coco.json,
            .mp4). May be repeated.
        overwrite: Let --out replace files that exist.
        show: Show each picture.
        project: Folder of the runs (runs/pose).
        name: Name of the run (predict, predict2, ...).
        exist_ok: Write into an existing run's folder.
        line_width: Width of boxes and limbs, pixels.
        kpt_radius: Radius of keypoints, pixels.
        kpt_line: Draw limbs.
        show_labels: Draw labels.
        show_conf: Draw confidences.
        show_boxes: Draw boxes.
        device: cpu, cuda, cuda:1, ...
        runtime: onnxruntime, openvino or auto.
        threads: CPU threads a network uses.
        precision: f32, or auto to allow a faster one.
        end2end: Use a YOLO26 checkpoint's one-to-one head, which needs no suppression.
        calibration: A file that 'poise val --calibrate FILE' wrote, which mends the confidence of keypoints.
        quiet: Show nothing but results and errors.
        verbose: The opposite of --quiet.
    """
    if not source:
        raise ValueError(
            "predict needs a source: a picture, video, folder, camera number, address, or - for standard input"
        )
    from poise.model import Pose
    from poise.sinks import open_sink, record

    report = Reporter(quiet=quiet or not verbose, lines=not json)
    save = not (json or out) if save is None else save
    words = ["-" if word == STDIN else word for word in source]
    sources = words if len(words) > 1 else words[0]
    # A published file is fetched here, where its progress can be shown.
    network = fetch(model) if Path(model).suffix else model
    pose = Pose(
        network,
        device=device,
        runtime=runtime,
        threads=threads,
        precision=precision,
        end2end=end2end,
        calibration=calibration,
    )
    with ExitStack() as stack:
        results = pose.predict(
            sources,
            stream=True,
            conf=conf,
            iou=iou,
            imgsz=imgsz,
            max_det=max_det,
            classes=classes,
            augment=augment,
            tile=tile,
            batch=batch,
            vid_stride=vid_stride,
            stream_buffer=stream_buffer,
            save=save,
            save_txt=save_txt,
            save_conf=save_conf,
            save_crop=save_crop,
            save_frames=save_frames,
            show=show,
            project=project,
            name=name,
            exist_ok=exist_ok,
            line_width=line_width,
            kpt_radius=kpt_radius,
            kpt_line=kpt_line,
            show_labels=show_labels,
            show_conf=show_conf,
            show_boxes=show_boxes,
            on_error=report.error,
            on_saved=report.saved,
        )
        # Closing the generator is what finishes the videos when Ctrl-C comes between two frames.
        stack.callback(results.close)
        sinks = [stack.enter_context(open_sink(path, overwrite=overwrite)) for path in out or ()]
        for result in report.watch(results):
            for sink in sinks:
                sink.write(result)
            if json:
                sys.stdout.write(json_.dumps(record(result), ensure_ascii=False) + "\n")
                sys.stdout.flush()
    return report.finish()
