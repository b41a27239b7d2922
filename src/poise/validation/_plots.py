"""Pictures of a validation: curves, reliability, and labels beside finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from poise.charts import Curve, chart, matrix, sheet
from poise.datasets import Dataset
from poise.drawing import draw, save
from poise.evaluation import Analysis, Confusion, PoseMetrics, Scores
from poise.evaluation.average_precision import CONFS
from poise.frames import Frame, Image, Media
from poise.results import Results

# Pictures on the sheet of labels and finds.
_SHEET = 12
# Most classes that get a curve of their own.
_CLASSES = 10


def write_plots(
    metrics: PoseMetrics, analysis: Analysis, dataset: Dataset, folder: Path, *, apart: bool = False
) -> list[Path]:
    """Write all pictures of a validation.

    Args:
        metrics: The scores, with their evidence.
        analysis: What else is known.
        dataset: The pictures.
        folder: Where to write.
        apart: Put labels and finds on two sheets, ``val_batch0_labels.jpg`` and ``val_batch0_pred.jpg``, in place of
            one beside the other.

    Returns:
        The files.
    """
    files = []
    for kind, scores in (("Pose", metrics.pose), ("Box", metrics.box)):
        for name, picture in curves(scores, metrics, kind).items():
            files.append(Path(save(picture, folder / f"{kind}{name}.png")))
    files.append(Path(save(reliability_chart(analysis), folder / "reliability.png")))
    if analysis.sigma is not None:
        files.append(Path(save(coverage_chart(analysis), folder / "sigma.png")))
    if metrics.confusion is not None:
        for name, picture in confusion_charts(metrics.confusion).items():
            files.append(Path(save(picture, folder / f"{name}.png")))
    labels, detections, names = draw_labels_and_detections(metrics, dataset)
    if apart:
        for kind, pictures in (("labels", labels), ("pred", detections)):
            files.append(Path(save(sheet(pictures, names), folder / f"val_batch0_{kind}.jpg")))
        return files
    pairs = [picture for pair in zip(labels, detections, strict=True) for picture in pair]
    captions = [f"{kind}: {name}" for name in names for kind in ("labels", "found")]
    files.append(Path(save(sheet(pairs, captions), folder / "val_pred.jpg")))
    return files


def curves(scores: Scores, metrics: PoseMetrics, kind: str) -> dict[str, Image]:
    """Draw precision over recall, and precision, recall and F1 over confidence."""
    table = scores.curves
    if table is None or not len(table.classes):
        return {}
    names = [metrics.names[int(number)] for number in table.classes]
    what = "OKS" if kind == "Pose" else "IoU"
    recalls = np.linspace(0, 1, table.precision.shape[1])
    out = {}
    for name, x, rows, axes in (
        ("PR_curve", recalls, table.precision, ("recall", "precision")),
        ("P_curve", CONFS, table.p_curve, ("confidence", "precision")),
        ("R_curve", CONFS, table.r_curve, ("confidence", "recall")),
        ("F1_curve", CONFS, table.f1_curve, ("confidence", "F1")),
    ):
        lines = []
        if 1 < len(names) <= _CLASSES:
            lines = [Curve(c, x, row, width=1.4) for c, row in zip(names, rows, strict=True)]
        lines.append(Curve("all classes" if len(names) > 1 else names[0], x, rows.mean(axis=0), "#0072b2", 3.0))
        if axes[0] == "confidence":
            peak = np.full(2, scores.conf)
            lines.append(Curve(f"best F1, at {scores.conf:.2f}", peak, [0, 1], "#7f7f7f", 1.2, dashed=True))
        title = f"{axes[1]} over {axes[0]}, {'keypoints' if kind == 'Pose' else 'boxes'} ({what} 0.50)"
        out[name] = chart(lines, title=title, x=axes[0], y=axes[1], x_range=(0, 1), y_range=(0, 1.02))
    return out


def reliability_chart(analysis: Analysis) -> Image:
    """Draw how often instances and keypoints were right, by how confident they were."""
    lines = [Curve("as it should be", [0, 1], [0, 1], "#7f7f7f", 1.4, dashed=True)]
    found = analysis.instances
    middle = (found.edges[1:] + found.edges[:-1]) / 2
    share = found.count / max(found.count.max(), 1)
    lines.insert(0, Curve("instances (their number)", middle, share, "#d9d9d9", bars=True))
    lines.append(Curve(f"instances, off by {found.error:.3f}", found.stated, found.observed, "#0072b2", dots=True))
    if analysis.keypoints is not None:
        points = analysis.keypoints
        name = f"keypoints, off by {points.error:.3f}"
        lines.append(Curve(name, points.stated, points.observed, "#d55e00", dots=True))
    return chart(
        [_without_gaps(line) for line in lines],
        title="how often a find is right, by its confidence",
        x="confidence",
        y="share that is right (OKS 0.50)",
        x_range=(0, 1),
        y_range=(0, 1.02),
    )


def confusion_charts(confusion: Confusion) -> dict[str, Image]:
    """Draw which class was found as which, in counts and in shares of the true class."""
    shares, names = confusion.shares, confusion.names
    thresholds = f"conf {confusion.conf:g}, IoU {confusion.iou:g}"
    x, y = "true class", "found as (last row: missed; last column: false)"
    counts = matrix(confusion.matrix, names, levels=shares, title=f"instances ({thresholds})", x=x, y=y)
    parts = matrix(
        shares, names, levels=shares, title=f"share of instances; last column: of finds ({thresholds})", x=x, y=y
    )
    return {"confusion_matrix": counts, "confusion_matrix_normalized": parts}


def coverage_chart(analysis: Analysis) -> Image:
    """Draw how many errors lie within how many standard deviations."""
    sigma = analysis.sigma
    assert sigma is not None
    lines = [
        Curve("normal distribution", sigma.times, sigma.normal, "#7f7f7f", 1.6, dashed=True),
        Curve(f"{sigma.count} errors", sigma.times, sigma.observed, "#0072b2", 2.6),
    ]
    title = "errors of keypoints within so many sigma"
    return chart(lines, title=title, x="sigma", y="share of errors", x_range=(0, 4), y_range=(0, 1.02))


def draw_labels_and_detections(metrics: PoseMetrics, dataset: Dataset) -> tuple[list[Image], list[Image], list[str]]:
    """Draw some pictures twice: with their labels, and with the finds above the confidence where F1 is best."""
    evidence = metrics.evidence
    assert evidence is not None
    expected, found = evidence.expected, evidence.found[evidence.found.conf >= metrics.pose.conf]
    # Pictures with something to see, spread over the set.
    seen = np.union1d(expected.picture, found.picture)
    chosen = seen[np.linspace(0, len(seen) - 1, min(_SHEET, len(seen))).round().astype(int)]
    labels: list[Image] = []
    detections: list[Image] = []
    for i in map(int, chosen):
        frame = Frame(dataset.image(i), Media(str(dataset.paths[i]), path=str(dataset.paths[i])))
        true, sure = expected[expected.picture == i], found[found.picture == i]
        for rows, conf, into in ((true, np.ones(len(true)), labels), (sure, sure.conf, detections)):
            table = np.column_stack([rows.boxes, conf, rows.classes])
            known = None if into is labels or np.isnan(sure.point_conf).any() else sure.point_conf
            result = Results.of(frame, table, rows.xy, known, skeleton=evidence.skeleton, names=metrics.names)
            into.append(draw(result, conf=into is detections))
    return labels, detections, [Path(evidence.pictures[i]).name for i in map(int, chosen)]


def _without_gaps(curve: Curve) -> Curve:
    """Leave empty bins out, so that the line goes on to the next."""
    x, y = np.asarray(curve.x, dtype=np.float64), np.asarray(curve.y, dtype=np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    return Curve(curve.name, x[known], y[known], curve.colour, curve.width, curve.dashed, curve.dots, curve.bars)
