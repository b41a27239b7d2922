"""A validation as a user asks for it: open the data, score, and write what was asked for."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from poise.datasets import CocoDataset, Dataset, open_dataset
from poise.errors import FormatError
from poise.estimators import Estimator
from poise.estimators.calibration import Calibration
from poise.evaluation.analysis import Analysis, analyse
from poise.evaluation.metrics import PoseMetrics
from poise.files.writing import write_atomically
from poise.sinks import RunFolder
from poise.validation._settings import ValSettings
from poise.validation._validate import validate


def validate_as(
    model: Estimator,
    settings: ValSettings,
    *,
    facts: dict[str, Any] | None = None,
) -> PoseMetrics:
    """Validate a loaded model.

    Args:
        model: The estimator.
        settings: What is asked for.
        facts: What the run's manifest says of the model.

    Raises:
        FormatError, ModelError, SourceError: As :func:`validate` and :func:`poise.datasets.open_dataset`.
    """
    keeps = bool(settings.plots or settings.save_json or settings.name or settings.project)
    if keeps:
        RunFolder.check(settings.project or "runs/pose", settings.name or "val", exist_ok=settings.exist_ok)
    dataset = open_dataset(settings.data, settings.split, images=settings.images, min_conf=settings.min_conf)
    metrics = validate(
        model,
        dataset,
        protocol=settings.protocol,
        imgsz=settings.imgsz,
        batch=settings.batch,
        conf=settings.conf,
        iou=settings.iou,
        max_det=settings.max_det,
        watch=settings.watch,
    )
    if keeps:
        folder = _write(metrics, dataset, settings, facts or {})
        if settings.on_saved is not None:
            settings.on_saved(folder)
    return metrics


def calibration_of(analysis: Analysis) -> Calibration:
    """Return what mends the model; 1, which changes nothing, where it could not be fitted.

    Raises:
        FormatError: Neither number could be fitted.
    """
    numbers = [analysis.temperature, analysis.sigma_scale]
    if not np.isfinite(numbers).any():
        raise FormatError(
            f"nothing to calibrate: the model gives neither confidences nor standard deviations of keypoints, or too "
            f"few keypoints were found ({analysis.fitted_on})"
        )
    return Calibration(*(value if np.isfinite(value) else 1.0 for value in numbers))


def write_pictures(metrics: PoseMetrics, dataset: Dataset, folder: Path) -> list[Path]:
    """Write the curves of a validation, and labels and finds on two sheets, as a training leaves them."""
    from poise.validation._plots import write_plots  # drawing takes Pillow, which scores do not need

    return write_plots(metrics, analyse(metrics), dataset, folder, apart=True)


def _write(metrics: PoseMetrics, dataset: Dataset, settings: ValSettings, facts: dict[str, Any]) -> Path:
    folder = RunFolder(settings.project or "runs/pose", settings.name or "val", exist_ok=settings.exist_ok)
    files: list[Path] = []
    folder.manifest("running", source=str(settings.data), arguments=_arguments(settings), **facts)
    folder.at_end(lambda: {"counts": {"images": metrics.images}, "scores": metrics.record(), "files": files})
    with folder:
        if settings.plots:
            from poise.validation._plots import write_plots  # drawing takes Pillow, which scores do not need

            analysis = analyse(metrics)
            files += write_plots(metrics, analysis, dataset, folder.path)
            path = folder.path / "report.json"
            write_atomically(path, json.dumps(analysis.record(), indent=1))
            files.append(path)
        if settings.save_json:
            path = folder.path / "predictions.json"
            write_atomically(path, json.dumps(coco_results(metrics, dataset)))
            files.append(path)
    return folder.path


def _arguments(settings: ValSettings) -> dict[str, Any]:
    values = {f.name: getattr(settings, f.name) for f in fields(settings)}
    return {name: value for name, value in values.items() if value is not None and not callable(value)}


def coco_results(metrics: PoseMetrics, dataset: Dataset) -> list[dict[str, Any]]:
    """Return the finds as rows of a COCO results file; the image id is COCO's own, or the picture's name."""
    evidence = metrics.evidence
    assert evidence is not None
    found = evidence.found
    names: list[Any] = dataset.ids if isinstance(dataset, CocoDataset) else [path.stem for path in dataset.paths]
    categories = dataset.categories if isinstance(dataset, CocoDataset) else {i: i + 1 for i in metrics.names}
    corner = np.concatenate([found.boxes[:, :2], found.boxes[:, 2:] - found.boxes[:, :2]], axis=1)
    conf = np.where(np.isnan(found.point_conf), 1.0, found.point_conf)
    points = np.concatenate([np.nan_to_num(found.xy), conf[..., None]], axis=-1)
    return [
        {
            "image_id": names[picture],
            "category_id": categories[number],
            "bbox": box,
            "score": score,
            "keypoints": [value for point in row for value in point],
        }
        for picture, number, box, score, row in zip(
            found.picture.tolist(),
            found.classes.tolist(),
            corner.round(3).tolist(),
            found.conf.round(5).tolist(),
            points.round(3).tolist(),
            strict=True,
        )
    ]
