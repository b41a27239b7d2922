"""The tables that ``poise val`` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from poise.evaluation import Analysis, Confusion, Interval, Paired, PoseMetrics, Scores
from poise.files.text import say_json, screen

# Rows of the table of pictures that two models read most differently.
_PICTURES = 8
# Rows of the table of angles, the worst first.
_ANGLES = 20
# Most classes of which the confusion matrix is printed.
_CLASSES = 12


def report(metrics: PoseMetrics, analysis: Analysis, *, tables: bool = False) -> None:
    """Print the scores of one model; with ``tables`` all that is known of its errors."""
    console = screen()
    console.print(f"{metrics.images} pictures, {metrics.instances} instances, protocol {metrics.protocol}")
    table = _table("", "P", "R", "mAP50", "mAP75", "mAP50-95", "95 % interval")
    for name, kind in (("keypoints", "pose"), ("boxes", "box")):
        span = analysis.intervals[f"{kind} mAP50-95"]
        table.add_row(name, *_row(getattr(metrics, kind)), f"{_figure(span.low)} to {_figure(span.high)}")
    console.print(table)
    if len(metrics.names) > 1:
        _classes(console, metrics)
    everything = analysis.tables["all"][0]
    parts = [f"PCK {by} {_share(value)}" for by, value in analysis.pck.items()]
    error = f"median {_pixels(everything.median)}, 90 % below {_pixels(everything.p90)} pixels"
    console.print(f"keypoint error: {'; '.join([error, ', '.join(parts)] if parts else [error])}", soft_wrap=True)
    if metrics.confusion is not None:
        _confusion(console, metrics.confusion, tables=tables)
    for title in ("size", "occlusion", "keypoint") if tables else ():
        _errors(console, title, analysis)
    if tables:
        console.print()
        _angles(console, analysis)
        _reliability(console, analysis)
    for note in metrics.notes:
        console.print(note, style="dim", soft_wrap=True)
    speed = ", ".join(f"{step} {value:.1f}" for step, value in metrics.speed.items())
    console.print(f"ms a picture: {speed}", style="dim")


def compared(names: Sequence[str], scored: Sequence[PoseMetrics], paired: Paired, *, json: bool) -> None:
    """Print two models beside each other."""
    if json:
        say_json(_comparison(names, scored, paired))
        return
    console = screen()
    first = scored[0]
    console.print(f"{first.images} pictures, {first.instances} instances, protocol {first.protocol}")
    console.print(f"A: {names[0]}\nB: {names[1]}", soft_wrap=True)
    table = _table("", "A", "B", "B - A", "95 % interval", "B better in")
    for name, change in paired.scores.items():
        kind, threshold = name.split()
        values = [_figure(_value(getattr(m, kind), threshold)) for m in scored]
        span = change.difference
        sure = "bold" if span.low > 0 or span.high < 0 else ""
        interval = f"{span.low:+.3f} to {span.high:+.3f}"
        table.add_row(name, *values, f"{span.value:+.3f}", interval, _share(change.better), style=sure)
    console.print(table)
    console.print("bold: the interval does not hold 0. 'B better in': share of the resamples.", style="dim")
    rows = [row for row in paired.pictures[:_PICTURES] if row.first != row.second]
    if rows:
        table = _table("pictures that differ most (OKS)", "A", "B", "B - A")
        for row in rows:
            table.add_row(row.picture, f"{row.first:.3f}", f"{row.second:.3f}", f"{row.second - row.first:+.3f}")
        console.print(table)


def _comparison(names: Sequence[str], scored: Sequence[PoseMetrics], paired: Paired) -> dict[str, Any]:
    return {
        "models": [{"model": name, **metrics.record()} for name, metrics in zip(names, scored, strict=True)],
        "difference": {
            name: {**_interval(change.difference), "better": change.better} for name, change in paired.scores.items()
        },
        "pictures": [{"picture": row.picture, "first": row.first, "second": row.second} for row in paired.pictures],
    }


def _interval(span: Interval) -> Mapping[str, float | None]:
    values = {"value": span.value, "low": span.low, "high": span.high}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _classes(console: Console, metrics: PoseMetrics) -> None:
    table = _table("class", "P", "R", "mAP50", "mAP50-95", "box mAP50-95")
    box = dict(zip(metrics.box.ap_class_index.tolist(), metrics.box.ap.tolist(), strict=True))
    for i, number in enumerate(metrics.pose.ap_class_index.tolist()):
        values = metrics.pose.class_result(i)
        table.add_row(metrics.names[number], *map(_figure, values), _figure(box.get(number, math.nan)))
    console.print(table)


def _confusion(console: Console, confusion: Confusion, *, tables: bool) -> None:
    wrong = f"{confusion.confused} as another class, " if confusion.nc > 1 else ""
    counts = f"{confusion.right} found, {wrong}{confusion.missed} missed, {confusion.false} false"
    console.print(f"at conf {confusion.conf:g} and IoU {confusion.iou:g}: {counts}", soft_wrap=True)
    if not tables or not 1 < confusion.nc <= _CLASSES:
        return
    console.print()
    table = _table("found as (true class)", *confusion.names)
    for name, row in zip(confusion.names, confusion.matrix.tolist(), strict=True):
        table.add_row(name, *(str(count) if count else "." for count in row))
    console.print(table)


def _errors(console: Console, title: str, analysis: Analysis) -> None:
    console.print()
    table = _table(title, "labelled", "found", "median px", "90 % px", "PCK 0.2 box", "OKS")
    for row in analysis.tables[title]:
        if row.labelled:
            table.add_row(
                row.name,
                str(row.labelled),
                _share(row.found),
                _pixels(row.median),
                _pixels(row.p90),
                _share(row.pck),
                _figure(row.oks),
            )
    console.print(table)


def _angles(console: Console, analysis: Analysis) -> None:
    if not analysis.angles:
        console.print("no angles: the skeleton has no limbs", style="dim")
        return
    table = _table("angle at (between)", "n", "median °", "90 % °", "bias °")
    for row in sorted(analysis.angles, key=lambda row: -row.median)[:_ANGLES]:
        table.add_row(row.name, str(row.count), f"{row.median:.1f}", f"{row.p90:.1f}", f"{row.bias:+.1f}")
    console.print(table)
    if len(analysis.angles) > _ANGLES:
        console.print(f"and {len(analysis.angles) - _ANGLES} that are less off", style="dim")


def _reliability(console: Console, analysis: Analysis) -> None:
    console.print()
    console.print(f"conf of instances: off by {_share(analysis.instances.error)} on average")
    if analysis.keypoints is not None:
        fit = "" if math.isnan(analysis.temperature) else f"; temperature {analysis.temperature:.2f} mends it best"
        console.print(f"conf of keypoints: off by {_share(analysis.keypoints.error)} on average{fit}")
    if analysis.sigma is not None:
        shares = [float(analysis.sigma.observed[i]) for i in (9, 19)]
        fit = "" if math.isnan(analysis.sigma_scale) else f"; scale {analysis.sigma_scale:.2f} mends it"
        console.print(f"errors within 1 and 2 sigma: {_share(shares[0])} and {_share(shares[1])} (68 %, 95 %){fit}")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _row(scores: Scores) -> list[str]:
    return [_figure(v) for v in (scores.mp, scores.mr, scores.map50, scores.map75, scores.map)]


def _value(scores: Scores, threshold: str) -> float:
    return scores.map50 if threshold == "mAP50" else scores.map


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _pixels(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
