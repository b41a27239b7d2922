"""``poise val``: scores on labelled pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from poise.cli._options import Opening, Quiet, RunName
from poise.files.text import plain, say, say_json, screen
from poise.files.writing import check_writable


def val(
    *model: str,
    model_: Annotated[str | None, Parameter(name="--model")] = None,
    data: str | None = None,
    split: str = "val",
    images: Path | None = None,
    min_conf: float = 0.0,
    protocol: str = "yolo",
    imgsz: int | None = None,
    batch: int = 16,
    conf: float = 0.001,
    iou: float = 0.7,
    max_det: int = 300,
    plots: bool = False,
    tables: bool = False,
    calibrate: Path | None = None,
    save_json: bool = False,
    json: bool = False,
    quiet: Quiet = False,
    run: RunName | None = None,
    opening: Opening | None = None,
) -> int:
    """Score a model on labelled pictures; with two models, compare them on the same pictures.

    Exit code: 0 done, 1 something is wrong with the data or the model, 2 wrong use. A picture that cannot be read or
    whose labels are wrong is left out and named.

    Args:
        model: A name from 'poise models' or a network file; two are compared.
        model_: The same, in the field's spelling (model=best.pt).
        data: A data set's YAML file, or a COCO keypoint .json file; without it, what the checkpoint was trained on.
        split: train, val or test.
        images: Folder of the pictures, where they are not where the files say.
        min_conf: Of labels that are saved predictions: a keypoint counts as labelled above this confidence.
        protocol: yolo (the original package's numbers) or coco (COCO's).
        imgsz: Longer side of the network's input, pixels.
        batch: Pictures a run.
        conf: Drop finds below this confidence, 0 to 1.
        iou: Of two finds whose boxes overlap more than this, the better stays.
        max_det: Most finds a picture.
        plots: Write curves and pictures under runs/pose/val.
        tables: Print errors by keypoint, size and occlusion, errors of angles, and the reliability of confidences.
        calibrate: Write the numbers that mend confidences and standard deviations of keypoints to this .toml file,
            for --calibration.
        save_json: Write the finds as a COCO results file.
        json: Print the scores as JSON on standard output.
        quiet: Show nothing but results and errors.
        run: Where it is saved.
        opening: How the model is opened.
    """
    models = [*model, *([model_] if model_ else [])]
    if not 1 <= len(models) <= 2:
        raise ValueError(f"val needs a model, or two to compare, got {len(models)}: poise val MODEL --data DATA")
    opening = opening or Opening()
    if calibrate is not None and (len(models) > 1 or opening.calibration is not None):
        raise ValueError("--calibrate takes one model as it is, without --calibration")
    if data is None and len(models) > 1:
        raise ValueError("val needs --data to compare two models on")
    if calibrate is not None:
        check_writable(calibrate)
    from poise.cli._notes import hush
    from poise.cli._scores import compared, report
    from poise.estimators.calibration import write_calibration
    from poise.evaluation import analyse, compare_metrics
    from poise.model.training_data import trained_on
    from poise.validation import calibration_of

    console = screen(stderr=True, quiet=quiet)
    if quiet:
        hush()
    scored = []
    for word in models:
        pose = opening.open(word)
        if data is None:
            if pose.path is None:
                raise ValueError("val needs --data: a data set's YAML file or a COCO keypoint .json file")
            data = trained_on(pose.path)
            console.print(f"data: {data}, on which {word} was trained", soft_wrap=True)
        scored.append(
            pose.val(
                data,
                split=split,
                images=images,
                min_conf=min_conf,
                protocol=protocol,
                imgsz=imgsz,
                batch=batch,
                conf=conf,
                iou=iou,
                max_det=max_det,
                plots=plots,
                save_json=save_json,
                **(run or RunName()).arguments,
                watch=_bar(console, Path(word).name),
                on_saved=lambda folder: console.print(f"saved to {folder}", soft_wrap=True),
            )
        )
    for line in dict.fromkeys(line for metrics in scored for line in metrics.skipped):
        say(f"poise: left out: {line}", file=sys.stderr)
    if len(scored) == 2:
        compared(models, scored, compare_metrics(*scored), json=json)
        return 0
    if json:
        say_json(scored[0].record())
    if not json or calibrate is not None:
        analysis = analyse(scored[0])
        if not json:
            report(scored[0], analysis, tables=tables)
        if calibrate is not None:
            write_calibration(calibrate, calibration_of(analysis), about=f"{models[0]} on {data}, {split}")
            console.print(f"wrote {calibrate}", soft_wrap=True)
    return 0


def _bar(console: Console, name: str) -> Any:
    def watch(groups: Iterable[Any]) -> Iterator[Any]:
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=console.quiet or not console.is_terminal,
        )
        with bar:
            yield from bar.track(list(groups), description=plain(name))

    return watch
