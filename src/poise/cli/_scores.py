"""The tables that ``poise val`` prints."""

from __future__ import annotations

import json as json_
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from poise.evaluation import PoseMetrics, Scores


def report(metrics: PoseMetrics) -> None:
    """Print the scores of one model."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("", style="bold")
    for title in ("P", "R", "mAP50", "mAP75", "mAP50-95"):
        table.add_column(title, justify="right")
    for name, scores in (("keypoints", metrics.pose), ("boxes", metrics.box)):
        table.add_row(name, *_row(scores))
    console.print(f"{metrics.images} pictures, {metrics.instances} instances, protocol {metrics.protocol}")
    console.print(table)
    speed = ", ".join(f"{step} {value:.1f}" for step, value in metrics.speed.items() if value >= 0.05)
    console.print(f"ms a picture: {speed}", style="dim")


def compared(names: Sequence[str], scored: Sequence[PoseMetrics], *, json: bool) -> None:
    """Print two models beside each other."""
    rows: list[dict[str, Any]] = [{"model": n, **m.record()} for n, m in zip(names, scored, strict=True)]
    if json:
        print(json_.dumps(rows))  # noqa: T201


def _row(scores: Scores) -> list[str]:
    return [_figure(v) for v in (scores.mp, scores.mr, scores.map50, scores.map75, scores.map)]


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
